/* SPDX-License-Identifier: GPL-3.0-or-later */
/* After the rows are in: statistics for the planner, and the number of every table's rows
 * against the manifest's. */
#include "ob-database-restore-private.h"

#include "ob-error.h"
#include "ob-postgres-private.h"

#include <pthread.h>
#include <string.h>

typedef struct
{
  ObRestoreRun *run;
  GCancellable *cancellable;
  GPtrArray *tables; /* of JsonObject, the largest first */
  pthread_mutex_t mutex;
  guint next;
  GError *error; /* the first */
} RowCheck;

/* Those of one thread. */
typedef struct
{
  RowCheck *check;
  ObPostgres *admin;
  ObPostgres *owner;
} Connections;

struct _ObRowTally
{
  pthread_mutex_t mutex;
  GHashTable *rows; /* of make_key(), to a guint64 */
};

/* internal methods */

/* No two tables have the same. Transfer full. */
static char *
make_key (const char *schema, const char *name)
{
  return g_strdup_printf ("%zu:%s.%s", strlen (schema), schema, name);
}

/* FALSE where nothing was loaded into it. */
static gboolean
find_in_tally (ObRowTally *self, const char *schema, const char *name, gint64 *rows)
{
  g_autofree char *key = make_key (schema, name);
  const guint64 *number;

  pthread_mutex_lock (&self->mutex);
  number = g_hash_table_lookup (self->rows, key);
  if (number != NULL)
    *rows = (gint64) *number;
  pthread_mutex_unlock (&self->mutex);
  return number != NULL;
}

static gint
compare_rows (gconstpointer a, gconstpointer b)
{
  gint64 rows_a = json_object_get_int_member_with_default (*(JsonObject *const *) a, "rows", 0);
  gint64 rows_b = json_object_get_int_member_with_default (*(JsonObject *const *) b, "rows", 0);

  return rows_a > rows_b ? -1 : rows_a < rows_b ? 1 : 0;
}

/* The largest first, so that none is left to one thread at the end. Transfer container. */
static GPtrArray *
list_tables (JsonArray *array)
{
  GPtrArray *tables = g_ptr_array_new ();

  for (guint i = 0; i < json_array_get_length (array); i++)
    g_ptr_array_add (tables, json_array_get_object_element (array, i));
  g_ptr_array_sort (tables, compare_rows);
  return tables;
}

static JsonObject *
next_table (RowCheck *check)
{
  JsonObject *table = NULL;

  pthread_mutex_lock (&check->mutex);
  if (check->error == NULL && check->next < check->tables->len)
    table = g_ptr_array_index (check->tables, check->next++);
  pthread_mutex_unlock (&check->mutex);
  return table;
}

static void
fail (RowCheck *check, GError *error)
{
  pthread_mutex_lock (&check->mutex);
  if (check->error == NULL)
    check->error = error;
  else
    g_error_free (error);
  pthread_mutex_unlock (&check->mutex);
}

/* How a table is to be counted: *@by_owner, or else the column to copy (transfer full, NULL for
 * all). */
static gboolean
look_at_table (Connections *connections, const char *schema, const char *name, gboolean *by_owner,
               char **column, GError **error)
{
  RowCheck *check = connections->check;
  const char *parameters[] = { schema, name, check->run->config->user, NULL };
  g_autofree char *sql = ob_postgres_format (
    "SELECT pg_get_userbyid (c.relowner) = $3::text AND has_table_privilege ($3, c.oid, 'SELECT')"
    "       AND has_schema_privilege ($3, n.oid, 'USAGE')"
    "       AND NOT (c.relrowsecurity AND c.relforcerowsecurity),"
    "       (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0"
    "         AND NOT a.attisdropped%s ORDER BY a.attlen < 0, a.attlen, a.attnum LIMIT 1)"
    "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'r'",
    ob_postgres_get_version (connections->admin) >= 120000 ? " AND a.attgenerated = ''" : "");
  PGresult *result
    = ob_postgres_query (connections->admin, sql, parameters, check->cancellable, error);
  gboolean found;

  if (result == NULL)
    return FALSE;
  found = PQntuples (result) > 0;
  if (found)
    {
      *by_owner = strcmp (PQgetvalue (result, 0, 0), "t") == 0;
      *column = PQgetisnull (result, 0, 1) != 0 ? NULL : g_strdup (PQgetvalue (result, 0, 1));
    }
  else
    g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
                 "The table %s.%s is missing after the restore", schema, name);
  PQclear (result);
  return found;
}

/* The number of rows, without running code of the table's owner as the superuser: see
 * ob_postgres_count_by_copy(). */
