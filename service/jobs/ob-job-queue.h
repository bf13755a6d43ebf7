/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-context.h"
#include "ob-job.h"

G_BEGIN_DECLS

#define OB_TYPE_JOB_QUEUE (ob_job_queue_get_type ())
G_DECLARE_FINAL_TYPE (ObJobQueue, ob_job_queue, OB, JOB_QUEUE, GObject)

/* All jobs: waiting, running, and finished ones of the last hour (the latest 50), which it keeps
 * in STATE/jobs/N.json across a restart. Two jobs on the same instance never run at once, nor
 * one that needs its destination for itself with another there: the later waits. Main context
 * only. Signals:
 *   "job-added" (ObJob *), "job-removed" (ObJob *)
 *   "history-caught-up": what could not be written of the history before is written now
 */

/* Loads the history; jobs that had not ended are "interrupted". Transfer full. */
ObJobQueue *ob_job_queue_new (ObContext *context);

/* Queues it, numbers it, starts it as soon as it can be. Errors: BUSY where too many (64) wait. */
gboolean ob_job_queue_add (ObJobQueue *queue, ObJob *job, GError **error);

/* All it knows, by number. Array of ObJob, transfer container. */
GPtrArray *ob_job_queue_list (ObJobQueue *queue);

/* Whether one that has not ended is about it; NULL for whatever. */
gboolean ob_job_queue_is_busy (ObJobQueue *queue, const char *instance, const char *destination);

/* Why the history is not written as it is: no room, most often. It is tried again every ten
 * seconds. NULL where all of it is written. Transfer none. */
const char *ob_job_queue_get_problem (ObJobQueue *queue);

/* Cancels all, and runs the main context until they have ended, or @seconds are over. */
void ob_job_queue_shut_down (ObJobQueue *queue, guint seconds);

G_END_DECLS
