/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What whoever connects as bbdd.user could slip into a database that is being restored, to run with
 * the rights of others afterwards. */
#include "database-fixture.h"

#include <string.h>

/* Functions by whether they were made and given to their owner in one transaction: what they depend
 * on is noted when they are made. */
static const char at_once_sql[]
  = "SELECT string_agg (format ('%s %s', proname, p.xmin = d.xmin), ' ' ORDER BY proname)"
    "  FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid"
    "                                 AND d.refclassid = 'pg_namespace'::regclass"
    " WHERE p.oid >= 16384";

static const char triggers_sql[]
  = "SELECT string_agg (format ('%s %s', tgname, proname), ', ' ORDER BY tgname)"
    "  FROM pg_trigger JOIN pg_proc p ON p.oid = tgfoid WHERE NOT tgisinternal";

/* helpers */

static void
as_superuser (Database *database, const char *sql)
{
  database_run (database, OB_ROLE_SUPERUSER, NULL, sql);
}

static void
as_owner (Database *database, const char *sql)
{
  database_run (database, OB_ROLE_OWNER, NULL, sql);
}

/* Dumps it, and restores it as "copy". */
static void
restore (Database *database)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives
    = archives_dump (database->config, 2, 10, database->progress, NULL, &error);

  g_assert_no_error (error);
  archives_restore (archives, database->config, "copy", database->progress, &error);
  g_assert_no_error (error);
}

/* The one warning there is, of something that was lost. */
static void
assert_lost (Database *database, const char *part)
{
  const char *warning;

  g_assert_cmpuint (database->warnings->len, ==, 1);
  warning = g_ptr_array_index (database->warnings, 0);
  g_assert_true (g_str_has_prefix (warning, "LOST: "));
  g_assert_nonnull (strstr (warning, part));
}

/* tests */

/* What runs with its owner's rights, and never with the superuser's, not even for a moment; but for
 * what bbdd.user makes. */
static void
test_rights_of_owner (Database *database, gconstpointer data)
{
  g_autofree char *at_once = NULL;

  database_or_skip (database);
  as_owner (database,
            "CREATE FUNCTION public.comment () RETURNS void LANGUAGE plpgsql SECURITY DEFINER"
            "  AS $$ /*\n    LANGUAGE c\n*/ BEGIN END $$");
  as_superuser (database,
                "CREATE FUNCTION public.low (integer) RETURNS integer LANGUAGE internal"
                "  SECURITY DEFINER AS 'int4abs';"
                "ALTER FUNCTION public.low (integer) OWNER TO " OWNER ";"
                "CREATE FUNCTION public.of_reader () RETURNS integer LANGUAGE plpgsql"
                "  SECURITY DEFINER SET search_path TO pg_catalog"
                "  AS $$ -- not this:\n--\n-- Name: x\nBEGIN RETURN 1; END $$;"
                "CREATE PROCEDURE public.of_reader_too () LANGUAGE sql SECURITY DEFINER AS '';"
                "ALTER FUNCTION public.of_reader () OWNER TO " READER ";"
                "ALTER PROCEDURE public.of_reader_too () OWNER TO " READER);
  restore (database);
  at_once = database_ask (database, "copy", at_once_sql);
  g_assert_cmpstr (at_once, ==, "comment t low t of_reader t of_reader_too t");
}

/* bbdd.user's code runs while things of others are made; what it makes then is no other's, and
 * nothing that he can write runs with the rights of another. */
static void
test_made_meanwhile (Database *database, gconstpointer data)
{
  g_autofree char *made = NULL;

  database_or_skip (database);
  as_owner (database,
            "CREATE FUNCTION public.steal (text) RETURNS boolean LANGUAGE plpgsql AS $steal$ BEGIN"
            "  IF current_database () = 'copy' AND to_regproc ('public.stolen') IS NULL THEN"
            "    CREATE FUNCTION public.stolen () RETURNS name LANGUAGE sql SECURITY DEFINER"
            "      AS 'SELECT current_user';"
            "    CREATE VIEW public.stolen_view AS SELECT current_user;"
            "  END IF;"
            "  RETURN true; END $steal$;"
            "CREATE DOMAIN public.thief AS text CHECK (public.steal (VALUE))");
  as_superuser (database,
                "CREATE VIEW public.of_reader AS SELECT '{x}'::public.thief[] AS things;"
                "CREATE FUNCTION public.by_default (a integer DEFAULT 1) RETURNS name LANGUAGE sql"
                "  SECURITY DEFINER AS 'SELECT current_user';"
                "CREATE FUNCTION public.by_thief (a public.thief[] DEFAULT '{x}') RETURNS name"
                "  LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user';"
                "ALTER VIEW public.of_reader OWNER TO " READER ";"
                "ALTER FUNCTION public.by_default (integer) OWNER TO " READER ";"
                "ALTER FUNCTION public.by_thief (public.thief[]) OWNER TO " READER);
  restore (database);

  made = database_ask (database, "copy",
                       "SELECT string_agg (format ('%s %s %s', thing, owner::regrole, definer), ' '"
                       "                           ORDER BY thing)"
                       "  FROM (SELECT proname AS thing, proowner AS owner, prosecdef AS definer"
                       "          FROM pg_proc"
                       "         WHERE proname IN ('stolen', 'by_default', 'by_thief')"
                       "        UNION ALL SELECT relname, relowner, NULL FROM pg_class"
                       "          WHERE relname IN ('stolen_view', 'of_reader')) t");
  g_assert_cmpstr (made, ==,
                   "by_default " READER " t by_thief " READER " f of_reader " READER
                   "  stolen " OWNER " t stolen_view " OWNER " ");
  assert_lost (database, "public.by_thief(public.thief[])");
}

