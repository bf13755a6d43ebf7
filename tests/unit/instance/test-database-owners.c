/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Things of several owners: who makes them at a restore, whose they are after it, and what is left
 * of the rights that it took. */
#include "database-fixture.h"

#include <glib/gstdio.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

/* The owner of everything, and what rights there are: where none are written, those that an owner
 * has, who has all on the columns of a table anyway. */
static const char owners_sql[]
  = "SELECT string_agg (line, E'\n' ORDER BY line) FROM ("
    " SELECT format ('%s of %s: %s', thing, owner::regrole,"
    "                (SELECT string_agg (a::text, ' ' ORDER BY a::text)"
    "                   FROM unnest (coalesce (acl, acldefault (kind, owner))) a)) AS line"
    "   FROM (SELECT concat (relkind, ' ', oid::regclass) AS thing, relowner AS owner,"
    "                relacl AS acl,"
    "                CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\" AS kind"
    "           FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'i')"
    "            AND relnamespace <> 'pg_toast'::regnamespace"
    "         UNION ALL SELECT oid::regprocedure::text, proowner, proacl, 'f'"
    "           FROM pg_proc WHERE oid >= 16384"
    "         UNION ALL SELECT concat ('type ', oid::regtype), typowner, typacl, 'T'"
    "           FROM pg_type WHERE oid >= 16384 AND typnamespace <> 'pg_toast'::regnamespace"
    "         UNION ALL SELECT 'schema ' || nspname, nspowner, nspacl, 'n'"
    "           FROM pg_namespace WHERE nspname !~ '^pg_') things"
    " UNION ALL SELECT format ('column %s.%s: %s', attrelid::regclass, attname, a)"
    "   FROM pg_attribute JOIN pg_class c ON c.oid = attrelid, unnest (attacl) a"
    "  WHERE attrelid >= 16384 AND NOT a::text ~ format ('^%s=', relowner::regrole)"
    " UNION ALL SELECT format ('operator %s of %s', oid::regoperator, oprowner::regrole)"
    "   FROM pg_operator WHERE oid >= 16384"
    " UNION ALL SELECT format ('operator class %s of %s', opcname, opcowner::regrole)"
    "   FROM pg_opclass WHERE oid >= 16384"
    " UNION ALL SELECT format ('collation %s of %s', collname, collowner::regrole)"
    "   FROM pg_collation WHERE oid >= 16384"
    " UNION ALL SELECT format ('statistics %s of %s', stxname, stxowner::regrole)"
    "   FROM pg_statistic_ext"
    " UNION ALL SELECT format ('trigger %s on %s: %s', tgname, tgrelid::regclass, tgenabled)"
    "   FROM pg_trigger WHERE NOT tgisinternal"
    " UNION ALL SELECT format ('event trigger %s of %s', evtname, evtowner::regrole)"
    "   FROM pg_event_trigger"
    " UNION ALL SELECT format ('comment on %s: %s',"
    "                          pg_describe_object (classoid, objoid, objsubid), description)"
    "   FROM pg_description WHERE objoid >= 16384) t";

/* What a restore must not leave on the server, whatever it did meanwhile. */
static const char roles_sql[]
  = "SELECT string_agg (line, E'\\n' ORDER BY line) FROM ("
    " SELECT format ('%s %s %s', rolname, rolsuper, rolcreaterole) AS line FROM pg_roles"
    " UNION ALL SELECT format ('%s in %s', member::regrole, roleid::regrole) FROM pg_auth_members"
    " UNION ALL SELECT format ('tablespace %s: %s', spcname,"
    "                          coalesce (spcacl, acldefault ('t', spcowner)))"
    "   FROM pg_tablespace) t";

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

/* Before roles can be dropped that own something in them. */
static void
drop_databases (Database *database)
{
  database_run (database, OB_ROLE_SUPERUSER, "postgres", "DROP DATABASE erp WITH (FORCE)");
  database_run (database, OB_ROLE_SUPERUSER, "postgres",
                "DROP DATABASE IF EXISTS copy WITH (FORCE)");
}

