/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-snapshot.h"

#include <string.h>

#include "ob-error.h"
#include "ob-json-print.h"
#include "ob-json-reader.h"
#include "ob-time.h"

ObSnapshot *
ob_snapshot_new (void)
{
  return g_new0 (ObSnapshot, 1);
}

void
ob_snapshot_free (ObSnapshot *self)
{
  if (self == NULL)
    return;

  g_strfreev (self->paths);
  g_strfreev (self->tags);
  g_free (self->hostname);
  g_free (self->username);
  g_free (self->program_version);
  g_clear_pointer (&self->obbackup, json_object_unref);
  g_free (self);
}

const ObId *
ob_snapshot_get_public_id (const ObSnapshot *self)
{
  return self->has_original && !self->is_apart ? &self->original : &self->id;
}

gboolean
ob_snapshot_has_tag (const ObSnapshot *self, const char *tag)
{
  return self->tags != NULL && g_strv_contains ((const char *const *) self->tags, tag);
}

const char *
ob_snapshot_get_tag (const ObSnapshot *self, const char *name)
{
  gsize size = strlen (name);

  for (gsize i = 0; self->tags != NULL && self->tags[i] != NULL; i++)
    if (strncmp (self->tags[i], name, size) == 0 && self->tags[i][size] == '=')
      return self->tags[i] + size + 1;
  return NULL;
}

/* internal: writing. Members come in the order in which restic writes them. */

static void
append_string (GString *text, const char *name, const char *value)
{
  g_string_append_printf (text, ",\"%s\":", name);
  ob_json_append_string (text, value);
}

static void
append_id (GString *text, const char *name, const ObId *id)
{
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (id, hex);
  append_string (text, name, hex);
}

static void
append_strings (GString *text, const char *name, GStrv values)
{
  g_string_append_printf (text, ",\"%s\":[", name);
  for (gsize i = 0; values != NULL && values[i] != NULL; i++)
    {
      if (i > 0)
        g_string_append_c (text, ',');
      ob_json_append_string (text, values[i]);
    }
  g_string_append_c (text, ']');
}

/* json-glib reads half of a surrogate pair as bytes that are no UTF-8, and prints them. */
static void
append_object (GString *text, const char *name, JsonObject *object)
{
  g_autoptr (JsonNode) node = json_node_alloc ();
  g_autofree char *value = NULL;
  g_autofree char *valid = NULL;

  json_node_init_object (node, object);
  value = ob_json_print (node, FALSE);
  valid = g_utf8_make_valid (value, -1);
  g_string_append_printf (text, ",\"%s\":%s", name, valid);
}

char *
ob_snapshot_to_json (const ObSnapshot *self)
{
  g_autoptr (GString) text = g_string_new ("{\"time\":");
  g_autofree char *time = ob_time_format (&self->time);

  ob_json_append_string (text, time);
  if (self->has_parent)
    append_id (text, "parent", &self->parent);
  append_id (text, "tree", &self->tree);
  append_strings (text, "paths", self->paths);
  if (self->hostname != NULL)
    append_string (text, "hostname", self->hostname);
  if (self->username != NULL)
    append_string (text, "username", self->username);
  g_string_append_printf (text, ",\"uid\":%u,\"gid\":%u", self->uid, self->gid);
  if (self->tags != NULL && self->tags[0] != NULL)
    append_strings (text, "tags", self->tags);
  if (self->has_original)
    append_id (text, "original", &self->original);
  if (self->program_version != NULL)
    append_string (text, "program_version", self->program_version);
  if (self->obbackup != NULL)
    append_object (text, "obbackup", self->obbackup);
  g_string_append_c (text, '}');

  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* internal: reading */

/* What a file of another program may hold, more than any of ours does. */
#define MAX_STRING (64 * 1024)
#define MAX_STRINGS 100000

static void
read_string (ObJsonReader *reader, char **value)
{
  g_free (*value);
  *value = ob_json_reader_dup_string (reader, MAX_STRING);
}

static void
read_strings (ObJsonReader *reader, GStrv *values)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func (g_free);

  ob_json_reader_begin_array (reader);
  while (ob_json_reader_next_element (reader))
    {
      char *value = ob_json_reader_dup_string (reader, MAX_STRING);

      if (value == NULL)
        return;
      g_ptr_array_add (list, value);
      if (list->len > MAX_STRINGS)
        {
          ob_json_reader_fail (reader);
          return;
        }
    }

  g_ptr_array_add (list, NULL);
  g_strfreev (*values);
  *values = (GStrv) g_ptr_array_free (g_steal_pointer (&list), FALSE);
}

