/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a drill leaves on disk, and what its result tells. The drill itself needs a server: see
 * tests/integration/test_drill.py. */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs-fixture.h"
#include "ob-drill-result.h"
#include "ob-drill-scratch.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-operations.h"

static guint
count_entries (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  guint n = 0;

  while (dir != NULL && g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static char *
make_leftover (JobsFixture *fixture, const char *name, const char *text)
{
  g_autofree char *file = g_strconcat (name, ".conf", NULL);
  g_autofree char *record
    = g_build_filename (fixture->context->state_path, "drills", file, NULL);
  g_autofree char *inner
    = g_build_filename (fixture->context->drill_path, name, "sources", NULL);
  g_autofree char *deep = g_build_filename (inner, "deep", NULL);

  g_assert_cmpint (g_mkdir_with_parents (inner, 0700), ==, 0);
  g_assert_true (g_file_set_contents (deep, "x", 1, NULL));
  g_assert_true (g_file_set_contents (record, text, -1, NULL));
  return g_build_filename (fixture->context->drill_path, name, NULL);
}

/* Of a scratch with files alone nothing is left, not even its record; while it is held, nobody else
 * clears it away. */
static void
test_scratch (JobsFixture *fixture, gconstpointer data)
{
  ObContext *context = fixture->context;
  g_autofree char *text = g_strdup_printf ("[drill]\ninstance=erp\ndirectory=%s\ndatabase=false\n",
                                           context->drill_path);
  g_autofree char *left = make_leftover (fixture, "obbackup_drill_0123456789abcdef", text);
  g_autofree char *record = g_strconcat (left, ".conf", NULL);
  ob_autofd int lock = open (record, O_RDONLY | O_CLOEXEC);
  g_autoptr (GPtrArray) none = NULL;
  g_autoptr (GPtrArray) deeds = NULL;

  g_assert_cmpint (lock, >=, 0);
  g_assert_cmpint (flock (lock, LOCK_EX | LOCK_NB), ==, 0);
  none = ob_drill_recover (context);
  g_assert_cmpuint (none->len, ==, 0);
  g_assert_true (g_file_test (left, G_FILE_TEST_IS_DIR));

  ob_fd_clear (&lock);
  deeds = ob_drill_recover (context);
  g_assert_cmpuint (deeds->len, ==, 1);
  g_assert_nonnull (strstr (g_ptr_array_index (deeds, 0), "was removed"));
  g_assert_cmpuint (count_entries (context->drill_path), ==, 0);
}

/* The database of an instance that is not configured any more cannot be dropped: its record stays
 * and says so, and the files go all the same. */
static void
test_unknown_instance (JobsFixture *fixture, gconstpointer data)
{
  ObContext *context = fixture->context;
  g_autofree char *text = g_strdup_printf ("[drill]\ninstance=gone\ndirectory=%s\ndatabase=true\n",
                                           context->drill_path);
  g_autofree char *left = make_leftover (fixture, "obbackup_drill_0123456789abcdef", text);
  g_autoptr (GPtrArray) deeds = ob_drill_recover (context);

  g_assert_cmpuint (deeds->len, ==, 1);
  g_assert_nonnull (strstr (g_ptr_array_index (deeds, 0), "drop that database by hand"));
  g_assert_false (g_file_test (left, G_FILE_TEST_EXISTS));
  g_assert_cmpuint (count_entries (context->drill_path), ==, 1);
}

/* A record never leads anywhere else than to what is named as a drill's. */
static void
test_other_records (JobsFixture *fixture, gconstpointer data)
{
  ObContext *context = fixture->context;
  g_autofree char *text
    = g_strdup_printf ("[drill]\ninstance=erp\ndirectory=%s\n", context->drill_path);
  g_autofree char *other = make_leftover (fixture, "precious", text);
  g_autofree char *broken
    = make_leftover (fixture, "obbackup_drill_fedcba9876543210", "[drill]\ndirectory=../..\n");
  g_autoptr (GPtrArray) deeds = ob_drill_recover (context);

  g_assert_cmpuint (deeds->len, ==, 0);
  g_assert_true (g_file_test (other, G_FILE_TEST_IS_DIR));
  g_assert_true (g_file_test (broken, G_FILE_TEST_IS_DIR));
}

static ObDatabaseCheck *
new_check (const char *sql, gboolean ok, const char *message)
{
  ObDatabaseCheck *check = g_new0 (ObDatabaseCheck, 1);

  check->sql = g_strdup (sql);
  check->ok = ok;
  check->message = g_strdup (message);
  return check;
}

static void
test_blame (void)
{
  g_autoptr (GPtrArray) checks
    = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_database_check_free);
  g_autofree char *none = NULL;
  g_autofree char *blame = NULL;
  g_autofree char *many = g_strnfill (500, 'x');
  g_autofree char *shortened = NULL;

  g_ptr_array_add (checks, new_check ("SELECT true", TRUE, NULL));
  none = ob_drill_result_blame_check (checks);
  g_assert_null (none);
  g_ptr_array_add (checks, new_check ("SELECT false", FALSE, "It is false."));
  g_ptr_array_add (checks, new_check ("SELECT 0", FALSE, "No."));
  blame = ob_drill_result_blame_check (checks);
  g_assert_cmpstr (
    blame, ==, "Check 2 (SELECT false) does not hold in the restored database: It is false.");

  g_ptr_array_set_size (checks, 0);
  g_ptr_array_add (checks, new_check (many, FALSE, "No."));
  shortened = ob_drill_result_blame_check (checks);
  g_assert_cmpuint (strlen (shortened), <, 250);
  g_assert_nonnull (strstr (shortened, "x…)"));
}

static void
test_result (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObDrillResult) result = ob_drill_result_new ();
  g_autoptr (GPtrArray) checks
    = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_database_check_free);
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_new ();
  ObBackupRecord record = { .snapshot = snapshot };
  ObDrill drill = { .record = &record, .outcome = OB_DRILL_FAILED, .rows = 7, .files = 8,
                    .bytes = 9, .checks = checks, .seconds = 1.5, .message = "Why" };
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) told = NULL;
  g_autofree char *text = NULL;

  record.destination = jobs_new_destination ("disk", "/nowhere", NULL, FALSE, &error);
  g_assert_no_error (error);
  g_ptr_array_add (checks, new_check ("SELECT 1", FALSE, "No."));
  ob_drill_result_add (result, &drill);
  told = g_variant_ref_sink (ob_drill_result_end (result));
  text = g_variant_print (told, TRUE);
  g_assert_cmpuint (g_variant_n_children (told), ==, 1);
  g_assert_nonnull (strstr (text, "'result': <'failed'>"));
  g_assert_nonnull (strstr (text, "'rows': <uint64 7>"));
  g_assert_nonnull (strstr (text, "'files': <uint64 8>"));
  g_assert_nonnull (strstr (text, "'bytes': <uint64 9>"));
  g_assert_nonnull (strstr (text, "'seconds': <1.5>"));
  g_assert_nonnull (strstr (text, "'message': <'Why'>"));
  g_assert_nonnull (strstr (text, "'number': <uint32 1>, 'sql'") ?: strstr (text, "<uint32 1>"));
  ob_destination_unref (record.destination);
}

