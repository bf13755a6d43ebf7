/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-time-span.h"

#include <string.h>

static const struct
{
  char letter;
  guint seconds;
} units[] = { { 'd', 24 * 60 * 60 }, { 'h', 60 * 60 }, { 'm', 60 }, { 's', 1 } };

/* public methods */

gboolean
ob_time_span_parse (const char *text, guint *seconds)
{
  char *end = NULL;
  guint64 number = g_ascii_isdigit (*text) ? g_ascii_strtoull (text, &end, 10) : 0;
  guint64 unit = 1;

  if (end == NULL || number > OB_TIME_SPAN_MAX)
    return FALSE;
  if (*end != '\0')
    {
      unit = 0;
      for (gsize i = 0; i < G_N_ELEMENTS (units); i++)
        if (*end == units[i].letter && end[1] == '\0')
          unit = units[i].seconds;
    }
  if (unit == 0 || number * unit > OB_TIME_SPAN_MAX)
    return FALSE;
  *seconds = (guint) (number * unit);
  return TRUE;
}

char *
ob_time_span_format (guint seconds)
{
  for (gsize i = 0; seconds > 0 && i < G_N_ELEMENTS (units); i++)
    if (seconds % units[i].seconds == 0)
      return g_strdup_printf ("%u%c", seconds / units[i].seconds, units[i].letter);
  return g_strdup ("0");
}
