/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Databases by name, and what is told of them. */
#include "database-fixture.h"

#include <string.h>

#include "ob-database-exchange.h"

/* helpers */

static void
make_copy (Database *database)
{
  database_run (database, OB_ROLE_SUPERUSER, "postgres", "CREATE DATABASE copy OWNER " OWNER);
  database_run (database, OB_ROLE_OWNER, "copy", "CREATE TABLE public.mark AS SELECT 'copy' AS v");
  database_run (database, OB_ROLE_OWNER, NULL, "CREATE TABLE public.mark AS SELECT 'erp' AS v");
}

static void
assert_exists (Database *database, const char *name, gboolean expected)
{
  g_autoptr (GError) error = NULL;
  gboolean exists = !expected;

  g_assert_true (ob_database_exists (database->config, name, &exists, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (exists, ==, expected);
}

/* tests */

static void
test_swap (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObPostgres) session = NULL;
  g_autofree char *now = NULL;
  g_autofree char *kept = NULL;
  guint n_ended = 0;

  database_or_skip (database);
  make_copy (database);
  session = database_connect (database, OB_ROLE_OWNER);
  g_assert_true (ob_database_swap (database->config, "copy", "kept", &n_ended, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (n_ended, >=, 1);
  now = database_ask (database, "erp", "SELECT v FROM public.mark");
  kept = database_ask (database, "kept", "SELECT v FROM public.mark");
  g_assert_cmpstr (now, ==, "copy");
  g_assert_cmpstr (kept, ==, "erp");
  assert_exists (database, "copy", FALSE);

  database_run (database, OB_ROLE_SUPERUSER, "postgres", "CREATE DATABASE copy OWNER " OWNER);
  g_assert_false (ob_database_swap (database->config, "copy", "kept", &n_ended, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_EXISTS);
  assert_exists (database, "copy", TRUE);
}

static void
test_swap_where_none_was (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  guint n_ended = 0;

  database_or_skip (database);
  make_copy (database);
  database_run (database, OB_ROLE_SUPERUSER, "postgres", "DROP DATABASE erp");
  g_assert_true (ob_database_swap (database->config, "copy", "kept", &n_ended, NULL, &error));
  g_assert_no_error (error);
  assert_exists (database, "erp", TRUE);
  assert_exists (database, "kept", FALSE);
}

static void
test_drop (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  database_or_skip (database);
  make_copy (database);
  g_assert_false (ob_database_drop (database->config, "erp", NULL, &error));
  g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_true (ob_database_drop (database->config, "copy", NULL, &error));
  g_assert_true (ob_database_drop (database->config, "copy", NULL, &error));
  g_assert_no_error (error);
  assert_exists (database, "copy", FALSE);
  assert_exists (database, "erp", TRUE);
  assert_exists (database, "odd \"name'", FALSE);
}

static void
assert_key (Database *database, gboolean expected)
{
  g_autoptr (GError) error = NULL;
  gboolean has_key = !expected;

  g_assert_true (ob_database_has_activation_key (database->config, &has_key, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (has_key, ==, expected);
}

static void
test_activation_key (Database *database, gconstpointer data)
{
  database_or_skip (database);
  assert_key (database, FALSE);
  database_run (database, OB_ROLE_OWNER, NULL,
                "CREATE TABLE public.ad_system (activation_key text);"
                "INSERT INTO public.ad_system VALUES (NULL)");
  assert_key (database, FALSE);
  database_run (database, OB_ROLE_OWNER, NULL, "UPDATE public.ad_system SET activation_key = 'k'");
  assert_key (database, TRUE);
  database_run (database, OB_ROLE_SUPERUSER, "postgres", "DROP DATABASE erp");
  assert_key (database, FALSE);
}

/* The sentences of a check, one a line. Transfer full. */
static char *
check (const ObDatabaseConfig *config)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) problems = NULL;
  GString *text = g_string_new (NULL);
  guint64 size = 0;
  int version = 0;

  g_assert_true (ob_database_check (config, &problems, &size, &version, NULL, &error));
  g_assert_no_error (error);
  for (guint i = 0; i < problems->len; i++)
    {
      const char *problem = g_ptr_array_index (problems, i);

      g_assert_true (g_str_has_suffix (problem, "."));
      g_string_append_printf (text, "%s\n", problem);
    }
  if (problems->len == 0)
    {
      g_assert_cmpuint (size, >, 1000000);
      g_assert_cmpint (version, >, 90000);
    }
  return g_string_free (text, FALSE);
}

static void
assert_problem (const ObDatabaseConfig *config, const char *part)
{
  g_autofree char *text = check (config);

  g_assert_nonnull (strstr (text, part) != NULL ? text : NULL);
  g_assert_cmpstr (strchr (text, '\n'), ==, "\n");
}

static void
replace (char **value, const char *by)
{
  g_free (*value);
  *value = g_strdup (by);
}

static void
test_check (Database *database, gconstpointer data)
{
  g_autoptr (ObDatabaseConfig) config = NULL;
  g_autofree char *none = NULL;

  database_or_skip (database);
  none = check (database->config);
  g_assert_cmpstr (none, ==, "");
  config = ob_database_config_copy (database->config);
  replace (&config->password, "wrong");
  assert_problem (config, "\"" OWNER "\"");
  replace (&config->password, database->config->password);
  replace (&config->system_password, "wrong");
  assert_problem (config, "\"postgres\"");
  replace (&config->system_user, READER);
  replace (&config->system_password, "reader");
  assert_problem (config, "is not a superuser");
  replace (&config->system_user, "postgres");
  replace (&config->system_password, database->config->system_password);
  /* The server of the test speaks no SSL: what the installation demands is not given up. */
  replace (&config->ssl_mode, "require");
  assert_problem (config, "SSL");
  g_clear_pointer (&config->ssl_mode, g_free);
  replace (&config->name, "nowhere");
  assert_problem (config, "There is no database \"nowhere\"");
  config->port = 1;
  assert_problem (config, "port 1");
  database_run (database, OB_ROLE_SUPERUSER, NULL, "CREATE TABLE public.secret (id integer)");
  assert_problem (database->no_superuser, "public.secret");
  database_run (database, OB_ROLE_SUPERUSER, NULL, "ALTER DATABASE erp OWNER TO postgres");
  assert_problem (database->config, "belongs to the role \"postgres\"");
}

static void
test_check_cancelled (Database *database, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) problems = NULL;

  database_or_skip (database);
  g_cancellable_cancel (cancellable);
  g_assert_false (
    ob_database_check (database->config, &problems, NULL, NULL, cancellable, &error));
  g_assert_ob_error (error, OB_ERROR_CANCELLED);
}

/* exchange */

typedef struct
{
  ObPostgres *postgres;
  GError *error;
} Statement;

static gpointer
create_thief (gpointer data)
{
  Statement *statement = data;

  ob_postgres_run (statement->postgres, NULL, &statement->error,
                   "CREATE DATABASE \"thief\" OWNER \"" OWNER "\"");
  return NULL;
}

/* The statement of another installation, of whose owner one's own database has the name. */
static void
test_statement_of_another (Database *database, gconstpointer data)
{
  static const char waiting_sql[] = "SELECT count(*) FROM pg_stat_activity"
                                    " WHERE wait_event_type = 'Lock' AND query ~ 'thief'"
                                    "   AND pid <> pg_backend_pid ()";
  ObDatabaseExchange exchange = { .staged = "staged", .kept = "kept" };
  g_autoptr (ObDatabaseConfig) config = NULL;
  g_autoptr (ObPostgres) holder = NULL;
  g_autoptr (GError) error = NULL;
  Statement statement = { NULL, NULL };
  GThread *thread;
  gboolean past = TRUE;

  database_or_skip (database);
  config = ob_database_config_copy (database->config);
  replace (&config->name, OWNER);
  holder = database_connect (database, OB_ROLE_SUPERUSER);
  ob_postgres_run (holder, NULL, &error, "BEGIN; LOCK TABLE pg_database IN SHARE MODE");
  g_assert_no_error (error);
  statement.postgres = database_connect (database, OB_ROLE_SUPERUSER);
  thread = g_thread_new ("thief", create_thief, &statement);
  for (;;)
    {
      g_autofree char *n = database_ask (database, NULL, waiting_sql);

      if (strcmp (n, "1") == 0)
        break;
      g_usleep (10 * 1000);
    }
  g_assert_true (ob_database_exchange_is_past (config, &exchange, &past, &error));
  g_assert_no_error (error);
  g_assert_false (past);
  ob_postgres_run (holder, NULL, &error, "COMMIT");
  g_assert_no_error (error);
  g_thread_join (thread);
  g_assert_no_error (statement.error);
  ob_postgres_free (statement.postgres);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  server_start ();
#define ADD(path, function)                                                                        \
  g_test_add ("/database-names/" path, Database, NULL, database_set_up, function,                  \
              database_tear_down)
  ADD ("swap", test_swap);
  ADD ("swap-where-none-was", test_swap_where_none_was);
  ADD ("drop", test_drop);
  ADD ("activation-key", test_activation_key);
  ADD ("check", test_check);
  ADD ("check-cancelled", test_check_cancelled);
  ADD ("statement-of-another", test_statement_of_another);
#undef ADD
  status = g_test_run ();
  server_stop ();
  return status;
}
