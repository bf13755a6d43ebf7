/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the rest of this room may know of a job. */
#pragma once

#include <pthread.h>

#include "ob-job.h"
#include "ob-job-waiting.h"

G_BEGIN_DECLS

#define OB_JOB_MAX_LINES 1000 /* kept of the log, and of the warnings */
#define OB_JOB_N_SAMPLES 20   /* of the byte counter, four a second: the rate of five seconds */

typedef struct
{
  gint64 when; /* g_get_monotonic_time() */
  guint64 done;
} ObJobSample;

struct _ObJob
{
  GObject parent_instance;

  /* Fixed before it is queued. */
  char *operation, *instance, *destination;
  guint uid;
  gboolean alone;
  ObJobFunc func;
  gpointer data;
  GDestroyNotify free_data;
  GMainContext *context;
  GCancellable *cancellable;
  ObProgress *progress;
  ObJobWaiting *waiting;

  /* The main context's own. */
  guint number;
  ObJobState state;
  char *phase;
  char *error_name, *error_message;
  gint64 start_time, end_time;
  gboolean interrupted; /* whoever cancels it now is the service, which stops */
  guint64 done, total, rate; /* as last told */
  guint told_warnings;
  ObJobSample samples[OB_JOB_N_SAMPLES];
  guint n_samples, next_sample;
  GThread *thread;
  GSource *ticker;

  /* Shared with the job's threads. */
  pthread_mutex_t mutex;
  gboolean cancelable, cancel_asked, lost, change_posted;
  GPtrArray *warnings, *log;
  guint n_warnings;
  GHashTable *result; /* char * → GVariant * */
  gboolean has_space;
  guint64 free_bytes, total_bytes;

  /* Written by the thread before its end is posted. */
  gboolean succeeded;
  GError *error;
};

/* Main context. */
void ob_job_set_number (ObJob *job, guint number);

/* It waits until no earlier job works on its destination, and later ones wait for it. Before it is
 * queued. */
void ob_job_set_alone (ObJob *job);

/* Cancels it because the service stops: it ends as interrupted. Main context. */
void ob_job_interrupt (ObJob *job);

/* From now on the job works with this destination, or with these (of ObDestination), and no others:
 * it tells when it waits for them. Any thread. */
void ob_job_watch (ObJob *job, ObDestination *destination);
void ob_job_watch_all (ObJob *job, GPtrArray *destinations);

/* Starts its thread; it has been queued so far. Main context. */
void ob_job_start (ObJob *job);

/* The data given to ob_job_new(), where its function is @func; NULL otherwise. Transfer none. Main
 * context. */
gpointer ob_job_get_data (ObJob *job, ObJobFunc func);

/* Keeps a warning; @lost: of data that the job should have kept. Any thread. */
void ob_job_add_warning (ObJob *job, const char *message, gboolean lost);

/* What it failed with, as clients are told it: a copy is kept. Main context. */
void ob_job_set_error (ObJob *job, const GError *error);

/* The warnings so far, the first thousand (of char *, transfer full), and whether one of them was
 * about lost data. Any thread. */
GPtrArray *ob_job_dup_warnings (ObJob *job, gboolean *lost);

/* What the destination has, for ob_job_get_space(). The job's thread. */
void ob_job_set_space (ObJob *job, guint64 free_bytes, guint64 total_bytes);

/* The history: "N.json" below @dirfd, mode 0600. Main context. */
gboolean ob_job_save (ObJob *job, int dirfd, GError **error);

/* One that was saved; what had not ended is "interrupted" now. Transfer full. */
ObJob *ob_job_load (int dirfd, const char *name, GError **error);

G_END_DECLS
