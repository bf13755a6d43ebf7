/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The streams with rows: each is read into the connections that load it. One that pg_dump wrote in
 * a way that we do not know goes through a pg_restore, which makes a script of it. Large objects
 * pg_restore loads itself, beside them. */
#include "ob-database-restore-private.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "ob-dump-archive.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"

#define SCHEMA_STREAM "schema.dump"
#define LARGE_OBJECTS_STREAM "large-objects.dump"

#define PIPE_BYTES (1024 * 1024)

/* Read at once, at some 14 MiB of memory each. More connections share the tables of so many. */
#define MOST_STREAMS 4

/* All streams, and the threads that load them. */
typedef struct
{
  ObRestoreRun *run;
  GCancellable *cancellable;
  ObLanePool *pool;
  pthread_mutex_t mutex;
  guint next;          /* index into request->streams */
  GError *error;       /* the first; ends the others */
} DataLoad;

/* One of the threads that load rows. */
typedef struct
{
  DataLoad *load;
  ObRowLoader *loader; /* for all its streams */
} Loading;

/* A stream on its way to a pg_restore. */
typedef struct
{
  ObRestoreRun *run;
  const char *stream;
  int fd; /* owned */
  GCancellable *cancellable;
  GThread *thread;
  gboolean ok;
  GError *error;
} Feed;

/* internal methods */

/* --- by us --- */

static gboolean
next_of_archive (gpointer archive, ObScriptItem *item, GError **error)
{
  return ob_dump_archive_next (archive, item, error);
}

/* Loads a stream where its archive is one that we know; else *@known is FALSE and nothing was
 * loaded. */
static gboolean
load_archive (Loading *loading, const char *stream, gboolean *known, GError **error)
{
  const ObDatabaseRestore *request = loading->load->run->request;
  gpointer bytes = request->source->open (stream, request->user_data, loading->load->cancellable,
                                          error);
  g_autoptr (ObDumpArchive) archive = NULL;
  gboolean ok;

  if (bytes == NULL)
    return FALSE;
  archive = ob_dump_archive_new (request->source->next, bytes);
  /* Connecting, while the first of it is on its way. */
  ok = ob_row_loader_connect (loading->loader, error)
       && ob_dump_archive_open (archive, known, error)
       && (!*known || ob_row_loader_run (loading->loader, next_of_archive, archive, error));
  request->source->close (bytes);
  return ok;
}

/* --- by pg_restore --- */

static gpointer
feed_thread (gpointer data)
{
  Feed *feed = data;
  const ObDatabaseRestore *request = feed->run->request;

  feed->ok = request->source->feed (feed->stream, feed->fd, request->user_data, feed->cancellable,
                                    &feed->error);
  ob_fd_clear (&feed->fd);
  return NULL;
}

static void
start_feed (Feed *feed)
{
  feed->thread = g_thread_new ("restore-feed", feed_thread, feed);
}

static gboolean
make_pipe (const char *stream, int *read_fd, int *write_fd, GError **error)
{
  int fds[2];

  if (pipe2 (fds, O_CLOEXEC) < 0)
    return ob_set_error_errno (error, errno, "No pipe for %s", stream);
  /* Fewer and longer turns; where the user's limit is reached, 64 KiB will do. */
  fcntl (fds[1], F_SETPIPE_SZ, PIPE_BYTES);
  *read_fd = fds[0];
  *write_fd = fds[1];
  return TRUE;
}

/* Starts a pg_restore that reads what is written to *@feed_fd. With @script_fd it writes a script,
 * which can be read there; else it restores into the database. */
static ObChild *
start (ObRestoreRun *run, const char *stream, ObRole role, int *feed_fd, int *script_fd,
       GError **error)
{
  ObRestoreCommand command = { .role = role, .archive_fd = -1, .list_fd = -1 };
  ob_autofd int archive = -1;
  ob_autofd int script = -1;

  if (!make_pipe (stream, &archive, feed_fd, error))
    return NULL;
  command.stdin_fd = archive;
  if (script_fd != NULL)
    {
      if (!make_pipe (stream, script_fd, &script, error))
        return NULL;
      command.stdout_fd = script;
      command.output = OB_RESTORE_TO_SCRIPT;
    }
  return ob_restore_start_pg_restore (run, &command, error);
}

