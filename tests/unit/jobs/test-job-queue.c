/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-job-queue.h"

#include <unistd.h>

#include "jobs-fixture.h"
#include "ob-job-private.h"

#define DEADLINE_SECONDS 60

typedef struct
{
  GMutex mutex;
  GCond cond;
  guint go;       /* how many may end */
  guint running;
  guint most;     /* that ran at once */
  GString *order; /* of their beginnings: the number of each */
} Board;

static Board board;

static gboolean
run (ObJob *job, gpointer data, GCancellable *cancellable, GError **error)
{
  gboolean cancelled = FALSE;

  g_mutex_lock (&board.mutex);
  board.running++;
  board.most = MAX (board.most, board.running);
  g_string_append_printf (board.order, "%u ", ob_job_get_number (job));
  g_cond_broadcast (&board.cond);
  while (board.go == 0 && !(cancelled = g_cancellable_is_cancelled (cancellable)))
    g_cond_wait_until (&board.cond, &board.mutex, g_get_monotonic_time () + 5000);
  if (!cancelled && board.go != G_MAXUINT)
    board.go--;
  board.running--;
  g_mutex_unlock (&board.mutex);
  return !cancelled;
}

static gboolean
run_at_once (ObJob *job, gpointer data, GCancellable *cancellable, GError **error)
{
  return TRUE;
}

static void
let_go (guint n)
{
  g_mutex_lock (&board.mutex);
  board.go = n;
  g_cond_broadcast (&board.cond);
  g_mutex_unlock (&board.mutex);
}

static void
wait_until_running (guint n)
{
  gint64 deadline = g_get_monotonic_time () + DEADLINE_SECONDS * G_USEC_PER_SEC;

  g_mutex_lock (&board.mutex);
  while (board.running < n)
    g_assert_true (g_cond_wait_until (&board.cond, &board.mutex, deadline));
  g_mutex_unlock (&board.mutex);
}

static ObJob *
add (ObJobQueue *queue, const char *instance, const char *destination, ObJobFunc func)
{
  ObJob *job = ob_job_new ("backup", instance, destination, 0, func, NULL, NULL);
  g_autoptr (GError) error = NULL;

  ob_job_queue_add (queue, job, &error);
  g_assert_no_error (error);
  return job;
}

static void
run_until_state (ObJob *job, ObJobState state)
{
  gint64 deadline = g_get_monotonic_time () + DEADLINE_SECONDS * G_USEC_PER_SEC;

  while (ob_job_get_state (job) != state)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_main_context_iteration (NULL, TRUE);
    }
}

static void
run_until_idle (ObJobQueue *queue)
{
  while (ob_job_queue_is_busy (queue, NULL, NULL))
    g_main_context_iteration (NULL, TRUE);
}

static void
queue_set_up (JobsFixture *fixture, gconstpointer data)
{
  jobs_fixture_set_up (fixture, data);
  g_mutex_init (&board.mutex);
  g_cond_init (&board.cond);
  board.go = board.running = board.most = 0;
  board.order = g_string_new (NULL);
}

static void
queue_tear_down (JobsFixture *fixture, gconstpointer data)
{
  g_string_free (board.order, TRUE);
  g_cond_clear (&board.cond);
  g_mutex_clear (&board.mutex);
  jobs_fixture_tear_down (fixture, data);
}

/* One that needs its destination for itself waits for those before it there, and holds up those
 * behind it; elsewhere others go on. */
static void
test_alone (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObJobQueue) queue = ob_job_queue_new (fixture->context);
  g_autoptr (GError) error = NULL;
  g_autoptr (ObJob) first = add (queue, "a", "disk", run);
  g_autoptr (ObJob) second = add (queue, "b", "disk", run);
  g_autoptr (ObJob) alone = ob_job_new ("prune", NULL, "disk", 0, run, NULL, NULL);
  g_autoptr (ObJob) later = NULL;
  g_autoptr (ObJob) elsewhere = NULL;

  ob_job_set_alone (alone);
  ob_job_queue_add (queue, alone, &error);
  g_assert_no_error (error);
  later = add (queue, "c", "disk", run);
  elsewhere = add (queue, "d", "vault", run);
  run_until_state (first, OB_JOB_RUNNING);
  run_until_state (second, OB_JOB_RUNNING);
  run_until_state (elsewhere, OB_JOB_RUNNING);
  g_assert_cmpint (ob_job_get_state (alone), ==, OB_JOB_QUEUED);
  g_assert_cmpint (ob_job_get_state (later), ==, OB_JOB_QUEUED);
  let_go (3);
  run_until_state (alone, OB_JOB_RUNNING);
  g_assert_cmpint (ob_job_get_state (later), ==, OB_JOB_QUEUED);
  let_go (G_MAXUINT);
  run_until_idle (queue);
  g_assert_cmpint (ob_job_get_state (later), ==, OB_JOB_SUCCEEDED);
}

