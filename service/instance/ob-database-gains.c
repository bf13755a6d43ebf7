/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-database-gains.h"

#include <string.h>

#include "ob-error.h"
#include "ob-postgres.h"

#define SECONDS 60

/* internal methods */

static const char *
get_text (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_string (node) != NULL
           ? json_node_get_string (node)
           : "";
}

static gboolean
is_filled_by_people (const char *schema, const char *name)
{
  return strcmp (schema, "public") != 0 || !g_str_has_prefix (name, "ad_")
         || strcmp (name, "ad_session") == 0;
}

/* *@rows is -1 where it cannot be counted. */
static gboolean
count (ObPostgres *postgres, const char *schema, const char *name, gint64 *rows,
       GCancellable *cancellable, GError **error)
{
  g_autofree char *sql = ob_postgres_format ("SELECT count(*) FROM ONLY %I.%I", schema, name);
  g_autoptr (GError) local_error = NULL;
  g_autofree char *text
    = ob_postgres_get_text (postgres, sql, NULL, cancellable, &local_error);

  *rows = text != NULL ? g_ascii_strtoll (text, NULL, 10) : -1;
  if (text != NULL
      || (!g_error_matches (local_error, OB_ERROR, OB_ERROR_CANCELLED)
          && !g_error_matches (local_error, OB_ERROR, OB_ERROR_DATABASE_UNREACHABLE)))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

/* public methods */

GHashTable *
ob_database_count_gains (const ObDatabaseConfig *config, JsonObject *facts, gboolean *in_use,
                         GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres
    = ob_postgres_connect (config, OB_ROLE_OWNER, NULL, cancellable, error);
  g_autoptr (GHashTable) gains = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  gint64 deadline = g_get_monotonic_time () + SECONDS * G_USEC_PER_SEC;
  JsonNode *tables = json_object_get_member (facts, "tables");
  JsonArray *array
    = tables != NULL && JSON_NODE_HOLDS_ARRAY (tables) ? json_node_get_array (tables) : NULL;

  *in_use = FALSE;
  if (postgres == NULL
      || !ob_postgres_runf (postgres, cancellable, error, "SET statement_timeout TO '%us'",
                            SECONDS))
    return NULL;
  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      JsonObject *table = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      const char *schema = table != NULL ? get_text (table, "schema") : "";
      const char *name = table != NULL ? get_text (table, "name") : "";
      gint64 before, now = -1;

      if (*name == '\0' || g_get_monotonic_time () > deadline)
        continue;
      before = json_object_get_int_member_with_default (table, "rows", 0);
      if (!count (postgres, schema, name, &now, cancellable, error))
        return NULL;
      if (now <= before)
        continue;
      *in_use |= is_filled_by_people (schema, name);
      {
        guint64 *gained = g_new (guint64, 1);

        *gained = (guint64) (now - before);
        g_hash_table_insert (gains, g_strconcat (schema, ".", name, NULL), gained);
      }
    }
  return g_steal_pointer (&gains);
}
