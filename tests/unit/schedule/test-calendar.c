/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-calendar.h"

#include <string.h>

#include "ob-error.h"
#include "ob-time.h"

#define MAX_CHAIN 8

static gint64
moment (const char *text)
{
  struct timespec when;

  g_assert_true (ob_time_parse (text, &when));
  return (gint64) when.tv_sec * G_USEC_PER_SEC + when.tv_nsec / 1000;
}

static char *
describe (gint64 usec)
{
  gint64 seconds = usec / G_USEC_PER_SEC;
  struct timespec when = { seconds, (usec - seconds * G_USEC_PER_SEC) * 1000 };

  return ob_time_format (&when);
}

typedef struct
{
  const char *expression;
  const char *normalized;
} Form;

static void
test_normalized (void)
{
  static const Form forms[] = {
    { "Mon..Fri", "Mon..Fri *-*-* 00:00:00" },
    { "sat,SUN 2:30", "Sat,Sun *-*-* 02:30:00" },
    { "Saturday,Thu,Mon-Wed", "Mon..Thu,Sat *-*-* 00:00:00" },
    { "Wed..Wed,  12:0", "Wed *-*-* 12:00:00" },
    { "Mon..Sun 1:2:3", "*-*-* 01:02:03" },
    { "Mon,Wed,Thu,Sun *-1", "Mon,Wed,Thu,Sun *-*-01 00:00:00" },
    { "26-*-* 2,1:23", "2026-*-* 01,02:23:00" },
    { "93..00-*-*", "1993..2000-*-* 00:00:00" },
    { "69,70-*-*", "1970,2069-*-* 00:00:00" },
    { "10-15", "*-10-15 00:00:00" },
    { "*~1", "*-*~01 00:00:00" },
    { "2026-02~05,3 ", "2026-02~03,05 00:00:00" },
    { "*-*~* 5:00", "*-*-* 05:00:00" },
    { "Mon *-05~07/1", "Mon *-05~07/1 00:00:00" },
    { "*:0/15", "*-*-* *:00/15:00" },
    { "8..18/2:00", "*-*-* 08..18/2:00:00" },
    { "*:20..39/5", "*-*-* *:20..35/5:00" },
    { "*:5..5,5,7..9/6", "*-*-* *:05,07:00" },
    { "*:*:*", "*-*-* *:*:*" },
    { "*:4,30:0/1,3,5", "*-*-* *:04,30:*" },
    { "0:0:1.25/.5", NULL },
    { "0:0:1.25/0.5", "*-*-* 00:00:01.250000/0.500000" },
    { "0:0:17.4200005", "*-*-* 00:00:17.420001" },
    { "0:0:1.125..2.125", "*-*-* 00:00:01.125000..02.125000" },
    { "minutely", "*-*-* *:*:00" },
    { "Hourly", "*-*-* *:00:00" },
    { "daily", "*-*-* 00:00:00" },
    { "weekly", "Mon *-*-* 00:00:00" },
    { "monthly", "*-*-01 00:00:00" },
    { "quarterly", "*-01,04,07,10-01 00:00:00" },
    { "semiannually", "*-01,07-01 00:00:00" },
    { "semi-annually", "*-01,07-01 00:00:00" },
    { "YEARLY", "*-01-01 00:00:00" },
    { "annually Asia/Kathmandu", "*-01-01 00:00:00 Asia/Kathmandu" },
    { "2026-10-25 01:00:00 uTc", "2026-10-25 01:00:00 UTC" },
    { "2:30 America/Argentina/Buenos_Aires", "*-*-* 02:30:00 America/Argentina/Buenos_Aires" },
    { "@1493187147", "2017-04-26 06:12:27 UTC" },
    { "@0 Europe/Madrid", "1970-01-01 00:00:00 UTC" },
    { "Mon @0", "Mon 1970-01-01 00:00:00 UTC" },
    { "@7258118399", "2199-12-31 23:59:59 UTC" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (forms); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (ObCalendar) calendar = ob_calendar_new (forms[i].expression, &error);
      g_autofree char *normalized = NULL;
      g_autofree char *again = NULL;

      if (forms[i].normalized == NULL)
        {
          g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
          continue;
        }
      g_assert_no_error (error);
      normalized = ob_calendar_to_string (calendar);
      g_assert_cmpstr (normalized, ==, forms[i].normalized);

      g_clear_pointer (&calendar, ob_calendar_free);
      calendar = ob_calendar_new (normalized, &error);
      g_assert_no_error (error);
      again = ob_calendar_to_string (calendar);
      g_assert_cmpstr (again, ==, normalized);
    }
}

typedef struct
{
  const char *expression;
  const char *mark; /* the third line of the message, without the two blanks before it */
  const char *expected;
} Mistake;

static void
test_mistakes (void)
{
  static const Mistake mistakes[] = {
    { "", "^", "a day of the week, a date or a time" },
    { " UTC", "^", "a day of the week, a date or a time" },
    { "    ", "^", "a date" },
    { "noon", "^", "a date" },
    { "7", " ^", "minutes" },
    { "Mon..Fry 02:30", "     ^", "day of the week" },
    { "Mon.. 02:30", "     ^", "day of the week" },
    { "Mond 02:30", "^", "day of the week" },
    { "Fri..Mon", "     ^", "begins with Monday" },
    { "Mon..Wed..Fri", "        ^", "“,”" },
    { "Mon. 1:00", "   ^", "“..”" },
    { "Mon,,Tue", "    ^", "day of the week" },
    { "Mon 25:00", "    ^", "hour from 0 to 23" },
    { "Mon 2:60", "      ^", "minute from 0 to 59" },
    { "2:30:60", "     ^", "seconds from 0" },
    { "2:30:1.", "       ^", "digit" },
    { "2:30 ", "    ^", "time zone" },
    { "2:30:00 x", "        ^", "name of a time zone" },
    { "2:30 Europe/Atlantis", "     ^", "name of a time zone" },
    { "2:30 ../../../etc/passwd", "    ^", "time zone" },
    { "2:30 Europe/", "     ^", "name of a time zone" },
    { "2:30 posix", "     ^", "name of a time zone" },
    { "2:30.5", "    ^", "characters" },
    { "5,*:00", "  ^", "a number" },
    { "*,5:00", " ^", "“-” of a date" },
    { "13-1", "^", "month from 1 to 12" },
    { "2026-1-32", "       ^", "day from 1 to 31" },
    { "*~29", "  ^", "from 1 to 28" },
    { "*~5..30", "     ^", "from 1 to 28" },
    { "2026~11-22", "       ^", "end" },
    { "1969-1-1", "^", "year from 1970" },
    { "2200-1-1", "^", "year from 1970" },
    { "2026-1-1-1", "        ^", "end" },
    { "20/4:00", "   ^", "step" },
    { "*:0/0", "    ^", "above zero" },
    { "*:0/60", "    ^", "step" },
    { "*:30..10", "      ^", "before its beginning" },
    { "*:30..", "      ^", "end of the range" },
    { "0:0:0..0.9", "       ^", "one second" },
    { "0:0:0/0.00000001", "      ^", "above zero" },
    { "*-*~5/5", "      ^", "step" },
    { "99999999999:1", "^", "smaller number" },
    { "@", " ^", "number of seconds" },
    { "@-5", " ^", "number of seconds" },
    { "@7258118400", " ^", "before the year 2200" },
    { "@5 12:00", "  ^", "end" },
    { "daily ", "^", "date" },
    { "2:30\n", "    ^", "characters" },
    { "2:30 ñandú", "    ^", "time zone" },
    { "é 2:30", "^", "date" },
    { "Mon,é", "    ^", "day of the week" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (mistakes); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (ObCalendar) calendar = ob_calendar_new (mistakes[i].expression, &error);
      g_auto (GStrv) lines = NULL;

      g_test_message ("%s", mistakes[i].expression);
      g_assert_null (calendar);
      g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
      lines = g_strsplit (error->message, "\n", -1);
      g_assert_cmpuint (g_strv_length (lines), ==, 3);
      g_assert_cmpstr (lines[2] + 2, ==, mistakes[i].mark);
      if (strstr (lines[0], mistakes[i].expected) == NULL)
        g_error ("“%s” does not tell that “%s” is expected", lines[0], mistakes[i].expected);
    }
}

/* What might do something to a terminal is not printed, and takes one column. */
static void
test_mistake_is_printable (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObCalendar) calendar = ob_calendar_new ("Mon,\033[2J\xff\xe6\x95\xb0", &error);

  g_assert_null (calendar);
  g_assert_nonnull (strstr (error->message, "\n  Mon,?[2J??\n      ^"));
}

static void
test_lengths (void)
{
  g_autofree char *long_text = g_strnfill (OB_CALENDAR_MAX_TEXT + 1, ' ');
  g_autoptr (GString) many = g_string_new ("*:0");
  g_autoptr (GError) error = NULL;
  g_autoptr (ObCalendar) calendar = ob_calendar_new (long_text, &error);

  g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  for (guint i = 1; i < 241; i++)
    g_string_append_printf (many, ",%u", i % 60);
  calendar = ob_calendar_new (many->str, &error);
  g_assert_no_error (error);
  g_clear_pointer (&calendar, ob_calendar_free);
  g_string_append (many, ",1");
  calendar = ob_calendar_new (many->str, &error);
  g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
}

typedef struct
{
  const char *expression;
  const char *zone;
  const char *moments[MAX_CHAIN]; /* the first is where the search begins; "never" ends it */
} Chain;

static void
check_chain (const Chain *chain)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObCalendar) calendar = ob_calendar_new (chain->expression, &error);
  g_autoptr (GTimeZone) zone = g_time_zone_new_identifier (chain->zone);
  gint64 at = moment (chain->moments[0]);

  g_test_message ("%s in %s", chain->expression, chain->zone);
  g_assert_no_error (error);
  g_assert_nonnull (zone);
  for (guint i = 1; i < MAX_CHAIN && chain->moments[i] != NULL; i++)
    {
      g_autofree char *found = NULL;
      g_autofree char *wanted = NULL;

      if (g_str_equal (chain->moments[i], "never"))
        {
          g_assert_false (ob_calendar_next (calendar, at, zone, &at));
          return;
        }
      g_assert_true (ob_calendar_next (calendar, at, zone, &at));
      found = describe (at);
      wanted = describe (moment (chain->moments[i]));
      g_assert_cmpstr (found, ==, wanted);
    }
}

