/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calendar expressions, "Mon..Fri 02:30": the syntax of OnCalendar= in systemd, described in
 * systemd.time(7) under CALENDAR EVENTS, and what systemd 252 takes beyond that page. But here
 *  - a time that the clock skips is not left out, see ob_calendar_next();
 *  - abbreviations as CEST, which mean the local zone there, are no zones: UTC is, and the names of
 *    the IANA database;
 *  - "@" takes digits alone, and an expression has at most OB_CALENDAR_MAX_TEXT bytes.
 * These are mistakes of systemd 252 that are not made here: a step without an end ("0/7:30") leaves
 * out what comes early in the next month or year where the step leads beyond the end of this one;
 * it refuses some lists of days that count from the end of the month ("*-*~01,03,25"); and where
 * summer time is the standard one, as in Dublin, or the clock is set forward at midnight, it may
 * leave out the rest of that day, or give up. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define OB_CALENDAR_MAX_TEXT 4096

/* It never changes, so every thread may use it at the same time. */
typedef struct _ObCalendar ObCalendar;

/* Reads an expression. Transfer full. Any thread; reads /usr/share/zoneinfo where a zone is named.
 * Errors: INVALID_ARGUMENT, whose message has three lines: what was expected, the expression, and a
 * "^" below the character where that is missing. What of it cannot be printed is printed as "?". */
ObCalendar *ob_calendar_new (const char *text, GError **error);
void ob_calendar_free (ObCalendar *calendar);

/* The normalized form, as "systemd-analyze calendar" prints it: "Mon..Fri *-*-* 02:30:00". Read
 * again, it gives the same. Transfer full. Any thread. */
char *ob_calendar_to_string (const ObCalendar *calendar);

/* The first moment after @after_usec at which the expression elapses; both are microseconds since
 * 1970-01-01 00:00 UTC. FALSE where there is none up to the year 2199. @local_zone counts unless
 * the expression names a zone. Any thread; never reads the clock; in bounded time, of at most some
 * milliseconds.
 *
 * A time that the clock shows twice, as in autumn, counts where it is shown first; where
 * @after_usec lies between the two, what is still to come then counts a second time. This is what
 * systemd does. (It may also take the second of two where midnight on the first of a month is shown
 * twice, or with "~", according to what it had computed before.)
 * A time that the clock skips, as in spring, counts as the moment right after the skip, and once
 * however many of the expression's times are skipped. systemd leaves such a time out.
 *
 * GLib 2.74 computes Europe/Dublin from the year 2038 on two hours wrong in winter, and so does
 * this. */
gboolean ob_calendar_next (const ObCalendar *calendar, gint64 after_usec, GTimeZone *local_zone,
                           gint64 *next_usec);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObCalendar, ob_calendar_free)

G_END_DECLS
