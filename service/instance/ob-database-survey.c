/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-database-survey.h"

#include <string.h>

#include "ob-database-restore-private.h"

#define MAX_MODULES "10000"

/* internal methods */

static gboolean
look_at_role (ObPostgres *postgres, ObDatabaseSurvey *survey, GCancellable *cancellable,
              GError **error)
{
  PGresult *result = ob_postgres_query (
    postgres, "SELECT rolname, rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user",
    NULL, cancellable, error);

  if (result == NULL)
    return FALSE;
  if (PQntuples (result) > 0)
    {
      survey->role = g_strdup (PQgetvalue (result, 0, 0));
      survey->may_create = strcmp (PQgetvalue (result, 0, 1), "t") == 0;
    }
  PQclear (result);
  return TRUE;
}

/* SECURITY: over the owner's connection, since a view with functions may stand in the place of the
 * table. */
static gboolean
read_modules (const ObDatabaseConfig *config, ObDatabaseSurvey *survey, GCancellable *cancellable,
              GError **error)
{
  g_autoptr (ObPostgres) postgres
    = ob_postgres_connect (config, OB_ROLE_OWNER, NULL, cancellable, error);
  g_autofree char *there = NULL;
  PGresult *result = NULL;

  if (postgres == NULL)
    return FALSE;
  there = ob_postgres_get_text (
    postgres,
    "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass ('public.ad_module')"
    " AND attname IN ('javapackage', 'version') AND NOT attisdropped",
    NULL, cancellable, error);
  if (there == NULL)
    return FALSE;
  if (strcmp (there, "2") != 0)
    return TRUE;
  result = ob_postgres_query (postgres,
                              "SELECT left (javapackage::text, 1000), left (version::text, 1000)"
                              "  FROM public.ad_module WHERE javapackage IS NOT NULL"
                              "   AND version IS NOT NULL LIMIT " MAX_MODULES,
                              NULL, cancellable, error);
  if (result == NULL)
    return FALSE;
  for (int row = 0; row < PQntuples (result); row++)
    g_hash_table_insert (survey->modules, g_strdup (PQgetvalue (result, row, 0)),
                         g_strdup (PQgetvalue (result, row, 1)));
  PQclear (result);
  return TRUE;
}

/* public methods */

gboolean
ob_database_find_sessions (const ObDatabaseConfig *config, char **sessions,
                           GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres = ob_database_connect_admin (config, cancellable, error);
  const char *parameters[] = { config->name, config->user, NULL };
  PGresult *result = NULL;

  *sessions = NULL;
  if (postgres == NULL)
    return FALSE;
  result = ob_postgres_query (
    postgres,
    "SELECT count(*), string_agg (format ('PID %s%s%s', pid,"
    "    coalesce (' of ' || nullif (application_name, ''), ''),"
    "    coalesce (' from ' || host (client_addr), '')), ', ')"
    "  FROM (SELECT * FROM pg_stat_activity WHERE datname = $1 AND usename = $2"
    "          AND backend_type = 'client backend' AND application_name <> 'obbackup'"
    "         ORDER BY pid LIMIT 10) AS s",
    parameters, cancellable, error);
  if (result == NULL)
    return FALSE;
  if (strcmp (PQgetvalue (result, 0, 0), "0") != 0)
    *sessions = g_strdup (PQgetvalue (result, 0, 1));
  PQclear (result);
  return TRUE;
}

void
ob_database_survey_clear (ObDatabaseSurvey *survey)
{
  g_clear_pointer (&survey->role, g_free);
  g_clear_pointer (&survey->sessions, g_free);
  g_clear_pointer (&survey->data_directory, g_free);
  g_clear_pointer (&survey->modules, g_hash_table_unref);
}

gboolean
ob_database_survey (const ObDatabaseConfig *config, ObDatabaseSurvey *survey,
                    GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres = ob_database_connect_admin (config, cancellable, error);
  g_autofree char *tablespace = NULL;

  survey->modules = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (postgres == NULL || !look_at_role (postgres, survey, cancellable, error)
      || !ob_database_exists (config, config->name, &survey->exists, cancellable, error))
    return FALSE;
  survey->server_version = ob_postgres_get_version (postgres);
  if (!ob_restore_find_tablespace (postgres, config->name, &tablespace, cancellable, error))
    return FALSE;
  survey->data_directory
    = ob_restore_find_data_directory (config, postgres, tablespace, cancellable);
  if (!survey->exists)
    return TRUE;
  return ob_database_get_size (config, config->name, &survey->size, cancellable, error)
         && ob_database_has_activation_key (config, &survey->has_key, cancellable, error)
         && ob_database_find_sessions (config, &survey->sessions, cancellable, error)
         && read_modules (config, survey, cancellable, error);
}
