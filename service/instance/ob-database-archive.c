/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Running pg_restore.
 *
 * Who runs what, so that nothing that the application's role wrote ever runs as a superuser:
 *
 * - What belongs to a superuser is made by the superuser, and all else by bbdd.user, in the
 *   archive's own order (ob-database-toc.c). Definitions evaluate more than one would think: the
 *   constants in a view, a default, a partition key or an aggregate are worked out when they are
 *   parsed, and a constant of a domain runs the domain's CHECK. That something belongs to another
 *   role does not tell that the application's wrote nothing of it: who is a member of a role may
 *   give it what is his, and a database's owner is one of pg_database_owner. What bbdd.user made
 *   for another is given to that one in the end (ob-database-owners.c). Where bbdd.user lacks a
 *   right on the things of superusers that its own stand on, it gets that right for as long.
 * - What superusers alone may make, and evaluates nothing, is made by the superuser for everybody,
 *   and so are functions of other roles that evaluate nothing: bbdd.user could put something else
 *   into one that is to run with its owner's rights. It is made and given in one transaction, since
 *   before it is given it runs with the superuser's. A trigger belongs to the owner of its table,
 *   but TRIGGER is a right that others may have: one with a condition is made by bbdd.user, and
 *   when it fires is set by the superuser (ob-database-nature.c).
 * - Rows by bbdd.user, always: a COPY runs CHECK constraints, domain checks, defaults, generated
 *   columns and partition expressions. Large objects run nothing, and are loaded by the superuser,
 *   who may write those of everybody.
 * - Rights (GRANT, REVOKE) by the superuser, when all is made: they evaluate nothing. Behind them
 *   come materialized views, which are filled with the rights of their owners, and event triggers,
 *   which would see all that is changed, and may forbid it.
 *
 * Index builds and refreshes of others' tables switch to the owner of the table by themselves, in a
 * state in which they cannot switch back (PostgreSQL 15, "CREATE INDEX", "REFRESH MATERIALIZED
 * VIEW": security-restricted operation). SET ROLE and SET SESSION AUTHORIZATION are no barrier,
 * since a function can reset them.
 */
#include "ob-database-restore-private.h"

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SCHEMA_STREAM "schema.dump"

/* Of what is left out. */
#define MOST_NAMED 10

/* The rename that publishes the database is synchronous, and with it everything before. */
#define PG_OPTIONS "PGOPTIONS=-c synchronous_commit=off -c statement_timeout=0"
/* A check of a foreign key looks expensive enough for the server to compile it, and is not. */
#define NO_JIT " -c jit=off"
#define NO_HELPERS " -c max_parallel_maintenance_workers=0"
/* The version that has jit and helpers. */
#define HAS_BOTH 110000

/* internal methods */

/* For the server's side of pg_restore's connections. Transfer full. */
static char *
build_options (const ObRestoreRun *run)
{
  g_autoptr (GString) options = g_string_new (PG_OPTIONS);

  if (run->server_version >= HAS_BOTH)
    g_string_append (options, NO_JIT);
  if (ob_restore_sorts_alone (run))
    g_string_append (options, NO_HELPERS);
  if (run->sort_kib > 0)
    g_string_append_printf (options, " -c maintenance_work_mem=%" G_GUINT64_FORMAT,
                            run->sort_kib);
  return g_string_free (g_steal_pointer (&options), FALSE);
}

static GPtrArray *
build_argv (ObRestoreRun *run, const ObRestoreCommand *command)
{
  GPtrArray *argv = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (argv, g_strdup (run->pg_restore));
  if (command->output == OB_RESTORE_TO_LIST)
    g_ptr_array_add (argv, g_strdup ("--list"));
  else if (command->output == OB_RESTORE_TO_SCRIPT)
    g_ptr_array_add (argv, g_strdup ("--file=/proc/self/fd/1"));
  else
    {
      g_ptr_array_add (argv, g_strdup ("--exit-on-error"));
      g_ptr_array_add (argv, g_strdup ("--no-password"));
      g_ptr_array_add (argv, g_strdup ("--no-subscriptions"));
      g_ptr_array_add (argv, g_strdup ("--dbname"));
      g_ptr_array_add (argv, ob_postgres_build_conninfo (run->config, command->role,
                                                         run->request->target));
    }
  if (command->no_owner)
    g_ptr_array_add (argv, g_strdup ("--no-owner"));
  if (command->at_once)
    g_ptr_array_add (argv, g_strdup ("--single-transaction"));
  if (command->row_security)
    g_ptr_array_add (argv, g_strdup ("--enable-row-security"));
  if (command->section != NULL)
    g_ptr_array_add (argv, g_strconcat ("--section=", command->section, NULL));
  if (run->no_tablespaces && command->output == OB_RESTORE_TO_DATABASE)
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

ObChild *
ob_restore_start_pg_restore (ObRestoreRun *run, const ObRestoreCommand *command, GError **error)
{
  g_autoptr (GPtrArray) argv = build_argv (run, command);
  g_autofree char *pass_file
    = g_strconcat ("PGPASSFILE=", ob_pass_file_get_path (run->pass_file), NULL);
  g_autofree char *options = build_options (run);
  const char *environment[] = { "PATH=/usr/bin:/bin", "LANG=C.UTF-8", pass_file,
                                "PGAPPNAME=obbackup",
                                options, NULL };
  int keep[3];
  gsize n_keep = 0;
  ObChildSpec spec = { .argv = (const char *const *) argv->pdata,
                       .environment = environment,
                       .keep_fds = keep,
                       .stdin_fd = command->stdin_fd,
                       .stdout_fd = command->output == OB_RESTORE_TO_LIST ? OB_CHILD_CAPTURE
                                                                          : command->stdout_fd };

  if (command->archive_fd >= 0)
    keep[n_keep++] = command->archive_fd;
  if (command->list_fd >= 0)
    keep[n_keep++] = command->list_fd;
  keep[n_keep++] = ob_pass_file_get_fd (run->pass_file);
  spec.n_keep_fds = n_keep;
  return ob_child_start (&spec, error);
}

int
ob_restore_make_list (const GString *lines, GError **error)
{
  ob_autofd int fd = memfd_create ("obbackup-list", MFD_CLOEXEC);

  if (fd < 0 || !ob_write_full (fd, lines->str, lines->len))
    {
      ob_set_error_errno (error, errno, "No memory for a list of entries");
      return -1;
    }
  return ob_fd_steal (&fd);
}

static gboolean
run_pg_restore (ObRestoreRun *run, const ObRestoreCommand *command, GCancellable *cancellable,
                GError **error)
{
  g_autoptr (ObChild) child = ob_restore_start_pg_restore (run, command, error);

  return child != NULL && ob_child_wait (child, cancellable, error);
}

/* Restores the entries of @list, if there are any. Without --section: to that, rights and comments
 * belong to the section of what stands before them, which in a list of a few is another one. */
static gboolean
restore_list (ObRestoreRun *run, ObRestoreCommand command, GString *list,
              GCancellable *cancellable, GError **error)
{
  ob_autofd int list_fd = -1;

  if (list->len == 0)
    return TRUE;
  list_fd = ob_restore_make_list (list, error);
  if (list_fd < 0)
    return FALSE;
  command.archive_fd = run->schema_fd;
  command.list_fd = list_fd;
  return run_pg_restore (run, &command, cancellable, error);
}

/* What bbdd.user makes, for itself or for another, whose it is in the end. */
static gboolean
restore_as_user (ObRestoreRun *run, guint n_jobs, const ObTocRun *entries,
                 ObRestoreGrants *grants, GCancellable *cancellable, GError **error)
{
  ObRestoreCommand command = { .role = OB_ROLE_OWNER,
                               .n_jobs = n_jobs,
                               .no_owner = entries->owner != NULL };

  return ob_restore_grants_give (grants, cancellable, error)
         && ob_restore_owners_begin (run->owners, run, entries, cancellable, error)
         && restore_list (run, command, entries->lines, cancellable, error)
         && ob_restore_owners_end (run->owners, run, entries, cancellable, error);
}

/* The entry says both how it is made and when it fires; that second is the table owner's to say. */
static gboolean
make_trigger (ObRestoreRun *run, char *line, ObPostgres *user, ObPostgres *superuser,
              GCancellable *cancellable, GError **error)
{
  g_autofree char *script = ob_restore_read_script (run, &line, 1, cancellable, error);
  g_autofree char *definition = NULL;
  g_autofree char *state = NULL;

  if (script == NULL)
    return FALSE;
  ob_toc_split_trigger (script, &definition, &state);
  if (definition == NULL && state == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED, "A trigger is not understood: %s", line);
      return FALSE;
    }
  return (definition == NULL || ob_postgres_run (user, cancellable, error, definition))
         && (state == NULL || ob_postgres_run (superuser, cancellable, error, state));
}

static gboolean
make_triggers (ObRestoreRun *run, const ObTocRun *entries, ObRestoreGrants *grants,
               GCancellable *cancellable, GError **error)
{
  g_auto (GStrv) lines = g_strsplit (entries->lines->str, "\n", -1);
  g_autoptr (ObPostgres) user
    = ob_restore_connect_as_archive (run, OB_ROLE_OWNER, cancellable, error);
  g_autoptr (ObPostgres) superuser = NULL;

  if (user != NULL)
    superuser = ob_restore_connect_as_archive (run, run->admin, cancellable, error);
  if (superuser == NULL || !ob_restore_grants_give (grants, cancellable, error))
    return FALSE;
  for (gsize i = 0; *lines[i] != '\0'; i++)
    if (!make_trigger (run, lines[i], user, superuser, cancellable, error))
      return FALSE;
  return TRUE;
}

/* Without a superuser: what bbdd.user may make or not, by what else it owns. */
static gboolean
try_as_user (ObRestoreRun *run, const ObTocRun *entries, GCancellable *cancellable, GError **error)
{
  g_auto (GStrv) lines = g_strsplit (entries->lines->str, "\n", -1);

  for (gsize i = 0; lines[i] != NULL && *lines[i] != '\0'; i++)
    {
      g_autoptr (GString) line = g_string_new (lines[i]);
      g_autoptr (GError) local_error = NULL;
      ObRestoreCommand command = { .role = OB_ROLE_OWNER, .n_jobs = 1 };

      if (restore_list (run, command, line, cancellable, &local_error))
        continue;
      if (g_error_matches (local_error, OB_ERROR, OB_ERROR_CANCELLED))
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
      ob_progress_warn (run->progress, TRUE,
                        "Something is left out that %s may not make without a superuser "
                        "(bbdd.systemUser): %s",
                        run->config->user, local_error->message);
    }
  return TRUE;
}

static gboolean
restore_entries (ObRestoreRun *run, guint n_jobs, const ObTocRun *entries, ObRestoreGrants *grants,
                 GCancellable *cancellable, GError **error)
{
  ObRestoreCommand command = { .role = OB_ROLE_SUPERUSER, .n_jobs = n_jobs };

  switch (entries->maker)
    {
    case OB_TOC_BY_USER:
      return restore_as_user (run, n_jobs, entries, grants, cancellable, error);
    case OB_TOC_TRIGGERS_BY_USER:
      return make_triggers (run, entries, grants, cancellable, error);
    case OB_TOC_BY_USER_IF_ALLOWED:
      return try_as_user (run, entries, cancellable, error);
    case OB_TOC_BY_SUPERUSER_AT_ONCE:
      command.at_once = TRUE;
      command.n_jobs = 1;
      return restore_list (run, command, entries->lines, cancellable, error);
    case OB_TOC_BY_SUPERUSER:
      return restore_list (run, command, entries->lines, cancellable, error);
    default:
      g_assert_not_reached ();
    }
}

/* Run by run, each with @n_jobs connections. */
static gboolean
restore_runs (ObRestoreRun *run, guint n_jobs, GPtrArray *runs, ObRestoreGrants *grants,
              GCancellable *cancellable, GError **error)
{
  for (guint i = 0; i < runs->len; i++)
    if (!restore_entries (run, n_jobs, g_ptr_array_index (runs, i), grants, cancellable, error))
      return FALSE;
  return TRUE;
}

/* Without a superuser: names some of what is not restored. */
static void
warn_of_left_out (ObRestoreRun *run, GPtrArray *left_out)
{
  g_autoptr (GString) names = g_string_new (NULL);

  if (left_out->len == 0)
    return;
  for (guint i = 0; i < MIN (left_out->len, MOST_NAMED); i++)
    g_string_append_printf (names, "%s%s", i > 0 ? "; " : "",
                            (const char *) g_ptr_array_index (left_out, i));
  if (left_out->len > MOST_NAMED)
    g_string_append_printf (names, "; and %u more", left_out->len - MOST_NAMED);
  ob_progress_warn (run->progress, TRUE,
                    "What belongs to other roles than %s is left out, since no superuser "
                    "(bbdd.systemUser) is configured: %s",
                    run->config->user, names->str);
}

/* The cut of @section, with all but its rights restored. Transfer full. */
static ObTocCut *
restore_section (ObRestoreRun *run, const char *section, guint n_jobs, GCancellable *cancellable,
                 GError **error)
{
  g_autoptr (ObTocCut) cut = ob_restore_read_contents (run, section, cancellable, error);
  g_autoptr (ObRestoreGrants) grants = NULL;

  if (cut == NULL)
    return NULL;
  warn_of_left_out (run, cut->left_out);
  grants = ob_restore_grants_new (run, cut, cancellable, error);
  return grants != NULL && restore_runs (run, n_jobs, cut->runs, grants, cancellable, error)
             && ob_restore_grants_take_back (grants, cancellable, error)
           ? g_steal_pointer (&cut)
           : NULL;
}

/* By the superuser, if there is one. */
static gboolean
restore_as_admin (ObRestoreRun *run, GString *list, GCancellable *cancellable, GError **error)
{
  ObRestoreCommand command = { .role = run->admin, .n_jobs = 1 };

  return restore_list (run, command, list, cancellable, error);
}

/* Fills materialized views. The rights are there by then, so that bbdd.user needs no others. */
static gboolean
refresh (ObRestoreRun *run, GPtrArray *refreshes, GCancellable *cancellable, GError **error)
{
  for (guint i = 0; i < refreshes->len; i++)
    {
      const ObTocRun *entries = g_ptr_array_index (refreshes, i);
      ObRestoreCommand command
        = { .role = entries->maker == OB_TOC_BY_SUPERUSER ? OB_ROLE_SUPERUSER : OB_ROLE_OWNER,
            .row_security = TRUE,
            .n_jobs = run->request->n_parallel };

      if (!restore_list (run, command, entries->lines, cancellable, error))
        return FALSE;
    }
  return TRUE;
}

/* In the schema where it was, which has to be there. */
static gboolean
create_extension (ObPostgres *postgres, JsonObject *extension, GCancellable *cancellable,
                  GError **error)
{
  const char *name = json_object_get_string_member_with_default (extension, "name", "");
  const char *schema
    = json_object_get_string_member_with_default (extension, "schema", "public");

  return ob_postgres_runf (postgres, cancellable, error,
                           "CREATE EXTENSION IF NOT EXISTS %I SCHEMA %I CASCADE", name, schema);
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
      g_autoptr (GError) local_error = NULL;

      if (create_extension (postgres, extension, cancellable, &local_error))
        continue;
      if (g_error_matches (local_error, OB_ERROR, OB_ERROR_CANCELLED))
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
      ob_progress_warn (run->progress, TRUE,
                        "The extension %s cannot be created without a superuser "
                        "(bbdd.systemUser): %s",
                        json_object_get_string_member_with_default (extension, "name", ""),
                        local_error->message);
    }
  return TRUE;
}

