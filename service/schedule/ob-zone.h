/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What clocks and calendars on the wall show, in a time zone. */
#pragma once

#include <glib.h>
#include <time.h>

G_BEGIN_DECLS

/* What they show in @zone at @time (seconds since 1970, UTC). Times before the year 1 and after
 * 9999 are clamped. Of @tm tm_sec to tm_yday are set. Any thread. */
void ob_zone_break_down (GTimeZone *zone, gint64 time, struct tm *tm);

/* The time (seconds since 1970, UTC) at which clocks and calendars in @zone show tm_sec to tm_year
 * of @tm, which need not be in their ranges: the 31st of February is the 3rd of March or the 2nd,
 * the month -1 is November of the year before. What they show twice, as clocks go back, is either
 * of the two; what they never show, as clocks go forward, is an hour before or after. Which one is
 * as the Date() function of Go's package "time" has it, as restic counts with that one. Any
 * thread. */
gint64 ob_zone_compose (GTimeZone *zone, const struct tm *tm);

G_END_DECLS
