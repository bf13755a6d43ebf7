/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The database's exchange that keeps its number, and the ways back, from every state in which it
 * can be left. */
#include "database-fixture.h"

#include <string.h>

#include "ob-database-exchange.h"

#define SETTINGS                                                                                   \
  "ALTER DATABASE %s SET search_path TO public, \"Odd name\";"                                     \
  "ALTER ROLE " READER " IN DATABASE %s SET work_mem TO '7MB';"                                    \
  "COMMENT ON DATABASE %s IS 'of %s';"                                                             \
  "ALTER DATABASE %s CONNECTION LIMIT %u;"                                                         \
  "REVOKE ALL ON DATABASE %s FROM PUBLIC;"                                                         \
  "GRANT CONNECT ON DATABASE %s TO " READER " WITH GRANT OPTION"

typedef struct
{
  Database base;
  ObDatabaseExchange exchange;
} Exchange;

/* helpers */

static void
run_lines (Exchange *exchange, char *sql)
{
  g_auto (GStrv) lines = g_strsplit (sql, ";", -1);

  for (gsize i = 0; lines[i] != NULL; i++)
    database_run (&exchange->base, OB_ROLE_SUPERUSER, "postgres", lines[i]);
  g_free (sql);
}

static void
decorate (Exchange *exchange, const char *name, guint limit)
{
  run_lines (exchange, g_strdup_printf (SETTINGS, name, name, name, name, name, limit, name, name));
}

/* What belongs to a database and not to its content; NULL where there is none of that name. */
static char *
describe (Exchange *exchange, const char *name)
{
  g_autofree char *sql = g_strdup_printf (
    "SELECT concat_ws (' | ', pg_get_userbyid (datdba), datallowconn, datconnlimit,"
    "  (SELECT string_agg (a::text, ',' ORDER BY a::text) FROM unnest (datacl) AS a),"
    "  shobj_description (d.oid, 'pg_database'),"
    "  (SELECT string_agg (concat (setrole::regrole, setconfig), ', ' ORDER BY setrole)"
    "     FROM pg_db_role_setting WHERE setdatabase = d.oid))"
    "  FROM pg_database d WHERE datname = '%s'",
    name);

  return database_ask (&exchange->base, "postgres", sql);
}

static char *
ask_mark (Exchange *exchange, const char *name)
{
  return database_ask (&exchange->base, name, "SELECT v FROM public.mark");
}

static guint32
get_oid (Exchange *exchange, const char *name)
{
  g_autoptr (GError) error = NULL;
  guint32 oid = 0;

  g_assert_true (ob_database_get_oid (exchange->base.config, name, &oid, NULL, &error));
  g_assert_no_error (error);
  return oid;
}

static void
make_mark (Exchange *exchange, const char *name)
{
  g_autofree char *sql
    = g_strdup_printf ("CREATE TABLE public.mark AS SELECT '%s'::text AS v", name);

  database_run (&exchange->base, OB_ROLE_OWNER, name, sql);
}

static void
exchange_set_up (Exchange *exchange, gconstpointer data)
{
  database_set_up (&exchange->base, data);
  if (exchange->base.config == NULL)
    return;
  database_run (&exchange->base, OB_ROLE_SUPERUSER, "postgres",
                "CREATE DATABASE staged OWNER " OWNER);
  make_mark (exchange, "erp");
  make_mark (exchange, "staged");
  decorate (exchange, "erp", 71);
  decorate (exchange, "staged", 72);
  exchange->exchange = (ObDatabaseExchange){ .staged = "staged",
                                             .kept = "kept",
                                             .moving = "moving",
                                             .doomed = "doomed",
                                             .oid = get_oid (exchange, "erp"),
                                             .had_former = TRUE };
}

static void
exchange_tear_down (Exchange *exchange, gconstpointer data)
{
  database_tear_down (&exchange->base, data);
}

static gboolean
is_past (Exchange *exchange)
{
  g_autoptr (GError) error = NULL;
  gboolean past = FALSE;

  g_assert_true (ob_database_exchange_is_past (exchange->base.config, &exchange->exchange, &past,
                                               &error));
  g_assert_no_error (error);
  return past;
}

static void
go_forward (Exchange *exchange)
{
  g_autoptr (GError) error = NULL;
  guint n_ended = 0;

  g_assert_true (ob_database_exchange (exchange->base.config, &exchange->exchange, &n_ended,
                                       exchange->base.progress, NULL, &error));
  g_assert_no_error (error);
}

static void
go_back (Exchange *exchange)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (ob_database_exchange_back (exchange->base.config, &exchange->exchange,
                                            exchange->base.progress, &error));
  g_assert_no_error (error);
}

