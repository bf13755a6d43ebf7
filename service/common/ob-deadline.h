/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A GCancellable that is cancelled when its time is up, whoever waits where: for what may be tried,
 * and must not keep anybody. */
typedef struct _ObDeadline ObDeadline;

/* @milliseconds from now on. Where no thread can be had for it the time is up at once. Transfer
 * full. Any thread. */
ObDeadline *ob_deadline_new (guint milliseconds);
void ob_deadline_free (ObDeadline *deadline);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObDeadline, ob_deadline_free)

/* Belongs to @deadline. Any thread. */
GCancellable *ob_deadline_get_cancellable (ObDeadline *deadline);

G_END_DECLS
