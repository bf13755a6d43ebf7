/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All schedules: their configuration and state, their objects on the bus, and their runs. Main
 * context. */
#pragma once

#include "ob-manager.h"
#include "ob-scheduler.h"

G_BEGIN_DECLS

typedef struct _ObSchedules ObSchedules;

/* Loads CONFIG/schedules and puts them on the bus. @manager outlives it. What cannot be loaded
 * is told to @manager (ob_manager_set_config_error()), and its name stays taken. Transfer full. */
ObSchedules *ob_schedules_new (ObManager *manager, ObClock *clock);
void ob_schedules_free (ObSchedules *schedules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObSchedules, ob_schedules_free)

/* From now on runs begin. */
void ob_schedules_start (ObSchedules *schedules);

/* From now on none begins, and the ends of those that run are not taken for theirs: the next
 * start of the service makes up for them. */
void ob_schedules_stop (ObSchedules *schedules);

/* Reads the configuration again: what is new is added, what is gone removed; what cannot be
 * understood stays as it was. FALSE where something that is gone has a run that has to end
 * first. */
gboolean ob_schedules_reload (ObSchedules *schedules);

/* Whether there is one of this name. */
gboolean ob_schedules_contain (ObSchedules *schedules, const char *name);

/* Their names, sorted. Transfer full. */
GStrv ob_schedules_list (ObSchedules *schedules);

/* Adds one whose name is reserved, written down first, and gives its path (transfer full). Errors:
 * INVALID_ARGUMENT, NOT_FOUND (what it names). */
char *ob_schedules_add (ObSchedules *schedules, const char *name, GKeyFile *file, GError **error);

/* Replaces its configuration; on an error all is as it was. */
gboolean ob_schedules_update (ObSchedules *schedules, const char *name, GKeyFile *file,
                              GError **error);

/* Errors: BUSY while a run is at work. */
gboolean ob_schedules_remove (ObSchedules *schedules, const char *name, GError **error);

/* The name of one that needs this instance or destination (NULL: whatever), NULL where none does.
 * Transfer none. */
const char *ob_schedules_find_user (ObSchedules *schedules, const char *instance,
                                    const char *destination);

/* When the instance is backed up next, seconds since the epoch; 0 for never. */
guint64 ob_schedules_get_next_backup (ObSchedules *schedules, const char *instance);

/* Whether what the schedule backs up is all that there is to its instance. */
gboolean ob_schedules_is_whole (ObSchedules *schedules, const ObSchedule *schedule);

/* Seconds that it may be without a successful backup: the least of what its enabled schedules
 * allow that back all of it up; 0 where there is none. */
guint ob_schedules_get_late_after (ObSchedules *schedules, const char *instance);

/* ---- For the object
 * ----------------------------------------------------------------------------- */

ObScheduler *ob_schedules_get_scheduler (ObSchedules *schedules);

/* Begins a run out of turn; paths of its jobs (transfer full). Errors: BUSY. */
GStrv ob_schedules_trigger (ObSchedules *schedules, const char *name, GError **error);

/* What went wrong in the last run; NULL for nothing. Transfer none. */
const char *ob_schedules_get_last_error (ObSchedules *schedules, const char *name);

G_END_DECLS
