/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A limit of time for calls that take a GCancellable: it is cancelled when the time is up, or with
 * another one. */
typedef struct _ObDeadline ObDeadline;

/* Begins now. @milliseconds: until then. @cancellable: the caller's, may be NULL. Where no
 * thread can be had for it the time is up at once. Transfer full. Any thread. */
ObDeadline *ob_deadline_new (guint milliseconds, GCancellable *cancellable);

/* Waits for nothing. By the thread that made it. */
void ob_deadline_free (ObDeadline *deadline);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObDeadline, ob_deadline_free)

/* What is to be given to the calls. Belongs to @deadline. Any thread. */
GCancellable *ob_deadline_get_cancellable (ObDeadline *deadline);

/* Microseconds that are left, at least 0. Any thread. */
gint64 ob_deadline_get_left (ObDeadline *deadline);

G_END_DECLS
