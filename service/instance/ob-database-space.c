/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-database-restore-private.h"

/* What stays free on the file system of the server, whatever its size. */
#define LEAST_FREE ((guint64) 32 * 1024 * 1024)
#define MOST_FREE ((guint64) 1024 * 1024 * 1024)

/* internal methods */

/* NULL where it has no directory of its own. */
static char *
find_location (ObPostgres *postgres, const char *tablespace, GCancellable *cancellable)
{
  const char *parameters[] = { tablespace, NULL };
  g_autofree char *directory
    = ob_postgres_get_text (postgres,
                            "SELECT pg_tablespace_location (oid) FROM pg_tablespace"
                            " WHERE spcname = $1",
                            parameters, cancellable, NULL);

  return directory != NULL && *directory == '/' ? g_steal_pointer (&directory) : NULL;
}

/* methods of this room */

char *
ob_restore_find_data_directory (const ObDatabaseConfig *config, ObPostgres *postgres,
                                const char *tablespace, GCancellable *cancellable)
{
  g_autofree char *directory = NULL;

  if (!ob_postgres_is_local (config))
    return NULL;
  if (tablespace != NULL)
    directory = find_location (postgres, tablespace, cancellable);
  if (directory != NULL)
    return g_steal_pointer (&directory);
  directory = ob_postgres_get_text (postgres, "SELECT current_setting('data_directory', true)",
                                    NULL, cancellable, NULL);
  return directory != NULL && *directory == '/' ? g_steal_pointer (&directory) : NULL;
}

ObSpaceGuard *
ob_restore_guard_space (const ObDatabaseConfig *config, const char *tablespace,
                        GCancellable *cancellable)
{
  g_autoptr (ObPostgres) postgres = ob_database_connect_admin (config, cancellable, NULL);
  g_autofree char *directory
    = postgres != NULL
        ? ob_restore_find_data_directory (config, postgres, tablespace, cancellable)
        : NULL;

  if (directory == NULL)
    return NULL;
  return ob_space_guard_new (directory, LEAST_FREE, MOST_FREE, cancellable);
}

/* public methods */

gboolean
ob_database_check_space (const ObDatabaseConfig *config, const char *tablespace, guint64 bytes,
                         GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres = ob_database_connect_admin (config, cancellable, NULL);
  g_autofree char *directory
    = postgres != NULL
        ? ob_restore_find_data_directory (config, postgres, tablespace, cancellable)
        : NULL;

  return directory == NULL
         || ob_space_check (directory, LEAST_FREE, MOST_FREE, bytes, "The database", error);
}
