/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-index-table.h"

#include <string.h>

/* Items lie in chunks that never move, so growing needs no second copy of them. */
#define CHUNK_SIZE 8192
#define FIRST_CAPACITY 1024

void
ob_index_table_init (ObIndexTable *self, gsize item_size)
{
  self->item_size = (guint32) item_size;
  self->capacity = FIRST_CAPACITY;
  self->n_items = 0;
  self->slots = g_new0 (guint32, FIRST_CAPACITY);
  self->chunks = g_ptr_array_new_with_free_func (g_free);
}

void
ob_index_table_clear (ObIndexTable *self)
{
  g_clear_pointer (&self->slots, g_free);
  g_clear_pointer (&self->chunks, g_ptr_array_unref);
}

gpointer
ob_index_table_get (const ObIndexTable *self, guint32 number)
{
  guint8 *chunk = g_ptr_array_index (self->chunks, number / CHUNK_SIZE);

  return chunk + (gsize) (number % CHUNK_SIZE) * self->item_size;
}

guint32
ob_index_table_get_slot (const ObIndexTable *self, const ObId *id)
{
  return ob_id_hash (id) & (self->capacity - 1);
}

gboolean
ob_index_table_next (const ObIndexTable *self, const ObId *id, guint32 *slot, guint32 *number)
{
  while (self->slots[*slot] != 0)
    {
      guint32 candidate = self->slots[*slot] - 1;

      *slot = (*slot + 1) & (self->capacity - 1);
      if (ob_id_equal (ob_index_table_get (self, candidate), id))
        {
          *number = candidate;
          return TRUE;
        }
    }
  return FALSE;
}

static void
put (ObIndexTable *self, const ObId *id, guint32 number)
{
  guint32 slot = ob_index_table_get_slot (self, id);

  while (self->slots[slot] != 0)
    slot = (slot + 1) & (self->capacity - 1);
  self->slots[slot] = number + 1;
}

/* Items go back in the order they came in, so the first of several stays first. */
static void
set_capacity (ObIndexTable *self, guint32 capacity)
{
  g_free (self->slots);
  self->capacity = capacity;
  self->slots = g_new0 (guint32, capacity);
  for (guint32 i = 0; i < self->n_items; i++)
    put (self, ob_index_table_get (self, i), i);
}

gpointer
ob_index_table_append (ObIndexTable *self, const ObId *id)
{
  gpointer item;

  if (self->n_items >= self->capacity / 4 * 3)
    {
      g_assert (self->capacity <= G_MAXUINT32 / 4);
      set_capacity (self, self->capacity * 2);
    }
  if (self->n_items % CHUNK_SIZE == 0)
    g_ptr_array_add (self->chunks, g_malloc_n (CHUNK_SIZE, self->item_size));

  item = ob_index_table_get (self, self->n_items);
  memset (item, 0, self->item_size);
  memcpy (item, id, sizeof *id);
  put (self, id, self->n_items++);
  return item;
}

void
ob_index_table_retain (ObIndexTable *self, ObIndexTableFunc keep, gpointer user_data)
{
  guint32 capacity = self->capacity;
  guint32 n = 0;

  for (guint32 i = 0; i < self->n_items; i++)
    {
      gpointer item = ob_index_table_get (self, i);

      if (!keep (i, item, user_data))
        continue;
      if (n < i)
        memcpy (ob_index_table_get (self, n), item, self->item_size);
      n++;
    }
  if (n == self->n_items)
    return;

  self->n_items = n;
  g_ptr_array_set_size (self->chunks, (gint) (n / CHUNK_SIZE + (n % CHUNK_SIZE > 0)));
  while (capacity > FIRST_CAPACITY && n < capacity / 8 * 3)
    capacity /= 2;
  set_capacity (self, capacity);
}

gsize
ob_index_table_get_memory_size (const ObIndexTable *self)
{
  return (gsize) self->capacity * sizeof (guint32)
         + (gsize) self->chunks->len * CHUNK_SIZE * self->item_size;
}
