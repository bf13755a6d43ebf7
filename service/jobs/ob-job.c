/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-job-private.h"

#include <malloc.h>
#include <time.h>


#define TICK_MS 250

G_DEFINE_FINAL_TYPE (ObJob, ob_job, G_TYPE_OBJECT)

enum
{
  SIGNAL_CHANGED,
  SIGNAL_PROGRESS,
  SIGNAL_FINISHED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

static const char *const state_names[] = { "queued",  "running", "cancelling", "succeeded",
                                           "partial", "failed",  "cancelled",  "interrupted" };

/* virtual functions */

static void
ob_job_finalize (GObject *object)
{
  ObJob *job = OB_JOB (object);

  if (job->free_data != NULL)
    job->free_data (job->data);
  g_clear_pointer (&job->progress, ob_progress_unref);
  g_clear_pointer (&job->waiting, ob_job_waiting_free);
  g_clear_object (&job->cancellable);
  g_clear_pointer (&job->context, g_main_context_unref);
  g_clear_pointer (&job->warnings, g_ptr_array_unref);
  g_clear_pointer (&job->log, g_ptr_array_unref);
  g_clear_pointer (&job->result, g_hash_table_unref);
  g_clear_error (&job->error);
  pthread_mutex_destroy (&job->mutex);
  g_free (job->operation);
  g_free (job->instance);
  g_free (job->destination);
  g_free (job->phase);
  g_free (job->error_name);
  g_free (job->error_message);
  G_OBJECT_CLASS (ob_job_parent_class)->finalize (object);
}

static void
ob_job_class_init (ObJobClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = ob_job_finalize;
  signals[SIGNAL_CHANGED] = g_signal_new ("changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                          G_TYPE_NONE, 0);
  signals[SIGNAL_PROGRESS] = g_signal_new ("progress", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                           NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_FINISHED] = g_signal_new ("finished", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                           NULL, G_TYPE_NONE, 0);
}

static void
ob_job_init (ObJob *job)
{
  pthread_mutex_init (&job->mutex, NULL);
  job->context = g_main_context_ref_thread_default ();
  job->cancellable = g_cancellable_new ();
  job->waiting = ob_job_waiting_new ();
  job->warnings = g_ptr_array_new_with_free_func (g_free);
  job->log = g_ptr_array_new_with_free_func (g_free);
  job->result
    = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_variant_unref);
  job->phase = g_strdup ("");
  job->error_name = g_strdup ("");
  job->cancelable = TRUE;
}

/* internal methods */

static void
post (ObJob *job, GSourceFunc func)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, func, g_object_ref (job), g_object_unref);
  g_source_attach (source, job->context);
}

static gboolean
tell_changed (gpointer user_data)
{
  ObJob *job = user_data;
  const char *phase = ob_progress_get_phase (job->progress);

  pthread_mutex_lock (&job->mutex);
  job->change_posted = FALSE;
  pthread_mutex_unlock (&job->mutex);
  /* Once it has ended the last word has been said. */
  if (ob_job_state_is_final (job->state))
    return G_SOURCE_REMOVE;
  g_free (job->phase);
  job->phase = g_strdup (phase != NULL ? phase : "");
  g_signal_emit (job, signals[SIGNAL_CHANGED], 0);
  return G_SOURCE_REMOVE;
}

static void
post_changed (ObJob *job)
{
  gboolean posted = FALSE;

  pthread_mutex_lock (&job->mutex);
  posted = job->change_posted;
  job->change_posted = TRUE;
  pthread_mutex_unlock (&job->mutex);
  if (!posted)
    post (job, tell_changed);
}

static void
on_phase (const char *phase, gpointer user_data)
{
  ObJob *job = user_data;

  ob_job_log (job, "Phase: %s", phase);
  post_changed (job);
}

static void
on_warning (const char *message, gboolean lost, gpointer user_data)
{
  ob_job_add_warning (user_data, message, lost);
}

/* Takes a sample, and the rate between it and the oldest one kept. */
static void
update_rate (ObJob *job)
{
  ObJobSample now = { g_get_monotonic_time (), ob_progress_get_done (job->progress) };
  guint oldest = job->n_samples < OB_JOB_N_SAMPLES ? 0 : job->next_sample;
  const ObJobSample *from = &job->samples[oldest];

  job->done = now.done;
  job->total = ob_progress_get_total (job->progress);
  if (job->n_samples > 0 && now.when > from->when && now.done >= from->done)
    job->rate = (guint64) ((double) (now.done - from->done) * G_USEC_PER_SEC
                           / (double) (now.when - from->when));
  job->samples[job->next_sample] = now;
  job->next_sample = (job->next_sample + 1) % OB_JOB_N_SAMPLES;
  job->n_samples = MIN (job->n_samples + 1, OB_JOB_N_SAMPLES);
}

/* Whether there is something to tell. An outage has two lines in the log, however its reasons
 * change meanwhile. */
