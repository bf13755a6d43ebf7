/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calendar expressions, as people write them into the configuration: a line with the moment to
 * search from, and the expression. */
#include "ob-calendar.h"

#include <string.h>

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("1774746000000000\nMon..Fri 02:30"),
  OB_FUZZ_SEED ("1774745999999999\n*:0/10"),
  OB_FUZZ_SEED ("0\nsat,Wednesday,Mon-Tue 26..30-*/2-1,15 8..18/2:0,30:59.5"),
  OB_FUZZ_SEED ("1792890000000000\n2:30 Europe/Madrid"),
  OB_FUZZ_SEED ("1541210400000000\ndaily America/Sao_Paulo"),
  OB_FUZZ_SEED ("-1\n*-02~1"),
  OB_FUZZ_SEED ("951782400000000\nMon *-05~07/1 UTC"),
  OB_FUZZ_SEED ("7258118399999999\n*:*:*"),
  OB_FUZZ_SEED ("9223372036854775807\nquarterly"),
  OB_FUZZ_SEED ("-9223372036854775808\n@1493187147"),
  OB_FUZZ_SEED ("1\n0:0:1.25..59/0.000001,23.42/1.77"),
  OB_FUZZ_SEED ("1\nSun *-02,04,06,09,11-31"),
  OB_FUZZ_SEED ("1\nsemi-annually ../../../../etc/passwd"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

/* Three lines, of which the last one marks a character of the second or its end. */
static void
check_mistake (const char *message)
{
  g_auto (GStrv) lines = g_strsplit (message, "\n", -1);

  g_assert_true (g_utf8_validate (message, -1, NULL));
  if (g_strv_length (lines) == 1) /* too long */
    return;
  g_assert_cmpuint (g_strv_length (lines), ==, 3);
  g_assert_cmpint (g_utf8_strlen (lines[2], -1), <=, g_utf8_strlen (lines[1], -1) + 1);
  g_assert_true (g_str_has_suffix (lines[2], "^"));
}

static void
check_next (const ObCalendar *calendar, const ObCalendar *again, gint64 after)
{
  g_autoptr (GTimeZone) zone = g_time_zone_new_identifier ("Europe/Madrid");
  gint64 next = 0;
  gint64 same = 0;
  gboolean is_there = ob_calendar_next (calendar, after, zone, &next);

  g_assert_nonnull (zone);
  g_assert_true (ob_calendar_next (again, after, zone, &same) == is_there);
  if (!is_there)
    return;
  g_assert_cmpint (next, >, after);
  g_assert_cmpint (same, ==, next);
  g_assert_true (ob_calendar_next (calendar, next - 1, zone, &same));
  g_assert_cmpint (same, ==, next);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  gint64 after = g_ascii_strtoll (text, NULL, 10);
  const char *line = strchr (text, '\n');
  const char *expression = line != NULL ? line + 1 : text;
  g_autoptr (GError) error = NULL;
  g_autoptr (ObCalendar) calendar = ob_calendar_new (expression, &error);
  g_autoptr (ObCalendar) again = NULL;
  g_autofree char *normalized = NULL;
  g_autofree char *normalized_again = NULL;

  g_assert_true ((calendar == NULL) == (error != NULL));
  if (calendar == NULL)
    {
      check_mistake (error->message);
      return 0;
    }
  normalized = ob_calendar_to_string (calendar);
  if (strlen (normalized) > OB_CALENDAR_MAX_TEXT)
    return 0;
  again = ob_calendar_new (normalized, NULL);
  g_assert_nonnull (again);
  normalized_again = ob_calendar_to_string (again);
  g_assert_cmpstr (normalized, ==, normalized_again);
  check_next (calendar, again, after);
  return 0;
}
