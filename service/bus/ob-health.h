/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is wrong: looks at all that the service knows, tells when something begins or ends to be
 * wrong, and keeps the properties Health ("unknown" until it is started) and HealthReasons. Main
 * context. */
#pragma once

#include "ob-dbus-generated.h"
#include "ob-manager.h"
#include "ob-teller.h"

G_BEGIN_DECLS

typedef struct _ObHealth ObHealth;

/* @manager, @teller and @root outlive it. Transfer full. */
ObHealth *ob_health_new (ObManager *manager, ObTeller *teller, ObDBusBackup1 *root);
void ob_health_free (ObHealth *health);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObHealth, ob_health_free)

/* From now on it looks by itself, every minute. */
void ob_health_start (ObHealth *health);

/* Looks now. */
void ob_health_look (ObHealth *health);

/* What is wrong with a configuration file ("schedules/nightly.conf"); NULL: nothing any more. */
void ob_health_set_config_error (ObHealth *health, const char *file, const char *message);

/* Forgets what was wrong with the files of @folder ("schedules") whose names are not among @names:
 * they are gone. */
void ob_health_drop_config_errors (ObHealth *health, const char *folder,
                                   const char *const *names);

/* As GetProblems of the D-Bus interface gives it: aa{sv}, floating. */
GVariant *ob_health_describe (ObHealth *health);

G_END_DECLS