/* public methods */

int
ob_restore_load_schema (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  ob_autofd int fd = memfd_create ("obbackup-schema", MFD_CLOEXEC);

  if (fd < 0)
    {
      ob_set_error_errno (error, errno, "No memory for the schema");
      return -1;
    }
  if (!run->request->source->feed (SCHEMA_STREAM, fd, run->request->user_data, cancellable, error))
    return -1;
  return ob_fd_steal (&fd);
}

gboolean
ob_restore_pre_data (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObTocCut) cut = NULL;

  if (run->admin == OB_ROLE_OWNER && !create_extensions (run, cancellable, error))
    return FALSE;
  run->owners = ob_restore_owners_new ();
  cut = restore_section (run, "pre-data", 1, cancellable, error);
  if (cut == NULL)
    return FALSE;
  run->rights = g_string_new (cut->rights->str);
  return restore_as_admin (run, run->rights, cancellable, error);
}

gboolean
ob_restore_post_data (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObTocCut) cut = NULL;

  if (!ob_restore_choose_sort_memory (run, cancellable, error))
    return FALSE;
  cut = restore_section (run, "post-data", run->request->n_parallel, cancellable, error);
  /* Those of pre-data once more: what is given to another loses the rights of who had it, and to
   * take a right on a table back takes those on its columns, too. */
  return cut != NULL && ob_restore_validate_indexes (run, cancellable, error)
         && ob_restore_owners_give (run->owners, run, cancellable, error)
         && (run->admin == OB_ROLE_OWNER || restore_as_admin (run, run->rights, cancellable, error))
         && restore_as_admin (run, cut->rights, cancellable, error)
         && refresh (run, cut->refreshes, cancellable, error)
         && restore_as_admin (run, cut->event_triggers, cancellable, error);
}
