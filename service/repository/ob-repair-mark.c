/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The mark on a snapshot that lost something. All other members of its file stay as they are, also
 * those that only another program knows. */
#include <json-glib/json-glib.h>
#include <string.h>
#include <time.h>

#include "ob-error.h"
#include "ob-json-print.h"
#include "ob-json-reader.h"
#include "ob-repair.h"
#include "ob-time.h"

#define MAX_NAMED 3

static JsonObject *
get_object (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

/* A member that is an object, made where there is none. Transfer none. */
static JsonObject *
ensure_object (JsonObject *object, const char *name)
{
  if (get_object (object, name) == NULL)
    json_object_set_object_member (object, name, json_object_new ());
  return get_object (object, name);
}

static JsonArray *
ensure_array (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL || !JSON_NODE_HOLDS_ARRAY (node))
    json_object_set_array_member (object, name, json_array_new ());
  return json_object_get_array_member (object, name);
}

static char *
describe (const ObVerifyLoss *loss)
{
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_printf (text,
                   "%" G_GUINT64_FORMAT "%s of its files were lost to damage of the repository:",
                   loss->n_files, loss->more ? " and more" : "");
  for (guint i = 0; i < loss->files->len && i < MAX_NAMED; i++)
    {
      g_autofree char *path = g_filename_display_name (g_ptr_array_index (loss->files, i));

      g_string_append_printf (text, "%s %s", i > 0 ? "," : "", path);
    }
  if (loss->n_files > MAX_NAMED)
    g_string_append (text, ", …");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* One that was marked before lost more. */
static void
mark (JsonObject *summary, const ObVerifyLoss *loss)
{
  JsonObject *lost = ensure_object (summary, "lost");
  JsonArray *paths = ensure_array (lost, "paths");
  JsonNode *former = json_object_get_member (lost, "files");
  gint64 files = former != NULL && json_node_get_value_type (former) == G_TYPE_INT64
                   ? json_node_get_int (former)
                   : 0;
  g_autofree char *text = describe (loss);
  g_autofree char *when = NULL;
  struct timespec now;
  char hex[OB_ID_HEX_SIZE];

  clock_gettime (CLOCK_REALTIME, &now);
  when = ob_time_format (&now);
  json_object_set_string_member (lost, "time", when);
  ob_id_to_hex (&loss->snapshot->id, hex);
  json_object_set_string_member (lost, "replaces", hex);
  json_object_set_int_member (lost, "files", files + (gint64) loss->n_files);
  for (guint i = 0; i < loss->files->len && json_array_get_length (paths) < OB_VERIFY_MAX_FILES;
       i++)
    {
      g_autofree char *path = g_filename_display_name (g_ptr_array_index (loss->files, i));

      json_array_add_string_element (paths, path);
    }
  json_object_set_string_member (summary, "result", "partial");
  json_array_add_string_element (ensure_array (summary, "warnings"), text);
}

/* `restic tag` drops our object; the tag outlives that. */
static void
add_tag (JsonObject *root)
{
  JsonArray *tags = ensure_array (root, "tags");

  for (guint i = 0; i < json_array_get_length (tags); i++)
    {
      JsonNode *tag = json_array_get_element (tags, i);

      if (json_node_get_value_type (tag) == G_TYPE_STRING
          && g_str_equal (json_node_get_string (tag), OB_VERIFY_INCOMPLETE_TAG))
        return;
    }
  json_array_add_string_element (tags, OB_VERIFY_INCOMPLETE_TAG);
}

char *
ob_repair_mark_snapshot (const char *text, gsize size, const ObId *tree, const ObVerifyLoss *loss,
                         GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  char hex[OB_ID_HEX_SIZE];
  JsonObject *root;

  if (!ob_json_is_bounded (text, size)
      || !json_parser_load_from_data (parser, text, (gssize) size, NULL)
      || !JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser)))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT,
                           "The snapshot file that is to be marked does not make sense");
      return NULL;
    }
  root = json_node_get_object (json_parser_get_root (parser));
  ob_id_to_hex (tree, hex);
  json_object_set_string_member (root, "tree", hex);
  /* So that the backup keeps its id. */
  ob_id_to_hex (ob_snapshot_get_public_id (loss->snapshot), hex);
  json_object_set_string_member (root, "original", hex);
  mark (ensure_object (root, "obbackup"), loss);
  add_tag (root);
  return ob_json_print (json_parser_get_root (parser), FALSE);
}
