/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One run of a schedule: its jobs at each of the destinations, and what comes after a backup
 * there. */
#pragma once

#include "ob-manager.h"
#include "ob-schedule.h"
#include "ob-scheduler.h"

G_BEGIN_DECLS

/* The run is over. @again: names of destinations that were out of reach, NULL where there is
 * none (transfer full). @error: a sentence about what went wrong, NULL where nothing did
 * (transfer none). */
typedef void (*ObScheduleRunEnded) (const char *schedule, ObRunResult result, GStrv again,
                                    const char *error, gpointer user_data);

/* Begins it. Each destination goes on, and fails, on its own: backup, retention (which prunes),
 * a verification and a drill, one after the other. @destinations: those of the schedule, or some
 * of them. Gives the paths of the first jobs (transfer full); where none could be begun it is
 * over at once, @ended was called and the list is empty. Main context. */
GStrv ob_schedule_run_begin (ObManager *manager, ObSchedule *schedule,
                             const char *const *destinations, ObScheduleRunEnded ended,
                             gpointer user_data);

G_END_DECLS
