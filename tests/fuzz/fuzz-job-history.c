/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The record of a job. */
#include "ob-job-private.h"

#include "driver.h"
#include "fuzz-directory.h"
#include "ob-io.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("{\"number\":7,\"operation\":\"backup\",\"instance\":\"erp\",\"destination\":\"na"
                "s\",\"uid\":1000,\"state\":\"partial\",\"phase\":\"\",\"error-name\":\"\",\"star"
                "t\":1795583711,\"end\":1795583720,\"done\":12345,\"total\":12345,\"n-warnings\":"
                "1,\"warnings\":[\"a file vanished\"],\"log\":[\"05:15:11 begin\",\"05:15:20 end"
                "\"],\"result\":{\"backup\":\"'52354c32f4c023e02c10ba57a6765018b701cba99397cfc7fc"
                "73d6161cd3fe56'\",\"size\":\"uint64 12345\",\"parts\":\"['database', 'sources']"
                "\",\"x\":\"{'a': <(1, true)>}\",\"m\":\"@as []\"}}"),
  OB_FUZZ_SEED ("{\"number\":8,\"operation\":\"restore\",\"instance\":\"erp\",\"destination\":\"n"
                "as\",\"uid\":0,\"state\":\"running\",\"phase\":\"database\",\"error-name\":\"org"
                ".openbravo.Backup1.Error.Failed\",\"error\":\"no space \\u00e4\",\"start\":17955"
                "83711,\"end\":0,\"done\":0,\"total\":0,\"n-warnings\":0,\"warnings\":[],\"log\":"
                "[],\"result\":{}}"),
  OB_FUZZ_SEED ("{\"number\":4294967295,\"warnings\":[1,null,\"\\ud800\"],\"result\":{\"a\":\"<\""
                ",\"b\":1,\"c\":\"nothing\",\"d\":\"[1, nothing]\"}}"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)
OB_FUZZ_JSON_GLIB_LEAKS


/* What D-Bus hands out of it. */
static void
check_job (ObJob *job)
{
  g_autoptr (GVariant) result = ob_job_dup_result (job);
  g_auto (GStrv) log = ob_job_dup_log (job);

  g_assert_true (g_variant_is_of_type (result, G_VARIANT_TYPE_VARDICT));
  g_assert_true (g_variant_is_normal_form (result));
  g_assert_cmpuint (g_strv_length (log), <=, OB_JOB_MAX_LINES);
  for (gsize i = 0; log[i] != NULL; i++)
    g_assert_true (g_utf8_validate (log[i], -1, NULL));
  g_assert_true (ob_job_state_is_final (ob_job_get_state (job)));
  g_assert_true (g_utf8_validate (ob_job_get_operation (job), -1, NULL));
  g_assert_true (g_utf8_validate (ob_job_get_instance (job), -1, NULL));
  g_assert_true (g_utf8_validate (ob_job_get_phase (job), -1, NULL));
  g_assert_true (g_utf8_validate (ob_job_get_error_name (job), -1, NULL));
  g_assert_true (ob_job_get_error_message (job) == NULL
                 || g_utf8_validate (ob_job_get_error_message (job), -1, NULL));
}

/* The order of members has no meaning. */
static void
check_same (GVariant *result, GVariant *other)
{
  GVariantIter iter;
  const char *key = NULL;
  GVariant *value = NULL;

  g_assert_cmpuint (g_variant_n_children (result), ==, g_variant_n_children (other));
  g_variant_iter_init (&iter, result);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    {
      g_autoptr (GVariant) again = g_variant_lookup_value (other, key, NULL);

      g_assert_true (again != NULL && g_variant_equal (value, again));
    }
}

static void
check_again (ObJob *job)
{
  g_autofree char *name = g_strdup_printf ("%u.json", ob_job_get_number (job));
  g_autoptr (GError) error = NULL;
  g_autoptr (ObJob) again = NULL;
  g_autoptr (GVariant) result = ob_job_dup_result (job);
  g_autoptr (GVariant) result_again = NULL;

  g_assert_true (ob_job_save (job, fuzz_directory_get_fd (), &error));
  again = ob_job_load (fuzz_directory_get_fd (), name, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ob_job_get_state (job), ==, ob_job_get_state (again));
  g_assert_cmpstr (ob_job_get_operation (job), ==, ob_job_get_operation (again));
  g_assert_cmpuint (ob_job_get_uid (job), ==, ob_job_get_uid (again));
  result_again = ob_job_dup_result (again);
  check_same (result, result_again);
  g_assert_true (ob_remove_tree_at (fuzz_directory_get_fd (), name, NULL, &error));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObJob) job = NULL;

  fuzz_directory_write ("input", data, size);
  job = ob_job_load (fuzz_directory_get_fd (), "input", &error);
  g_assert_true ((job == NULL) == (error != NULL));
  if (job == NULL)
    return 0;
  check_job (job);
  check_again (job);
  return 0;
}
