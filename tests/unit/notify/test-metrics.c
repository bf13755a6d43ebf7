/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "log-fixture.h"
#include "ob-child.h"
#include "ob-error.h"

#define ROUNDS 200

/* An independent reader of the format prints what it understood, a sample a line. */
static const char reader[]
  = "import sys\n"
    "from prometheus_client.parser import text_string_to_metric_families\n"
    "text = open(sys.argv[1], encoding='utf-8', newline='').read()\n"
    "assert not text or text.endswith('\\n')\n"
    "for family in text_string_to_metric_families(text):\n"
    "    print(family.name, family.type, ascii(family.documentation))\n"
    "    for sample in family.samples:\n"
    "        labels = ' '.join(f'{key}={ascii(value)}' for key, value in sample.labels.items())\n"
    "        print(f' {sample.name} [{labels}] {sample.value!r}')\n";

/* What the reader understands of the file @name. */
static char *
read_back (Fixture *fixture, const char *name)
{
  g_autofree char *path = fixture_path (fixture, name);
  const char *argv[] = { "/usr/bin/python3", "-c", reader, path, NULL };
  ObChildSpec spec = { .argv = argv, .stdout_fd = OB_CHILD_CAPTURE };
  g_autoptr (GError) error = NULL;
  g_autoptr (ObChild) child = ob_child_start (&spec, &error);

  g_assert_no_error (error);
  ob_child_wait (child, NULL, &error);
  g_assert_no_error (error);
  return g_strdup (ob_child_get_output (child));
}

static void
write_to (Fixture *fixture, const ObMetrics *metrics, const char *name)
{
  g_autofree char *path = fixture_path (fixture, name);
  g_autoptr (GError) error = NULL;

  ob_metrics_write (metrics, path, &error);
  g_assert_no_error (error);
}

static void
add_success (ObMetrics *metrics, const char *instance, guint64 when)
{
  const char *labels[] = { "instance", instance, "destination", "disk", NULL };
  ObMetricFamily *family
    = ob_metrics_add_family (metrics, "obbackup_last_success_timestamp_seconds",
                             "End of the last good backup", OB_METRIC_GAUGE);

  ob_metric_family_add_uint64 (family, labels, when);
}

static void
add_jobs (ObMetrics *metrics, const char *state, guint64 number)
{
  const char *labels[] = { "operation", "backup", "state", state, NULL };
  ObMetricFamily *family
    = ob_metrics_add_family (metrics, "obbackup_jobs_total", "Jobs", OB_METRIC_COUNTER);

  ob_metric_family_add_uint64 (family, labels, number);
}

static void
test_text (void)
{
  g_autoptr (ObMetrics) metrics = ob_metrics_new ();
  g_autoptr (ObMetrics) reversed = ob_metrics_new ();
  g_autofree char *empty = ob_metrics_to_text (metrics);
  g_autofree char *text = NULL;
  g_autofree char *again = NULL;

  g_assert_cmpstr (empty, ==, "");
  add_success (metrics, "ob", 1);
  add_success (metrics, "ob", 1795400000);
  add_success (metrics, "a", 2);
  add_jobs (metrics, "done", G_MAXUINT64);
  ob_metrics_add_family (metrics, "obbackup_nothing", "No samples", OB_METRIC_GAUGE);
  text = ob_metrics_to_text (metrics);
  g_assert_cmpstr (
    text, ==,
    "# HELP obbackup_jobs_total Jobs\n"
    "# TYPE obbackup_jobs_total counter\n"
    "obbackup_jobs_total{operation=\"backup\",state=\"done\"} 18446744073709551615\n"
    "# HELP obbackup_last_success_timestamp_seconds End of the last good backup\n"
    "# TYPE obbackup_last_success_timestamp_seconds gauge\n"
    "obbackup_last_success_timestamp_seconds{instance=\"a\",destination=\"disk\"} 2\n"
    "obbackup_last_success_timestamp_seconds{instance=\"ob\",destination=\"disk\"} 1795400000\n");

  add_jobs (reversed, "done", G_MAXUINT64);
  add_success (reversed, "a", 2);
  add_success (reversed, "ob", 1795400000);
  again = ob_metrics_to_text (reversed);
  g_assert_cmpstr (again, ==, text);
}

