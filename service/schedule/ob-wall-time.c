/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-wall-time.h"

/* No offset is that large, and no zone changes its offset twice within so short a time. */
#define FAR (36 * 3600)

static gint64
floor_seconds (gint64 usec)
{
  gint64 seconds = usec / G_USEC_PER_SEC;

  return usec % G_USEC_PER_SEC < 0 ? seconds - 1 : seconds;
}

/* The first second of the interval that follows @interval; it lies after @low and not after @high.
 */
static gint64
find_change (GTimeZone *zone, int interval, gint64 low, gint64 high)
{
  while (high - low > 1)
    {
      gint64 middle = low + (high - low) / 2;

      if (g_time_zone_find_interval (zone, G_TIME_TYPE_UNIVERSAL, middle) > interval)
        high = middle;
      else
        low = middle;
    }
  return high;
}

gint64
ob_wall_time_from_utc (GTimeZone *zone, gint64 usec)
{
  int interval = g_time_zone_find_interval (zone, G_TIME_TYPE_UNIVERSAL, floor_seconds (usec));

  return usec + (gint64) g_time_zone_get_offset (zone, interval) * G_USEC_PER_SEC;
}

gboolean
ob_wall_time_to_utc (GTimeZone *zone, gint64 wall, gint64 after_usec, gint64 *usec)
{
  gint64 seconds = floor_seconds (wall);
  gint64 low = seconds - FAR;
  gint64 high = seconds + FAR;
  int last = g_time_zone_find_interval (zone, G_TIME_TYPE_UNIVERSAL, high);

  for (int i = g_time_zone_find_interval (zone, G_TIME_TYPE_UNIVERSAL, low); i <= last; i++)
    {
      gint64 offset = g_time_zone_get_offset (zone, i);
      gint64 change;

      *usec = wall - offset * G_USEC_PER_SEC;
      if (*usec > after_usec
          && g_time_zone_find_interval (zone, G_TIME_TYPE_UNIVERSAL, seconds - offset) == i)
        return TRUE;
      if (i == last)
        break;

      change = find_change (zone, i, low, high);
      *usec = change * G_USEC_PER_SEC;
      if (*usec > after_usec && seconds >= change + offset
          && seconds < change + g_time_zone_get_offset (zone, i + 1))
        return TRUE;
    }
  return FALSE;
}
