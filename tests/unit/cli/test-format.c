/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-format.h"

#include <stdlib.h>
#include <time.h>

static void
test_size (void)
{
  static const struct
  {
    guint64 bytes;
    const char *text;
  } cases[] = {
    { 0, "0 B" },           { 999, "999 B" },           { 1000, "1.0 kB" },
    { 1499, "1.5 kB" },     { 99949, "99.9 kB" },       { 99950, "100 kB" },
    { 999499, "999 kB" },   { 999500, "1.0 MB" },       { 1410000000, "1.4 GB" },
    { G_MAXUINT64, "-" },   { G_MAXUINT64 - 1, "18.4 EB" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = ob_format_size (cases[i].bytes);

      g_assert_cmpstr (text, ==, cases[i].text);
    }
}

static void
test_duration (void)
{
  static const struct
  {
    double seconds;
    const char *text;
  } cases[] = {
    { -1, "0.0 s" },     { 0.44, "0.4 s" },        { 9.94, "9.9 s" },
    { 9.96, "10 s" },    { 59.4, "59 s" },         { 59.6, "1 min 00 s" },
    { 185, "3 min 05 s" }, { 3599.6, "1 h 00 min" }, { 7800, "2 h 10 min" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = ob_format_duration (cases[i].seconds);

      g_assert_cmpstr (text, ==, cases[i].text);
    }
}

static void
test_date (void)
{
  guint64 since, until;

  g_assert_true (ob_parse_date ("2026", &since, &until));
  g_assert_cmpuint (since, ==, 1767225600);
  g_assert_cmpuint (until, ==, 1798761600);
  g_assert_true (ob_parse_date ("2026-11", &since, &until));
  g_assert_cmpuint (since, ==, 1793491200);
  g_assert_cmpuint (until - since, ==, 30 * 86400);
  g_assert_true (ob_parse_date ("2024-02-29", &since, &until));
  g_assert_cmpuint (until - since, ==, 86400);

  g_assert_false (ob_parse_date ("", &since, &until));
  g_assert_false (ob_parse_date ("26", &since, &until));
  g_assert_false (ob_parse_date ("2026-13", &since, &until));
  g_assert_false (ob_parse_date ("2026-02-30", &since, &until));
  g_assert_false (ob_parse_date ("2026-2-3", &since, &until));
  g_assert_false (ob_parse_date ("2026-1-22x", &since, &until));
  g_assert_false (ob_parse_date ("yesterday", &since, &until));
  g_assert_false (ob_parse_date ("-026", &since, &until));
}

static void
test_age (void)
{
  guint64 now = (guint64) (g_get_real_time () / G_USEC_PER_SEC);
  g_autofree char *never = ob_format_age (0);
  g_autofree char *soon = ob_format_age (now + 100);
  g_autofree char *days = ob_format_age (now - 3 * 86400);
  g_autofree char *hour = ob_format_age (now - 3700);

  g_assert_cmpstr (never, ==, "never");
  g_assert_cmpstr (soon, ==, "just now");
  g_assert_cmpstr (days, ==, "3 days ago");
  g_assert_cmpstr (hour, ==, "1 hour ago");
}

int
main (int argc, char **argv)
{
  setenv ("TZ", "UTC", 1);
  tzset ();
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/format/size", test_size);
  g_test_add_func ("/format/duration", test_duration);
  g_test_add_func ("/format/date", test_date);
  g_test_add_func ("/format/age", test_age);
  return g_test_run ();
}
