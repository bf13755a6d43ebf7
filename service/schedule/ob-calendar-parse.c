/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-calendar-private.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"

#define ZONES "/usr/share/zoneinfo/"
#define ZONE_MAGIC "TZif" /* tzfile(5) */
#define MAX_ZONE_NAME 255
#define MAX_RANGES 241 /* of one unit; as systemd */
#define MAX_NUMBER 9999999999
#define FRACTION_DIGITS 6

typedef struct
{
  const char *text;
  const char *at;
  const char *end; /* where the zone begins, or the text ends */
  GError **error;
} Parser;

typedef struct
{
  const char *word;
  const char *expression;
} Shorthand;

static const Shorthand shorthands[] = {
  { "minutely", "*:*" },       { "hourly", "*:0" },          { "daily", "0:0" },
  { "weekly", "Mon 0:0" },     { "monthly", "*-1 0:0" },     { "quarterly", "1,4,7,10-1" },
  { "semiannually", "1,7-1" }, { "semi-annually", "1,7-1" }, { "biannually", "1,7-1" },
  { "bi-annually", "1,7-1" },  { "yearly", "1-1" },          { "annually", "1-1" },
  { "anually", "1-1" },
};

/* Complains at the byte @offset. Always FALSE. */
G_GNUC_PRINTF (3, 4)
static gboolean
refuse_at (Parser *parser, gsize offset, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  ob_calendar_set_mistake (parser->error, parser->text, offset, format, arguments);
  va_end (arguments);
  return FALSE;
}

static gsize
offset_of (const Parser *parser)
{
  return (gsize) (parser->at - parser->text);
}

/* Complains that something else was expected where the parser is. */
static gboolean
refuse (Parser *parser, const char *expected)
{
  return refuse_at (parser, offset_of (parser), "%s is expected", expected);
}

static char
peek (const Parser *parser)
{
  return parser->at < parser->end ? *parser->at : '\0';
}

static gboolean
is_at_end (const Parser *parser)
{
  return parser->at >= parser->end;
}

static gboolean
is_at_one_of (const Parser *parser, const char *characters)
{
  return !is_at_end (parser) && strchr (characters, *parser->at) != NULL;
}

static gboolean
take (Parser *parser, const char *literal)
{
  gsize length = strlen (literal);

  if ((gsize) (parser->end - parser->at) < length || strncmp (parser->at, literal, length) != 0)
    return FALSE;
  parser->at += length;
  return TRUE;
}

static void
skip_spaces (Parser *parser)
{
  while (take (parser, " "))
    continue;
}

static gboolean
take_number (Parser *parser, const char *expected, gint64 *number)
{
  gsize at = offset_of (parser);

  if (!g_ascii_isdigit (peek (parser)))
    return refuse (parser, expected);
  for (*number = 0; g_ascii_isdigit (peek (parser)); parser->at++)
    {
      *number = *number * 10 + (*parser->at - '0');
      if (*number > MAX_NUMBER)
        return refuse_at (parser, at, "a smaller number is expected");
    }
  return TRUE;
}

/* Digits behind the point, rounded to microseconds. */
static gboolean
take_fraction (Parser *parser, gint64 *usec)
{
  guint digits = 0;

  *usec = 0;
  if (!g_ascii_isdigit (peek (parser)))
    return refuse (parser, "a digit");
  for (; g_ascii_isdigit (peek (parser)); parser->at++, digits++)
    if (digits < FRACTION_DIGITS)
      *usec = *usec * 10 + (*parser->at - '0');
    else if (digits == FRACTION_DIGITS && *parser->at >= '5')
      ++*usec;
  for (; digits < FRACTION_DIGITS; digits++)
    *usec *= 10;
  return TRUE;
}

static gboolean
take_value (Parser *parser, gboolean is_second, const char *expected, gint64 *value, gsize *at)
{
  gint64 fraction = 0;

  *at = offset_of (parser);
  if (!take_number (parser, expected, value))
    return FALSE;
  if (!is_second)
    return TRUE;
  if (peek (parser) == '.' && !g_str_has_prefix (parser->at, ".."))
    {
      parser->at++;
      if (!take_fraction (parser, &fraction))
        return FALSE;
    }
  *value = *value * G_USEC_PER_SEC + fraction;
  return TRUE;
}

