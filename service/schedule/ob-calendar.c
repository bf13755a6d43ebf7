/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-calendar-private.h"

static const char *const weekdays[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };

/* Appends days that follow each other, "Mon", "Mon,Tue" or "Mon..Wed". */
static void
append_run (GString *out, guint first, guint last)
{
  g_string_append_printf (out, "%s%s", out->len > 0 ? "," : "", weekdays[first]);
  if (last > first)
    g_string_append_printf (out, "%s%s", last == first + 1 ? "," : "..", weekdays[last]);
}

static void
append_weekdays (GString *out, guint set)
{
  if (set == OB_CALENDAR_ALL_WEEKDAYS)
    return;
  for (guint first = 0; first < G_N_ELEMENTS (weekdays); first++)
    {
      guint last = first;

      if ((set & (1u << first)) == 0)
        continue;
      while ((set & (1u << (last + 1))) != 0)
        last++;
      append_run (out, first, last);
      first = last;
    }
  g_string_append_c (out, ' ');
}

static gboolean
is_any_value (const GArray *ranges, ObCalendarUnit unit)
{
  for (guint i = 0; ranges != NULL && i < ranges->len; i++)
    {
      const ObCalendarRange *range = &g_array_index (ranges, ObCalendarRange, i);

      if (unit == OB_CALENDAR_SECOND && range->start == 0 && range->stop < 0
          && range->step == G_USEC_PER_SEC)
        return TRUE;
    }
  return ranges == NULL;
}

static void
append_number (GString *out, gint64 value, int digits, ObCalendarUnit unit)
{
  gint64 whole = unit == OB_CALENDAR_SECOND ? G_USEC_PER_SEC : 1;

  g_string_append_printf (out, "%0*" G_GINT64_FORMAT, digits, value / whole);
  if (value % whole > 0)
    g_string_append_printf (out, ".%06" G_GINT64_FORMAT, value % whole);
}

static void
append_ranges (GString *out, const GArray *ranges, ObCalendarUnit unit)
{
  gint64 usual_step = unit == OB_CALENDAR_SECOND ? G_USEC_PER_SEC : 1;
  int digits = unit == OB_CALENDAR_YEAR ? 4 : 2;

  if (is_any_value (ranges, unit))
    {
      g_string_append_c (out, '*');
      return;
    }
  for (guint i = 0; i < ranges->len; i++)
    {
      const ObCalendarRange *range = &g_array_index (ranges, ObCalendarRange, i);

      if (i > 0)
        g_string_append_c (out, ',');
      append_number (out, range->start, digits, unit);
      if (range->stop >= 0)
        {
          g_string_append (out, "..");
          append_number (out, range->stop, digits, unit);
        }
      if (range->step > 0 && !(range->stop >= 0 && range->step == usual_step))
        {
          g_string_append_c (out, '/');
          append_number (out, range->step, 1, unit);
        }
    }
}

/* public methods */
ObCalendar *
ob_calendar_new (const char *text, GError **error)
{
  g_autoptr (ObCalendar) calendar = g_new0 (ObCalendar, 1);

  g_return_val_if_fail (text != NULL, NULL);
  if (!ob_calendar_parse (calendar, text, error))
    return NULL;
  ob_calendar_fill_sets (calendar);
  return g_steal_pointer (&calendar);
}

void
ob_calendar_free (ObCalendar *calendar)
{
  for (guint i = 0; i < OB_CALENDAR_N_UNITS; i++)
    g_clear_pointer (&calendar->ranges[i], g_array_unref);
  g_clear_pointer (&calendar->zone, g_time_zone_unref);
  g_free (calendar->zone_name);
  g_free (calendar);
}

char *
ob_calendar_to_string (const ObCalendar *calendar)
{
  static const char separators[] = "\0-- ::";
  g_autoptr (GString) out = g_string_new (NULL);

  append_weekdays (out, calendar->weekdays);
  for (guint i = 0; i < OB_CALENDAR_N_UNITS; i++)
    {
      if (i == OB_CALENDAR_DAY && calendar->from_month_end)
        g_string_append_c (out, '~');
      else if (i > 0)
        g_string_append_c (out, separators[i]);
      append_ranges (out, calendar->ranges[i], i);
    }
  if (calendar->zone_name != NULL)
    g_string_append_printf (out, " %s", calendar->zone_name);
  return g_string_free (g_steal_pointer (&out), FALSE);
}
