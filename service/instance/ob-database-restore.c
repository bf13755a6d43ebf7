/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-database.h"

#include "ob-database-restore-private.h"
#include "ob-error.h"
#include "ob-fd.h"

#include <string.h>
#include <unistd.h>

#define ARCHIVE_MAGIC "PGDMP"
#define ARCHIVE_1_15 0x010f
#define ARCHIVE_1_16 0x0110
#define NAME_MAX_BYTES 63 /* PostgreSQL's NAMEDATALEN - 1 */

/* internal methods */

static void
on_cancelled (GCancellable *cancellable, gpointer inner)
{
  g_cancellable_cancel (inner);
}

static gboolean
check_request (const ObDatabaseConfig *config, const ObDatabaseRestore *request,
               GCancellable *cancellable, GError **error)
{
  gboolean exists;

  if (*request->target == '\0' || strlen (request->target) > NAME_MAX_BYTES)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "\"%s\" cannot be the name of a database: it has to have 1 to %d bytes",
                   request->target, NAME_MAX_BYTES);
      return FALSE;
    }
  if (!g_strv_contains (request->streams, "schema.dump"))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INCOMPLETE,
                           "The backup holds no schema of the database (schema.dump)");
      return FALSE;
    }
  if (!ob_database_exists (config, request->target, &exists, cancellable, error))
    return FALSE;
  if (exists)
    g_set_error (error, OB_ERROR, OB_ERROR_EXISTS,
                 "There is a database %s already; name one that is not there, so that nothing is "
                 "overwritten",
                 request->target);
  return !exists;
}

/* What the server is like: its version, and its tablespaces. */
static gboolean
look_at_server (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres = ob_database_connect_admin (run->config, cancellable, error);
  int backed_up = (int) json_object_get_int_member_with_default (run->request->facts,
                                                                 "server_version", 0);
  int version;

  if (postgres == NULL)
    return FALSE;
  run->server_version = version = ob_postgres_get_version (postgres);
  if (backed_up / 10000 > version / 10000)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_VERSION_MISMATCH,
                   "The backup was made with PostgreSQL %d, and the server is the older %d: a "
                   "database can be restored to the same or a newer version only",
                   backed_up / 10000, version / 10000);
      return FALSE;
    }
  return ob_restore_choose_tablespace (run, postgres, cancellable, error)
         && ob_restore_check_tablespaces (run, postgres, cancellable, error);
}

/* The oldest major version of PostgreSQL whose pg_restore reads the archive (src/bin/pg_dump,
 * pg_backup_archiver.h, K_VERS); 0 for every one that can be here. What is no archive pg_restore
 * tells of. */
static int
find_reader (int archive_fd)
{
  static const struct
  {
    guint format;
    int major;
  } readers[] = { { ARCHIVE_1_16, 17 }, { ARCHIVE_1_15, 16 } };
  guint8 head[sizeof ARCHIVE_MAGIC - 1 + 2];
  const guint8 *version = head + sizeof ARCHIVE_MAGIC - 1;

  if (pread (archive_fd, head, sizeof head, 0) != sizeof head
      || memcmp (head, ARCHIVE_MAGIC, sizeof ARCHIVE_MAGIC - 1) != 0)
    return 0;
  for (gsize i = 0; i < G_N_ELEMENTS (readers); i++)
    if (((guint) version[0] << 8 | version[1]) >= readers[i].format)
      return readers[i].major;
  return 0;
}

/* The schema, and the program that can read it. */
static gboolean
get_ready (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  run->schema_fd = ob_restore_load_schema (run, cancellable, error);
  if (run->schema_fd < 0)
    return FALSE;
  run->pg_restore = ob_postgres_find_tool ("pg_restore", run->server_version,
                                           find_reader (run->schema_fd), cancellable, error);
  return run->pg_restore != NULL;
}