static gboolean
take_range (Parser *parser, gboolean is_second, const char *expected, ObCalendarRange *range)
{
  *range = (ObCalendarRange){ .stop = -1 };
  if (!take_value (parser, is_second, expected, &range->start, &range->start_at))
    return FALSE;
  if (take (parser, ".."))
    {
      if (!take_value (parser, is_second, "the end of the range", &range->stop, &range->stop_at))
        return FALSE;
      range->step = is_second ? G_USEC_PER_SEC : 1;
    }
  range->step_at = range->stop < 0 ? range->start_at : range->stop_at;
  if (take (parser, "/"))
    {
      if (!take_value (parser, is_second, "a number, after how many it repeats", &range->step,
                       &range->step_at))
        return FALSE;
      if (range->step == 0)
        return refuse_at (parser, range->step_at, "a number above zero is expected");
    }
  else if (is_second && range->stop >= 0 && range->start + range->step > range->stop)
    return refuse_at (parser, range->stop_at, "a range of at least one second is expected");
  return is_at_end (parser) || is_at_one_of (parser, " ,-~:")
         || refuse (parser, "one of the characters “,”, “-”, “~”, “:”, “/” or “..”");
}

/* "*", or ranges with commas between; *@ranges is NULL for "*", but for seconds. */
static gboolean
take_ranges (Parser *parser, gboolean is_second, const char *expected, GArray **ranges)
{
  g_autoptr (GArray) list = g_array_new (FALSE, FALSE, sizeof (ObCalendarRange));
  ObCalendarRange range = { .stop = -1, .step = G_USEC_PER_SEC };

  if (take (parser, "*"))
    {
      if (is_second)
        *ranges = g_array_append_val (g_steal_pointer (&list), range);
      return TRUE;
    }
  do
    {
      if (list->len == MAX_RANGES)
        return refuse (parser, "the end of this list, which is too long");
      if (!take_range (parser, is_second, list->len == 0 ? expected : "a number", &range))
        return FALSE;
      g_array_append_val (list, range);
    }
  while (take (parser, ","));
  *ranges = g_steal_pointer (&list);
  return TRUE;
}

static void
set_number (GArray **ranges, gint64 value)
{
  ObCalendarRange range = { .start = value, .stop = -1 };

  *ranges = g_array_new (FALSE, FALSE, sizeof (ObCalendarRange));
  g_array_append_val (*ranges, range);
}

/* The number of the weekday that is named, 0 is Monday; -1 where there is none. */
static int
take_weekday (Parser *parser)
{
  static const char *const names[]
    = { "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday" };
  gsize left = (gsize) (parser->end - parser->at);

  for (int i = 0; i < (int) G_N_ELEMENTS (names); i++)
    {
      gsize length = strlen (names[i]);

      if (left < length || g_ascii_strncasecmp (parser->at, names[i], length) != 0)
        length = 3;
      if (left < length || g_ascii_strncasecmp (parser->at, names[i], length) != 0)
        continue;
      parser->at += length;
      return i;
    }
  return -1;
}

static gboolean
parse_weekdays (Parser *parser, ObCalendar *calendar)
{
  int from = -1;

  for (gboolean is_first = TRUE;; is_first = FALSE)
    {
      gsize at = offset_of (parser);
      int day = take_weekday (parser);

      if (day < 0 && is_first)
        return TRUE;
      if (day < 0)
        return refuse (parser, "a day of the week");
      if (!is_at_end (parser) && !is_at_one_of (parser, "-., "))
        return refuse_at (parser, at, "a day of the week is expected");
      if (from > day)
        return refuse_at (parser, at,
                          "a day is expected that does not come before the range "
                          "begins; a week begins with Monday");
      for (int i = from < 0 ? day : from; i <= day; i++)
        calendar->weekdays |= 1u << i;

      if (peek (parser) == ',')
        {
          parser->at++;
          from = -1;
          /* a comma at the end is allowed */
          if (!is_at_end (parser) && !is_at_one_of (parser, " "))
            continue;
        }
      if (is_at_end (parser) || is_at_one_of (parser, " "))
        {
          skip_spaces (parser);
          return TRUE;
        }
      if (from >= 0)
        return refuse (parser, "“,” or a space");
      if (!take (parser, "..") && !take (parser, "-"))
        return refuse (parser, "“..”, “,” or a space");
      from = day;
    }
}

