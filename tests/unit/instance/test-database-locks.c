/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A dump beside others who lock, change and make tables; and one that is cancelled or broken. */
#include "database-fixture.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "ob-fd.h"

#define ROWS 1000
#define SECONDS_TO_CANCEL 1.5

/* helpers */

static void
run (ObPostgres *postgres, const char *sql)
{
  g_autoptr (GError) error = NULL;

  ob_postgres_run (postgres, NULL, &error, sql);
  g_assert_no_error (error);
}

static void
make_tables (Database *database)
{
  database_run (database, OB_ROLE_OWNER, NULL,
                "CREATE TABLE public.flip (id integer PRIMARY KEY, value integer);"
                "INSERT INTO public.flip SELECT i, i FROM generate_series (1, 1000) i;"
                "CREATE TABLE public.rewritten AS SELECT * FROM public.flip;"
                "CREATE TABLE public.quiet AS SELECT i FROM generate_series (1, 10) i");
}

static gint64
get_rows (JsonObject *facts, const char *name)
{
  JsonArray *tables = json_object_get_array_member (facts, "tables");

  for (guint i = 0; i < json_array_get_length (tables); i++)
    {
      JsonObject *table = json_array_get_object_element (tables, i);

      if (strcmp (json_object_get_string_member (table, "name"), name) == 0)
        return json_object_get_int_member (table, "rows");
    }
  return -1;
}

/* Each transaction leaves ROWS rows. */
static void
truncate_flip (ObPostgres *postgres)
{
  run (postgres, "BEGIN; TRUNCATE public.flip;"
                 "INSERT INTO public.flip SELECT i, i FROM generate_series (1, 1000) i; COMMIT");
}

/* After which an older snapshot sees no row. */
static void
rewrite (ObPostgres *postgres)
{
  run (postgres, "ALTER TABLE public.rewritten ALTER value TYPE bigint");
  run (postgres, "ALTER TABLE public.rewritten ALTER value TYPE integer");
}

static void
truncate_now_and_then (ObPostgres *postgres)
{
  truncate_flip (postgres);
  g_usleep (g_random_int_range (100, 900) * 1000);
}

/* Comes and goes while tables are listed and locked. */
static void
make_and_drop (ObPostgres *postgres)
{
  run (postgres, "CREATE TABLE public.passing (a integer)");
  run (postgres, "INSERT INTO public.passing VALUES (1)");
  run (postgres, "DROP TABLE public.passing");
}

/* Dumps, restores and looks at what came out. */
static void
assert_consistent (Database *database, const ObDatabaseConfig *config)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = archives_dump (config, 3, 60, database->progress, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpint (get_rows (archives->facts, "flip"), ==, ROWS);
  g_assert_cmpint (get_rows (archives->facts, "rewritten"), ==, ROWS);
  /* It compares the rows with the facts. */
  archives_restore (archives, config, "copy", database->progress, &error);
  g_assert_no_error (error);
  g_assert_true (ob_database_drop (config, "copy", NULL, &error));
  g_assert_no_error (error);
}

/* beside others */

static void
test_truncate_and_alter (Database *database, gconstpointer data)
{
  Disturber *truncating, *altering, *making;
  guint rounds = g_test_slow () ? 40 : 8;

  database_or_skip (database);
  make_tables (database);
  truncating = disturber_start (database, truncate_flip);
  altering = disturber_start (database, rewrite);
  making = disturber_start (database, make_and_drop);
  for (guint i = 0; i < rounds; i++)
    assert_consistent (database, database->config);
  g_assert_cmpuint (disturber_stop (truncating), >, rounds);
  g_assert_cmpuint (disturber_stop (altering), >, rounds);
  g_assert_cmpuint (disturber_stop (making), >, rounds);
}

/* Without a superuser nobody can be put in front: it begins again until it has all locks. */
static void
test_truncate_no_superuser (Database *database, gconstpointer data)
{
  Disturber *truncating;

  database_or_skip (database);
  make_tables (database);
  truncating = disturber_start (database, truncate_now_and_then);
  for (guint i = 0; i < 4; i++)
    assert_consistent (database, database->no_superuser);
  g_assert_cmpuint (disturber_stop (truncating), >, 0);
}

/* Somebody waits behind each dump for as long as it takes, and gets what he waits for. */
static void
test_queued_alter (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObDatabaseDump) dump = NULL;
  Disturber *altering;
  gint64 start;

  database_or_skip (database);
  make_tables (database);
  altering = disturber_start (database, rewrite);
  for (guint i = 0; i < 5; i++)
    {
      start = g_get_monotonic_time ();
      dump = ob_database_dump_begin (database->config, 2, 10, NULL, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpint (g_get_monotonic_time () - start, <, 8 * G_USEC_PER_SEC);
      g_clear_pointer (&dump, ob_database_dump_free);
    }
  g_assert_cmpuint (disturber_stop (altering), >, 0);
}

