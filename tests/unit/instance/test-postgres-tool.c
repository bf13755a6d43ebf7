/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tools here claim versions that no package has yet, so that those of this host are never in
 * the way. */
#include "ob-postgres.h"

#include <glib/gstdio.h>
#include <sys/stat.h>

#include "fixture.h"
#include "ob-error.h"

#define TOOL "pg_dump"

/* For real versions: no package has a program of this name. */
#define STRANGE_TOOL "ob-strange-tool"

static void
make_named (Fixture *fixture, const char *directory, const char *tool, const char *script,
            mode_t mode)
{
  g_autofree char *path = fixture_path (fixture, directory);
  g_autofree char *name = g_build_filename (directory, tool, NULL);
  g_autofree char *file = fixture_path (fixture, name);
  g_autofree char *text = g_strdup_printf ("#!/bin/sh\n%s\n", script);

  g_assert_cmpint (mkdir (path, 0755), ==, 0);
  fixture_write (fixture, name, text);
  g_assert_cmpint (chmod (file, mode), ==, 0);
}

static void
make_tool (Fixture *fixture, const char *directory, const char *script, mode_t mode)
{
  make_named (fixture, directory, TOOL, script, mode);
}

/* PATH: these directories of the fixture, then /bin. */
static void
set_path (Fixture *fixture, const char *const *directories)
{
  g_autoptr (GString) path = g_string_new (NULL);

  for (; *directories != NULL; directories++)
    g_string_append_printf (path, "%s/%s:", fixture->path, *directories);
  g_string_append (path, "/bin");
  g_setenv ("PATH", path->str, TRUE);
}

static void
assert_finds (Fixture *fixture, int version, const char *directory)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *found = ob_postgres_find_tool (TOOL, version, 0, NULL, &error);
  g_autofree char *wanted = g_build_filename (fixture->path, directory, TOOL, NULL);

  g_assert_no_error (error);
  g_assert_cmpstr (found, ==, wanted);
}

static void
test_versions (Fixture *fixture, gconstpointer data)
{
  static const char *const directories[] = { "92", "90", "91", "beta", NULL };
  g_autoptr (GError) error = NULL;

  make_tool (fixture, "90", "echo 'pg_dump (PostgreSQL) 90.3 (Debian 90.3-1)'", 0755);
  make_tool (fixture, "91", "echo 'pg_dump (PostgreSQL) 91.1'", 0755);
  make_tool (fixture, "92", "echo 'pg_dump (PostgreSQL) 92.0'", 0755);
  make_tool (fixture, "beta", "echo 'pg_dump (PostgreSQL) 94beta1'", 0755);
  set_path (fixture, directories);

  /* The server's own; and where that is not here, the next one, wherever it stands. */
  assert_finds (fixture, 900003, "90");
  assert_finds (fixture, 910000, "91");
  assert_finds (fixture, 920017, "92");
  assert_finds (fixture, 890000, "90");
  assert_finds (fixture, 930000, "beta");

  g_assert_null (ob_postgres_find_tool (TOOL, 950001, 0, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_VERSION_MISMATCH);
  g_assert_message (error, "newest pg_dump on this host is of PostgreSQL 94");
  g_assert_message (error, "postgresql-client-95");
}

static void
test_broken (Fixture *fixture, gconstpointer data)
{
  static const char *const directories[]
    = { "silent", "failing", "other", "text", "missing", "90", NULL };

  make_tool (fixture, "silent", "exit 0", 0755);
  make_tool (fixture, "failing", "echo 'pg_dump (PostgreSQL) 90.1'; exit 1", 0755);
  make_tool (fixture, "other", "echo 'pg_dump 90.1, of another make'", 0755);
  make_tool (fixture, "text", "echo 'pg_dump (PostgreSQL) 90.1'", 0644);
  make_tool (fixture, "90", "echo 'pg_dump (PostgreSQL) 90.1'", 0755);
  set_path (fixture, directories);
  assert_finds (fixture, 900000, "90");
}

static void
assert_finds_strange (Fixture *fixture, int version, int reader, const char *directory)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *found = ob_postgres_find_tool (STRANGE_TOOL, version, reader, NULL, &error);
  g_autofree char *wanted = g_build_filename (fixture->path, directory, STRANGE_TOOL, NULL);

  g_assert_no_error (error);
  g_assert_cmpstr (found, ==, wanted);
}

static void
assert_refuses (int version, int reader, const char *reason, const char *advice)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (ob_postgres_find_tool (STRANGE_TOOL, version, reader, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_VERSION_MISMATCH);
  g_assert_message (error, reason);
  g_assert_message (error, advice);
}