static gboolean
read_time (ObJsonReader *reader, struct timespec *when)
{
  g_autofree char *text = ob_json_reader_dup_string (reader, 64);

  return (text != NULL && ob_time_parse (text, when)) || ob_json_reader_fail (reader);
}

static void
read_number (ObJsonReader *reader, guint *value)
{
  guint64 number = 0;

  if (ob_json_reader_read_uint (reader, G_MAXUINT32, &number))
    *value = (guint) number;
}

/* FALSE with a number such as 1e999, which json-glib prints as "inf": saved, nobody could read
 * it. */
static gboolean
prints_as_json (JsonNode *node)
{
  g_autofree char *text = ob_json_print (node, FALSE);

  return ob_json_is_bounded (text, strlen (text));
}

/* The reader has passed over the object, so its nesting is bounded before json-glib, which recurses
 * without a bound, sees it. What is not an object is none of ours. */
static void
read_object (ObJsonReader *reader, JsonObject **value)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  const char *start = reader->at;
  JsonNode *root;

  if (!ob_json_reader_skip (reader))
    return;
  if (!json_parser_load_from_data (parser, start, reader->at - start, NULL))
    {
      ob_json_reader_fail (reader);
      return;
    }

  root = json_parser_get_root (parser);
  g_clear_pointer (value, json_object_unref);
  if (root != NULL && JSON_NODE_HOLDS_OBJECT (root) && prints_as_json (root))
    *value = json_node_dup_object (root);
}

static gboolean
read_member (ObJsonReader *reader, const ObJsonSlice *name, ObSnapshot *self)
{
  if (ob_json_slice_is (name, "parent"))
    self->has_parent = ob_json_reader_read_id (reader, &self->parent);
  else if (ob_json_slice_is (name, "original"))
    self->has_original = ob_json_reader_read_id (reader, &self->original);
  else if (ob_json_slice_is (name, "paths"))
    read_strings (reader, &self->paths);
  else if (ob_json_slice_is (name, "tags"))
    read_strings (reader, &self->tags);
  else if (ob_json_slice_is (name, "hostname"))
    read_string (reader, &self->hostname);
  else if (ob_json_slice_is (name, "username"))
    read_string (reader, &self->username);
  else if (ob_json_slice_is (name, "uid"))
    read_number (reader, &self->uid);
  else if (ob_json_slice_is (name, "gid"))
    read_number (reader, &self->gid);
  else if (ob_json_slice_is (name, "program_version"))
    read_string (reader, &self->program_version);
  else if (ob_json_slice_is (name, "obbackup"))
    read_object (reader, &self->obbackup);
  else
    return FALSE;
  return TRUE;
}

ObSnapshot *
ob_snapshot_from_json (const char *text, gsize size, GError **error)
{
  g_autoptr (ObSnapshot) self = ob_snapshot_new ();
  ObJsonReader reader;
  ObJsonSlice name;
  gboolean has_time = FALSE, has_tree = FALSE;

  ob_json_reader_init (&reader, text, size);
  ob_json_reader_begin_object (&reader);
  while (ob_json_reader_next_member (&reader, &name))
    {
      if (ob_json_slice_is (&name, "time"))
        has_time = read_time (&reader, &self->time);
      else if (ob_json_slice_is (&name, "tree"))
        has_tree = ob_json_reader_read_id (&reader, &self->tree);
      else if (!read_member (&reader, &name, self))
        ob_json_reader_skip (&reader);
    }

  if (!ob_json_reader_finish (&reader) || !has_time || !has_tree)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT,
                           "The content of the snapshot file does not make sense");
      return NULL;
    }
  return g_steal_pointer (&self);
}
