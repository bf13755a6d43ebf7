/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-format.h"

#include <stdio.h>
#include <string.h>

char *
ob_format_size (guint64 bytes)
{
  static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
  double value = (double) bytes;
  guint unit = 0;

  if (bytes == G_MAXUINT64)
    return g_strdup ("-");
  while (value >= 999.5 && unit + 1 < G_N_ELEMENTS (units))
    {
      value /= 1000;
      unit++;
    }
  if (unit == 0 || value >= 99.95)
    return g_strdup_printf ("%.0f %s", value, units[unit]);
  return g_strdup_printf ("%.1f %s", value, units[unit]);
}

char *
ob_format_duration (double seconds)
{
  guint64 whole = (guint64) (seconds + 0.5);

  if (seconds < 9.95)
    return g_strdup_printf ("%.1f s", seconds < 0 ? 0 : seconds);
  if (whole < 60)
    return g_strdup_printf ("%" G_GUINT64_FORMAT " s", whole);
  if (whole < 3600)
    return g_strdup_printf ("%" G_GUINT64_FORMAT " min %02" G_GUINT64_FORMAT " s", whole / 60,
                            whole % 60);
  return g_strdup_printf ("%" G_GUINT64_FORMAT " h %02" G_GUINT64_FORMAT " min", whole / 3600,
                          whole % 3600 / 60);
}

char *
ob_format_time (guint64 when)
{
  g_autoptr (GDateTime) time = NULL;

  if (when == 0)
    return g_strdup ("never");
  time = when > G_MAXINT64 ? NULL : g_date_time_new_from_unix_local ((gint64) when);
  return time == NULL ? g_strdup ("?") : g_date_time_format (time, "%Y-%m-%d %H:%M");
}

char *
ob_format_age (guint64 when)
{
  gint64 age = g_get_real_time () / G_USEC_PER_SEC - (gint64) when;
  static const struct
  {
    gint64 seconds;
    const char *unit, *units;
  } steps[] = {
    { 86400 * 365, "year", "years" }, { 86400, "day", "days" }, { 3600, "hour", "hours" },
    { 60, "minute", "minutes" },
  };

  if (when == 0)
    return g_strdup ("never");
  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
    if (age >= steps[i].seconds)
      {
        gint64 n = age / steps[i].seconds;

        return g_strdup_printf ("%" G_GINT64_FORMAT " %s ago", n,
                                n == 1 ? steps[i].unit : steps[i].units);
      }
  return g_strdup ("just now");
}

gboolean
ob_parse_date (const char *text, guint64 *since, guint64 *until)
{
  int year = 0, month = 1, day = 1, used = 0;
  g_autoptr (GDateTime) first = NULL;
  g_autoptr (GDateTime) last = NULL;
  gsize length = strlen (text);

  if (strspn (text, "0123456789-") != length)
    return FALSE;
  if (length == 4 && sscanf (text, "%4d%n", &year, &used) == 1 && used == 4)
    ;
  else if (length == 7 && sscanf (text, "%4d-%2d%n", &year, &month, &used) == 2 && used == 7)
    ;
  else if (length == 10 && sscanf (text, "%4d-%2d-%2d%n", &year, &month, &day, &used) == 3
           && used == 10)
    ;
  else
    return FALSE;

  first = year < 1970 ? NULL : g_date_time_new_local (year, month, day, 0, 0, 0);
  if (first == NULL)
    return FALSE;
  last = length == 4 ? g_date_time_add_years (first, 1)
         : length == 7 ? g_date_time_add_months (first, 1)
                       : g_date_time_add_days (first, 1);
  *since = (guint64) MAX (g_date_time_to_unix (first), 0);
  *until = (guint64) MAX (g_date_time_to_unix (last), 0);
  return TRUE;
}