#define CHECK_CHAINS(chains)                                                                       \
  for (gsize i = 0; i < G_N_ELEMENTS (chains); i++)                                                \
  check_chain (&chains[i])

static void
test_next (void)
{
  static const Chain chains[] = {
    { "Mon..Fri 02:30",
      "UTC",
      { "2026-11-26T02:29:59.999999Z", "2026-11-26T02:30:00Z", "2026-11-27T02:30:00Z",
        "2026-11-30T02:30:00Z" } },
    { "*-*~1",
      "UTC",
      { "2027-12-31T00:00:00Z", "2028-01-31T00:00:00Z", "2028-02-29T00:00:00Z",
        "2028-03-31T00:00:00Z", "2028-04-30T00:00:00Z" } },
    /* the last Monday of May */
    { "Mon *-05~07/1",
      "UTC",
      { "2026-01-01T00:00:00Z", "2026-05-25T00:00:00Z", "2027-05-31T00:00:00Z" } },
    { "*-*~2..4",
      "UTC",
      { "2026-02-24T12:00:00Z", "2026-02-25T00:00:00Z", "2026-02-26T00:00:00Z",
        "2026-02-27T00:00:00Z", "2026-03-28T00:00:00Z" } },
    { "*-02-29", "UTC", { "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z" } },
    { "Sun *-02-29",
      "UTC",
      { "2026-01-01T00:00:00Z", "2032-02-29T00:00:00Z", "2060-02-29T00:00:00Z" } },
    { "*-02-30", "UTC", { "2026-01-01T00:00:00Z", "never" } },
    { "*-02,04,06,09,11-31", "UTC", { "1970-01-01T00:00:00Z", "never" } },
    { "2026-01-01", "UTC", { "2026-01-01T00:00:00Z", "never" } },
    { "0:0:23.42/1.77",
      "UTC",
      { "2026-11-26T00:00:23.42Z", "2026-11-26T00:00:25.19Z", "2026-11-26T00:00:26.96Z" } },
    { "*:*:59.5,0/30",
      "UTC",
      { "2026-11-26T00:00:00Z", "2026-11-26T00:00:30Z", "2026-11-26T00:00:59.5Z",
        "2026-11-26T00:01:00Z" } },
    { "*:*:*", "UTC", { "2199-12-31T23:59:58Z", "2199-12-31T23:59:59Z", "never" } },
    { "*:*:*", "UTC", { "9999-12-31T23:59:58Z", "never" } },
    { "*:*:*", "UTC", { "0000-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z" } },
    { "1970-*-1", "UTC", { "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z" } },
    { "2026-01-01,15 3..21/6:00",
      "UTC",
      { "2026-01-01T15:00:00Z", "2026-01-01T21:00:00Z", "2026-01-15T03:00:00Z" } },
    /* before 1970, and in the middle of a second */
    { "*:*:*", "America/New_York", { "1969-12-31T23:59:59.5Z", "1970-01-01T05:00:00Z" } },
    { "*:*:*",
      "Asia/Kathmandu",
      { "1969-12-31T18:29:59.5Z", "1969-12-31T18:30:00Z", "1969-12-31T18:30:01Z" } },
    /* the zone of the expression counts, not the local one */
    { "daily Asia/Kathmandu",
      "Europe/Madrid",
      { "2026-11-26T00:00:00Z", "2026-11-26T18:15:00Z", "2026-11-27T18:15:00Z" } },
    { "daily", "Asia/Kathmandu", { "2026-11-26T00:00:00Z", "2026-11-26T18:15:00Z" } },
    { "@1493187147",
      "Europe/Madrid",
      { "2017-04-26T06:12:26.999999Z", "2017-04-26T06:12:27Z", "never" } },
    /* when summer time is computed by the rule at the end of the zone's file */
    { "*-07-01 12:00",
      "Europe/Madrid",
      { "2197-12-01T00:00:00Z", "2198-07-01T10:00:00Z", "2199-07-01T10:00:00Z", "never" } },
  };

  CHECK_CHAINS (chains);
}