static void
assert_same_lines (const char *before, const char *after)
{
  g_auto (GStrv) expected = g_strsplit (before, "\n", -1);
  g_auto (GStrv) found = g_strsplit (after, "\n", -1);

  for (gsize i = 0; expected[i] != NULL && found[i] != NULL; i++)
    g_assert_cmpstr (expected[i], ==, found[i]);
  g_assert_cmpuint (g_strv_length (expected), ==, g_strv_length (found));
}

/* The copy is as the database is, to the owner of everything, and the server as it was. */
static void
assert_restored (Database *database, const ObDatabaseConfig *config)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;
  g_autofree char *before = database_ask (database, NULL, owners_sql);
  g_autofree char *roles = database_ask (database, NULL, roles_sql);
  g_autofree char *after = NULL;
  g_autofree char *roles_after = NULL;

  archives = archives_dump (database->config, 2, 10, database->progress, NULL, &error);
  g_assert_no_error (error);
  archives_restore (archives, config, "copy", database->progress, &error);
  g_assert_no_error (error);
  after = database_ask (database, "copy", owners_sql);
  roles_after = database_ask (database, NULL, roles_sql);
  assert_same_lines (roles, roles_after);
  assert_same_lines (before, after);
}

/* The one warning of @database that has @part. */
static const char *
find_warning (Database *database, const char *part)
{
  const char *found = NULL;

  for (guint i = 0; i < database->warnings->len; i++)
    if (strstr (g_ptr_array_index (database->warnings, i), part) != NULL)
      {
        g_assert_null (found);
        found = g_ptr_array_index (database->warnings, i);
      }
  g_assert_nonnull (found);
  return found;
}

/* tests */

/* The owner's code in things that are another's: each makes him superuser if a superuser makes it.
 */
static void
test_given_away (Database *database, gconstpointer data)
{
  database_or_skip (database);
  database_fill (database);
  as_superuser (database, "CREATE ROLE \"x postgres\";"
                          "GRANT " READER ", \"x postgres\" TO " OWNER ";"
                          "GRANT CREATE, USAGE ON SCHEMA public TO " READER ", \"x postgres\";"
                          "CREATE TABLE public.dba_log (what text);"
                          "GRANT TRIGGER ON public.dba_log TO " OWNER);
  database_run_file (database, OB_ROLE_OWNER, "attack.sql");
  as_owner (database,
            "CREATE VIEW public.trap_reader AS SELECT '{x}'::public.evil_constant[] AS things;"
            "ALTER VIEW public.trap_reader OWNER TO " READER ";"
            "CREATE VIEW public.trap_blank AS SELECT '{x}'::public.evil_constant[] AS things;"
            "ALTER VIEW public.trap_blank OWNER TO \"x postgres\";"
            "CREATE MATERIALIZED VIEW public.trap_refresh AS"
            "  SELECT public.evil ('refresh') AS sprung;"
            "ALTER MATERIALIZED VIEW public.trap_refresh OWNER TO " READER ";"
            "CREATE FUNCTION public.trap_atomic (\"a\n    LANGUAGE c\" integer) RETURNS text[]"
            "  LANGUAGE sql BEGIN ATOMIC SELECT '{x}'::public.evil_constant[]; END;"
            "ALTER FUNCTION public.trap_atomic (integer) OWNER TO " READER ";"
            "CREATE TRIGGER trap_when BEFORE INSERT ON public.dba_log FOR EACH ROW"
            "  WHEN ('{x}'::public.evil_constant[] IS NOT NULL)"
            "  EXECUTE FUNCTION public.evil_trigger ()");
  assert_restored (database, database->config);
  drop_databases (database);
  database_run (database, OB_ROLE_SUPERUSER, "postgres",
                "DROP ROLE \"x postgres\"; REVOKE " READER " FROM " OWNER);
}

/* The installation connects as somebody whose the backup's things were not. */
static void
test_other_user (Database *database, gconstpointer data)
{
  g_autoptr (ObDatabaseConfig) other = NULL;

  database_or_skip (database);
  database_fill (database);
  other = ob_database_config_copy (database->config);
  g_free (other->user);
  g_free (other->password);
  other->user = g_strdup (READER);
  other->password = g_strdup ("reader");
  as_owner (database, "COMMENT ON TABLE public.c_order IS 'orders';"
                      "CREATE STATISTICS public.some_statistics ON c_order_id, documentno"
                      "  FROM public.c_order");
  assert_restored (database, other);
}