/* A feed that broke because pg_restore ended says less than others do; one that found damage or was
 * cancelled says more. */
static gboolean
tells_more (const Feed *feed)
{
  return !feed->ok && !g_error_matches (feed->error, OB_ERROR, OB_ERROR_FAILED);
}

static gboolean
next_of_script (gpointer script, ObScriptItem *item, GError **error)
{
  return ob_copy_script_next (script, item, error);
}

static gboolean
load_script (Loading *loading, int fd, GError **error)
{
  g_autoptr (ObCopyScript) script = ob_copy_script_new (fd);

  return ob_row_loader_run (loading->loader, next_of_script, script, error);
}

/* Waits for all that has to do with a stream, and chooses the error that tells most. */
static gboolean
end_stream (Feed *feed, ObChild *child, gboolean loaded, GError *load_error, GError **error)
{
  g_autoptr (GError) own_error = load_error;
  g_autoptr (GError) feed_error = NULL;
  g_autoptr (GError) child_error = NULL;
  gboolean ended;

  /* Where pg_restore has ended before all was loaded, it knows why. */
  if (!loaded && !g_error_matches (own_error, OB_ERROR, OB_ERROR_CORRUPT))
    ob_child_kill (child);
  g_thread_join (feed->thread);
  feed_error = feed->error;
  if (tells_more (feed))
    ob_child_kill (child);
  ended = ob_child_wait (child, feed->cancellable, &child_error);
  if (ended && loaded && feed->ok)
    return TRUE;

  if (tells_more (feed))
    g_propagate_error (error, g_steal_pointer (&feed_error));
  else if (!loaded && (ended || !g_error_matches (own_error, OB_ERROR, OB_ERROR_CORRUPT)))
    g_propagate_error (error, g_steal_pointer (&own_error));
  else if (!ended)
    g_propagate_prefixed_error (error, g_steal_pointer (&child_error),
                                "The rows of %s cannot be loaded: ", feed->stream);
  else
    g_propagate_error (error, g_steal_pointer (&feed_error));
  return FALSE;
}

/* @loading: loads what pg_restore makes of it; NULL: pg_restore loads it itself. */
static gboolean
load_through_pg_restore (DataLoad *load, Loading *loading, const char *stream, GError **error)
{
  ObRestoreRun *run = load->run;
  ob_autofd int script_fd = -1;
  Feed feed = { .run = run, .stream = stream, .fd = -1, .cancellable = load->cancellable };
  g_autoptr (ObChild) child = start (run, stream, loading != NULL ? OB_ROLE_OWNER : run->admin,
                                     &feed.fd, loading != NULL ? &script_fd : NULL, error);
  gboolean loaded = TRUE;
  GError *load_error = NULL;

  if (child == NULL)
    {
      ob_fd_clear (&feed.fd);
      return FALSE;
    }
  start_feed (&feed);
  if (loading != NULL)
    {
      loaded = load_script (loading, script_fd, &load_error);
      /* It must not wait for us, who have read what there is or do not want any more. */
      ob_fd_clear (&script_fd);
    }
  return end_stream (&feed, child, loaded, load_error, error);
}

static gboolean
load_rows (Loading *loading, const char *stream, GError **error)
{
  gboolean known = FALSE;

  return load_archive (loading, stream, &known, error)
         && (known || load_through_pg_restore (loading->load, loading, stream, error));
}

/* --- all of them --- */

/* The first error of all; the others, which it ends, say less. */
static void
fail (DataLoad *load, GError *error)
{
  g_autoptr (GError) owned = error;

  pthread_mutex_lock (&load->mutex);
  if (load->error == NULL)
    {
      load->error = g_steal_pointer (&owned);
      g_cancellable_cancel (load->cancellable);
    }
  pthread_mutex_unlock (&load->mutex);
}

