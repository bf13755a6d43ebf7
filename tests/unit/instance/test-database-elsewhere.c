/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Restores to servers that are not like the one that was backed up: other tablespaces, another
 * locale, no superuser. */
#include "database-fixture.h"

#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-database-restore-private.h"

#define TABLESPACE_OF_COPY                                                                         \
  "SELECT spcname FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace"               \
  " WHERE datname = 'copy'"
#define TABLESPACES_IN_COPY                                                                        \
  "SELECT string_agg (coalesce (spcname, '-'), ' ' ORDER BY relname) FROM pg_class c"             \
  " LEFT JOIN pg_tablespace t ON t.oid = reltablespace WHERE relname IN ('t', 't_v_idx')"
#define LOCALE_OF_COPY                                                                             \
  "SELECT datlocprovider::text || ' ' || coalesce (daticulocale, '-') FROM pg_database"           \
  " WHERE datname = 'copy'"

/* helpers */

/* A statement that no transaction may hold, beside all databases of the test. */
static void
run_beside (Database *database, const char *sql)
{
  database_run (database, OB_ROLE_SUPERUSER, "postgres", sql);
}

/* With room for the owner's things. */
static void
make_tablespace (Database *database, const char *name)
{
  g_autofree char *path = database_make_path (name);
  g_autofree char *create = g_strdup_printf ("CREATE TABLESPACE %s LOCATION '%s'", name, path);
  g_autofree char *grant = g_strdup_printf ("GRANT CREATE ON TABLESPACE %s TO " OWNER, name);
  struct passwd *user = getpwnam ("postgres");

  g_assert_cmpint (mkdir (path, 0700), ==, 0);
  g_assert_cmpint (chown (path, user->pw_uid, user->pw_gid), ==, 0);
  run_beside (database, create);
  run_beside (database, grant);
}

static void
fill (Database *database)
{
  database_run (database, OB_ROLE_OWNER, NULL,
                "CREATE TABLE public.t (id serial, v text);"
                "INSERT INTO public.t (v) SELECT i::text FROM generate_series (1, 100) i;"
                "CREATE INDEX t_v_idx ON public.t (v)");
}

static Archives *
dump (Database *database)
{
  g_autoptr (GError) error = NULL;
  Archives *archives
    = archives_dump (database->config, 1, 10, database->progress, NULL, &error);

  g_assert_no_error (error);
  return archives;
}

static void
restore (Database *database, Archives *archives)
{
  g_autoptr (GError) error = NULL;

  ob_database_drop (database->config, "copy", NULL, &error);
  g_assert_no_error (error);
  archives_restore (archives, database->config, "copy", database->progress, &error);
  g_assert_no_error (error);
}

static void
assert_answer (Database *database, const char *name, const char *sql, const char *answer)
{
  g_autofree char *text = database_ask (database, name, sql);

  g_assert_cmpstr (text, ==, answer);
}

/* That there is this warning alone, which is forgotten. */
static void
assert_warned (Database *database, const char *part)
{
  const char *warning;

  g_assert_cmpuint (database->warnings->len, ==, 1);
  warning = database->warnings->pdata[0];
  g_assert_nonnull (strstr (warning, part));
  g_ptr_array_set_size (database->warnings, 0);
}

/* tablespaces */

/* The database's own. */
static void
test_own_tablespace (Database *database, gconstpointer data)
{
  g_autoptr (Archives) archives = NULL;

  database_or_skip (database);
  make_tablespace (database, "roomy");
  run_beside (database, "ALTER DATABASE erp SET TABLESPACE roomy");
  fill (database);
  archives = dump (database);
  restore (database, archives);
  assert_answer (database, NULL, TABLESPACE_OF_COPY, "roomy");
  g_assert_cmpuint (database->warnings->len, ==, 0);

  json_object_set_string_member (archives->facts, "tablespace", "long gone");
  restore (database, archives);
  assert_answer (database, NULL, TABLESPACE_OF_COPY, "pg_default");
  assert_warned (database, "lies in the tablespace long gone, which this server does not have");

  /* A backup that does not tell, and the database that it would take the place of. */
  json_object_remove_member (archives->facts, "tablespace");
  restore (database, archives);
  assert_answer (database, NULL, TABLESPACE_OF_COPY, "roomy");
  g_assert_cmpuint (database->warnings->len, ==, 0);
}

/* That of an owner who may no longer use it, and has no superuser. */
static void
test_forbidden_tablespace (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;

  database_or_skip (database);
  make_tablespace (database, "closed");
  run_beside (database, "ALTER DATABASE erp SET TABLESPACE closed");
  fill (database);
  archives = dump (database);
  run_beside (database, "REVOKE CREATE ON TABLESPACE closed FROM " OWNER);
  archives_restore (archives, database->no_superuser, "copy", database->progress, &error);
  g_assert_no_error (error);
  assert_answer (database, NULL, TABLESPACE_OF_COPY, "pg_default");
  assert_warned (database, "GRANT CREATE ON TABLESPACE");
}

