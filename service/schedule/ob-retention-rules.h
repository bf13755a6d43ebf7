/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-duration.h"

G_BEGIN_DECLS

/* The largest number in a rule. */
#define OB_RETENTION_MAX_COUNT 10000

typedef enum
{
  OB_RETENTION_HOURLY,
  OB_RETENTION_DAILY,
  OB_RETENTION_WEEKLY, /* of ISO 8601: from Monday on */
  OB_RETENTION_MONTHLY,
  OB_RETENTION_YEARLY,
  OB_RETENTION_N_PERIODS
} ObRetentionPeriod;

/* Rules for backups of one kind, by restic's names and with their meaning (restic,
 * doc/060_forget.rst): what any one of them keeps is kept. A plain struct; all zero keeps
 * nothing. */
typedef struct
{
  guint last;                                        /* keep-last */
  guint counts[OB_RETENTION_N_PERIODS];              /* keep-hourly … keep-yearly */
  ObDuration within;                                 /* keep-within */
  ObDuration within_periods[OB_RETENTION_N_PERIODS]; /* keep-within-hourly … keep-within-yearly */
} ObRetentionRules;

/* Told that a rule keeps the backup at @index, and as which one: "daily 3 of 7", transfer full. */
typedef void (*ObRetentionKept) (gsize index, char *reason, gpointer data);

/* "daily". Transfer none. Any thread. */
const char *ob_retention_period_get_name (ObRetentionPeriod period);

/* The names of all rules, "keep-last" first, NULL at the end. Transfer none. Any thread. */
const char *const *ob_retention_rules_list_names (void);

/* Sets the rule @name, one of those, from @text: a number of 0 to OB_RETENTION_MAX_COUNT, or a span
 * of time where the name has "within" in it (see ob_duration_parse()). Zero turns it off. Any
 * thread. Errors: INVALID_ARGUMENT, without a word about @name. */
gboolean ob_retention_rules_set (ObRetentionRules *rules, const char *name, const char *text,
                                 GError **error);

/* Whether they keep nothing at all. Any thread. */
gboolean ob_retention_rules_is_empty (const ObRetentionRules *rules);

/* For people: "the last 3, 7 daily, 4 weekly and all within 2 months". Transfer full. Any
 * thread. */
char *ob_retention_rules_to_string (const ObRetentionRules *rules);

/* Calls @kept for each rule that keeps one of @n_times backups, made at @times: seconds since 1970,
 * UTC, newest first. Periods are cut, and spans of time counted, as clocks and calendars in @zone
 * show them. Any thread.
 *
 * The choice is restic's (internal/restic/snapshot_policy.go of 0.14; later versions also keep the
 * oldest backup where a count has not come to its end): of each period that has backups the newest
 * one counts, from the newest period on. A span of time ends at the newest backup and not now, so
 * nothing runs out where no more backups are made. */
void ob_retention_rules_choose (const ObRetentionRules *rules, const gint64 *times, gsize n_times,
                                GTimeZone *zone, ObRetentionKept kept, gpointer data);

G_END_DECLS