/* Jobs of one installation in their order, one at a time; of others at once. */
static void
test_order (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObJobQueue) queue = ob_job_queue_new (fixture->context);
  g_autoptr (ObJob) first = add (queue, "a", "disk", run);
  g_autoptr (ObJob) second = add (queue, "a", NULL, run);
  g_autoptr (ObJob) other = add (queue, "b", "disk", run);
  g_autoptr (ObJob) third = add (queue, "a", NULL, run);

  g_assert_cmpuint (ob_job_get_number (first), ==, 1);
  g_assert_cmpuint (ob_job_get_number (third), ==, 4);
  g_assert_cmpint (ob_job_get_state (first), ==, OB_JOB_RUNNING);
  g_assert_cmpint (ob_job_get_state (second), ==, OB_JOB_QUEUED);
  g_assert_cmpint (ob_job_get_state (other), ==, OB_JOB_RUNNING);
  g_assert_true (ob_job_queue_is_busy (queue, "a", NULL));
  g_assert_true (ob_job_queue_is_busy (queue, "b", "disk"));
  g_assert_false (ob_job_queue_is_busy (queue, "c", NULL));
  g_assert_false (ob_job_queue_is_busy (queue, NULL, "other"));

  let_go (G_MAXUINT);
  run_until_idle (queue);
  g_assert_cmpuint (board.most, <=, 2);
  g_assert_true (strstr (board.order->str, "1 ") < strstr (board.order->str, "2 "));
  g_assert_true (strstr (board.order->str, "2 ") < strstr (board.order->str, "4 "));
  g_assert_cmpint (ob_job_get_state (third), ==, OB_JOB_SUCCEEDED);
}

static void
test_never_twice (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObJobQueue) queue = ob_job_queue_new (fixture->context);

  let_go (G_MAXUINT);
  for (guint i = 0; i < 30; i++)
    g_object_unref (add (queue, "a", NULL, run));
  run_until_idle (queue);
  g_assert_cmpuint (board.most, ==, 1);
}

/* A waiting one that is cancelled never runs, and does not hold up the next. */
static void
test_cancel_waiting (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObJobQueue) queue = ob_job_queue_new (fixture->context);
  g_autoptr (ObJob) first = add (queue, "a", NULL, run);
  g_autoptr (ObJob) second = add (queue, "a", NULL, run);
  g_autoptr (ObJob) third = add (queue, "a", NULL, run);

  g_assert_true (ob_job_cancel (second, NULL));
  g_assert_cmpint (ob_job_get_state (second), ==, OB_JOB_CANCELLED);
  g_assert_cmpint (ob_job_get_state (third), ==, OB_JOB_QUEUED);
  let_go (G_MAXUINT);
  run_until_state (third, OB_JOB_SUCCEEDED);
  g_assert_cmpstr (board.order->str, ==, "1 3 ");
}

static void
test_limits (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObJobQueue) queue = ob_job_queue_new (fixture->context);
  g_autoptr (ObJob) late = ob_job_new ("backup", "a", NULL, 0, run, NULL, NULL);
  g_autoptr (GError) error = NULL;

  /* Eight of different installations at once, and no more. */
  for (guint i = 0; i < 12; i++)
    {
      g_autofree char *name = g_strdup_printf ("i%u", i);

      g_object_unref (add (queue, name, NULL, run));
    }
  wait_until_running (8);
  for (guint i = 0; i < 60; i++)
    g_object_unref (add (queue, "a", NULL, run));
  g_assert_false (ob_job_queue_add (queue, late, &error));
  g_assert_ob_error (error, OB_ERROR_BUSY);
  g_assert_message (error, "64");
  let_go (G_MAXUINT);
  run_until_idle (queue);
  g_assert_cmpuint (board.most, ==, 8);
}

static guint
get_number (GPtrArray *jobs, guint index)
{
  return ob_job_get_number (g_ptr_array_index (jobs, index));
}

