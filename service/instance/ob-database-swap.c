/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Databases by name: there, renamed, dropped.
 *
 * The swap needs no "allow no connections" that a crash could leave behind: ALTER DATABASE … RENAME
 * takes the lock that every new session of the database waits for, and holds it to the end of the
 * transaction. Somebody who connects between the end of the sessions and that lock makes the rename
 * fail with 55006; then it is tried again.
 */
#include "ob-database.h"

#include "ob-database-restore-private.h"
#include "ob-error.h"

#include <string.h>

#define SWAP_ATTEMPTS 20
#define OBJECT_IN_USE "55006"

/* internal methods */

static gboolean
name_is_free (ObPostgres *postgres, const char *name, gboolean *is_free, GCancellable *cancellable,
              GError **error)
{
  const char *parameters[] = { name, NULL };
  g_autofree char *count = ob_postgres_get_text (
    postgres, "SELECT count(*) FROM pg_database WHERE datname = $1", parameters, cancellable,
    error);

  if (count == NULL)
    return FALSE;
  *is_free = strcmp (count, "0") == 0;
  return TRUE;
}

/* One try; on failure the transaction is rolled back, and *@in_use tells whether somebody was still
 * connected. */
static gboolean
try_renames (ObPostgres *postgres, const char *name, const char *away, const char *in,
             gboolean *in_use, GCancellable *cancellable, GError **error)
{
  if (!ob_postgres_run (postgres, cancellable, error, "BEGIN"))
    return FALSE;
  if ((away == NULL
       || ob_postgres_runf (postgres, cancellable, error, "ALTER DATABASE %I RENAME TO %I", name,
                            away))
      && (in == NULL
          || ob_postgres_runf (postgres, cancellable, error, "ALTER DATABASE %I RENAME TO %I", in,
                               name))
      && ob_postgres_run (postgres, NULL, error, "COMMIT"))
    return TRUE;
  *in_use = strcmp (ob_postgres_get_sqlstate (postgres), OBJECT_IN_USE) == 0;
  ob_postgres_run (postgres, NULL, NULL, "ROLLBACK");
  return FALSE;
}

/* methods of this room */

gboolean
ob_database_end_sessions (ObPostgres *postgres, const char *first, const char *second,
                          guint *n_ended, GCancellable *cancellable, GError **error)
{
  const char *parameters[] = { first, second, NULL };
  g_autofree char *count = ob_postgres_get_text (
    postgres,
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname IN ($1, $2) AND pid <> pg_backend_pid()"
    "   AND (backend_type = 'client backend'"
    "        OR backend_type <> 'autovacuum worker'"
    "           AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user))",
    parameters, cancellable, error);

  if (count == NULL)
    return FALSE;
  *n_ended += (guint) g_ascii_strtoull (count, NULL, 10);
  return TRUE;
}

gboolean
ob_database_rename_pair (ObPostgres *postgres, const char *name, const char *away, const char *in,
                         guint *n_ended, GCancellable *cancellable, GError **error)
{
  for (guint attempt = 1;; attempt++)
    {
      g_autoptr (GError) local_error = NULL;
      gboolean in_use = FALSE;

      if (!ob_database_end_sessions (postgres, name, in != NULL ? in : name, n_ended, cancellable,
                                     error))
        return FALSE;
      if (try_renames (postgres, name, away, in, &in_use, cancellable, &local_error))
        return TRUE;
      if (attempt == SWAP_ATTEMPTS || !in_use)
        {
          g_propagate_prefixed_error (error, g_steal_pointer (&local_error),
                                      "The database %s cannot be exchanged: ", name);
          return FALSE;
        }
    }
}

/* public methods */

gboolean
ob_database_exists (const ObDatabaseConfig *config, const char *name, gboolean *exists,
                    GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres = ob_database_connect_admin (config, cancellable, error);
  gboolean is_free;

  if (postgres == NULL || !name_is_free (postgres, name, &is_free, cancellable, error))
    return FALSE;
  *exists = !is_free;
  return TRUE;
}

gboolean
ob_database_get_size (const ObDatabaseConfig *config, const char *name, guint64 *size,
                      GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres = ob_database_connect_admin (config, cancellable, error);
  const char *parameters[] = { name, NULL };
  g_autofree char *text = NULL;

  if (postgres == NULL)
    return FALSE;
  text = ob_postgres_get_text (postgres, "SELECT pg_database_size ($1::name)", parameters,
                               cancellable, error);
  if (text == NULL)
    return FALSE;
  *size = g_ascii_strtoull (text, NULL, 10);
  return TRUE;
}

gboolean
ob_database_swap (const ObDatabaseConfig *config, const char *staged, const char *kept,
                  guint *n_ended, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres = ob_database_connect_admin (config, cancellable, error);
  gboolean name_free, kept_free;

  *n_ended = 0;
  if (postgres == NULL
      || !name_is_free (postgres, config->name, &name_free, cancellable, error)
      || !name_is_free (postgres, kept, &kept_free, cancellable, error))
    return FALSE;
  if (!kept_free)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_EXISTS,
                   "The former database cannot be kept as %s, since that name is taken", kept);
      return FALSE;
    }

  return ob_database_rename_pair (postgres, config->name, name_free ? NULL : kept, staged, n_ended,
                                  cancellable, error);
}

gboolean
ob_database_drop (const ObDatabaseConfig *config, const char *name, GCancellable *cancellable,
                  GError **error)
{
  g_autoptr (ObPostgres) postgres = NULL;

  if (strcmp (name, config->name) == 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "The living database %s is never dropped", name);
      return FALSE;
    }
  postgres = ob_database_connect_admin (config, cancellable, error);
  if (postgres == NULL)
    return FALSE;
  if (ob_postgres_get_version (postgres) >= 130000)
    return ob_postgres_runf (postgres, cancellable, error,
                             "DROP DATABASE IF EXISTS %I WITH (FORCE)", name);

  {
    guint n_ended = 0;

    return ob_database_end_sessions (postgres, name, name, &n_ended, cancellable, error)
           && ob_postgres_runf (postgres, cancellable, error, "DROP DATABASE IF EXISTS %I", name);
  }
}

gboolean
ob_database_release (const ObDatabaseConfig *config, const char *name, const char *doomed,
                     GError **error)
{
  g_autoptr (ObPostgres) postgres = ob_database_connect_admin (config, NULL, error);
  gboolean is_gone = FALSE;
  guint n_ended = 0;

  if (postgres == NULL || !name_is_free (postgres, name, &is_gone, NULL, error)
      || (doomed != NULL && !is_gone
          && !ob_database_rename_pair (postgres, name, doomed, NULL, &n_ended, NULL, error)))
    return FALSE;
  return ob_database_drop (config, doomed != NULL ? doomed : name, NULL, error);
}
