/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-deadline.h"

#include <pthread.h>

#include "ob-wait.h"

struct _ObDeadline
{
  gint64 until; /* monotonic */
  GCancellable *own;
  GCancellable *parent; /* or NULL */
  gulong handler;
  gboolean watched;
  pthread_t watcher;

  pthread_mutex_t mutex;
  pthread_cond_t changed;
  gboolean ended; /* guarded by @mutex */
};

/* internal methods */

static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_cancellable_cancel (user_data);
}

static void *
watch (void *data)
{
  ObDeadline *self = data;
  gboolean ended;

  pthread_mutex_lock (&self->mutex);
  while (!self->ended && ob_deadline_get_left (self) > 0)
    ob_cond_wait_slice (&self->changed, &self->mutex);
  ended = self->ended;
  pthread_mutex_unlock (&self->mutex);
  if (!ended)
    g_cancellable_cancel (self->own);
  return NULL;
}

/* public methods */

ObDeadline *
ob_deadline_new (guint milliseconds, GCancellable *cancellable)
{
  ObDeadline *self = g_new0 (ObDeadline, 1);

  self->until = g_get_monotonic_time () + (gint64) milliseconds * 1000;
  self->own = g_cancellable_new ();
  pthread_mutex_init (&self->mutex, NULL);
  ob_cond_init (&self->changed);
  if (cancellable != NULL)
    {
      self->parent = g_object_ref (cancellable);
      self->handler = g_cancellable_connect (cancellable, G_CALLBACK (on_cancelled),
                                             g_object_ref (self->own), g_object_unref);
    }
  self->watched = pthread_create (&self->watcher, NULL, watch, self) == 0;
  if (!self->watched)
    g_cancellable_cancel (self->own);
  return self;
}

void
ob_deadline_free (ObDeadline *deadline)
{
  if (deadline == NULL)
    return;
  if (deadline->parent != NULL)
    g_cancellable_disconnect (deadline->parent, deadline->handler);
  pthread_mutex_lock (&deadline->mutex);
  deadline->ended = TRUE;
  pthread_cond_broadcast (&deadline->changed);
  pthread_mutex_unlock (&deadline->mutex);
  if (deadline->watched)
    pthread_join (deadline->watcher, NULL);
  g_clear_object (&deadline->parent);
  g_object_unref (deadline->own);
  pthread_cond_destroy (&deadline->changed);
  pthread_mutex_destroy (&deadline->mutex);
  g_free (deadline);
}

GCancellable *
ob_deadline_get_cancellable (ObDeadline *deadline)
{
  return deadline->own;
}

gint64
ob_deadline_get_left (ObDeadline *deadline)
{
  return MAX (deadline->until - g_get_monotonic_time (), 0);
}
