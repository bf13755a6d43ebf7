/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-index.h"

#include <pthread.h>
#include <string.h>

#include "ob-bitmap.h"
#include "ob-crypto.h"
#include "ob-index-table.h"

/* In a pack: the header's seal, and its length behind it. */
#define PACK_OVERHEAD (OB_CRYPTO_OVERHEAD + 4)

typedef struct
{
  ObId id;
  guint32 pack; /* number in packs */
  guint32 offset;
  guint32 length;
  guint32 plain_length;
} Entry;

/* Why nothing is to be built on a pack. */
typedef enum
{
  GONE,    /* it is missing, or not as long as it should be */
  DAMAGED, /* somebody has found it so */
  N_DOUBTS,
} Doubt;

typedef struct
{
  ObId id;
  guint64 size;
  guint8 doubts; /* a bit for each */
} Pack;

typedef struct
{
  ObIndexTable blobs[2]; /* of Entry, by ObBlobType */
  ObIndexTable packs;    /* of Pack */
  guint32 last_pack;     /* number of the one that was asked for last */
  guint32 n_doubted[N_DOUBTS]; /* of the packs */
  guint64 stored_size;
  GHashTable *damaged;  /* of ObId: packs that are, known here or not; NULL: none */
  ObBitmap *renewed[2]; /* of the places that were there when a renewal began; NULL without one */
} Content;

