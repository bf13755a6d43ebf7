/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-state-json.h"

#include "ob-json-reader.h"
#include "ob-manifest.h"

/* methods of this room */

JsonObject *
ob_state_json_parse (GBytes *bytes)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  gsize size = 0;
  const char *text = g_bytes_get_data (bytes, &size);
  JsonNode *root = NULL;

  if (ob_json_is_bounded (text, size)
      && json_parser_load_from_data (parser, text, (gssize) size, NULL))
    root = json_parser_get_root (parser);
  return root != NULL && JSON_NODE_HOLDS_OBJECT (root)
           ? json_object_ref (json_node_get_object (root))
           : NULL;
}

void
ob_state_json_set_text (JsonObject *object, const char *name, const char *value)
{
  if (value != NULL)
    json_object_set_string_member (object, name, value);
}

char *
ob_state_json_dup_text (JsonObject *object, const char *name)
{
  const char *value = ob_manifest_get_string (object, name);

  return *value != '\0' ? g_strdup (value) : NULL;
}
