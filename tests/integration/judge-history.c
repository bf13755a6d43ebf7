/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tells which backups a policy keeps. Each line of standard input is
 *
 *   { "zone": "Europe/Madrid", "now": 1795406706, "rules": { "keep-daily": "7", … }, "items": [{
 *   "id": "…", "time": 1795406706, "kind": "scheduled" }, …] }
 *
 * and is answered by { "policy": "7 daily…", "items": [{ "id": "…", "keep": true, "reasons": […] },
 * …] } or { "error": "…" }. An item may also have "result" (0 good, 1 partial, 2 failed), "pinned",
 * "parts" and "needed-by". / */
#include <json-glib/json-glib.h>
#include <stdio.h>

#include "ob-retention.h"

static void
read_item (JsonObject *object, ObRetentionItem *item)
{
  item->id = json_object_get_string_member (object, "id");
  item->time = json_object_get_int_member (object, "time");
  item->kind = json_object_get_string_member (object, "kind");
  item->result = (ObRetentionResult) json_object_get_int_member_with_default (object, "result", 0);
  item->parts = (guint) json_object_get_int_member_with_default (object, "parts", 0);
  item->pinned = json_object_get_boolean_member_with_default (object, "pinned", FALSE);
  item->needed_by = json_object_get_string_member_with_default (object, "needed-by", NULL);
}

static JsonArray *
describe (const ObRetentionItem *items, GPtrArray *verdicts)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < verdicts->len; i++)
    {
      const ObRetentionVerdict *verdict = g_ptr_array_index (verdicts, i);
      JsonObject *object = json_object_new ();
      JsonArray *reasons = json_array_new ();

      for (char **reason = verdict->reasons; *reason != NULL; reason++)
        json_array_add_string_element (reasons, *reason);
      json_object_set_string_member (object, "id", items[i].id);
      json_object_set_boolean_member (object, "keep", verdict->keep);
      json_object_set_array_member (object, "reasons", reasons);
      json_array_add_object_element (array, object);
    }
  return array;
}

static void
judge (JsonObject *request, JsonObject *result)
{
  g_autoptr (GError) error = NULL;
  GVariant *rules
    = json_gvariant_deserialize (json_object_get_member (request, "rules"), "a{ss}", &error);
  g_autoptr (ObRetention) retention = rules == NULL ? NULL : ob_retention_new (rules, &error);
  g_autoptr (GTimeZone) zone
    = g_time_zone_new_identifier (json_object_get_string_member (request, "zone"));
  g_autofree ObRetentionItem *items = NULL;
  g_autoptr (GPtrArray) verdicts = NULL;
  g_autofree char *policy = NULL;
  JsonArray *given;

  if (retention == NULL || zone == NULL)
    {
      json_object_set_string_member (result, "error",
                                     error != NULL ? error->message : "There is no such zone");
      return;
    }
  given = json_object_get_array_member (request, "items");
  items = g_new0 (ObRetentionItem, json_array_get_length (given));
  for (guint i = 0; i < json_array_get_length (given); i++)
    read_item (json_array_get_object_element (given, i), &items[i]);

  verdicts = ob_retention_apply (retention, items, json_array_get_length (given), zone,
                                 json_object_get_int_member (request, "now"));
  policy = ob_retention_to_string (retention);
  json_object_set_string_member (result, "policy", policy);
  json_object_set_array_member (result, "items", describe (items, verdicts));
}

int
main (void)
{
  g_autofree char *line = NULL;
  size_t room = 0;

  while (getline (&line, &room, stdin) > 0)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (JsonNode) request = json_from_string (line, &error);
      g_autoptr (JsonNode) told = json_node_alloc ();
      g_autoptr (JsonObject) result = json_object_new ();
      g_autofree char *text = NULL;

      if (request == NULL)
        g_error ("%s", error->message);
      judge (json_node_get_object (request), result);
      json_node_init_object (told, result);
      text = json_to_string (told, FALSE);
      printf ("%s\n", text);
      fflush (stdout);
    }
  return 0;
}
