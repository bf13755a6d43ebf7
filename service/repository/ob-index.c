/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-index.h"

#include <pthread.h>
#include <string.h>

#include "ob-crypto.h"

/* Entries lie in chunks that never move, so growing needs no second copy of them. */
#define CHUNK_SIZE 8192
#define FIRST_CAPACITY 1024

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

typedef struct
{
  ObId id;
  guint64 size;
  gboolean gone; /* it is missing, or not as long as it should be */
} Pack;

/* Open addressing: a slot holds the number of an item plus one, 0 where it is free. Nothing is ever
 * removed. */
typedef struct
{
  guint32 *slots;
  guint32 capacity; /* a power of two; at most three quarters are used */
  guint32 n_items;
  guint32 item_size; /* each begins with its ObId */
  GPtrArray *chunks;
} Table;

typedef struct
{
  Table blobs[2]; /* of Entry, by ObBlobType */
  Table packs;    /* of Pack */
  guint32 last_pack; /* number of the one that was asked for last */
  guint32 n_gone;    /* of the packs */
  guint64 stored_size;
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

/* internal: tables */

static void
table_init (Table *self, gsize item_size)
{
  self->item_size = (guint32) item_size;
  self->capacity = FIRST_CAPACITY;
  self->n_items = 0;
  self->slots = g_new0 (guint32, FIRST_CAPACITY);
  self->chunks = g_ptr_array_new_with_free_func (g_free);
}

static void
table_clear (Table *self)
{
  g_clear_pointer (&self->slots, g_free);
  g_clear_pointer (&self->chunks, g_ptr_array_unref);
}

static gpointer
table_get (const Table *self, guint32 number)
{
  guint8 *chunk = g_ptr_array_index (self->chunks, number / CHUNK_SIZE);

  return chunk + (gsize) (number % CHUNK_SIZE) * self->item_size;
}

static guint32
first_slot (const Table *self, const ObId *id)
{
  return ob_id_hash (id) & (self->capacity - 1);
}

/* The next item with this id from @slot on, which is left behind it; NULL after the last. */
static gpointer
table_find_from (const Table *self, const ObId *id, guint32 *slot)
{
  while (self->slots[*slot] != 0)
    {
      gpointer item = table_get (self, self->slots[*slot] - 1);

      *slot = (*slot + 1) & (self->capacity - 1);
      if (ob_id_equal (item, id))
        return item;
    }
  return NULL;
}

static void
table_put (Table *self, const ObId *id, guint32 number)
{
  guint32 slot = first_slot (self, id);

  while (self->slots[slot] != 0)
    slot = (slot + 1) & (self->capacity - 1);
  self->slots[slot] = number + 1;
}

/* Items go back in the order they came in, so the first of several stays first. */
static void
table_grow (Table *self)
{
  g_free (self->slots);
  g_assert (self->capacity <= G_MAXUINT32 / 4);
  self->capacity *= 2;
  self->slots = g_new0 (guint32, self->capacity);
  for (guint32 i = 0; i < self->n_items; i++)
    table_put (self, table_get (self, i), i);
}

/* A new item, zero but for its id. */
static gpointer
table_append (Table *self, const ObId *id)
{
  gpointer item;

  if (self->n_items >= self->capacity / 4 * 3)
    table_grow (self);
  if (self->n_items % CHUNK_SIZE == 0)
    g_ptr_array_add (self->chunks, g_malloc0_n (CHUNK_SIZE, self->item_size));

  item = table_get (self, self->n_items);
  memcpy (item, id, sizeof *id);
  table_put (self, id, self->n_items++);
  return item;
}

static gsize
table_get_memory_size (const Table *self)
{
  return (gsize) self->capacity * sizeof (guint32)
         + (gsize) self->chunks->len * CHUNK_SIZE * self->item_size;
}

/* internal: content */

static void
content_init (Content *self)
{
  table_init (&self->blobs[OB_BLOB_DATA], sizeof (Entry));
  table_init (&self->blobs[OB_BLOB_TREE], sizeof (Entry));
  table_init (&self->packs, sizeof (Pack));
  self->last_pack = 0;
  self->n_gone = 0;
  self->stored_size = 0;
}

static void
content_clear (Content *self)
{
  table_clear (&self->blobs[OB_BLOB_DATA]);
  table_clear (&self->blobs[OB_BLOB_TREE]);
  table_clear (&self->packs);
}

/* The number of the pack; it is added where it is not there. */
static guint32
content_add_pack (Content *self, const ObId *id)
{
  Table *packs = &self->packs;

  /* Blobs come pack by pack. */
  if (self->last_pack < packs->n_items && ob_id_equal (table_get (packs, self->last_pack), id))
    return self->last_pack;
  for (guint32 slot = first_slot (packs, id); packs->slots[slot] != 0;
       slot = (slot + 1) & (packs->capacity - 1))
    if (ob_id_equal (table_get (packs, packs->slots[slot] - 1), id))
      return self->last_pack = packs->slots[slot] - 1;

  ((Pack *) table_append (packs, id))->size = PACK_OVERHEAD;
  self->stored_size += PACK_OVERHEAD;
  return self->last_pack = packs->n_items - 1;
}

static gboolean
content_has (const Content *self, ObBlobType type, const ObId *id, guint32 pack, guint32 offset)
{
  const Table *table = &self->blobs[type];
  guint32 slot = first_slot (table, id);
  const Entry *entry;

  while ((entry = table_find_from (table, id, &slot)) != NULL)
    if (entry->pack == pack && entry->offset == offset)
      return TRUE;
  return FALSE;
}

static void
content_add (Content *self, ObBlobType type, const ObId *id, const ObBlobLocation *location)
{
  guint32 number = content_add_pack (self, &location->pack);
  Pack *pack = table_get (&self->packs, number);
  gsize size = location->length + 1 + 4 + (location->plain_length > 0 ? 4 : 0) + OB_ID_SIZE;
  Entry *entry;

  if (content_has (self, type, id, number, location->offset))
    return;

  entry = table_append (&self->blobs[type], id);
  entry->pack = number;
  entry->offset = location->offset;
  entry->length = location->length;
  entry->plain_length = location->plain_length;
  pack->size += size;
  self->stored_size += size;
}

/* Where the entry says that the blob is. */
static ObBlobLocation
content_locate (const Content *self, const Entry *entry)
{
  const Pack *pack = table_get (&self->packs, entry->pack);

  return (ObBlobLocation){ .pack = pack->id,
                           .offset = entry->offset,
                           .length = entry->length,
                           .plain_length = entry->plain_length };
}

static gboolean
content_is_gone (const Content *self, guint32 pack)
{
  return self->n_gone > 0 && ((const Pack *) table_get (&self->packs, pack))->gone;
}

static void
content_set_gone (Content *self, guint32 number, gboolean gone)
{
  Pack *pack = table_get (&self->packs, number);

  if (gone && !pack->gone)
    self->n_gone++;
  else if (!gone && pack->gone)
    self->n_gone--;
  pack->gone = gone;
}

/* What is gone from @old is from what takes its place, too. */
static void
content_inherit_gone (Content *self, const Content *old)
{
  for (guint32 i = 0; old->n_gone > 0 && i < old->packs.n_items; i++)
    {
      const ObId *id = table_get (&old->packs, i);

      if (!content_is_gone (old, i))
        continue;
      for (guint32 slot = first_slot (&self->packs, id); self->packs.slots[slot] != 0;
           slot = (slot + 1) & (self->packs.capacity - 1))
        if (ob_id_equal (table_get (&self->packs, self->packs.slots[slot] - 1), id))
          content_set_gone (self, self->packs.slots[slot] - 1, TRUE);
    }
}

/* Adds to @locations, of which there are @n, the places whose packs are @gone or not. Returns how
 * many there are then. */
static gsize
content_lookup (const Content *self, ObBlobType type, const ObId *id, gboolean gone,
                ObBlobLocation *locations, gsize n, gsize max)
{
  const Table *table = &self->blobs[type];
  guint32 slot = first_slot (table, id);
  const Entry *entry;

  while (n < max && (entry = table_find_from (table, id, &slot)) != NULL)
    if (content_is_gone (self, entry->pack) == gone)
      locations[n++] = content_locate (self, entry);
  return n;
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
  if (self->content.n_gone > 0)
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
    content_set_gone (&self->content, i, !ob_bitmap_test (there, i));
  *n_gone = self->content.n_gone;
  pthread_rwlock_unlock (&self->lock);

  return same;
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
        const Entry *entry = table_get (&self->content.blobs[type], i);
        ObBlobLocation location = content_locate (&self->content, entry);

        function (type, &entry->id, &location, user_data);
      }
  pthread_rwlock_unlock (&self->lock);
}