static void
test_locked (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObPostgres) holder = NULL;
  g_autoptr (ObDatabaseDump) dump = NULL;
  g_autofree char *pid = NULL;
  gint64 start;
  double seconds;

  database_or_skip (database);
  make_tables (database);
  holder = database_connect (database, OB_ROLE_OWNER);
  run (holder, "BEGIN; LOCK TABLE public.flip IN ACCESS EXCLUSIVE MODE");
  pid = g_strdup_printf ("%d", PQbackendPID (ob_postgres_get_connection (holder)));
  start = g_get_monotonic_time ();
  dump = ob_database_dump_begin (database->config, 2, 2, NULL, NULL, &error);
  seconds = (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;
  g_assert_null (dump);
  g_assert_ob_error (error, OB_ERROR_BUSY);
  g_assert_message (error, "public.flip");
  g_assert_message (error, pid);
  g_assert_message (error, OWNER);
  g_assert_message (error, "idle in transaction");
  g_assert_cmpfloat (seconds, >, 1.9);
  g_assert_cmpfloat (seconds, <, 4);
  g_clear_error (&error);

  run (holder, "ROLLBACK");
  dump = ob_database_dump_begin (database->config, 2, 2, NULL, NULL, &error);
  g_assert_no_error (error);
}

/* The application holds one table and asks for another, which the dump has locked while it waits
 * for the first: it is the dump that gives way, never the application's transaction. */
static gpointer
begin_thread (gpointer config)
{
  g_autoptr (GError) error = NULL;
  ObDatabaseDump *dump = ob_database_dump_begin (config, 2, 30, NULL, NULL, &error);

  g_assert_no_error (error);
  return dump;
}

static void
test_gives_way (Database *database, gconstpointer data)
{
  g_autoptr (ObPostgres) other = NULL;
  GThread *thread;

  database_or_skip (database);
  make_tables (database);
  other = database_connect (database, OB_ROLE_OWNER);
  run (other, "BEGIN; LOCK TABLE public.quiet IN ACCESS EXCLUSIVE MODE");
  thread = g_thread_new ("begin", begin_thread, database->config);
  /* Longer than deadlock_timeout: who waits last is who finds the deadlock, and is ended for it. */
  g_usleep (1300 * 1000);
  run (other, "LOCK TABLE public.flip IN ACCESS EXCLUSIVE MODE");
  run (other, "COMMIT");
  ob_database_dump_free (g_thread_join (thread));
}

/* cancelled */

typedef struct
{
  GCancellable *cancellable;
  gint64 at;
} Cancelling;

static gpointer
cancel_later (gpointer data)
{
  Cancelling *cancelling = data;

  g_usleep (400 * 1000);
  cancelling->at = g_get_monotonic_time ();
  g_cancellable_cancel (cancelling->cancellable);
  return NULL;
}

static void
assert_cancelled_in_time (const Cancelling *cancelling, GError *error)
{
  double seconds = (double) (g_get_monotonic_time () - cancelling->at) / G_USEC_PER_SEC;

  g_assert_ob_error (error, OB_ERROR_CANCELLED);
  g_assert_cmpfloat (seconds, <, SECONDS_TO_CANCEL);
}

static void
test_cancel_waiting (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (ObPostgres) holder = NULL;
  Cancelling cancelling = { cancellable, 0 };
  ObDatabaseDump *dump;
  GThread *thread;

  database_or_skip (database);
  make_tables (database);
  holder = database_connect (database, OB_ROLE_OWNER);
  run (holder, "BEGIN; LOCK TABLE public.flip IN ACCESS EXCLUSIVE MODE");
  thread = g_thread_new ("cancel", cancel_later, &cancelling);
  dump = ob_database_dump_begin (database->config, 2, 60, NULL, cancellable, &error);
  g_thread_join (thread);
  g_assert_null (dump);
  assert_cancelled_in_time (&cancelling, error);
}

static void
make_large_table (Database *database)
{
  database_run (database, OB_ROLE_OWNER, NULL,
                "CREATE TABLE public.large AS SELECT repeat ('0123456789', 100) AS t"
                "  FROM generate_series (1, 30000)");
}

static void
test_cancel_streaming (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (ObDatabaseDump) dump = NULL;
  Cancelling cancelling = { cancellable, 0 };
  ob_autofd int fd = -1;
  char buffer[1000];

  database_or_skip (database);
  make_large_table (database);
  dump = ob_database_dump_begin (database->config, 1, 10, NULL, cancellable, &error);
  g_assert_no_error (error);
  fd = ob_database_dump_open (dump, 1, cancellable, &error);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (read (fd, buffer, sizeof buffer), >, 0);
  cancelling.at = g_get_monotonic_time ();
  g_cancellable_cancel (cancellable);
  g_assert_false (ob_database_dump_close (dump, 1, cancellable, &error));
  assert_cancelled_in_time (&cancelling, error);
  g_clear_error (&error);
  g_assert_null (ob_database_dump_describe (dump, cancellable, &error));
  assert_cancelled_in_time (&cancelling, error);
  g_clear_pointer (&dump, ob_database_dump_free);
  g_assert_cmpfloat ((double) (g_get_monotonic_time () - cancelling.at) / G_USEC_PER_SEC, <,
                     SECONDS_TO_CANCEL);
}

