/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the reader, the printer and the search share. */
#pragma once

#include "ob-calendar.h"

#include <stdarg.h>

G_BEGIN_DECLS

#define OB_CALENDAR_FIRST_YEAR 1970
#define OB_CALENDAR_LAST_YEAR 2199
#define OB_CALENDAR_ALL_WEEKDAYS 0x7f
#define OB_CALENDAR_SHORTEST_MONTH 28

typedef enum
{
  OB_CALENDAR_YEAR,
  OB_CALENDAR_MONTH,
  OB_CALENDAR_DAY,
  OB_CALENDAR_HOUR,
  OB_CALENDAR_MINUTE,
  OB_CALENDAR_SECOND, /* counted in microseconds */
  OB_CALENDAR_N_UNITS
} ObCalendarUnit;

/* "8", "8..18", "8/2" or "8..18/2". */
typedef struct
{
  gint64 start;
  gint64 stop; /* -1: none */
  gint64 step; /* 0: @start alone */
  /* Where they are in the expression, for a complaint. */
  gsize start_at;
  gsize stop_at;
  gsize step_at;
} ObCalendarRange;

struct _ObCalendar
{
  guint weekdays;                      /* 1 << 0 is Monday */
  gboolean from_month_end;             /* days count backwards, 1 is the last of the month */
  GArray *ranges[OB_CALENDAR_N_UNITS]; /* of ObCalendarRange, sorted; NULL: any value */
  char *zone_name;                     /* NULL: the local one */
  GTimeZone *zone;

  /* The ranges again as sets, the bit 1 << N for the value N. */
  guint64 years[4]; /* 1 << 0 of the first is OB_CALENDAR_FIRST_YEAR */
  guint64 months;
  guint64 days[4]; /* of a month of 28, 29, 30, 31 days */
  guint64 hours;
  guint64 minutes;
};

/* Fills the sets from the ranges. */
void ob_calendar_fill_sets (ObCalendar *calendar);

/* Brings the ranges into their normal form, and refuses them where they leave their unit's limits.
 * @text is what was read; errors as ob_calendar_new(). */
gboolean ob_calendar_check (ObCalendar *calendar, const char *text, GError **error);

/* "an hour from 0 to 23". Transfer none. */
const char *ob_calendar_get_expected (ObCalendarUnit unit);

/* The error of ob_calendar_new() with its mark at the byte @offset of @text; @format says what is
 * expected there: "a digit is expected". */
void ob_calendar_set_mistake (GError **error, const char *text, gsize offset, const char *format,
                              va_list arguments) G_GNUC_PRINTF (4, 0);

/* Reads @text into an empty @calendar. Errors as ob_calendar_new(). */
gboolean ob_calendar_parse (ObCalendar *calendar, const char *text, GError **error);

G_END_DECLS
