/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file's bytes in order, with workers that fetch and open ahead. */
#include "ob-reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-blob-runs.h"
#include "ob-error.h"
#include "ob-io.h"
#include "ob-wait.h"

/* Sealed bytes of a run: a run is fetched at once and its plain bytes are kept until the
 * caller has had them. */
#define RUN_LENGTH (512 * 1024)

/* Plain bytes of a run at most (a first blob that is larger counts alone), so that what
 * compresses to nothing does not fill the memory. */
#define RUN_PLAIN (2 * 1024 * 1024)

#define MAX_WORKERS 16

typedef struct
{
  GByteArray *plain;
  gboolean ready;
} Slot;

struct _ObReaderStream
{
  ObRepository *repository;
  GArray *wanted; /* of ObWantedBlob, in the file's order; owned */
  GCancellable *cancellable;
  ObFirstError *first_error; /* owned */
  pthread_t threads[MAX_WORKERS];
  guint n_workers;
  gboolean taken; /* run number @done is the caller's */

  pthread_mutex_t mutex;
  pthread_cond_t changed;
  guint next;        /* of wanted, for the worker that comes first */
  guint64 next_run;  /* its number; run n goes to slot n % n_slots */
  guint64 done;      /* runs that the caller has had */
  Slot *slots;
  guint n_slots;
  gboolean stopped;
};

static void
stop (ObReaderStream *stream)
{
  pthread_mutex_lock (&stream->mutex);
  stream->stopped = TRUE;
  pthread_cond_broadcast (&stream->changed);
  pthread_mutex_unlock (&stream->mutex);
}

/* How many of the next blobs have so few plain bytes that one run may hold them. */
static guint
count_plain (const ObReaderStream *stream)
{
  const ObWantedBlob *wanted = &g_array_index (stream->wanted, ObWantedBlob, stream->next);
  guint left = stream->wanted->len - stream->next;
  gsize plain = ob_blob_location_get_plain_size (&wanted[0].location);
  guint n;

  for (n = 1; n < left; n++)
    {
      plain += ob_blob_location_get_plain_size (&wanted[n].location);
      if (plain > RUN_PLAIN)
        break;
    }
  return n;
}

/* Takes the next run, once the slot for it is free. FALSE at the end. */
static gboolean
take_run (ObReaderStream *stream, const ObWantedBlob **wanted, guint *n, gsize *length, Slot **slot)
{
  gboolean found = FALSE;

  pthread_mutex_lock (&stream->mutex);
  while (!stream->stopped && stream->next < stream->wanted->len
         && stream->next_run >= stream->done + stream->n_slots)
    ob_cond_wait_slice (&stream->changed, &stream->mutex);
  if (!stream->stopped && stream->next < stream->wanted->len)
    {
      *wanted = &g_array_index (stream->wanted, ObWantedBlob, stream->next);
      *n = ob_blob_run_measure (*wanted, count_plain (stream), RUN_LENGTH, length);
      *slot = &stream->slots[stream->next_run++ % stream->n_slots];
      stream->next += *n;
      found = TRUE;
    }
  pthread_mutex_unlock (&stream->mutex);
  return found;
}

static gsize
measure_plain (const ObWantedBlob *wanted, guint n)
{
  gsize size = 0;

  for (guint i = 0; i < n; i++)
    size += ob_blob_location_get_plain_size (&wanted[i].location);
  return size;
}

static void *
run_worker (void *data)
{
  ObReaderStream *stream = data;
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (stream->repository);
  g_autofree guint8 *buffer = NULL;
  gsize room = 0;
  const ObWantedBlob *wanted;
  GError *error = NULL;
  gsize length;
  Slot *slot;
  guint n;

  while (take_run (stream, &wanted, &n, &length, &slot))
    {
      if (room < length)
        {
          g_free (buffer);
          buffer = g_malloc (length);
          room = length;
        }
      g_byte_array_set_size (slot->plain, (guint) measure_plain (wanted, n));
      if (!ob_blob_run_read_all (reader, wanted, n, buffer, length, slot->plain->data,
                                 stream->cancellable, &error))
        {
          ob_first_error_take (stream->first_error, error);
          stop (stream);
          break;
        }
      pthread_mutex_lock (&stream->mutex);
      slot->ready = TRUE;
      pthread_cond_broadcast (&stream->changed);
      pthread_mutex_unlock (&stream->mutex);
    }
  return NULL;
}

static gboolean
wait_writable (int fd, GCancellable *cancellable, GError **error)
{
  struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

  while (ob_check_cancelled (cancellable, error))
    {
      int n = poll (&poll_fd, 1, 100);

      if (n > 0)
        return TRUE;
      if (n < 0 && errno != EINTR)
        return ob_set_error_errno (error, errno, "The receiver of a stream cannot be waited for");
    }
  return FALSE;
}

static gboolean
write_all (int fd, const guint8 *data, gsize size, GCancellable *cancellable, GError **error)
{
  while (size > 0)
    {
      gssize n;

      if (!wait_writable (fd, cancellable, error))
        return FALSE;
      n = write (fd, data, size);
      if (n < 0 && errno != EINTR && errno != EAGAIN)
        {
          if (errno == EPIPE)
            g_set_error_literal (error, OB_ERROR, OB_ERROR_FAILED,
                                 "The receiver of a stream closed it before its end");
          else
            ob_set_error_errno (error, errno, "A stream of the backup cannot be written");
          return FALSE;
        }
      if (n > 0)
        {
          data += n;
          size -= (gsize) n;
        }
    }
  return TRUE;
}

