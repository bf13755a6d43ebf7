/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The search goes by what the clock on the wall shows, where every day has 24 hours; only what it
 * finds is looked up in the time zone. */
#include "ob-calendar-private.h"

#include "ob-wall-time.h"

#define MINUTE (G_GINT64_CONSTANT (60) * G_USEC_PER_SEC)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define EPOCH_JULIAN 719163 /* 1970-01-01 as GDate counts days */
#define MAX_TRIES 1000

/* The smallest element of a set that is not below @from, or -1. */
static int
next_in_set (guint64 set, int from)
{
  if (from > 63)
    return -1;
  set &= G_MAXUINT64 << from;
  return set == 0 ? -1 : __builtin_ctzll (set);
}

/* The elements of @ranges from @low to @high, each as the bit of its distance from @base. */
static guint64
make_set (const GArray *ranges, int low, int high, int base)
{
  guint64 set = 0;

  for (int value = low; value <= high && ranges == NULL; value++)
    set |= G_GUINT64_CONSTANT (1) << (value - base);
  for (guint i = 0; ranges != NULL && i < ranges->len; i++)
    {
      const ObCalendarRange *range = &g_array_index (ranges, ObCalendarRange, i);
      gint64 stop = range->step == 0 ? range->start : range->stop < 0 ? high : range->stop;

      for (gint64 value = range->start; value <= MIN (stop, high); value += MAX (range->step, 1))
        if (value >= low)
          set |= G_GUINT64_CONSTANT (1) << (value - base);
    }
  return set;
}

/* As make_set(), for days that are counted from the end of a month of @length days. */
static guint64
make_set_from_month_end (const GArray *ranges, int length)
{
  g_autoptr (GArray) days = g_array_copy ((GArray *) ranges);

  for (guint i = 0; i < days->len; i++)
    {
      ObCalendarRange *range = &g_array_index (days, ObCalendarRange, i);
      gint64 first = range->stop < 0 ? range->start : range->stop;

      range->stop = range->stop < 0 ? -1 : length + 1 - range->start;
      range->start = length + 1 - first;
    }
  return make_set (days, 1, length, 0);
}

/* The first microsecond of a minute, from @from on, that an element of @ranges names, or -1. */
static gint64
next_in_minute (const GArray *ranges, gint64 from)
{
  gint64 found = -1;

  for (guint i = 0; i < ranges->len; i++)
    {
      const ObCalendarRange *range = &g_array_index (ranges, ObCalendarRange, i);
      gint64 value = range->start;

      if (value < from && range->step == 0)
        continue;
      if (value < from)
        value += (from - value + range->step - 1) / range->step * range->step;
      if (value < MINUTE && (range->stop < 0 || value <= range->stop)
          && (found < 0 || value < found))
        found = value;
    }
  return found;
}

/* The first time of a day, in microseconds from @from on, or -1. */
static gint64
next_in_day (const ObCalendar *calendar, gint64 from)
{
  const GArray *seconds = calendar->ranges[OB_CALENDAR_SECOND];
  int hour = (int) (from / HOUR);
  int minute = (int) (from % HOUR / MINUTE);
  int found = next_in_set (calendar->hours, hour);
  gint64 second = -1;

  if (found == hour)
    {
      if (next_in_set (calendar->minutes, minute) == minute)
        second = next_in_minute (seconds, from % MINUTE);
      if (second < 0)
        {
          second = 0;
          minute = next_in_set (calendar->minutes, minute + 1);
          if (minute >= 0)
            second = next_in_minute (seconds, 0);
          else
            found = next_in_set (calendar->hours, hour + 1);
        }
    }
  if (found < 0)
    return -1;
  if (found != hour)
    {
      minute = next_in_set (calendar->minutes, 0);
      second = next_in_minute (seconds, 0);
    }
  return found * HOUR + minute * MINUTE + second;
}

static gboolean
has_year (const ObCalendar *calendar, int year)
{
  guint i = (guint) (year - OB_CALENDAR_FIRST_YEAR);

  return (calendar->years[i / 64] >> (i % 64) & 1) != 0;
}

