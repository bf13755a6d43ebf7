/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Databases by name, what is told of them, and the small parsers of the restore. */
#include "database-fixture.h"

#include <string.h>

#include "ob-database-exchange.h"
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

/* without a server */

static ObTocRoles *
make_roles (void)
{
  ObTocRoles *roles = ob_toc_roles_new ();

  ob_toc_roles_add (roles, "postgres", TRUE);
  ob_toc_roles_add (roles, "tad", FALSE);
  ob_toc_roles_add (roles, "x postgres", FALSE);
  ob_toc_roles_add (roles, "new\nline", FALSE);
  ob_toc_roles_add (roles, "pg_database_owner", FALSE);
  return roles;
}

static void
assert_run (const ObTocCut *cut, guint index, ObTocMaker maker, const char *owner,
            const char *lines)
{
  const ObTocRun *run;

  g_assert_cmpuint (index, <, cut->runs->len);
  run = g_ptr_array_index (cut->runs, index);
  g_assert_cmpint (run->maker, ==, maker);
  g_assert_cmpstr (run->owner, ==, owner);
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
                             "217; 1259 16402 TABLE public ACL x postgre postgres\n"
                             "218; 2616 16410 OPERATOR CLASS public c tad\n"
                             "216; 1259 16401 TABLE public b evil tad\n"
                             "901; 826 16420 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES "
                             "postgres\n";
  g_autoptr (ObTocRoles) roles = make_roles ();
  g_autoptr (ObTocCut) cut = ob_restore_cut_list (list, roles, "tad", FALSE, NULL, NULL);
  g_autoptr (ObTocCut) own = ob_restore_cut_list (list, roles, "tad", TRUE, NULL, NULL);

  g_assert_cmpuint (cut->runs->len, ==, 5);
  assert_run (cut, 0, OB_TOC_BY_SUPERUSER, NULL, "3; 3079 16403 EXTENSION - pg_trgm \n");
  assert_run (cut, 1, OB_TOC_BY_USER, NULL,
              "9; 2615 16399 SCHEMA - ext tad\n215; 1259 16400 TABLE public a tad\n");
  assert_run (cut, 2, OB_TOC_BY_SUPERUSER, NULL,
              "217; 1259 16402 TABLE public ACL x postgre postgres\n");
  assert_run (cut, 3, OB_TOC_BY_SUPERUSER_AT_ONCE, NULL,
              "218; 2616 16410 OPERATOR CLASS public c tad\n");
  assert_run (cut, 4, OB_TOC_BY_USER, NULL, "216; 1259 16401 TABLE public b evil tad\n");
  g_assert_cmpstr (cut->rights->str, ==,
                   "900; 0 0 ACL - SCHEMA ext tad\n"
                   "901; 826 16420 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES postgres\n");

  g_assert_cmpuint (own->runs->len, ==, 3);
  assert_run (own, 0, OB_TOC_BY_USER, NULL,
              "9; 2615 16399 SCHEMA - ext tad\n215; 1259 16400 TABLE public a tad\n");
  assert_run (own, 1, OB_TOC_BY_USER_IF_ALLOWED, NULL,
              "218; 2616 16410 OPERATOR CLASS public c tad\n");
  assert_run (own, 2, OB_TOC_BY_USER, NULL, "216; 1259 16401 TABLE public b evil tad\n");
  g_assert_cmpstr (own->rights->str, ==, "900; 0 0 ACL - SCHEMA ext tad\n");
  g_assert_cmpuint (own->left_out->len, ==, 1);
  g_assert_cmpstr (g_ptr_array_index (own->left_out, 0), ==,
                   "TABLE public ACL x postgre postgres");
}

