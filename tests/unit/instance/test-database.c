/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dump and restore of a database, against a real PostgreSQL. */
#include "database-fixture.h"
#include "slow-relay.h"

#include <string.h>

#include "ob-database-survey.h"

/* Above the size from which a table is dumped by name, in five tables of every kind of name. */
static const char odd_names[]
  = "CREATE SCHEMA \"Sch.e\"\"ma$ *\";"
    "CREATE TABLE \"Sch.e\"\"ma$ *\".\"we\"\"ird.na$me*?|[x](y)\" (id serial PRIMARY KEY, t text);"
    "CREATE TABLE public.\"UPPER lower\" (id integer GENERATED ALWAYS AS IDENTITY, t text);"
    "CREATE TABLE public.\"ñandú\nsegunda 'línea'\" (id bigserial, t text);"
    "CREATE TABLE public.back\\slash (id serial, t text);";

/* helpers */

static char *
odd_statements (void)
{
  /* A backslash is no part of a name without quotes. */
  g_autoptr (GString) text = g_string_new (odd_names);

  g_string_replace (text, "back\\slash", "\"back\\slash\"", 0);
  g_string_append (text,
                   "INSERT INTO \"Sch.e\"\"ma$ *\".\"we\"\"ird.na$me*?|[x](y)\" (t)"
                   "  SELECT repeat (md5 (i::text), 30) FROM generate_series (1, 6000) i;"
                   "INSERT INTO public.\"UPPER lower\" (t)"
                   "  SELECT repeat (md5 (i::text), 30) FROM generate_series (1, 7000) i;"
                   "INSERT INTO public.\"ñandú\nsegunda 'línea'\" (t)"
                   "  SELECT repeat (md5 (i::text), 30) FROM generate_series (1, 8000) i;"
                   "INSERT INTO public.\"back\\slash\" (t)"
                   "  SELECT repeat (md5 (i::text), 30) FROM generate_series (1, 9000) i;"
                   /* A large leaf of a partitioned table. */
                   "INSERT INTO public.fact_acct SELECT md5 (i::text), '2023-05-05', i, i, i"
                   "  FROM generate_series (1, 70000) i;");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
fill_oddly (Database *database)
{
  g_autofree char *sql = odd_statements ();

  database_fill (database);
  database_run (database, OB_ROLE_OWNER, NULL, sql);
}

static gint
compare_tables (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* The facts that a copy shares with its original. Transfer full. */
static char *
facts_text (JsonObject *facts)
{
  static const char *const members[]
    = { "owner", "encoding", "lc_collate", "lc_ctype", "locale_provider", "icu_locale",
        "tablespace", "tablespaces", "settings", "comment", "connection_limit", "roles",
        "extensions", "modules", "application", "activation_key", "attachments",
        "large_objects" };
  GString *text = g_string_new (NULL);
  JsonArray *tables = json_object_get_array_member (facts, "tables");
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);

  for (gsize i = 0; i < G_N_ELEMENTS (members); i++)
    {
      g_autofree char *value = NULL;

      if (!json_object_has_member (facts, members[i]))
        continue;
      value = json_to_string (json_object_get_member (facts, members[i]), FALSE);
      g_string_append_printf (text, "%s %s\n", members[i], value);
    }
  for (guint i = 0; i < json_array_get_length (tables); i++)
    {
      JsonObject *table = json_array_get_object_element (tables, i);

      g_ptr_array_add (lines, g_strdup_printf (
                                "%s.%s of %s: %" G_GINT64_FORMAT "\n",
                                json_object_get_string_member (table, "schema"),
                                json_object_get_string_member (table, "name"),
                                json_object_get_string_member (table, "owner"),
                                json_object_get_int_member (table, "rows")));
    }
  g_ptr_array_sort (lines, compare_tables);
  for (guint i = 0; i < lines->len; i++)
    g_string_append (text, g_ptr_array_index (lines, i));
  return g_string_free (text, FALSE);
}

/* Line by line, so that a difference can be read. */
static void
assert_same_lines (const char *before, const char *after)
{
  g_auto (GStrv) expected = g_strsplit (before, "\n", -1);
  g_auto (GStrv) found = g_strsplit (after, "\n", -1);

  for (gsize i = 0; expected[i] != NULL && found[i] != NULL; i++)
    g_assert_cmpstr (expected[i], ==, found[i]);
  g_assert_cmpuint (g_strv_length (expected), ==, g_strv_length (found));
}

static void
assert_round_trip (Database *database, const ObDatabaseConfig *config, guint n_parallel)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives
    = archives_dump (config, n_parallel, 10, database->progress, NULL, &error);
  g_autoptr (Archives) again = NULL;
  g_autoptr (ObDatabaseConfig) copy = ob_database_config_copy (config);
  g_autofree char *before = database_describe (database, "erp");
  g_autofree char *after = NULL;
  g_autofree char *facts = NULL;
  g_autofree char *facts_again = NULL;

  g_assert_no_error (error);
  archives_restore (archives, config, "copy", database->progress, &error);
  g_assert_no_error (error);
  after = database_describe (database, "copy");
  assert_same_lines (before, after);

  g_free (copy->name);
  copy->name = g_strdup ("copy");
  again = archives_dump (copy, n_parallel, 10, database->progress, NULL, &error);
  g_assert_no_error (error);
  facts = facts_text (archives->facts);
  facts_again = facts_text (again->facts);
  assert_same_lines (facts, facts_again);
}