/* Transfer full. */
static GArray *
locate (ObRepository *repository, const ObNode *node, GError **error)
{
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (repository);
  guint n = node->content != NULL ? node->content->len : 0;
  g_autoptr (GArray) wanted = g_array_sized_new (FALSE, FALSE, sizeof (ObWantedBlob), n);

  for (guint i = 0; i < n; i++)
    {
      ObWantedBlob blob = { .id = g_array_index (node->content, ObId, i) };

      if (!ob_blob_reader_locate (reader, OB_BLOB_DATA, &blob.id, &blob.location, error))
        return NULL;
      g_array_append_val (wanted, blob);
    }
  return g_steal_pointer (&wanted);
}

/* The caller needs the run no more that it was given. */
static void
release_run (ObReaderStream *stream)
{
  pthread_mutex_lock (&stream->mutex);
  stream->slots[stream->done % stream->n_slots].ready = FALSE;
  stream->done++;
  pthread_cond_broadcast (&stream->changed);
  pthread_mutex_unlock (&stream->mutex);
  stream->taken = FALSE;
}

/* Waits for the next run; *@slot is NULL at the end. FALSE where a worker stopped the stream. */
static gboolean
wait_for_run (ObReaderStream *stream, Slot **slot)
{
  gboolean ok;

  pthread_mutex_lock (&stream->mutex);
  *slot = &stream->slots[stream->done % stream->n_slots];
  while (!stream->stopped && !(*slot)->ready
         && !(stream->next == stream->wanted->len && stream->done == stream->next_run))
    ob_cond_wait_slice (&stream->changed, &stream->mutex);
  ok = !stream->stopped;
  if (!(*slot)->ready)
    *slot = NULL;
  pthread_mutex_unlock (&stream->mutex);
  return ok;
}

static gboolean
write_runs (ObReaderStream *stream, int fd, ObProgress *progress, GCancellable *cancellable,
            GError **error)
{
  const guint8 *data;
  gsize size;

  while (ob_reader_stream_next (stream, &data, &size, error))
    {
      if (size == 0)
        return TRUE;
      if (!write_all (fd, data, size, cancellable, error))
        return FALSE;
      ob_progress_add_done (progress, size);
    }
  return FALSE;
}

/* Writes to a pipe that neither blocks a cancel nor kills us when its reader goes. */
static gboolean
write_guarded (ObReaderStream *stream, int fd, ObProgress *progress, GCancellable *cancellable,
               GError **error)
{
  const struct timespec now = { 0 };
  int flags = fcntl (fd, F_GETFL);
  sigset_t pipe_signal;
  sigset_t former;
  gboolean ok;

  sigemptyset (&pipe_signal);
  sigaddset (&pipe_signal, SIGPIPE);
  pthread_sigmask (SIG_BLOCK, &pipe_signal, &former);
  if (flags >= 0)
    fcntl (fd, F_SETFL, flags | O_NONBLOCK);

  ok = write_runs (stream, fd, progress, cancellable, error);

  if (flags >= 0)
    fcntl (fd, F_SETFL, flags);
  if (!sigismember (&former, SIGPIPE))
    while (sigtimedwait (&pipe_signal, NULL, &now) >= 0)
      ;
  pthread_sigmask (SIG_SETMASK, &former, NULL);
  return ok;
}

/* public methods */

ObReaderStream *
ob_reader_stream_new (ObRepository *repository, const ObNode *node, guint n_workers,
                      GCancellable *cancellable, GError **error)
{
  GArray *wanted = locate (repository, node, error);
  ObReaderStream *stream;

  if (wanted == NULL)
    return NULL;
  stream = g_new0 (ObReaderStream, 1);
  stream->repository = repository;
  stream->wanted = wanted;
  stream->cancellable = cancellable;
  stream->first_error = ob_first_error_new ();
  stream->n_workers = ob_repository_count_readers (repository, n_workers, MAX_WORKERS);
  stream->n_slots = 2 * stream->n_workers + 1;
  stream->slots = g_new0 (Slot, stream->n_slots);
  for (guint i = 0; i < stream->n_slots; i++)
    stream->slots[i].plain = g_byte_array_new ();
  pthread_mutex_init (&stream->mutex, NULL);
  ob_cond_init (&stream->changed);
  for (guint i = 0; i < stream->n_workers; i++)
    if (pthread_create (&stream->threads[i], NULL, run_worker, stream) != 0)
      g_error ("No thread can be started");
  return stream;
}

gboolean
ob_reader_stream_next (ObReaderStream *stream, const guint8 **data, gsize *size, GError **error)
{
  Slot *slot;

  /* A run of empty blobs is not the end. */
  do
    {
      if (stream->taken)
        release_run (stream);
      if (!wait_for_run (stream, &slot))
        return ob_first_error_check (stream->first_error, error);
      stream->taken = slot != NULL;
    }
  while (slot != NULL && slot->plain->len == 0);
  *data = slot != NULL ? slot->plain->data : NULL;
  *size = slot != NULL ? slot->plain->len : 0;
  return TRUE;
}

void
ob_reader_stream_free (ObReaderStream *stream)
{
  if (stream == NULL)
    return;
  stop (stream);
  for (guint i = 0; i < stream->n_workers; i++)
    pthread_join (stream->threads[i], NULL);
  pthread_mutex_destroy (&stream->mutex);
  pthread_cond_destroy (&stream->changed);
  for (guint i = 0; i < stream->n_slots; i++)
    g_byte_array_unref (stream->slots[i].plain);
  g_free (stream->slots);
  ob_first_error_free (stream->first_error);
  g_array_unref (stream->wanted);
  g_free (stream);
}

gboolean
ob_reader_write_file (ObRepository *repository, const ObNode *node, int fd, guint n_workers,
                      ObProgress *progress, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObReaderStream) stream
    = ob_reader_stream_new (repository, node, n_workers, cancellable, error);

  return stream != NULL && write_guarded (stream, fd, progress, cancellable, error);
}
