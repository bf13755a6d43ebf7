/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Locks first, then the snapshot.
 *
 * A TRUNCATE, or an ALTER TABLE that rewrites, is seen at once by everybody, whatever the snapshot:
 * one that commits between the snapshot and pg_dump's own lock would leave an empty table in the
 * dump, exit status 0. So the tables are locked before the statement that takes the snapshot (LOCK
 * TABLE takes none), and a table of the snapshot that is not among the locked ones, since it was
 * made meanwhile, means to begin again.
 *
 * We wait for a lock in slices shorter than PostgreSQL's deadlock_timeout (one second), letting go
 * of all locks in between. Where the application and we wait for each other, it is we who give way,
 * and never a transaction of the application that is chosen as the victim.
 *
 * Then each pg_dump takes its own locks, and meets this: somebody asks for ACCESS EXCLUSIVE and
 * waits for us, pg_dump queues behind him, and we wait for pg_dump. PostgreSQL does not see this
 * deadlock, since we wait outside of it. Once it sees one, it solves it without ending anybody: its
 * deadlock detector puts a request that only the order of the queue holds back in front
 * (src/backend/storage/lmgr/README, "soft edges"). So we wait inside of it, for a moment: for a
 * lock that conflicts with one which every pg_dump of ours holds by then. pg_extension, which
 * pg_dump reads before it locks tables, is a catalogue that next to nobody else ever opens. Only a
 * superuser may lock it; without one, the dump begins again with a new snapshot.
 */
#include "ob-database-dump-private.h"

#include <stdlib.h>
#include <string.h>

#include "ob-error.h"
#include "ob-postgres-private.h"

#define SLICE "700ms"
#define PAUSE_MILLISECONDS 30
#define BATCH 200
#define BEGIN_SNAPSHOT "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"

/* Relations that pg_dump may take, which are those of no schema of the system. */
#define OF_USERS                                                                                   \
  " c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"

/* internal methods */

static ObDumpTable *
read_locked_table (const PGresult *result, int row)
{
  ObDumpTable *table = g_new0 (ObDumpTable, 1);

  table->oid = (guint) strtoul (PQgetvalue (result, row, 0), NULL, 10);
  table->schema = g_strdup (PQgetvalue (result, row, 1));
  table->name = g_strdup (PQgetvalue (result, row, 2));
  table->owner = g_strdup (PQgetvalue (result, row, 3));
  table->partitioned = strcmp (PQgetvalue (result, row, 4), "p") == 0;
  table->rows = -1;
  return table;
}

/* What would make pg_dump fail later, with fewer words. */
static gboolean
check_access (ObDatabaseDump *self, const PGresult *result, int row, GError **error)
{
  const char *role
    = self->role == OB_ROLE_OWNER ? self->config->user : self->config->system_user;

  if (strcmp (PQgetvalue (result, row, 5), "t") != 0)
    g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                 "The role \"%s\" may not read the table %s.%s of the role \"%s\". Grant it SELECT "
                 "there, or set a superuser (bbdd.systemUser) for the backup",
                 role, PQgetvalue (result, row, 1), PQgetvalue (result, row, 2),
                 PQgetvalue (result, row, 3));
  else if (strcmp (PQgetvalue (result, row, 6), "f") != 0)
    g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                 "Row security hides rows of the table %s.%s from the role \"%s\". Set a superuser "
                 "(bbdd.systemUser) for the backup, which sees them all",
                 PQgetvalue (result, row, 1), PQgetvalue (result, row, 2), role);
  else
    return TRUE;
  return FALSE;
}