/* Seconds since 1970, behind "@": a single moment. */
static gboolean
parse_epoch (Parser *parser, ObCalendar *calendar)
{
  gsize at = offset_of (parser);
  g_autoptr (GDateTime) moment = NULL;
  gint64 seconds;

  if (!take_number (parser, "the number of seconds since 1970", &seconds))
    return FALSE;
  if (!is_at_end (parser))
    return refuse (parser, "the end");
  moment = g_date_time_new_from_unix_utc (seconds);
  if (moment == NULL || g_date_time_get_year (moment) > OB_CALENDAR_LAST_YEAR)
    return refuse_at (parser, at, "seconds that end before the year 2200 are expected");

  set_number (&calendar->ranges[OB_CALENDAR_YEAR], g_date_time_get_year (moment));
  set_number (&calendar->ranges[OB_CALENDAR_MONTH], g_date_time_get_month (moment));
  set_number (&calendar->ranges[OB_CALENDAR_DAY], g_date_time_get_day_of_month (moment));
  set_number (&calendar->ranges[OB_CALENDAR_HOUR], g_date_time_get_hour (moment));
  set_number (&calendar->ranges[OB_CALENDAR_MINUTE], g_date_time_get_minute (moment));
  set_number (&calendar->ranges[OB_CALENDAR_SECOND],
              g_date_time_get_second (moment) * G_USEC_PER_SEC);
  g_clear_pointer (&calendar->zone, g_time_zone_unref);
  calendar->zone = g_time_zone_new_utc ();
  g_free (calendar->zone_name);
  calendar->zone_name = g_strdup ("UTC");
  return TRUE;
}

/* The character before a day or a month; "~" makes days count from the end of the month. */
static gboolean
take_date_separator (Parser *parser, ObCalendar *calendar, const char *expected)
{
  calendar->from_month_end = take (parser, "~");
  return calendar->from_month_end || take (parser, "-") || refuse (parser, expected);
}

/* "YEAR-MONTH-DAY" or "MONTH-DAY"; or nothing, where a time follows. */
static gboolean
parse_date (Parser *parser, ObCalendar *calendar)
{
  const char *begin = parser->at;
  g_autoptr (GArray) first = NULL;
  g_autoptr (GArray) second = NULL;
  g_autoptr (GArray) third = NULL;

  if (!take_ranges (parser, FALSE, "a day of the week, a date, a time or a word as “daily”",
                    &first))
    return FALSE;
  if (is_at_end (parser) || peek (parser) == ':')
    {
      parser->at = begin;
      return TRUE;
    }
  if (!take_date_separator (parser, calendar, "“-” of a date or “:” of a time")
      || !take_ranges (parser, FALSE, "a month or a day", &second))
    return FALSE;

  if (!is_at_end (parser) && peek (parser) != ' ')
    {
      if (calendar->from_month_end)
        return refuse (parser, "a space or the end");
      if (!take_date_separator (parser, calendar, "“-” or a space")
          || !take_ranges (parser, FALSE, ob_calendar_get_expected (OB_CALENDAR_DAY), &third))
        return FALSE;
      if (!is_at_end (parser) && peek (parser) != ' ')
        return refuse (parser, "a space or the end");
      calendar->ranges[OB_CALENDAR_YEAR] = g_steal_pointer (&first);
      calendar->ranges[OB_CALENDAR_MONTH] = g_steal_pointer (&second);
      calendar->ranges[OB_CALENDAR_DAY] = g_steal_pointer (&third);
    }
  else
    {
      calendar->ranges[OB_CALENDAR_MONTH] = g_steal_pointer (&first);
      calendar->ranges[OB_CALENDAR_DAY] = g_steal_pointer (&second);
    }
  skip_spaces (parser);
  return TRUE;
}

