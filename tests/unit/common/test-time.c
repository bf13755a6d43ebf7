/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-time.h"

typedef struct
{
  const char *text;
  gint64 seconds;
  long nanoseconds;
} Moment;

static void
test_format (void)
{
  static const Moment moments[] = {
    { "1970-01-01T00:00:00Z", 0, 0 },
    { "2026-11-23T04:05:06.789Z", 1795406706, 789000000 },
    { "2026-11-23T04:05:06.000000001Z", 1795406706, 1 },
    { "2026-11-23T04:05:06.1Z", 1795406706, 100000000 },
    { "1969-12-31T23:59:59.5Z", -1, 500000000 },
    { "2024-02-29T00:00:00Z", 1709164800, 0 },
    { "0000-01-01T00:00:00Z", G_GINT64_CONSTANT (-62167219200), 0 },
    { "9999-12-31T23:59:59Z", G_GINT64_CONSTANT (253402300799), 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (moments); i++)
    {
      struct timespec when = { moments[i].seconds, moments[i].nanoseconds };
      struct timespec back = { 0 };
      g_autofree char *text = ob_time_format (&when);

      g_assert_cmpstr (text, ==, moments[i].text);
      g_assert_true (ob_time_parse (text, &back));
      g_assert_cmpint (back.tv_sec, ==, when.tv_sec);
      g_assert_cmpint (back.tv_nsec, ==, when.tv_nsec);
    }
}

static void
test_format_clamps (void)
{
  struct timespec late = { G_MAXINT64, 5000000000 };
  struct timespec early = { G_MININT64, -1 };
  g_autofree char *last = ob_time_format (&late);
  g_autofree char *first = ob_time_format (&early);

  g_assert_cmpstr (last, ==, "9999-12-31T23:59:59.999999999Z");
  g_assert_cmpstr (first, ==, "0000-01-01T00:00:00Z");
}

static void
test_parse (void)
{
  static const Moment moments[] = {
    { "2026-11-23T05:05:06+01:00", 1795406706, 0 },
    { "2026-11-22T22:35:06.25-05:30", 1795406706, 250000000 },
    { "2026-11-23t04:05:06z", 1795406706, 0 },
    /* what is finer than a nanosecond is cut off, not rounded */
    { "2026-11-23T04:05:06.9999999999999999999999Z", 1795406706, 999999999 },
    { "2016-12-31T23:59:60Z", 1483228800, 0 },
    { "0000-02-29T00:00:00Z", G_GINT64_CONSTANT (-62162121600), 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (moments); i++)
    {
      struct timespec when = { 0 };

      g_assert_true (ob_time_parse (moments[i].text, &when));
      g_assert_cmpint (when.tv_sec, ==, moments[i].seconds);
      g_assert_cmpint (when.tv_nsec, ==, moments[i].nanoseconds);
    }
}

static void
test_parse_refuses (void)
{
  static const char *const texts[] = {
    "",
    "2026",
    "2026-11-23",
    "2026-11-23T04:05:06",
    "2026-11-23 04:05:06Z",
    "2026-11-23T04:05Z",
    "2026-13-23T04:05:06Z",
    "2026-00-23T04:05:06Z",
    "2026-11-31T04:05:06Z",
    "2026-11-00T04:05:06Z",
    "2025-02-29T04:05:06Z",
    "1900-02-29T04:05:06Z",
    "2026-11-23T24:05:06Z",
    "2026-11-23T04:60:06Z",
    "2026-11-23T04:05:61Z",
    "2026-11-23T04:05:06.Z",
    "2026-11-23T04:05:06,5Z",
    "2026-11-23T04:05:06+0100",
    "2026-11-23T04:05:06+24:00",
    "2026-11-23T04:05:06+01:60",
    "2026-11-23T04:05:06Zulu",
    "2026-11-23T04:05:06Z ",
    " 2026-11-23T04:05:06Z",
    "+026-11-23T04:05:06Z",
    "2026-1a-23T04:05:06Z",
    "12026-11-23T04:05:06Z",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      struct timespec when = { 0 };

      if (ob_time_parse (texts[i], &when))
        g_error ("\"%s\" was taken for a time", texts[i]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/time/format", test_format);
  g_test_add_func ("/time/format-clamps", test_format_clamps);
  g_test_add_func ("/time/parse", test_parse);
  g_test_add_func ("/time/parse-refuses", test_parse_refuses);
  return g_test_run ();
}
