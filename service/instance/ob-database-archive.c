/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Running pg_restore.
 *
 * Who runs what, so that nothing that the application's role wrote ever runs as a superuser:
 *
 * - pre-data (tables, functions, views, types, ACLs) by the superuser, in the archive's own order,
 *   which sets every owner right. None of these statements evaluates an expression of a user: there
 *   are no rows yet, functions are not checked (check_function_bodies is off), materialized views are
 *   made without data, and types with code of their own need a superuser to exist at all.
 * - rows by bbdd.user, always: a COPY runs CHECK constraints, domain checks, defaults, generated
 *   columns and partition expressions. Into tables of other roles it gets INSERT for as long. Large
 *   objects run nothing, and are loaded by the superuser, who may write those of everybody.
 * - post-data of bbdd.user's objects by bbdd.user: adding a constraint to a filled table evaluates
 *   it. What belongs to others by the superuser; index builds and refreshes switch to the owner of
 *   the table by themselves, in a state in which they cannot switch back (PostgreSQL 15, "CREATE
 *   INDEX", "REFRESH MATERIALIZED VIEW": security-restricted operation).
 *
 * SET ROLE and SET SESSION AUTHORIZATION are no barrier, since a function can reset them.
 */
#include "ob-database-restore-private.h"

#include "ob-child.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SCHEMA_STREAM "schema.dump"
#define LARGE_OBJECTS_STREAM "large-objects.dump"

/* How one pg_restore is run. */
typedef struct
{
  ObRole role;
  const char *section; /* "pre-data"…; NULL: all of the archive */
  int archive_fd;      /* memfd; -1: the archive comes through @stdin_fd */
  int list_fd;         /* memfd with entries to restore; -1: all */
  int stdin_fd;        /* 0: none */
  guint n_jobs;
  gboolean only_list;  /* print the table of contents, connect to nothing */
} RestoreCommand;

/* The streams with rows, and the threads that load them. */
typedef struct
{
  ObRestoreRun *run;
  GCancellable *cancellable;
  pthread_mutex_t mutex;
  guint next;      /* index into request->streams */
  GError *error;   /* the first; ends the others */
} DataLoad;

/* internal methods */

static GPtrArray *
build_argv (ObRestoreRun *run, const RestoreCommand *command)
{
  GPtrArray *argv = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (argv, g_strdup (run->pg_restore));
  if (command->only_list)
    g_ptr_array_add (argv, g_strdup ("--list"));
  else
    {
      g_ptr_array_add (argv, g_strdup ("--exit-on-error"));
      g_ptr_array_add (argv, g_strdup ("--no-password"));
      g_ptr_array_add (argv, g_strdup ("--dbname"));
      g_ptr_array_add (argv, ob_postgres_build_conninfo (run->config, command->role,
                                                         run->request->target));
    }
  if (command->section != NULL)
    g_ptr_array_add (argv, g_strconcat ("--section=", command->section, NULL));
  if (run->no_tablespaces && !command->only_list)
    g_ptr_array_add (argv, g_strdup ("--no-tablespaces"));
  if (command->n_jobs > 1)
    g_ptr_array_add (argv, g_strdup_printf ("--jobs=%u", command->n_jobs));
  if (command->list_fd >= 0)
    g_ptr_array_add (argv, g_strdup_printf ("--use-list=/proc/self/fd/%d", command->list_fd));
  if (command->archive_fd >= 0)
    g_ptr_array_add (argv, g_strdup_printf ("/proc/self/fd/%d", command->archive_fd));
  g_ptr_array_add (argv, NULL);
  return argv;
}

static ObChild *
start_pg_restore (ObRestoreRun *run, const RestoreCommand *command, GError **error)
{
  g_autoptr (GPtrArray) argv = build_argv (run, command);
  g_autofree char *pass_file
    = g_strconcat ("PGPASSFILE=", ob_pass_file_get_path (run->pass_file), NULL);
  const char *environment[] = { "PATH=/usr/bin:/bin", "LANG=C.UTF-8", pass_file,
                                "PGAPPNAME=obbackup",
                                /* The rename that publishes the database is synchronous, and with
                                 * it everything before. */
                                "PGOPTIONS=-c synchronous_commit=off -c statement_timeout=0", NULL };
  int keep[2];
  gsize n_keep = 0;
  ObChildSpec spec = { .argv = (const char *const *) argv->pdata,
                       .environment = environment,
                       .keep_fds = keep,
                       .stdin_fd = command->stdin_fd,
                       .stdout_fd = command->only_list ? OB_CHILD_CAPTURE : 0 };

  if (command->archive_fd >= 0)
    keep[n_keep++] = command->archive_fd;
  if (command->list_fd >= 0)
    keep[n_keep++] = command->list_fd;
  spec.n_keep_fds = n_keep;
  return ob_child_start (&spec, error);
}

static gboolean
run_pg_restore (ObRestoreRun *run, const RestoreCommand *command, GCancellable *cancellable,
                GError **error)
{
  g_autoptr (ObChild) child = start_pg_restore (run, command, error);

  return child != NULL && ob_child_wait (child, cancellable, error);
}

/* A memfd with @size bytes of @data; -1 on error. */
static int
make_memory_file (const char *name, const void *data, gsize size, GError **error)
{
  ob_autofd int fd = memfd_create (name, MFD_CLOEXEC);

  if (fd < 0 || !ob_write_full (fd, data, size))
    {
      ob_set_error_errno (error, errno, "No memory for %s", name);
      return -1;
    }
  return ob_fd_steal (&fd);
}

/* ---- The table of contents */

static const char *
find_owner (const char *line, GPtrArray *roles)
{
  const char *found = NULL;

  for (guint i = 0; i < roles->len; i++)
    {
      g_autofree char *suffix = g_strconcat (" ", roles->pdata[i], NULL);

      if (g_str_has_suffix (line, suffix)
          && (found == NULL || strlen (roles->pdata[i]) > strlen (found)))
        found = roles->pdata[i];
    }
  return found;
}

static GPtrArray *
collect_roles (ObRestoreRun *run)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  JsonArray *roles = NULL;

  if (json_object_has_member (run->request->facts, "roles"))
    roles = json_object_get_array_member (run->request->facts, "roles");
  g_ptr_array_add (names, g_strdup (run->config->user));
  for (guint i = 0; roles != NULL && i < json_array_get_length (roles); i++)
    {
      JsonObject *role = json_array_get_object_element (roles, i);

      g_ptr_array_add (names, g_strdup (json_object_get_string_member_with_default (role, "name",
                                                                                    "")));
    }
  return names;
}

