/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-manifest.h"

#include <string.h>

#include "config.h"
#include "ob-error.h"
#include "ob-json-print.h"
#include "ob-json-reader.h"
#include "ob-time.h"

#define MAX_LISTED_WARNINGS 100

/* internal methods */

static void
free_tree (gpointer data)
{
  ObManifestTree *tree = data;

  g_free (tree->path);
  g_strfreev (tree->exclude);
  g_free (tree);
}

static void
set_strings (JsonObject *object, const char *name, GPtrArray *texts, guint max)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; texts != NULL && i < texts->len && i < max; i++)
    {
      /* Names of files have any bytes, JSON has not. */
      g_autofree char *text = g_utf8_make_valid (g_ptr_array_index (texts, i), -1);

      json_array_add_string_element (array, text);
    }
  json_object_set_array_member (object, name, array);
}

static void
set_parts (JsonObject *object, ObParts parts)
{
  JsonArray *array = json_array_new ();

  for (ObParts part = OB_PART_DATABASE; part < OB_PART_ALL; part <<= 1)
    if (parts & part)
      json_array_add_string_element (array, ob_part_get_name (part));
  json_object_set_array_member (object, "parts", array);
}

static void
set_number (JsonObject *object, const char *name, guint64 value)
{
  json_object_set_int_member (object, name, (gint64) MIN (value, (guint64) G_MAXINT64));
}

static void
set_sizes (JsonObject *object, const ObManifest *manifest)
{
  JsonObject *sizes = json_object_new ();
  guint64 sum = 0;
  guint64 files = 0;

  if (manifest->parts & OB_PART_DATABASE)
    {
      set_number (sizes, ob_part_get_name (OB_PART_DATABASE), manifest->database_bytes);
      sum += manifest->database_bytes;
    }
  for (guint i = 0; i < manifest->trees->len; i++)
    {
      const ObManifestTree *tree = g_ptr_array_index (manifest->trees, i);

      set_number (sizes, ob_part_get_name (tree->part), tree->stats.bytes);
      sum += tree->stats.bytes;
      files += tree->stats.files;
    }
  json_object_set_object_member (object, "sizes", sizes);
  set_number (object, "size", sum);
  set_number (object, "files", files);
}

/* What a list shows of the modules; the database's facts may tell more of each. */
static void
set_modules (JsonObject *object, JsonObject *facts)
{
  JsonArray *from = facts != NULL ? ob_manifest_get_array (facts, "modules") : NULL;
  JsonArray *to = NULL;

  if (from == NULL)
    return;
  to = json_array_new ();
  for (guint i = 0; i < json_array_get_length (from); i++)
    {
      JsonNode *node = json_array_get_element (from, i);
      JsonObject *module = NULL;
      static const char *const members[] = { "name", "package", "version" };

      if (!JSON_NODE_HOLDS_OBJECT (node))
        continue;
      module = json_object_new ();
      for (gsize m = 0; m < G_N_ELEMENTS (members); m++)
        json_object_set_string_member (
          module, members[m], ob_manifest_get_string (json_node_get_object (node), members[m]));
      json_array_add_object_element (to, module);
    }
  json_object_set_array_member (object, "modules", to);
}

static JsonObject *
summarize (const ObManifest *manifest, guint max_warnings)
{
  JsonObject *object = json_object_new ();

  set_number (object, "format", OB_MANIFEST_FORMAT);
  json_object_set_string_member (object, "program", "obbackup " OB_VERSION);
  json_object_set_string_member (object, "instance", ob_instance_get_name (manifest->instance));
  json_object_set_string_member (object, "kind", manifest->kind);
  if (manifest->label != NULL)
    json_object_set_string_member (object, "label", manifest->label);
  json_object_set_string_member (object, "result", manifest->partial ? "partial" : "complete");
  set_number (object, "duration", (guint64) MAX (manifest->seconds, 0));
  set_parts (object, manifest->parts);
  set_sizes (object, manifest);
  set_modules (object, manifest->facts);
  set_strings (object, "warnings", manifest->warnings, max_warnings);
  return object;
}

static JsonArray *
describe_trees (const ObManifest *manifest)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < manifest->trees->len; i++)
    {
      const ObManifestTree *tree = g_ptr_array_index (manifest->trees, i);
      JsonObject *object = json_object_new ();
      JsonArray *exclude = json_array_new ();

      json_object_set_string_member (object, "part", ob_part_get_name (tree->part));
      json_object_set_string_member (object, "path", tree->path);
      for (guint e = 0; tree->exclude != NULL && tree->exclude[e] != NULL; e++)
        json_array_add_string_element (exclude, tree->exclude[e]);
      json_object_set_array_member (object, "left-out", exclude);
      set_number (object, "files", tree->stats.files);
      set_number (object, "directories", tree->stats.directories);
      set_number (object, "bytes", tree->stats.bytes);
      set_number (object, "vanished", tree->stats.vanished);
      set_number (object, "unreadable", tree->stats.unreadable);
      json_array_add_object_element (array, object);
    }
  return array;
}

