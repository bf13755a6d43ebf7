/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-zone.h"

typedef struct
{
  const char *zone;
  gint64 time;
  int year, month, day, hour, minute;
} Shown;

static void
test_break_down (void)
{
  static const Shown all[] = {
    { "UTC", 0, 1970, 1, 1, 0, 0 },
    { "Europe/Madrid", 1593590400, 2020, 7, 1, 10, 0 },
    { "Europe/Madrid", 1577869200, 2020, 1, 1, 10, 0 },
    { "America/Sao_Paulo", 1546300800, 2018, 12, 31, 22, 0 },
    { "Asia/Kathmandu", 1577836800, 2020, 1, 1, 5, 45 },
    { "Pacific/Kiritimati", 1577836800, 2020, 1, 1, 14, 0 },
    /* either side of the change on 2021-03-28 at 01:00 UTC */
    { "Europe/Madrid", 1616893199, 2021, 3, 28, 1, 59 },
    { "Europe/Madrid", 1616893200, 2021, 3, 28, 3, 0 },
    { "UTC", G_MININT64, 1, 1, 1, 0, 0 },
    { "UTC", G_MAXINT64, 9999, 12, 31, 23, 59 },
    { "Asia/Tokyo", G_MAXINT64, 9999, 12, 31, 23, 59 },
    { "America/New_York", G_MININT64, 1, 1, 1, 0, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    {
      g_autoptr (GTimeZone) zone = g_time_zone_new_identifier (all[i].zone);
      struct tm tm = { 0 };

      g_assert_nonnull (zone);
      ob_zone_break_down (zone, all[i].time, &tm);
      g_assert_cmpint (tm.tm_year + 1900, ==, all[i].year);
      g_assert_cmpint (tm.tm_mon + 1, ==, all[i].month);
      g_assert_cmpint (tm.tm_mday, ==, all[i].day);
      g_assert_cmpint (tm.tm_hour, ==, all[i].hour);
      g_assert_cmpint (tm.tm_min, ==, all[i].minute);
    }
}

static void
test_compose (void)
{
  static const Shown all[] = {
    { "UTC", 0, 1970, 1, 1, 0, 0 },
    { "Europe/Madrid", 1593590400, 2020, 7, 1, 10, 0 },
    { "Europe/Madrid", 1577869200, 2020, 1, 1, 10, 0 },
    { "Asia/Kathmandu", 1577836800, 2020, 1, 1, 5, 45 },
    /* out of their ranges: 2021-03-03, 2020-11-30 */
    { "UTC", 1614729600, 2021, 2, 31, 0, 0 },
    { "UTC", 1606694400, 2021, -1, 30, 0, 0 },
    { "UTC", 1606694400, 2021, 1, -31, 0, 0 },
    /* just before and behind the hour that is never shown, and the one that is shown twice */
    { "Europe/Madrid", 1616893140, 2021, 3, 28, 1, 59 },
    { "Europe/Madrid", 1616893200, 2021, 3, 28, 3, 0 },
    { "Europe/Madrid", 1635638340, 2021, 10, 31, 1, 59 },
    { "Europe/Madrid", 1635645600, 2021, 10, 31, 3, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    {
      g_autoptr (GTimeZone) zone = g_time_zone_new_identifier (all[i].zone);
      const struct tm tm = { .tm_year = all[i].year - 1900,
                             .tm_mon = all[i].month - 1,
                             .tm_mday = all[i].day,
                             .tm_hour = all[i].hour,
                             .tm_min = all[i].minute };

      g_assert_nonnull (zone);
      g_assert_cmpint (ob_zone_compose (zone, &tm), ==, all[i].time);
    }
}

/* What is shown twice or never is within an hour of what it could be. */
static void
test_compose_unclear (void)
{
  g_autoptr (GTimeZone) zone = g_time_zone_new_identifier ("Europe/Madrid");
  const struct tm never
    = { .tm_year = 121, .tm_mon = 2, .tm_mday = 28, .tm_hour = 2, .tm_min = 30 };
  const struct tm twice
    = { .tm_year = 121, .tm_mon = 9, .tm_mday = 31, .tm_hour = 2, .tm_min = 30 };
  gint64 time = ob_zone_compose (zone, &never);

  g_assert_true (time == 1616891400 || time == 1616895000);
  time = ob_zone_compose (zone, &twice);
  g_assert_true (time == 1635640200 || time == 1635643800);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/zone/break-down", test_break_down);
  g_test_add_func ("/zone/compose", test_compose);
  g_test_add_func ("/zone/compose-unclear", test_compose_unclear);
  return g_test_run ();
}
