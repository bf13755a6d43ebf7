/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-event-queue.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

struct _ObEventQueue
{
  char *subject;
  guint max;
  ObEventQueueFunc func;
  GDestroyNotify free_item;
  gpointer user_data;

  pthread_mutex_t lock; /* over all below */
  pthread_cond_t changed;
  GQueue items;
  pthread_t thread;
  gboolean thread_runs;
  guint dropped; /* since the queue was last empty */
  gboolean at_work;
  gboolean closing;
};

ObEventQueue *
ob_event_queue_new (const char *subject, guint max, ObEventQueueFunc func, GDestroyNotify free_item,
                    gpointer user_data)
{
  ObEventQueue *self = g_new0 (ObEventQueue, 1);
  pthread_condattr_t attributes;

  self->subject = g_strdup (subject);
  self->max = max;
  self->func = func;
  self->free_item = free_item;
  self->user_data = user_data;
  pthread_mutex_init (&self->lock, NULL);
  pthread_condattr_init (&attributes);
  pthread_condattr_setclock (&attributes, CLOCK_MONOTONIC);
  pthread_cond_init (&self->changed, &attributes);
  pthread_condattr_destroy (&attributes);
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
  pthread_mutex_unlock (&self->lock);
  self->func (item, self->user_data);
  self->free_item (item);
  pthread_mutex_lock (&self->lock);
  self->at_work = FALSE;
}

static void *
run (void *data)
{
  ObEventQueue *self = data;

  pthread_mutex_lock (&self->lock);
  while (!self->closing)
    if (!g_queue_is_empty (&self->items))
      handle (self, g_queue_pop_head (&self->items));
    else
      {
        tell_caught_up (self);
        pthread_cond_broadcast (&self->changed);
        pthread_cond_wait (&self->changed, &self->lock);
      }
  pthread_mutex_unlock (&self->lock);
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

/* With the lock held. */
static gboolean
start_thread (ObEventQueue *self)
{
  int errnum = self->thread_runs ? 0 : pthread_create (&self->thread, NULL, run, self);

  if (errnum != 0)
    g_warning ("%s is not told of an event, since no thread can be started: %s", self->subject,
               g_strerror (errnum));
  self->thread_runs = errnum == 0;
  return self->thread_runs;
}

/* public methods */

void
ob_event_queue_push (ObEventQueue *queue, gpointer item)
{
  pthread_mutex_lock (&queue->lock);
  if (start_thread (queue))
    {
      if (g_queue_get_length (&queue->items) >= queue->max)
        drop_oldest (queue);
      g_queue_push_tail (&queue->items, g_steal_pointer (&item));
      pthread_cond_broadcast (&queue->changed);
    }
  pthread_mutex_unlock (&queue->lock);
  if (item != NULL)
    queue->free_item (item);
}

gboolean
ob_event_queue_wait (ObEventQueue *queue, gint64 deadline)
{
  const struct timespec until
    = { .tv_sec = deadline / G_USEC_PER_SEC, .tv_nsec = deadline % G_USEC_PER_SEC * 1000 };
  gboolean idle;

  pthread_mutex_lock (&queue->lock);
  while (!is_idle (queue)
         && pthread_cond_timedwait (&queue->changed, &queue->lock, &until) != ETIMEDOUT)
    ;
  idle = is_idle (queue);
  pthread_mutex_unlock (&queue->lock);
  return idle;
}

gboolean
ob_event_queue_is_idle (ObEventQueue *queue)
{
  gboolean idle;

  pthread_mutex_lock (&queue->lock);
  idle = is_idle (queue);
  pthread_mutex_unlock (&queue->lock);
  return idle;
}

void
ob_event_queue_close (ObEventQueue *queue)
{
  pthread_mutex_lock (&queue->lock);
  queue->closing = TRUE;
  pthread_cond_broadcast (&queue->changed);
  pthread_mutex_unlock (&queue->lock);
}

void
ob_event_queue_free (ObEventQueue *queue)
{
  guint untold;

  if (queue == NULL)
    return;
  ob_event_queue_close (queue);
  if (queue->thread_runs)
    pthread_join (queue->thread, NULL);

  untold = g_queue_get_length (&queue->items) + queue->dropped;
  if (untold > 0)
    g_warning ("%s was not told of %u events, since the service ends", queue->subject, untold);
  g_queue_clear_full (&queue->items, queue->free_item);
  pthread_cond_destroy (&queue->changed);
  pthread_mutex_destroy (&queue->lock);
  g_free (queue->subject);
  g_free (queue);
}
