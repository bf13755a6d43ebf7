/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The records of jobs that have ended. */
#include "ob-job-private.h"

#include "jobs-fixture.h"

/* One that tells of lost data, and one that does not. */
static gboolean
run_with_warnings (ObJob *job, gpointer data, GCancellable *cancellable, GError **error)
{
  for (guint i = 0; i < 2; i++)
    ob_progress_warn (ob_job_get_progress (job), i == 0, "file %u \xff\033[2J", i);
  return TRUE;
}

/* The history: all that a late client asks for comes back. */
static void
test_history (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObJob) job
    = ob_job_new ("backup", "ob", "disk", 1000, run_with_warnings, NULL, NULL);
  g_autoptr (ObJob) loaded = NULL;
  g_autoptr (GVariant) before = NULL;
  g_autoptr (GVariant) after = NULL;
  g_auto (GStrv) log_before = NULL;
  g_auto (GStrv) log_after = NULL;
  g_autoptr (GError) error = NULL;

  ob_job_set_number (job, 7);
  ob_job_set_result (job, "size", g_variant_new_uint64 (G_MAXUINT64));
  ob_job_set_result (job, "pairs", g_variant_new_parsed ("{'a': 'b', 'ñ': '\"'}"));
  ob_job_set_result (job, "real", g_variant_new_double (1.0));
  ob_job_set_result (job, "none", g_variant_new_strv (NULL, 0));
  ob_job_start (job);
  while (!ob_job_state_is_final (ob_job_get_state (job)))
    g_main_context_iteration (NULL, TRUE);
  ob_job_save (job, fixture->context->jobs_fd, &error);
  g_assert_no_error (error);

  loaded = ob_job_load (fixture->context->jobs_fd, "7.json", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (ob_job_get_number (loaded), ==, 7);
  g_assert_cmpint (ob_job_get_state (loaded), ==, OB_JOB_PARTIAL);
  g_assert_cmpstr (ob_job_get_operation (loaded), ==, "backup");
  g_assert_cmpstr (ob_job_get_instance (loaded), ==, "ob");
  g_assert_cmpstr (ob_job_get_destination (loaded), ==, "disk");
  g_assert_cmpuint (ob_job_get_uid (loaded), ==, 1000);
  g_assert_cmpint (ob_job_get_end_time (loaded), ==, ob_job_get_end_time (job));
  g_assert_cmpuint (ob_job_get_n_warnings (loaded), ==, 2);
  g_assert_false (ob_job_get_cancelable (loaded));
  before = ob_job_dup_result (job);
  after = ob_job_dup_result (loaded);
  {
    g_autoptr (GVariantDict) left = g_variant_dict_new (before);
    static const char *const keys[] = { "size", "pairs", "real", "none", "warnings" };

    for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
      {
        g_autoptr (GVariant) value = g_variant_dict_lookup_value (left, keys[i], NULL);
        g_autoptr (GVariant) again = g_variant_lookup_value (after, keys[i], NULL);

        g_assert_cmpvariant (value, again);
      }
  }
  log_before = ob_job_dup_log (job);
  log_after = ob_job_dup_log (loaded);
  g_assert_true (
    g_strv_equal ((const char *const *) log_before, (const char *const *) log_after));
  g_assert_false (ob_job_cancel (loaded, NULL));
}

static void
test_bad_records (JobsFixture *fixture, gconstpointer data)
{
  static const char *const bad[] = { "", "[]", "{}", "{\"number\":0}", "{\"number\":\"1\"}", "{" };
  /* json-glib makes bytes that are no UTF-8 of half of a surrogate pair. */
  static const char halves[]
    = "{\"number\":6,\"operation\":\"a\\udc00b\",\"log\":[\"a\\udc00b\"],"
      "\"result\":{\"a\":\"'a\\udc00b'\"}}";
  static const char odd[] = "{\"number\":5,\"state\":[],\"operation\":7,\"warnings\":{},\"log\":[1,"
                            "null,\"x\"],\"result\":{\"a\":\"not a variant\",\"b\":[],"
                            "\"c\":\"'x'\"},\"start\":-1,\"done\":1.5,\"uid\":-1}";
  g_autofree char *deep = g_strnfill (4 * 1024 * 1024, '[');
  g_autoptr (ObJob) job = NULL;
  g_autoptr (ObJob) half = NULL;
  g_autoptr (GError) missing = NULL;
  g_autoptr (GError) too_deep = NULL;
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) local = NULL;

      fixture_write (&fixture->base, "state/jobs/1.json", bad[i]);
      g_assert_null (ob_job_load (fixture->context->jobs_fd, "1.json", &local));
      g_assert_nonnull (local);
    }
  g_assert_null (ob_job_load (fixture->context->jobs_fd, "2.json", &missing));
  g_assert_ob_error (missing, OB_ERROR_NOT_FOUND);

  /* What is not of its kind is left out. */
  fixture_write (&fixture->base, "state/jobs/5.json", odd);
  job = ob_job_load (fixture->context->jobs_fd, "5.json", &error);
  g_assert_no_error (error);
  g_assert_cmpint (ob_job_get_state (job), ==, OB_JOB_INTERRUPTED);
  g_assert_cmpstr (ob_job_get_operation (job), ==, "");
  g_assert_cmpint (ob_job_get_start_time (job), ==, 0);
  {
    g_autoptr (GVariant) result = ob_job_dup_result (job);

    g_assert_true (g_variant_lookup (result, "c", "s", NULL));
    g_assert_false (g_variant_lookup (result, "a", "s", NULL));
  }
  fixture_write (&fixture->base, "state/jobs/6.json", halves);
  half = ob_job_load (fixture->context->jobs_fd, "6.json", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ob_job_get_operation (half), ==, "");
  fixture_write (&fixture->base, "state/jobs/1.json", deep);
  g_assert_null (ob_job_load (fixture->context->jobs_fd, "1.json", &too_deep));
  g_assert_ob_error (too_deep, OB_ERROR_CORRUPT);
}

#define ADD(path, func)                                                                            \
  g_test_add (path, JobsFixture, NULL, jobs_fixture_set_up, func, jobs_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  jobs_fixture_quiet_log ();
  ADD ("/job-history/history", test_history);
  ADD ("/job-history/bad-records", test_bad_records);
  return g_test_run ();
}
