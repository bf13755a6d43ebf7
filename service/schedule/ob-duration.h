/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The largest number of each unit. */
#define OB_DURATION_MAX 10000

/* A span of the calendar: how long a month is depends on where it is counted from. */
typedef struct
{
  guint years, months, days, hours; /* 0 to OB_DURATION_MAX */
} ObDuration;

/* Reads numbers that are each followed by their unit, y, m (months), d or h, in any order and each
 * unit at most once: "2y5m7d3h", as restic has them (doc/060_forget.rst, "--keep-within"). Any
 * thread. Errors: INVALID_ARGUMENT, a sentence about @text that does not tell where it comes
 * from. */
gboolean ob_duration_parse (const char *text, ObDuration *duration, GError **error);

/* Whether it has no length. Any thread. */
gboolean ob_duration_is_zero (const ObDuration *duration);

/* For people: "2 years 1 month"; "no time" where it has no length. Transfer full. Any thread. */
char *ob_duration_to_string (const ObDuration *duration);

/* The time that lies @duration before @time, both in seconds since 1970, UTC. Years, months and
 * days are those of the calendar in @zone, all at once, and hours are of 3600 seconds; a day that
 * the month does not have is one of the next month (see ob_zone_compose()). So restic counts. Any
 * thread. */
gint64 ob_duration_subtract (const ObDuration *duration, gint64 time, GTimeZone *zone);

G_END_DECLS