/* The superuser makes nothing that may be another's, whatever names look like. */
static void
test_cut_others (void)
{
  static const char list[] = "1; 1259 1 VIEW public a pg_database_owner\n"
                             "2; 1259 2 VIEW public a x postgres\n"
                             "3; 1259 3 VIEW public a new line\n"
                             "4; 1259 4 VIEW public a nobody\n"
                             "5; 2604 5 DEFAULT ACL a b postgres tad\n"
                             "6; 0 0 INDEX ATTACH public a \n"
                             "7; 0 0 COMMENT public VIEW a x postgres\n"
                             "8; 2605 8 CAST - CAST (text AS numeric) \n";
  g_autoptr (ObTocRoles) roles = make_roles ();
  g_autoptr (ObTocCut) cut = ob_restore_cut_list (list, roles, "tad", FALSE, NULL, NULL);

  g_assert_cmpuint (cut->runs->len, ==, 5);
  assert_run (cut, 0, OB_TOC_BY_USER, "pg_database_owner",
              "1; 1259 1 VIEW public a pg_database_owner\n");
  assert_run (cut, 1, OB_TOC_BY_USER, "x postgres", "2; 1259 2 VIEW public a x postgres\n");
  assert_run (cut, 2, OB_TOC_BY_USER, "new\nline", "3; 1259 3 VIEW public a new line\n");
  assert_run (cut, 3, OB_TOC_BY_USER, NULL,
              "4; 1259 4 VIEW public a nobody\n"
              "5; 2604 5 DEFAULT ACL a b postgres tad\n"
              "6; 0 0 INDEX ATTACH public a \n");
  assert_run (cut, 4, OB_TOC_BY_SUPERUSER, NULL,
              "8; 2605 8 CAST - CAST (text AS numeric) \n"
              "7; 0 0 COMMENT public VIEW a x postgres\n");
  g_assert_cmpstr (cut->rights->str, ==, "");
}

/* Who makes what of the schema that is there anyway; an old archive would make it anew. */
static void
test_cut_public (void)
{
  static const char entries[] = "1; 2615 1 SCHEMA - public tad\n"
                                "2; 2615 2 SCHEMA - public x tad\n"
                                "3; 0 0 COMMENT - SCHEMA public tad\n";
  static const char *const old[] = { "9.6.24", "10.23" };
  static const char *const new[] = { "11.0", "15.18 (Debian 15.18-1)" };
  g_autoptr (ObTocRoles) roles = make_roles ();

  for (guint i = 0; i < G_N_ELEMENTS (old); i++)
    {
      g_autofree char *list
        = g_strdup_printf (";\n;     Dumped from database version: 15.1\n"
                           ";     Dumped by pg_dump version: %s\n%s",
                           old[i], entries);
      g_autofree char *new_list
        = g_strdup_printf (";     Dumped from database version: 9.6\n"
                           ";     Dumped by pg_dump version: %s\n%s",
                           new[i], entries);
      g_autoptr (ObTocCut) cut = ob_restore_cut_list (list, roles, "tad", FALSE, NULL, NULL);
      g_autoptr (ObTocCut) new_cut
        = ob_restore_cut_list (new_list, roles, "tad", FALSE, NULL, NULL);
      g_autoptr (ObTocCut) other_cut
        = ob_restore_cut_list (new_list, roles, "x postgres", TRUE, NULL, NULL);

      g_assert_cmpuint (cut->runs->len, ==, 2);
      assert_run (cut, 0, OB_TOC_BY_USER, NULL, "2; 2615 2 SCHEMA - public x tad\n");
      assert_run (cut, 1, OB_TOC_BY_SUPERUSER, NULL, "3; 0 0 COMMENT - SCHEMA public tad\n");
      g_assert_cmpuint (new_cut->runs->len, ==, 3);
      assert_run (new_cut, 0, OB_TOC_BY_SUPERUSER, NULL, "1; 2615 1 SCHEMA - public tad\n");
      assert_run (new_cut, 1, OB_TOC_BY_USER, NULL, "2; 2615 2 SCHEMA - public x tad\n");
      g_assert_cmpuint (other_cut->runs->len, ==, 0);
      g_assert_cmpuint (other_cut->left_out->len, ==, 1);
      g_assert_cmpstr (g_ptr_array_index (other_cut->left_out, 0), ==,
                       "SCHEMA - public x tad");
    }
}

static ObTocNature
judge_by_name (const char *line, const char *kind, gboolean of_another, gpointer user_data)
{
  g_assert_cmpint (of_another, ==, g_str_has_suffix (kind, " x postgres"));
  if (strstr (kind, "inert") != NULL)
    return OB_TOC_INERT;
  if (strstr (kind, "mighty") != NULL)
    return OB_TOC_MIGHTY;
  return strstr (kind, "foreign") != NULL ? OB_TOC_FOREIGN : OB_TOC_PLAIN;
}

