/* SPDX-License-Identifier: GPL-3.0-or-later */
/* After the rows are in: statistics for the planner, and the count of every table against the
 * manifest's. */
#include "ob-database-restore-private.h"

#include "ob-error.h"

#include <pthread.h>

typedef struct
{
  ObRestoreRun *run;
  GCancellable *cancellable;
  JsonArray *tables;
  pthread_mutex_t mutex;
  guint next;
  GError *error; /* the first */
} RowCheck;

/* internal methods */

static JsonObject *
next_table (RowCheck *check)
{
  JsonObject *table = NULL;

  pthread_mutex_lock (&check->mutex);
  if (check->error == NULL && check->next < json_array_get_length (check->tables))
    table = json_array_get_object_element (check->tables, check->next++);
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

static gboolean
check_table (RowCheck *check, ObPostgres *postgres, JsonObject *table, GError **error)
{
  const char *schema = json_object_get_string_member_with_default (table, "schema", "");
  const char *name = json_object_get_string_member_with_default (table, "name", "");
  gint64 expected = json_object_get_int_member_with_default (table, "rows", 0);
  g_autofree char *sql = ob_postgres_format ("SELECT count(*) FROM ONLY %I.%I", schema, name);
  g_autofree char *count = NULL;

  if (check->run->admin == OB_ROLE_OWNER
      && g_strcmp0 (json_object_get_string_member_with_default (table, "owner", ""),
                    check->run->config->user)
           != 0)
    return TRUE;
  if (expected > 0
      && !ob_postgres_runf (postgres, check->cancellable, error, "ANALYZE %I.%I", schema, name))
    return FALSE;
  count = ob_postgres_get_text (postgres, sql, NULL, check->cancellable, error);
  if (count == NULL)
    return FALSE;
  if (g_ascii_strtoll (count, NULL, 10) == expected)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
               "The table %s.%s has %s rows after the restore, but had %" G_GINT64_FORMAT
               " when it was backed up",
               schema, name, count, expected);
  return FALSE;
}

static gpointer
check_thread (gpointer data)
{
  RowCheck *check = data;
  GError *error = NULL;
  JsonObject *table;
  g_autoptr (ObPostgres) postgres
    = ob_postgres_connect (check->run->config, check->run->admin, check->run->request->target,
                           check->cancellable, &error);

  if (postgres == NULL)
    fail (check, error);
  while (postgres != NULL && (table = next_table (check)) != NULL)
    if (!check_table (check, postgres, table, &error))
      fail (check, g_steal_pointer (&error));
  return NULL;
}

/* public methods */

gboolean
ob_restore_check_rows (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  RowCheck check = { .run = run,
                     .cancellable = cancellable,
                     .mutex = PTHREAD_MUTEX_INITIALIZER };
  g_autoptr (GPtrArray) threads = g_ptr_array_new ();

  if (!json_object_has_member (run->request->facts, "tables"))
    return TRUE;
  check.tables = json_object_get_array_member (run->request->facts, "tables");
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