static void
warn_of_other_owner (ObRestoreRun *run)
{
  const char *owner
    = json_object_get_string_member_with_default (run->request->facts, "owner", "");

  if (strcmp (owner, run->config->user) != 0 && !run->user_is_member)
    ob_progress_warn (run->progress, FALSE,
                      "The backup's database belongs to the role %s, but the installation "
                      "connects as %s, which may lack rights in it",
                      owner, run->config->user);
}

static gboolean
fill (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  ob_progress_set_phase (run->progress, "schema");
  if (!ob_restore_pre_data (run, cancellable, error))
    {
      g_prefix_error (error, "The schema cannot be restored: ");
      return FALSE;
    }
  ob_progress_set_phase (run->progress, "rows");
  if (!ob_restore_data (run, cancellable, error))
    return FALSE;
  ob_progress_set_phase (run->progress, "indexes");
  if (!ob_restore_post_data (run, cancellable, error))
    {
      g_prefix_error (error, "Indexes and constraints cannot be restored: ");
      return FALSE;
    }
  ob_progress_set_phase (run->progress, "checking");
  return ob_restore_check_rows (run, cancellable, error)
         && ob_restore_settings (run, cancellable, error);
}

/* From CREATE DATABASE on: what fails takes the database with it. */
static gboolean
create_and_fill (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) drop_error = NULL;
  g_autoptr (ObSpaceGuard) guard = NULL;
  g_autoptr (ObSpaceGuard) tablespace_guard = NULL;
  g_autoptr (GError) local_error = NULL;

  if (!ob_restore_create_database (run, cancellable, error))
    return FALSE;
  /* What is logged goes to the server's own directory, wherever the database is. */
  guard = ob_restore_guard_space (run->config, NULL, cancellable);
  if (run->tablespace != NULL)
    tablespace_guard = ob_restore_guard_space (run->config, run->tablespace, cancellable);
  if (fill (run, cancellable, &local_error))
    return TRUE;

  if (!ob_space_guard_has_struck (guard, "The database", error)
      && !ob_space_guard_has_struck (tablespace_guard, "The database", error))
    g_propagate_error (error, g_steal_pointer (&local_error));
  if (!ob_database_drop (run->config, run->request->target, NULL, &drop_error))
    ob_progress_warn (run->progress, FALSE, "The unfinished database %s is still there: %s",
                      run->request->target, drop_error->message);
  return FALSE;
}

/* public methods */

gboolean
ob_database_restore (const ObDatabaseConfig *config, const ObDatabaseRestore *request,
                     ObProgress *progress, GCancellable *cancellable, GError **error)
{
  g_autoptr (GCancellable) inner = g_cancellable_new ();
  ObRestoreRun run = { .config = config,
                       .request = request,
                       .admin = ob_database_admin_role (config),
                       .schema_fd = -1,
                       .progress = progress,
                       .tally = ob_row_tally_new () };
  gulong handler = cancellable == NULL ? 0
                                       : g_cancellable_connect (cancellable,
                                                                G_CALLBACK (on_cancelled), inner,
                                                                NULL);
  gboolean ok;

  run.pass_file = ob_pass_file_new (config, error);
  ok = run.pass_file != NULL && check_request (config, request, inner, error)
       && look_at_server (&run, inner, error) && get_ready (&run, inner, error);
  if (ok)
    {
      ok = ob_restore_roles (&run, inner, error);
      warn_of_other_owner (&run);
      ok = ok && create_and_fill (&run, inner, error);
    }

  g_cancellable_disconnect (cancellable, handler);
  ob_fd_clear (&run.schema_fd);
  g_clear_pointer (&run.pass_file, ob_pass_file_free);
  ob_row_tally_free (run.tally);
  g_clear_pointer (&run.owners, ob_restore_owners_free);
  if (run.rights != NULL)
    g_string_free (run.rights, TRUE);
  g_free (run.tablespace);
  g_free (run.pg_restore);
  return ok;
}
