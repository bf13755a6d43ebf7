/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For test_calendar.py: reads lines "ZONE<tab>BASE<tab>COUNT<tab>EXPRESSION", the base in
 * microseconds since 1970, and prints for each "NORMALIZED<tab>NEXT<tab>NEXT…", up to COUNT moments
 * at which the expression elapses after the base; or "!" where the expression is refused. */
#include "ob-calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
answer (const char *line)
{
  g_auto (GStrv) fields = g_strsplit (line, "\t", 4);
  g_autoptr (GTimeZone) zone = NULL;
  g_autoptr (ObCalendar) calendar = NULL;
  g_autofree char *normalized = NULL;
  gint64 moment;

  g_assert_cmpuint (g_strv_length (fields), ==, 4);
  zone = g_time_zone_new_identifier (fields[0]);
  g_assert_nonnull (zone);
  moment = g_ascii_strtoll (fields[1], NULL, 10);
  calendar = ob_calendar_new (fields[3], NULL);
  if (calendar == NULL)
    {
      puts ("!");
      return;
    }
  normalized = ob_calendar_to_string (calendar);
  fputs (normalized, stdout);
  for (gint64 count = g_ascii_strtoll (fields[2], NULL, 10);
       count > 0 && ob_calendar_next (calendar, moment, zone, &moment); count--)
    printf ("\t%" G_GINT64_FORMAT, moment);
  putchar ('\n');
}

int
main (void)
{
  char *line = NULL;
  size_t size = 0;

  while (getline (&line, &size, stdin) > 0)
    {
      line[strcspn (line, "\n")] = '\0';
      answer (line);
    }
  free (line);
  return 0;
}