/* Runs `pg_restore --list` over the schema's section. Both transfer full. */
static gboolean
read_lists (ObRestoreRun *run, const char *section, GString **owned, GString **others,
            GCancellable *cancellable, GError **error)
{
  RestoreCommand command = { .section = section,
                             .archive_fd = run->schema_fd,
                             .list_fd = -1,
                             .only_list = TRUE };
  g_autoptr (GPtrArray) roles = collect_roles (run);
  g_autoptr (ObChild) child = start_pg_restore (run, &command, error);

  if (child == NULL || !ob_child_wait (child, cancellable, error))
    return FALSE;
  ob_restore_split_list (ob_child_get_output (child), run->config->user, roles, owned, others);
  return TRUE;
}

/* Restores the entries of @list, if there are any. */
static gboolean
restore_list (ObRestoreRun *run, ObRole role, const char *section, GString *list, guint n_jobs,
              GCancellable *cancellable, GError **error)
{
  ob_autofd int list_fd = -1;
  RestoreCommand command = { .role = role,
                             .section = section,
                             .archive_fd = run->schema_fd,
                             .n_jobs = n_jobs };

  if (list->len == 0)
    return TRUE;
  list_fd = make_memory_file ("obbackup-list", list->str, list->len, error);
  if (list_fd < 0)
    return FALSE;
  command.list_fd = list_fd;
  return run_pg_restore (run, &command, cancellable, error);
}

/* ---- Rows */

static gboolean
is_data_stream (const char *stream)
{
  return strcmp (stream, SCHEMA_STREAM) != 0;
}

/* Loads one stream: pg_restore reads from a pipe that the caller's function fills. */
static gboolean
load_stream (ObRestoreRun *run, const char *stream, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) feed_error = NULL;
  g_autoptr (GError) child_error = NULL;
  g_autoptr (ObChild) child = NULL;
  gboolean large_objects = strcmp (stream, LARGE_OBJECTS_STREAM) == 0;
  RestoreCommand command = { .role = large_objects ? run->admin : OB_ROLE_OWNER,
                             .archive_fd = -1,
                             .list_fd = -1 };
  int fds[2];
  gboolean fed;

  if (pipe2 (fds, O_CLOEXEC) < 0)
    return ob_set_error_errno (error, errno, "No pipe for %s", stream);
  fcntl (fds[1], F_SETPIPE_SZ, 1 << 20);

  command.stdin_fd = fds[0];
  child = start_pg_restore (run, &command, error);
  close (fds[0]);
  if (child == NULL)
    {
      close (fds[1]);
      return FALSE;
    }

  fed = run->request->feed (stream, fds[1], run->request->user_data, cancellable, &feed_error);
  close (fds[1]);
  if (!fed && !g_error_matches (feed_error, OB_ERROR, OB_ERROR_FAILED))
    ob_child_kill (child);
  if (!ob_child_wait (child, cancellable, &child_error))
    {
      /* A feed that broke because pg_restore ended says less than pg_restore does; a feed that
       * found damage or was cancelled says more. */
      if (!fed && !g_error_matches (feed_error, OB_ERROR, OB_ERROR_FAILED))
        g_propagate_error (error, g_steal_pointer (&feed_error));
      else
        g_propagate_prefixed_error (error, g_steal_pointer (&child_error),
                                    "The rows of %s cannot be loaded: ", stream);
      return FALSE;
    }
  if (!fed)
    g_propagate_error (error, g_steal_pointer (&feed_error));
  return fed;
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

      if (is_data_stream (candidate))
        stream = candidate;
    }
  pthread_mutex_unlock (&load->mutex);
  return stream;
}

