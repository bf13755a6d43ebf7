/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-present-packs.h"

#include "ob-error.h"
#include "ob-pack.h"
#include "ob-repository-private.h"

/* Another job may replace the index in between, where somebody pruned. */
#define TRIES 10

typedef struct
{
  ObIndex *index;
  ObBitmap *there; /* of the packs that the index named before the list was begun: others may be
                    * newer than the list */
} Looking;

static gboolean
add_pack (const char *name, guint64 size, gpointer user_data)
{
  Looking *self = user_data;
  guint64 expected;
  guint32 number;
  ObId id, actual;

  if (ob_pack_parse_name (name, &id)
      && ob_index_find_pack (self->index, &id, &number)
      && ob_index_get_pack (self->index, number, &actual, &expected) && size == expected)
    ob_bitmap_set (self->there, number);
  return TRUE;
}

gboolean
ob_present_packs_find (ObRepository *repository, guint *n_gone, GCancellable *cancellable,
                       GError **error)
{
  ObIndex *index = ob_repository_get_index (repository);

  for (guint i = 0; i < TRIES; i++)
    {
      guint generation = ob_index_get_generation (index);
      g_autofree ObBitmap *there = ob_bitmap_new (ob_index_get_n_packs (index));
      Looking looking = { index, there };

      if (!ob_store_list (ob_repository_get_store (repository), "data", add_pack, &looking,
                          cancellable, error))
        return FALSE;
      if (ob_index_set_there (index, generation, there, n_gone))
        return TRUE;
    }
  g_set_error_literal (error, OB_ERROR, OB_ERROR_BUSY,
                       "The index of the repository was replaced again and again; try again");
  return FALSE;
}
