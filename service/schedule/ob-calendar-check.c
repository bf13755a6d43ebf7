/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-calendar-private.h"

/* What is true of each unit. */
typedef struct
{
  const char *expected;
  gint64 first;
  gint64 last;
} Limits;

static const Limits limits[OB_CALENDAR_N_UNITS] = {
  { "a year from 1970 to 2199", OB_CALENDAR_FIRST_YEAR, OB_CALENDAR_LAST_YEAR },
  { "a month from 1 to 12", 1, 12 },
  { "a day from 1 to 31", 1, 31 },
  { "an hour from 0 to 23", 0, 23 },
  { "a minute from 0 to 59", 0, 59 },
  { "seconds from 0 to 59.999999", 0, 60 * G_USEC_PER_SEC - 1 },
};

static const Limits from_month_end
  = { "a day from 1 to 28, counted from the end of the month", 1, OB_CALENDAR_SHORTEST_MONTH };

typedef struct
{
  const char *text;
  GError **error;
} Checker;

/* Complains at the byte @offset. Always FALSE. */
G_GNUC_PRINTF (3, 4)
static gboolean
refuse_at (Checker *checker, gsize offset, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  ob_calendar_set_mistake (checker->error, checker->text, offset, format, arguments);
  va_end (arguments);
  return FALSE;
}

/* 26 is 2026, 93 is 1993. */
static gint64
complete_year (gint64 year)
{
  return year < 0 || year >= 100 ? year : year < 70 ? year + 2000 : year + 1900;
}

/* A range ends where its last step does; one of a single value is that value. */
static void
normalize_range (ObCalendarRange *range)
{
  gboolean is_range = range->stop > range->start && range->step > 0;

  if (is_range)
    range->stop -= (range->stop - range->start) % range->step;
  if (range->start == range->stop)
    {
      range->step = 0;
      range->stop = -1;
    }
}

static gboolean
check_range (Checker *checker, const ObCalendarRange *range, const Limits *limit,
             gboolean is_from_end)
{
  if (range->start < limit->first || range->start > limit->last)
    return refuse_at (checker, range->start_at, "%s is expected", limit->expected);
  if (range->stop >= 0 && (range->stop < limit->first || range->stop > limit->last))
    return refuse_at (checker, range->stop_at, "%s is expected", limit->expected);
  if (range->stop >= 0 && range->stop < range->start)
    return refuse_at (checker, range->stop_at,
                      "the end of a range is expected not to come before its beginning");
  if (range->step > limit->last - limit->first
      || (range->stop >= 0 && range->start + range->step > range->stop)
      || (range->stop < 0 && is_from_end && range->start - range->step < limit->first)
      || (range->stop < 0 && !is_from_end && range->start + range->step > limit->last))
    return refuse_at (checker, range->step_at, "a step is expected that fits in at least once");
  return TRUE;
}

static int
compare_ranges (gconstpointer a, gconstpointer b)
{
  const ObCalendarRange *one = a;
  const ObCalendarRange *other = b;

  if (one->start != other->start)
    return one->start < other->start ? -1 : 1;
  if (one->stop != other->stop)
    return one->stop < other->stop ? -1 : 1;
  return one->step < other->step ? -1 : one->step > other->step;
}

static gboolean
check_unit (Checker *checker, ObCalendar *calendar, ObCalendarUnit unit)
{
  gboolean is_from_end = unit == OB_CALENDAR_DAY && calendar->from_month_end;
  const Limits *limit = is_from_end ? &from_month_end : &limits[unit];
  GArray *ranges = calendar->ranges[unit];

  for (guint i = 0; ranges != NULL && i < ranges->len; i++)
    {
      ObCalendarRange *range = &g_array_index (ranges, ObCalendarRange, i);

      if (unit == OB_CALENDAR_YEAR)
        {
          range->start = complete_year (range->start);
          range->stop = complete_year (range->stop);
        }
      normalize_range (range);
      if (!check_range (checker, range, limit, is_from_end))
        return FALSE;
    }
  if (ranges == NULL)
    return TRUE;

  g_array_sort (ranges, compare_ranges);
  for (guint i = ranges->len - 1; i > 0; i--)
    if (compare_ranges (&g_array_index (ranges, ObCalendarRange, i),
                        &g_array_index (ranges, ObCalendarRange, i - 1))
        == 0)
      g_array_remove_index (ranges, i);
  return TRUE;
}

const char *
ob_calendar_get_expected (ObCalendarUnit unit)
{
  return limits[unit].expected;
}

gboolean
ob_calendar_check (ObCalendar *calendar, const char *text, GError **error)
{
  Checker checker = { text, error };

  for (guint unit = 0; unit < OB_CALENDAR_N_UNITS; unit++)
    if (!check_unit (&checker, calendar, unit))
      return FALSE;
  return TRUE;
}