static void
test_cut_by_nature (void)
{
  static const char list[] = "1; 1255 1 FUNCTION public mighty() tad\n"
                             "2; 1255 2 FUNCTION public plain() tad\n"
                             "3; 2620 3 TRIGGER public log foreign postgres\n"
                             "4; 2620 4 TRIGGER public log plain postgres\n"
                             "5; 1255 5 FUNCTION public inert() tad\n"
                             "6; 1255 6 FUNCTION public plain() x postgres\n"
                             "7; 1255 7 FUNCTION public inert() x postgres\n"
                             "8; 1255 8 FUNCTION public mighty() postgres\n";
  g_autoptr (ObTocRoles) roles = make_roles ();
  g_autoptr (ObTocCut) cut
    = ob_restore_cut_list (list, roles, "tad", FALSE, judge_by_name, NULL);

  g_assert_cmpuint (cut->runs->len, ==, 8);
  assert_run (cut, 0, OB_TOC_BY_SUPERUSER_AT_ONCE, NULL,
              "1; 1255 1 FUNCTION public mighty() tad\n");
  assert_run (cut, 1, OB_TOC_BY_USER, NULL, "2; 1255 2 FUNCTION public plain() tad\n");
  assert_run (cut, 2, OB_TOC_TRIGGERS_BY_USER, NULL,
              "3; 2620 3 TRIGGER public log foreign postgres\n");
  assert_run (cut, 3, OB_TOC_BY_SUPERUSER, NULL,
              "4; 2620 4 TRIGGER public log plain postgres\n");
  assert_run (cut, 4, OB_TOC_BY_USER, NULL, "5; 1255 5 FUNCTION public inert() tad\n");
  assert_run (cut, 5, OB_TOC_BY_USER, "x postgres",
              "6; 1255 6 FUNCTION public plain() x postgres\n");
  assert_run (cut, 6, OB_TOC_BY_SUPERUSER_AT_ONCE, NULL,
              "7; 1255 7 FUNCTION public inert() x postgres\n");
  assert_run (cut, 7, OB_TOC_BY_SUPERUSER, NULL,
              "8; 1255 8 FUNCTION public mighty() postgres\n");
}

/* A transaction does not outgrow the server's locks. */
static void
test_cut_many (void)
{
  g_autoptr (ObTocRoles) roles = make_roles ();
  g_autoptr (GString) list = g_string_new (NULL);
  g_autoptr (ObTocCut) cut = NULL;

  for (guint i = 0; i < 1000; i++)
    g_string_append_printf (list, "%u; 1255 %u FUNCTION public mighty%u() tad\n", i, i, i);
  cut = ob_restore_cut_list (list->str, roles, "tad", FALSE, judge_by_name, NULL);
  g_assert_cmpuint (cut->runs->len, ==, 5);
  for (guint i = 0; i < cut->runs->len; i++)
    g_assert_cmpuint (((ObTocRun *) cut->runs->pdata[i])->n_lines, ==, 200);
}

static void
assert_nature (const char *kind, const char *script, ObTocNature nature)
{
  g_assert_cmpint (ob_toc_judge (kind, script), ==, nature);
  g_assert_true (nature <= OB_TOC_INERT || ob_toc_has_odd (kind, script, -1));
  g_assert_true (nature <= OB_TOC_INERT
                 || ob_toc_can_judge (kind, g_str_has_suffix (kind, " postgres")));
}

