/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-writer-private.h"

#include <string.h>

#include "ob-blob-queue.h"
#include "ob-chunker.h"
#include "ob-compressor.h"
#include "ob-error.h"
#include "ob-packer.h"
#include "ob-splitter.h"
#include "ob-tree.h"

/* Room for four of the largest blobs: enough to keep workers busy while a pack is stored. */
#define QUEUE_CAPACITY (4 * OB_CHUNKER_MAXIMUM)
#define HELPING 64

/* Of a database's streams together, cut into the smallest chunks: a million of them, whose index
 * takes 56 MB and whose list in the tree 67 MB, which may have 256 MiB (ob-index.h). There are
 * four million of all sizes where all streams together have 1.9 TiB. */
#define FINE_BYTES ((guint64) 8 << 30)

struct _ObWriter
{
  ObRepository *repository;
  GCancellable *cancellable;
  ObFirstError *first_error;
  ObBlobQueue *queue;
  ObPacker *packer;
  GArray *threads; /* of pthread_t */
  guint n_streams; /* of a database */
  gboolean finished;

  pthread_mutex_t mutex;
  ObWriterStats stats;
  GHashTable *reused; /* of ObId: packs; NULL where nobody wants to know */
};

/* What a thread needs to turn a blob into its sealed form. */
typedef struct
{
  ObCompressor *compressor;
  ObCrypto *crypto;
} Sealer;

static void
sealer_init (Sealer *sealer, ObWriter *writer)
{
  sealer->compressor = ob_compressor_new ();
  sealer->crypto = ob_crypto_new (ob_repository_get_key (writer->repository));
}

static void
sealer_clear (Sealer *sealer)
{
  ob_compressor_free (sealer->compressor);
  ob_crypto_free (sealer->crypto);
}

/* Compresses the blob and seals it right into the pack. FALSE where the pipeline has stopped. */
static gboolean
store_blob (ObWriter *writer, Sealer *sealer, const ObQueuedBlob *blob)
{
  const guint8 *data = blob->data;
  gsize size = blob->size;
  ObPackSlot slot;
  gboolean compressed
    = ob_compressor_run (sealer->compressor, blob->data, blob->size, blob->is_of_database, &data,
                         &size);

  if (!ob_packer_reserve (writer->packer, blob->type, &blob->id, size + OB_CRYPTO_OVERHEAD,
                          compressed ? blob->size : 0, &slot))
    return FALSE;
  ob_crypto_seal (sealer->crypto, data, size, slot.at);
  ob_packer_commit (writer->packer, &slot);
  return TRUE;
}

static void
stop (ObWriter *writer)
{
  ob_blob_queue_stop (writer->queue);
  ob_packer_stop (writer->packer);
}

static void *
run_worker (void *data)
{
  ObWriter *writer = data;
  ObQueuedBlob blobs[HELPING];
  gboolean ok = TRUE;
  Sealer sealer;
  guint n;

  sealer_init (&sealer, writer);
  while (ok && (n = ob_blob_queue_pop (writer->queue, blobs, HELPING)) > 0)
    {
      for (guint i = 0; i < n && ok; i++)
        ok = store_blob (writer, &sealer, &blobs[i]);
      ob_blob_queue_done (writer->queue, blobs, n);
    }
  if (!ok)
    stop (writer);
  sealer_clear (&sealer);
  return NULL;
}

ObWriter *
ob_writer_new (ObRepository *repository, guint n_workers, GCancellable *cancellable)
{
  ObWriter *writer = g_new0 (ObWriter, 1);

  writer->repository = ob_repository_ref (repository);
  writer->cancellable = cancellable != NULL ? g_object_ref (cancellable) : NULL;
  writer->first_error = ob_first_error_new ();
  writer->queue = ob_blob_queue_new (QUEUE_CAPACITY);
  writer->n_streams = 1;
  writer->packer = ob_packer_new (repository, writer->first_error, cancellable);
  ob_packer_set_keeps (writer->packer, TRUE);
  writer->threads = g_array_new (FALSE, FALSE, sizeof (pthread_t));
  pthread_mutex_init (&writer->mutex, NULL);
  for (guint i = 0; i < CLAMP (n_workers, 1, 64); i++)
    {
      pthread_t thread;

      if (pthread_create (&thread, NULL, run_worker, writer) != 0)
        g_error ("No thread can be started");
      g_array_append_val (writer->threads, thread);
    }
  return writer;
}

