/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Restores to servers that are not like the one that was backed up: other tablespaces, no
 * superuser. */
#include "database-fixture.h"

#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TABLESPACE_OF_COPY                                                                         \
  "SELECT spcname FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace"               \
  " WHERE datname = 'copy'"
#define TABLESPACES_IN_COPY                                                                        \
  "SELECT string_agg (coalesce (spcname, '-'), ' ' ORDER BY relname) FROM pg_class c"             \
  " LEFT JOIN pg_tablespace t ON t.oid = reltablespace WHERE relname IN ('t', 't_v_idx')"

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
  ADD ("missing-tablespace", test_missing_tablespace);
  ADD ("not-superuser", test_not_superuser);
#undef ADD
  status = g_test_run ();
  server_stop ();
  return status;
}
