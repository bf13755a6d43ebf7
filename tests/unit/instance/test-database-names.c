/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Databases by name, what is told of them, and the small parsers of the restore. */
#include "database-fixture.h"

#include <string.h>

#include "ob-database-restore-private.h"

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

/* without a server */

static void
assert_run (GPtrArray *runs, guint index, gboolean owned, gboolean rights, const char *lines)
{
  const ObTocRun *run = g_ptr_array_index (runs, index);

  g_assert_cmpint (run->owned, ==, owned);
  g_assert_cmpint (run->rights, ==, rights);
  g_assert_cmpstr (run->lines->str, ==, lines);
}

/* The order stays, but rights come last; a name that looks like the owner's is taken for his. */
static void
test_cut_list (void)
{
  static const char list[] = ";\n; Archive created at …\n;\n"
                             "3; 3079 16403 EXTENSION - pg_trgm \n"
                             "9; 2615 16399 SCHEMA - ext tad\n"
                             "900; 0 0 ACL - SCHEMA ext tad\n"
                             "215; 1259 16400 TABLE public a tad\n"
                             "217; 1259 16402 TABLE public ACL x postgres\n"
                             "218; 2616 16410 OPERATOR CLASS public c tad\n"
                             "216; 1259 16401 TABLE public b evil tad\n"
                             "901; 826 16420 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES "
                             "postgres\n";
  g_autoptr (GPtrArray) runs = ob_restore_cut_list (list, "tad", FALSE);
  g_autoptr (GPtrArray) own = ob_restore_cut_list (list, "tad", TRUE);

  g_assert_cmpuint (runs->len, ==, 5);
  assert_run (runs, 0, FALSE, FALSE, "3; 3079 16403 EXTENSION - pg_trgm \n");
  assert_run (runs, 1, TRUE, FALSE,
              "9; 2615 16399 SCHEMA - ext tad\n215; 1259 16400 TABLE public a tad\n");
  assert_run (runs, 2, FALSE, FALSE,
              "217; 1259 16402 TABLE public ACL x postgres\n"
              "218; 2616 16410 OPERATOR CLASS public c tad\n");
  assert_run (runs, 3, TRUE, FALSE, "216; 1259 16401 TABLE public b evil tad\n");
  assert_run (runs, 4, FALSE, TRUE,
              "900; 0 0 ACL - SCHEMA ext tad\n"
              "901; 826 16420 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES postgres\n");

  g_assert_cmpuint (own->len, ==, 2);
  assert_run (own, 1, TRUE, TRUE, "900; 0 0 ACL - SCHEMA ext tad\n");
}

static void
assert_split (const char *value, const char *joined)
{
  g_auto (GStrv) elements = ob_restore_split_list_setting (value);
  g_autofree char *text = elements != NULL ? g_strjoinv ("|", elements) : NULL;

  g_assert_cmpstr (text, ==, joined);
}

static void
test_split_list_setting (void)
{
  assert_split ("", "");
  assert_split ("public", "public");
  assert_split ("\"$user\", public", "$user|public");
  assert_split ("\"a \"\"b\"\", c\",d", "a \"b\", c|d");
  assert_split ("\"never closed", NULL);
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
#undef ADD
  g_test_add_func ("/database-names/cut-list", test_cut_list);
  g_test_add_func ("/database-names/split-list-setting", test_split_list_setting);
  status = g_test_run ();
  server_stop ();
  return status;
}