/* The tables there are now, to be locked: in pg_dump's own order. Transfer full. */
static GPtrArray *
list_tables (ObDatabaseDump *self, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) tables
    = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_dump_table_free);
  PGresult *result = ob_postgres_query (
    self->session,
    "SELECT c.oid, n.nspname, c.relname, pg_get_userbyid (c.relowner), c.relkind,"
    "       coalesce (has_table_privilege (c.oid, 'SELECT')"
    "                 AND has_schema_privilege (n.oid, 'USAGE'), true),"
    "       row_security_active (c.oid)"
    "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE" OF_USERS
    " ORDER BY c.oid",
    NULL, cancellable, error);
  gboolean ok = result != NULL;

  for (int i = 0; ok && i < PQntuples (result); i++)
    {
      ok = check_access (self, result, i, error);
      if (ok)
        g_ptr_array_add (tables, read_locked_table (result, i));
    }
  PQclear (result);
  return ok ? g_steal_pointer (&tables) : NULL;
}

/* The tables of the snapshot with all that is to be known of them. *@complete tells whether we hold
 * the lock of each. Transfer full. */
static GPtrArray *
list_snapshot (ObDatabaseDump *self, gboolean *complete, GCancellable *cancellable, GError **error)
{
  const char *parameters[] = { self->config->user, NULL };
  g_autoptr (GPtrArray) tables
    = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_dump_table_free);
  /* Generated columns, which COPY does not take, came with version 12. */
  g_autofree char *sql = ob_postgres_format (
    "SELECT c.oid, n.nspname, c.relname, pg_get_userbyid (c.relowner), c.relkind,"
    "       l.relation IS NOT NULL,"
    "       EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass"
    "                AND d.objid = c.oid AND d.deptype = 'e'),"
    "       coalesce (has_table_privilege ($1::text::name, c.oid, 'SELECT')"
    "                 AND has_schema_privilege ($1::text::name, n.oid, 'USAGE'), false),"
    "       c.relrowsecurity AND c.relforcerowsecurity, coalesce (pg_table_size (c.oid), 0),"
    "       (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0"
    "         AND NOT a.attisdropped%s ORDER BY a.attlen < 0, a.attlen, a.attnum LIMIT 1)"
    "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    "  LEFT JOIN (SELECT DISTINCT relation FROM pg_locks WHERE pid = pg_backend_pid ()"
    "              AND locktype = 'relation' AND mode = 'AccessShareLock' AND granted) l"
    "    ON l.relation = c.oid"
    " WHERE" OF_USERS " ORDER BY c.oid",
    ob_postgres_get_version (self->session) >= 120000 ? " AND a.attgenerated = ''" : "");
  PGresult *result = ob_postgres_query (self->session, sql, parameters, cancellable, error);

  if (result == NULL)
    return NULL;
  *complete = TRUE;
  for (int i = 0; i < PQntuples (result); i++)
    {
      ObDumpTable *table = read_locked_table (result, i);

      *complete = *complete && strcmp (PQgetvalue (result, i, 5), "t") == 0;
      table->extension = strcmp (PQgetvalue (result, i, 6), "t") == 0;
      table->readable = strcmp (PQgetvalue (result, i, 7), "t") == 0;
      table->filtered = strcmp (PQgetvalue (result, i, 8), "t") == 0;
      table->bytes = g_ascii_strtoull (PQgetvalue (result, i, 9), NULL, 10);
      if (PQgetisnull (result, i, 10) == 0)
        table->column = g_strdup (PQgetvalue (result, i, 10));
      g_ptr_array_add (tables, table);
    }
  PQclear (result);
  return g_steal_pointer (&tables);
}

/* Whether a statement failed because the tables are not what they were, or are locked. */
static gboolean
is_passing (ObPostgres *postgres)
{
  static const char *const states[] = { "55P03",  /* lock_not_available */
                                        "40P01",  /* deadlock_detected */
                                        "42P01",  /* undefined_table */
                                        "3F000",  /* invalid_schema_name */
                                        "42809",  /* wrong_object_type: it is a view now */
                                        NULL };

  return g_strv_contains (states, ob_postgres_get_sqlstate (postgres));
}