/* What a superuser alone can make, of one who is none. */
static void
test_for_superusers (Database *database, gconstpointer data)
{
  database_or_skip (database);
  as_superuser (
    database,
    "CREATE FUNCTION public.low (a integer) RETURNS integer LANGUAGE internal AS 'int4abs';"
    "CREATE TYPE public.word;"
    "CREATE FUNCTION public.word_in (cstring) RETURNS public.word LANGUAGE internal"
    "  IMMUTABLE STRICT AS 'textin';"
    "CREATE FUNCTION public.word_out (public.word) RETURNS cstring LANGUAGE internal"
    "  IMMUTABLE STRICT AS 'textout';"
    "CREATE TYPE public.word (INPUT = public.word_in, OUTPUT = public.word_out, LIKE = text);"
    "CREATE AGGREGATE public.collect (anynonarray) (SFUNC = array_agg_transfn, STYPE = internal,"
    "  FINALFUNC = array_agg_finalfn, FINALFUNC_EXTRA);"
    "CREATE FUNCTION public.own (a integer) RETURNS integer LANGUAGE internal AS 'int4abs';"
    "CREATE FUNCTION public.tight (integer) RETURNS boolean LANGUAGE sql LEAKPROOF"
    "  AS 'SELECT true';"
    "CREATE FUNCTION public.helped (integer) RETURNS boolean LANGUAGE sql"
    "  SUPPORT generate_series_int4_support AS 'SELECT true';"
    "CREATE FUNCTION public.loud () RETURNS void LANGUAGE plpgsql SET search_path TO public"
    "  SET log_min_messages TO error AS $$ BEGIN RETURN; END $$;"
    "ALTER FUNCTION public.tight (integer) OWNER TO " OWNER ";"
    "ALTER FUNCTION public.helped (integer) OWNER TO " OWNER ";"
    "ALTER FUNCTION public.loud () OWNER TO " OWNER ";"
    "CREATE TYPE public.pair AS (a integer, b public.word);"
    "CREATE DOMAIN public.short AS text CHECK (length (VALUE) < 9);"
    "CREATE TABLE public.words (id serial PRIMARY KEY, word public.word, short public.short);"
    "CREATE OPERATOR CLASS public.odd FOR TYPE integer USING btree AS"
    "  OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >, FUNCTION 1 btint4cmp (integer, integer);"
    "CREATE TABLE public.dba_log (what text);"
    "CREATE FUNCTION public.dba_trigger () RETURNS trigger LANGUAGE plpgsql"
    "  AS $$ BEGIN RETURN NEW; END $$;"
    "REVOKE EXECUTE ON FUNCTION public.dba_trigger () FROM PUBLIC;"
    "CREATE TRIGGER dba_when BEFORE INSERT ON public.dba_log FOR EACH ROW WHEN (NEW.what <> '')"
    "  EXECUTE FUNCTION public.dba_trigger ();"
    "CREATE TRIGGER dba_always BEFORE INSERT ON public.dba_log FOR EACH ROW"
    "  EXECUTE FUNCTION public.dba_trigger ();"
    "ALTER TABLE public.dba_log ENABLE ALWAYS TRIGGER dba_always;"
    "ALTER TABLE public.dba_log DISABLE TRIGGER dba_when;"
    "CREATE TRIGGER \"dba; \"\"when\"\"\" BEFORE INSERT ON public.dba_log FOR EACH ROW"
    "  WHEN (NEW.what <> ';\n\nALTER TABLE public.dba_log DISABLE TRIGGER dba_when;')"
    "  EXECUTE FUNCTION public.dba_trigger ();"
    "ALTER TABLE public.dba_log ENABLE REPLICA TRIGGER \"dba; \"\"when\"\"\";"
    "COMMENT ON FUNCTION public.low (integer) IS 'of C';"
    "COMMENT ON TABLE public.words IS 'of a reader';"
    "ALTER FUNCTION public.low (integer) OWNER TO " READER ";"
    "ALTER TYPE public.word OWNER TO " READER ";"
    "ALTER TYPE public.pair OWNER TO " READER ";"
    "ALTER DOMAIN public.short OWNER TO " READER ";"
    "ALTER FUNCTION public.word_in (cstring) OWNER TO " READER ";"
    "ALTER FUNCTION public.word_out (public.word) OWNER TO " READER ";"
    "ALTER AGGREGATE public.collect (anynonarray) OWNER TO " READER ";"
    "ALTER OPERATOR CLASS public.odd USING btree OWNER TO " READER ";"
    "ALTER TABLE public.words OWNER TO " READER ";"
    "ALTER FUNCTION public.own (integer) OWNER TO " OWNER ";"
    "GRANT SELECT ON public.words TO " OWNER ";"
    "INSERT INTO public.words (word, short) VALUES ('a', 'b')");
  assert_restored (database, database->config);
}

