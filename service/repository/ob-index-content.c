/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-index-content.h"

#include "ob-crypto.h"

/* In a pack: the header's seal, and its length behind it. */
#define PACK_OVERHEAD (OB_CRYPTO_OVERHEAD + 4)

/* internal: places and packs */

static gboolean
is_doubted (const ObIndexContent *self, guint32 pack)
{
  return ob_index_content_has_doubts (self)
         && ((const ObIndexPack *) ob_index_table_get (&self->packs, pack))->doubts != 0;
}

/* The number of the pack; it is added where it is not there. */
static guint32
add_pack (ObIndexContent *self, const ObId *id)
{
  ObIndexTable *packs = &self->packs;
  guint32 number;

  /* Blobs come pack by pack. */
  if (self->last_pack < packs->n_items
      && ob_id_equal (ob_index_table_get (packs, self->last_pack), id))
    return self->last_pack;
  if (ob_index_content_find_pack (self, id, &number))
    return self->last_pack = number;

  ((ObIndexPack *) ob_index_table_append (packs, id))->size = PACK_OVERHEAD;
  self->stored_size += PACK_OVERHEAD;
  self->last_pack = packs->n_items - 1;
  if (self->damaged != NULL && g_hash_table_contains (self->damaged, id))
    ob_index_content_set_doubt (self, self->last_pack, OB_INDEX_DAMAGED, TRUE);
  return self->last_pack;
}

/* Bytes of the blob and of its entry in the header: type, length, plain length, id. */
static gsize
get_size_in_pack (guint32 length, guint32 plain_length)
{
  return length + 1 + 4 + (plain_length > 0 ? 4 : 0) + OB_ID_SIZE;
}

/* Whether the place is more than a leftover that a renewal has not come across yet. */
static gboolean
is_current (const ObIndexContent *self, ObBlobType type, guint32 number)
{
  const ObBitmap *renewed = self->renewed[type];

  return renewed == NULL || number >= renewed->n_bits || ob_bitmap_test (renewed, number);
}

/* Whether the place is known already. A leftover becomes current if it is the same in all; else it
 * may be what a wrong index file said, and the new one is to be believed. */
static gboolean
has_place (ObIndexContent *self, ObBlobType type, const ObIndexEntry *wanted)
{
  const ObIndexTable *table = &self->blobs[type];
  guint32 slot = ob_index_table_get_slot (table, &wanted->id);
  guint32 number, leftover = 0;
  gboolean has_leftover = FALSE;

  while (ob_index_table_next (table, &wanted->id, &slot, &number))
    {
      const ObIndexEntry *entry = ob_index_table_get (table, number);

      if (entry->pack != wanted->pack || entry->offset != wanted->offset)
        continue;
      if (is_current (self, type, number))
        return TRUE;
      if (!has_leftover && entry->length == wanted->length
          && entry->plain_length == wanted->plain_length)
        {
          leftover = number;
          has_leftover = TRUE;
        }
    }
  if (has_leftover)
    ob_bitmap_set (self->renewed[type], leftover);
  return has_leftover;
}

typedef struct
{
  ObIndexContent *content;
  ObBlobType type;
  guint32 *numbers; /* new ones of the packs, by their former ones */
  guint32 n_packs;  /* that stay */
} Sweep;

/* Counts into its pack what stays. */
static gboolean
keep_entry (guint32 number, gpointer item, gpointer user_data)
{
  Sweep *self = user_data;
  const ObIndexEntry *entry = item;
  ObIndexPack *pack = ob_index_table_get (&self->content->packs, entry->pack);

  if (!is_current (self->content, self->type, number))
    return FALSE;
  pack->size += get_size_in_pack (entry->length, entry->plain_length);
  return TRUE;
}

static gboolean
keep_pack (guint32 number, gpointer item, gpointer user_data)
{
  Sweep *self = user_data;
  const ObIndexPack *pack = item;

  if (pack->size == PACK_OVERHEAD)
    {
      for (ObIndexDoubt doubt = 0; doubt < OB_INDEX_N_DOUBTS; doubt++)
        ob_index_content_set_doubt (self->content, number, doubt, FALSE);
      return FALSE;
    }
  self->content->stored_size += pack->size;
  self->numbers[number] = self->n_packs++;
  return TRUE;
}

static void
renumber_packs (ObIndexTable *table, const guint32 *numbers)
{
  for (guint32 i = 0; i < table->n_items; i++)
    {
      ObIndexEntry *entry = ob_index_table_get (table, i);

      entry->pack = numbers[entry->pack];
    }
}

/* Takes away the places that are not current, and the packs that had no others. */
static void
sweep_leftovers (ObIndexContent *self)
{
  g_autofree guint32 *numbers = g_new0 (guint32, self->packs.n_items);
  Sweep sweep = { .content = self, .numbers = numbers };

  for (guint32 i = 0; i < self->packs.n_items; i++)
    ((ObIndexPack *) ob_index_table_get (&self->packs, i))->size = PACK_OVERHEAD;
  for (guint type = 0; type < G_N_ELEMENTS (self->blobs); type++)
    {
      sweep.type = type;
      ob_index_table_retain (&self->blobs[type], keep_entry, &sweep);
    }
  self->stored_size = 0;
  ob_index_table_retain (&self->packs, keep_pack, &sweep);
  for (guint type = 0; type < G_N_ELEMENTS (self->blobs); type++)
    renumber_packs (&self->blobs[type], numbers);
}