static void
test_nature (void)
{
#define FUNCTION(header)                                                                           \
  "--\n-- Name: f(); Type: FUNCTION; Schema: public; Owner: tad\n--\n\n"                           \
  "CREATE FUNCTION public.f(" header ") RETURNS integer\n    LANGUAGE "
  assert_nature ("FUNCTION public f() tad", FUNCTION ("") "c\n    AS 'lib', 'f';", OB_TOC_MIGHTY);
  assert_nature ("FUNCTION public f() tad",
                 FUNCTION ("") "plperlu SECURITY DEFINER\n    SET x.y TO 'a\n    AS b'\n    AS '';",
                 OB_TOC_MIGHTY);
  assert_nature ("PROCEDURE public f() tad",
                 "\n\nCREATE PROCEDURE public.f()\n    LANGUAGE \"c\"\n    AS '';", OB_TOC_MIGHTY);
  assert_nature ("FUNCTION public f() tad", FUNCTION ("") "c\n    AS 'DEFAULT ', 'RETURN';",
                 OB_TOC_MIGHTY);
  assert_nature ("FUNCTION public f() tad", FUNCTION ("") "sql\n    AS 'f';", OB_TOC_INERT);
  assert_nature ("FUNCTION public f() tad", FUNCTION ("") "plperl\n    AS 'f';", OB_TOC_INERT);
  assert_nature ("FUNCTION public f() tad",
                 FUNCTION ("") "sql IMMUTABLE LEAKPROOF COST 1\n    AS 'f';", OB_TOC_MIGHTY);
  assert_nature ("FUNCTION public f() tad", FUNCTION ("") "sql SUPPORT public.s\n    AS 'f';",
                 OB_TOC_MIGHTY);
  assert_nature ("FUNCTION public f() tad",
                 FUNCTION ("") "plpgsql\n    SET log_statement TO 'all'\n    AS $$f$$;",
                 OB_TOC_MIGHTY);
  assert_nature ("FUNCTION public f() tad",
                 FUNCTION ("") "plpgsql IMMUTABLE\n    SET search_path TO 'a'\n    AS $$f$$;",
                 OB_TOC_INERT);
  /* What the body says of a language. */
  assert_nature ("FUNCTION public f() tad",
                 FUNCTION ("") "plpgsql SECURITY DEFINER\n    AS $$ /*\n    LANGUAGE c\n*/ $$;",
                 OB_TOC_INERT);
  assert_nature ("FUNCTION public f() tad",
                 FUNCTION ("\"a\n    LANGUAGE c\n    AS \" integer") "sql\n    AS 'f';",
                 OB_TOC_INERT);
  assert_nature ("FUNCTION public f() tad", FUNCTION ("a text DEFAULT 'x'::text") "c\n    AS 'f';",
                 OB_TOC_PLAIN);
  assert_nature ("FUNCTION public f() tad",
                 FUNCTION ("\" \"\" DEFAULT '\" text DEFAULT 'x'::text") "sql\n    AS 'f';",
                 OB_TOC_PLAIN);
  assert_nature ("FUNCTION public f() tad",
                 FUNCTION ("\"a\n    LANGUAGE c\" integer") "sql\n"
                 "    BEGIN ATOMIC\n SELECT 1;\nEND;",
                 OB_TOC_PLAIN);
  assert_nature ("FUNCTION public f() tad",
                 FUNCTION ("\"a\n    LANGUAGE c\" integer") "sql\n    RETURN 1;", OB_TOC_PLAIN);
  assert_nature ("FUNCTION public f() tad", "nothing", OB_TOC_PLAIN);
#undef FUNCTION
  assert_nature ("AGGREGATE public a(integer) tad",
                 "CREATE AGGREGATE public.a(integer) (\n    SFUNC = f,\n    STYPE = internal\n);",
                 OB_TOC_MIGHTY);
  assert_nature ("AGGREGATE public a(integer) tad",
                 "CREATE AGGREGATE public.a(integer) (\n    SFUNC = f,\n    STYPE = integer\n);",
                 OB_TOC_PLAIN);
  assert_nature ("AGGREGATE public a(integer) tad",
                 "CREATE AGGREGATE public.\"STYPE = internal\"(integer) (\n    SFUNC = f,\n"
                 "    STYPE = d[],\n    INITCOND = '{x}'\n);",
                 OB_TOC_PLAIN);
  assert_nature ("TYPE public t tad", "CREATE TYPE public.t (\n    INPUT = public.f,",
                 OB_TOC_MIGHTY);
  assert_nature ("TYPE public t tad", "CREATE TYPE public.t AS ENUM (\n    'a'", OB_TOC_PLAIN);
  assert_nature ("TRIGGER public t g postgres",
                 "CREATE TRIGGER g BEFORE INSERT ON public.t FOR EACH ROW WHEN (true) EXECUTE",
                 OB_TOC_FOREIGN);
  assert_nature ("TRIGGER public t g postgres",
                 "CREATE TRIGGER g BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION f();",
                 OB_TOC_PLAIN);
  assert_nature ("VIEW public v postgres", "CREATE VIEW v AS SELECT CASE WHEN true", OB_TOC_PLAIN);
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
  ADD ("statement-of-another", test_statement_of_another);
#undef ADD
  g_test_add_func ("/database-names/cut-list", test_cut_list);
  g_test_add_func ("/database-names/cut-others", test_cut_others);
  g_test_add_func ("/database-names/cut-public", test_cut_public);
  g_test_add_func ("/database-names/cut-by-nature", test_cut_by_nature);
  g_test_add_func ("/database-names/cut-many", test_cut_many);
  g_test_add_func ("/database-names/nature", test_nature);
  g_test_add_func ("/database-names/split-list-setting", test_split_list_setting);
  status = g_test_run ();
  server_stop ();
  return status;
}