static gboolean
update_waiting (ObJob *job)
{
  gint64 since = ob_job_waiting_get_since (job->waiting);

  if (!ob_job_waiting_look (job->waiting))
    return FALSE;
  if (since == 0)
    ob_job_log (job, "Waiting for %s", ob_job_waiting_get_text (job->waiting));
  else if (ob_job_waiting_get_since (job->waiting) == 0)
    ob_job_log (job, "Going on, having waited for %" G_GINT64_FORMAT " s",
                MAX (g_get_real_time () / G_USEC_PER_SEC - since, 0));
  return TRUE;
}

static gboolean
on_tick (gpointer user_data)
{
  ObJob *job = user_data;
  guint64 done = job->done;
  guint64 total = job->total;
  guint64 rate = job->rate;
  guint n_warnings = ob_job_get_n_warnings (job);
  gboolean waiting_changed = update_waiting (job);

  update_rate (job);
  if (n_warnings != job->told_warnings || waiting_changed)
    {
      job->told_warnings = n_warnings;
      g_signal_emit (job, signals[SIGNAL_CHANGED], 0);
    }
  if (done != job->done || total != job->total || rate != job->rate)
    g_signal_emit (job, signals[SIGNAL_PROGRESS], 0);
  return G_SOURCE_CONTINUE;
}

/* Which end it came to. Whatever a job says that somebody cancelled, it was cancelled. */
static ObJobState
settle (ObJob *job)
{
  gboolean lost = FALSE;
  gboolean cancelled = FALSE;

  pthread_mutex_lock (&job->mutex);
  lost = job->lost;
  cancelled = job->cancel_asked;
  pthread_mutex_unlock (&job->mutex);

  if (job->succeeded)
    return lost ? OB_JOB_PARTIAL : OB_JOB_SUCCEEDED;
  if (cancelled)
    {
      /* What went wrong on the way out is worth a line. */
      if (job->error != NULL && !g_error_matches (job->error, OB_ERROR, OB_ERROR_CANCELLED)
          && !g_error_matches (job->error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        ob_job_log (job, "While it was cancelled: %s", job->error->message);
      g_clear_error (&job->error);
      g_set_error_literal (&job->error, OB_ERROR,
                           job->interrupted ? OB_ERROR_FAILED : OB_ERROR_CANCELLED,
                           job->interrupted ? "The service was stopped meanwhile." : "Cancelled.");
    }
  else if (job->error == NULL)
    g_set_error_literal (&job->error, OB_ERROR, OB_ERROR_FAILED,
                         "The job failed without a word; see the log of the service.");
  ob_job_set_error (job, job->error);
  if (!cancelled)
    return OB_JOB_FAILED;
  return job->interrupted ? OB_JOB_INTERRUPTED : OB_JOB_CANCELLED;
}

static void
end (ObJob *job, ObJobState state)
{
  job->state = state;
  job->end_time = time (NULL);
  pthread_mutex_lock (&job->mutex);
  job->cancelable = FALSE;
  pthread_mutex_unlock (&job->mutex);
  ob_job_log (job, "End: %s%s%s", state_names[state], job->error_message != NULL ? ": " : "",
              job->error_message != NULL ? job->error_message : "");
  g_signal_emit (job, signals[SIGNAL_CHANGED], 0);
  g_signal_emit (job, signals[SIGNAL_FINISHED], 0);
}

static gboolean
on_thread_end (gpointer user_data)
{
  ObJob *job = user_data;

  g_thread_join (g_steal_pointer (&job->thread));
  g_source_destroy (job->ticker);
  g_clear_pointer (&job->ticker, g_source_unref);
  update_rate (job);
  ob_job_waiting_end (job->waiting);
  end (job, settle (job));
  g_object_unref (job); /* the thread's */
  /* What a job frees lies between what stays: without this the peak grows from job to job. */
  malloc_trim (0);
  return G_SOURCE_REMOVE;
}

static gpointer
run (gpointer user_data)
{
  ObJob *job = user_data;

  job->succeeded = job->func (job, job->data, job->cancellable, &job->error);
  post (job, on_thread_end);
  return NULL;
}

/* public methods */

const char *
ob_job_state_get_name (ObJobState state)
{
  return state_names[state];
}

gboolean
ob_job_state_is_final (ObJobState state)
{
  return state >= OB_JOB_SUCCEEDED;
}

ObJob *
ob_job_new (const char *operation, const char *instance, const char *destination, guint uid,
            ObJobFunc func, gpointer data, GDestroyNotify free_data)
{
  ObJob *job = g_object_new (OB_TYPE_JOB, NULL);

  job->operation = g_strdup (operation);
  job->instance = g_strdup (instance != NULL ? instance : "");
  job->destination = g_strdup (destination != NULL ? destination : "");
  job->uid = uid;
  job->func = func;
  job->data = data;
  job->free_data = free_data;
  job->progress = ob_progress_new (on_phase, on_warning, job);
  return job;
}

guint
ob_job_get_number (ObJob *job)
{
  return job->number;
}

const char *
ob_job_get_operation (ObJob *job)
{
  return job->operation;
}

const char *
ob_job_get_instance (ObJob *job)
{
  return job->instance;
}

const char *
ob_job_get_destination (ObJob *job)
{
  return job->destination;
}

guint
ob_job_get_uid (ObJob *job)
{
  return job->uid;
}

ObJobState
ob_job_get_state (ObJob *job)
{
  return job->state;
}

const char *
ob_job_get_phase (ObJob *job)
{
  return job->phase;
}

const char *
ob_job_get_error_name (ObJob *job)
{
  return job->error_name;
}

const char *
ob_job_get_error_message (ObJob *job)
{
  return job->error_message;
}

guint64
ob_job_get_bytes_done (ObJob *job)
{
  return job->done;
}

guint64
ob_job_get_bytes_total (ObJob *job)
{
  return job->total;
}

guint64
ob_job_get_rate (ObJob *job)
{
  return ob_job_state_is_final (job->state) ? 0 : job->rate;
}

gint64
ob_job_get_start_time (ObJob *job)
{
  return job->start_time;
}

gint64
ob_job_get_end_time (ObJob *job)
{
  return job->end_time;
}

gint64
ob_job_get_expected_end (ObJob *job)
{
  if (ob_job_state_is_final (job->state) || job->rate == 0 || job->total <= job->done)
    return 0;
  return time (NULL) + (gint64) ((job->total - job->done) / job->rate);
}

gboolean
ob_job_get_cancelable (ObJob *job)
{
  gboolean cancelable = FALSE;

  pthread_mutex_lock (&job->mutex);
  cancelable = job->cancelable;
  pthread_mutex_unlock (&job->mutex);
  return cancelable;
}

const char *
ob_job_get_waiting (ObJob *job)
{
  return ob_job_waiting_get_text (job->waiting);
}

gint64
ob_job_get_waiting_since (ObJob *job)
{
  return ob_job_waiting_get_since (job->waiting);
}

void
ob_job_interrupt (ObJob *job)
{
  /* What somebody has cancelled before is cancelled. */
  job->interrupted = job->state != OB_JOB_CANCELLING;
  ob_job_cancel (job, NULL);
}

gboolean
ob_job_cancel (ObJob *job, GError **error)
{
  gboolean cancelable = FALSE;

  if (ob_job_state_is_final (job->state))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT, "Job %u has ended already (%s).",
                   job->number, state_names[job->state]);
      return FALSE;
    }
  pthread_mutex_lock (&job->mutex);
  cancelable = job->cancelable;
  job->cancel_asked |= cancelable;
  pthread_mutex_unlock (&job->mutex);
  if (!cancelable)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
                   "Job %u is past the point where it can be cancelled (%s); it will end soon.",
                   job->number, job->phase);
      return FALSE;
    }

  g_cancellable_cancel (job->cancellable);
  if (job->state == OB_JOB_QUEUED)
    end (job, settle (job));
  else if (job->state == OB_JOB_RUNNING)
    {
      job->state = OB_JOB_CANCELLING;
      ob_job_log (job, "Cancelling");
      g_signal_emit (job, signals[SIGNAL_CHANGED], 0);
    }
  return TRUE;
}

