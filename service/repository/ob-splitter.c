/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-splitter.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-chunker.h"
#include "ob-hasher.h"
#include "ob-io.h"
#include "ob-wait.h"
#include "ob-writer-private.h"

/* Read, cut and hashed at a time: small enough to stay in the second-level cache. */
#define PIECE (256 * 1024)

/* From a step of a stream to the next, chunks become so many times larger, and the next one is so
 * many times further. */
#define STEP 4
#define STEP_BITS 2

struct _ObSplitter
{
  ObWriter *writer;
  ObProgress *progress;
  GCancellable *cancellable;
  ObChunker chunker;
  ObHasher *hasher;
  guint8 *buffer; /* the current chunk, and room for a piece behind it */
  gsize fill;
  gsize capacity; /* of @buffer */
  gboolean is_of_database;
  guint64 fine_bytes; /* of a stream, cut into the smallest chunks */
  guint64 step;       /* where chunks become larger next */
  guint bits;         /* of their normal size, up to there */
  GArray *content;
  guint64 size;
  gboolean has_zeros; /* @zeros is set */
  ObId zeros;         /* of a chunk of the largest size that is all zero */
};

/* A stream of a database begins with the smallest chunks. */
static void
begin_stream (ObSplitter *splitter)
{
  ob_chunker_reset (&splitter->chunker);
  splitter->step = splitter->fine_bytes;
  if (!splitter->is_of_database)
    return;
  splitter->bits = OB_CHUNKER_LEAST_BITS;
  ob_chunker_set_normal (&splitter->chunker, splitter->bits);
}

/* Between two chunks. */
static void
enlarge_chunks (ObSplitter *splitter)
{
  while (splitter->size >= splitter->step && splitter->bits < OB_CHUNKER_MOST_BITS)
    {
      splitter->bits += STEP_BITS;
      splitter->step *= STEP;
    }
  ob_chunker_set_normal (&splitter->chunker, splitter->bits);
}

static void
make_room (ObSplitter *splitter)
{
  gsize needed = splitter->chunker.maximum + PIECE;

  if (needed <= splitter->capacity)
    return;
  splitter->buffer = g_realloc (splitter->buffer, needed);
  splitter->capacity = needed;
}

ObSplitter *
ob_splitter_new (ObWriter *writer, ObChunkSize chunks, ObProgress *progress,
                 GCancellable *cancellable)
{
  ObSplitter *splitter = g_new0 (ObSplitter, 1);
  ObRepository *repository = ob_writer_get_repository (writer);

  splitter->writer = writer;
  splitter->progress = progress;
  splitter->cancellable = cancellable != NULL ? g_object_ref (cancellable) : NULL;
  ob_chunker_init (&splitter->chunker, ob_repository_get_chunker_seed (repository), chunks);
  splitter->is_of_database = chunks == OB_CHUNKS_STREAM;
  splitter->hasher = ob_hasher_new ();
  splitter->fine_bytes = G_MAXUINT64;
  begin_stream (splitter);
  make_room (splitter);
  splitter->content = g_array_new (FALSE, FALSE, sizeof (ObId));
  return splitter;
}

void
ob_splitter_free (ObSplitter *splitter)
{
  ob_hasher_free (splitter->hasher);
  g_array_unref (splitter->content);
  g_free (splitter->buffer);
  g_clear_object (&splitter->cancellable);
  g_free (splitter);
}

void
ob_splitter_set_fine_bytes (ObSplitter *splitter, guint64 bytes)
{
  splitter->fine_bytes = bytes;
  begin_stream (splitter);
}

void
ob_splitter_set_progress (ObSplitter *splitter, ObProgress *progress)
{
  splitter->progress = progress;
}

/* @length bytes are a blob, hashed already. */
static gboolean
emit (ObSplitter *splitter, const guint8 *data, gsize length, GError **error)
{
  ObQueuedBlob blob = { .type = OB_BLOB_DATA,
                        .data = data,
                        .size = length,
                        .is_of_database = splitter->is_of_database };

  ob_hasher_finish (splitter->hasher, &blob.id);
  if (!ob_writer_add_blob (splitter->writer, &blob, splitter->cancellable, error))
    return FALSE;
  g_array_append_val (splitter->content, blob.id);
  splitter->size += length;
  if (splitter->is_of_database && splitter->size >= splitter->step)
    enlarge_chunks (splitter);
  return TRUE;
}

guint8 *
ob_splitter_get_room (ObSplitter *splitter, gsize *room)
{
  *room = PIECE;
  return splitter->buffer + splitter->fill;
}

