/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ob-backup-run.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"

#define MAX_PARALLEL 8

/* The streams of one dump: a thread each, the first error ends all. */
typedef struct
{
  ObBackupRun *run;
  ObDatabaseDump *dump;
  GCancellable *cancellable; /* of the streams alone */
  pthread_mutex_t mutex;
  GPtrArray *nodes; /* of ObNode */
  guint64 bytes;
  GError *error;
} Streams;

typedef struct
{
  Streams *streams;
  guint index;
} Stream;

/* internal methods */

static void
fail (Streams *streams, GError *error)
{
  pthread_mutex_lock (&streams->mutex);
  if (streams->error == NULL)
    streams->error = error;
  else
    g_error_free (error);
  pthread_mutex_unlock (&streams->mutex);
  g_cancellable_cancel (streams->cancellable);
}

static ObNode *
store_stream (Streams *streams, guint index, GError **error)
{
  ObBackupRun *run = streams->run;
  const char *name = ob_database_dump_get_stream_name (streams->dump, index);
  ob_autofd int fd = ob_database_dump_open (streams->dump, index, streams->cancellable, error);
  g_autoptr (GArray) content = NULL;
  guint64 size = 0;
  struct timespec now = { 0 };

  if (fd < 0)
    return NULL;
  if (!ob_writer_add_stream (run->writer, fd, OB_CHUNKS_STREAM, run->progress, &content, &size,
                             streams->cancellable, error))
    return NULL;
  ob_fd_clear (&fd);
  /* An archive that ends early looks like one that is whole: its maker knows. */
  if (!ob_database_dump_close (streams->dump, index, streams->cancellable, error))
    return NULL;

  clock_gettime (CLOCK_REALTIME, &now);
  pthread_mutex_lock (&streams->mutex);
  streams->bytes += size;
  pthread_mutex_unlock (&streams->mutex);
  return ob_node_new_file (name, size, content, &now);
}

static gpointer
run_stream (gpointer data)
{
  Stream *stream = data;
  Streams *streams = stream->streams;
  g_autoptr (GError) error = NULL;
  ObNode *node = store_stream (streams, stream->index, &error);

  if (node == NULL)
    {
      fail (streams, g_steal_pointer (&error));
      return NULL;
    }
  pthread_mutex_lock (&streams->mutex);
  g_ptr_array_add (streams->nodes, node);
  pthread_mutex_unlock (&streams->mutex);
  return NULL;
}

static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_cancellable_cancel (user_data);
}

/* Reads all streams at once, so that the locks that keep the tables as they are go early. */
static void
run_streams (Streams *streams)
{
  guint n_streams = ob_database_dump_get_n_streams (streams->dump);
  g_autofree Stream *each = g_new0 (Stream, n_streams);
  g_autoptr (GPtrArray) threads = g_ptr_array_new ();
  gulong handler = g_cancellable_connect (streams->run->cancellable, G_CALLBACK (on_cancelled),
                                          streams->cancellable, NULL);

  for (guint i = 0; i < n_streams; i++)
    {
      each[i] = (Stream){ streams, i };
      g_ptr_array_add (threads, g_thread_new ("dump", run_stream, &each[i]));
    }
  for (guint i = 0; i < n_streams; i++)
    g_thread_join (g_ptr_array_index (threads, i));
  g_cancellable_disconnect (streams->run->cancellable, handler);
}

static gboolean
store_streams (ObBackupRun *run, ObDatabaseDump *dump, GPtrArray *nodes, GError **error)
{
  Streams streams = { .run = run, .dump = dump, .nodes = nodes };

  /* Beside those with rows there are the schema's and that of large objects. */
  ob_writer_set_n_streams (run->writer, MAX (ob_database_dump_get_n_streams (dump), 3) - 2);
  pthread_mutex_init (&streams.mutex, NULL);
  streams.cancellable = g_cancellable_new ();
  run_streams (&streams);
  g_object_unref (streams.cancellable);
  pthread_mutex_destroy (&streams.mutex);
  run->manifest->database_bytes = streams.bytes;
  if (streams.error != NULL)
    {
      g_propagate_error (error, streams.error);
      return FALSE;
    }
  return TRUE;
}

/* A file without a name: a million attachments are too many to keep in memory until their
 * directories have been read. But no room for it there must not keep a backup away from where there
 * is: then it is in memory. -1 with errno set. */
