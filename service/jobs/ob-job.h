/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

#include "ob-error.h"
#include "ob-progress.h"

G_BEGIN_DECLS

typedef enum
{
  OB_JOB_QUEUED,
  OB_JOB_RUNNING,
  OB_JOB_CANCELLING,
  OB_JOB_SUCCEEDED,
  OB_JOB_PARTIAL,
  OB_JOB_FAILED,
  OB_JOB_CANCELLED,
  OB_JOB_INTERRUPTED,
} ObJobState;

/* "queued", … Transfer none. */
const char *ob_job_state_get_name (ObJobState state);
gboolean ob_job_state_is_final (ObJobState state);

#define OB_TYPE_JOB (ob_job_get_type ())
G_DECLARE_FINAL_TYPE (ObJob, ob_job, OB, JOB, GObject)

/* Something being done in a thread of its own. It belongs to the main context; only the functions
 * that say so may be called from its thread. Signals, in the main context:
 *   "changed"            state, phase, waiting, warnings or times did; for warnings at most four
 *                        times a second
 *   "progress"           counters did; at most four times a second
 *   "finished"           once, after the last "changed"
 */

/* The work: runs in the job's thread. TRUE: done (partial where lost data was warned of). */
typedef gboolean (*ObJobFunc) (ObJob *job, gpointer data, GCancellable *cancellable,
                               GError **error);

/* @operation: "backup"…; @instance and @destination may be NULL; @uid: who asked. @data is freed
 * with @free_data after the end, in the main context. Not yet queued. Transfer full. */
ObJob *ob_job_new (const char *operation, const char *instance, const char *destination, guint uid,
                   ObJobFunc func, gpointer data, GDestroyNotify free_data);

/* Main context. */
guint ob_job_get_number (ObJob *job);
const char *ob_job_get_operation (ObJob *job);
const char *ob_job_get_instance (ObJob *job);    /* "" for none */
const char *ob_job_get_destination (ObJob *job); /* "" for none */
guint ob_job_get_uid (ObJob *job);
ObJobState ob_job_get_state (ObJob *job);
const char *ob_job_get_phase (ObJob *job);
const char *ob_job_get_error_name (ObJob *job);    /* "" for none */
const char *ob_job_get_error_message (ObJob *job); /* NULL for none */
guint64 ob_job_get_bytes_done (ObJob *job);
guint64 ob_job_get_bytes_total (ObJob *job);
guint64 ob_job_get_rate (ObJob *job);
gint64 ob_job_get_start_time (ObJob *job); /* seconds since the epoch, 0 before */
gint64 ob_job_get_end_time (ObJob *job);
gint64 ob_job_get_expected_end (ObJob *job);
gboolean ob_job_get_cancelable (ObJob *job);
guint ob_job_get_n_warnings (ObJob *job);
/* Whom it waits for and why, to go behind "waiting for "; NULL where it does not. */
const char *ob_job_get_waiting (ObJob *job);
/* Since when, seconds since the epoch; 0 where it does not. */
gint64 ob_job_get_waiting_since (ObJob *job);
/* a{sv}: what GetResult gives, without floating reference. Transfer full. */
GVariant *ob_job_dup_result (ObJob *job);
/* Lines with times. Transfer full. */
GStrv ob_job_dup_log (ObJob *job);

/* Asks it to stop. Errors: INVALID_ARGUMENT where it has ended, BUSY where it is past the point of
 * no return (Cancelable is false). Main context. */
gboolean ob_job_cancel (ObJob *job, GError **error);

/* For the job's own thread. */
ObProgress *ob_job_get_progress (ObJob *job);
/* Adds to the result; @value may be floating. */
void ob_job_set_result (ObJob *job, const char *key, GVariant *value);
/* A line of the log (also to the journal). No secrets. */
void ob_job_log (ObJob *job, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* From now on (or no longer) it cannot be cancelled: FALSE where it was cancelled already. */
gboolean ob_job_set_cancelable (ObJob *job, gboolean cancelable);

G_END_DECLS