static gpointer
load_thread (gpointer data)
{
  DataLoad *load = data;
  const char *stream;

  while ((stream = next_stream (load)) != NULL)
    {
      GError *error = NULL;

      if (load_stream (load->run, stream, load->cancellable, &error))
        continue;
      pthread_mutex_lock (&load->mutex);
      if (load->error == NULL)
        {
          load->error = g_steal_pointer (&error);
          g_cancellable_cancel (load->cancellable);
        }
      pthread_mutex_unlock (&load->mutex);
      g_clear_error (&error);
    }
  return NULL;
}

static void
on_cancelled (GCancellable *cancellable, gpointer inner)
{
  g_cancellable_cancel (inner);
}

static gboolean
load_streams (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) threads = g_ptr_array_new ();
  g_autoptr (GCancellable) inner = g_cancellable_new ();
  DataLoad load = { .run = run, .cancellable = inner, .mutex = PTHREAD_MUTEX_INITIALIZER };
  gulong handler = cancellable == NULL ? 0
                                       : g_cancellable_connect (cancellable,
                                                                G_CALLBACK (on_cancelled), inner,
                                                                NULL);

  for (guint i = 0; i < run->request->n_parallel; i++)
    g_ptr_array_add (threads, g_thread_new ("restore-rows", load_thread, &load));
  for (guint i = 0; i < threads->len; i++)
    g_thread_join (threads->pdata[i]);

  g_cancellable_disconnect (cancellable, handler);
  pthread_mutex_destroy (&load.mutex);
  if (load.error == NULL)
    return TRUE;
  g_propagate_error (error, load.error);
  return FALSE;
}

/* What bbdd.user needs for loading rows into the relations of other roles, and how it is taken back:
 * two lists of statements. Only what it does not have already. Transfer full. */
