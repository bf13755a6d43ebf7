/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-verify-record.h"

#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/file.h>

#include "ob-fd.h"
#include "ob-io.h"
#include "ob-state-json.h"

#define DIRECTORY "verified"
#define MAX_FILE (32 * 1024 * 1024)

/* The key of what is said of the whole repository. */
#define WHOLE "repository"

/* That of the list of damaged packs, or of null where they are too many. */
#define DAMAGED "damaged-packs"

struct _ObVerifyRecord
{
  char *name;          /* of the file */
  GHashTable *entries; /* of ids as text, or WHOLE: ObVerified */
  GArray *damaged;     /* of ObId: packs; NULL: too many */
};

static const char *const depth_names[] = {
  [OB_VERIFIED_STRUCTURE] = "structure",
  [OB_VERIFIED_SAMPLE] = "sample",
  [OB_VERIFIED_DATA] = "data",
};

/* internal methods */

static char *
make_key (const ObId *id)
{
  char hex[OB_ID_HEX_SIZE];

  if (id == NULL)
    return g_strdup (WHOLE);
  ob_id_to_hex (id, hex);
  return g_strdup (hex);
}

static gint64
get_number (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_INT64
           ? MAX (json_node_get_int (node), 0)
           : 0;
}

static void
read_entry (ObVerifyRecord *self, const char *key, JsonNode *node)
{
  JsonObject *object;
  ObVerified *entry;
  gint64 depth;
  ObId id;

  if (!JSON_NODE_HOLDS_OBJECT (node) || (strcmp (key, WHOLE) != 0 && !ob_id_from_hex (key, &id)))
    return;
  object = json_node_get_object (node);
  depth = get_number (object, "depth");
  if (depth > OB_VERIFIED_DATA)
    return;
  entry = g_new0 (ObVerified, 1);
  entry->time = get_number (object, "time");
  entry->sound = get_number (object, "sound") != 0;
  entry->depth = (ObVerifiedDepth) depth;
  entry->read = get_number (object, "read");
  entry->proven = get_number (object, "proven");
  entry->proof = get_number (object, "proof") != 0;
  g_hash_table_replace (self->entries, g_strdup (key), entry);
}

static void
read_damaged (ObVerifyRecord *self, JsonNode *node)
{
  JsonArray *array = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  if (JSON_NODE_HOLDS_NULL (node)
      || (array != NULL && json_array_get_length (array) > OB_VERIFY_RECORD_MAX_PACKS))
    {
      g_clear_pointer (&self->damaged, g_array_unref);
      return;
    }
  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      JsonNode *element = json_array_get_element (array, i);
      ObId id;

      if (json_node_get_value_type (element) == G_TYPE_STRING
          && ob_id_from_hex (json_node_get_string (element), &id))
        g_array_append_val (self->damaged, id);
    }
}

static void
read_text (ObVerifyRecord *self, GBytes *bytes)
{
  g_autoptr (JsonObject) object = ob_state_json_parse (bytes);
  JsonObjectIter iter;
  const char *key;
  JsonNode *node;

  if (object == NULL)
    return;
  json_object_iter_init (&iter, object);
  while (json_object_iter_next (&iter, &key, &node))
    if (strcmp (key, DAMAGED) == 0)
      read_damaged (self, node);
    else
      read_entry (self, key, node);
}

static void
add_damaged (ObVerifyRecord *self, GString *text)
{
  if (self->damaged != NULL && self->damaged->len == 0)
    return;
  g_string_append_printf (text, "%s\n\"" DAMAGED "\":%s", text->len > 1 ? "," : "",
                          self->damaged == NULL ? "null" : "[");
  for (guint i = 0; self->damaged != NULL && i < self->damaged->len; i++)
    {
      char hex[OB_ID_HEX_SIZE];

      ob_id_to_hex (&g_array_index (self->damaged, ObId, i), hex);
      g_string_append_printf (text, "%s\n\"%s\"", i > 0 ? "," : "", hex);
    }
  if (self->damaged != NULL)
    g_string_append_c (text, ']');
}

static char *
build_text (ObVerifyRecord *self)
{
  g_autoptr (GString) text = g_string_new ("{");
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      const ObVerified *entry = value;

      g_string_append_printf (text,
                              "%s\n\"%s\":{\"time\":%" G_GINT64_FORMAT
                              ",\"sound\":%d,\"depth\":%d,\"read\":%" G_GINT64_FORMAT
                              ",\"proven\":%" G_GINT64_FORMAT ",\"proof\":%d}",
                              text->len > 1 ? "," : "", (const char *) key, entry->time,
                              entry->sound ? 1 : 0, (int) entry->depth, entry->read, entry->proven,
                              entry->proof ? 1 : 0);
    }
  add_damaged (self, text);
  g_string_append (text, "\n}\n");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* Transfer none. */