/* What 17 and newer ones restore only servers from 17 on understand. */
static void
test_too_new (Fixture *fixture, gconstpointer data)
{
  static const char *const all[] = { "18", "17", "16", "14", NULL };
  static const char *const new[] = { "18", "17", NULL };
  static const char *const around[] = { "14", "17", NULL };
  static const char *const versions[] = { "14", "16", "17", "18" };

  for (gsize i = 0; i < G_N_ELEMENTS (versions); i++)
    {
      g_autofree char *script = g_strdup_printf ("echo 'pg (PostgreSQL) %s.2'", versions[i]);

      make_named (fixture, versions[i], STRANGE_TOOL, script, 0755);
    }
  set_path (fixture, all);
  assert_finds_strange (fixture, 140001, 0, "14");
  assert_finds_strange (fixture, 150018, 0, "16");
  assert_finds_strange (fixture, 160000, 0, "16");
  assert_finds_strange (fixture, 170000, 0, "17");
  assert_finds_strange (fixture, 180000, 0, "18");

  set_path (fixture, new);
  assert_finds_strange (fixture, 170004, 0, "17");
  assert_refuses (160004, 0, "is of PostgreSQL 18, but the server is PostgreSQL 16",
                  "postgresql-client-16");
  set_path (fixture, around);
  assert_refuses (150018, 0, "is of PostgreSQL 17, but the server is PostgreSQL 15",
                  "postgresql-client-15");
}

/* One that reads the archive, which another than the server's own may have written. */
static void
test_reader (Fixture *fixture, gconstpointer data)
{
  static const char *const all[] = { "15", "16", "17", NULL };
  static const char *const own[] = { "15", NULL };

  make_named (fixture, "15", STRANGE_TOOL, "echo 'pg (PostgreSQL) 15.2'", 0755);
  make_named (fixture, "16", STRANGE_TOOL, "echo 'pg (PostgreSQL) 16.2'", 0755);
  make_named (fixture, "17", STRANGE_TOOL, "echo 'pg (PostgreSQL) 17.2'", 0755);
  set_path (fixture, all);
  assert_finds_strange (fixture, 150018, 0, "15");
  assert_finds_strange (fixture, 150018, 16, "16");
  assert_finds_strange (fixture, 170000, 16, "17");
  assert_refuses (150018, 17, "made by pg_dump of PostgreSQL 17 or newer",
                  "to a server of PostgreSQL 17 or newer");
  set_path (fixture, own);
  assert_refuses (150018, 16, "made by pg_dump of PostgreSQL 16", "postgresql-client-16");
}

static void
test_missing (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (ob_postgres_find_tool ("ob-no-such-tool", 150018, 0, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_VERSION_MISMATCH);
  g_assert_message (error, "There is no ob-no-such-tool");
  g_assert_message (error, "postgresql-client-15");
}

/* Neither "" nor "." of PATH, which would be wherever the service was started. */
static void
test_relative_path (Fixture *fixture, gconstpointer data)
{
  g_autofree char *former = g_get_current_dir ();
  g_autofree char *here = fixture_path (fixture, "90");
  g_autoptr (GError) error = NULL;

  make_tool (fixture, "90", "echo 'pg_dump (PostgreSQL) 90.1'", 0755);
  g_assert_cmpint (g_chdir (here), ==, 0);
  g_setenv ("PATH", ":.:/bin", TRUE);
  g_assert_null (ob_postgres_find_tool (TOOL, 900000, 0, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_VERSION_MISMATCH);
  g_assert_cmpint (g_chdir (former), ==, 0);
}

static void
test_cancelled (Fixture *fixture, gconstpointer data)
{
  static const char *const directories[] = { "90", NULL };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  make_tool (fixture, "90", "echo 'pg_dump (PostgreSQL) 90.1'", 0755);
  set_path (fixture, directories);
  g_cancellable_cancel (cancellable);
  g_assert_null (ob_postgres_find_tool (TOOL, 900000, 0, cancellable, &error));
  g_assert_ob_error (error, OB_ERROR_CANCELLED);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/postgres-tool/versions", test_versions);
  ADD ("/postgres-tool/broken", test_broken);
  ADD ("/postgres-tool/too-new", test_too_new);
  ADD ("/postgres-tool/reader", test_reader);
  g_test_add_func ("/postgres-tool/missing", test_missing);
  ADD ("/postgres-tool/relative-path", test_relative_path);
  ADD ("/postgres-tool/cancelled", test_cancelled);
  return g_test_run ();
}
