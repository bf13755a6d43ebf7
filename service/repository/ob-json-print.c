/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-json-print.h"

#include <string.h>

char *
ob_json_print (JsonNode *node, gboolean pretty)
{
  g_autofree char *text = json_to_string (node, pretty);
  g_auto (GStrv) parts = NULL;

  if (strchr (text, '\x1f') == NULL)
    return g_steal_pointer (&text);
  parts = g_strsplit (text, "\x1f", -1);
  return g_strjoinv ("\\u001f", parts);
}