static gboolean
plan_grants (ObRestoreRun *run, ObPostgres *postgres, GString **grants, GString **revokes,
             GCancellable *cancellable, GError **error)
{
  const char *parameters[] = { run->config->user, NULL };
  PGresult *result = ob_postgres_query (
    postgres,
    "SELECT format('GRANT USAGE ON SCHEMA %I TO %I;', n.nspname, $1::text),"
    "       format('REVOKE USAGE ON SCHEMA %I FROM %I;', n.nspname, $1::text)"
    "  FROM pg_namespace n"
    " WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
    "   AND NOT has_schema_privilege($1::text::name, n.oid, 'USAGE')"
    " UNION ALL "
    "SELECT format('GRANT %s ON %s %I.%I TO %I;', p.privilege,"
    "              CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,"
    "              n.nspname, c.relname, $1::text),"
    "       format('REVOKE %s ON %s %I.%I FROM %I;', p.privilege,"
    "              CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,"
    "              n.nspname, c.relname, $1::text)"
    "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    "  JOIN (VALUES ('S', 'UPDATE'), ('r', 'INSERT'), ('r', 'REFERENCES'), ('p', 'INSERT'),"
    "               ('p', 'REFERENCES')) p(kind, privilege) ON p.kind = c.relkind::text"
    " WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
    "   AND NOT CASE c.relkind"
    "             WHEN 'S' THEN has_sequence_privilege($1::text::name, c.oid, p.privilege)"
    "             ELSE has_table_privilege($1::text::name, c.oid, p.privilege) END",
    parameters, cancellable, error);

  if (result == NULL)
    return FALSE;
  *grants = g_string_new (NULL);
  *revokes = g_string_new (NULL);
  for (int i = 0; i < PQntuples (result); i++)
    {
      g_string_append (*grants, PQgetvalue (result, i, 0));
      g_string_append (*revokes, PQgetvalue (result, i, 1));
    }
  PQclear (result);
  return TRUE;
}

static gboolean
run_statements (ObPostgres *postgres, GString *statements, GCancellable *cancellable,
                GError **error)
{
  return statements->len == 0 || ob_postgres_run (postgres, cancellable, error, statements->str);
}

/* Rows and the owner's post-data, with the grants that both need around them. */
static gboolean
with_grants (ObRestoreRun *run, gboolean (*work) (ObRestoreRun *, GCancellable *, GError **),
             GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres = NULL;
  g_autoptr (GString) grants = NULL;
  g_autoptr (GString) revokes = NULL;

  if (run->admin == OB_ROLE_OWNER)
    return work (run, cancellable, error);
  postgres = ob_postgres_connect (run->config, run->admin, run->request->target, cancellable,
                                  error);
  return postgres != NULL && plan_grants (run, postgres, &grants, &revokes, cancellable, error)
         && run_statements (postgres, grants, cancellable, error)
         && work (run, cancellable, error)
         && run_statements (postgres, revokes, cancellable, error);
}

static gboolean
restore_owned_post_data (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  g_autoptr (GString) owned = NULL;
  g_autoptr (GString) others = NULL;

  return read_lists (run, "post-data", &owned, &others, cancellable, error)
         && restore_list (run, OB_ROLE_OWNER, "post-data", owned, run->request->n_parallel,
                          cancellable, error);
}

/* Without a superuser: the extensions that the owner may create. */
static gboolean
create_extensions (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres = ob_postgres_connect (
    run->config, OB_ROLE_OWNER, run->request->target, cancellable, error);
  JsonArray *extensions = NULL;

  if (postgres == NULL)
    return FALSE;
  if (json_object_has_member (run->request->facts, "extensions"))
    extensions = json_object_get_array_member (run->request->facts, "extensions");
  for (guint i = 0; extensions != NULL && i < json_array_get_length (extensions); i++)
    {
      JsonObject *extension = json_array_get_object_element (extensions, i);
      const char *name = json_object_get_string_member_with_default (extension, "name", "");
      g_autoptr (GError) local_error = NULL;

      if (ob_postgres_runf (postgres, cancellable, &local_error,
                            "CREATE EXTENSION IF NOT EXISTS %I CASCADE", name))
        continue;
      if (g_error_matches (local_error, OB_ERROR, OB_ERROR_CANCELLED))
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
      ob_progress_warn (run->progress, TRUE,
                        "The extension %s cannot be created without a superuser "
                        "(bbdd.systemUser): %s",
                        name, local_error->message);
    }
  return TRUE;
}

/* public methods */

void
ob_restore_split_list (const char *list, const char *owner, GPtrArray *roles, GString **owned,
                       GString **others)
{
  g_auto (GStrv) lines = g_strsplit (list, "\n", -1);

  *owned = g_string_new (NULL);
  *others = g_string_new (NULL);
  for (gsize i = 0; lines[i] != NULL; i++)
    {
      GString *target = *others;

      if (!g_ascii_isdigit (lines[i][0]))
        continue;
      if (g_strcmp0 (find_owner (lines[i], roles), owner) == 0)
        target = *owned;
      g_string_append_printf (target, "%s\n", lines[i]);
    }
}

int
ob_restore_load_schema (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  ob_autofd int fd = memfd_create ("obbackup-schema", MFD_CLOEXEC);

  if (fd < 0)
    {
      ob_set_error_errno (error, errno, "No memory for the schema");
      return -1;
    }
  if (!run->request->feed (SCHEMA_STREAM, fd, run->request->user_data, cancellable, error))
    return -1;
  return ob_fd_steal (&fd);
}

gboolean
ob_restore_pre_data (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  RestoreCommand command = { .role = run->admin,
                             .section = "pre-data",
                             .archive_fd = run->schema_fd,
                             .list_fd = -1 };
  g_autoptr (GString) owned = NULL;
  g_autoptr (GString) others = NULL;

  if (run->admin == OB_ROLE_SUPERUSER)
    return run_pg_restore (run, &command, cancellable, error);

  if (!create_extensions (run, cancellable, error)
      || !read_lists (run, "pre-data", &owned, &others, cancellable, error))
    return FALSE;
  if (strstr (others->str, " TABLE ") != NULL)
    ob_progress_warn (run->progress, TRUE,
                      "What belongs to other roles than %s is left out, since no superuser "
                      "(bbdd.systemUser) is configured",
                      run->config->user);
  return restore_list (run, OB_ROLE_OWNER, "pre-data", owned, 1, cancellable, error);
}

gboolean
ob_restore_data (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  return with_grants (run, load_streams, cancellable, error);
}

gboolean
ob_restore_post_data (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  g_autoptr (GString) owned = NULL;
  g_autoptr (GString) others = NULL;

  if (!with_grants (run, restore_owned_post_data, cancellable, error))
    return FALSE;
  if (run->admin == OB_ROLE_OWNER)
    return TRUE;
  return read_lists (run, "post-data", &owned, &others, cancellable, error)
         && restore_list (run, OB_ROLE_SUPERUSER, "post-data", others, run->request->n_parallel,
                          cancellable, error);
}