static void
test_history (JobsFixture *fixture, gconstpointer data)
{
  ObJobQueue *queue = ob_job_queue_new (fixture->context);
  g_autoptr (ObJob) done = add (queue, "a", NULL, run_at_once);
  g_autoptr (ObJobQueue) next = NULL;
  g_autoptr (GPtrArray) jobs = NULL;
  g_autoptr (ObJob) later = NULL;
  ObJob *loaded = NULL;

  run_until_state (done, OB_JOB_SUCCEEDED);
  g_object_unref (queue);

  next = ob_job_queue_new (fixture->context);
  jobs = ob_job_queue_list (next);
  g_assert_cmpuint (jobs->len, ==, 1);
  loaded = g_ptr_array_index (jobs, 0);
  g_assert_cmpuint (ob_job_get_number (loaded), ==, 1);
  g_assert_cmpint (ob_job_get_state (loaded), ==, OB_JOB_SUCCEEDED);
  g_assert_false (ob_job_queue_is_busy (next, NULL, NULL));
  later = add (next, "a", NULL, run_at_once);
  g_assert_cmpuint (ob_job_get_number (later), ==, 2);
  run_until_idle (next);
}

/* The service ended while they were under way. */
static void
test_interrupted (JobsFixture *fixture, gconstpointer data)
{
  ObJobQueue *queue = ob_job_queue_new (fixture->context);
  g_autoptr (ObJob) running = add (queue, "a", NULL, run);
  g_autoptr (ObJob) waiting = add (queue, "a", NULL, run);

  for (guint round = 0; round < 2; round++)
    {
      g_autoptr (ObJobQueue) next = ob_job_queue_new (fixture->context);
      g_autoptr (GPtrArray) jobs = ob_job_queue_list (next);

      g_assert_cmpuint (jobs->len, ==, 2);
      for (guint i = 0; i < 2; i++)
        {
          ObJob *job = g_ptr_array_index (jobs, i);
          g_autoptr (GVariant) result = ob_job_dup_result (job);

          g_assert_cmpuint (ob_job_get_number (job), ==, i + 1);
          g_assert_cmpint (ob_job_get_state (job), ==, OB_JOB_INTERRUPTED);
          g_assert_cmpint (ob_job_get_end_time (job), >, 0);
          g_assert_true (g_variant_lookup (result, "error", "s", NULL));
        }
    }
  let_go (G_MAXUINT);
  run_until_idle (queue);
  g_object_unref (queue);
}

/* A number is never used again, even where its job is forgotten. */
static void
test_numbers (JobsFixture *fixture, gconstpointer data)
{
  ObJobQueue *queue = ob_job_queue_new (fixture->context);
  g_autoptr (ObJobQueue) next = NULL;
  g_autoptr (ObJob) job = NULL;

  g_object_unref (add (queue, "a", NULL, run_at_once));
  g_object_unref (add (queue, "a", NULL, run_at_once));
  run_until_idle (queue);
  g_object_unref (queue);
  g_assert_cmpint (unlinkat (fixture->context->jobs_fd, "1.json", 0), ==, 0);
  g_assert_cmpint (unlinkat (fixture->context->jobs_fd, "2.json", 0), ==, 0);
  fixture_write (&fixture->base, "state/jobs/9.json", "what is this");

  jobs_expect_warnings (1);
  next = ob_job_queue_new (fixture->context);
  job = add (next, "a", NULL, run_at_once);
  g_assert_cmpuint (ob_job_get_number (job), ==, 3);
  run_until_idle (next);
}

static void
write_record (JobsFixture *fixture, guint number, gint64 end)
{
  g_autofree char *name = g_strdup_printf ("state/jobs/%u.json", number);
  g_autofree char *text
    = g_strdup_printf ("{\"number\":%u,\"operation\":\"backup\",\"state\":\"succeeded\",\"end\":"
                       "%" G_GINT64_FORMAT "}",
                       number, end);

  fixture_write (&fixture->base, name, text);
}

static void
test_hour (JobsFixture *fixture, gconstpointer data)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  g_autoptr (ObJobQueue) queue = NULL;
  g_autoptr (GPtrArray) jobs = NULL;

  write_record (fixture, 1, now - 3700);
  write_record (fixture, 2, now - 3500);
  write_record (fixture, 3, now);
  queue = ob_job_queue_new (fixture->context);
  jobs = ob_job_queue_list (queue);
  g_assert_cmpuint (jobs->len, ==, 2);
  g_assert_cmpuint (get_number (jobs, 0), ==, 2);
  g_assert_cmpint (faccessat (fixture->base.fd, "state/jobs/1.json", F_OK, 0), !=, 0);
  g_assert_cmpint (faccessat (fixture->base.fd, "state/jobs/2.json", F_OK, 0), ==, 0);
}

static void
on_removed (ObJobQueue *queue, ObJob *job, gpointer data)
{
  (*(guint *) data)++;
}

