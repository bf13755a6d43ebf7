/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-duration.h"

#include <string.h>

#include "ob-error.h"
#include "ob-zone.h"

#define N_UNITS 4
#define MAX_LENGTH 64

typedef struct
{
  char letter;
  const char *singular, *plural;
} Unit;

static const Unit units[N_UNITS] = {
  { 'y', "year", "years" },
  { 'm', "month", "months" },
  { 'd', "day", "days" },
  { 'h', "hour", "hours" },
};

static gboolean
refuse (GError **error, const char *text, const char *why)
{
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "“%s” is not a span of time: %s. Write it as 2y5m7d3h, for 2 years, 5 months, "
               "7 days and 3 hours, or a part of that",
               text, why);
  return FALSE;
}

/* The unit of @letter; N_UNITS where it is none. */
static guint
find_unit (char letter)
{
  guint unit = 0;

  while (unit < N_UNITS && units[unit].letter != letter)
    unit++;
  return unit;
}

gboolean
ob_duration_parse (const char *text, ObDuration *duration, GError **error)
{
  guint numbers[N_UNITS] = { 0 };
  gboolean given[N_UNITS] = { FALSE };
  const char *at = text;

  if (strlen (text) > MAX_LENGTH)
    return refuse (error, "…", "it is too long");
  if (*text == '\0')
    return refuse (error, text, "it is empty");

  while (*at != '\0')
    {
      guint number = 0;
      guint unit;

      if (!g_ascii_isdigit (*at))
        return refuse (error, text, "a number is missing");
      for (; g_ascii_isdigit (*at); at++)
        if ((number = number * 10 + (guint) (*at - '0')) > OB_DURATION_MAX)
          return refuse (error, text, "a number is larger than 10000");
      if ((unit = find_unit (*at)) == N_UNITS)
        return refuse (error, text, "behind a number there has to be y, m, d or h");
      if (given[unit])
        return refuse (error, text, "a unit is there twice");
      given[unit] = TRUE;
      numbers[unit] = number;
      at++;
    }

  *duration = (ObDuration){ numbers[0], numbers[1], numbers[2], numbers[3] };
  return TRUE;
}

gboolean
ob_duration_is_zero (const ObDuration *duration)
{
  return (duration->years | duration->months | duration->days | duration->hours) == 0;
}

char *
ob_duration_to_string (const ObDuration *duration)
{
  const guint numbers[N_UNITS]
    = { duration->years, duration->months, duration->days, duration->hours };
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < N_UNITS; i++)
    if (numbers[i] != 0)
      g_string_append_printf (text, "%s%u %s", text->len > 0 ? " " : "", numbers[i],
                              numbers[i] == 1 ? units[i].singular : units[i].plural);
  if (text->len == 0)
    g_string_append (text, "no time");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

gint64
ob_duration_subtract (const ObDuration *duration, gint64 time, GTimeZone *zone)
{
  struct tm tm = { 0 };

  ob_zone_break_down (zone, time, &tm);
  tm.tm_year -= (int) duration->years;
  tm.tm_mon -= (int) duration->months;
  tm.tm_mday -= (int) duration->days;
  return ob_zone_compose (zone, &tm) - 3600 * (gint64) duration->hours;
}