static void
test_gap (void)
{
  static const Chain chains[] = {
    { "02:30",
      "Europe/Madrid",
      { "2026-03-28T00:00:00Z", "2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:30:00+02:00" } },
    { "2,3,4:00",
      "Europe/Madrid",
      { "2026-03-29T00:00:00Z", "2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00" } },
    { "*:0/20",
      "Europe/Madrid",
      { "2026-03-29T00:20:00Z", "2026-03-29T00:40:00Z", "2026-03-29T01:00:00Z",
        "2026-03-29T01:20:00Z" } },
    { "*:5/20",
      "Europe/Madrid",
      { "2026-03-29T00:25:00Z", "2026-03-29T00:45:00Z", "2026-03-29T01:00:00Z",
        "2026-03-29T01:05:00Z" } },
    /* from the last microsecond before it */
    { "2:59:59.5",
      "Europe/Madrid",
      { "2026-03-29T00:59:59.999999Z", "2026-03-29T01:00:00Z", "2026-03-30T00:59:59.5Z" } },
    { "2026-03-29 2:30",
      "Europe/Madrid",
      { "2026-01-01T00:00:00Z", "2026-03-29T01:00:00Z", "never" } },
    { "3:30", "Europe/Madrid", { "2026-03-29T00:00:00Z", "2026-03-29T01:30:00Z" } },
    /* half an hour */
    { "02:15",
      "Australia/Lord_Howe",
      { "2026-10-03T02:00:00Z", "2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00" } },
    { "02:45", "Australia/Lord_Howe", { "2026-10-03T12:00:00Z", "2026-10-04T02:45:00+11:00" } },
    /* midnight itself, as there was no 00:00 on that day */
    { "daily",
      "America/Sao_Paulo",
      { "2018-11-03T12:00:00Z", "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00" } },
    { "weekly", "America/Sao_Paulo", { "2018-11-04T12:00:00Z", "2018-11-05T00:00:00-02:00" } },
    { "monthly", "America/Sao_Paulo", { "2018-11-03T12:00:00Z", "2018-12-01T00:00:00-02:00" } },
    { "Sun *-11-*", "America/Sao_Paulo", { "2018-11-03T12:00:00Z", "2018-11-04T01:00:00-02:00" } },
    /* the whole of a day */
    { "12:00",
      "Pacific/Apia",
      { "2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T12:00:00+14:00" } },
    /* after the month of fasting, and with summer as the standard time */
    { "02:30",
      "Africa/Casablanca",
      { "2026-03-21T12:00:00Z", "2026-03-22T03:00:00+01:00", "2026-03-23T02:30:00+01:00" } },
    { "01,05:00",
      "Europe/Dublin",
      { "2026-03-28T12:00:00Z", "2026-03-29T02:00:00+01:00", "2026-03-29T05:00:00+01:00" } },
  };

  CHECK_CHAINS (chains);
}