gsize
ob_index_find (ObIndex *self, ObBlobType type, const ObId *id, guint32 *numbers, gsize max)
{
  const Table *table = &self->content.blobs[type];
  gsize n = 0;

  pthread_rwlock_rdlock (&self->lock);
  for (guint32 slot = first_slot (table, id); n < max && table->slots[slot] != 0;
       slot = (slot + 1) & (table->capacity - 1))
    if (ob_id_equal (table_get (table, table->slots[slot] - 1), id))
      numbers[n++] = table->slots[slot] - 1;
  pthread_rwlock_unlock (&self->lock);

  return n;
}

gboolean
ob_index_find_pack (ObIndex *self, const ObId *id, guint32 *number)
{
  const Table *packs = &self->content.packs;
  gboolean found = FALSE;

  pthread_rwlock_rdlock (&self->lock);
  for (guint32 slot = first_slot (packs, id); !found && packs->slots[slot] != 0;
       slot = (slot + 1) & (packs->capacity - 1))
    if (ob_id_equal (table_get (packs, packs->slots[slot] - 1), id))
      {
        *number = packs->slots[slot] - 1;
        found = TRUE;
      }
  pthread_rwlock_unlock (&self->lock);

  return found;
}

gboolean
ob_index_get_place (ObIndex *self, ObBlobType type, guint32 number, ObIndexPlace *place)
{
  const Table *table = &self->content.blobs[type];
  gboolean found;

  pthread_rwlock_rdlock (&self->lock);
  found = number < table->n_items;
  if (found)
    {
      const Entry *entry = table_get (table, number);

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
  const Table *packs = &self->content.packs;
  gboolean found;

  pthread_rwlock_rdlock (&self->lock);
  found = number < packs->n_items;
  if (found)
    {
      const Pack *pack = table_get (packs, number);

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
  const Table *packs = &self->content.packs;
  const Pack *found;
  guint32 slot;

  pthread_rwlock_rdlock (&self->lock);
  slot = first_slot (packs, pack);
  found = table_find_from (packs, pack, &slot);
  if (found != NULL)
    *size = found->size;
  pthread_rwlock_unlock (&self->lock);

  return found != NULL;
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
  size = sizeof *self + table_get_memory_size (&self->content.blobs[OB_BLOB_DATA])
         + table_get_memory_size (&self->content.blobs[OB_BLOB_TREE])
         + table_get_memory_size (&self->content.packs);
  pthread_rwlock_unlock (&self->lock);
  return size;
}

void
ob_index_replace (ObIndex *self, ObIndex *other)
{
  Content old;

  pthread_rwlock_wrlock (&self->lock);
  old = self->content;
  self->content = other->content;
  content_inherit_gone (&self->content, &old);
  self->generation++;
  pthread_rwlock_unlock (&self->lock);

  content_init (&other->content);
  content_clear (&old);
}