static gboolean
is_with_rows (const char *stream)
{
  return strcmp (stream, SCHEMA_STREAM) != 0 && strcmp (stream, LARGE_OBJECTS_STREAM) != 0;
}

static guint
count_streams (const ObRestoreRun *run)
{
  guint n = 0;

  for (guint i = 0; run->request->streams[i] != NULL; i++)
    if (is_with_rows (run->request->streams[i]))
      n++;
  return n;
}

/* The next stream to load, NULL when there is none or something failed. */
static const char *
next_stream (DataLoad *load)
{
  const char *stream = NULL;

  pthread_mutex_lock (&load->mutex);
  while (load->error == NULL && load->run->request->streams[load->next] != NULL && stream == NULL)
    {
      const char *candidate = load->run->request->streams[load->next++];

      if (is_with_rows (candidate))
        stream = candidate;
    }
  pthread_mutex_unlock (&load->mutex);
  return stream;
}

static gpointer
rows_thread (gpointer data)
{
  DataLoad *load = data;
  Loading loading = { .load = load, .loader = ob_row_loader_new (load->pool) };
  const char *stream;

  while ((stream = next_stream (data)) != NULL)
    {
      GError *error = NULL;

      if (!load_rows (&loading, stream, &error))
        fail (data, error);
    }
  ob_row_loader_free (loading.loader);
  return NULL;
}

static gpointer
large_objects_thread (gpointer data)
{
  GError *error = NULL;

  if (!load_through_pg_restore (data, NULL, LARGE_OBJECTS_STREAM, &error))
    fail (data, error);
  return NULL;
}

static void
on_cancelled (GCancellable *cancellable, gpointer inner)
{
  g_cancellable_cancel (inner);
}

/* The first one with rows in the calling thread. */
static void
load_in_threads (DataLoad *load, guint n_threads)
{
  g_autoptr (GPtrArray) threads = g_ptr_array_new ();

  if (g_strv_contains (load->run->request->streams, LARGE_OBJECTS_STREAM))
    g_ptr_array_add (threads, g_thread_new ("restore-objects", large_objects_thread, load));
  for (guint i = 1; i < n_threads; i++)
    g_ptr_array_add (threads, g_thread_new ("restore-rows", rows_thread, load));
  rows_thread (load);
  for (guint i = 0; i < threads->len; i++)
    g_thread_join (threads->pdata[i]);
}

static gboolean
load_streams (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  guint n_parallel = MAX (run->request->n_parallel, 1);
  guint n_threads = CLAMP (count_streams (run), 1, MIN (n_parallel, MOST_STREAMS));
  g_autoptr (GCancellable) inner = g_cancellable_new ();
  g_autoptr (ObLanePool) pool = ob_lane_pool_new (run, n_parallel, n_threads, inner);
  DataLoad load = { .run = run,
                    .cancellable = inner,
                    .pool = pool,
                    .mutex = PTHREAD_MUTEX_INITIALIZER };
  gulong handler = cancellable == NULL ? 0
                                       : g_cancellable_connect (cancellable,
                                                                G_CALLBACK (on_cancelled), inner,
                                                                NULL);

  load_in_threads (&load, n_threads);
  g_cancellable_disconnect (cancellable, handler);
  pthread_mutex_destroy (&load.mutex);
  if (load.error == NULL)
    return TRUE;
  g_propagate_error (error, load.error);
  return FALSE;
}

/* methods of this room */

gboolean
ob_restore_data (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObRestoreGrants) grants = ob_restore_grants_new (run, NULL, cancellable, error);

  return grants != NULL && ob_restore_grants_give (grants, cancellable, error)
         && load_streams (run, cancellable, error)
         && ob_restore_grants_take_back (grants, cancellable, error);
}
