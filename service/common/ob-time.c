/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-time.h"

#include <string.h>

#define FIRST_SECOND G_GINT64_CONSTANT (-62167219200) /* 0000-01-01T00:00:00Z */
#define LAST_SECOND G_GINT64_CONSTANT (253402300799)  /* 9999-12-31T23:59:59Z */
#define NSEC_DIGITS 9

char *
ob_time_format (const struct timespec *when)
{
  time_t seconds = CLAMP (when->tv_sec, FIRST_SECOND, LAST_SECOND);
  long nanoseconds = CLAMP (when->tv_nsec, 0, 999999999);
  char fraction[NSEC_DIGITS + 2] = "";
  struct tm tm;

  gmtime_r (&seconds, &tm);
  if (nanoseconds != 0)
    {
      gsize length = (gsize) g_snprintf (fraction, sizeof fraction, ".%09ld", nanoseconds);

      while (fraction[length - 1] == '0')
        fraction[--length] = '\0';
    }
  return g_strdup_printf ("%04d-%02d-%02dT%02d:%02d:%02d%sZ", tm.tm_year + 1900, tm.tm_mon + 1,
                          tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
}

/* Reads exactly @count digits at *@text, a number of @low to @high, and moves behind them. */
static gboolean
take_number (const char **text, guint count, int low, int high, int *number)
{
  int value = 0;

  for (guint i = 0; i < count; i++, (*text)++)
    {
      if (!g_ascii_isdigit (**text))
        return FALSE;
      value = value * 10 + (**text - '0');
    }
  *number = value;
  return value >= low && value <= high;
}

/* Moves behind the character at *@text where it is one of @accepted. */
static gboolean
take_one_of (const char **text, const char *accepted)
{
  if (**text == '\0' || strchr (accepted, **text) == NULL)
    return FALSE;
  (*text)++;
  return TRUE;
}

/* ".5", ".123456789123": any number of digits, of which the first nine count; or nothing at all. */
static gboolean
take_fraction (const char **text, long *nanoseconds)
{
  guint digits = 0;

  *nanoseconds = 0;
  if (!take_one_of (text, "."))
    return TRUE;
  for (; g_ascii_isdigit (**text); (*text)++, digits++)
    if (digits < NSEC_DIGITS)
      *nanoseconds = *nanoseconds * 10 + (**text - '0');
  for (guint i = digits; i < NSEC_DIGITS; i++)
    *nanoseconds *= 10;
  return digits > 0;
}

/* "Z", "+01:00": seconds east of Greenwich. */
static gboolean
take_offset (const char **text, int *offset)
{
  int sign;
  int hours;
  int minutes;

  *offset = 0;
  if (take_one_of (text, "Zz"))
    return TRUE;
  sign = **text == '-' ? -1 : 1;
  if (!take_one_of (text, "+-") || !take_number (text, 2, 0, 23, &hours)
      || !take_one_of (text, ":") || !take_number (text, 2, 0, 59, &minutes))
    return FALSE;
  *offset = sign * (hours * 3600 + minutes * 60);
  return TRUE;
}

static int
days_of_month (int year, int month)
{
  return g_date_get_days_in_month ((GDateMonth) month, (GDateYear) (year == 0 ? 400 : year));
}

gboolean
ob_time_parse (const char *text, struct timespec *when)
{
  struct tm tm = { 0 };
  long nanoseconds;
  int offset;
  int year;

  /* A 60th second is a leap second, which timegm() takes for the one that follows. */
  if (!take_number (&text, 4, 0, 9999, &year) || !take_one_of (&text, "-")
      || !take_number (&text, 2, 1, 12, &tm.tm_mon) || !take_one_of (&text, "-")
      || !take_number (&text, 2, 1, days_of_month (year, tm.tm_mon), &tm.tm_mday)
      || !take_one_of (&text, "Tt") || !take_number (&text, 2, 0, 23, &tm.tm_hour)
      || !take_one_of (&text, ":") || !take_number (&text, 2, 0, 59, &tm.tm_min)
      || !take_one_of (&text, ":") || !take_number (&text, 2, 0, 60, &tm.tm_sec)
      || !take_fraction (&text, &nanoseconds) || !take_offset (&text, &offset) || *text != '\0')
    return FALSE;

  tm.tm_year = year - 1900;
  tm.tm_mon--;
  when->tv_sec = timegm (&tm) - offset;
  when->tv_nsec = nanoseconds;
  return TRUE;
}
