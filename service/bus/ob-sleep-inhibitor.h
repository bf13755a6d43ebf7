/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeps the machine awake while a job is at work, through logind (org.freedesktop.login1(5),
 * Inhibit). Where there is no logind nothing happens. Main context. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _ObSleepInhibitor ObSleepInhibitor;

/* Transfer full. */
ObSleepInhibitor *ob_sleep_inhibitor_new (void);

/* Lets the machine sleep. */
void ob_sleep_inhibitor_free (ObSleepInhibitor *inhibitor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObSleepInhibitor, ob_sleep_inhibitor_free)

/* The system bus to ask on; until it is known nothing is asked. */
void ob_sleep_inhibitor_set_connection (ObSleepInhibitor *inhibitor, GDBusConnection *connection);

/* Whether it has to stay awake. Returns at once. */
void ob_sleep_inhibitor_set (ObSleepInhibitor *inhibitor, gboolean awake);

G_END_DECLS