/* One try. *@again tells whether another one makes sense. */
static gboolean
try_snapshot (ObDatabaseDump *self, gboolean *again, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) locked = list_tables (self, cancellable, error);
  gboolean complete = FALSE;

  *again = FALSE;
  if (locked == NULL
      || !ob_postgres_run (self->session, cancellable, error,
                           BEGIN_SNAPSHOT "; SET LOCAL lock_timeout TO '" SLICE "'"))
    return FALSE;
  if (!ob_dump_lock_tables (self->session, locked, cancellable, error))
    {
      *again = is_passing (self->session);
      return FALSE;
    }
  if (!ob_postgres_run (self->session, cancellable, error, "SET LOCAL lock_timeout TO 0"))
    return FALSE;

  g_clear_pointer (&self->tables, g_ptr_array_unref);
  self->tables = list_snapshot (self, &complete, cancellable, error);
  if (self->tables == NULL)
    return FALSE;
  if (!complete)
    {
      *again = TRUE;
      g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
                   "Tables are being made in the database \"%s\" all the time, so that they cannot "
                   "be locked; try again later",
                   self->config->name);
      return FALSE;
    }
  g_free (self->snapshot);
  self->snapshot = ob_postgres_get_text (self->session, "SELECT pg_export_snapshot ()", NULL,
                                         cancellable, error);
  return self->snapshot != NULL;
}

/* "the process 4711 of the role "tad" (psql, idle in transaction, for 34 s)". */
static char *
describe_holder (const PGresult *result)
{
  const char *application = PQgetvalue (result, 0, 4);
  const char *state = PQgetvalue (result, 0, 5);
  const char *seconds = PQgetvalue (result, 0, 6);

  if (PQgetisnull (result, 0, 2) != 0)
    return g_strdup ("a prepared transaction (see pg_prepared_xacts)");
  return g_strdup_printf ("the process %s of the role \"%s\" (%s%s%s%s%s s)",
                          PQgetvalue (result, 0, 2), PQgetvalue (result, 0, 3), application,
                          *application != '\0' ? ", " : "", state,
                          *state != '\0' ? ", for " : "for ", *seconds != '\0' ? seconds : "?");
}

/* methods of this room */

void
ob_dump_table_free (ObDumpTable *table)
{
  g_free (table->schema);
  g_free (table->name);
  g_free (table->owner);
  g_free (table->column);
  g_free (table);
}

gboolean
ob_dump_pause (guint milliseconds, GCancellable *cancellable, GError **error)
{
  gint64 until = g_get_monotonic_time () + (gint64) milliseconds * 1000;

  if (ob_postgres_wait (-1, 0, until, cancellable) != OB_POSTGRES_CANCELLED)
    return TRUE;
  g_set_error_literal (error, OB_ERROR, OB_ERROR_CANCELLED,
                       "The job was cancelled while it waited for the tables of the database");
  return FALSE;
}

gboolean
ob_dump_lock_tables (ObPostgres *postgres, GPtrArray *tables, GCancellable *cancellable,
                     GError **error)
{
  for (guint first = 0; first < tables->len; first += BATCH)
    {
      g_autoptr (GString) sql = g_string_new ("LOCK TABLE ");

      for (guint i = first; i < MIN (first + BATCH, tables->len); i++)
        {
          const ObDumpTable *table = g_ptr_array_index (tables, i);
          g_autofree char *name = ob_postgres_format ("ONLY %I.%I", table->schema, table->name);

          g_string_append_printf (sql, "%s%s", i > first ? ", " : "", name);
        }
      g_string_append (sql, " IN ACCESS SHARE MODE");
      if (!ob_postgres_run (postgres, cancellable, error, sql->str))
        return FALSE;
    }
  return TRUE;
}

