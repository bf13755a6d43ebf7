/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks of a destination, which leave it as it is. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs-fixture.h"

static void
test_check (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObDestination) destination = jobs_fixture_make_destination (fixture, "one");
  guint files = jobs_fixture_count_files (fixture, "one");
  guint64 free_bytes = 0;
  guint64 total_bytes = 0;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) missing = NULL;

  ob_destination_check (destination, fixture->context, &free_bytes, &total_bytes, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (free_bytes, >, 0);
  g_assert_cmpuint (total_bytes, >=, free_bytes);
  g_assert_cmpuint (jobs_fixture_count_files (fixture, "one"), ==, files);

  jobs_fixture_rename (fixture, "one", "elsewhere");
  g_assert_false (ob_destination_check (destination, fixture->context, &free_bytes, &total_bytes,
                                        NULL, &missing));
  g_assert_ob_error (missing, OB_ERROR_DESTINATION_UNAVAILABLE);
}

/* All steps, as "NAME STATUS …"; FALSE with the error of the first that failed. */
static gboolean
check_up (JobsFixture *fixture, ObDestination *destination, char **steps, GError **error)
{
  g_autoptr (ObCheckup) checkup = ob_checkup_new (NULL, NULL, NULL);
  g_autoptr (GVariant) found = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  guint64 free_bytes, total_bytes;

  ob_destination_checkup (destination, fixture->context, &free_bytes, &total_bytes, checkup);
  found = ob_checkup_dup_steps (checkup);
  for (guint i = 0; i < g_variant_n_children (found); i++)
    {
      g_autoptr (GVariant) step = g_variant_get_child_value (found, i);
      const char *name, *status;

      g_variant_lookup (step, "name", "&s", &name);
      g_variant_lookup (step, "status", "&s", &status);
      g_string_append_printf (text, "%s%s %s", i > 0 ? ", " : "", name, status);
    }
  *steps = g_strdup (text->str);
  return ob_checkup_conclude (checkup, error);
}

static void
test_checkup (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObDestination) destination = jobs_fixture_make_destination (fixture, "one");
  guint files = jobs_fixture_count_files (fixture, "one");
  g_autofree char *good = NULL;
  g_autofree char *none = NULL;
  g_autofree char *gone = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) missing = NULL;
  g_autoptr (GError) lost = NULL;

  check_up (fixture, destination, &good, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (good, ==,
                   "directory ok, permissions ok, file-system ok, separate-disk not told, list ok, "
                   "repository ok, write ok, read ok, delete ok, latency ok, upload ok, "
                   "download ok, space ok");
  g_assert_cmpuint (jobs_fixture_count_files (fixture, "one"), ==, files);

  /* An empty directory in its place, as where the disk is not mounted, is not written to. */
  jobs_fixture_rename (fixture, "one", "elsewhere");
  g_assert_cmpint (mkdirat (fixture->base.fd, "one", 0500), ==, 0);
  g_assert_false (check_up (fixture, destination, &none, &missing));
  g_assert_ob_error (missing, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_cmpstr (none, ==,
                   "directory ok, permissions ok, file-system ok, separate-disk not told, list ok, "
                   "repository failed, write skipped, read skipped, delete skipped, latency ok, "
                   "upload skipped, download skipped, space ok");
  g_assert_cmpuint (jobs_fixture_count_files (fixture, "one"), ==, 0);

  g_assert_cmpint (unlinkat (fixture->base.fd, "one", AT_REMOVEDIR), ==, 0);
  g_assert_false (check_up (fixture, destination, &gone, &lost));
  g_assert_ob_error (lost, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_true (g_str_has_prefix (gone, "directory failed, permissions skipped, file-system "
                                         "skipped, separate-disk skipped, list skipped, "));
}

#define ADD(path, func)                                                                            \
  g_test_add (path, JobsFixture, NULL, jobs_fixture_set_up, func, jobs_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/destination-check/check", test_check);
  ADD ("/destination-check/checkup", test_checkup);
  return g_test_run ();
}
