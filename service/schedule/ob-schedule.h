/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

#include "ob-calendar.h"
#include "ob-retention.h"

G_BEGIN_DECLS

/* What a run of a schedule does. */
typedef enum
{
  OB_SCHEDULE_BACKUP,
  OB_SCHEDULE_VERIFY,
  OB_SCHEDULE_DRILL,
  OB_SCHEDULE_PRUNE, /* applies the retention, and frees what is not needed any more */
} ObScheduleAction;

/* What becomes of a run whose time comes while the one before is at work. */
typedef enum
{
  OB_OVERLAP_SKIP,
  OB_OVERLAP_QUEUE, /* one, after it */
} ObOverlap;

/* A schedule as configured in CONFIG/schedules/NAME.conf, group [schedule], see obbackup.conf(5).
 * Immutable, reference-counted, any thread. */
typedef struct
{
  char *name;
  gboolean enabled;
  ObScheduleAction action;
  char *instance;
  GStrv destinations;    /* at least one */
  GStrv parts;           /* names; NULL: all that the instance has */
  GPtrArray *calendars;  /* of ObCalendar, at least one */
  char *zone_name;       /* NULL: that of the host */
  guint random_delay;    /* seconds that a run may begin later */
  gboolean persistent;   /* what was missed while nothing ran is caught up, once */
  ObOverlap overlap;
  guint late_after;      /* seconds without a successful backup that are an alarm; 0: by the
                          * times */
  ObRetention *retention; /* NULL: backups are kept until somebody deletes them */
  double verify_share;   /* after a backup, of the stored data, 0 to 1 */
  gboolean drill;        /* after a backup */
  gboolean prune;        /* after a backup, where the retention removed something */
  guint prune_limit;     /* seconds that a prune may take for copies; 0: as long as it takes */
  GKeyFile *file;        /* all of it, as it is written */
} ObSchedule;

#define OB_SCHEDULE_GROUP "schedule"

/* From the keys of a configuration, which are copied. Errors: INVALID_ARGUMENT with the key, and
 * the place in a time. Whether instance and destinations are there is not looked at. Transfer
 * full. */
ObSchedule *ob_schedule_new (const char *name, GKeyFile *file, GError **error);

/* CONFIG/schedules/NAME.conf. Errors: those of ob_schedule_new() and of ob_keyfile_load_at().
 * Transfer full. */
ObSchedule *ob_schedule_load (int dirfd, const char *name, GError **error);

/* Writes it there. */
gboolean ob_schedule_save (const ObSchedule *schedule, int dirfd, GError **error);

ObSchedule *ob_schedule_ref (ObSchedule *schedule);
void ob_schedule_unref (ObSchedule *schedule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObSchedule, ob_schedule_unref)

/* Whether a key is one of the retention's rules: ob_retention_new() tells which of them there
 * are. */
gboolean ob_schedule_is_rule (const char *key);

/* That of the times which name none, and of the days and weeks that the retention counts. Transfer
 * full. */
GTimeZone *ob_schedule_new_zone (const ObSchedule *schedule);

/* Whether they say the same; and whether they run at the same times. */
gboolean ob_schedule_is_same (const ObSchedule *schedule, const ObSchedule *other);
gboolean ob_schedule_has_same_times (const ObSchedule *schedule, const ObSchedule *other);

/* "backup"… Transfer none. */
const char *ob_schedule_action_get_name (ObScheduleAction action);

/* The first time after @after (microseconds since the epoch) at which it should run, without the
 * random delay; G_MAXINT64: never again. */
gint64 ob_schedule_next (const ObSchedule *schedule, gint64 after);

/* Seconds that may pass without a successful backup, as configured or, where nothing is, one and
 * a half times the longest of the gaps between its next runs, and an hour; 0 where it makes no
 * backups. @now: microseconds since the epoch. */
guint ob_schedule_get_late_after (const ObSchedule *schedule, gint64 now);

G_END_DECLS