gboolean
ob_dump_fail_busy (ObDatabaseDump *self, GCancellable *cancellable, GError **error)
{
  g_autofree char *holder = NULL;
  PGresult *result = ob_postgres_query (
    self->session,
    "SELECT pg_stat_clear_snapshot ();"
    "SELECT n.nspname, c.relname, l.pid, a.usename, coalesce (a.application_name, ''),"
    "       coalesce (a.state, ''),"
    "       extract (epoch FROM clock_timestamp () - a.xact_start)::bigint, l.granted"
    "  FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
    "  JOIN pg_namespace n ON n.oid = c.relnamespace"
    "  LEFT JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'"
    "   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database ())"
    "   AND l.pid IS DISTINCT FROM pg_backend_pid ()"
    "   AND n.nspname !~ '^pg_' AND c.relkind <> 'i'"
    " ORDER BY l.granted DESC, c.relkind NOT IN ('r', 'p'), a.xact_start LIMIT 1",
    NULL, cancellable, error);

  if (result == NULL)
    return FALSE;
  if (PQntuples (result) > 0)
    {
      holder = describe_holder (result);
      g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
                   "The table %s.%s of the database \"%s\" could not be locked for the dump within "
                   "%u seconds: %s %s. Try again when that has ended",
                   PQgetvalue (result, 0, 0), PQgetvalue (result, 0, 1), self->config->name,
                   self->lock_timeout, holder,
                   strcmp (PQgetvalue (result, 0, 7), "t") == 0
                     ? "holds it in exclusive mode"
                     : "waits to have it in exclusive mode, and stands in the way");
    }
  else
    g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
                 "The tables of the database \"%s\" could not be locked for the dump within %u "
                 "seconds: they are being locked, changed or made all the time. Try again later",
                 self->config->name, self->lock_timeout);
  PQclear (result);
  return FALSE;
}

gboolean
ob_dump_take_snapshot (ObDatabaseDump *self, gint64 deadline, GCancellable *cancellable,
                       GError **error)
{
  for (;;)
    {
      g_autoptr (GError) local_error = NULL;
      gboolean again;

      if (try_snapshot (self, &again, cancellable, &local_error))
        return TRUE;
      ob_postgres_run (self->session, NULL, NULL, "ROLLBACK");
      if (!again)
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
      if (g_get_monotonic_time () >= deadline)
        return ob_dump_fail_busy (self, cancellable, error);
      if (!ob_dump_pause (PAUSE_MILLISECONDS, cancellable, error))
        return FALSE;
    }
}

gboolean
ob_dump_look_for_waiters (ObDatabaseDump *self, gboolean *waiting, gboolean *stuck,
                          GCancellable *cancellable, GError **error)
{
  PGresult *result = ob_postgres_query (
    self->session,
    /* Within a transaction pg_stat_activity is looked at once and then stays as it was. */
    "SELECT pg_stat_clear_snapshot ();"
    "SELECT count(*) > 0, coalesce (bool_or (m.pid IS NOT NULL), false)"
    "  FROM pg_locks w JOIN pg_stat_activity a ON a.pid = w.pid"
    "  LEFT JOIN pg_locks m ON m.pid = pg_backend_pid () AND m.locktype = 'relation' AND m.granted"
    "   AND m.database = w.database AND m.relation = w.relation"
    " WHERE NOT w.granted AND w.locktype = 'relation' AND w.mode = 'AccessShareLock'"
    "   AND a.application_name = 'obbackup' AND a.datname = current_database ()",
    NULL, cancellable, error);

  if (result == NULL)
    return FALSE;
  *waiting = strcmp (PQgetvalue (result, 0, 0), "t") == 0;
  *stuck = strcmp (PQgetvalue (result, 0, 1), "t") == 0;
  PQclear (result);
  return TRUE;
}

gboolean
ob_dump_untangle (ObDatabaseDump *self, gboolean *done, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local_error = NULL;

  *done = FALSE;
  if (!self->superuser)
    return TRUE;
  if (!ob_postgres_run (self->session, cancellable, error,
                        "SAVEPOINT untangle; SET LOCAL deadlock_timeout TO '10ms';"
                        "SET LOCAL lock_timeout TO '50ms'"))
    return FALSE;
  /* It is not meant to be had: the time is up, or it was put in front of us. */
  ob_postgres_run (self->session, cancellable, &local_error,
                   "LOCK TABLE pg_catalog.pg_extension IN ACCESS EXCLUSIVE MODE");
  if (local_error != NULL && !is_passing (self->session))
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  *done = TRUE;
  return ob_postgres_run (self->session, cancellable, error,
                          "ROLLBACK TO SAVEPOINT untangle; RELEASE SAVEPOINT untangle");
}
