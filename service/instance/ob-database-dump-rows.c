/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exact counts of rows, in the dump's snapshot: bbdd.user's tables by bbdd.user, beside the
 * pg_dumps, and the others by COPY (why: see ob_postgres_count_by_copy()). */
#include "ob-database-dump-private.h"

#include <pthread.h>

#include "ob-error.h"
#include "ob-postgres-private.h"

struct _ObRowCount
{
  ObDatabaseConfig *config;
  char *snapshot;
  GPtrArray *readable; /* of ObDumpTable of the dump: what is locked */
  GCancellable *cancellable;
  GThread *thread; /* NULL once joined */
  pthread_mutex_t mutex;
  gboolean ready;
  gboolean ended;
  GError *error;
  ObPostgres *postgres;
};

/* internal methods */

static gboolean
is_counted_by_owner (const ObDatabaseConfig *config, const ObDumpTable *table)
{
  return !table->partitioned && !table->extension && table->readable && !table->filtered
         && g_str_equal (table->owner, config->user);
}

/* A connection that reads the snapshot and holds the locks of what it will read. */
static ObPostgres *
join_snapshot (ObRowCount *self, GError **error)
{
  g_autoptr (ObPostgres) postgres
    = ob_postgres_connect (self->config, OB_ROLE_OWNER, NULL, self->cancellable, error);

  /* pg_extension: so that the session can be untangled as pg_dump's can, see
   * ob-database-dump-lock.c. The rest: the application works beside us. */
  if (postgres == NULL
      || !ob_postgres_run (postgres, self->cancellable, error,
                           "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                           "SET LOCAL max_parallel_workers_per_gather TO 0")
      || !ob_postgres_runf (postgres, self->cancellable, error, "SET TRANSACTION SNAPSHOT %L",
                            self->snapshot)
      || !ob_postgres_run (postgres, self->cancellable, error,
                           "SELECT 1 FROM pg_catalog.pg_extension LIMIT 1")
      || !ob_dump_lock_tables (postgres, self->readable, self->cancellable, error))
    return NULL;
  return g_steal_pointer (&postgres);
}

static gboolean
count_table (ObRowCount *self, ObPostgres *postgres, ObDumpTable *table, GError **error)
{
  g_autofree char *sql
    = ob_postgres_format ("SELECT count(*) FROM ONLY %I.%I", table->schema, table->name);
  g_autofree char *count = ob_postgres_get_text (postgres, sql, NULL, self->cancellable, error);

  if (count == NULL)
    return FALSE;
  table->rows = g_ascii_strtoll (count, NULL, 10);
  return TRUE;
}

static gboolean
count_tables (ObRowCount *self, ObPostgres *postgres, GError **error)
{
  for (guint i = 0; i < self->readable->len; i++)
    {
      ObDumpTable *table = g_ptr_array_index (self->readable, i);

      if (is_counted_by_owner (self->config, table) && !count_table (self, postgres, table, error))
        return FALSE;
    }
  return TRUE;
}

static gpointer
count_thread (gpointer data)
{
  ObRowCount *self = data;
  g_autoptr (GError) error = NULL;
  ObPostgres *postgres = join_snapshot (self, &error);

  pthread_mutex_lock (&self->mutex);
  self->ready = postgres != NULL;
  pthread_mutex_unlock (&self->mutex);
  if (postgres != NULL && !count_tables (self, postgres, &error))
    g_clear_pointer (&postgres, ob_postgres_free);

  pthread_mutex_lock (&self->mutex);
  self->error = g_steal_pointer (&error);
  self->postgres = postgres;
  self->ended = TRUE;
  pthread_mutex_unlock (&self->mutex);
  return NULL;
}

static void
on_cancelled (GCancellable *cancellable, gpointer inner)
{
  g_cancellable_cancel (inner);
}

/* methods of this room */

ObRowCount *
ob_row_count_new (ObDatabaseDump *dump)
{
  ObRowCount *self = g_new0 (ObRowCount, 1);

  self->config = ob_database_config_copy (dump->config);
  self->snapshot = g_strdup (dump->snapshot);
  self->readable = g_ptr_array_new ();
  for (guint i = 0; i < dump->tables->len; i++)
    if (((ObDumpTable *) g_ptr_array_index (dump->tables, i))->readable)
      g_ptr_array_add (self->readable, g_ptr_array_index (dump->tables, i));
  self->cancellable = g_cancellable_new ();
  pthread_mutex_init (&self->mutex, NULL);
  self->thread = g_thread_new ("count-rows", count_thread, self);
  return self;
}

gboolean
ob_row_count_is_ready (ObRowCount *self, gboolean *ready, GError **error)
{
  gboolean ok;

  pthread_mutex_lock (&self->mutex);
  *ready = self->ready;
  ok = self->error == NULL;
  if (!ok)
    g_propagate_error (error, g_error_copy (self->error));
  pthread_mutex_unlock (&self->mutex);
  return ok;
}

ObPostgres *
ob_row_count_join (ObRowCount *self, GCancellable *cancellable, GError **error)
{
  gulong handler = cancellable == NULL ? 0
                                       : g_cancellable_connect (cancellable,
                                                                G_CALLBACK (on_cancelled),
                                                                self->cancellable, NULL);

  g_thread_join (g_steal_pointer (&self->thread));
  g_cancellable_disconnect (cancellable, handler);
  if (self->error != NULL)
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&self->error),
                                  "The rows of the tables cannot be counted: ");
      return NULL;
    }
  return g_steal_pointer (&self->postgres);
}

void
ob_row_count_free (ObRowCount *self)
{
  if (self == NULL)
    return;

  g_cancellable_cancel (self->cancellable);
  if (self->thread != NULL)
    g_thread_join (self->thread);
  g_clear_pointer (&self->postgres, ob_postgres_free);
  g_clear_error (&self->error);
  pthread_mutex_destroy (&self->mutex);
  g_object_unref (self->cancellable);
  g_ptr_array_unref (self->readable);
  g_free (self->snapshot);
  ob_database_config_free (self->config);
  g_free (self);
}

gboolean
ob_dump_count_others (ObDatabaseDump *self, GCancellable *cancellable, GError **error)
{
  for (guint i = 0; i < self->tables->len; i++)
    {
      ObDumpTable *table = g_ptr_array_index (self->tables, i);

      if (table->rows < 0 && !table->partitioned && !table->extension
          && !ob_postgres_count_by_copy (self->session, table->schema, table->name, table->column,
                                         &table->rows, cancellable, error))
        return FALSE;
    }
  return TRUE;
}