static void
test_read_back (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObMetrics) metrics = ob_metrics_new ();
  ObMetricFamily *age = ob_metrics_add_family (metrics, "obbackup_age",
                                               "One\\two\nthree \"four\" ü", OB_METRIC_GAUGE);
  const char *odd[] = { "instance", "a\"b\\c\nd\\n\r\t{},= ü\xff", "other", "", NULL };
  const char *x[] = { "x", "1", NULL };
  g_autofree char *understood = NULL;

  ob_metric_family_add_double (age, odd, 1.5);
  ob_metric_family_add_double (age, NULL, -0.1);
  ob_metric_family_add_double (age, x, NAN);
  x[1] = "2";
  ob_metric_family_add_double (age, x, INFINITY);
  x[1] = "3";
  ob_metric_family_add_double (age, x, -INFINITY);
  x[1] = "4";
  ob_metric_family_add_double (age, x, 1e300);
  x[1] = "5";
  ob_metric_family_add_uint64 (age, x, 1795400000);
  add_jobs (metrics, "failed", 3);
  write_to (fixture, metrics, "obbackup.prom");
  understood = read_back (fixture, "obbackup.prom");
  g_assert_cmpstr (
    understood, ==,
    "obbackup_age gauge 'One\\\\two\\nthree \"four\" \\xfc'\n"
    " obbackup_age [] -0.1\n"
    " obbackup_age [instance='a\"b\\\\c\\nd\\\\n\\r\\t{},= \\xfc\\ufffd' other=''] 1.5\n"
    " obbackup_age [x='1'] nan\n"
    " obbackup_age [x='2'] inf\n"
    " obbackup_age [x='3'] -inf\n"
    " obbackup_age [x='4'] 1e+300\n"
    " obbackup_age [x='5'] 1795400000.0\n"
    "obbackup_jobs counter 'Jobs'\n"
    " obbackup_jobs_total [operation='backup' state='failed'] 3.0\n");
}

/* Each line by itself is what the format's text says, whatever the labels are. */
static void
test_any_bytes (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GRegex) line
    = g_regex_new ("^(# HELP m ([^\\\\\\n]|\\\\\\\\|\\\\n)*"
                   "|# TYPE m (gauge|counter)"
                   "|m\\{a=\"([^\\\\\"\\n]|\\\\\\\\|\\\\\"|\\\\n)*\"\\} [0-9]+)$",
                   G_REGEX_DOLLAR_ENDONLY, 0, NULL);
  g_autoptr (ObMetrics) metrics = ob_metrics_new ();
  ObMetricFamily *family
    = ob_metrics_add_family (metrics, "m", "\\\\n\n\\\xff\xc3", OB_METRIC_GAUGE);
  g_autoptr (GHashTable) values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *text = NULL;
  g_autofree char *understood = NULL;
  g_auto (GStrv) lines = NULL;

  g_assert_nonnull (line);
  for (guint round = 0; round < ROUNDS; round++)
    {
      static const char bytes[] = "\\\\\"\"\n\nn\r{},= a\xff\xc3\xbc";
      char value[9] = { 0 };
      const char *labels[] = { "a", value, NULL };

      for (gsize i = 0; i < sizeof value - 1; i++)
        value[i] = bytes[g_test_rand_int_range (0, sizeof bytes - 1)];
      ob_metric_family_add_uint64 (family, labels, round);
      g_hash_table_add (values, g_utf8_make_valid (value, -1));
    }
  text = ob_metrics_to_text (metrics);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  lines = g_strsplit (text, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, 3 + g_hash_table_size (values));
  for (guint i = 0; lines[i + 1] != NULL; i++)
    g_assert_true (g_regex_match (line, lines[i], 0, NULL));
  write_to (fixture, metrics, "m.prom");
  understood = read_back (fixture, "m.prom");
  g_assert_cmpuint (log_fixture_count (understood, "\n"), ==, 1 + g_hash_table_size (values));
}