/* The database lies in a tablespace, and some of it in the server's own directory, in which its
 * owner has no right of his own then. */
static void
test_default_tablespace (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;

  database_or_skip (database);
  make_tablespace (database, "wide");
  run_beside (database, "ALTER DATABASE erp SET TABLESPACE wide");
  fill (database);
  database_run (database, OB_ROLE_SUPERUSER, NULL,
                "ALTER TABLE public.t SET TABLESPACE pg_default");
  archives = dump (database);
  restore (database, archives);
  assert_answer (database, NULL, TABLESPACE_OF_COPY, "wide");
  assert_answer (database, "copy", TABLESPACES_IN_COPY, "pg_default -");
  assert_answer (database, NULL,
                 "SELECT coalesce (spcacl::text, '-') FROM pg_tablespace"
                 " WHERE spcname = 'pg_default'",
                 "{postgres=C/postgres}");
  g_assert_cmpuint (database->warnings->len, ==, 0);

  run_beside (database, "DROP DATABASE copy");
  archives_restore (archives, database->no_superuser, "copy", database->progress, &error);
  g_assert_no_error (error);
  assert_answer (database, "copy", TABLESPACES_IN_COPY, "- -");
  assert_warned (database, "may create nothing (pg_default)");
}

/* Those of tables and indexes; the server has another one than those. */
static void
test_missing_tablespace (Database *database, gconstpointer data)
{
  g_autoptr (Archives) archives = NULL;

  database_or_skip (database);
  make_tablespace (database, "first");
  make_tablespace (database, "second");
  fill (database);
  database_run (database, OB_ROLE_OWNER, NULL,
                "ALTER TABLE public.t SET TABLESPACE first;"
                "ALTER INDEX public.t_v_idx SET TABLESPACE second");
  archives = dump (database);
  restore (database, archives);
  assert_answer (database, "copy", TABLESPACES_IN_COPY, "first second");
  g_assert_cmpuint (database->warnings->len, ==, 0);

  database_run (database, OB_ROLE_OWNER, NULL,
                "ALTER INDEX public.t_v_idx SET TABLESPACE pg_default");
  run_beside (database, "DROP DATABASE copy");
  run_beside (database, "DROP TABLESPACE second");
  restore (database, archives);
  assert_answer (database, "copy", TABLESPACES_IN_COPY, "- -");
  assert_warned (database, "missing on this server (second)");
}

/* locale */

/* FALSE where the server knows no locales of ICU; then the test is skipped. */
static gboolean
knows_icu (Database *database)
{
  g_autofree char *answer
    = database_ask (database, "postgres",
                    "SELECT current_setting ('server_version_num')::integer / 10000 IN (15, 16)"
                    " AND EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i')");

  if (strcmp (answer, "t") == 0)
    return TRUE;
  g_test_skip ("needs PostgreSQL 15 or 16 with ICU");
  return FALSE;
}

/* A database of libc on a server that was made for ICU. */
static void
test_libc_to_icu (Database *database, gconstpointer data)
{
  g_autoptr (Archives) archives = NULL;

  database_or_skip (database);
  if (!knows_icu (database))
    return;
  fill (database);
  archives = dump (database);
  run_beside (database, "CREATE DATABASE template_icu TEMPLATE template0 LOCALE_PROVIDER icu"
                        " ICU_LOCALE 'en-US' IS_TEMPLATE true");
  /* As initdb leaves it, which makes such servers. */
  run_beside (database, "UPDATE pg_database SET datcollversion = NULL"
                        " WHERE datname = 'template_icu'");
  run_beside (database, "ALTER DATABASE template0 RENAME TO template_libc");
  run_beside (database, "ALTER DATABASE template_icu RENAME TO template0");
  restore (database, archives);
  run_beside (database, "ALTER DATABASE template0 RENAME TO template_icu");
  run_beside (database, "ALTER DATABASE template_libc RENAME TO template0");
  assert_answer (database, NULL, LOCALE_OF_COPY, "c -");
}

static void
test_icu_to_libc (Database *database, gconstpointer data)
{
  g_autoptr (Archives) archives = NULL;

  database_or_skip (database);
  if (!knows_icu (database))
    return;
  run_beside (database, "DROP DATABASE erp");
  run_beside (database, "CREATE DATABASE erp OWNER " OWNER " TEMPLATE template0"
                        " LOCALE_PROVIDER icu ICU_LOCALE 'de-AT'");
  fill (database);
  archives = dump (database);
  restore (database, archives);
  assert_answer (database, NULL, LOCALE_OF_COPY, "i de-AT");
}

