/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-job-private.h"

#include "jobs-fixture.h"
#include "ob-operations.h"

#define DEADLINE_SECONDS 60

/* What a job is told to do, and what was heard of it. */
typedef struct
{
  ObJob *job;
  GMutex mutex;
  GCond cond;
  gboolean go;      /* the job may end */
  gboolean started;
  gboolean past_no_return;
  gboolean result;
  GError *error;    /* transfer to the job */
  guint n_lines;

  guint changed, progress, finished, freed;
  gint64 last_progress, shortest;
  gboolean finished_in_main;
} Work;

static void
wait_for (Work *work)
{
  g_mutex_lock (&work->mutex);
  work->started = TRUE;
  g_cond_broadcast (&work->cond);
  while (!work->go)
    g_cond_wait (&work->cond, &work->mutex);
  g_mutex_unlock (&work->mutex);
}

static void
let_go (Work *work)
{
  g_mutex_lock (&work->mutex);
  work->go = TRUE;
  g_cond_broadcast (&work->cond);
  g_mutex_unlock (&work->mutex);
}

static void
wait_for_start (Work *work)
{
  g_mutex_lock (&work->mutex);
  while (!work->started)
    g_cond_wait (&work->cond, &work->mutex);
  g_mutex_unlock (&work->mutex);
}

static gboolean
run (ObJob *job, gpointer data, GCancellable *cancellable, GError **error)
{
  Work *work = data;

  wait_for (work);
  if (!work->result && work->error != NULL)
    g_propagate_error (error, g_steal_pointer (&work->error));
  return work->result;
}

/* Works until it is cancelled. */
static gboolean
run_until_cancelled (ObJob *job, gpointer data, GCancellable *cancellable, GError **error)
{
  wait_for (data);
  while (!g_cancellable_is_cancelled (cancellable))
    g_usleep (1000);
  g_cancellable_set_error_if_cancelled (cancellable, error);
  return FALSE;
}

static gboolean
run_past_no_return (ObJob *job, gpointer data, GCancellable *cancellable, GError **error)
{
  Work *work = data;

  g_assert_true (ob_job_set_cancelable (job, FALSE));
  wait_for (work);
  g_assert_false (g_cancellable_is_cancelled (cancellable));
  return TRUE;
}

static void
on_changed (ObJob *job, gpointer data)
{
  Work *work = data;

  g_assert_cmpuint (work->finished, ==, 0);
  work->changed++;
}

static void
on_progress (ObJob *job, gpointer data)
{
  Work *work = data;
  gint64 now = g_get_monotonic_time ();

  if (work->progress > 0)
    work->shortest = MIN (work->shortest, now - work->last_progress);
  work->last_progress = now;
  work->progress++;
}

static void
on_finished (ObJob *job, gpointer data)
{
  Work *work = data;

  work->finished++;
  work->finished_in_main = g_main_context_is_owner (g_main_context_default ());
}

static void
count_free (gpointer data)
{
  ((Work *) data)->freed++;
}

static Work *
work_new (ObJobFunc func)
{
  Work *work = g_new0 (Work, 1);

  g_mutex_init (&work->mutex);
  g_cond_init (&work->cond);
  work->shortest = G_MAXINT64;
  work->result = TRUE;
  work->job = ob_job_new ("backup", "ob", "disk", 1000, func, work, count_free);
  g_signal_connect (work->job, "changed", G_CALLBACK (on_changed), work);
  g_signal_connect (work->job, "progress", G_CALLBACK (on_progress), work);
  g_signal_connect (work->job, "finished", G_CALLBACK (on_finished), work);
  ob_job_set_number (work->job, 7);
  return work;
}

static void
work_free (Work *work)
{
  g_object_unref (work->job);
  g_assert_cmpuint (work->freed, ==, 1);
  g_clear_error (&work->error);
  g_mutex_clear (&work->mutex);
  g_cond_clear (&work->cond);
  g_free (work);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Work, work_free)

static void
run_to_end (Work *work)
{
  gint64 deadline = g_get_monotonic_time () + DEADLINE_SECONDS * G_USEC_PER_SEC;

  while (work->finished == 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_main_context_iteration (NULL, TRUE);
    }
  g_assert_true (work->finished_in_main);
}

static char *
get_result_text (Work *work, const char *key)
{
  g_autoptr (GVariant) result = ob_job_dup_result (work->job);
  char *text = NULL;

  g_assert_false (g_variant_is_floating (result));
  g_variant_lookup (result, key, "s", &text);
  return text;
}