/* For one trigger of bbdd.user's on a table of the administrator's it may put others there, which
 * everybody runs who changes the table. */
static void
test_triggers (Database *database, gconstpointer data)
{
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  database_or_skip (database);
  as_superuser (database,
                "CREATE TABLE public.dba_log (what text);"
                "CREATE TABLE public.\"dba plain\" (what text);"
                "CREATE FUNCTION public.dba_trigger () RETURNS trigger LANGUAGE plpgsql"
                "  AS $$ BEGIN RETURN NEW; END $$;"
                "CREATE TRIGGER always BEFORE INSERT ON public.dba_log FOR EACH ROW"
                "  EXECUTE FUNCTION public.dba_trigger ();"
                "CREATE TRIGGER often BEFORE INSERT ON public.dba_log FOR EACH ROW"
                "  EXECUTE FUNCTION public.dba_trigger ();"
                "GRANT TRIGGER ON public.dba_log TO " OWNER);
  as_owner (
    database,
    "CREATE FUNCTION public.trap () RETURNS trigger LANGUAGE plpgsql"
    "  AS $$ BEGIN RETURN NEW; END $$;"
    "CREATE FUNCTION public.lay () RETURNS boolean LANGUAGE plpgsql AS $lay$ BEGIN"
    "  IF current_database () = 'copy' THEN"
    "    CREATE TRIGGER trap BEFORE INSERT ON public.dba_log FOR EACH ROW"
    "      EXECUTE FUNCTION public.trap ();"
    "    CREATE OR REPLACE TRIGGER often BEFORE INSERT ON public.dba_log FOR EACH ROW"
    "      EXECUTE FUNCTION public.trap ();"
    "    BEGIN"
    "      CREATE TRIGGER trap BEFORE INSERT ON public.\"dba plain\" FOR EACH ROW"
    "        EXECUTE FUNCTION public.trap ();"
    "    EXCEPTION WHEN insufficient_privilege THEN"
    "    END;"
    "  END IF;"
    "  RETURN true; END $lay$;"
    "CREATE DOMAIN public.layer AS text CHECK (public.lay ());"
    "CREATE TRIGGER when_laid BEFORE INSERT ON public.dba_log FOR EACH ROW"
    "  WHEN ('{x}'::public.layer[] IS NOT NULL) EXECUTE FUNCTION public.trap ()");
  before = database_ask (database, NULL, triggers_sql);
  g_assert_cmpstr (before, ==, "always dba_trigger, often dba_trigger, when_laid trap");
  restore (database);
  after = database_ask (database, "copy", triggers_sql);
  g_assert_cmpstr (after, ==, "always dba_trigger, when_laid trap");
  assert_lost (database, "often on public.dba_log; trap on public.dba_log");
}

/* What the archive names in other bytes than others have is known all the same. */
static void
test_other_encoding (Database *database, gconstpointer data)
{
  g_autofree char *triggers = NULL;
  g_autofree char *owner = NULL;

  database_or_skip (database);
  database_run (database, OB_ROLE_SUPERUSER, "postgres", "DROP DATABASE erp");
  database_run (database, OB_ROLE_SUPERUSER, "postgres",
                "CREATE DATABASE erp OWNER " OWNER " TEMPLATE template0 ENCODING 'LATIN1'"
                "  LC_COLLATE 'C' LC_CTYPE 'C'");
  as_superuser (database,
                "CREATE TABLE public.dba_log (what text);"
                "CREATE FUNCTION public.dba_trigger () RETURNS trigger LANGUAGE plpgsql"
                "  AS $$ BEGIN RETURN NEW; END $$;"
                "CREATE TRIGGER año BEFORE INSERT ON public.dba_log FOR EACH ROW"
                "  WHEN (NEW.what <> 'ñ') EXECUTE FUNCTION public.dba_trigger ();"
                "CREATE VIEW public.año AS SELECT 1 AS one;"
                "ALTER VIEW public.año OWNER TO " READER);
  restore (database);
  triggers = database_ask (database, "copy", triggers_sql);
  g_assert_cmpstr (triggers, ==, "año dba_trigger");
  owner = database_ask (database, "copy",
                        "SELECT relowner::regrole FROM pg_class WHERE relname = 'año'");
  g_assert_cmpstr (owner, ==, READER);
  g_assert_cmpuint (database->warnings->len, ==, 0);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  server_start ();
#define ADD(path, function)                                                                        \
  g_test_add ("/database-traps/" path, Database, NULL, database_set_up, function,                  \
              database_tear_down)
  ADD ("rights-of-owner", test_rights_of_owner);
  ADD ("made-meanwhile", test_made_meanwhile);
  ADD ("triggers", test_triggers);
  ADD ("other-encoding", test_other_encoding);
#undef ADD
  status = g_test_run ();
  server_stop ();
  return status;
}
