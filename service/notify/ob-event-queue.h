/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A bounded queue whose items are handled one after the other, in order, in a thread of its own. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _ObEventQueue ObEventQueue;

/* Handles one item (transfer none) in the queue's thread. */
typedef void (*ObEventQueueFunc) (gpointer item, gpointer user_data);

/* @subject names in messages who gets the items, "Hook mail". At most @max items wait; where one
 * more comes the oldest one goes, and one warning says so until the queue has caught up. The thread
 * starts with the first item. Transfer full. */
ObEventQueue *ob_event_queue_new (const char *subject, guint max, ObEventQueueFunc func,
                                  GDestroyNotify free_item, gpointer user_data);

/* Adds @item (transfer full). Never waits for what is at work. Any thread. */
void ob_event_queue_push (ObEventQueue *queue, gpointer item);

/* Waits until nothing waits or is at work, and until @deadline (monotonic, in microseconds) at
 * most: whether it came to that. Any thread but the queue's. */
gboolean ob_event_queue_wait (ObEventQueue *queue, gint64 deadline);

/* Whether nothing waits or is at work. Any thread. */
gboolean ob_event_queue_is_idle (ObEventQueue *queue);

/* Begins with no other item from now on; does not wait for what is at work. Any thread. */
void ob_event_queue_close (ObEventQueue *queue);

/* Drops what still waits (with a warning that says how many), waits for what is at work, and frees.
 * Any thread but the queue's. */
void ob_event_queue_free (ObEventQueue *queue);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObEventQueue, ob_event_queue_free)

G_END_DECLS