/* The latest fifty by their end: the long one, which ended last, is not pushed out by many short
 * ones that began after it. */
static void
test_fifty (JobsFixture *fixture, gconstpointer data)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  g_autoptr (ObJobQueue) queue = NULL;
  g_autoptr (GPtrArray) jobs = NULL;
  g_autoptr (GPtrArray) after = NULL;
  guint n_removed = 0;

  write_record (fixture, 1, now - 10);
  for (guint i = 2; i <= 61; i++)
    write_record (fixture, i, now - 1000 + i);
  queue = ob_job_queue_new (fixture->context);
  jobs = ob_job_queue_list (queue);
  g_assert_cmpuint (jobs->len, ==, 50);
  g_assert_cmpuint (get_number (jobs, 0), ==, 1);
  g_assert_cmpuint (get_number (jobs, 1), ==, 13);
  g_assert_cmpuint (get_number (jobs, 49), ==, 61);

  /* Running ones are beside the fifty, and the oldest goes when one of them has ended. */
  g_signal_connect (queue, "job-removed", G_CALLBACK (on_removed), &n_removed);
  g_object_unref (add (queue, "a", NULL, run_at_once));
  g_assert_cmpuint (n_removed, ==, 0);
  run_until_idle (queue);
  g_assert_cmpuint (n_removed, ==, 1);
  after = ob_job_queue_list (queue);
  g_assert_cmpuint (after->len, ==, 50);
  g_assert_cmpuint (get_number (after, 0), ==, 1);
  g_assert_cmpuint (get_number (after, 1), ==, 14);
  g_assert_cmpuint (get_number (after, 49), ==, 62);
}

static gboolean
run_past_no_return (ObJob *job, gpointer data, GCancellable *cancellable, GError **error)
{
  ob_job_set_cancelable (job, FALSE);
  return run (job, data, NULL, error);
}

static void
test_shut_down (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObJobQueue) queue = ob_job_queue_new (fixture->context);
  g_autoptr (ObJob) running = add (queue, "a", NULL, run);
  g_autoptr (ObJob) waiting = add (queue, "a", NULL, run);
  g_autoptr (ObJob) stubborn = NULL;
  gint64 begin = 0;

  wait_until_running (1);
  ob_job_queue_shut_down (queue, DEADLINE_SECONDS);
  g_assert_cmpint (ob_job_get_state (running), ==, OB_JOB_INTERRUPTED);
  g_assert_cmpint (ob_job_get_state (waiting), ==, OB_JOB_INTERRUPTED);
  g_assert_cmpstr (board.order->str, ==, "1 ");

  /* Not longer than that, whatever runs. */
  stubborn = add (queue, "a", NULL, run_past_no_return);
  wait_until_running (1);
  begin = g_get_monotonic_time ();
  ob_job_queue_shut_down (queue, 1);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, DEADLINE_SECONDS * G_USEC_PER_SEC);
  g_assert_cmpint (ob_job_get_state (stubborn), ==, OB_JOB_RUNNING);
  let_go (G_MAXUINT);
  run_until_idle (queue);
  g_assert_cmpint (ob_job_get_state (stubborn), ==, OB_JOB_SUCCEEDED);
}

static void
test_signals (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObJobQueue) queue = ob_job_queue_new (fixture->context);
  guint n_added = 0;

  g_signal_connect (queue, "job-added", G_CALLBACK (on_removed), &n_added);
  g_object_unref (add (queue, NULL, NULL, run_at_once));
  g_object_unref (add (queue, NULL, NULL, run_at_once));
  g_assert_cmpuint (n_added, ==, 2);
  run_until_idle (queue);
}

#define ADD(path, func) g_test_add (path, JobsFixture, NULL, queue_set_up, func, queue_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  jobs_fixture_quiet_log ();
  ADD ("/job-queue/order", test_order);
  ADD ("/job-queue/alone", test_alone);
  ADD ("/job-queue/never-twice", test_never_twice);
  ADD ("/job-queue/cancel-waiting", test_cancel_waiting);
  ADD ("/job-queue/limits", test_limits);
  ADD ("/job-queue/history", test_history);
  ADD ("/job-queue/interrupted", test_interrupted);
  ADD ("/job-queue/numbers", test_numbers);
  ADD ("/job-queue/hour", test_hour);
  ADD ("/job-queue/fifty", test_fifty);
  ADD ("/job-queue/shut-down", test_shut_down);
  ADD ("/job-queue/signals", test_signals);
  return g_test_run ();
}
