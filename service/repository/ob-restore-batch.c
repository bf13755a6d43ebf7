/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore.h"

/* Sealed bytes that are read at once. */
#define RUN_LENGTH (2 * 1024 * 1024)

ObRestoreBatch *
ob_restore_batch_new (void)
{
  ObRestoreBatch *batch = g_new0 (ObRestoreBatch, 1);

  batch->places = g_array_new (FALSE, FALSE, sizeof (ObRestorePlace));
  batch->wanted = g_array_new (FALSE, FALSE, sizeof (ObWantedBlob));
  batch->first = g_array_new (FALSE, FALSE, sizeof (guint));
  return batch;
}

void
ob_restore_batch_free (ObRestoreBatch *batch)
{
  if (batch == NULL)
    return;
  g_array_unref (batch->places);
  g_array_unref (batch->wanted);
  g_array_unref (batch->first);
  g_free (batch);
}

static gint
compare_places (gconstpointer a, gconstpointer b)
{
  return ob_wanted_blob_compare (&((const ObRestorePlace *) a)->blob,
                                 &((const ObRestorePlace *) b)->blob);
}

/* Puts the places into the order of the packs, and makes the list of what is to be fetched. */
static void
arrange (ObRestoreBatch *batch)
{
  guint n = batch->places->len;
  ObRestorePlace *places = (gpointer) batch->places->data;

  g_array_sort (batch->places, compare_places);
  for (guint i = 0; i < n; i++)
    if (i == 0 || compare_places (&places[i - 1], &places[i]) != 0)
      {
        g_array_append_val (batch->wanted, places[i].blob);
        g_array_append_val (batch->first, i);
      }
  g_array_append_val (batch->first, n);
}

/* Waits until the workers have nothing to do. Called with the mutex held. */
static gboolean
wait_idle (ObRestore *restore)
{
  while (restore->batch != NULL && !ob_first_error_is_set (restore->first_error))
    {
      GError *error = NULL;

      ob_cond_wait_slice (&restore->changed, &restore->mutex);
      if (!ob_check_cancelled (restore->cancellable, &error))
        ob_first_error_take (restore->first_error, error);
    }
  return !ob_first_error_is_set (restore->first_error);
}

gboolean
ob_restore_submit (ObRestore *restore, ObRestoreBatch *batch)
{
  gboolean ok;

  if (batch->places->len == 0)
    {
      ob_restore_batch_free (batch);
      return TRUE;
    }
  arrange (batch);
  pthread_mutex_lock (&restore->mutex);
  ok = wait_idle (restore);
  if (ok)
    {
      restore->batch = batch;
      restore->next = 0;
      pthread_cond_broadcast (&restore->changed);
    }
  pthread_mutex_unlock (&restore->mutex);
  if (!ok)
    ob_restore_batch_free (batch);
  return ok;
}

gboolean
ob_restore_wait (ObRestore *restore)
{
  gboolean ok;

  pthread_mutex_lock (&restore->mutex);
  ok = wait_idle (restore);
  pthread_mutex_unlock (&restore->mutex);
  return ok;
}

/* --- the workers --- */

/* What a worker fetches at once. */
typedef struct
{
  ObRestore *restore;
  const ObRestoreBatch *batch;
  guint begin; /* of the wanted blobs */
  guint n;
  gsize length;
} Run;

/* The next run; FALSE at the end, or where the restore has failed. */
static gboolean
take_run (ObRestore *restore, Run *run)
{
  ObRestoreBatch *batch;
  gboolean found;

  pthread_mutex_lock (&restore->mutex);
  while (!ob_first_error_is_set (restore->first_error)
         && (restore->batch == NULL ? !restore->planned
                                    : restore->next == restore->batch->wanted->len))
    ob_cond_wait_slice (&restore->changed, &restore->mutex);
  batch = restore->batch;
  found = batch != NULL && !ob_first_error_is_set (restore->first_error);
  if (found)
    {
      run->restore = restore;
      run->batch = batch;
      run->begin = restore->next;
      run->n = ob_blob_run_measure (&g_array_index (batch->wanted, ObWantedBlob, restore->next),
                                    batch->wanted->len - restore->next, RUN_LENGTH, &run->length);
      restore->next += run->n;
      restore->active++;
    }
  pthread_mutex_unlock (&restore->mutex);
  return found;
}

static void
end_run (ObRestore *restore)
{
  pthread_mutex_lock (&restore->mutex);
  restore->active--;
  if (restore->active == 0 && restore->next == restore->batch->wanted->len
      && !ob_first_error_is_set (restore->first_error))
    {
      g_clear_pointer (&restore->batch, ob_restore_batch_free);
      pthread_cond_broadcast (&restore->changed);
    }
  pthread_mutex_unlock (&restore->mutex);
}

/* Writes a blob to all its places. */
static gboolean
write_blob (guint number, const guint8 *data, gsize size, gpointer user_data, GError **error)
{
  const Run *run = user_data;
  const guint *first = &g_array_index (run->batch->first, guint, run->begin + number);

  if (!ob_check_cancelled (run->restore->cancellable, error))
    return FALSE;
  for (guint i = first[0]; i < first[1]; i++)
    {
      const ObRestorePlace *place = &g_array_index (run->batch->places, ObRestorePlace, i);

      if (!ob_restore_file_write (run->restore, place->file, place->offset, data, size, error))
        return FALSE;
    }
  return TRUE;
}

void *
ob_restore_run_worker (void *data)
{
  ObRestore *restore = data;
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (restore->repository);
  g_autofree guint8 *buffer = NULL;
  gsize room = 0;
  Run run;

  while (take_run (restore, &run))
    {
      const ObWantedBlob *wanted = &g_array_index (run.batch->wanted, ObWantedBlob, run.begin);
      GError *error = NULL;

      if (room < run.length)
        {
          g_free (buffer);
          room = MAX (run.length, RUN_LENGTH);
          buffer = g_malloc (room);
        }
      if (!ob_blob_run_read (reader, wanted, run.n, buffer, run.length, write_blob, &run,
                             restore->cancellable, &error))
        ob_first_error_take (restore->first_error, error);
      end_run (restore);
    }
  return NULL;
}
