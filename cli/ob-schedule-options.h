/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a schedule is told on the command line. */
#pragma once

#include "ob-client.h"

G_BEGIN_DECLS

typedef struct
{
  char *instance, *to, *parts, *zone, *action, *overlap, *random_delay, *late_after, *verify,
    *prune_limit;
  char *keep_last, *keep_hourly, *keep_daily, *keep_weekly, *keep_monthly, *keep_yearly,
    *keep_within;
  char **times, **rules, **clear;
  gboolean drill, no_drill, no_prune, prune, no_catch_up, catch_up, disable, enable;
} ObScheduleOptions;

void ob_schedule_options_clear (ObScheduleOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ObScheduleOptions, ob_schedule_options_clear)

/* The options for the parser, which write to @options. @edit: with those that only a change has.
 * Transfer full (g_free()). */
GOptionEntry *ob_schedule_options_new_entries (ObScheduleOptions *options, gboolean edit);

/* The a{sv} of AddSchedule (@whole) or of Update. In a whole one instance and destination may be
 * left out where there is one. Floating; NULL on error. */
GVariant *ob_schedule_options_build (const ObScheduleOptions *options, ObClient *client,
                                     gboolean whole, GError **error);

G_END_DECLS