/* The schema that every database has, where it was given to one and the database to another. */
static void
test_public_schema (Database *database, gconstpointer data)
{
  database_or_skip (database);
  as_superuser (database, "ALTER DATABASE erp OWNER TO " READER ";"
                          "ALTER SCHEMA public OWNER TO " OWNER);
  as_owner (database, "CREATE TABLE public.t (id integer);"
                      "COMMENT ON SCHEMA public IS 'of the application'");
  assert_restored (database, database->config);
}

/* Rights on columns, which go with one on the table that is granted for a restore only. */
static void
test_column_rights (Database *database, gconstpointer data)
{
  database_or_skip (database);
  as_superuser (database, "CREATE SCHEMA audit;"
                          "CREATE TABLE audit.log (who text, what text, seen boolean);"
                          "CREATE TABLE audit.kinds (id integer PRIMARY KEY, name text);"
                          "GRANT USAGE ON SCHEMA audit TO " OWNER ";"
                          "GRANT INSERT (who, what) ON audit.log TO " OWNER ";"
                          "GRANT REFERENCES (id) ON audit.kinds TO " OWNER);
  as_owner (database, "CREATE TABLE public.t (kind integer REFERENCES audit.kinds)");
  assert_restored (database, database->config);
}

/* Filled with what its owner may see, and before what reads it. */
static void
test_materialized_views (Database *database, gconstpointer data)
{
  g_autofree char *rows = NULL;

  database_or_skip (database);
  as_superuser (database,
                "CREATE TABLE public.dba_secret (who name, what text);"
                "INSERT INTO public.dba_secret VALUES ('" OWNER "', 'a'), ('" READER "', 'b');"
                "ALTER TABLE public.dba_secret ENABLE ROW LEVEL SECURITY;"
                "CREATE POLICY own ON public.dba_secret USING (who = current_user);"
                "GRANT SELECT ON public.dba_secret TO " READER ";"
                "CREATE TABLE public.dba_both AS SELECT * FROM public.dba_secret;"
                "ALTER TABLE public.dba_both ENABLE ROW LEVEL SECURITY;"
                "CREATE POLICY own ON public.dba_both USING (who = current_user);"
                "GRANT SELECT ON public.dba_both TO " READER ", " OWNER ";"
                "GRANT CREATE ON SCHEMA public TO " READER ";"
                "CREATE MATERIALIZED VIEW public.of_reader AS SELECT what FROM public.dba_secret"
                "  UNION ALL SELECT what FROM public.dba_both WITH NO DATA;"
                "ALTER MATERIALIZED VIEW public.of_reader OWNER TO " READER ";"
                "GRANT SELECT ON public.of_reader TO " OWNER ";"
                "REFRESH MATERIALIZED VIEW public.of_reader");
  as_owner (database, "CREATE MATERIALIZED VIEW public.of_owner AS"
                      "  SELECT what FROM public.of_reader UNION ALL"
                      "  SELECT what FROM public.dba_both");
  assert_restored (database, database->config);
  rows = database_ask (database, "copy",
                       "SELECT string_agg (what, ' ') FROM (SELECT what FROM public.of_reader"
                       " UNION ALL SELECT '|' UNION ALL SELECT what FROM public.of_owner) t");
  g_assert_cmpstr (rows, ==, "b b | b b a");
}

