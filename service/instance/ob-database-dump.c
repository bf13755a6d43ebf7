/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The dump as an object: its pg_dump processes and their pipes.
 *
 * All of them are started at once and waited for until each writes its first bytes: pg_dump writes
 * none before it has locked its tables and read the catalogues. Until then nothing has left this
 * file, so that all can be taken back and begun again with a new snapshot.
 */
#include "ob-database-dump-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"

#define PIPE_BYTES (1024 * 1024)
/* How often, in milliseconds, it is looked whether pg_dump waits for a lock. */
#define LOOK_MILLISECONDS 60
#define PAUSE_MILLISECONDS 100
/* How often one that is stuck is helped, before all begin again. */
#define MAX_UNTANGLES 200

/* internal methods */

static GPtrArray *
build_argv (ObDatabaseDump *self, const ObDumpStream *stream)
{
  GPtrArray *argv = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (argv, g_strdup (self->pg_dump));
  g_ptr_array_add (argv, g_strdup ("--format=custom"));
  g_ptr_array_add (argv, g_strdup ("--compress=0"));
  g_ptr_array_add (argv, g_strdup ("--no-password"));
  /* A restored one would begin to replicate, and block DROP DATABASE. */
  g_ptr_array_add (argv, g_strdup ("--no-subscriptions"));
  g_ptr_array_add (argv, g_strconcat ("--snapshot=", self->snapshot, NULL));
  g_ptr_array_add (argv,
                   g_strdup_printf ("--lock-wait-timeout=%us", MAX (self->lock_timeout, 1)));
  for (guint i = 0; i < stream->arguments->len; i++)
    g_ptr_array_add (argv, g_strdup (g_ptr_array_index (stream->arguments, i)));
  g_ptr_array_add (argv, g_strdup ("--dbname"));
  g_ptr_array_add (argv, ob_postgres_build_conninfo (self->config, self->role, self->config->name));
  g_ptr_array_add (argv, NULL);
  return argv;
}

static gboolean
start_stream (ObDatabaseDump *self, ObDumpStream *stream, GError **error)
{
  g_autoptr (GPtrArray) argv = build_argv (self, stream);
  int pass_fd = ob_pass_file_get_fd (self->pass_file);
  g_autofree char *pass_file
    = g_strconcat ("PGPASSFILE=", ob_pass_file_get_path (self->pass_file), NULL);
  const char *environment[]
    = { "PATH=/usr/bin:/bin", "LANG=C.UTF-8", pass_file, "PGAPPNAME=obbackup", NULL };
  ob_autofd int childs = -1;
  int fds[2];
  ObChildSpec spec = { .argv = (const char *const *) argv->pdata,
                       .environment = environment,
                       .keep_fds = &pass_fd,
                       .n_keep_fds = 1 };

  if (pipe2 (fds, O_CLOEXEC) < 0)
    return ob_set_error_errno (error, errno, "No pipe for %s", stream->name);
  stream->fd = fds[0];
  childs = fds[1];
  /* Fewer and longer turns for both sides; where the user's limit is reached, 64 KiB will do. */
  fcntl (stream->fd, F_SETPIPE_SZ, PIPE_BYTES);
  spec.stdout_fd = childs;
  stream->child = ob_child_start (&spec, error);
  return stream->child != NULL;
}

static gboolean
mentions (const char *text, const char *const *words)
{
  for (gsize i = 0; words[i] != NULL; i++)
    if (strstr (text, words[i]) != NULL)
      return TRUE;
  return FALSE;
}