/* round trips */

static void
test_one_stream (Database *database, gconstpointer data)
{
  database_or_skip (database);
  fill_oddly (database);
  assert_round_trip (database, database->config, 1);
  g_assert_cmpuint (database->warnings->len, ==, 0);
}

static void
test_many_streams (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObDatabaseDump) dump = NULL;

  database_or_skip (database);
  fill_oddly (database);
  dump = ob_database_dump_begin (database->config, 4, 10, database->progress, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (ob_database_dump_get_n_streams (dump), ==, 6);
  g_assert_cmpstr (ob_database_dump_get_stream_name (dump, 0), ==, "schema.dump");
  g_assert_cmpstr (ob_database_dump_get_stream_name (dump, 4), ==, "data-4.dump");
  g_assert_cmpstr (ob_database_dump_get_stream_name (dump, 5), ==, "large-objects.dump");
  g_assert_cmpuint (ob_database_dump_get_expected_size (dump, 2), >, 4 << 20);
  g_clear_pointer (&dump, ob_database_dump_free);
  assert_round_trip (database, database->config, 4);
}

/* Rows that are longer than what is read at once, and many short ones, over several connections; a
 * value that looks like the end of the rows. */
static void
test_wide_rows (Database *database, gconstpointer data)
{
  database_or_skip (database);
  database_run (database, OB_ROLE_OWNER, NULL,
                "CREATE TABLE public.wide (id integer, v text);"
                "INSERT INTO public.wide SELECT i, repeat (md5 (i::text), 32768 * (i % 4))"
                "  FROM generate_series (1, 16) i;"
                "CREATE TABLE public.narrow (id integer, v text);"
                "INSERT INTO public.narrow SELECT i, md5 (i::text)"
                "  FROM generate_series (1, 200000) i;"
                "CREATE TABLE public.\"Odd; \"\"na'me. \"(\"a;b\" text);"
                "INSERT INTO public.\"Odd; \"\"na'me. \" VALUES (E'\\\\.'), (E'a\n\\\\.\nb'), "
                "(NULL)");
  assert_round_trip (database, database->config, 4);
}

/* The number of rows comes before the server says that it is ready, and is not forgotten
 * meanwhile. */