void
ob_writer_set_lock (ObWriter *writer, ObLock *lock)
{
  ob_packer_set_lock (writer->packer, lock);
}

static void
join_workers (ObWriter *writer)
{
  for (guint i = 0; i < writer->threads->len; i++)
    pthread_join (g_array_index (writer->threads, pthread_t, i), NULL);
  g_array_set_size (writer->threads, 0);
}

void
ob_writer_free (ObWriter *writer)
{
  stop (writer);
  join_workers (writer);
  ob_packer_free (writer->packer);
  ob_blob_queue_free (writer->queue);
  ob_first_error_free (writer->first_error);
  g_array_unref (writer->threads);
  g_clear_pointer (&writer->reused, g_hash_table_unref);
  pthread_mutex_destroy (&writer->mutex);
  g_clear_object (&writer->cancellable);
  ob_repository_unref (writer->repository);
  g_free (writer);
}

ObRepository *
ob_writer_get_repository (ObWriter *writer)
{
  return writer->repository;
}

static void
count (ObWriter *writer, gboolean is_new, gsize size)
{
  pthread_mutex_lock (&writer->mutex);
  if (is_new)
    {
      writer->stats.new_blobs++;
      writer->stats.new_bytes += size;
    }
  else
    {
      writer->stats.known_blobs++;
      writer->stats.known_bytes += size;
    }
  pthread_mutex_unlock (&writer->mutex);
}

/* Why nothing can be added or finished: the first error, a cancel, or a call too late. Always
 * FALSE. */
static gboolean
fail (ObWriter *writer, GError **error)
{
  if (ob_first_error_check (writer->first_error, error)
      && ob_check_cancelled (writer->cancellable, error))
    g_set_error_literal (error, OB_ERROR, OB_ERROR_FAILED,
                         "The backup's pipeline was stopped before all data was stored");
  return FALSE;
}

/* A blob too large for the queue: one, now, by the thread that brings it. */
static gboolean
store_large (ObWriter *writer, const ObQueuedBlob *blob, GError **error)
{
  Sealer sealer;
  gboolean ok;

  sealer_init (&sealer, writer);
  ok = store_blob (writer, &sealer, blob);
  sealer_clear (&sealer);
  return ok || fail (writer, error);
}

gboolean
ob_writer_add_blob (ObWriter *writer, const ObQueuedBlob *blob, GCancellable *cancellable,
                    GError **error)
{
  gboolean is_new;
  g_autoptr (GError) cancelled = NULL;

  if (writer->finished || ob_first_error_is_set (writer->first_error)
      || g_cancellable_is_cancelled (writer->cancellable))
    return fail (writer, error);
  if (!ob_check_cancelled (cancellable, error))
    return FALSE;

  is_new = ob_packer_claim (writer->packer, blob->type, &blob->id);
  count (writer, is_new, blob->size);
  if (!is_new)
    return TRUE;
  if (blob->size > OB_CHUNKER_MAXIMUM)
    return store_large (writer, blob, error);
  if (ob_blob_queue_push (writer->queue, blob,
                          cancellable != NULL ? cancellable : writer->cancellable, &cancelled))
    return TRUE;
  if (cancelled == NULL)
    return fail (writer, error);

  /* The blob was promised to whoever claims it next: nothing can be finished any more. */
  ob_first_error_take (writer->first_error, g_error_copy (cancelled));
  stop (writer);
  g_propagate_error (error, g_steal_pointer (&cancelled));
  return FALSE;
}

void
ob_writer_set_n_streams (ObWriter *writer, guint n_streams)
{
  writer->n_streams = MAX (n_streams, 1);
}

gboolean
ob_writer_add_stream (ObWriter *writer, int fd, ObChunkSize chunks, ObProgress *progress,
                      GArray **content, guint64 *size, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObSplitter) splitter = ob_splitter_new (writer, chunks, progress, cancellable);

  ob_splitter_set_fine_bytes (splitter, FINE_BYTES / writer->n_streams);
  return ob_splitter_add_stream (splitter, fd, error)
         && ob_splitter_finish (splitter, content, size, error);
}