/* The code that pg_dump's last words stand for. */
static int
judge_words (const char *words)
{
  static const char *const timeouts[]
    = { "due to statement timeout", "due to lock timeout", "could not obtain lock", NULL };
  static const char *const rejections[]
    = { "authentication failed", "no password supplied", "no pg_hba.conf entry", NULL };
  static const char *const losses[]
    = { "connection to server", "server closed the connection", "terminating connection",
        "no connection to the server", "could not connect", "SSL connection has been closed",
        "connection not open", NULL };

  if (strstr (words, "No space left on device") != NULL)
    return OB_ERROR_NO_SPACE;
  if (mentions (words, timeouts))
    return OB_ERROR_BUSY;
  if (mentions (words, rejections))
    return OB_ERROR_CREDENTIALS_REJECTED;
  if (mentions (words, losses))
    return OB_ERROR_DATABASE_UNREACHABLE;
  return OB_ERROR_FAILED;
}

/* Waits for pg_dump; its last words become the error. */
static gboolean
wait_stream (ObDatabaseDump *self, ObDumpStream *stream, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  int code;

  if (ob_child_wait (stream->child, cancellable, &local_error))
    return TRUE;
  code = local_error->code;
  if (code == OB_ERROR_FAILED)
    code = judge_words (local_error->message);
  g_set_error (error, OB_ERROR, code, "The database \"%s\" cannot be dumped (%s): %s",
               self->config->name, stream->name, local_error->message);
  return FALSE;
}

/* Ends what runs; nobody reads it any more. */
static void
end_streams (ObDatabaseDump *self)
{
  for (guint i = 0; self->streams != NULL && i < self->streams->len; i++)
    {
      ObDumpStream *stream = g_ptr_array_index (self->streams, i);

      if (stream->child != NULL)
        ob_child_kill (stream->child);
      ob_fd_clear (&stream->fd);
    }
  for (guint i = 0; self->streams != NULL && i < self->streams->len; i++)
    {
      ObDumpStream *stream = g_ptr_array_index (self->streams, i);

      g_clear_pointer (&stream->child, ob_child_free);
    }
}

/* Marks the streams that write. FALSE where one ended without a word, or a cancellation came. */
static gboolean
poll_streams (ObDatabaseDump *self, gboolean *all, GCancellable *cancellable, GError **error)
{
  g_autofree struct pollfd *fds = g_new0 (struct pollfd, self->streams->len + 1);
  GPollFD cancel = { .fd = -1 };
  gboolean has_fd = cancellable != NULL && g_cancellable_make_pollfd (cancellable, &cancel);

  for (guint i = 0; i < self->streams->len; i++)
    {
      const ObDumpStream *stream = g_ptr_array_index (self->streams, i);

      fds[i] = (struct pollfd){ .fd = stream->ready ? -1 : stream->fd, .events = POLLIN };
    }
  fds[self->streams->len] = (struct pollfd){ .fd = has_fd ? cancel.fd : -1, .events = POLLIN };
  poll (fds, self->streams->len + 1, LOOK_MILLISECONDS);
  if (has_fd)
    g_cancellable_release_fd (cancellable);
  if (!ob_dump_pause (0, cancellable, error))
    return FALSE;

  *all = TRUE;
  for (guint i = 0; i < self->streams->len; i++)
    {
      ObDumpStream *stream = g_ptr_array_index (self->streams, i);

      if ((fds[i].revents & POLLIN) != 0)
        stream->ready = TRUE;
      else if (fds[i].revents != 0)
        {
          if (wait_stream (self, stream, cancellable, error))
            g_set_error (error, OB_ERROR, OB_ERROR_FAILED, "pg_dump wrote nothing to %s",
                         stream->name);
          return FALSE;
        }
      *all = *all && stream->ready;
    }
  return TRUE;
}

/* One look at those that have not begun yet. *@stuck: they never will. */
static gboolean
help_streams (ObDatabaseDump *self, guint *n_untangles, gint64 deadline, gboolean *stuck,
              GCancellable *cancellable, GError **error)
{
  gboolean waiting, entangled, done = FALSE;

  if (!ob_dump_look_for_waiters (self, &waiting, &entangled, cancellable, error))
    return FALSE;
  if (waiting && g_get_monotonic_time () >= deadline)
    return ob_dump_fail_busy (self, cancellable, error);
  if (entangled && (*n_untangles)++ < MAX_UNTANGLES
      && !ob_dump_untangle (self, &done, cancellable, error))
    return FALSE;
  *stuck = entangled && !done;
  return TRUE;
}