static void
assert_locale (const char *json, int server_version, const char *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) facts = json_from_string (json, &error);
  g_autofree char *text = NULL;

  g_assert_no_error (error);
  text = ob_restore_format_locale (json_node_get_object (facts), server_version);
  g_assert_cmpstr (text, ==, options);
}

#define COMMON(collate) "ENCODING 'UTF8' LC_COLLATE '" collate "' LC_CTYPE '" collate "'"
#define FACTS(more)                                                                                \
  "{\"encoding\": \"UTF8\", \"lc_collate\": \"es_ES\", \"lc_ctype\": \"es_ES\"" more "}"

/* Providers of all versions, from all versions. */
static void
test_locale (void)
{
  static const char libc[] = FACTS (", \"locale_provider\": \"libc\", \"icu_locale\": null");
  static const char icu[]
    = FACTS (", \"locale_provider\": \"icu\", \"icu_locale\": \"es\", \"icu_rules\": \"&a < g\"");
  static const char builtin[]
    = FACTS (", \"locale_provider\": \"builtin\", \"builtin_locale\": \"PG_UNICODE_FAST\"");

  assert_locale ("{}", 150018, COMMON ("C.UTF-8") " LOCALE_PROVIDER libc");
  assert_locale (libc, 140001, COMMON ("es_ES"));
  assert_locale (libc, 150000, COMMON ("es_ES") " LOCALE_PROVIDER libc");
  assert_locale (libc, 170002, COMMON ("es_ES") " LOCALE_PROVIDER libc");
  assert_locale (icu, 150018, COMMON ("es_ES") " LOCALE_PROVIDER icu ICU_LOCALE 'es'");
  assert_locale (icu, 160000,
                 COMMON ("es_ES") " LOCALE_PROVIDER icu ICU_LOCALE 'es' ICU_RULES '&a < g'");
  assert_locale (FACTS (", \"locale_provider\": \"icu\", \"icu_locale\": \"es\""), 170000,
                 COMMON ("es_ES") " LOCALE_PROVIDER icu ICU_LOCALE 'es'");
  assert_locale (builtin, 180001,
                 COMMON ("es_ES") " LOCALE_PROVIDER builtin BUILTIN_LOCALE 'PG_UNICODE_FAST'");
  assert_locale (FACTS (", \"locale_provider\": \"builtin\""), 170000,
                 COMMON ("es_ES") " LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'");
  assert_locale ("{\"encoding\": \"LATIN1\", \"locale_provider\": \"builtin\"}", 170000,
                 "ENCODING 'LATIN1' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"
                 " LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C'");
}

/* roles */

/* As where the server belongs to a provider: systemUser makes databases, and is no superuser. */
static void
test_not_superuser (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;

  database_or_skip (database);
  fill (database);
  archives = dump (database);
  run_beside (database, "CREATE ROLE manager LOGIN CREATEDB CREATEROLE PASSWORD 'm'"
                        " IN ROLE " OWNER);
  g_free (database->no_superuser->system_user);
  database->no_superuser->system_user = g_strdup ("manager");
  database->no_superuser->system_password = g_strdup ("m");
  archives_restore (archives, database->no_superuser, "copy", database->progress, &error);
  g_assert_no_error (error);
  assert_answer (database, "copy", "SELECT count(*) FROM public.t", "100");
  assert_answer (database, "copy", "SELECT count(*) FROM pg_db_role_setting", "0");
}

/* As every server up to PostgreSQL 14 has it, and every one that was upgraded since. The archive
 * makes nothing of it. */
static void
test_public_of_superuser (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;

  database_or_skip (database);
  database_run (database, OB_ROLE_SUPERUSER, NULL,
                "ALTER SCHEMA public OWNER TO postgres; GRANT ALL ON SCHEMA public TO PUBLIC");
  fill (database);
  archives = dump (database);
  archives_restore (archives, database->no_superuser, "copy", database->progress, &error);
  g_assert_no_error (error);
  assert_answer (database, "copy", "SELECT count(*) FROM public.t", "100");
  g_assert_cmpuint (database->warnings->len, ==, 0);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  server_start ();
#define ADD(path, function)                                                                        \
  g_test_add ("/database-elsewhere/" path, Database, NULL, database_set_up, function,              \
              database_tear_down)
  ADD ("own-tablespace", test_own_tablespace);
  ADD ("forbidden-tablespace", test_forbidden_tablespace);
  ADD ("default-tablespace", test_default_tablespace);
  ADD ("missing-tablespace", test_missing_tablespace);
  ADD ("libc-to-icu", test_libc_to_icu);
  ADD ("icu-to-libc", test_icu_to_libc);
  ADD ("not-superuser", test_not_superuser);
  ADD ("public-of-superuser", test_public_of_superuser);
#undef ADD
  g_test_add_func ("/database-elsewhere/locale", test_locale);
  status = g_test_run ();
  server_stop ();
  return status;
}
