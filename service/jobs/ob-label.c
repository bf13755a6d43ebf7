/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-label.h"

#include "ob-error.h"

gboolean
ob_label_check (const char *label, GError **error)
{
  if (!g_utf8_validate (label, -1, NULL) || *label == '\0'
      || g_utf8_strlen (label, -1) > OB_LABEL_MAX)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "A label has to have 1 to %d characters.", OB_LABEL_MAX);
      return FALSE;
    }
  for (const char *c = label; *c != '\0'; c = g_utf8_next_char (c))
    if (g_unichar_iscntrl (g_utf8_get_char (c))
        || g_unichar_type (g_utf8_get_char (c)) == G_UNICODE_LINE_SEPARATOR
        || g_unichar_type (g_utf8_get_char (c)) == G_UNICODE_PARAGRAPH_SEPARATOR)
      {
        g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                     "A label has to be one line without control characters.");
        return FALSE;
      }
  return TRUE;
}