static void
test_fold (void)
{
  static const Chain chains[] = {
    { "02:30",
      "Europe/Madrid",
      { "2026-10-24T12:00:00Z", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00" } },
    { "*:0/20",
      "Europe/Madrid",
      { "2026-10-25T02:20:00+02:00", "2026-10-25T02:40:00+02:00", "2026-10-25T03:00:00+01:00" } },
    /* begun between the two */
    { "02:30",
      "Europe/Madrid",
      { "2026-10-25T02:10:00+01:00", "2026-10-25T02:30:00+01:00", "2026-10-26T02:30:00+01:00" } },
    { "*:0/20",
      "Europe/Madrid",
      { "2026-10-25T02:30:00+01:00", "2026-10-25T02:40:00+01:00", "2026-10-25T03:00:00+01:00" } },
    { "2:00",
      "Europe/Madrid",
      { "2026-10-25T02:59:59.999999+02:00", "2026-10-25T02:00:00+01:00" } },
    { "01:45",
      "Australia/Lord_Howe",
      { "2026-04-04T12:00:00Z", "2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30" } },
    /* midnight comes twice, and with it the last hour of a day */
    { "daily",
      "America/Havana",
      { "2026-10-31T12:00:00Z", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00" } },
    { "23:30",
      "America/Sao_Paulo",
      { "2018-02-17T12:00:00Z", "2018-02-17T23:30:00-02:00", "2018-02-18T23:30:00-03:00" } },
    { "02:30",
      "Africa/Casablanca",
      { "2026-02-14T12:00:00Z", "2026-02-15T02:30:00+01:00", "2026-02-16T02:30:00+00:00" } },
  };

  CHECK_CHAINS (chains);
}

/* The slowest searches are of what never comes. */
static void
test_bounded (void)
{
  static const char *const expressions[]
    = { "*-02-30", "Mon *-04-31", "2199-02-29", "Sun 1999-01-01" };
  g_autoptr (GTimeZone) zone = g_time_zone_new_identifier ("Europe/Madrid");
  gint64 begin = g_get_monotonic_time ();

  for (gsize i = 0; i < G_N_ELEMENTS (expressions); i++)
    {
      g_autoptr (ObCalendar) calendar = ob_calendar_new (expressions[i], NULL);
      gint64 next;

      g_assert_nonnull (calendar);
      g_assert_false (ob_calendar_next (calendar, 0, zone, &next));
    }
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 2 * G_USEC_PER_SEC);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/calendar/normalized", test_normalized);
  g_test_add_func ("/calendar/mistakes", test_mistakes);
  g_test_add_func ("/calendar/mistake-is-printable", test_mistake_is_printable);
  g_test_add_func ("/calendar/lengths", test_lengths);
  g_test_add_func ("/calendar/next", test_next);
  g_test_add_func ("/calendar/gap", test_gap);
  g_test_add_func ("/calendar/fold", test_fold);
  g_test_add_func ("/calendar/bounded", test_bounded);
  return g_test_run ();
}