gboolean
ob_writer_add_bytes (ObWriter *writer, const void *data, gsize size, GArray **content,
                     GError **error)
{
  g_autoptr (ObSplitter) splitter = ob_splitter_new (writer, OB_CHUNKS_FILE, NULL, NULL);

  return ob_splitter_add_bytes (splitter, data, size, error)
         && ob_splitter_finish (splitter, content, NULL, error);
}

/* With the lock held. A blob of which only a doubted place is known is on its way into a pack of
 * ours, whatever has become of that place. */
static void
collect_blob (ObWriter *writer, ObBlobType type, const ObId *id)
{
  ObIndex *index = ob_repository_get_index (writer->repository);
  ObBlobLocation location;

  if (ob_index_has (index, type, id) && ob_index_lookup (index, type, id, &location)
      && !g_hash_table_contains (writer->reused, &location.pack)
      && !ob_packer_has_stored (writer->packer, &location.pack))
    g_hash_table_add (writer->reused, g_memdup2 (&location.pack, sizeof location.pack));
}

void
ob_writer_reuse_tree (ObWriter *writer, GPtrArray *nodes, const ObId *tree)
{
  pthread_mutex_lock (&writer->mutex);
  if (writer->reused != NULL)
    {
      collect_blob (writer, OB_BLOB_TREE, tree);
      for (guint i = 0; i < nodes->len; i++)
        {
          const ObNode *node = g_ptr_array_index (nodes, i);

          for (guint j = 0; node->content != NULL && j < node->content->len; j++)
            collect_blob (writer, OB_BLOB_DATA, &g_array_index (node->content, ObId, j));
        }
    }
  pthread_mutex_unlock (&writer->mutex);
}

void
ob_writer_set_collects (ObWriter *writer)
{
  pthread_mutex_lock (&writer->mutex);
  if (writer->reused == NULL)
    writer->reused = g_hash_table_new_full (ob_id_hash, ob_id_equal_func, g_free, NULL);
  pthread_mutex_unlock (&writer->mutex);
}

GArray *
ob_writer_list_reused (ObWriter *writer)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (ObId));
  GHashTableIter iter;
  gpointer id;

  pthread_mutex_lock (&writer->mutex);
  if (writer->reused != NULL)
    {
      g_hash_table_iter_init (&iter, writer->reused);
      while (g_hash_table_iter_next (&iter, &id, NULL))
        g_array_append_vals (ids, id, 1);
    }
  pthread_mutex_unlock (&writer->mutex);
  return ids;
}

gboolean
ob_writer_add_tree (ObWriter *writer, GPtrArray *nodes, ObId *id, GError **error)
{
  g_autoptr (GString) text = ob_tree_to_json (nodes, error);
  ObQueuedBlob blob = { .type = OB_BLOB_TREE };

  if (text == NULL)
    return FALSE;
  if (text->len > OB_BLOB_MAX_TREE_SIZE)
    {
      g_autofree char *size = g_format_size_full (text->len, G_FORMAT_SIZE_IEC_UNITS);

      g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                   "A directory of %u entries is too large to be backed up: the list of what is in "
                   "it has %s, and may have 256 MiB. Of a database that is about 1.9 TiB of rows",
                   nodes->len, size);
      return FALSE;
    }
  ob_id_of (text->str, text->len, id);
  ob_writer_reuse_tree (writer, nodes, id);
  blob.id = *id;
  blob.data = (const guint8 *) text->str;
  blob.size = text->len;
  return ob_writer_add_blob (writer, &blob, NULL, error);
}

gboolean
ob_writer_finish (ObWriter *writer, GError **error)
{
  if (writer->finished)
    return fail (writer, error);
  writer->finished = TRUE;

  ob_blob_queue_close (writer->queue);
  join_workers (writer);
  if (ob_first_error_is_set (writer->first_error)
      || g_cancellable_is_cancelled (writer->cancellable) || !ob_packer_finish (writer->packer))
    return fail (writer, error);
  return TRUE;
}

void
ob_writer_get_stats (ObWriter *writer, ObWriterStats *stats)
{
  pthread_mutex_lock (&writer->mutex);
  *stats = writer->stats;
  pthread_mutex_unlock (&writer->mutex);
  stats->stored_bytes = ob_packer_get_stored_bytes (writer->packer);
}
