/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Applying a schedule's retention: which backups of an instance at a destination stay, and
 * removing the others. */
#pragma once

#include "ob-catalogue.h"
#include "ob-job.h"
#include "ob-schedule.h"

G_BEGIN_DECLS

typedef struct
{
  gboolean plan; /* only tell */
  gboolean prune; /* free what the removed ones took at once */
  guint seconds; /* for that; 0: as long as it takes */
  const char *const *schedules; /* names of all that there are; NULL: this one alone */
} ObRetentionOptions;

/* Judges the backups of the schedule's instance at @destination by its retention. Its result has
 * "backups" (aa{sv}: id, time, kind, label, keep b, reasons as; newest first), "plan" b, "rules"
 * s, and where it is none what the results of Delete and Prune have. What another schedule made
 * is its business; what no schedule made that there still is, is everybody's. Errors:
 * INVALID_ARGUMENT where the schedule has no retention. Not yet queued; transfer full; main
 * context. */
ObJob *ob_retention_job_new (ObContext *context, ObDestination *destination, ObSchedule *schedule,
                             const ObRetentionOptions *options, guint uid, GError **error);

/* Of each of @records, all of one instance and one destination, what becomes of it (of
 * ObRetentionVerdict, in their order). Those that hold the same parts are counted together: a
 * backup of the database alone takes the place of no whole one. Transfer full. Any thread. */
GPtrArray *ob_retention_judge (ObContext *context, const ObSchedule *schedule, GPtrArray *records);

G_END_DECLS