/* Under @name is what was made as @made, with all that belongs to it. */
static void
assert_is (Exchange *exchange, const char *name, const char *made, guint limit)
{
  g_autofree char *mark = ask_mark (exchange, name);
  g_autofree char *found = describe (exchange, name);
  g_autofree char *expected = g_strdup_printf (
    OWNER " | t | %u | " READER "=c*/" OWNER "," OWNER "=CTc/" OWNER " | of %s | "
    "-{\"search_path=public, \\\"Odd name\\\"\"}, " READER "{work_mem=7MB}",
    limit, made);

  g_assert_cmpstr (mark, ==, made);
  g_assert_cmpstr (found, ==, expected);
}

/* Not even what an interrupted drop has left. */
static void
assert_none (Exchange *exchange, const char *name)
{
  g_autofree char *sql
    = g_strdup_printf ("SELECT count(*) FROM pg_database WHERE datname = '%s'", name);
  g_autofree char *count = database_ask (&exchange->base, "postgres", sql);

  g_assert_cmpstr (count, ==, "0");
}

static void
assert_no_others (Exchange *exchange)
{
  assert_none (exchange, "moving");
  assert_none (exchange, "doomed");
}

static void
assert_exchanged (Exchange *exchange)
{
  assert_is (exchange, "erp", "staged", 72);
  assert_is (exchange, "kept", "erp", 71);
  assert_no_others (exchange);
  g_assert_cmpuint (get_oid (exchange, "erp"), ==, exchange->exchange.oid);
}

static void
assert_former_without_staged (Exchange *exchange)
{
  assert_is (exchange, "erp", "erp", 71);
  assert_none (exchange, "kept");
  assert_no_others (exchange);
}

static void
assert_former (Exchange *exchange)
{
  assert_former_without_staged (exchange);
  assert_is (exchange, "staged", "staged", 72);
  g_assert_cmpuint (get_oid (exchange, "erp"), ==, exchange->exchange.oid);
}

/* The states that a crash can leave, one further each time. */
typedef struct
{
  const char *name;
  const char *sql; /* that leads there from the one before; NULL: a copy under the number */
  gboolean past;
} Crash;

static const Crash crashes[] = {
  { "renamed", "ALTER DATABASE erp RENAME TO moving", FALSE },
  { "copied", "CREATE DATABASE kept OWNER " OWNER " TEMPLATE moving ALLOW_CONNECTIONS false",
    FALSE },
  { "doomed", "ALTER DATABASE kept ALLOW_CONNECTIONS true;ALTER DATABASE moving RENAME TO doomed",
    TRUE },
  { "dropped", "DROP DATABASE doomed", TRUE },
  { "made", NULL, TRUE },
};

enum
{
  RENAMED,
  COPIED,
  DOOMED,
  DROPPED,
  MADE,
};

/* A server that crashes after it has begun to remove a database's files leaves it listed like that;
 * nobody can connect to it any more. */
#define CUT_OFF(name) ";UPDATE pg_database SET datconnlimit = -2 WHERE datname = '" name "'"

/* The states that a drop which was cut off can leave, by this version or one that dropped a
 * database under the name that it had. */
typedef struct
{
  const char *name;
  int last; /* of the crashes that lead there; -1: none */
  const char *sql;
  gboolean past;
} CutDrop;

static const CutDrop cut_drops[] = {
  { "there-doomed", DOOMED, CUT_OFF ("doomed"), TRUE },
  { "there-moving", DOOMED, "ALTER DATABASE doomed RENAME TO moving" CUT_OFF ("moving"), TRUE },
  { "back-copy-doomed", RENAMED, "CREATE DATABASE doomed TEMPLATE moving" CUT_OFF ("doomed"),
    FALSE },
  { "back-copy-doomed-not-yet", RENAMED, "CREATE DATABASE doomed TEMPLATE moving", FALSE },
  { "back-copy-kept", COPIED, CUT_OFF ("kept"), FALSE },
  { "back-restored-doomed", MADE, "ALTER DATABASE erp RENAME TO doomed" CUT_OFF ("doomed"), TRUE },
  { "back-restored-doomed-not-yet", MADE, "ALTER DATABASE erp RENAME TO doomed", TRUE },
  { "back-restored-living", MADE, CUT_OFF ("erp"), TRUE },
  { "back-end-doomed", -1, "CREATE DATABASE doomed TEMPLATE erp" CUT_OFF ("doomed"), FALSE },
  { "back-end-doomed-not-yet", -1, "CREATE DATABASE doomed TEMPLATE erp", FALSE },
  { "back-end-kept", -1, "CREATE DATABASE kept TEMPLATE erp" CUT_OFF ("kept"), FALSE },
};