ObProgress *
ob_job_get_progress (ObJob *job)
{
  return job->progress;
}

gboolean
ob_job_set_cancelable (ObJob *job, gboolean cancelable)
{
  gboolean cancelled = FALSE;

  pthread_mutex_lock (&job->mutex);
  cancelled = job->cancel_asked;
  if (!cancelled)
    job->cancelable = cancelable;
  pthread_mutex_unlock (&job->mutex);
  if (!cancelled)
    post_changed (job);
  return !cancelled;
}

/* methods of this room */

void
ob_job_set_alone (ObJob *job)
{
  job->alone = TRUE;
}

void
ob_job_watch (ObJob *job, ObDestination *destination)
{
  g_autoptr (GPtrArray) one = g_ptr_array_new ();

  g_ptr_array_add (one, destination);
  ob_job_watch_all (job, one);
}

void
ob_job_watch_all (ObJob *job, GPtrArray *destinations)
{
  ob_job_waiting_watch (job->waiting, destinations);
}

void
ob_job_set_number (ObJob *job, guint number)
{
  job->number = number;
}

gpointer
ob_job_get_data (ObJob *job, ObJobFunc func)
{
  return job->func == func ? job->data : NULL;
}

void
ob_job_start (ObJob *job)
{
  g_autofree char *name = g_strdup_printf ("job-%u", job->number);

  g_return_if_fail (job->state == OB_JOB_QUEUED);
  job->state = OB_JOB_RUNNING;
  job->start_time = time (NULL);
  ob_job_log (job, "Start");
  job->ticker = g_timeout_source_new (TICK_MS);
  /* The thread holds the job through its posted end, and the ticker ends before it. */
  g_source_set_callback (job->ticker, on_tick, job, NULL);
  g_source_attach (job->ticker, job->context);
  job->thread = g_thread_new (name, run, g_object_ref (job));
  g_signal_emit (job, signals[SIGNAL_CHANGED], 0);
}
