/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a job tells of the store that it waits for. */
#include "ob-job-private.h"

#include <string.h>

#include "jobs-fixture.h"
#include "ob-destination-private.h"

/* A store that waits when it is told to, and can do nothing else. */
#define TYPE_LAZY_STORE (lazy_store_get_type ())
G_DECLARE_FINAL_TYPE (LazyStore, lazy_store, LAZY, STORE, ObStore)

struct _LazyStore
{
  ObStore parent_instance;

  GMutex mutex;
  const char *why;
  gint64 since;
};

G_DEFINE_FINAL_TYPE (LazyStore, lazy_store, OB_TYPE_STORE)

static char *
lazy_store_get_waiting (ObStore *store, gint64 *since)
{
  LazyStore *self = LAZY_STORE (store);
  char *why;

  g_mutex_lock (&self->mutex);
  why = g_strdup (self->why);
  *since = self->since;
  g_mutex_unlock (&self->mutex);
  return why;
}

static void
lazy_store_class_init (LazyStoreClass *klass)
{
  OB_STORE_CLASS (klass)->get_waiting = lazy_store_get_waiting;
}

static void
lazy_store_init (LazyStore *self)
{
}

/* @seconds: so long already. */
static void
set_waiting (LazyStore *store, const char *why, guint seconds)
{
  g_mutex_lock (&store->mutex);
  store->why = why;
  store->since = g_get_monotonic_time () - (gint64) seconds * G_USEC_PER_SEC;
  g_mutex_unlock (&store->mutex);
}

typedef struct
{
  ObDestination *destination;
  GMutex mutex; /* locked as long as the job shall work */
  guint n_changed;
} Work;

static gboolean
run (ObJob *job, gpointer data, GCancellable *cancellable, GError **error)
{
  Work *work = data;

  ob_job_watch (job, work->destination);
  g_mutex_lock (&work->mutex);
  g_mutex_unlock (&work->mutex);
  return TRUE;
}

static void
on_changed (ObJob *job, gpointer data)
{
  ((Work *) data)->n_changed++;
}

/* Runs the main context until the job waits, or does not. */
static void
run_until (ObJob *job, gboolean waits)
{
  gint64 deadline = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;

  while ((ob_job_get_waiting (job) != NULL) != waits)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_main_context_iteration (NULL, TRUE);
    }
}

static guint
count_lines (ObJob *job, const char *text)
{
  g_auto (GStrv) log = ob_job_dup_log (job);
  guint n = 0;

  for (char **line = log; *line != NULL; line++)
    n += strstr (*line, text) != NULL ? 1 : 0;
  return n;
}

static void
test_told (JobsFixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->base.path, "disk", NULL);
  g_autoptr (ObDestination) destination = jobs_new_destination ("disk", path, NULL, FALSE, NULL);
  g_autoptr (LazyStore) store = g_object_new (TYPE_LAZY_STORE, NULL);
  Work work = { .destination = destination };
  g_autoptr (ObJob) job = ob_job_new ("backup", NULL, "disk", 0, run, &work, NULL);
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;

  ob_destination_limit_store (destination, OB_STORE (store));
  g_signal_connect (job, "changed", G_CALLBACK (on_changed), &work);
  g_mutex_lock (&work.mutex);
  ob_job_start (job);
  g_assert_null (ob_job_get_waiting (job));
  g_assert_cmpint (ob_job_get_waiting_since (job), ==, 0);

  set_waiting (store, "s3.example.com: the server does not answer (refused)", 40);
  run_until (job, TRUE);
  g_assert_cmpstr (ob_job_get_waiting (job), ==,
                   "s3.example.com: the server does not answer (refused)");
  g_assert_cmpint (ob_job_get_waiting_since (job), >=, now - 41);
  g_assert_cmpint (ob_job_get_waiting_since (job), <=, now - 38);
  g_assert_cmpuint (work.n_changed, >, 1);
  /* Another reason is another text, and no other outage. */
  set_waiting (store, "s3.example.com: the server answers 503", 40);
  while (strstr (ob_job_get_waiting (job), "503") == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (count_lines (job, "Waiting for s3.example.com: the server"), ==, 1);
  g_assert_cmpuint (count_lines (job, "Going on"), ==, 0);

  set_waiting (store, NULL, 0);
  run_until (job, FALSE);
  g_assert_cmpint (ob_job_get_waiting_since (job), ==, 0);
  g_assert_cmpuint (count_lines (job, "Going on, having waited for 4"), ==, 1);

  /* What waits as the job ends is not what the job waits for. */
  set_waiting (store, "s3.example.com: the server answers 503", 40);
  run_until (job, TRUE);
  g_mutex_unlock (&work.mutex);
  while (!ob_job_state_is_final (ob_job_get_state (job)))
    g_main_context_iteration (NULL, TRUE);
  g_assert_null (ob_job_get_waiting (job));
}

/* What is over in a moment is not worth a word; nor is a store that has gone. */
static void
test_moment (JobsFixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->base.path, "disk", NULL);
  g_autoptr (ObDestination) destination = jobs_new_destination ("disk", path, NULL, FALSE, NULL);
  LazyStore *store = g_object_new (TYPE_LAZY_STORE, NULL);
  g_autoptr (ObJobWaiting) waiting = ob_job_waiting_new ();
  g_autoptr (GPtrArray) destinations = g_ptr_array_new ();

  g_ptr_array_add (destinations, destination);
  ob_job_waiting_watch (waiting, destinations);
  ob_destination_limit_store (destination, OB_STORE (store));
  g_assert_false (ob_job_waiting_look (waiting));
  set_waiting (store, "it", 0);
  g_assert_false (ob_job_waiting_look (waiting));
  g_assert_null (ob_job_waiting_get_text (waiting));
  set_waiting (store, "it", 2);
  g_assert_true (ob_job_waiting_look (waiting));
  g_assert_false (ob_job_waiting_look (waiting));
  g_assert_cmpstr (ob_job_waiting_get_text (waiting), ==, "it");
  g_object_unref (store);
  g_assert_true (ob_job_waiting_look (waiting));
  g_assert_null (ob_job_waiting_get_text (waiting));
}

#define add(name, func)                                                                            \
  g_test_add ("/job-waiting/" name, JobsFixture, NULL, jobs_fixture_set_up, func,                  \
              jobs_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  jobs_fixture_quiet_log ();
  add ("told", test_told);
  add ("moment", test_moment);
  return g_test_run ();
}