static void
test_file (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObMetrics) metrics = ob_metrics_new ();
  g_autofree char *file = fixture_path (fixture, "obbackup.prom");
  g_autofree char *text = NULL;
  g_autofree char *expected = NULL;
  struct stat info;
  struct stat before;
  mode_t mask = umask (077);
  g_autoptr (GDir) directory = NULL;
  guint entries = 0;

  fixture_write (fixture, "obbackup.prom", "older");
  g_assert_cmpint (stat (file, &before), ==, 0);
  add_jobs (metrics, "done", 1);
  write_to (fixture, metrics, "obbackup.prom");
  umask (mask);
  expected = ob_metrics_to_text (metrics);
  g_assert_true (g_file_get_contents (file, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, expected);
  g_assert_cmpint (stat (file, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0644);
  /* Another file: who reads the older one meanwhile reads it whole. */
  g_assert_cmpuint (info.st_ino, !=, before.st_ino);
  directory = g_dir_open (fixture->path, 0, NULL);
  while (g_dir_read_name (directory) != NULL)
    entries++;
  g_assert_cmpuint (entries, ==, 1);
}

static void
assert_not_written (Fixture *fixture, const char *name, ObError code, const char *part)
{
  g_autoptr (ObMetrics) metrics = ob_metrics_new ();
  g_autofree char *path = *name == '/' ? g_strdup (name + 1) : fixture_path (fixture, name);
  g_autoptr (GError) error = NULL;

  g_assert_false (ob_metrics_write (metrics, path, &error));
  g_assert_error (error, OB_ERROR, (int) code);
  g_assert_message (error, part);
  g_assert_message (error, path);
}

static void
test_not_written (Fixture *fixture, gconstpointer data)
{
  g_assert_cmpint (mkdirat (fixture->fd, "directory.prom", 0755), ==, 0);
  g_assert_cmpint (symlinkat (".", fixture->fd, "link"), ==, 0);
  fixture_write (fixture, "file", "");
  assert_not_written (fixture, "none/obbackup.prom", OB_ERROR_NOT_FOUND, "none");
  assert_not_written (fixture, "file/obbackup.prom", OB_ERROR_NOT_FOUND, "file");
  assert_not_written (fixture, "link/obbackup.prom", OB_ERROR_INVALID_ARGUMENT, "link");
  assert_not_written (fixture, "obbackup.txt", OB_ERROR_INVALID_ARGUMENT, ".prom");
  assert_not_written (fixture, "/relative.prom", OB_ERROR_INVALID_ARGUMENT, "whole path");
  assert_not_written (fixture, "directory.prom", OB_ERROR_FAILED, "directory");
}

static void
test_no_space (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObMetrics) metrics = NULL;
  g_autofree char *path = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  if (!fixture_begin_mounts (fixture))
    return;
  fixture_mount_tmpfs (fixture, "full", "size=64k");
  path = fixture_path (fixture, "full/obbackup.prom");
  fixture_write (fixture, "full/obbackup.prom", "older");
  metrics = ob_metrics_new ();
  for (guint i = 0; i < 4000; i++)
    {
      g_autofree char *state = g_strdup_printf ("%u", i);

      add_jobs (metrics, state, i);
    }
  g_assert_false (ob_metrics_write (metrics, path, &error));
  g_assert_ob_error (error, OB_ERROR_NO_SPACE);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "older");
}

static void
test_bounds (void)
{
  g_autoptr (ObMetrics) metrics = ob_metrics_new ();
  g_autofree char *long_text = g_strnfill (100000, 'x');
  g_autofree char *text = NULL;

  add_jobs (metrics, long_text, 1);
  for (guint i = 0; i < OB_METRICS_MAX_SAMPLES + 10; i++)
    {
      g_autofree char *state = g_strdup_printf ("%u", i);

      add_jobs (metrics, state, i);
    }
  text = ob_metrics_to_text (metrics);
  g_assert_cmpuint (log_fixture_count (text, "\n"), ==, 2 + OB_METRICS_MAX_SAMPLES);
  g_assert_cmpuint (log_fixture_count (text, "x"), ==, OB_METRICS_MAX_TEXT);
}

static void
test_mistakes (void)
{
  static const char *const names[] = { "", "1a", "a-b", "a b", "ä", "a{" };
  static const char *const wrong[][3] = {
    { "", "v", NULL },    { "1", "v", NULL }, { "a:b", "v", NULL },
    { "__a", "v", NULL }, { "a", NULL },
  };
  g_autoptr (ObMetrics) metrics = ob_metrics_new ();
  g_autofree char *text = NULL;
  g_autofree char *log = log_fixture_take ();
  ObMetricFamily *good = ob_metrics_add_family (metrics, "a_1:b", "", OB_METRIC_GAUGE);
  GLogLevelFlags fatal = g_log_set_always_fatal (G_LOG_LEVEL_ERROR);

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_null (ob_metrics_add_family (metrics, names[i], "", OB_METRIC_GAUGE));
  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
    ob_metric_family_add_uint64 (good, wrong[i], 1);
  g_log_set_always_fatal (fatal);
  text = ob_metrics_to_text (metrics);
  g_assert_cmpstr (text, ==, "");
  g_free (log);
  log = log_fixture_take ();
  g_assert_cmpuint (log_fixture_count (log, "assertion"), ==,
                    G_N_ELEMENTS (names) + G_N_ELEMENTS (wrong));
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_fixture_begin ();
  g_test_add_func ("/metrics/text", test_text);
  ADD ("/metrics/read-back", test_read_back);
  ADD ("/metrics/any-bytes", test_any_bytes);
  ADD ("/metrics/file", test_file);
  ADD ("/metrics/not-written", test_not_written);
  ADD ("/metrics/no-space", test_no_space);
  g_test_add_func ("/metrics/bounds", test_bounds);
  g_test_add_func ("/metrics/mistakes", test_mistakes);
  return g_test_run ();
}