/* broken */

static guint
read_all (int fd)
{
  char buffer[65536];
  guint total = 0;
  gssize size;

  while ((size = read (fd, buffer, sizeof buffer)) > 0)
    total += (guint) size;
  return total;
}

static void
test_pg_dump_killed (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObDatabaseDump) dump = NULL;
  g_autoptr (GArray) children = NULL;
  ob_autofd int fd = -1;

  database_or_skip (database);
  make_large_table (database);
  dump = ob_database_dump_begin (database->config, 1, 10, NULL, NULL, &error);
  g_assert_no_error (error);
  fd = ob_database_dump_open (dump, 1, NULL, &error);
  g_assert_cmpint (fd, >=, 0);
  children = find_children ("pg_dump");
  g_assert_cmpuint (children->len, >=, 1);
  for (guint i = 0; i < children->len; i++)
    kill ((pid_t) g_array_index (children, guint, i), SIGKILL);
  g_assert_cmpuint (read_all (fd), <, 30000 * 1000);
  g_assert_false (ob_database_dump_close (dump, 1, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_FAILED);
  g_assert_message (error, "pg_dump");
  g_assert_message (error, "data-1.dump");
}

/* Who stops reading has no backup. */
static void
test_reader_stops (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObDatabaseDump) dump = NULL;
  ob_autofd int fd = -1;

  database_or_skip (database);
  make_large_table (database);
  dump = ob_database_dump_begin (database->config, 1, 10, NULL, NULL, &error);
  g_assert_no_error (error);
  fd = ob_database_dump_open (dump, 1, NULL, &error);
  g_assert_cmpint (fd, >=, 0);
  ob_fd_clear (&fd);
  g_assert_false (ob_database_dump_close (dump, 1, NULL, &error));
  g_assert_nonnull (error);
}

static void
test_session_ended (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObDatabaseDump) dump = NULL;
  g_autofree char *ended = NULL;
  ob_autofd int fd = -1;

  database_or_skip (database);
  make_large_table (database);
  dump = ob_database_dump_begin (database->config, 1, 10, NULL, NULL, &error);
  g_assert_no_error (error);
  ended = database_ask (database, "postgres",
                        "SELECT count(pg_terminate_backend (pid)) FROM pg_stat_activity"
                        " WHERE datname = 'erp' AND backend_type = 'client backend'");
  fd = ob_database_dump_open (dump, 1, NULL, &error);
  g_assert_cmpuint (read_all (fd), <, 30000 * 1000);
  g_assert_false (ob_database_dump_close (dump, 1, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_DATABASE_UNREACHABLE);
  g_clear_error (&error);
  g_assert_null (ob_database_dump_describe (dump, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_DATABASE_UNREACHABLE);
}

static void
assert_begin_fails (const ObDatabaseConfig *config, int code, const char *part)
{
  g_autoptr (GError) error = NULL;
  ObDatabaseDump *dump = ob_database_dump_begin (config, 2, 5, NULL, NULL, &error);

  g_assert_null (dump);
  g_assert_ob_error (error, code);
  g_assert_message (error, part);
}

static void
test_unreachable (Database *database, gconstpointer data)
{
  g_autoptr (ObDatabaseConfig) config = NULL;

  database_or_skip (database);
  config = ob_database_config_copy (database->config);
  g_free (config->system_password);
  config->system_password = g_strdup ("wrong");
  assert_begin_fails (config, OB_ERROR_CREDENTIALS_REJECTED, "postgres");
  g_free (config->system_password);
  config->system_password = g_strdup (database->config->system_password);
  g_free (config->password);
  config->password = g_strdup ("wrong");
  assert_begin_fails (config, OB_ERROR_CREDENTIALS_REJECTED, OWNER);
  g_free (config->password);
  config->password = g_strdup (database->config->password);
  g_free (config->name);
  config->name = g_strdup ("nowhere");
  assert_begin_fails (config, OB_ERROR_DATABASE_UNREACHABLE, "nowhere");
  config->port = 1;
  assert_begin_fails (config, OB_ERROR_DATABASE_UNREACHABLE, "port 1");
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  server_start ();
#define ADD(path, function)                                                                        \
  g_test_add ("/database-locks/" path, Database, NULL, database_set_up, function,                  \
              database_tear_down)
  ADD ("truncate-and-alter", test_truncate_and_alter);
  ADD ("truncate-no-superuser", test_truncate_no_superuser);
  ADD ("queued-alter", test_queued_alter);
  ADD ("locked", test_locked);
  ADD ("gives-way", test_gives_way);
  ADD ("cancel-waiting", test_cancel_waiting);
  ADD ("cancel-streaming", test_cancel_streaming);
  ADD ("pg-dump-killed", test_pg_dump_killed);
  ADD ("reader-stops", test_reader_stops);
  ADD ("session-ended", test_session_ended);
  ADD ("unreachable", test_unreachable);
#undef ADD
  status = g_test_run ();
  server_stop ();
  return status;
}