static void
lead_to (Exchange *exchange, int last)
{
  for (int i = 0; i <= last; i++)
    {
      run_lines (exchange, crashes[i].sql != NULL
                             ? g_strdup (crashes[i].sql)
                             : g_strdup_printf ("CREATE DATABASE erp OWNER " OWNER
                                                " TEMPLATE staged ALLOW_CONNECTIONS false OID %u",
                                                exchange->exchange.oid));
      /* What the exchange gives a copy before it goes on. */
      if (strcmp (crashes[i].name, "doomed") == 0)
        {
          decorate (exchange, "kept", 71);
          database_run (&exchange->base, OB_ROLE_SUPERUSER, "postgres",
                        "COMMENT ON DATABASE kept IS 'of erp'");
        }
    }
}

/* tests */

static void
test_there_and_back (Exchange *exchange, gconstpointer data)
{
  g_autoptr (ObPostgres) session = NULL;

  database_or_skip (&exchange->base);
  session = database_connect (&exchange->base, OB_ROLE_OWNER);
  g_assert_false (is_past (exchange));
  go_forward (exchange);
  g_assert_true (is_past (exchange));
  assert_exchanged (exchange);
  go_forward (exchange);
  assert_exchanged (exchange);
  go_back (exchange);
  assert_former (exchange);
  g_assert_false (is_past (exchange));
  go_back (exchange);
  assert_former (exchange);
}

static void
test_forward_after_crash (Exchange *exchange, gconstpointer data)
{
  database_or_skip (&exchange->base);
  lead_to (exchange, GPOINTER_TO_INT (data));
  g_assert_cmpint (is_past (exchange), ==, crashes[GPOINTER_TO_INT (data)].past);
  go_forward (exchange);
  assert_exchanged (exchange);
}

static void
test_back_after_crash (Exchange *exchange, gconstpointer data)
{
  database_or_skip (&exchange->base);
  lead_to (exchange, GPOINTER_TO_INT (data));
  go_back (exchange);
  assert_former (exchange);
}

static void
lead_to_cut_drop (Exchange *exchange, const CutDrop *cut)
{
  g_autofree char *mark = NULL;

  lead_to (exchange, cut->last);
  /* As the way back connects to what was made before it drops it. */
  if (cut->last == MADE)
    {
      database_run (&exchange->base, OB_ROLE_SUPERUSER, "postgres",
                    "ALTER DATABASE erp ALLOW_CONNECTIONS true");
      mark = ask_mark (exchange, "erp");
    }
  run_lines (exchange, g_strdup (*cut->sql == ';' ? cut->sql + 1 : cut->sql));
  g_assert_cmpint (is_past (exchange), ==, cut->past);
}

static void
test_forward_after_cut_drop (Exchange *exchange, gconstpointer data)
{
  database_or_skip (&exchange->base);
  lead_to_cut_drop (exchange, data);
  go_forward (exchange);
  assert_exchanged (exchange);
}

static void
test_back_after_cut_drop (Exchange *exchange, gconstpointer data)
{
  database_or_skip (&exchange->base);
  lead_to_cut_drop (exchange, data);
  go_back (exchange);
  assert_former (exchange);
}

/* Holds a lock on a database for a while. */
static gpointer
hold_lock (gpointer data)
{
  g_usleep (700000);
  ob_postgres_free (data);
  return NULL;
}

/* A drop that the server goes on with when we are gone, as one of a version that gave the database
 * no other name before. */
static void
test_drop_that_goes_on (Exchange *exchange, gconstpointer data)
{
  const ObDatabaseConfig *config = exchange->base.config;
  g_autoptr (ObPostgres) session = NULL;
  ObPostgres *holder = NULL;
  GThread *thread = NULL;
  PGresult *result = NULL;

  database_or_skip (&exchange->base);
  lead_to (exchange, DOOMED);
  database_run (&exchange->base, OB_ROLE_SUPERUSER, "postgres",
                "ALTER DATABASE doomed RENAME TO moving");
  holder = ob_postgres_connect (config, OB_ROLE_SUPERUSER, "postgres", NULL, NULL);
  g_assert_true (ob_postgres_run (holder, NULL, NULL,
                                  "BEGIN; COMMENT ON DATABASE moving IS 'held'"));
  session = ob_postgres_connect (config, OB_ROLE_SUPERUSER, "postgres", NULL, NULL);
  g_assert_nonnull (session);
  g_assert_cmpint (PQsendQuery (ob_postgres_get_connection (session),
                                "DROP DATABASE \"moving\" WITH (FORCE)"),
                   ==, 1);
  g_usleep (100000);
  thread = g_thread_new ("holder", hold_lock, holder);
  go_back (exchange);
  assert_former (exchange);
  g_thread_join (thread);
  result = PQgetResult (ob_postgres_get_connection (session));
  g_assert_cmpint (PQresultStatus (result), ==, PGRES_COMMAND_OK);
  PQclear (result);
}

