/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-database.h"

#include "ob-error.h"
#include "ob-postgres.h"

#include <string.h>

/* internal methods */

static void tell (GPtrArray *told, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
tell (GPtrArray *told, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_ptr_array_add (told, g_strdup_vprintf (format, arguments));
  va_end (arguments);
}

/* A sentence of an error; those of a GError have no full stop. */
static void
tell_error (GPtrArray *told, const GError *error)
{
  tell (told, "%s%s", error->message, g_str_has_suffix (error->message, ".") ? "" : ".");
}

/* Tells of an error, unless it is that nothing more is to be tried. */
static gboolean
note (GPtrArray *told, GError *error, GCancellable *cancellable, GError **out)
{
  if (g_cancellable_is_cancelled (cancellable))
    {
      g_propagate_error (out, error);
      return FALSE;
    }
  tell_error (told, error);
  g_error_free (error);
  return TRUE;
}

/* Where the server answers and the database is not in it, that is all there is to say. */
static gboolean
note_missing (const ObDatabaseConfig *config, GPtrArray *told, GError *error,
              GCancellable *cancellable, GError **out)
{
  gboolean exists = TRUE;

  if (g_error_matches (error, OB_ERROR, OB_ERROR_DATABASE_UNREACHABLE)
      && ob_database_exists (config, config->name, &exists, cancellable, NULL) && !exists)
    {
      tell (told,
            "There is no database \"%s\" on the server at %s, port %u (bbdd.sid). Restore it from "
            "a backup, or correct the name.",
            config->name, config->host, config->port);
      g_error_free (error);
      return TRUE;
    }
  return note (told, error, cancellable, out);
}

/* What bbdd.user finds: *@size and *@version stay as they are where nothing is told. */
static gboolean
check_owner (const ObDatabaseConfig *config, ObPostgres *postgres, GPtrArray *told, guint64 *size,
             GCancellable *cancellable, GError **error)
{
  const char *parameters[] = { config->user, NULL };
  PGresult *result = ob_postgres_query (
    postgres,
    "SELECT pg_database_size (d.oid), pg_get_userbyid (d.datdba),"
    "       pg_has_role (r.oid, d.datdba, 'USAGE'), r.rolsuper, r.rolcreatedb"
    "  FROM pg_database d, pg_roles r WHERE d.datname = current_database () AND r.rolname = $1",
    parameters, cancellable, error);

  if (result == NULL)
    return FALSE;
  if (PQntuples (result) > 0)
    {
      *size = g_ascii_strtoull (PQgetvalue (result, 0, 0), NULL, 10);
      if (strcmp (PQgetvalue (result, 0, 2), "t") != 0)
        tell (told, "The database \"%s\" belongs to the role \"%s\", not to bbdd.user, \"%s\".",
              config->name, PQgetvalue (result, 0, 1), config->user);
      if (strcmp (PQgetvalue (result, 0, 3), "t") == 0)
        tell (told,
              "bbdd.user, \"%s\", is a superuser: functions in the database would have every right "
              "during a restore. Make it an ordinary role (ALTER ROLE … NOSUPERUSER).",
              config->user);
      else if (config->system_user == NULL && strcmp (PQgetvalue (result, 0, 4), "t") != 0)
        tell (told,
              "The role \"%s\" may not create databases, and no superuser (bbdd.systemUser) is "
              "set: a backup can be made, but not restored.",
              config->user);
    }
  PQclear (result);
  return TRUE;
}

/* Without a superuser, what others own is out of reach. */
static gboolean
check_reach (const ObDatabaseConfig *config, ObPostgres *postgres, GPtrArray *told,
             GCancellable *cancellable, GError **error)
{
  PGresult *result = ob_postgres_query (
    postgres,
    "SELECT count(*), min (format ('%I.%I', n.nspname, c.relname))"
    "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_'"
    "   AND n.nspname <> 'information_schema'"
    "   AND (NOT has_table_privilege (c.oid, 'SELECT')"
    "        OR NOT has_schema_privilege (n.oid, 'USAGE') OR row_security_active (c.oid))",
    NULL, cancellable, error);

  if (result == NULL)
    return FALSE;
  if (strcmp (PQgetvalue (result, 0, 0), "0") != 0)
    tell (told,
          "The role \"%s\" may not read all of the database: %s tables, %s among them. Set a "
          "superuser (bbdd.systemUser), or grant it SELECT there.",
          config->user, PQgetvalue (result, 0, 0), PQgetvalue (result, 0, 1));
  PQclear (result);
  return TRUE;
}

/* What a restore on this server would have to create and could not. */
static gboolean
check_extensions (ObPostgres *postgres, GPtrArray *told, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autofree char *missing = ob_postgres_get_text (
    postgres,
    "SELECT string_agg (extname, ', ' ORDER BY extname) FROM pg_extension"
    " WHERE extname NOT IN (SELECT name FROM pg_available_extensions)",
    NULL, cancellable, &local_error);

  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  if (missing != NULL)
    tell (told,
          "The server lacks the files of extensions that the database uses (%s): it cannot be "
          "restored there. Install their package (postgresql-contrib).",
          missing);
  return TRUE;
}

static gboolean
check_superuser (const ObDatabaseConfig *config, GPtrArray *told, GCancellable *cancellable,
                 GError **error)
{
  GError *local_error = NULL;
  g_autoptr (ObPostgres) postgres
    = ob_postgres_connect (config, OB_ROLE_SUPERUSER, NULL, cancellable, &local_error);

  if (postgres == NULL)
    return note (told, local_error, cancellable, error);
  if (g_strcmp0 (PQparameterStatus (ob_postgres_get_connection (postgres), "is_superuser"), "on")
      != 0)
    tell (told,
          "The role \"%s\" (bbdd.systemUser) is not a superuser: what belongs to others cannot be "
          "backed up, and extensions not be restored.",
          config->system_user);
  return TRUE;
}

static gboolean
check_tools (int version, GPtrArray *told, GCancellable *cancellable, GError **error)
{
  static const char *const tools[] = { "pg_dump", "pg_restore" };

  for (gsize i = 0; i < G_N_ELEMENTS (tools); i++)
    {
      GError *local_error = NULL;
      g_autofree char *path
        = ob_postgres_find_tool (tools[i], version, 0, cancellable, &local_error);

      if (path == NULL && !note (told, local_error, cancellable, error))
        return FALSE;
    }
  return TRUE;
}

/* All of it, over a connection as bbdd.user. */
static gboolean
check_database (const ObDatabaseConfig *config, ObPostgres *postgres, GPtrArray *told,
                guint64 *size, GCancellable *cancellable, GError **error)
{
  return check_owner (config, postgres, told, size, cancellable, error)
         && (config->system_user != NULL
             || check_reach (config, postgres, told, cancellable, error))
         && check_extensions (postgres, told, cancellable, error)
         && check_tools (ob_postgres_get_version (postgres), told, cancellable, error);
}

/* public methods */

gboolean
ob_database_check (const ObDatabaseConfig *config,
                   GPtrArray **problems,
                   guint64 *size,
                   int *server_version,
                   GCancellable *cancellable,
                   GError **error)
{
  g_autoptr (GPtrArray) told = g_ptr_array_new_with_free_func (g_free);
  GError *local_error = NULL;
  g_autoptr (ObPostgres) postgres
    = ob_postgres_connect (config, OB_ROLE_OWNER, NULL, cancellable, &local_error);
  /* A server that does not answer, or a database that is not there, is told of once. */
  gboolean answers
    = postgres != NULL || g_error_matches (local_error, OB_ERROR, OB_ERROR_CREDENTIALS_REJECTED);
  guint64 bytes = 0;
  int version = 0;

  *problems = NULL;
  if (postgres == NULL && !note_missing (config, told, local_error, cancellable, error))
    return FALSE;
  if (postgres != NULL)
    {
      version = ob_postgres_get_version (postgres);
      if (!check_database (config, postgres, told, &bytes, cancellable, error))
        return FALSE;
    }
  if (config->system_user != NULL && answers
      && !check_superuser (config, told, cancellable, error))
    return FALSE;

  if (size != NULL)
    *size = bytes;
  if (server_version != NULL)
    *server_version = version;
  *problems = g_steal_pointer (&told);
  return TRUE;
}
