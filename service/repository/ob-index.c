/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-index.h"

#include <pthread.h>
#include <string.h>

#include "ob-crypto.h"
#include "ob-index-content.h"

struct _ObIndex
{
  pthread_rwlock_t lock;
  ObIndexContent content;
  guint generation;
};

gboolean
ob_index_entry_is_sound (ObBlobType type, guint64 offset, guint64 length, guint64 plain_length)
{
  guint64 max = type == OB_BLOB_TREE ? OB_BLOB_MAX_TREE_SIZE : OB_BLOB_MAX_DATA_SIZE;

  /* zstd adds less than a byte in 200 to what it cannot compress, and never more than 64 KiB to
   * what is small. */
  return length >= OB_CRYPTO_OVERHEAD && length <= max + max / 200 + 64 * 1024
         && (plain_length > 0 ? plain_length : length - OB_CRYPTO_OVERHEAD) <= max
         && offset <= G_MAXUINT32 && offset + length <= G_MAXUINT32;
}

/* public methods */

ObIndex *
ob_index_new (void)
{
  ObIndex *self = g_new0 (ObIndex, 1);

  pthread_rwlock_init (&self->lock, NULL);
  ob_index_content_init (&self->content);
  return self;
}

void
ob_index_free (ObIndex *self)
{
  if (self == NULL)
    return;

  ob_index_content_clear (&self->content);
  pthread_rwlock_destroy (&self->lock);
  g_free (self);
}

gboolean
ob_index_lookup (ObIndex *self, ObBlobType type, const ObId *id, ObBlobLocation *location)
{
  return ob_index_lookup_all (self, type, id, location, 1) == 1;
}

gsize
ob_index_lookup_all (ObIndex *self, ObBlobType type, const ObId *id, ObBlobLocation *locations,
                     gsize max)
{
  gsize n;

  pthread_rwlock_rdlock (&self->lock);
  n = ob_index_content_lookup (&self->content, type, id, FALSE, locations, 0, max);
  if (ob_index_content_has_doubts (&self->content))
    n = ob_index_content_lookup (&self->content, type, id, TRUE, locations, n, max);
  pthread_rwlock_unlock (&self->lock);

  return n;
}

gboolean
ob_index_has (ObIndex *self, ObBlobType type, const ObId *id)
{
  ObBlobLocation location;
  gsize n;

  pthread_rwlock_rdlock (&self->lock);
  n = ob_index_content_lookup (&self->content, type, id, FALSE, &location, 0, 1);
  pthread_rwlock_unlock (&self->lock);

  return n > 0;
}

gboolean
ob_index_set_there (ObIndex *self, guint generation, const ObBitmap *there, guint32 *n_gone)
{
  gboolean same;

  pthread_rwlock_wrlock (&self->lock);
  same = self->generation == generation;
  for (guint32 i = 0; same && i < MIN (there->n_bits, self->content.packs.n_items); i++)
    ob_index_content_set_doubt (&self->content, i, OB_INDEX_GONE, !ob_bitmap_test (there, i));
  *n_gone = self->content.n_doubted[OB_INDEX_GONE];
  pthread_rwlock_unlock (&self->lock);

  return same;
}

guint32
ob_index_set_damaged (ObIndex *self, const GArray *packs)
{
  GHashTable *damaged = g_hash_table_new_full (ob_id_hash, ob_id_equal_func, g_free, NULL);
  guint32 n;

  for (guint i = 0; i < packs->len; i++)
    g_hash_table_add (damaged, g_memdup2 (&g_array_index (packs, ObId, i), sizeof (ObId)));
  pthread_rwlock_wrlock (&self->lock);
  ob_index_content_set_damaged (&self->content, damaged);
  n = self->content.n_doubted[OB_INDEX_DAMAGED];
  pthread_rwlock_unlock (&self->lock);

  return n;
}

gboolean
ob_index_is_damaged (ObIndex *self, guint32 pack)
{
  const ObIndexTable *packs = &self->content.packs;
  gboolean is_damaged;

  pthread_rwlock_rdlock (&self->lock);
  is_damaged = pack < packs->n_items
               && (((const ObIndexPack *) ob_index_table_get (packs, pack))->doubts
                   & 1u << OB_INDEX_DAMAGED);
  pthread_rwlock_unlock (&self->lock);

  return is_damaged;
}

void
ob_index_add (ObIndex *self, ObBlobType type, const ObId *id, const ObBlobLocation *location)
{
  pthread_rwlock_wrlock (&self->lock);
  ob_index_content_add (&self->content, type, id, location);
  pthread_rwlock_unlock (&self->lock);
}