static int
open_list (ObContext *context)
{
  int fd = open (context->cache_path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

  if (fd < 0)
    {
      g_autofree char *path = g_build_filename (context->cache_path, "list-XXXXXX", NULL);

      fd = g_mkstemp_full (path, O_RDWR | O_CLOEXEC, 0600);
      if (fd >= 0)
        unlink (path);
    }
  return fd >= 0 ? fd : memfd_create ("obbackup-attachments", MFD_CLOEXEC);
}

typedef struct
{
  FILE *file;
  int errnum; /* why it could not be written to; 0: it could */
} AttachmentList;

/* Goes on where it cannot be written, so that the database can be asked once more. */
static gboolean
list_attachment (const char *relative_path, gpointer user_data)
{
  AttachmentList *list = user_data;

  if (list->errnum == 0 && fwrite (relative_path, strlen (relative_path) + 1, 1, list->file) != 1)
    list->errnum = errno;
  return TRUE;
}

/* @errnum: why the database was read but the list not written; 0: it was. */
static gboolean
write_list (ObBackupRun *run, ObDatabaseDump *dump, int fd, int *errnum, GError **error)
{
  ob_autofd int copy = fcntl (fd, F_DUPFD_CLOEXEC, 3);
  AttachmentList list = { .file = copy >= 0 ? fdopen (copy, "w") : NULL };
  gboolean listed = FALSE;

  if (list.file == NULL)
    return ob_set_error_errno (error, errno, "A temporary file failed");
  ob_fd_steal (&copy);
  listed = ob_database_dump_list_attachments (dump, list_attachment, &list, run->cancellable,
                                              error);
  if (fflush (list.file) != 0 && list.errnum == 0)
    list.errnum = errno;
  fclose (list.file);
  *errnum = list.errnum;
  return listed;
}

static gboolean
list_attachments (ObBackupRun *run, ObDatabaseDump *dump, GError **error)
{
  ob_autofd int fd = open_list (run->context);
  int errnum = 0;

  if (!write_list (run, dump, fd, &errnum, error))
    return FALSE;
  if (errnum != 0)
    {
      ob_fd_clear (&fd);
      fd = memfd_create ("obbackup-attachments", MFD_CLOEXEC);
      if (!write_list (run, dump, fd, &errnum, error))
        return FALSE;
    }
  if (errnum != 0)
    return ob_set_error_errno (error, errnum, "The list of attachments cannot be kept in memory");
  run->attachments_list = ob_fd_steal (&fd);
  return TRUE;
}

static gboolean
add_database_node (ObBackupRun *run, GPtrArray *nodes, GError **error)
{
  struct timespec now = { 0 };
  ObId tree = { 0 };

  if (!ob_writer_add_tree (run->writer, nodes, &tree, error))
    return FALSE;
  clock_gettime (CLOCK_REALTIME, &now);
  g_ptr_array_add (run->nodes,
                   ob_node_new_directory (ob_part_get_name (OB_PART_DATABASE), &tree, &now));
  return TRUE;
}

/* methods of this room */

gboolean
ob_backup_run_database (ObBackupRun *run, GError **error)
{
  guint n_parallel = CLAMP (run->context->n_threads, 1, MAX_PARALLEL);
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autoptr (ObDatabaseDump) dump = NULL;

  ob_progress_set_phase (run->progress, "database");
  dump = ob_database_dump_begin (ob_instance_get_database (run->instance), n_parallel,
                                 run->context->lock_timeout, run->progress, run->cancellable,
                                 error);
  if (dump == NULL)
    return FALSE;
  clock_gettime (CLOCK_REALTIME, &run->manifest->start);
  for (guint i = 0; i < ob_database_dump_get_n_streams (dump); i++)
    {
      ob_progress_add_total (run->progress, ob_database_dump_get_expected_size (dump, i));
      g_ptr_array_add (run->manifest->streams,
                       g_strdup (ob_database_dump_get_stream_name (dump, i)));
    }

  if (!store_streams (run, dump, nodes, error))
    return FALSE;
  if ((run->parts & OB_PART_ATTACHMENTS) && !list_attachments (run, dump, error))
    return FALSE;
  run->manifest->facts = ob_database_dump_describe (dump, run->cancellable, error);
  if (run->manifest->facts == NULL)
    return FALSE;
  run->manifest->parts |= OB_PART_DATABASE;
  return add_database_node (run, nodes, error);
}