/* What the server refuses to drop is whole, and gets its name back. */
static void
test_refused_drop (Exchange *exchange, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  guint n_ended = 0;

  database_or_skip (&exchange->base);
  database_run (&exchange->base, OB_ROLE_SUPERUSER, "erp",
                "CREATE SUBSCRIPTION feed CONNECTION '' PUBLICATION p WITH (connect = false)");
  g_assert_false (ob_database_exchange (exchange->base.config, &exchange->exchange, &n_ended,
                                        exchange->base.progress, NULL, &error));
  g_assert_message (error, "subscription");
  g_assert_false (is_past (exchange));
  assert_none (exchange, "doomed");
  go_back (exchange);
  assert_former (exchange);
  database_run (&exchange->base, OB_ROLE_SUPERUSER, "erp",
                "ALTER SUBSCRIPTION feed SET (slot_name = NONE)");
  database_run (&exchange->base, OB_ROLE_SUPERUSER, "erp", "DROP SUBSCRIPTION feed");
}

/* A copy that the server goes on with when we are gone. */
static void
test_statement_that_goes_on (Exchange *exchange, gconstpointer data)
{
  g_autoptr (ObPostgres) session = NULL;

  database_or_skip (&exchange->base);
  lead_to (exchange, RENAMED);
  session = ob_postgres_connect (exchange->base.config, OB_ROLE_SUPERUSER, "postgres", NULL, NULL);
  g_assert_nonnull (session);
  g_assert_cmpint (PQsendQuery (ob_postgres_get_connection (session),
                                "CREATE DATABASE \"kept\" OWNER \"" OWNER "\" TEMPLATE \"moving\""),
                   ==, 1);
  g_usleep (20000);
  go_back (exchange);
  assert_former (exchange);
}

/* What was to be put in place is gutted: it is seen before anything is touched, and no exchange
 * that is under way leads there. */
static void
test_nothing_to_come (Exchange *exchange, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) renames_error = NULL;
  guint32 oid;
  guint n_ended = 0;

  database_or_skip (&exchange->base);
  oid = exchange->exchange.oid;
  run_lines (exchange, g_strdup (CUT_OFF ("staged") + 1));
  g_assert_false (ob_database_exchange (exchange->base.config, &exchange->exchange, &n_ended,
                                        exchange->base.progress, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_NOT_FOUND);
  assert_former_without_staged (exchange);
  exchange->exchange.oid = 0;
  g_assert_false (ob_database_exchange (exchange->base.config, &exchange->exchange, &n_ended,
                                        exchange->base.progress, NULL, &renames_error));
  g_assert_ob_error (renames_error, OB_ERROR_NOT_FOUND);
  g_assert_false (is_past (exchange));
  assert_former_without_staged (exchange);
  exchange->exchange.oid = oid;
  lead_to (exchange, DROPPED);
  g_assert_false (is_past (exchange));
  go_back (exchange);
  assert_former_without_staged (exchange);
  g_assert_cmpuint (get_oid (exchange, "erp"), ==, oid);
}

/* The number is taken meanwhile: the application is back all the same, and it is said. */
static void
test_back_without_number (Exchange *exchange, gconstpointer data)
{
  g_autofree char *sql = NULL;

  database_or_skip (&exchange->base);
  lead_to (exchange, DROPPED);
  sql = g_strdup_printf ("CREATE DATABASE thief OID %u", exchange->exchange.oid);
  database_run (&exchange->base, OB_ROLE_SUPERUSER, "postgres", sql);
  go_back (exchange);
  assert_is (exchange, "erp", "erp", 71);
  assert_none (exchange, "kept");
  g_assert_cmpuint (get_oid (exchange, "erp"), !=, exchange->exchange.oid);
  g_assert_cmpuint (exchange->base.warnings->len, ==, 1);
  g_assert_nonnull (strstr (g_ptr_array_index (exchange->base.warnings, 0), "activation key"));
}

static void
run_in_data_directory (Exchange *exchange, const char *command)
{
  g_autofree char *sql
    = g_strdup_printf ("COPY pg_seclabel TO PROGRAM '%s base/%u'", command, exchange->exchange.oid);

  database_run (&exchange->base, OB_ROLE_SUPERUSER, "postgres", sql);
}

