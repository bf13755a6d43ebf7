/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file's bytes in order to a descriptor, with workers that fetch and open ahead. */
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

/* Sealed bytes of a run: a run is fetched at once and its plain bytes are kept until written. */
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

typedef struct
{
  ObRepository *repository;
  GArray *wanted; /* of ObWantedBlob, in the file's order */
  GCancellable *cancellable;
  ObFirstError *first_error;

  pthread_mutex_t mutex;
  pthread_cond_t changed;
  guint next;        /* of wanted, for the worker that comes first */
  guint64 next_run;  /* its number; run n goes to slot n % n_slots */
  guint64 written;   /* runs */
  Slot *slots;
  guint n_slots;
  gboolean stopped;
} Stream;

static void
stop (Stream *stream)
{
  pthread_mutex_lock (&stream->mutex);
  stream->stopped = TRUE;
  pthread_cond_broadcast (&stream->changed);
  pthread_mutex_unlock (&stream->mutex);
}

/* How many of the next blobs have so few plain bytes that one run may hold them. */
static guint
count_plain (const Stream *stream)
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
take_run (Stream *stream, const ObWantedBlob **wanted, guint *n, gsize *length, Slot **slot)
{
  gboolean found = FALSE;

  pthread_mutex_lock (&stream->mutex);
  while (!stream->stopped && stream->next < stream->wanted->len
         && stream->next_run >= stream->written + stream->n_slots)
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

static gboolean
append_plain (guint number, const guint8 *data, gsize size, gpointer user_data, GError **error)
{
  g_byte_array_append (user_data, data, (guint) size);
  return TRUE;
}

static void *
run_worker (void *data)
{
  Stream *stream = data;
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
      g_byte_array_set_size (slot->plain, 0);
      if (!ob_blob_run_read (reader, wanted, n, buffer, length, append_plain, slot->plain,
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

/* Writes run after run. FALSE on an error, or where a worker stopped the stream (no error set). */
static gboolean
write_runs (Stream *stream, int fd, ObProgress *progress, GError **error)
{
  gboolean ok = TRUE;

  while (ok)
    {
      Slot *slot;

      pthread_mutex_lock (&stream->mutex);
      slot = &stream->slots[stream->written % stream->n_slots];
      while (!stream->stopped && !slot->ready
             && !(stream->next == stream->wanted->len && stream->written == stream->next_run))
        ob_cond_wait_slice (&stream->changed, &stream->mutex);
      ok = !stream->stopped;
      if (ok && !slot->ready)
        {
          pthread_mutex_unlock (&stream->mutex);
          return TRUE;
        }
      pthread_mutex_unlock (&stream->mutex);
      if (!ok || !write_all (fd, slot->plain->data, slot->plain->len, stream->cancellable, error))
        return FALSE;
      ob_progress_add_done (progress, slot->plain->len);

      pthread_mutex_lock (&stream->mutex);
      slot->ready = FALSE;
      stream->written++;
      pthread_cond_broadcast (&stream->changed);
      pthread_mutex_unlock (&stream->mutex);
    }
  return FALSE;
}

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

static gboolean
run_stream (Stream *stream, int fd, guint n_workers, ObProgress *progress, GError **error)
{
  g_autofree pthread_t *threads = g_new (pthread_t, n_workers);
  gboolean ok;

  for (guint i = 0; i < n_workers; i++)
    if (pthread_create (&threads[i], NULL, run_worker, stream) != 0)
      g_error ("No thread can be started");
  ok = write_runs (stream, fd, progress, error);
  stop (stream);
  for (guint i = 0; i < n_workers; i++)
    pthread_join (threads[i], NULL);
  if (!ok && (error == NULL || *error == NULL))
    ob_first_error_check (stream->first_error, error);
  return ok;
}

/* Runs the stream with a pipe that neither blocks a cancel nor kills us when its reader goes. */
static gboolean
run_guarded (Stream *stream, int fd, guint n_workers, ObProgress *progress, GError **error)
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

  ok = run_stream (stream, fd, n_workers, progress, error);

  if (flags >= 0)
    fcntl (fd, F_SETFL, flags);
  if (!sigismember (&former, SIGPIPE))
    while (sigtimedwait (&pipe_signal, NULL, &now) >= 0)
      ;
  pthread_sigmask (SIG_SETMASK, &former, NULL);
  return ok;
}

gboolean
ob_reader_write_file (ObRepository *repository, const ObNode *node, int fd, guint n_workers,
                      ObProgress *progress, GCancellable *cancellable, GError **error)
{
  g_autoptr (GArray) wanted = locate (repository, node, error);
  g_autoptr (ObFirstError) first_error = ob_first_error_new ();
  Stream stream = { .repository = repository,
                    .wanted = wanted,
                    .cancellable = cancellable,
                    .first_error = first_error };
  gboolean ok;

  if (wanted == NULL)
    return FALSE;

  n_workers = ob_repository_count_readers (repository, n_workers, MAX_WORKERS);
  stream.n_slots = 2 * n_workers + 1;
  stream.slots = g_new0 (Slot, stream.n_slots);
  for (guint i = 0; i < stream.n_slots; i++)
    stream.slots[i].plain = g_byte_array_new ();
  pthread_mutex_init (&stream.mutex, NULL);
  ob_cond_init (&stream.changed);

  ok = run_guarded (&stream, fd, n_workers, progress, error);

  pthread_mutex_destroy (&stream.mutex);
  pthread_cond_destroy (&stream.changed);
  for (guint i = 0; i < stream.n_slots; i++)
    g_byte_array_unref (stream.slots[i].plain);
  g_free (stream.slots);
  return ok;
}