void
ob_index_foreach (ObIndex *self, ObIndexFunc function, gpointer user_data)
{
  pthread_rwlock_rdlock (&self->lock);
  for (guint type = 0; type < G_N_ELEMENTS (self->content.blobs); type++)
    for (guint32 i = 0; i < self->content.blobs[type].n_items; i++)
      {
        const ObIndexEntry *entry = ob_index_table_get (&self->content.blobs[type], i);
        ObBlobLocation location = ob_index_content_locate (&self->content, entry);

        function (type, &entry->id, &location, user_data);
      }
  pthread_rwlock_unlock (&self->lock);
}

gsize
ob_index_find (ObIndex *self, ObBlobType type, const ObId *id, guint32 *numbers, gsize max)
{
  const ObIndexTable *table = &self->content.blobs[type];
  guint32 slot;
  gsize n = 0;

  pthread_rwlock_rdlock (&self->lock);
  slot = ob_index_table_get_slot (table, id);
  while (n < max && ob_index_table_next (table, id, &slot, &numbers[n]))
    n++;
  pthread_rwlock_unlock (&self->lock);

  return n;
}

gboolean
ob_index_find_pack (ObIndex *self, const ObId *id, guint32 *number)
{
  gboolean found;

  pthread_rwlock_rdlock (&self->lock);
  found = ob_index_content_find_pack (&self->content, id, number);
  pthread_rwlock_unlock (&self->lock);

  return found;
}

gboolean
ob_index_get_place (ObIndex *self, ObBlobType type, guint32 number, ObIndexPlace *place)
{
  const ObIndexTable *table = &self->content.blobs[type];
  gboolean found;

  pthread_rwlock_rdlock (&self->lock);
  found = number < table->n_items;
  if (found)
    {
      const ObIndexEntry *entry = ob_index_table_get (table, number);

      *place = (ObIndexPlace){ .id = entry->id,
                               .pack = entry->pack,
                               .offset = entry->offset,
                               .length = entry->length,
                               .plain_length = entry->plain_length };
    }
  pthread_rwlock_unlock (&self->lock);

  return found;
}

gboolean
ob_index_get_pack (ObIndex *self, guint32 number, ObId *id, guint64 *size)
{
  const ObIndexTable *packs = &self->content.packs;
  gboolean found;

  pthread_rwlock_rdlock (&self->lock);
  found = number < packs->n_items;
  if (found)
    {
      const ObIndexPack *pack = ob_index_table_get (packs, number);

      *id = pack->id;
      *size = pack->size;
    }
  pthread_rwlock_unlock (&self->lock);

  return found;
}

guint32
ob_index_get_n_places (ObIndex *self, ObBlobType type)
{
  guint32 n;

  pthread_rwlock_rdlock (&self->lock);
  n = self->content.blobs[type].n_items;
  pthread_rwlock_unlock (&self->lock);
  return n;
}

guint32
ob_index_get_n_packs (ObIndex *self)
{
  guint32 n;

  pthread_rwlock_rdlock (&self->lock);
  n = self->content.packs.n_items;
  pthread_rwlock_unlock (&self->lock);
  return n;
}

guint
ob_index_get_generation (ObIndex *self)
{
  guint generation;

  pthread_rwlock_rdlock (&self->lock);
  generation = self->generation;
  pthread_rwlock_unlock (&self->lock);
  return generation;
}

guint64
ob_index_get_n_blobs (ObIndex *self)
{
  guint64 n;

  pthread_rwlock_rdlock (&self->lock);
  n = (guint64) self->content.blobs[OB_BLOB_DATA].n_items
      + self->content.blobs[OB_BLOB_TREE].n_items;
  pthread_rwlock_unlock (&self->lock);
  return n;
}

gboolean
ob_index_get_pack_size (ObIndex *self, const ObId *pack, guint64 *size)
{
  gboolean found;
  guint32 number;

  pthread_rwlock_rdlock (&self->lock);
  found = ob_index_content_find_pack (&self->content, pack, &number);
  if (found)
    *size = ((const ObIndexPack *) ob_index_table_get (&self->content.packs, number))->size;
  pthread_rwlock_unlock (&self->lock);

  return found;
}

guint64
ob_index_get_stored_size (ObIndex *self)
{
  guint64 size;

  pthread_rwlock_rdlock (&self->lock);
  size = self->content.stored_size;
  pthread_rwlock_unlock (&self->lock);
  return size;
}

gsize
ob_index_get_memory_size (ObIndex *self)
{
  gsize size;

  pthread_rwlock_rdlock (&self->lock);
  size = sizeof *self + ob_index_content_get_memory_size (&self->content);
  pthread_rwlock_unlock (&self->lock);
  return size;
}

void
ob_index_begin_renewal (ObIndex *self)
{
  pthread_rwlock_wrlock (&self->lock);
  ob_index_content_begin_renewal (&self->content);
  pthread_rwlock_unlock (&self->lock);
}

void
ob_index_end_renewal (ObIndex *self, gboolean complete)
{
  pthread_rwlock_wrlock (&self->lock);
  ob_index_content_end_renewal (&self->content, complete);
  if (complete)
    self->generation++;
  pthread_rwlock_unlock (&self->lock);
}
