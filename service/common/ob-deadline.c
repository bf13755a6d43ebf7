/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-deadline.h"

#include "ob-wait.h"

struct _ObDeadline
{
  GCancellable *cancellable;
  gint64 end; /* monotonic time */
  pthread_t thread;
  gboolean runs;

  pthread_mutex_t mutex;
  pthread_cond_t changed;
  gboolean freed;
};

static void *
run (void *data)
{
  ObDeadline *self = data;
  gboolean freed;

  pthread_mutex_lock (&self->mutex);
  while (!self->freed && g_get_monotonic_time () < self->end)
    ob_cond_wait_slice (&self->changed, &self->mutex);
  freed = self->freed;
  pthread_mutex_unlock (&self->mutex);
  if (!freed)
    g_cancellable_cancel (self->cancellable);
  return NULL;
}

ObDeadline *
ob_deadline_new (guint milliseconds)
{
  ObDeadline *self = g_new0 (ObDeadline, 1);

  self->cancellable = g_cancellable_new ();
  self->end = g_get_monotonic_time () + (gint64) milliseconds * 1000;
  pthread_mutex_init (&self->mutex, NULL);
  ob_cond_init (&self->changed);
  self->runs = pthread_create (&self->thread, NULL, run, self) == 0;
  if (!self->runs)
    g_cancellable_cancel (self->cancellable);
  return self;
}

void
ob_deadline_free (ObDeadline *deadline)
{
  if (deadline == NULL)
    return;
  pthread_mutex_lock (&deadline->mutex);
  deadline->freed = TRUE;
  pthread_cond_signal (&deadline->changed);
  pthread_mutex_unlock (&deadline->mutex);
  if (deadline->runs)
    pthread_join (deadline->thread, NULL);
  pthread_cond_destroy (&deadline->changed);
  pthread_mutex_destroy (&deadline->mutex);
  g_object_unref (deadline->cancellable);
  g_free (deadline);
}

GCancellable *
ob_deadline_get_cancellable (ObDeadline *deadline)
{
  return deadline->cancellable;
}