/* More things of another than the server has locks for one transaction. */
static void
test_many (Database *database, gconstpointer data)
{
  database_or_skip (database);
  as_superuser (database, "GRANT CREATE ON SCHEMA public TO " READER);
  for (guint i = 0; i < 9; i++)
    as_superuser (database,
                  "DO $$ DECLARE n integer = (SELECT count(*) FROM pg_collation); BEGIN"
                  "  FOR i IN n .. n + 999 LOOP"
                  "    EXECUTE format ('CREATE COLLATION public.c%s (LOCALE = \"C\")', i);"
                  "    EXECUTE format ('ALTER COLLATION public.c%s OWNER TO " READER "', i);"
                  "  END LOOP; END $$");
  assert_restored (database, database->config);
}

static void
make_tablespace (Database *database)
{
  g_autofree char *path = database_make_path ("space");
  g_autofree char *sql = g_strdup_printf ("CREATE TABLESPACE space LOCATION '%s'", path);
  const struct passwd *user = getpwnam ("postgres");

  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  g_assert_cmpint (chown (path, user->pw_uid, user->pw_gid), ==, 0);
  as_superuser (database, sql);
}

static void
drop_tablespace (Database *database)
{
  g_autofree char *path = database_make_path ("space");

  drop_databases (database);
  database_run (database, OB_ROLE_SUPERUSER, "postgres", "DROP TABLESPACE space");
  g_assert_cmpint (g_rmdir (path), ==, 0);
}

/* The administrator moved things to where their owner may make none. */
static void
test_tablespace (Database *database, gconstpointer data)
{
  g_autofree char *moved = NULL;

  database_or_skip (database);
  make_tablespace (database);
  as_owner (database, "CREATE TABLE public.t (id integer PRIMARY KEY);"
                      "CREATE INDEX t_index ON public.t (id)");
  as_superuser (database, "ALTER TABLE public.t SET TABLESPACE space;"
                          "ALTER INDEX public.t_index SET TABLESPACE space");
  assert_restored (database, database->config);
  moved = database_ask (database, "copy", "SELECT count(*) FROM pg_class JOIN pg_tablespace s"
                                          "  ON s.oid = reltablespace WHERE spcname = 'space'");
  g_assert_cmpstr (moved, ==, "2");
  drop_tablespace (database);
}

/* The right on a tablespace is one on the server, which does not go with an unfinished database. */
static void
test_tablespace_of_failed_restore (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  database_or_skip (database);
  make_tablespace (database);
  as_owner (database, "CREATE FUNCTION public.here () RETURNS boolean LANGUAGE sql IMMUTABLE"
                      "  AS $$SELECT current_database () = 'erp'$$;"
                      "CREATE TABLE public.picky (id integer CHECK (public.here ()));"
                      "INSERT INTO public.picky VALUES (1)");
  before = database_ask (database, NULL, roles_sql);
  archives = archives_dump (database->config, 2, 10, database->progress, NULL, &error);
  g_assert_no_error (error);
  archives_restore (archives, database->config, "copy", database->progress, &error);
  g_assert_ob_error (error, OB_ERROR_FAILED);
  after = database_ask (database, NULL, roles_sql);
  assert_same_lines (before, after);
  drop_tablespace (database);
}

/* A trigger that lets nobody change anything, and one that its own comment follows. */
static void
test_event_triggers (Database *database, gconstpointer data)
{
  database_or_skip (database);
  as_superuser (
    database,
    "CREATE TABLE public.dba_log (who text, what text);"
    "GRANT INSERT (who), SELECT ON public.dba_log TO " OWNER ";"
    "CREATE FUNCTION public.frozen () RETURNS event_trigger LANGUAGE plpgsql"
    "  AS $$ BEGIN RAISE EXCEPTION 'nothing may be changed'; END $$;"
    "CREATE TABLE public.parts (id integer PRIMARY KEY) PARTITION BY RANGE (id);"
    "CREATE TABLE public.part PARTITION OF public.parts FOR VALUES FROM (1) TO (9);"
    "ALTER TABLE public.parts OWNER TO " OWNER ";"
    "ALTER TABLE public.part OWNER TO " READER ";"
    "GRANT SELECT ON public.parts TO " READER ";"
    "ALTER DEFAULT PRIVILEGES FOR ROLE " OWNER " GRANT SELECT ON TABLES TO " READER ";"
    "CREATE EVENT TRIGGER frozen ON ddl_command_start EXECUTE FUNCTION public.frozen ();"
    "COMMENT ON EVENT TRIGGER frozen IS 'by the administrator'");
  assert_restored (database, database->config);
}