static void
test_names (void)
{
  static const char *const names[] = { "queued",  "running", "cancelling", "succeeded",
                                       "partial", "failed",  "cancelled",  "interrupted" };

  for (ObJobState state = OB_JOB_QUEUED; state <= OB_JOB_INTERRUPTED; state++)
    {
      g_assert_cmpstr (ob_job_state_get_name (state), ==, names[state]);
      g_assert_true (ob_job_state_is_final (state) == (state >= OB_JOB_SUCCEEDED));
    }
}

static void
test_success (void)
{
  g_autoptr (Work) work = work_new (run);
  ObJob *job = work->job;
  g_autofree char *error_text = NULL;
  g_autofree char *word = NULL;

  g_assert_cmpint (ob_job_get_state (job), ==, OB_JOB_QUEUED);
  g_assert_cmpint (ob_job_get_start_time (job), ==, 0);
  g_assert_true (ob_job_get_cancelable (job));
  g_assert_cmpstr (ob_job_get_operation (job), ==, "backup");
  g_assert_cmpstr (ob_job_get_instance (job), ==, "ob");
  g_assert_cmpstr (ob_job_get_destination (job), ==, "disk");
  g_assert_cmpuint (ob_job_get_uid (job), ==, 1000);

  ob_job_start (job);
  g_assert_cmpint (ob_job_get_state (job), ==, OB_JOB_RUNNING);
  g_assert_cmpuint (work->changed, ==, 1);
  wait_for_start (work);
  ob_job_set_result (job, "id", g_variant_new_string ("abc"));
  ob_job_set_result (job, "id", g_variant_new_string ("def"));
  let_go (work);
  run_to_end (work);

  g_assert_cmpint (ob_job_get_state (job), ==, OB_JOB_SUCCEEDED);
  g_assert_cmpuint (work->finished, ==, 1);
  g_assert_cmpint (ob_job_get_start_time (job), >, 1600000000);
  g_assert_cmpint (ob_job_get_end_time (job), >=, ob_job_get_start_time (job));
  g_assert_cmpstr (ob_job_get_error_name (job), ==, "");
  g_assert_null (ob_job_get_error_message (job));
  g_assert_false (ob_job_get_cancelable (job));
  word = get_result_text (work, "id");
  g_assert_cmpstr (word, ==, "def");
  error_text = get_result_text (work, "error");
  g_assert_null (error_text);
  g_assert_true (ob_job_get_data (job, run) == work);
  g_assert_null (ob_job_get_data (job, run_until_cancelled));
}

static void
test_failure (void)
{
  g_autoptr (Work) named = work_new (run);
  g_autoptr (Work) foreign = work_new (run);
  g_autoptr (Work) silent = work_new (run);
  g_autofree char *name = NULL;
  g_autofree char *text = NULL;

  named->result = foreign->result = silent->result = FALSE;
  named->error = g_error_new_literal (OB_ERROR, OB_ERROR_NO_SPACE, "file \xff\nis too large");
  foreign->error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "late");
  ob_job_start (named->job);
  ob_job_start (foreign->job);
  ob_job_start (silent->job);
  let_go (named);
  let_go (foreign);
  let_go (silent);
  run_to_end (named);
  run_to_end (foreign);
  run_to_end (silent);

  g_assert_cmpint (ob_job_get_state (named->job), ==, OB_JOB_FAILED);
  name = get_result_text (named, "error-name");
  text = get_result_text (named, "error");
  g_assert_cmpstr (name, ==, "NoSpace");
  /* What the bus can carry, and one line. */
  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_assert_null (strchr (text, '\n'));
  g_assert_cmpstr (ob_job_get_error_name (foreign->job), ==, "Failed");
  g_assert_cmpstr (ob_job_get_error_message (foreign->job), ==, "late");
  g_assert_cmpint (ob_job_get_state (silent->job), ==, OB_JOB_FAILED);
  g_assert_nonnull (ob_job_get_error_message (silent->job));
}

static gboolean
run_with_warnings (ObJob *job, gpointer data, GCancellable *cancellable, GError **error)
{
  Work *work = data;

  for (guint i = 0; i < work->n_lines; i++)
    ob_progress_warn (ob_job_get_progress (job), i == 0 && work->past_no_return,
                      "file %u \xff\033[2J", i);
  return TRUE;
}