static gsize
get_renewal_size (const ObIndexContent *self)
{
  gsize size = 0;

  for (guint type = 0; type < G_N_ELEMENTS (self->renewed); type++)
    if (self->renewed[type] != NULL)
      size += ob_bitmap_get_size (self->renewed[type]->n_bits);
  return size;
}

/* public methods */

void
ob_index_content_init (ObIndexContent *self)
{
  ob_index_table_init (&self->blobs[OB_BLOB_DATA], sizeof (ObIndexEntry));
  ob_index_table_init (&self->blobs[OB_BLOB_TREE], sizeof (ObIndexEntry));
  ob_index_table_init (&self->packs, sizeof (ObIndexPack));
}

void
ob_index_content_clear (ObIndexContent *self)
{
  ob_index_content_end_renewal (self, FALSE);
  ob_index_table_clear (&self->blobs[OB_BLOB_DATA]);
  ob_index_table_clear (&self->blobs[OB_BLOB_TREE]);
  ob_index_table_clear (&self->packs);
  g_clear_pointer (&self->damaged, g_hash_table_unref);
}

void
ob_index_content_add (ObIndexContent *self, ObBlobType type, const ObId *id,
                      const ObBlobLocation *location)
{
  ObIndexEntry entry = { .id = *id,
                         .pack = add_pack (self, &location->pack),
                         .offset = location->offset,
                         .length = location->length,
                         .plain_length = location->plain_length };
  gsize size = get_size_in_pack (entry.length, entry.plain_length);

  if (has_place (self, type, &entry))
    return;

  *(ObIndexEntry *) ob_index_table_append (&self->blobs[type], id) = entry;
  ((ObIndexPack *) ob_index_table_get (&self->packs, entry.pack))->size += size;
  self->stored_size += size;
}

ObBlobLocation
ob_index_content_locate (const ObIndexContent *self, const ObIndexEntry *entry)
{
  const ObIndexPack *pack = ob_index_table_get (&self->packs, entry->pack);

  return (ObBlobLocation){ .pack = pack->id,
                           .offset = entry->offset,
                           .length = entry->length,
                           .plain_length = entry->plain_length };
}

gsize
ob_index_content_lookup (const ObIndexContent *self, ObBlobType type, const ObId *id,
                         gboolean doubted, ObBlobLocation *locations, gsize n, gsize max)
{
  const ObIndexTable *table = &self->blobs[type];
  guint32 slot = ob_index_table_get_slot (table, id);
  guint32 number;

  while (n < max && ob_index_table_next (table, id, &slot, &number))
    {
      const ObIndexEntry *entry = ob_index_table_get (table, number);

      if (is_doubted (self, entry->pack) == doubted)
        locations[n++] = ob_index_content_locate (self, entry);
    }
  return n;
}

gboolean
ob_index_content_find_pack (const ObIndexContent *self, const ObId *id, guint32 *number)
{
  guint32 slot = ob_index_table_get_slot (&self->packs, id);

  return ob_index_table_next (&self->packs, id, &slot, number);
}

gboolean
ob_index_content_has_doubts (const ObIndexContent *self)
{
  return self->n_doubted[OB_INDEX_GONE] > 0 || self->n_doubted[OB_INDEX_DAMAGED] > 0;
}

void
ob_index_content_set_doubt (ObIndexContent *self, guint32 number, ObIndexDoubt doubt,
                            gboolean is_set)
{
  ObIndexPack *pack = ob_index_table_get (&self->packs, number);
  guint8 bit = (guint8) (1u << doubt);
  gboolean was_set = (pack->doubts & bit) != 0;

  if (is_set && !was_set)
    self->n_doubted[doubt]++;
  else if (!is_set && was_set)
    self->n_doubted[doubt]--;
  pack->doubts = (guint8) (is_set ? pack->doubts | bit : pack->doubts & ~bit);
}

void
ob_index_content_set_damaged (ObIndexContent *self, GHashTable *damaged)
{
  g_clear_pointer (&self->damaged, g_hash_table_unref);
  self->damaged = damaged;
  for (guint32 i = 0; i < self->packs.n_items; i++)
    ob_index_content_set_doubt (
      self, i, OB_INDEX_DAMAGED,
      g_hash_table_contains (damaged, ob_index_table_get (&self->packs, i)));
}

void
ob_index_content_begin_renewal (ObIndexContent *self)
{
  for (guint type = 0; type < G_N_ELEMENTS (self->renewed); type++)
    self->renewed[type] = ob_bitmap_new (self->blobs[type].n_items);
}

void
ob_index_content_end_renewal (ObIndexContent *self, gboolean complete)
{
  if (complete)
    sweep_leftovers (self);
  for (guint type = 0; type < G_N_ELEMENTS (self->renewed); type++)
    g_clear_pointer (&self->renewed[type], g_free);
}

gsize
ob_index_content_get_memory_size (const ObIndexContent *self)
{
  return get_renewal_size (self) + ob_index_table_get_memory_size (&self->blobs[OB_BLOB_DATA])
         + ob_index_table_get_memory_size (&self->blobs[OB_BLOB_TREE])
         + ob_index_table_get_memory_size (&self->packs);
}