/* Until every stream writes and the rows are being counted. *@stuck: it has to begin again. */
static gboolean
await_streams (ObDatabaseDump *self, gint64 deadline, gboolean *stuck, GCancellable *cancellable,
               GError **error)
{
  guint n_untangles = 0;
  gboolean all = FALSE;
  gboolean counting = FALSE;

  for (;;)
    {
      if (!poll_streams (self, &all, cancellable, error)
          || !ob_row_count_is_ready (self->count, &counting, error))
        return FALSE;
      if (all && counting)
        return TRUE;
      if (all)
        ob_dump_pause (1, cancellable, NULL);
      if (!help_streams (self, &n_untangles, deadline, stuck, cancellable, error) || *stuck)
        return FALSE;
    }
}

static gboolean
start_streams (ObDatabaseDump *self, GError **error)
{
  for (guint i = 0; i < self->streams->len; i++)
    if (!start_stream (self, g_ptr_array_index (self->streams, i), error))
      return FALSE;
  self->count = ob_row_count_new (self);
  return TRUE;
}

/* Takes everything back, so that it can begin again. */
static void
take_back (ObDatabaseDump *self)
{
  end_streams (self);
  g_clear_pointer (&self->count, ob_row_count_free);
  ob_postgres_run (self->session, NULL, NULL, "ROLLBACK");
}

static gboolean
begin (ObDatabaseDump *self, GCancellable *cancellable, GError **error)
{
  gint64 deadline = g_get_monotonic_time () + self->lock_timeout * G_USEC_PER_SEC;

  for (;;)
    {
      g_autoptr (GError) local_error = NULL;
      gboolean stuck = FALSE;

      if (!ob_dump_take_snapshot (self, deadline, cancellable, error)
          || !ob_dump_plan (self, cancellable, error))
        return FALSE;
      if (start_streams (self, &local_error)
          && await_streams (self, deadline, &stuck, cancellable, &local_error))
        return TRUE;
      if (stuck && g_get_monotonic_time () >= deadline)
        ob_dump_fail_busy (self, cancellable, &local_error);
      take_back (self);
      if (local_error != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
      if (!ob_dump_pause (PAUSE_MILLISECONDS, cancellable, error))
        return FALSE;
    }
}

/* A subscription that is restored would take the changes that are meant for the living database,
 * so none is in the dump. Only a superuser may look. */
static gboolean
warn_of_subscriptions (ObDatabaseDump *self, GCancellable *cancellable, GError **error)
{
  g_autofree char *count = NULL;

  if (!self->superuser)
    return TRUE;
  count = ob_postgres_get_text (self->session,
                                "SELECT count(*) FROM pg_subscription WHERE subdbid ="
                                " (SELECT oid FROM pg_database WHERE datname = current_database())",
                                NULL, cancellable, error);
  if (count == NULL)
    return FALSE;
  if (strcmp (count, "0") != 0)
    ob_progress_warn (self->progress, FALSE,
                      "Subscriptions to other servers are not part of a backup; the database "
                      "\"%s\" has %s, to be created anew after a restore",
                      self->config->name, count);
  return TRUE;
}

static gboolean
connect_dump (ObDatabaseDump *self, GCancellable *cancellable, GError **error)
{
  const char *superuser;

  self->pass_file = ob_pass_file_new (self->config, error);
  if (self->pass_file == NULL)
    return FALSE;
  self->session = ob_postgres_connect (self->config, self->role, NULL, cancellable, error);
  if (self->session == NULL)
    return FALSE;
  superuser
    = PQparameterStatus (ob_postgres_get_connection (self->session), "is_superuser");
  self->superuser = g_strcmp0 (superuser, "on") == 0;
  if (!warn_of_subscriptions (self, cancellable, error))
    return FALSE;
  self->pg_dump = ob_postgres_find_tool ("pg_dump", ob_postgres_get_version (self->session), 0,
                                         cancellable, error);
  return self->pg_dump != NULL;
}

/* methods of this room */

gboolean
ob_dump_join_count (ObDatabaseDump *self, GCancellable *cancellable, GError **error)
{
  if (self->count != NULL)
    {
      self->owner = ob_row_count_join (self->count, cancellable, error);
      g_clear_pointer (&self->count, ob_row_count_free);
      return self->owner != NULL;
    }
  if (self->owner == NULL)
    g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                 "The snapshot of the database \"%s\" is gone", self->config->name);
  return self->owner != NULL;
}

