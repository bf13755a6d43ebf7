/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-prune.h"

#include <math.h>
#include <string.h>

#include "ob-error.h"

gboolean
ob_prune_limit_parse (const char *text, ObPruneLimit *limit, GError **error)
{
  static const char units[] = "KMGT";
  char *end = NULL;
  double number = g_ascii_strtod (text, &end);
  const char *unit = *end != '\0' ? strchr (units, g_ascii_toupper (*end)) : NULL;

  *limit = (ObPruneLimit){ .bytes = G_MAXUINT64 };
  if (strcmp (text, "unlimited") == 0)
    return TRUE;
  if (g_ascii_isdigit (*text) && isfinite (number) && strcmp (end, "%") == 0 && number <= 100)
    {
      limit->is_percent = TRUE;
      limit->percent = number;
      return TRUE;
    }
  if (unit != NULL)
    number = ldexp (number, 10 * (int) (unit - units + 1));
  if (g_ascii_isdigit (*text) && isfinite (number) && number < (double) G_MAXINT64
      && (*end == '\0' || (unit != NULL && end[1] == '\0')))
    {
      limit->bytes = (guint64) number;
      return TRUE;
    }
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "\"%.64s\" is no limit for unused space; give a share of 0%% to 100%% like \"5%%\", "
               "a size like \"200M\", or \"unlimited\"",
               text);
  return FALSE;
}
