/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-wall-time.h"

#include "ob-time.h"

static gint64
moment (const char *text)
{
  struct timespec when;

  g_assert_true (ob_time_parse (text, &when));
  return (gint64) when.tv_sec * G_USEC_PER_SEC + when.tv_nsec / 1000;
}

typedef struct
{
  const char *zone;
  const char *utc;
  const char *shown; /* with a "Z", as if it were UTC */
} Pair;

static void
test_from_utc (void)
{
  static const Pair pairs[] = {
    { "Asia/Kathmandu", "2026-11-26T00:00:00Z", "2026-11-26T05:45:00Z" },
    { "Europe/Madrid", "2026-03-29T00:59:59.999999Z", "2026-03-29T01:59:59.999999Z" },
    { "Europe/Madrid", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z" },
    /* half a second before a change, and before 1970 */
    { "America/New_York", "1969-10-26T05:59:59.5Z", "1969-10-26T01:59:59.5Z" },
    { "America/New_York", "1969-10-26T06:00:00Z", "1969-10-26T01:00:00Z" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (pairs); i++)
    {
      g_autoptr (GTimeZone) zone = g_time_zone_new_identifier (pairs[i].zone);

      g_assert_nonnull (zone);
      g_assert_cmpint (ob_wall_time_from_utc (zone, moment (pairs[i].utc)), ==,
                       moment (pairs[i].shown));
    }
}

typedef struct
{
  const char *zone;
  const char *shown;
  const char *after;
  const char *utc; /* NULL: none */
} Search;

static void
test_to_utc (void)
{
  static const Search searches[] = {
    { "Asia/Kathmandu", "2026-11-26T05:45:00Z", "2026-01-01T00:00:00Z", "2026-11-26T00:00:00Z" },
    { "Asia/Kathmandu", "2026-11-26T05:45:00Z", "2026-11-26T00:00:00Z", NULL },
    /* the first, the second, and neither */
    { "Europe/Madrid", "2026-10-25T02:30:00Z", "2026-01-01T00:00:00Z", "2026-10-25T00:30:00Z" },
    { "Europe/Madrid", "2026-10-25T02:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z" },
    { "Europe/Madrid", "2026-10-25T02:30:00Z", "2026-10-25T01:30:00Z", NULL },
    /* both ends of what is shown twice */
    { "Europe/Madrid", "2026-10-25T02:00:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z" },
    { "Europe/Madrid", "2026-10-25T03:00:00Z", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z" },
    /* both ends of what is skipped */
    { "Europe/Madrid", "2026-03-29T01:59:59.999999Z", "2026-01-01T00:00:00Z",
      "2026-03-29T00:59:59.999999Z" },
    { "Europe/Madrid", "2026-03-29T02:00:00Z", "2026-01-01T00:00:00Z", "2026-03-29T01:00:00Z" },
    { "Europe/Madrid", "2026-03-29T02:59:59.999999Z", "2026-03-29T00:59:59.999999Z",
      "2026-03-29T01:00:00Z" },
    { "Europe/Madrid", "2026-03-29T02:59:59.999999Z", "2026-03-29T01:00:00Z", NULL },
    { "Pacific/Apia", "2011-12-30T00:00:00Z", "2011-01-01T00:00:00Z", "2011-12-30T10:00:00Z" },
    /* before 1970 */
    { "America/New_York", "1969-10-26T01:59:59.5Z", "1969-01-01T00:00:00Z",
      "1969-10-26T05:59:59.5Z" },
    { "UTC", "2026-03-29T02:00:00Z", "2026-01-01T00:00:00Z", "2026-03-29T02:00:00Z" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (searches); i++)
    {
      g_autoptr (GTimeZone) zone = g_time_zone_new_identifier (searches[i].zone);
      gint64 found;
      gboolean is_found;

      g_test_message ("%s after %s", searches[i].shown, searches[i].after);
      is_found = ob_wall_time_to_utc (zone, moment (searches[i].shown), moment (searches[i].after),
                                      &found);
      g_assert_true (is_found == (searches[i].utc != NULL));
      if (is_found)
        g_assert_cmpint (found, ==, moment (searches[i].utc));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wall-time/from-utc", test_from_utc);
  g_test_add_func ("/wall-time/to-utc", test_to_utc);
  return g_test_run ();
}
