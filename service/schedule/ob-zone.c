/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-zone.h"

#define FIRST_SECOND G_GINT64_CONSTANT (-62135596800) /* 0001-01-01T00:00:00Z */
#define LAST_SECOND G_GINT64_CONSTANT (253402300799)  /* 9999-12-31T23:59:59Z */

/* Seconds east of Greenwich. */
static gint64
get_offset (GTimeZone *zone, gint64 time)
{
  int interval = g_time_zone_find_interval (zone, G_TIME_TYPE_UNIVERSAL, time);

  return interval < 0 ? 0 : g_time_zone_get_offset (zone, interval);
}

void
ob_zone_break_down (GTimeZone *zone, gint64 time, struct tm *tm)
{
  gint64 shown = time;

  shown = CLAMP (shown, FIRST_SECOND, LAST_SECOND);
  shown += get_offset (zone, shown);
  shown = CLAMP (shown, FIRST_SECOND, LAST_SECOND);
  gmtime_r (&(time_t){ shown }, tm);
}

gint64
ob_zone_compose (GTimeZone *zone, const struct tm *tm)
{
  struct tm copy = *tm;
  gint64 shown = timegm (&copy);
  gint64 guess = get_offset (zone, shown);

  /* The clock's time taken for UTC is off by hours, so near a change of the clocks that offset may
   * be the one of its other side. */
  return shown - get_offset (zone, shown - guess);
}