static void
test_slow_network (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;
  g_autoptr (ObDatabaseConfig) far = ob_database_config_copy (database->config);
  SlowRelay *relay;

  database_or_skip (database);
  database_run (database, OB_ROLE_OWNER, NULL,
                "DO $$ BEGIN FOR i IN 1..30 LOOP"
                "  EXECUTE format ('CREATE TABLE public.t%s AS SELECT generate_series (1, %s)"
                " AS a', i, i);"
                " END LOOP; END $$");
  archives = archives_dump (database->config, 2, 10, database->progress, NULL, &error);
  g_assert_no_error (error);
  relay = slow_relay_new (far->port);
  far->port = slow_relay_get_port (relay);
  archives_restore (archives, far, "copy", database->progress, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (slow_relay_get_n_delays (relay), >, 30);
  slow_relay_free (relay);
}

/* A CHECK that refuses a row: the table is named, and no database is left. */
static void
test_refused_row (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;
  g_autofree char *left = NULL;

  database_or_skip (database);
  database_run (database, OB_ROLE_OWNER, NULL,
                "CREATE FUNCTION public.here () RETURNS boolean LANGUAGE sql IMMUTABLE"
                "  AS $$SELECT current_database () = 'erp'$$;"
                "CREATE TABLE public.picky (id integer CHECK (public.here ()));"
                "INSERT INTO public.picky SELECT generate_series (1, 300000)");
  archives = archives_dump (database->config, 2, 10, database->progress, NULL, &error);
  g_assert_no_error (error);
  archives_restore (archives, database->config, "copy", database->progress, &error);
  g_assert_ob_error (error, OB_ERROR_FAILED);
  g_assert_message (error, "public.picky");
  g_assert_message (error, "picky_check");
  g_assert_null (strstr (error->message, "Failing row"));
  left = database_ask (database, NULL, "SELECT count(*) FROM pg_database WHERE datname = 'copy'");
  g_assert_cmpstr (left, ==, "0");
}

/* Nothing of others in it, so that the owner can do all. */
static void
test_no_superuser (Database *database, gconstpointer data)
{
  database_or_skip (database);
  database_run (database, OB_ROLE_OWNER, NULL,
                "CREATE TABLE public.t (id serial PRIMARY KEY, v text);"
                "INSERT INTO public.t (v) SELECT i::text FROM generate_series (1, 100) i;"
                "SELECT lo_from_bytea (0, 'content')");
  assert_round_trip (database, database->no_superuser, 2);
}

static void
test_out_of_reach (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;

  database_or_skip (database);
  database_run (database, OB_ROLE_SUPERUSER, NULL, "CREATE TABLE public.secret (id integer)");
  archives = archives_dump (database->no_superuser, 2, 10, NULL, NULL, &error);
  g_assert_null (archives);
  g_assert_ob_error (error, OB_ERROR_FAILED);
  g_assert_message (error, "public.secret");
  g_assert_message (error, "bbdd.systemUser");
  g_clear_error (&error);

  archives = archives_dump (database->config, 2, 10, NULL, NULL, &error);
  g_assert_no_error (error);
}

static guint
count_sequence_values (GByteArray *bytes)
{
  g_autofree char *text = g_malloc (bytes->len);
  guint count = 0;

  memcpy (text, bytes->data, bytes->len);
  for (guint i = 0; i + 20 < bytes->len; i++)
    if (memcmp (text + i, "pg_catalog.setval('", 19) == 0)
      count++;
  return count;
}

static gboolean
holds (GByteArray *bytes, const char *word)
{
  return memmem (bytes->data, bytes->len, word, strlen (word)) != NULL;
}

/* Each sequence in one stream, whichever way its table goes; large objects in theirs alone. */
static void
test_sequences (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;
  g_autofree char *expected = NULL;
  guint count = 0;

  database_or_skip (database);
  fill_oddly (database);
  archives = archives_dump (database->config, 4, 10, NULL, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < archives->archives->len; i++)
    {
      const char *name = g_ptr_array_index (archives->names, i);
      GByteArray *bytes = g_ptr_array_index (archives->archives, i);

      count += count_sequence_values (bytes);
      g_assert_cmpint (holds (bytes, "BLOBS"), ==, strcmp (name, "large-objects.dump") == 0);
    }
  expected = database_ask (database, NULL, "SELECT count(*) FROM pg_sequences");
  g_assert_cmpuint (count, ==, g_ascii_strtoull (expected, NULL, 10));
}

/* facts */

static const char *
get_text (JsonObject *object, const char *name)
{
  return json_object_get_string_member_with_default (object, name, NULL);
}

static JsonObject *
find_named (JsonObject *facts, const char *array, const char *name)
{
  JsonArray *elements = json_object_get_array_member (facts, array);

  for (guint i = 0; i < json_array_get_length (elements); i++)
    {
      JsonObject *element = json_array_get_object_element (elements, i);

      if (g_strcmp0 (get_text (element, "name"), name) == 0)
        return element;
    }
  return NULL;
}

static gint64
get_rows (JsonObject *facts, const char *table)
{
  return json_object_get_int_member (find_named (facts, "tables", table), "rows");
}

static void
test_facts (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  g_autofree char *text = NULL;
  JsonObject *application;

  database_or_skip (database);
  database_fill (database);
  database_run (database, OB_ROLE_OWNER, NULL,
                "UPDATE public.ad_system SET activation_key = 'very-secret-key';"
                "UPDATE public.ad_system_info SET system_status = 'RB43'");
  archives = archives_dump (database->config, 2, 10, database->progress, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (json_object_get_int_member (archives->facts, "server_version"), >, 90000);
  g_assert_cmpstr (get_text (archives->facts, "owner"), ==, OWNER);
  g_assert_cmpint (json_object_get_int_member (archives->facts, "connection_limit"), ==, 30);
  g_assert_nonnull (find_named (archives->facts, "extensions", "pg_trgm"));
  g_assert_true (
    json_object_get_boolean_member (find_named (archives->facts, "roles", OWNER), "createdb"));
  g_assert_nonnull (find_named (archives->facts, "roles", READER));
  g_assert_nonnull (find_named (archives->facts, "roles", "postgres"));
  g_assert_cmpint (get_rows (archives->facts, "c_order"), ==, 200);
  /* The superuser's own, and one whose rows the owner cannot see all of. */
  g_assert_cmpint (get_rows (archives->facts, "dba_notes"), ==, 1);
  g_assert_null (find_named (archives->facts, "tables", "fact_acct"));
  g_assert_cmpstr (get_text (find_named (archives->facts, "modules", "Core"), "package"), ==,
                   "org.openbravo");
  application = json_object_get_object_member (archives->facts, "application");
  g_assert_cmpstr (get_text (application, "system_status"), ==, "RB43");
  g_assert_true (json_object_get_boolean_member (application, "rebuild_owed"));
  g_assert_true (json_object_get_boolean_member (archives->facts, "activation_key"));
  g_assert_cmpuint (database->warnings->len, ==, 1);

  json_node_set_object (node, archives->facts);
  text = json_to_string (node, FALSE);
  g_assert_null (strstr (text, "very-secret-key"));
  g_assert_null (strstr (text, "SCRAM"));
  g_assert_null (strstr (text, database->config->password));
}

/* Rows that the owner's own SELECT would not count. */
static void
test_forced_row_security (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;

  database_or_skip (database);
  database_run (database, OB_ROLE_OWNER, NULL,
                "CREATE TABLE public.hidden (a integer, b integer GENERATED ALWAYS AS (a) STORED);"
                "INSERT INTO public.hidden SELECT generate_series (1, 5000);"
                "ALTER TABLE public.hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
                "CREATE TABLE public.no_columns ();"
                "CREATE TABLE public.not_mine (a text);"
                "INSERT INTO public.not_mine VALUES (E'a\\nb'), (NULL), ('');"
                "REVOKE ALL ON public.not_mine FROM " OWNER);
  archives = archives_dump (database->config, 2, 10, database->progress, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (get_rows (archives->facts, "hidden"), ==, 5000);
  g_assert_cmpint (get_rows (archives->facts, "not_mine"), ==, 3);
  g_assert_cmpint (get_rows (archives->facts, "no_columns"), ==, 0);
}

static gboolean
collect_path (const char *path, gpointer user_data)
{
  GString *text = user_data;

  g_string_append_printf (text, "%s\n", path);
  return TRUE;
}

static void
test_attachments (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObDatabaseDump) dump = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  g_auto (GStrv) lines = NULL;

  database_or_skip (database);
  database_run (database, OB_ROLE_OWNER, NULL,
                "CREATE TABLE public.c_file (name text, path text, ad_table_id text,"
                " ad_record_id text);"
                "INSERT INTO public.c_file VALUES ('a b ñ.pdf', NULL, '259', 'ABC'),"
                " ('x.txt', '259/ABC/DEF', '259', 'ABCDEF'), ('y.txt', '/259/GHI/', '259', 'GHI'),"
                " ('', NULL, '1', '2'), (NULL, 'p', '1', '2');"
                "INSERT INTO public.c_file SELECT 'n' || i, 'd', '1', '2'"
                "  FROM generate_series (1, 2500) i");
  dump = ob_database_dump_begin (database->config, 1, 10, NULL, NULL, &error);
  g_assert_no_error (error);
  database_run (database, OB_ROLE_OWNER, NULL, "DELETE FROM public.c_file");
  g_assert_true (ob_database_dump_list_attachments (dump, collect_path, text, NULL, &error));
  g_assert_no_error (error);
  lines = g_strsplit (text->str, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, 2503 + 1);
  g_assert_true (g_strv_contains ((const char *const *) lines, "259-ABC/a b ñ.pdf"));
  g_assert_true (g_strv_contains ((const char *const *) lines, "259/ABC/DEF/x.txt"));
  g_assert_true (g_strv_contains ((const char *const *) lines, "259/GHI/y.txt"));
  g_assert_true (g_strv_contains ((const char *const *) lines, "d/n2500"));
}

/* The owner's code must not run as the superuser, whatever a dump reads. */
static void
test_attack (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;
  g_autofree char *is_superuser = NULL;
  g_autofree char *mark = NULL;
  g_autofree char *strike = NULL;

  database_or_skip (database);
  database_fill (database);
  database_run_file (database, OB_ROLE_OWNER, "attack.sql");
  /* Planning a SELECT evaluates these. A transaction that may only read is no obstacle to a program
   * that the server starts. */
  mark = database_make_path ("struck");
  strike = g_strdup_printf (
    "CREATE FUNCTION public.strike () RETURNS void LANGUAGE plpgsql AS $$ BEGIN"
    "  EXECUTE 'COPY (SELECT 1) TO PROGRAM ''touch %s''';"
    "  EXCEPTION WHEN OTHERS THEN END $$;"
    "CREATE FUNCTION public.strike_immutable (a integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE"
    "  AS $$ BEGIN PERFORM public.strike (); RETURN a; END $$;"
    "CREATE TABLE public.struck (id integer);"
    "INSERT INTO public.struck VALUES (1);"
    "CREATE INDEX ON public.struck (public.strike_immutable (1))",
    mark);
  database_run (database, OB_ROLE_OWNER, NULL, strike);
  database_run (database, OB_ROLE_OWNER, NULL,
                "CREATE TABLE public.planned (id integer);"
                "INSERT INTO public.planned VALUES (1);"
                "CREATE INDEX ON public.planned (public.evil_immutable (1));"
                "CREATE INDEX ON public.planned (id) WHERE public.evil_text ('predicate');"
                "CREATE TABLE public.planned_too (LIKE public.planned INCLUDING INDEXES);"
                "ALTER TABLE public.planned_too ENABLE ROW LEVEL SECURITY,"
                " FORCE ROW LEVEL SECURITY");
  archives = archives_dump (database->config, 2, 10, database->progress, NULL, &error);
  g_assert_no_error (error);
  is_superuser
    = database_ask (database, NULL, "SELECT rolsuper FROM pg_roles WHERE rolname = '" OWNER "'");
  g_assert_cmpstr (is_superuser, ==, "f");
  g_assert_false (g_file_test (mark, G_FILE_TEST_EXISTS));
  /* Views are no tables. */
  g_assert_false (json_object_has_member (archives->facts, "modules"));

  archives_restore (archives, database->config, "copy", database->progress, &error);
  g_assert_no_error (error);
  g_free (is_superuser);
  is_superuser
    = database_ask (database, NULL, "SELECT rolsuper FROM pg_roles WHERE rolname = '" OWNER "'");
  g_assert_cmpstr (is_superuser, ==, "f");
  g_assert_false (g_file_test (mark, G_FILE_TEST_EXISTS));
}

static void
test_sessions (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *sessions = NULL;
  ObDatabaseConfig *config = database->config;
  PGconn *connection = NULL;
  g_autofree char *conninfo = NULL;

  database_or_skip (database);
  g_assert_true (ob_database_find_sessions (config, &sessions, NULL, &error));
  g_assert_no_error (error);
  g_assert_null (sessions);
  conninfo = g_strdup_printf ("host=%s port=%u dbname=%s user=%s password=%s"
                              " application_name='of a test'",
                              config->host, config->port, config->name, config->user,
                              config->password);
  connection = PQconnectdb (conninfo);
  g_assert_cmpint (PQstatus (connection), ==, CONNECTION_OK);
  g_assert_true (ob_database_find_sessions (config, &sessions, NULL, &error));
  g_assert_no_error (error);
  g_assert_nonnull (sessions);
  g_assert_nonnull (strstr (sessions, "of a test"));
  PQfinish (connection);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  server_start ();
#define ADD(path, function)                                                                        \
  g_test_add ("/database/" path, Database, NULL, database_set_up, function, database_tear_down)
  ADD ("one-stream", test_one_stream);
  ADD ("many-streams", test_many_streams);
  ADD ("wide-rows", test_wide_rows);
  ADD ("slow-network", test_slow_network);
  ADD ("refused-row", test_refused_row);
  ADD ("no-superuser", test_no_superuser);
  ADD ("out-of-reach", test_out_of_reach);
  ADD ("sequences", test_sequences);
  ADD ("facts", test_facts);
  ADD ("forced-row-security", test_forced_row_security);
  ADD ("attachments", test_attachments);
  ADD ("attack", test_attack);
  ADD ("sessions", test_sessions);
#undef ADD
  status = g_test_run ();
  server_stop ();
  return status;
}