struct _ObIndex
{
  pthread_rwlock_t lock;
  Content content;
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

/* internal: content */

static void
content_init (Content *self)
{
  ob_index_table_init (&self->blobs[OB_BLOB_DATA], sizeof (Entry));
  ob_index_table_init (&self->blobs[OB_BLOB_TREE], sizeof (Entry));
  ob_index_table_init (&self->packs, sizeof (Pack));
}

static void
content_clear (Content *self)
{
  ob_index_table_clear (&self->blobs[OB_BLOB_DATA]);
  ob_index_table_clear (&self->blobs[OB_BLOB_TREE]);
  ob_index_table_clear (&self->packs);
  g_clear_pointer (&self->damaged, g_hash_table_unref);
}

static gboolean
find_first (const ObIndexTable *table, const ObId *id, guint32 *number)
{
  guint32 slot = ob_index_table_get_slot (table, id);

  return ob_index_table_next (table, id, &slot, number);
}

static gboolean
content_has_doubts (const Content *self)
{
  return self->n_doubted[GONE] > 0 || self->n_doubted[DAMAGED] > 0;
}

static gboolean
content_is_doubted (const Content *self, guint32 pack)
{
  return content_has_doubts (self)
         && ((const Pack *) ob_index_table_get (&self->packs, pack))->doubts != 0;
}

static void
content_set_doubt (Content *self, guint32 number, Doubt doubt, gboolean is_set)
{
  Pack *pack = ob_index_table_get (&self->packs, number);
  guint8 bit = (guint8) (1u << doubt);
  gboolean was_set = (pack->doubts & bit) != 0;

  if (is_set && !was_set)
    self->n_doubted[doubt]++;
  else if (!is_set && was_set)
    self->n_doubted[doubt]--;
  pack->doubts = (guint8) (is_set ? pack->doubts | bit : pack->doubts & ~bit);
}

/* The number of the pack; it is added where it is not there. */
static guint32
content_add_pack (Content *self, const ObId *id)
{
  ObIndexTable *packs = &self->packs;
  guint32 number;

  /* Blobs come pack by pack. */
  if (self->last_pack < packs->n_items
      && ob_id_equal (ob_index_table_get (packs, self->last_pack), id))
    return self->last_pack;
  if (find_first (packs, id, &number))
    return self->last_pack = number;

  ((Pack *) ob_index_table_append (packs, id))->size = PACK_OVERHEAD;
  self->stored_size += PACK_OVERHEAD;
  self->last_pack = packs->n_items - 1;
  if (self->damaged != NULL && g_hash_table_contains (self->damaged, id))
    content_set_doubt (self, self->last_pack, DAMAGED, TRUE);
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
content_is_current (const Content *self, ObBlobType type, guint32 number)
{
  const ObBitmap *renewed = self->renewed[type];

  return renewed == NULL || number >= renewed->n_bits || ob_bitmap_test (renewed, number);
}

/* Whether the place is known already. A leftover becomes current if it is the same in all; else it
 * may be what a wrong index file said, and the new one is to be believed. */
static gboolean
content_has (Content *self, ObBlobType type, const Entry *wanted)
{
  const ObIndexTable *table = &self->blobs[type];
  guint32 slot = ob_index_table_get_slot (table, &wanted->id);
  guint32 number, leftover = 0;
  gboolean has_leftover = FALSE;

  while (ob_index_table_next (table, &wanted->id, &slot, &number))
    {
      const Entry *entry = ob_index_table_get (table, number);

      if (entry->pack != wanted->pack || entry->offset != wanted->offset)
        continue;
      if (content_is_current (self, type, number))
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

static void
content_add (Content *self, ObBlobType type, const ObId *id, const ObBlobLocation *location)
{
  Entry entry = { .id = *id,
                  .pack = content_add_pack (self, &location->pack),
                  .offset = location->offset,
                  .length = location->length,
                  .plain_length = location->plain_length };
  gsize size = get_size_in_pack (entry.length, entry.plain_length);

  if (content_has (self, type, &entry))
    return;

  *(Entry *) ob_index_table_append (&self->blobs[type], id) = entry;
  ((Pack *) ob_index_table_get (&self->packs, entry.pack))->size += size;
  self->stored_size += size;
}

/* Where the entry says that the blob is. */
static ObBlobLocation
content_locate (const Content *self, const Entry *entry)
{
  const Pack *pack = ob_index_table_get (&self->packs, entry->pack);

  return (ObBlobLocation){ .pack = pack->id,
                           .offset = entry->offset,
                           .length = entry->length,
                           .plain_length = entry->plain_length };
}

/* Adds to @locations, of which there are @n, the places whose packs are @doubted or not. Returns
 * how many there are then. */
static gsize
content_lookup (const Content *self, ObBlobType type, const ObId *id, gboolean doubted,
                ObBlobLocation *locations, gsize n, gsize max)
{
  const ObIndexTable *table = &self->blobs[type];
  guint32 slot = ob_index_table_get_slot (table, id);
  guint32 number;

  while (n < max && ob_index_table_next (table, id, &slot, &number))
    {
      const Entry *entry = ob_index_table_get (table, number);

      if (content_is_doubted (self, entry->pack) == doubted)
        locations[n++] = content_locate (self, entry);
    }
  return n;
}

/* internal: renewals */

typedef struct
{
  Content *content;
  ObBlobType type;
  guint32 *numbers; /* new ones of the packs, by their former ones */
  guint32 n_packs;  /* that stay */
} Sweep;

/* Counts into its pack what stays. */
static gboolean
keep_entry (guint32 number, gpointer item, gpointer user_data)
{
  Sweep *self = user_data;
  const Entry *entry = item;
  Pack *pack = ob_index_table_get (&self->content->packs, entry->pack);

  if (!content_is_current (self->content, self->type, number))
    return FALSE;
  pack->size += get_size_in_pack (entry->length, entry->plain_length);
  return TRUE;
}

static gboolean
keep_pack (guint32 number, gpointer item, gpointer user_data)
{
  Sweep *self = user_data;
  const Pack *pack = item;

  if (pack->size == PACK_OVERHEAD)
    {
      for (Doubt doubt = 0; doubt < N_DOUBTS; doubt++)
        content_set_doubt (self->content, number, doubt, FALSE);
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
      Entry *entry = ob_index_table_get (table, i);

      entry->pack = numbers[entry->pack];
    }
}

/* Takes away the places that are not current, and the packs that had no others. */
static void
content_sweep (Content *self)
{
  g_autofree guint32 *numbers = g_new0 (guint32, self->packs.n_items);
  Sweep sweep = { .content = self, .numbers = numbers };

  for (guint32 i = 0; i < self->packs.n_items; i++)
    ((Pack *) ob_index_table_get (&self->packs, i))->size = PACK_OVERHEAD;
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

static void
content_end_renewal (Content *self)
{
  for (guint type = 0; type < G_N_ELEMENTS (self->renewed); type++)
    g_clear_pointer (&self->renewed[type], g_free);
}

static gsize
content_get_renewal_size (const Content *self)
{
  gsize size = 0;

  for (guint type = 0; type < G_N_ELEMENTS (self->renewed); type++)
    if (self->renewed[type] != NULL)
      size += ob_bitmap_get_size (self->renewed[type]->n_bits);
  return size;
}

/* public methods */

ObIndex *
ob_index_new (void)
{
  ObIndex *self = g_new0 (ObIndex, 1);

  pthread_rwlock_init (&self->lock, NULL);
  content_init (&self->content);
  return self;
}

void
ob_index_free (ObIndex *self)
{
  if (self == NULL)
    return;

  content_end_renewal (&self->content);
  content_clear (&self->content);
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
  n = content_lookup (&self->content, type, id, FALSE, locations, 0, max);
  if (content_has_doubts (&self->content))
    n = content_lookup (&self->content, type, id, TRUE, locations, n, max);
  pthread_rwlock_unlock (&self->lock);

  return n;
}

gboolean
ob_index_has (ObIndex *self, ObBlobType type, const ObId *id)
{
  ObBlobLocation location;
  gsize n;

  pthread_rwlock_rdlock (&self->lock);
  n = content_lookup (&self->content, type, id, FALSE, &location, 0, 1);
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
    content_set_doubt (&self->content, i, GONE, !ob_bitmap_test (there, i));
  *n_gone = self->content.n_doubted[GONE];
  pthread_rwlock_unlock (&self->lock);

  return same;
}

guint32
ob_index_set_damaged (ObIndex *self, const GArray *packs)
{
  Content *content = &self->content;
  GHashTable *damaged = g_hash_table_new_full (ob_id_hash, ob_id_equal_func, g_free, NULL);
  guint32 n;

  for (guint i = 0; i < packs->len; i++)
    g_hash_table_add (damaged, g_memdup2 (&g_array_index (packs, ObId, i), sizeof (ObId)));
  pthread_rwlock_wrlock (&self->lock);
  g_clear_pointer (&content->damaged, g_hash_table_unref);
  content->damaged = damaged;
  for (guint32 i = 0; i < content->packs.n_items; i++)
    content_set_doubt (content, i, DAMAGED,
                       g_hash_table_contains (damaged, ob_index_table_get (&content->packs, i)));
  n = content->n_doubted[DAMAGED];
  pthread_rwlock_unlock (&self->lock);

  return n;
}

gboolean
ob_index_is_damaged (ObIndex *self, guint32 pack)
{
  gboolean is_damaged;

  pthread_rwlock_rdlock (&self->lock);
  is_damaged
    = pack < self->content.packs.n_items
      && (((const Pack *) ob_index_table_get (&self->content.packs, pack))->doubts & 1u << DAMAGED);
  pthread_rwlock_unlock (&self->lock);

  return is_damaged;
}

void
ob_index_add (ObIndex *self, ObBlobType type, const ObId *id, const ObBlobLocation *location)
{
  pthread_rwlock_wrlock (&self->lock);
  content_add (&self->content, type, id, location);
  pthread_rwlock_unlock (&self->lock);
}

void
ob_index_foreach (ObIndex *self, ObIndexFunc function, gpointer user_data)
{
  pthread_rwlock_rdlock (&self->lock);
  for (guint type = 0; type < G_N_ELEMENTS (self->content.blobs); type++)
    for (guint32 i = 0; i < self->content.blobs[type].n_items; i++)
      {
        const Entry *entry = ob_index_table_get (&self->content.blobs[type], i);
        ObBlobLocation location = content_locate (&self->content, entry);

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
  found = find_first (&self->content.packs, id, number);
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
      const Entry *entry = ob_index_table_get (table, number);

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
      const Pack *pack = ob_index_table_get (packs, number);

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
  found = find_first (&self->content.packs, pack, &number);
  if (found)
    *size = ((const Pack *) ob_index_table_get (&self->content.packs, number))->size;
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
  size = sizeof *self + content_get_renewal_size (&self->content)
         + ob_index_table_get_memory_size (&self->content.blobs[OB_BLOB_DATA])
         + ob_index_table_get_memory_size (&self->content.blobs[OB_BLOB_TREE])
         + ob_index_table_get_memory_size (&self->content.packs);
  pthread_rwlock_unlock (&self->lock);
  return size;
}

void
ob_index_begin_renewal (ObIndex *self)
{
  Content *content = &self->content;

  pthread_rwlock_wrlock (&self->lock);
  for (guint type = 0; type < G_N_ELEMENTS (content->renewed); type++)
    content->renewed[type] = ob_bitmap_new (content->blobs[type].n_items);
  pthread_rwlock_unlock (&self->lock);
}

void
ob_index_end_renewal (ObIndex *self, gboolean complete)
{
  pthread_rwlock_wrlock (&self->lock);
  if (complete)
    {
      content_sweep (&self->content);
      self->generation++;
    }
  content_end_renewal (&self->content);
  pthread_rwlock_unlock (&self->lock);
}
