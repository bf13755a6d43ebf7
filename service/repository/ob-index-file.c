/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-index-file.h"

#include "ob-error.h"
#include "ob-json-reader.h"

/* What one pack lists, until the whole text has turned out to be sound. */
typedef struct
{
  ObId pack;
  guint first; /* of its blobs */
  guint end;
} PackRange;

typedef struct
{
  GArray *blobs; /* of ObPackEntry */
  GArray *packs; /* of PackRange */
} IndexText;

static gboolean
parse_type (ObJsonReader *reader, ObBlobType *type)
{
  ObJsonSlice text;

  if (!ob_json_reader_read_string (reader, &text))
    return FALSE;

  if (ob_json_slice_is (&text, "data"))
    *type = OB_BLOB_DATA;
  else if (ob_json_slice_is (&text, "tree"))
    *type = OB_BLOB_TREE;
  else
    return ob_json_reader_fail (reader);
  return TRUE;
}

static gboolean
parse_blob (ObJsonReader *reader, GArray *blobs)
{
  ObPackEntry entry = { 0 };
  ObJsonSlice name;
  guint64 offset = 0, length = 0, plain_length = 0;
  gboolean has_id = FALSE, has_type = FALSE;

  ob_json_reader_begin_object (reader);
  while (ob_json_reader_next_member (reader, &name))
    {
      if (ob_json_slice_is (&name, "id"))
        has_id = ob_json_reader_read_id (reader, &entry.id);
      else if (ob_json_slice_is (&name, "type"))
        has_type = parse_type (reader, &entry.type);
      else if (ob_json_slice_is (&name, "offset"))
        ob_json_reader_read_uint (reader, G_MAXUINT32, &offset);
      else if (ob_json_slice_is (&name, "length"))
        ob_json_reader_read_uint (reader, G_MAXUINT32, &length);
      else if (ob_json_slice_is (&name, "uncompressed_length"))
        ob_json_reader_read_uint (reader, G_MAXUINT32, &plain_length);
      else
        ob_json_reader_skip (reader);
    }

  if (!has_id || !has_type || !ob_index_entry_is_sound (entry.type, offset, length, plain_length))
    return ob_json_reader_fail (reader);

  entry.offset = (guint32) offset;
  entry.length = (guint32) length;
  entry.plain_length = (guint32) plain_length;
  g_array_append_val (blobs, entry);
  return TRUE;
}

static gboolean
parse_pack (ObJsonReader *reader, IndexText *self)
{
  PackRange range = { .first = self->blobs->len };
  ObJsonSlice name;
  gboolean has_id = FALSE;

  ob_json_reader_begin_object (reader);
  while (ob_json_reader_next_member (reader, &name))
    {
      if (ob_json_slice_is (&name, "id"))
        has_id = ob_json_reader_read_id (reader, &range.pack);
      else if (ob_json_slice_is (&name, "blobs"))
        for (ob_json_reader_begin_array (reader); ob_json_reader_next_element (reader);)
          parse_blob (reader, self->blobs);
      else
        ob_json_reader_skip (reader);
    }
  if (!has_id)
    return ob_json_reader_fail (reader);

  range.end = self->blobs->len;
  g_array_append_val (self->packs, range);
  return TRUE;
}

static gboolean
parse_text (const void *text, gsize size, IndexText *self)
{
  ObJsonReader reader;
  ObJsonSlice name;

  ob_json_reader_init (&reader, text, size);
  ob_json_reader_begin_object (&reader);
  while (ob_json_reader_next_member (&reader, &name))
    {
      if (ob_json_slice_is (&name, "packs"))
        for (ob_json_reader_begin_array (&reader); ob_json_reader_next_element (&reader);)
          parse_pack (&reader, self);
      else
        ob_json_reader_skip (&reader);
    }
  return ob_json_reader_finish (&reader);
}

static void
add_pack (ObIndex *index, const PackRange *range, GArray *blobs)
{
  for (guint i = range->first; i < range->end; i++)
    {
      const ObPackEntry *entry = &g_array_index (blobs, ObPackEntry, i);
      ObBlobLocation location = { .pack = range->pack,
                                  .offset = entry->offset,
                                  .length = entry->length,
                                  .plain_length = entry->plain_length };

      ob_index_add (index, entry->type, &entry->id, &location);
    }
}

gboolean
ob_index_file_parse (const void *text, gsize size, ObIndex *index, GError **error)
{
  g_autoptr (GArray) blobs = g_array_new (FALSE, FALSE, sizeof (ObPackEntry));
  g_autoptr (GArray) packs = g_array_new (FALSE, FALSE, sizeof (PackRange));
  IndexText self = { .blobs = blobs, .packs = packs };

  if (!parse_text (text, size, &self))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT,
                           "The content of the index file does not make sense");
      return FALSE;
    }

  for (guint i = 0; i < packs->len; i++)
    add_pack (index, &g_array_index (packs, PackRange, i), blobs);
  return TRUE;
}

static void
append_blob (GString *text, const ObPackEntry *entry)
{
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (&entry->id, hex);
  g_string_append_printf (text, "{\"id\":\"%s\",\"type\":\"%s\",\"offset\":%u,\"length\":%u", hex,
                          entry->type == OB_BLOB_TREE ? "tree" : "data", entry->offset,
                          entry->length);
  if (entry->plain_length > 0)
    g_string_append_printf (text, ",\"uncompressed_length\":%u", entry->plain_length);
  g_string_append_c (text, '}');
}

GString *
ob_index_file_build (const ObId *packs, GArray *const *entries, gsize first, gsize end)
{
  GString *text = g_string_new ("{\"packs\":[");
  char hex[OB_ID_HEX_SIZE];

  for (gsize i = first; i < end; i++)
    {
      ob_id_to_hex (&packs[i], hex);
      g_string_append_printf (text, "%s{\"id\":\"%s\",\"blobs\":[", i > first ? "," : "", hex);
      for (guint j = 0; j < entries[i]->len; j++)
        {
          if (j > 0)
            g_string_append_c (text, ',');
          append_blob (text, &g_array_index (entries[i], ObPackEntry, j));
        }
      g_string_append (text, "]}");
    }
  g_string_append (text, "]}");

  return text;
}