static gboolean
count_rows (Connections *connections, const char *schema, const char *name, gint64 *rows,
            GError **error)
{
  RowCheck *check = connections->check;
  g_autofree char *sql = ob_postgres_format ("SELECT count(*) FROM ONLY %I.%I", schema, name);
  g_autofree char *column = NULL;
  g_autofree char *count = NULL;
  gboolean by_owner = FALSE;

  if (!look_at_table (connections, schema, name, &by_owner, &column, error))
    return FALSE;
  if (!by_owner)
    return ob_postgres_count_by_copy (connections->admin, schema, name, column, rows,
                                      check->cancellable, error);
  count = ob_postgres_get_text (connections->owner, sql, NULL, check->cancellable, error);
  if (count == NULL)
    return FALSE;
  *rows = g_ascii_strtoll (count, NULL, 10);
  return TRUE;
}

static gboolean
check_table (Connections *connections, JsonObject *table, GError **error)
{
  RowCheck *check = connections->check;
  const char *schema = json_object_get_string_member_with_default (table, "schema", "");
  const char *name = json_object_get_string_member_with_default (table, "name", "");
  gint64 expected = json_object_get_int_member_with_default (table, "rows", 0);
  gint64 rows = -1;

  if (check->run->admin == OB_ROLE_OWNER
      && g_strcmp0 (json_object_get_string_member_with_default (table, "owner", ""),
                    check->run->config->user)
           != 0)
    return TRUE;
  /* It evaluates index expressions as the table's owner, whoever asks for it. */
  if (expected > 0
      && !ob_postgres_runf (connections->admin, check->cancellable, error, "ANALYZE %I.%I",
                            schema, name))
    return FALSE;
  if ((check->run->request->scratch || !find_in_tally (check->run->tally, schema, name, &rows))
      && !count_rows (connections, schema, name, &rows, error))
    return FALSE;
  if (rows == expected)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
               "The table %s.%s has %" G_GINT64_FORMAT
               " rows after the restore, but had %" G_GINT64_FORMAT " when it was backed up",
               schema, name, rows, expected);
  return FALSE;
}

static gboolean
connect_both (Connections *connections, GError **error)
{
  const ObRestoreRun *run = connections->check->run;
  GCancellable *cancellable = connections->check->cancellable;

  connections->admin
    = ob_postgres_connect (run->config, run->admin, run->request->target, cancellable, error);
  if (connections->admin == NULL)
    return FALSE;
  connections->owner
    = ob_postgres_connect (run->config, OB_ROLE_OWNER, run->request->target, cancellable, error);
  return connections->owner != NULL;
}

static gpointer
check_thread (gpointer data)
{
  Connections connections = { .check = data };
  GError *error = NULL;
  JsonObject *table;

  if (!connect_both (&connections, &error))
    fail (data, g_steal_pointer (&error));
  while ((table = next_table (data)) != NULL)
    if (!check_table (&connections, table, &error))
      fail (data, g_steal_pointer (&error));
  g_clear_pointer (&connections.admin, ob_postgres_free);
  g_clear_pointer (&connections.owner, ob_postgres_free);
  return NULL;
}

/* methods of this room */

ObRowTally *
ob_row_tally_new (void)
{
  ObRowTally *self = g_new0 (ObRowTally, 1);

  pthread_mutex_init (&self->mutex, NULL);
  self->rows = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return self;
}

void
ob_row_tally_add (ObRowTally *self, const char *schema, const char *name, guint64 rows)
{
  char *key = make_key (schema, name);
  guint64 *number;

  pthread_mutex_lock (&self->mutex);
  number = g_hash_table_lookup (self->rows, key);
  if (number != NULL)
    {
      *number += rows;
      g_free (key);
    }
  else
    g_hash_table_insert (self->rows, key, g_memdup2 (&rows, sizeof rows));
  pthread_mutex_unlock (&self->mutex);
}

void
ob_row_tally_free (ObRowTally *self)
{
  if (self == NULL)
    return;
  pthread_mutex_destroy (&self->mutex);
  g_hash_table_unref (self->rows);
  g_free (self);
}

gboolean
ob_restore_check_rows (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  RowCheck check = { .run = run,
                     .cancellable = cancellable,
                     .mutex = PTHREAD_MUTEX_INITIALIZER };
  g_autoptr (GPtrArray) threads = g_ptr_array_new ();

  g_autoptr (GPtrArray) tables = NULL;

  if (!json_object_has_member (run->request->facts, "tables"))
    return TRUE;
  tables = list_tables (json_object_get_array_member (run->request->facts, "tables"));
  check.tables = tables;
  for (guint i = 0; i < run->request->n_parallel; i++)
    g_ptr_array_add (threads, g_thread_new ("check-rows", check_thread, &check));
  for (guint i = 0; i < threads->len; i++)
    g_thread_join (threads->pdata[i]);
  pthread_mutex_destroy (&check.mutex);
  if (check.error == NULL)
    return TRUE;
  g_propagate_error (error, check.error);
  return FALSE;
}
