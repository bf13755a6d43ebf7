/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-upload-queue.h"

#include <pthread.h>
#include <string.h>

#include "ob-error.h"
#include "ob-wait.h"

typedef struct
{
  guint64 number;
  char *name;
  guint8 *data;
  gsize size;
} Upload;

struct _ObUploadQueue
{
  guint max;
  ObUploadFunc func;
  gpointer user_data;
  GCancellable *stop;

  pthread_mutex_t mutex;
  pthread_cond_t changed;
  GArray *threads;  /* of pthread_t */
  GQueue waiting;   /* of Upload, the first to be uploaded first */
  GPtrArray *taken; /* all that are waiting or under way */
  guint n_idle;     /* threads without work */
  guint64 last;     /* number of the upload that was added last */
  GError *failure;  /* the first */
};

/* internal methods */

static void
upload_free (Upload *upload)
{
  g_free (upload->name);
  g_free (upload->data);
  g_free (upload);
}

/* Waits for work. NULL when the queue ends. With the lock held. */
static Upload *
get_next (ObUploadQueue *self)
{
  self->n_idle++;
  while (g_queue_is_empty (&self->waiting) && !g_cancellable_is_cancelled (self->stop))
    pthread_cond_wait (&self->changed, &self->mutex);
  self->n_idle--;
  return g_cancellable_is_cancelled (self->stop) ? NULL : g_queue_pop_head (&self->waiting);
}

static void *
run (void *data)
{
  ObUploadQueue *self = data;
  Upload *upload;

  pthread_mutex_lock (&self->mutex);
  while ((upload = get_next (self)) != NULL)
    {
      GError *failure = NULL;

      pthread_mutex_unlock (&self->mutex);
      self->func (upload->name, upload->data, upload->size, self->user_data, self->stop, &failure);
      pthread_mutex_lock (&self->mutex);
      if (failure != NULL && self->failure == NULL)
        self->failure = g_steal_pointer (&failure);
      g_clear_error (&failure);
      g_ptr_array_remove_fast (self->taken, upload);
      upload_free (upload);
      pthread_cond_broadcast (&self->changed);
    }
  pthread_mutex_unlock (&self->mutex);
  return NULL;
}

/* With the lock held. FALSE where there is no thread at all to do the work. */
static gboolean
have_thread (ObUploadQueue *self, GError **error)
{
  pthread_t thread;

  if (self->n_idle > self->waiting.length || self->threads->len == self->max)
    return TRUE;
  if (pthread_create (&thread, NULL, run, self) == 0)
    g_array_append_val (self->threads, thread);
  if (self->threads->len > 0)
    return TRUE;
  g_set_error_literal (error, OB_ERROR, OB_ERROR_FAILED, "No thread can be begun for uploads");
  return FALSE;
}

static Upload *
make_upload (const char *name, const struct iovec *parts, gsize n_parts, GError **error)
{
  Upload *upload = g_new0 (Upload, 1);
  gsize at = 0;

  upload->name = g_strdup (name);
  for (gsize i = 0; i < n_parts; i++)
    upload->size += parts[i].iov_len;
  upload->data = g_try_malloc (MAX (upload->size, 1));
  if (upload->data == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                   "There is not enough memory for the %" G_GSIZE_FORMAT " bytes of %s",
                   upload->size, name);
      upload_free (upload);
      return NULL;
    }
  for (gsize i = 0; i < n_parts; at += parts[i++].iov_len)
    if (parts[i].iov_len > 0)
      memcpy (upload->data + at, parts[i].iov_base, parts[i].iov_len);
  return upload;
}

static gboolean
check_failure (ObUploadQueue *self, GError **error)
{
  if (self->failure == NULL)
    return TRUE;
  g_propagate_error (error, g_error_copy (self->failure));
  return FALSE;
}

/* With the lock held. */
static gboolean
is_done (ObUploadQueue *self, guint64 number)
{
  for (guint i = 0; i < self->taken->len; i++)
    if (((const Upload *) g_ptr_array_index (self->taken, i))->number <= number)
      return FALSE;
  return TRUE;
}

/* public methods */

ObUploadQueue *
ob_upload_queue_new (guint max, ObUploadFunc func, gpointer user_data)
{
  ObUploadQueue *self = g_new0 (ObUploadQueue, 1);

  self->max = max;
  self->func = func;
  self->user_data = user_data;
  self->stop = g_cancellable_new ();
  self->threads = g_array_new (FALSE, FALSE, sizeof (pthread_t));
  self->taken = g_ptr_array_new ();
  g_queue_init (&self->waiting);
  pthread_mutex_init (&self->mutex, NULL);
  ob_cond_init (&self->changed);
  return self;
}

void
ob_upload_queue_free (ObUploadQueue *queue)
{
  if (queue == NULL)
    return;
  g_cancellable_cancel (queue->stop);
  pthread_mutex_lock (&queue->mutex);
  pthread_cond_broadcast (&queue->changed);
  pthread_mutex_unlock (&queue->mutex);
  for (guint i = 0; i < queue->threads->len; i++)
    pthread_join (g_array_index (queue->threads, pthread_t, i), NULL);
  g_queue_clear_full (&queue->waiting, (GDestroyNotify) upload_free);
  g_ptr_array_unref (queue->taken);
  g_array_unref (queue->threads);
  g_clear_error (&queue->failure);
  pthread_cond_destroy (&queue->changed);
  pthread_mutex_destroy (&queue->mutex);
  g_object_unref (queue->stop);
  g_free (queue);
}

gboolean
ob_upload_queue_add (ObUploadQueue *queue, const char *name, const struct iovec *parts,
                     gsize n_parts, GCancellable *cancellable, GError **error)
{
  Upload *upload = NULL;
  gboolean done;

  pthread_mutex_lock (&queue->mutex);
  while (queue->taken->len >= queue->max && queue->failure == NULL
         && !g_cancellable_is_cancelled (cancellable))
    ob_cond_wait_slice (&queue->changed, &queue->mutex);
  done = ob_check_cancelled (cancellable, error) && check_failure (queue, error)
         && have_thread (queue, error)
         && (upload = make_upload (name, parts, n_parts, error)) != NULL;
  if (done)
    {
      upload->number = ++queue->last;
      g_ptr_array_add (queue->taken, upload);
      g_queue_push_tail (&queue->waiting, upload);
      pthread_cond_broadcast (&queue->changed);
    }
  pthread_mutex_unlock (&queue->mutex);
  return done;
}

gboolean
ob_upload_queue_flush (ObUploadQueue *queue, GCancellable *cancellable, GError **error)
{
  guint64 number;
  gboolean done;

  pthread_mutex_lock (&queue->mutex);
  number = queue->last;
  while (!is_done (queue, number) && queue->failure == NULL
         && !g_cancellable_is_cancelled (cancellable))
    ob_cond_wait_slice (&queue->changed, &queue->mutex);
  done = ob_check_cancelled (cancellable, error) && check_failure (queue, error);
  pthread_mutex_unlock (&queue->mutex);
  return done;
}

gboolean
ob_upload_queue_has_failed (ObUploadQueue *queue)
{
  gboolean failed;

  pthread_mutex_lock (&queue->mutex);
  failed = queue->failure != NULL;
  pthread_mutex_unlock (&queue->mutex);
  return failed;
}
