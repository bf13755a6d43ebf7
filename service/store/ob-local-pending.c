/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-local-pending.h"

#include <errno.h>
#include <pthread.h>

/* Each holds two descriptors; one is a pack of 16 MiB, so that half a gigabyte may wait. */
#define MAX_PENDING 32

struct _ObLocalPending
{
  ObFdCache *cache;
  pthread_mutex_t flushing; /* held through a flush: who comes second waits for the first */
  pthread_mutex_t lock;     /* guards @files; never held while the disk is waited for */
  GPtrArray *files;         /* of ObLocalFile */
  /* guarded by @flushing */
  int failed_errnum;
  char *failed_name;
};

ObLocalPending *
ob_local_pending_new (ObFdCache *cache)
{
  ObLocalPending *self = g_new0 (ObLocalPending, 1);

  self->cache = cache;
  pthread_mutex_init (&self->flushing, NULL);
  pthread_mutex_init (&self->lock, NULL);
  self->files = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_local_file_free);
  return self;
}

void
ob_local_pending_free (ObLocalPending *pending)
{
  if (pending == NULL)
    return;
  g_ptr_array_unref (pending->files);
  pthread_mutex_destroy (&pending->lock);
  pthread_mutex_destroy (&pending->flushing);
  g_free (pending->failed_name);
  g_free (pending);
}

static gboolean
fail (ObLocalPending *self, ObLocalFile *file)
{
  self->failed_errnum = errno;
  self->failed_name = g_strdup (ob_local_file_get_name (file));
  return FALSE;
}

/* The files added so far; the caller puts them back or frees them. */
static GPtrArray *
take_files (ObLocalPending *self)
{
  GPtrArray *files;

  pthread_mutex_lock (&self->lock);
  files = self->files;
  self->files = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_local_file_free);
  pthread_mutex_unlock (&self->lock);
  return files;
}

/* Before those that came meanwhile: of two with one name the later is to win. */
static void
put_back (ObLocalPending *self, GPtrArray *files)
{
  pthread_mutex_lock (&self->lock);
  g_ptr_array_extend_and_steal (files, self->files);
  self->files = files;
  pthread_mutex_unlock (&self->lock);
}

static gboolean
sync_directories (ObLocalPending *self, GPtrArray *files)
{
  g_autoptr (GHashTable) synced = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < files->len; i++)
    {
      ObLocalFile *file = g_ptr_array_index (files, i);

      if (g_hash_table_add (synced, (gpointer) ob_local_file_get_directory (file))
          && !ob_local_file_sync_directory (file))
        return fail (self, file);
    }
  return TRUE;
}

/* FALSE on a failure, and on cancel with *@cancelled, before anything was published. */
static gboolean
flush_files (ObLocalPending *self,
             GPtrArray *files,
             GCancellable *cancellable,
             gboolean *cancelled)
{
  for (guint i = 0; i < files->len; i++)
    {
      *cancelled = g_cancellable_is_cancelled (cancellable);
      if (*cancelled)
        return FALSE;
      if (!ob_local_file_sync (g_ptr_array_index (files, i)))
        return fail (self, g_ptr_array_index (files, i));
    }
  for (guint i = 0; i < files->len; i++)
    {
      ObLocalFile *file = g_ptr_array_index (files, i);

      if (!ob_local_file_publish (file))
        return fail (self, file);
      ob_fd_cache_forget (self->cache, ob_local_file_get_name (file));
    }
  return sync_directories (self, files);
}

gboolean
ob_local_pending_flush (ObLocalPending *pending, GCancellable *cancellable, char **failed)
{
  gboolean cancelled = FALSE;
  int errnum;

  pthread_mutex_lock (&pending->flushing);
  if (pending->failed_errnum == 0)
    {
      GPtrArray *files = take_files (pending);

      flush_files (pending, files, cancellable, &cancelled);
      if (cancelled)
        put_back (pending, files);
      else
        g_ptr_array_unref (files);
    }
  errnum = cancelled ? ECANCELED : pending->failed_errnum;
  if (errnum != 0)
    *failed = g_strdup (pending->failed_name);
  pthread_mutex_unlock (&pending->flushing);

  errno = errnum;
  return errnum == 0;
}

gboolean
ob_local_pending_has_failed (ObLocalPending *pending)
{
  gboolean failed;

  pthread_mutex_lock (&pending->flushing);
  failed = pending->failed_errnum != 0;
  pthread_mutex_unlock (&pending->flushing);
  return failed;
}

gboolean
ob_local_pending_add (ObLocalPending *pending,
                      ObLocalFile *file,
                      GCancellable *cancellable,
                      char **failed)
{
  gboolean full;

  pthread_mutex_lock (&pending->lock);
  g_ptr_array_add (pending->files, file);
  full = pending->files->len >= MAX_PENDING;
  pthread_mutex_unlock (&pending->lock);
  return !full || ob_local_pending_flush (pending, cancellable, failed);
}