/* "HOUR:MINUTE" or "HOUR:MINUTE:SECOND"; midnight where there is nothing. */
static gboolean
parse_time (Parser *parser, ObCalendar *calendar)
{
  GArray **ranges = calendar->ranges;

  if (is_at_end (parser))
    {
      set_number (&ranges[OB_CALENDAR_HOUR], 0);
      set_number (&ranges[OB_CALENDAR_MINUTE], 0);
      set_number (&ranges[OB_CALENDAR_SECOND], 0);
      return TRUE;
    }
  if (!take_ranges (parser, FALSE, ob_calendar_get_expected (OB_CALENDAR_HOUR),
                    &ranges[OB_CALENDAR_HOUR]))
    return FALSE;
  if (!take (parser, ":"))
    return refuse (parser, "“:” and minutes, as in 02:30");
  if (!take_ranges (parser, FALSE, ob_calendar_get_expected (OB_CALENDAR_MINUTE),
                    &ranges[OB_CALENDAR_MINUTE]))
    return FALSE;
  if (is_at_end (parser))
    {
      set_number (&ranges[OB_CALENDAR_SECOND], 0);
      return TRUE;
    }
  if (!take (parser, ":"))
    return refuse (parser, "“:”, the end or a time zone");
  return take_ranges (parser, TRUE, ob_calendar_get_expected (OB_CALENDAR_SECOND),
                      &ranges[OB_CALENDAR_SECOND])
         && (is_at_end (parser) || refuse (parser, "the end or a time zone"));
}

static gboolean
parse_parts (Parser *parser, ObCalendar *calendar)
{
  if (is_at_end (parser))
    return refuse (parser, "a day of the week, a date or a time");
  if (!parse_weekdays (parser, calendar))
    return FALSE;
  if (take (parser, "@"))
    return parse_epoch (parser, calendar);
  return (is_at_end (parser) || parse_date (parser, calendar)) && parse_time (parser, calendar);
}

/* Whether this system knows the zone: a file as tzfile(5) describes it. */
static gboolean
is_zone (const char *name)
{
  g_autofree char *path = g_strconcat (ZONES, name, NULL);
  char magic[sizeof ZONE_MAGIC - 1];
  ob_autofd int fd = -1;

  if (strspn (name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_+/") != strlen (name)
      || *name == '\0' || *name == '/' || g_str_has_suffix (name, "/")
      || strstr (name, "//") != NULL || strlen (name) > MAX_ZONE_NAME)
    return FALSE;
  fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  return fd >= 0 && read (fd, magic, sizeof magic) == sizeof magic
         && memcmp (magic, ZONE_MAGIC, sizeof magic) == 0;
}

/* The zone at the end, where there is one. */
static gboolean
parse_zone (Parser *parser, ObCalendar *calendar)
{
  const char *space = strrchr (parser->text, ' ');
  const char *name = space != NULL ? space + 1 : "";

  if (g_ascii_strcasecmp (name, "UTC") == 0)
    {
      calendar->zone = g_time_zone_new_utc ();
      calendar->zone_name = g_strdup ("UTC");
    }
  else if (is_zone (name))
    {
      calendar->zone = g_time_zone_new_identifier (name);
      calendar->zone_name = g_strdup (name);
      if (calendar->zone == NULL)
        return refuse_at (parser, (gsize) (name - parser->text),
                          "a time zone is expected whose file can be read");
    }
  else
    /* Nothing else that comes after a space begins with a letter. */
    return !g_ascii_isalpha (*name)
           || refuse_at (parser, (gsize) (name - parser->text),
                         "the name of a time zone is expected that this system knows, "
                         "as Europe/Madrid or UTC");
  parser->end = space;
  return TRUE;
}

/* Where the text is a word as "daily", goes on with what that stands for. */
static void
expand_shorthand (Parser *parser)
{
  gsize length = (gsize) (parser->end - parser->at);

  for (gsize i = 0; i < G_N_ELEMENTS (shorthands); i++)
    if (strlen (shorthands[i].word) == length
        && g_ascii_strncasecmp (parser->at, shorthands[i].word, length) == 0)
      {
        parser->text = parser->at = shorthands[i].expression;
        parser->end = parser->at + strlen (parser->at);
        return;
      }
}

gboolean
ob_calendar_parse (ObCalendar *calendar, const char *text, GError **error)
{
  Parser parser = { text, text, text + strlen (text), error };

  if (parser.end - text > OB_CALENDAR_MAX_TEXT)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "The calendar expression has more than %d bytes: split it into several",
                   OB_CALENDAR_MAX_TEXT);
      return FALSE;
    }
  if (!parse_zone (&parser, calendar))
    return FALSE;
  expand_shorthand (&parser);
  if (!parse_parts (&parser, calendar))
    return FALSE;
  if (calendar->weekdays == 0)
    calendar->weekdays = OB_CALENDAR_ALL_WEEKDAYS;
  if (calendar->ranges[OB_CALENDAR_DAY] == NULL)
    calendar->from_month_end = FALSE;
  return ob_calendar_check (calendar, parser.text, error);
}
