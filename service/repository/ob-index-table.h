/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A hash table of millions of small items, each of which begins with its id: numbered from 0 in the
 * order they came in, and found by id or by number. Several may have the same id. For one thread at
 * a time, or for many where all only read. */
#pragma once

#include "ob-id.h"

G_BEGIN_DECLS

/* Open addressing: a slot holds the number of an item plus one, 0 where it is free. Only for
 * ob-index-table.c, but for @n_items. */
typedef struct
{
  guint32 *slots;
  guint32 capacity; /* a power of two; at most three quarters are used */
  guint32 n_items;
  guint32 item_size; /* bytes */
  GPtrArray *chunks;
} ObIndexTable;

/* @item_size: bytes of an item, its ObId included. */
void ob_index_table_init (ObIndexTable *table, gsize item_size);
void ob_index_table_clear (ObIndexTable *table);

/* The item with a number below n_items. Valid until ob_index_table_retain(). */
gpointer ob_index_table_get (const ObIndexTable *table, guint32 number);

/* Where the search for an id begins, for ob_index_table_next(). */
guint32 ob_index_table_get_slot (const ObIndexTable *table, const ObId *id);

/* The number of the next item with this id from @slot on, which is left behind it: in the order
 * they came in. FALSE after the last. */
gboolean ob_index_table_next (const ObIndexTable *table, const ObId *id, guint32 *slot,
                              guint32 *number);

/* A new item, zero but for its id; its number is the n_items of before. */
gpointer ob_index_table_append (ObIndexTable *table, const ObId *id);

/* Whether the item is to stay. It may change the item, but not its id. */
typedef gboolean (*ObIndexTableFunc) (guint32 number, gpointer item, gpointer user_data);

/* Asks @keep of each item, by number from 0 on, and takes away those that it returns FALSE for. The
 * others keep their order and get new numbers without gaps. Needs no memory for it. */
void ob_index_table_retain (ObIndexTable *table, ObIndexTableFunc keep, gpointer user_data);

/* Bytes of memory that it takes. */
gsize ob_index_table_get_memory_size (const ObIndexTable *table);

G_END_DECLS