/* public methods */

ObDatabaseDump *
ob_database_dump_begin (const ObDatabaseConfig *config,
                        guint n_parallel,
                        guint lock_timeout,
                        ObProgress *progress,
                        GCancellable *cancellable,
                        GError **error)
{
  g_autoptr (ObDatabaseDump) self = g_new0 (ObDatabaseDump, 1);

  self->config = ob_database_config_copy (config);
  self->progress = progress != NULL ? ob_progress_ref (progress) : NULL;
  self->role = ob_database_admin_role (config);
  self->n_parallel = CLAMP (n_parallel, 1, 16);
  self->lock_timeout = lock_timeout;
  if (!connect_dump (self, cancellable, error) || !begin (self, cancellable, error))
    return NULL;
  return g_steal_pointer (&self);
}

guint
ob_database_dump_get_n_streams (ObDatabaseDump *self)
{
  return self->streams->len;
}

const char *
ob_database_dump_get_stream_name (ObDatabaseDump *self, guint index)
{
  g_return_val_if_fail (index < self->streams->len, NULL);
  return ((ObDumpStream *) g_ptr_array_index (self->streams, index))->name;
}

guint64
ob_database_dump_get_expected_size (ObDatabaseDump *self, guint index)
{
  g_return_val_if_fail (index < self->streams->len, 0);
  return ((ObDumpStream *) g_ptr_array_index (self->streams, index))->expected;
}

int
ob_database_dump_open (ObDatabaseDump *self, guint index, GCancellable *cancellable,
                       GError **error)
{
  ObDumpStream *stream;

  g_return_val_if_fail (index < self->streams->len, -1);
  stream = g_ptr_array_index (self->streams, index);
  g_return_val_if_fail (stream->fd >= 0, -1);
  if (g_cancellable_is_cancelled (cancellable))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CANCELLED, "The job was cancelled");
      return -1;
    }
  return ob_fd_steal (&stream->fd);
}

gboolean
ob_database_dump_close (ObDatabaseDump *self, guint index, GCancellable *cancellable,
                        GError **error)
{
  ObDumpStream *stream;

  g_return_val_if_fail (index < self->streams->len, FALSE);
  stream = g_ptr_array_index (self->streams, index);
  g_return_val_if_fail (stream->child != NULL && stream->fd < 0, FALSE);
  if (g_cancellable_is_cancelled (cancellable))
    ob_child_kill (stream->child);
  return wait_stream (self, stream, cancellable, error);
}

void
ob_database_dump_free (ObDatabaseDump *self)
{
  if (self == NULL)
    return;

  end_streams (self);
  g_clear_pointer (&self->count, ob_row_count_free);
  g_clear_pointer (&self->streams, g_ptr_array_unref);
  g_clear_pointer (&self->tables, g_ptr_array_unref);
  g_clear_pointer (&self->owner, ob_postgres_free);
  g_clear_pointer (&self->session, ob_postgres_free);
  g_clear_pointer (&self->pass_file, ob_pass_file_free);
  g_clear_pointer (&self->progress, ob_progress_unref);
  ob_database_config_free (self->config);
  g_free (self->pg_dump);
  g_free (self->snapshot);
  g_free (self);
}