gboolean
ob_splitter_take (ObSplitter *splitter, gsize size, GError **error)
{
  const guint8 *start = splitter->buffer; /* of the chunk */
  const guint8 *fresh = start + splitter->fill;
  const guint8 *end = fresh + size;
  gsize used;

  ob_progress_add_done (splitter->progress, size);
  while (fresh < end && ob_chunker_feed (&splitter->chunker, fresh, (gsize) (end - fresh), &used))
    {
      ob_hasher_update (splitter->hasher, fresh, used);
      fresh += used;
      if (!emit (splitter, start, (gsize) (fresh - start), error))
        return FALSE;
      start = fresh;
    }
  if (fresh < end)
    ob_hasher_update (splitter->hasher, fresh, (gsize) (end - fresh));
  splitter->fill = (gsize) (end - start);
  if (start > splitter->buffer)
    memmove (splitter->buffer, start, splitter->fill);
  make_room (splitter);
  return TRUE;
}

/* Ends the current chunk where it is. */
static gboolean
cut (ObSplitter *splitter, GError **error)
{
  gsize length = splitter->fill;

  splitter->fill = 0;
  ob_chunker_reset (&splitter->chunker);
  return length == 0 || emit (splitter, splitter->buffer, length, error);
}

/* A chunk of the largest size that is all zero, with nothing read or hashed again. */
static gboolean
emit_zeros (ObSplitter *splitter, GError **error)
{
  gsize length = splitter->chunker.maximum;

  ob_progress_add_done (splitter->progress, length);
  if (splitter->has_zeros)
    {
      g_array_append_val (splitter->content, splitter->zeros);
      splitter->size += length;
      return ob_check_cancelled (splitter->cancellable, error);
    }
  memset (splitter->buffer, 0, length);
  ob_hasher_update (splitter->hasher, splitter->buffer, length);
  if (!emit (splitter, splitter->buffer, length, error))
    return FALSE;
  splitter->zeros = g_array_index (splitter->content, ObId, splitter->content->len - 1);
  splitter->has_zeros = TRUE;
  return TRUE;
}

gboolean
ob_splitter_add_zeros (ObSplitter *splitter, guint64 size, GError **error)
{
  if (size >= splitter->chunker.maximum && !cut (splitter, error))
    return FALSE;
  for (; size >= splitter->chunker.maximum; size -= splitter->chunker.maximum)
    if (!emit_zeros (splitter, error))
      return FALSE;
  while (size > 0)
    {
      gsize room;
      guint8 *at = ob_splitter_get_room (splitter, &room);
      gsize n = MIN (room, size);

      memset (at, 0, n);
      if (!ob_splitter_take (splitter, n, error))
        return FALSE;
      size -= n;
    }
  return TRUE;
}

gboolean
ob_splitter_add_bytes (ObSplitter *splitter, const void *data, gsize size, GError **error)
{
  const guint8 *p = data;

  while (size > 0)
    {
      gsize room;
      guint8 *at = ob_splitter_get_room (splitter, &room);
      gsize n = MIN (room, size);

      memcpy (at, p, n);
      if (!ob_splitter_take (splitter, n, error))
        return FALSE;
      p += n;
      size -= n;
    }
  return TRUE;
}

/* Waits until @fd has something to read, or its end. */
static gboolean
wait_readable (int fd, GCancellable *cancellable, GError **error)
{
  struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

  while (ob_check_cancelled (cancellable, error))
    {
      int n = poll (&poll_fd, 1, 100);

      if (n > 0)
        return TRUE;
      if (n < 0 && errno != EINTR)
        return ob_set_error_errno (error, errno, "A stream of the backup cannot be waited for");
    }
  return FALSE;
}

gboolean
ob_splitter_add_stream (ObSplitter *splitter, int fd, GError **error)
{
  while (TRUE)
    {
      gsize room;
      guint8 *at = ob_splitter_get_room (splitter, &room);
      gssize n;

      if (!wait_readable (fd, splitter->cancellable, error))
        return FALSE;
      n = read (fd, at, room);
      if (n == 0)
        return TRUE;
      if (n < 0 && errno != EINTR && errno != EAGAIN)
        return ob_set_error_errno (error, errno, "A stream of the backup cannot be read");
      if (n > 0 && !ob_splitter_take (splitter, (gsize) n, error))
        return FALSE;
    }
}

gboolean
ob_splitter_finish (ObSplitter *splitter, GArray **content, guint64 *size, GError **error)
{
  if (!cut (splitter, error))
    return FALSE;
  if (size != NULL)
    *size = splitter->size;
  *content = g_steal_pointer (&splitter->content);
  splitter->content = g_array_new (FALSE, FALSE, sizeof (ObId));
  splitter->size = 0;
  begin_stream (splitter);
  return TRUE;
}

void
ob_splitter_reset (ObSplitter *splitter)
{
  ObId dropped;

  if (splitter->fill > 0)
    ob_hasher_finish (splitter->hasher, &dropped);
  splitter->fill = 0;
  splitter->size = 0;
  begin_stream (splitter);
  g_array_set_size (splitter->content, 0);
}