static void
test_warnings (void)
{
  g_autoptr (Work) harmless = work_new (run_with_warnings);
  g_autoptr (Work) lost = work_new (run_with_warnings);
  g_autoptr (GPtrArray) kept = NULL;
  g_autoptr (GVariant) result = NULL;
  g_auto (GStrv) log = NULL;
  g_auto (GStrv) warnings = NULL;
  gboolean is_lost = FALSE;
  double seconds = 0;
  gint64 begin = 0;

  harmless->n_lines = 3;
  ob_job_start (harmless->job);
  run_to_end (harmless);
  g_assert_cmpint (ob_job_get_state (harmless->job), ==, OB_JOB_SUCCEEDED);
  g_assert_cmpuint (ob_job_get_n_warnings (harmless->job), ==, 3);

  /* More than anybody reads: counted all, kept so far. */
  lost->n_lines = 5000;
  lost->past_no_return = TRUE;
  begin = g_get_monotonic_time ();
  ob_job_start (lost->job);
  run_to_end (lost);
  g_assert_cmpint (ob_job_get_state (lost->job), ==, OB_JOB_PARTIAL);
  g_assert_cmpuint (ob_job_get_n_warnings (lost->job), ==, 5000);
  kept = ob_job_dup_warnings (lost->job, &is_lost);
  g_assert_true (is_lost);
  g_assert_cmpuint (kept->len, ==, OB_JOB_MAX_LINES);
  result = ob_job_dup_result (lost->job);
  g_assert_true (g_variant_lookup (result, "warnings", "^as", &warnings));
  g_assert_cmpuint (g_strv_length (warnings), ==, OB_JOB_MAX_LINES);
  g_assert_true (g_str_has_prefix (warnings[0], "file 0 "));
  g_assert_null (strchr (warnings[0], '\033'));
  log = ob_job_dup_log (lost->job);
  g_assert_cmpuint (g_strv_length (log), ==, OB_JOB_MAX_LINES);
  /* Of the log it is the end that tells. */
  g_assert_true (g_str_has_suffix (log[OB_JOB_MAX_LINES - 1], "End: partial"));
  /* Five thousand warnings, but four signals a second beside those of beginning and end. */
  seconds = (double) (g_get_monotonic_time () - begin) / G_USEC_PER_SEC;
  g_assert_cmpfloat (lost->changed, <=, 4 * seconds + 4);
}

static void
test_cancel_before_start (void)
{
  g_autoptr (Work) work = work_new (run);
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) again = NULL;

  ob_job_cancel (work->job, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ob_job_get_state (work->job), ==, OB_JOB_CANCELLED);
  g_assert_cmpuint (work->finished, ==, 1);
  g_assert_false (work->started);
  g_assert_cmpstr (ob_job_get_error_name (work->job), ==, "Cancelled");
  g_assert_cmpint (ob_job_get_end_time (work->job), >, 0);
  g_assert_false (ob_job_cancel (work->job, &again));
  g_assert_ob_error (again, OB_ERROR_INVALID_ARGUMENT);
  g_assert_message (again, "7");
}