/* public methods */

ObManifest *
ob_manifest_new (void)
{
  ObManifest *manifest = g_new0 (ObManifest, 1);

  manifest->streams = g_ptr_array_new_with_free_func (g_free);
  manifest->trees = g_ptr_array_new_with_free_func (free_tree);
  manifest->warnings = g_ptr_array_new_with_free_func (g_free);
  return manifest;
}

void
ob_manifest_free (ObManifest *manifest)
{
  if (manifest == NULL)
    return;
  g_clear_pointer (&manifest->instance, ob_instance_unref);
  g_clear_pointer (&manifest->facts, json_object_unref);
  g_ptr_array_unref (manifest->streams);
  g_ptr_array_unref (manifest->trees);
  g_clear_pointer (&manifest->warnings, g_ptr_array_unref);
  g_free (manifest->kind);
  g_free (manifest->schedule);
  g_free (manifest->label);
  g_free (manifest);
}

char *
ob_manifest_to_json (const ObManifest *manifest)
{
  JsonObject *object = summarize (manifest, G_MAXUINT);
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  g_autofree char *time = ob_time_format (&manifest->start);

  json_node_take_object (root, object);
  json_object_set_string_member (object, "time", time);
  json_object_set_string_member (object, "hostname", g_get_host_name ());
  json_object_set_object_member (object, "installation",
                                 ob_instance_describe (manifest->instance));
  json_object_set_array_member (object, "trees", describe_trees (manifest));
  if (manifest->parts & OB_PART_DATABASE)
    {
      set_strings (object, "streams", manifest->streams, G_MAXUINT);
      json_object_set_object_member (object, "database", json_object_ref (manifest->facts));
    }
  return ob_json_print (root, TRUE);
}

JsonObject *
ob_manifest_summarize (const ObManifest *manifest, guint64 stored)
{
  JsonObject *object = summarize (manifest, MAX_LISTED_WARNINGS);

  set_number (object, "stored", stored);
  return object;
}

JsonObject *
ob_manifest_parse (const char *text, gsize size, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (GError) local = NULL;
  JsonNode *root = NULL;
  guint64 format = 0;

  if (!ob_json_is_bounded (text, size)
      || !json_parser_load_from_data (parser, text, (gssize) size, &local))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT, "The manifest cannot be understood: %s",
                   local != NULL ? local->message : "it is no JSON, or nested too deep");
      return NULL;
    }
  root = json_parser_get_root (parser);
  if (root != NULL && JSON_NODE_HOLDS_OBJECT (root))
    format = ob_manifest_get_number (json_node_get_object (root), "format");
  if (format == 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT, "The manifest is not one of a backup.");
      return NULL;
    }
  if (format > OB_MANIFEST_FORMAT)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_VERSION_MISMATCH,
                   "The backup was made by a later version of obbackup (format %" G_GUINT64_FORMAT
                   ", known are those up to %d); update obbackup.",
                   format, OB_MANIFEST_FORMAT);
      return NULL;
    }
  return json_object_ref (json_node_get_object (root));
}

JsonObject *
ob_manifest_get_summary (JsonObject *manifest)
{
  static const char *const members[] = { "format", "program", "instance", "kind",  "label",
                                         "result", "duration", "parts",   "sizes", "size",
                                         "files",  "modules",  "warnings" };
  JsonObject *summary = json_object_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (members); i++)
    if (json_object_has_member (manifest, members[i]))
      json_object_set_member (summary, members[i],
                              json_node_copy (json_object_get_member (manifest, members[i])));
  return summary;
}

const char *
ob_manifest_get_string (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL ? ob_manifest_read_string (node) : "";
}

const char *
ob_manifest_read_string (JsonNode *node)
{
  const char *text
    = json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node) : NULL;

  /* json-glib lets half of a surrogate pair through, which neither D-Bus nor PostgreSQL take. */
  return text != NULL && g_utf8_validate (text, -1, NULL) ? text : "";
}

guint64
ob_manifest_get_number (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL || json_node_get_value_type (node) != G_TYPE_INT64)
    return 0;
  return (guint64) MAX (json_node_get_int (node), 0);
}

JsonObject *
ob_manifest_get_object (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

JsonArray *
ob_manifest_get_array (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

ObParts
ob_manifest_get_parts (JsonObject *object)
{
  JsonArray *array = ob_manifest_get_array (object, "parts");
  ObParts parts = 0;

  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);

      if (json_node_get_value_type (node) == G_TYPE_STRING)
        parts |= ob_part_from_name (json_node_get_string (node));
    }
  return parts;
}
