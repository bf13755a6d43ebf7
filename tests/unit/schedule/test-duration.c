/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-duration.h"

#include "fixture.h"
#include "ob-error.h"

typedef struct
{
  const char *text;
  ObDuration duration;
  const char *told;
} Span;

static void
test_parse (void)
{
  static const Span spans[] = {
    { "2y5m7d3h", { 2, 5, 7, 3 }, "2 years 5 months 7 days 3 hours" },
    { "3h7d5m2y", { 2, 5, 7, 3 }, "2 years 5 months 7 days 3 hours" },
    { "1y1m1d1h", { 1, 1, 1, 1 }, "1 year 1 month 1 day 1 hour" },
    { "2m", { 0, 2, 0, 0 }, "2 months" },
    { "0012d", { 0, 0, 12, 0 }, "12 days" },
    { "10000y10000m10000d10000h",
      { 10000, 10000, 10000, 10000 },
      "10000 years 10000 months 10000 days 10000 hours" },
    { "0y0h", { 0, 0, 0, 0 }, "no time" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (spans); i++)
    {
      ObDuration duration = { 9, 9, 9, 9 };
      g_autoptr (GError) error = NULL;
      g_autofree char *told = NULL;

      g_assert_true (ob_duration_parse (spans[i].text, &duration, &error));
      g_assert_no_error (error);
      g_assert_cmpmem (&duration, sizeof duration, &spans[i].duration, sizeof duration);
      told = ob_duration_to_string (&duration);
      g_assert_cmpstr (told, ==, spans[i].told);
      g_assert_cmpint (ob_duration_is_zero (&duration), ==, strcmp (told, "no time") == 0);
    }
}

static void
test_parse_refuses (void)
{
  static const struct
  {
    const char *text, *told;
  } texts[] = {
    { "", "is empty" },
    { "d", "a number is missing" },
    { "7", "has to be y, m, d or h" },
    { "7w", "has to be y, m, d or h" },
    { "7D", "has to be y, m, d or h" },
    { "-7d", "a number is missing" },
    { "+7d", "a number is missing" },
    { "7 d", "has to be y, m, d or h" },
    { " 7d", "a number is missing" },
    { "7d ", "a number is missing" },
    { "7d5", "has to be y, m, d or h" },
    { "7d7d", "there twice" },
    { "1.5d", "has to be y, m, d or h" },
    { "10001d", "larger than 10000" },
    { "18446744073709551617h", "larger than 10000" },
    { "٣d", "a number is missing" },
    { "000000000000000000000000000000000000000000000000000000000000000001d", "too long" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      ObDuration duration = { 9, 9, 9, 9 };
      g_autoptr (GError) error = NULL;

      g_assert_false (ob_duration_parse (texts[i].text, &duration, &error));
      g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
      g_assert_message (error, texts[i].told);
      g_assert_message (error, "2y5m7d3h");
    }
}

static void
assert_subtracts (const char *zone_name, const char *from, const char *text, const char *to)
{
  g_autoptr (GTimeZone) zone = g_time_zone_new_identifier (zone_name);
  g_autoptr (GDateTime) start = g_date_time_new_from_iso8601 (from, zone);
  g_autoptr (GDateTime) end = g_date_time_new_from_iso8601 (to, zone);
  ObDuration duration = { 0 };

  g_assert_true (ob_duration_parse (text, &duration, NULL));
  g_assert_cmpint (ob_duration_subtract (&duration, g_date_time_to_unix (start), zone), ==,
                   g_date_time_to_unix (end));
}

static void
test_subtract (void)
{
  assert_subtracts ("UTC", "2026-11-28T10:00:00", "2y5m7d3h", "2024-06-21T07:00:00");
  assert_subtracts ("UTC", "2026-01-15T10:00:00", "14m", "2024-11-15T10:00:00");
  assert_subtracts ("UTC", "2024-02-29T10:00:00", "1y", "2023-03-01T10:00:00");
  assert_subtracts ("UTC", "2026-03-31T10:00:00", "1m", "2026-03-03T10:00:00");
  /* a day has 23 hours here, and the clock shows the same */
  assert_subtracts ("Europe/Madrid", "2021-03-28T10:00:00", "1d", "2021-03-27T10:00:00");
  assert_subtracts ("Europe/Madrid", "2021-03-28T10:00:00", "24h", "2021-03-27T09:00:00");
  assert_subtracts ("Europe/Madrid", "2021-07-15T10:00:00", "6m", "2021-01-15T10:00:00");
}

/* The ends of what can be read stay numbers. */
static void
test_subtract_most (void)
{
  const ObDuration most = { OB_DURATION_MAX, OB_DURATION_MAX, OB_DURATION_MAX, OB_DURATION_MAX };
  g_autoptr (GTimeZone) zone = g_time_zone_new_identifier ("America/Sao_Paulo");

  g_assert_cmpint (ob_duration_subtract (&most, G_MININT64, zone), <,
                   G_GINT64_CONSTANT (-300000000000));
  g_assert_cmpint (ob_duration_subtract (&most, G_MAXINT64, zone), <, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/duration/parse", test_parse);
  g_test_add_func ("/duration/parse-refuses", test_parse_refuses);
  g_test_add_func ("/duration/subtract", test_subtract);
  g_test_add_func ("/duration/subtract-most", test_subtract_most);
  return g_test_run ();
}
