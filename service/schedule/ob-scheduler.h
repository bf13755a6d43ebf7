/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-clock.h"
#include "ob-schedule.h"

G_BEGIN_DECLS

/* How a run ended. */
typedef enum
{
  OB_RUN_NONE, /* it never ran */
  OB_RUN_SUCCEEDED,
  OB_RUN_PARTIAL,
  OB_RUN_FAILED,
  OB_RUN_UNAVAILABLE, /* only because a destination was out of reach */
  OB_RUN_CANCELLED,
} ObRunResult;

/* "", "succeeded"… Transfer none. */
const char *ob_run_result_get_name (ObRunResult result);
/* OB_RUN_NONE for what is none. */
ObRunResult ob_run_result_from_name (const char *name);

/* What has to outlive the service. Times are microseconds since the epoch. */
typedef struct
{
  gint64 planned;     /* the last time of the schedule that was seen to; 0: none yet */
  gint64 last_run;    /* when the last run began */
  ObRunResult result; /* of it */
  gint64 good;        /* the end of the last run that succeeded, or when the schedule was added */
  guint missed;       /* times at which nothing could be begun, since the last success */
  gboolean owed;      /* a run was begun, and has not come to an end of its own, or something of it
                       * is to be tried again */
} ObScheduleState;

#define OB_TYPE_SCHEDULER (ob_scheduler_get_type ())
G_DECLARE_FINAL_TYPE (ObScheduler, ob_scheduler, OB, SCHEDULER, GObject)

/* Knows when which schedule is due. It runs nothing itself: whoever handles "due" does, and tells
 * how it ended. Main context only. Signals:
 *   "due" (const char *name, guint attempt)   begin a run; from the second attempt on only what the
 *                                             one before could not do. The run counts as begun
 *   "changed" (const char *name)              state or next run did: to be saved, and shown
 */

ObScheduler *ob_scheduler_new (ObClock *clock);

/* Adds a schedule with what is remembered of it, or replaces the one of that name: then what is
 * known of it stays, and @state is not looked at. What was missed while nothing ran is due at
 * once, where the schedule is persistent. @state may be NULL. */
void ob_scheduler_add (ObScheduler *scheduler, ObSchedule *schedule, const ObScheduleState *state);
void ob_scheduler_remove (ObScheduler *scheduler, const char *name);

/* Until it is started, nothing becomes due. */
void ob_scheduler_start (ObScheduler *scheduler);

/* Transfer none; valid until the schedule is replaced or removed. NULL where there is none. */
ObSchedule *ob_scheduler_get (ObScheduler *scheduler, const char *name);
const ObScheduleState *ob_scheduler_get_state (ObScheduler *scheduler, const char *name);

/* When it runs next, with its delay, or is tried again; OB_CLOCK_NEVER. */
gint64 ob_scheduler_get_next_run (ObScheduler *scheduler, const char *name);
/* Whether the next run is another attempt of the last one. */
gboolean ob_scheduler_is_retrying (ObScheduler *scheduler, const char *name);
gboolean ob_scheduler_is_running (ObScheduler *scheduler, const char *name);

/* A run out of turn: emits "due" before it returns. FALSE where one is running. */
gboolean ob_scheduler_trigger (ObScheduler *scheduler, const char *name);

/* The run that "due" began is over. @again: something of it is to be tried again, after a
 * minute, then after twice the time, half an hour at most, until the next run is due. */
void ob_scheduler_run_ended (ObScheduler *scheduler, const char *name, ObRunResult result,
                             gboolean again);

G_END_DECLS