/* What is no fault of the backup's does not count against it. */
static void
test_host (void)
{
  static const char *const host[]
    = { "PostgreSQL refused a statement in x: could not extend file \"base/1/2\": No space left on "
        "device",
        "/usr/bin/pg_restore ended with status 1: pg_restore: error: could not execute query: "
        "ERROR:  out of memory",
        "/usr/bin/pg_restore was ended by signal 9 (Killed)" };
  static const char *const backup[]
    = { "/usr/bin/pg_restore ended with status 1: pg_restore: error: could not execute query: "
        "ERROR:  syntax error at or near \"TABEL\"",
        "PostgreSQL refused a statement in x: invalid input syntax for type integer: \"a\"", "" };

  for (gsize i = 0; i < G_N_ELEMENTS (host); i++)
    g_assert_true (ob_drill_result_blames_host (host[i]));
  for (gsize i = 0; i < G_N_ELEMENTS (backup); i++)
    g_assert_false (ob_drill_result_blames_host (backup[i]));
}

#define ADD(path, func)                                                                            \
  g_test_add ("/drill/" path, JobsFixture, NULL, jobs_fixture_set_up, func, jobs_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("scratch", test_scratch);
  ADD ("unknown-instance", test_unknown_instance);
  ADD ("other-records", test_other_records);
  ADD ("result", test_result);
  g_test_add_func ("/drill/blame", test_blame);
  g_test_add_func ("/drill/host", test_host);
  return g_test_run ();
}