static ObVerified *
find_or_make (ObVerifyRecord *self, const ObId *id)
{
  g_autofree char *key = make_key (id);
  ObVerified *entry = g_hash_table_lookup (self->entries, key);

  if (entry == NULL)
    {
      entry = g_new0 (ObVerified, 1);
      entry->sound = TRUE;
      g_hash_table_insert (self->entries, g_steal_pointer (&key), entry);
    }
  return entry;
}

static int
open_directory (ObContext *context, GError **error)
{
  g_autofree char *path = g_build_filename (context->state_path, DIRECTORY, NULL);

  return ob_make_directories (path, 0700, error);
}

/* public methods */

const char *
ob_verified_depth_get_name (ObVerifiedDepth depth)
{
  return depth_names[depth];
}

int
ob_verify_record_lock (ObContext *context)
{
  int fd = open_directory (context, NULL);

  if (fd >= 0)
    flock (fd, LOCK_EX);
  return fd;
}

ObVerifyRecord *
ob_verify_record_load (ObContext *context, const char *repository)
{
  ObVerifyRecord *self = g_new0 (ObVerifyRecord, 1);
  ob_autofd int fd = open_directory (context, NULL);
  g_autoptr (GBytes) bytes = NULL;

  self->name = g_strconcat (repository, ".json", NULL);
  self->entries = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->damaged = g_array_new (FALSE, FALSE, sizeof (ObId));
  if (fd >= 0)
    bytes = ob_read_file_at (fd, self->name, MAX_FILE, NULL);
  if (bytes != NULL)
    read_text (self, bytes);
  return self;
}

void
ob_verify_record_free (ObVerifyRecord *self)
{
  g_hash_table_unref (self->entries);
  g_clear_pointer (&self->damaged, g_array_unref);
  g_free (self->name);
  g_free (self);
}

gboolean
ob_verify_record_get (ObVerifyRecord *self, const ObId *id, ObVerified *verified)
{
  g_autofree char *key = make_key (id);
  const ObVerified *entry = g_hash_table_lookup (self->entries, key);

  if (entry != NULL)
    *verified = *entry;
  return entry != NULL;
}

/* Whether a verification that found nothing has seen all that the one which found the damage did.
 * Two samples read other packs. */
static gboolean
sees_as_much (ObVerifiedDepth depth, ObVerifiedDepth of_damage)
{
  return depth >= of_damage && (depth != OB_VERIFIED_SAMPLE || of_damage != OB_VERIFIED_SAMPLE);
}

void
ob_verify_record_add (ObVerifyRecord *self, const ObId *id, gint64 time, gboolean sound,
                      ObVerifiedDepth depth)
{
  ObVerified *entry = find_or_make (self, id);
  gboolean was_damaged = entry->time > 0 && !entry->sound;

  entry->time = time;
  if (sound && was_damaged && !sees_as_much (depth, entry->depth))
    return;
  /* One that reads less has found something else: what was known before is not over. */
  entry->depth = !sound && was_damaged ? MAX (depth, entry->depth) : depth;
  entry->sound = sound;
  if (sound && depth == OB_VERIFIED_DATA)
    entry->read = time;
}

void
ob_verify_record_prove (ObVerifyRecord *self, const ObId *id, gint64 time, gboolean proof)
{
  ObVerified *entry = find_or_make (self, id);

  entry->proven = time;
  entry->proof = proof;
}

void
ob_verify_record_forget_older (ObVerifyRecord *self, gint64 time)
{
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      const ObVerified *entry = value;

      if (MAX (entry->time, entry->proven) < time)
        g_hash_table_iter_remove (&iter);
    }
}

const GArray *
ob_verify_record_get_damaged (ObVerifyRecord *self)
{
  return self->damaged;
}

void
ob_verify_record_set_damaged (ObVerifyRecord *self, const GArray *packs)
{
  gboolean too_many = packs == NULL || packs->len > OB_VERIFY_RECORD_MAX_PACKS;
  GArray *copy = too_many ? NULL : g_array_copy ((GArray *) packs);

  g_clear_pointer (&self->damaged, g_array_unref);
  self->damaged = copy;
}

gboolean
ob_verify_record_save (ObVerifyRecord *self, ObContext *context, GError **error)
{
  g_autofree char *text = build_text (self);
  ob_autofd int fd = open_directory (context, error);

  return fd >= 0 && ob_replace_file_at (fd, self->name, text, strlen (text), 0600, error);
}