/* A server that crashes while it makes the database leaves its directory, and refuses to give the
 * number again: the exchange is finished all the same, and it is said. */
static void
test_forward_without_number (Exchange *exchange, gconstpointer data)
{
  database_or_skip (&exchange->base);
  lead_to (exchange, DROPPED);
  run_in_data_directory (exchange, "mkdir");
  g_assert_true (is_past (exchange));
  go_forward (exchange);
  assert_is (exchange, "erp", "staged", 72);
  assert_is (exchange, "kept", "erp", 71);
  assert_is (exchange, "staged", "staged", 72);
  assert_no_others (exchange);
  g_assert_cmpuint (get_oid (exchange, "erp"), !=, exchange->exchange.oid);
  g_assert_cmpuint (exchange->base.warnings->len, ==, 1);
  g_assert_nonnull (strstr (g_ptr_array_index (exchange->base.warnings, 0), "activation key"));
  g_assert_true (is_past (exchange));
  go_back (exchange);
  assert_former_without_staged (exchange);
  assert_is (exchange, "staged", "staged", 72);
  run_in_data_directory (exchange, "rmdir");
}

static void
test_nothing_is_left (Exchange *exchange, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  database_or_skip (&exchange->base);
  database_run (&exchange->base, OB_ROLE_SUPERUSER, "postgres", "DROP DATABASE erp");
  g_assert_false (ob_database_exchange_back (exchange->base.config, &exchange->exchange,
                                             exchange->base.progress, &error));
  g_assert_ob_error (error, OB_ERROR_FAILED);
  g_assert_message (error, "dropped or renamed");
}

static void
test_renames (Exchange *exchange, gconstpointer data)
{
  guint32 oid;

  database_or_skip (&exchange->base);
  oid = get_oid (exchange, "staged");
  exchange->exchange.oid = 0;
  g_assert_false (is_past (exchange));
  go_back (exchange);
  assert_is (exchange, "staged", "staged", 72);
  go_forward (exchange);
  g_assert_true (is_past (exchange));
  assert_is (exchange, "erp", "staged", 72);
  assert_is (exchange, "kept", "erp", 71);
  g_assert_cmpuint (get_oid (exchange, "erp"), ==, oid);
  go_back (exchange);
  assert_is (exchange, "erp", "erp", 71);
  assert_is (exchange, "staged", "staged", 72);
  assert_none (exchange, "kept");
  go_back (exchange);
  assert_is (exchange, "erp", "erp", 71);
}

#define ADD(name, function, data)                                                                  \
  g_test_add ("/database-exchange/" name, Exchange, data, exchange_set_up, function,               \
              exchange_tear_down)

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  server_start ();
  ADD ("there-and-back", test_there_and_back, NULL);
  ADD ("statement-that-goes-on", test_statement_that_goes_on, NULL);
  ADD ("drop-that-goes-on", test_drop_that_goes_on, NULL);
  ADD ("refused-drop", test_refused_drop, NULL);
  ADD ("back-without-number", test_back_without_number, NULL);
  ADD ("forward-without-number", test_forward_without_number, NULL);
  ADD ("nothing-is-left", test_nothing_is_left, NULL);
  ADD ("nothing-to-come", test_nothing_to_come, NULL);
  ADD ("renames", test_renames, NULL);
  for (int i = 0; i < (int) G_N_ELEMENTS (crashes); i++)
    {
      g_autofree char *forward = g_strconcat ("/database-exchange/forward/", crashes[i].name, NULL);
      g_autofree char *back = g_strconcat ("/database-exchange/back/", crashes[i].name, NULL);

      g_test_add (forward, Exchange, GINT_TO_POINTER (i), exchange_set_up,
                  test_forward_after_crash, exchange_tear_down);
      g_test_add (back, Exchange, GINT_TO_POINTER (i), exchange_set_up, test_back_after_crash,
                  exchange_tear_down);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (cut_drops); i++)
    {
      g_autofree char *forward
        = g_strconcat ("/database-exchange/forward-after/", cut_drops[i].name, NULL);
      g_autofree char *back
        = g_strconcat ("/database-exchange/back-after/", cut_drops[i].name, NULL);

      g_test_add (forward, Exchange, &cut_drops[i], exchange_set_up, test_forward_after_cut_drop,
                  exchange_tear_down);
      g_test_add (back, Exchange, &cut_drops[i], exchange_set_up, test_back_after_cut_drop,
                  exchange_tear_down);
    }
  status = g_test_run ();
  server_stop ();
  return status;
}