static void
test_cancel_running (void)
{
  g_autoptr (Work) work = work_new (run_until_cancelled);
  g_autoptr (GError) error = NULL;

  ob_job_start (work->job);
  let_go (work);
  wait_for_start (work);
  ob_job_cancel (work->job, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ob_job_get_state (work->job), ==, OB_JOB_CANCELLING);
  /* Twice is once. */
  ob_job_cancel (work->job, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (work->finished, ==, 0);
  run_to_end (work);
  g_assert_cmpint (ob_job_get_state (work->job), ==, OB_JOB_CANCELLED);
  g_assert_cmpstr (ob_job_get_error_name (work->job), ==, "Cancelled");
  g_assert_cmpuint (work->finished, ==, 1);
}

/* What it did is done, whoever asked when. And what went wrong on the way out is not hidden. */
static void
test_cancel_too_late (void)
{
  g_autoptr (Work) done = work_new (run);
  g_autoptr (Work) failed = work_new (run);
  g_auto (GStrv) log = NULL;
  g_autofree char *text = NULL;

  failed->result = FALSE;
  failed->error = g_error_new_literal (OB_ERROR, OB_ERROR_FAILED, "cannot be put back");
  ob_job_start (done->job);
  ob_job_start (failed->job);
  wait_for_start (done);
  wait_for_start (failed);
  g_assert_true (ob_job_cancel (done->job, NULL));
  g_assert_true (ob_job_cancel (failed->job, NULL));
  let_go (done);
  let_go (failed);
  run_to_end (done);
  run_to_end (failed);
  g_assert_cmpint (ob_job_get_state (done->job), ==, OB_JOB_SUCCEEDED);
  g_assert_cmpint (ob_job_get_state (failed->job), ==, OB_JOB_CANCELLED);
  log = ob_job_dup_log (failed->job);
  text = g_strjoinv ("\n", log);
  g_assert_nonnull (strstr (text, "cannot be put back"));
}

static void
test_no_return (void)
{
  g_autoptr (Work) work = work_new (run_past_no_return);
  g_autoptr (GError) error = NULL;

  ob_job_start (work->job);
  wait_for_start (work);
  g_assert_false (ob_job_get_cancelable (work->job));
  g_assert_false (ob_job_cancel (work->job, &error));
  g_assert_ob_error (error, OB_ERROR_BUSY);
  g_assert_cmpint (ob_job_get_state (work->job), ==, OB_JOB_RUNNING);
  let_go (work);
  run_to_end (work);
  g_assert_cmpint (ob_job_get_state (work->job), ==, OB_JOB_SUCCEEDED);
}

static gboolean
run_cancelled_before_no_return (ObJob *job, gpointer data, GCancellable *cancellable,
                                GError **error)
{
  Work *work = data;

  wait_for (work);
  work->past_no_return = ob_job_set_cancelable (job, FALSE);
  g_cancellable_set_error_if_cancelled (cancellable, error);
  return FALSE;
}

/* Who cancels in time is heard: the point of no return is not passed. */
static void
test_cancel_before_no_return (void)
{
  g_autoptr (Work) work = work_new (run_cancelled_before_no_return);

  ob_job_start (work->job);
  wait_for_start (work);
  g_assert_true (ob_job_cancel (work->job, NULL));
  work->past_no_return = TRUE;
  let_go (work);
  run_to_end (work);
  g_assert_false (work->past_no_return);
  g_assert_cmpint (ob_job_get_state (work->job), ==, OB_JOB_CANCELLED);
}

static gboolean
run_with_progress (ObJob *job, gpointer data, GCancellable *cancellable, GError **error)
{
  ObProgress *progress = ob_job_get_progress (job);

  ob_progress_set_phase (progress, "files");
  ob_progress_add_total (progress, 10000000);
  for (guint i = 0; i < 1200; i++)
    {
      ob_progress_add_done (progress, 1000);
      g_usleep (1000);
    }
  ob_progress_set_phase (progress, "ending");
  return TRUE;
}

static void
test_progress (void)
{
  g_autoptr (Work) work = work_new (run_with_progress);
  gint64 begin = g_get_monotonic_time ();
  double seconds;

  ob_job_start (work->job);
  while (work->progress < 3)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (ob_job_get_phase (work->job), ==, "files");
  g_assert_cmpuint (ob_job_get_bytes_total (work->job), ==, 10000000);
  g_assert_cmpuint (ob_job_get_bytes_done (work->job), >, 0);
  g_assert_cmpuint (ob_job_get_rate (work->job), >, 0);
  g_assert_cmpint (ob_job_get_expected_end (work->job), >=, ob_job_get_start_time (work->job));
  run_to_end (work);
  seconds = (double) (g_get_monotonic_time () - begin) / G_USEC_PER_SEC;

  g_assert_cmpfloat (work->progress, <=, 4 * seconds + 1);
  g_assert_cmpuint (ob_job_get_bytes_done (work->job), ==, 1200000);
  g_assert_cmpuint (ob_job_get_rate (work->job), ==, 0);
  g_assert_cmpint (ob_job_get_expected_end (work->job), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  jobs_fixture_quiet_log ();
  g_test_add_func ("/job/names", test_names);
  g_test_add_func ("/job/success", test_success);
  g_test_add_func ("/job/failure", test_failure);
  g_test_add_func ("/job/warnings", test_warnings);
  g_test_add_func ("/job/cancel-before-start", test_cancel_before_start);
  g_test_add_func ("/job/cancel-running", test_cancel_running);
  g_test_add_func ("/job/cancel-too-late", test_cancel_too_late);
  g_test_add_func ("/job/no-return", test_no_return);
  g_test_add_func ("/job/cancel-before-no-return", test_cancel_before_no_return);
  g_test_add_func ("/job/progress", test_progress);
  return g_test_run ();
}