/* Without a superuser nothing is lost in silence, and what needs none is there. */
static void
test_no_superuser (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;
  g_autofree char *made = NULL;
  const char *warning;

  database_or_skip (database);
  as_superuser (
    database,
    "CREATE FUNCTION public.dba_function () RETURNS integer LANGUAGE sql AS 'SELECT 1';"
    "CREATE TYPE public.dba_type AS ENUM ('a');"
    "CREATE VIEW public.dba_view AS SELECT 1 AS one;"
    "COMMENT ON VIEW public.dba_view IS 'not missed by itself'");
  as_owner (database,
            "CREATE TYPE public.pair AS (a integer, b integer);"
            "CREATE FUNCTION public.to_pair (integer) RETURNS public.pair LANGUAGE sql"
            "  AS 'SELECT ROW ($1, $1)::public.pair';"
            "CREATE FUNCTION public.to_number (text) RETURNS numeric LANGUAGE sql IMMUTABLE"
            "  AS 'SELECT 1.0';"
            "CREATE CAST (integer AS public.pair) WITH FUNCTION public.to_pair (integer)");
  as_superuser (database,
                "CREATE CAST (text AS numeric) WITH FUNCTION public.to_number (text);"
                "CREATE OPERATOR CLASS public.odd FOR TYPE integer USING btree AS"
                "  OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >,"
                "  FUNCTION 1 btint4cmp (integer, integer);"
                "ALTER OPERATOR CLASS public.odd USING btree OWNER TO " OWNER);
  archives = archives_dump (database->config, 2, 10, database->progress, NULL, &error);
  g_assert_no_error (error);
  g_ptr_array_set_size (database->warnings, 0);
  archives_restore (archives, database->no_superuser, "copy", database->progress, &error);
  g_assert_no_error (error);

  warning = find_warning (database, "dba_function");
  g_assert_true (g_str_has_prefix (warning, "LOST: "));
  g_assert_nonnull (strstr (warning, "TYPE public dba_type postgres"));
  g_assert_nonnull (strstr (warning, "VIEW public dba_view postgres"));
  g_assert_null (strstr (warning, "COMMENT"));
  warning = find_warning (database, "CREATE CAST (text AS numeric)");
  g_assert_true (g_str_has_prefix (warning, "LOST: "));
  g_assert_true (g_str_has_prefix (find_warning (database, "CREATE OPERATOR CLASS"), "LOST: "));
  made = database_ask (database, "copy",
                       "SELECT string_agg (castsource::regtype::text, ',') FROM pg_cast"
                       " WHERE oid >= 16384");
  g_assert_cmpstr (made, ==, "integer");
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  server_start ();
#define ADD(path, function)                                                                        \
  g_test_add ("/database-owners/" path, Database, NULL, database_set_up, function,                 \
              database_tear_down)
  ADD ("given-away", test_given_away);
  ADD ("other-user", test_other_user);
  ADD ("for-superusers", test_for_superusers);
  ADD ("public-schema", test_public_schema);
  ADD ("column-rights", test_column_rights);
  ADD ("materialized-views", test_materialized_views);
  ADD ("many", test_many);
  ADD ("tablespace", test_tablespace);
  ADD ("tablespace-of-failed-restore", test_tablespace_of_failed_restore);
  ADD ("event-triggers", test_event_triggers);
  ADD ("no-superuser", test_no_superuser);
#undef ADD
  status = g_test_run ();
  server_stop ();
  return status;
}