/* The first day of a month, from @from on, or -1. */
static int
next_in_month (const ObCalendar *calendar, int year, int month, int from)
{
  int length = g_date_get_days_in_month ((GDateMonth) month, (GDateYear) year);
  guint64 days = calendar->days[length - OB_CALENDAR_SHORTEST_MONTH];
  GDate first;

  g_date_clear (&first, 1);
  g_date_set_dmy (&first, 1, (GDateMonth) month, (GDateYear) year);
  for (int day = next_in_set (days, from); day >= 0; day = next_in_set (days, day + 1))
    {
      int weekday = ((int) g_date_get_weekday (&first) - 1 + day - 1) % 7;

      if ((calendar->weekdays & (1u << weekday)) != 0)
        return day;
    }
  return -1;
}

/* The number of the first day since 1970-01-01, from @from on. */
static gboolean
next_day (const ObCalendar *calendar, gint64 from, gint64 *found)
{
  GDate date;
  int month;
  int day;

  g_date_clear (&date, 1);
  g_date_set_julian (&date, (guint32) (from + EPOCH_JULIAN));
  month = g_date_get_month (&date);
  day = g_date_get_day (&date);
  for (int year = g_date_get_year (&date); year <= OB_CALENDAR_LAST_YEAR; year++, month = day = 1)
    {
      if (!has_year (calendar, year))
        continue;
      for (int m = next_in_set (calendar->months, month); m > 0;
           m = next_in_set (calendar->months, m + 1))
        {
          int d = next_in_month (calendar, year, m, m == month ? day : 1);

          if (d < 0)
            continue;
          g_date_set_dmy (&date, (GDateDay) d, (GDateMonth) m, (GDateYear) year);
          *found = (gint64) g_date_get_julian (&date) - EPOCH_JULIAN;
          return TRUE;
        }
    }
  return FALSE;
}

/* The first wall time from @from on. */
static gboolean
next_wall_time (const ObCalendar *calendar, gint64 from, gint64 *found)
{
  gint64 day;
  gint64 time;

  from = MAX (from, 0);
  if (!next_day (calendar, from / DAY, &day))
    return FALSE;
  time = next_in_day (calendar, day == from / DAY ? from % DAY : 0);
  if (time < 0)
    {
      if (!next_day (calendar, day + 1, &day))
        return FALSE;
      time = next_in_day (calendar, 0);
    }
  *found = day * DAY + time;
  return TRUE;
}

void
ob_calendar_fill_sets (ObCalendar *calendar)
{
  GArray *const *ranges = calendar->ranges;

  for (int i = 0; i < (int) G_N_ELEMENTS (calendar->years); i++)
    {
      int base = OB_CALENDAR_FIRST_YEAR + 64 * i;

      calendar->years[i]
        = make_set (ranges[OB_CALENDAR_YEAR], base, MIN (base + 63, OB_CALENDAR_LAST_YEAR), base);
    }
  calendar->months = make_set (ranges[OB_CALENDAR_MONTH], 1, 12, 0);
  calendar->hours = make_set (ranges[OB_CALENDAR_HOUR], 0, 23, 0);
  calendar->minutes = make_set (ranges[OB_CALENDAR_MINUTE], 0, 59, 0);
  for (int i = 0; i < (int) G_N_ELEMENTS (calendar->days); i++)
    {
      int length = OB_CALENDAR_SHORTEST_MONTH + i;

      calendar->days[i] = calendar->from_month_end
                            ? make_set_from_month_end (ranges[OB_CALENDAR_DAY], length)
                            : make_set (ranges[OB_CALENDAR_DAY], 1, length, 0);
    }
}

gboolean
ob_calendar_next (const ObCalendar *calendar, gint64 after_usec, GTimeZone *local_zone,
                  gint64 *next_usec)
{
  /* A day more than the first and the last year, for the offset of any zone. */
  const gint64 last = (OB_CALENDAR_LAST_YEAR + 1 - OB_CALENDAR_FIRST_YEAR) * 366 * DAY;
  GTimeZone *zone = calendar->zone != NULL ? calendar->zone : local_zone;
  gint64 wall;

  if (after_usec > last)
    return FALSE;
  after_usec = MAX (after_usec, -2 * DAY);

  /* These differ where the offset changes in between: what is skipped there is not to be missed,
   * nor what is shown a second time. */
  wall = MIN (ob_wall_time_from_utc (zone, after_usec) + 1,
              ob_wall_time_from_utc (zone, after_usec + 1));
  for (guint i = 0; i < MAX_TRIES && next_wall_time (calendar, wall, &wall); i++, wall++)
    if (ob_wall_time_to_utc (zone, wall, after_usec, next_usec))
      return TRUE;
  return FALSE;
}
