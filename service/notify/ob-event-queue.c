/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-event-queue.h"

struct _ObEventQueue
{
  char *subject;
  guint max;
  ObEventQueueFunc func;
  GDestroyNotify free_item;
  gpointer user_data;

  GMutex lock; /* over all below */
  GCond changed;
  GQueue items;
  GThread *thread;
  guint dropped; /* since the queue was last empty */
  gboolean at_work;
  gboolean closing;
};

ObEventQueue *
ob_event_queue_new (const char *subject, guint max, ObEventQueueFunc func, GDestroyNotify free_item,
                    gpointer user_data)
{
  ObEventQueue *self = g_new0 (ObEventQueue, 1);

  self->subject = g_strdup (subject);
  self->max = max;
  self->func = func;
  self->free_item = free_item;
  self->user_data = user_data;
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  g_queue_init (&self->items);
  return self;
}

/* internal methods */

static void
tell_caught_up (ObEventQueue *self)
{
  if (self->dropped > 0)
    g_message ("%s has caught up; it was not told of %u events", self->subject, self->dropped);
  self->dropped = 0;
}

/* With the lock held, which the handling of an item gives up. */
static void
handle (ObEventQueue *self, gpointer item)
{
  self->at_work = TRUE;
  g_mutex_unlock (&self->lock);
  self->func (item, self->user_data);
  self->free_item (item);
  g_mutex_lock (&self->lock);
  self->at_work = FALSE;
}

static gpointer
run (gpointer data)
{
  ObEventQueue *self = data;

  g_mutex_lock (&self->lock);
  while (!self->closing)
    if (!g_queue_is_empty (&self->items))
      handle (self, g_queue_pop_head (&self->items));
    else
      {
        tell_caught_up (self);
        g_cond_broadcast (&self->changed);
        g_cond_wait (&self->changed, &self->lock);
      }
  g_mutex_unlock (&self->lock);
  return NULL;
}

static void
drop_oldest (ObEventQueue *self)
{
  if (self->dropped++ == 0)
    g_warning ("%s is too slow: %u events wait for it, and the oldest are dropped from now on",
               self->subject, self->max);
  self->free_item (g_queue_pop_head (&self->items));
}

static gboolean
is_idle (ObEventQueue *self)
{
  return g_queue_is_empty (&self->items) && !self->at_work;
}

/* public methods */

void
ob_event_queue_push (ObEventQueue *queue, gpointer item)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&queue->lock);
  g_autoptr (GError) error = NULL;

  if (queue->thread == NULL)
    queue->thread = g_thread_try_new ("events", run, queue, &error);
  if (queue->thread == NULL)
    {
      g_warning ("%s is not told of an event, since no thread can be started: %s", queue->subject,
                 error->message);
      queue->free_item (item);
      return;
    }
  if (g_queue_get_length (&queue->items) >= queue->max)
    drop_oldest (queue);
  g_queue_push_tail (&queue->items, item);
  g_cond_broadcast (&queue->changed);
}

gboolean
ob_event_queue_wait (ObEventQueue *queue, gint64 deadline)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&queue->lock);

  while (!is_idle (queue))
    if (!g_cond_wait_until (&queue->changed, &queue->lock, deadline))
      return is_idle (queue);
  return TRUE;
}

gboolean
ob_event_queue_is_idle (ObEventQueue *queue)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&queue->lock);

  return is_idle (queue);
}

void
ob_event_queue_close (ObEventQueue *queue)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&queue->lock);

  queue->closing = TRUE;
  g_cond_broadcast (&queue->changed);
}

void
ob_event_queue_free (ObEventQueue *queue)
{
  guint untold;

  if (queue == NULL)
    return;
  ob_event_queue_close (queue);
  if (queue->thread != NULL)
    g_thread_join (queue->thread);

  untold = g_queue_get_length (&queue->items) + queue->dropped;
  if (untold > 0)
    g_warning ("%s was not told of %u events, since the service ends", queue->subject, untold);
  g_queue_clear_full (&queue->items, queue->free_item);
  g_cond_clear (&queue->changed);
  g_mutex_clear (&queue->lock);
  g_free (queue->subject);
  g_free (queue);
}
