/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-pack.h"

#include <string.h>

#include "ob-error.h"

/* The limit that restic sets. */
#define MAX_HEADER_SIZE (16 * 1024 * 1024)

#define TYPE_TREE 1
#define TYPE_COMPRESSED 2

#define DIRECTORY "data/"

gboolean
ob_pack_parse_name (const char *name, ObId *id)
{
  const char *directory = name + strlen (DIRECTORY);

  return g_str_has_prefix (name, DIRECTORY) && ob_id_from_name (directory, id)
         && directory[2] == '/' && strncmp (directory, directory + 3, 2) == 0;
}

char *
ob_pack_get_name (const ObId *pack)
{
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (pack, hex);
  return g_strdup_printf ("data/%.2s/%s", hex, hex);
}

static void
append_uint32 (GByteArray *array, guint32 value)
{
  value = GUINT32_TO_LE (value);
  g_byte_array_append (array, (const guint8 *) &value, sizeof value);
}

static guint32
read_uint32 (const guint8 *at)
{
  guint32 value;

  memcpy (&value, at, sizeof value);
  return GUINT32_FROM_LE (value);
}

gsize
ob_pack_get_entry_size (guint32 plain_length)
{
  return 1 + 4 + (plain_length > 0 ? 4 : 0) + OB_ID_SIZE;
}

gint
ob_pack_entry_compare (gconstpointer a, gconstpointer b)
{
  const ObPackEntry *x = a;
  const ObPackEntry *y = b;

  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

gboolean
ob_pack_entry_equal (const ObPackEntry *a, const ObPackEntry *b)
{
  return a->offset == b->offset && a->length == b->length && a->plain_length == b->plain_length
         && a->type == b->type && ob_id_equal (&a->id, &b->id);
}

gboolean
ob_pack_entry_is_among (GArray *entries, const ObPackEntry *entry)
{
  guint i;

  return entries->len > 0 && g_array_binary_search (entries, entry, ob_pack_entry_compare, &i)
         && ob_pack_entry_equal (&g_array_index (entries, ObPackEntry, i), entry);
}

GByteArray *
ob_pack_build_header (ObCrypto *crypto, GArray *entries)
{
  g_autoptr (GByteArray) header = g_byte_array_new ();
  GByteArray *sealed = g_byte_array_new ();

  for (guint i = 0; i < entries->len; i++)
    {
      const ObPackEntry *entry = &g_array_index (entries, ObPackEntry, i);
      guint8 type = entry->type == OB_BLOB_TREE ? TYPE_TREE : 0;

      if (entry->plain_length > 0)
        type |= TYPE_COMPRESSED;
      g_byte_array_append (header, &type, 1);
      append_uint32 (header, entry->length);
      if (entry->plain_length > 0)
        append_uint32 (header, entry->plain_length);
      g_byte_array_append (header, entry->id.bytes, OB_ID_SIZE);
    }

  g_byte_array_set_size (sealed, header->len + OB_CRYPTO_OVERHEAD);
  ob_crypto_seal (crypto, header->data, header->len, sealed->data);
  append_uint32 (sealed, sealed->len);
  return sealed;
}

/* Reads one entry at @at of @left bytes; its size, or 0 where it is none. */
static gsize
parse_entry (const guint8 *at, gsize left, guint64 offset, ObPackEntry *entry)
{
  guint8 type = at[0];
  gsize size;

  if (type > (TYPE_TREE | TYPE_COMPRESSED))
    return 0;
  size = ob_pack_get_entry_size (type & TYPE_COMPRESSED);
  if (size > left)
    return 0;

  entry->type = type & TYPE_TREE ? OB_BLOB_TREE : OB_BLOB_DATA;
  entry->offset = (guint32) offset;
  entry->length = read_uint32 (at + 1);
  entry->plain_length = type & TYPE_COMPRESSED ? read_uint32 (at + 5) : 0;
  memcpy (entry->id.bytes, at + size - OB_ID_SIZE, OB_ID_SIZE);

  /* A compressed blob of no bytes would read as one that is not compressed. */
  if ((type & TYPE_COMPRESSED) && entry->plain_length == 0)
    return 0;
  return ob_index_entry_is_sound (entry->type, offset, entry->length, entry->plain_length) ? size
                                                                                           : 0;
}

static GArray *
parse_entries (const guint8 *header, gsize size, guint64 blobs_size)
{
  g_autoptr (GArray) entries = g_array_new (FALSE, FALSE, sizeof (ObPackEntry));
  guint64 offset = 0;
  gsize done = 0;

  while (done < size)
    {
      ObPackEntry entry;
      gsize entry_size = parse_entry (header + done, size - done, offset, &entry);

      if (entry_size == 0)
        return NULL;
      g_array_append_val (entries, entry);
      offset += entry.length;
      done += entry_size;
    }

  return offset == blobs_size && entries->len > 0 ? g_steal_pointer (&entries) : NULL;
}

GArray *
ob_pack_parse_header (ObCrypto *crypto, const guint8 *sealed, gsize size, guint64 pack_size,
                      GError **error)
{
  g_autofree guint8 *header = NULL;
  GArray *entries = NULL;

  if (size >= OB_CRYPTO_OVERHEAD && size <= MAX_HEADER_SIZE && size + 4 <= pack_size)
    {
      header = g_malloc (size);
      if (!ob_crypto_open (crypto, sealed, size, header))
        {
          g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT,
                               "The header of the pack is damaged");
          return NULL;
        }
      entries = parse_entries (header, size - OB_CRYPTO_OVERHEAD, pack_size - size - 4);
    }

  if (entries == NULL)
    g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT,
                         "The header of the pack does not fit its content");
  return entries;
}
