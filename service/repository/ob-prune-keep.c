/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which places of the blobs that the backups need are kept. */
#include "ob-prune-private.h"

#include "ob-pack.h"

static void
keep (ObPrunePlan *self, ObBlobType type, guint32 number)
{
  ObIndexPlace place = ob_prune_plan_get_place (self, type, number);
  ObPrunePack *pack = &self->packs[place.pack];

  ob_bitmap_set (self->kept[type], number);
  pack->n_used++;
  pack->used += place.length + ob_pack_get_entry_size (place.plain_length);
  self->figures.n_used_blobs++;
  self->figures.used_bytes += place.length + ob_pack_get_entry_size (place.plain_length);
}

/* How far a pack is to be relied on. */
typedef enum
{
  RANK_GONE, /* or not as long as it should be */
  RANK_DAMAGED,
  RANK_WHOLE,
} Rank;

static Rank
get_rank (ObPrunePlan *self, guint32 pack)
{
  if (!ob_prune_plan_is_whole (self, pack))
    return RANK_GONE;
  return ob_index_is_damaged (self->index, pack) ? RANK_DAMAGED : RANK_WHOLE;
}

static guint32
get_pack (ObPrunePlan *self, ObBlobType type, guint32 number)
{
  return ob_prune_plan_get_place (self, type, number).pack;
}

/* Of several copies the one in the pack of which most is needed, so that the others become
 * empty; one whose pack is damaged or not there counts only where there is no other. */
static guint32
choose (ObPrunePlan *self, ObBlobType type, const guint32 *numbers, gsize n)
{
  guint32 best = numbers[0];

  for (gsize i = 1; i < n; i++)
    {
      guint32 best_pack = get_pack (self, type, best);
      guint32 pack = get_pack (self, type, numbers[i]);
      Rank best_rank = get_rank (self, best_pack);
      Rank rank = get_rank (self, pack);

      if (rank > best_rank
          || (rank > RANK_GONE && rank == best_rank
              && self->packs[pack].used > self->packs[best_pack].used))
        best = numbers[i];
    }
  return best;
}

/* Blobs that lie in one place first: what they make of the packs decides about the others. */
static void
keep_used (ObPrunePlan *self, const ObUsedBlobs *used, ObBlobType type, GArray *several)
{
  for (guint32 number = 0; number < self->n_places[type]; number++)
    {
      ObIndexPlace place;
      guint32 numbers[2];

      if (!ob_bitmap_test (used->bits[type], number))
        continue;
      place = ob_prune_plan_get_place (self, type, number);
      if (ob_index_find (self->index, type, &place.id, numbers, G_N_ELEMENTS (numbers)) == 1)
        keep (self, type, number);
      else
        g_array_append_val (several, number);
    }
}

/* Two packs may be damaged each in another place, so that only both together hold all. */
static void
keep_others (ObPrunePlan *self, ObBlobType type, const guint32 *numbers, gsize n, guint32 best)
{
  for (gsize i = 0; i < n; i++)
    if (numbers[i] != best
        && self->packs[get_pack (self, type, numbers[i])].stored != OB_PRUNE_MISSING)
      keep (self, type, numbers[i]);
}

static void
keep_of_several (ObPrunePlan *self, ObBlobType type, GArray *several)
{
  for (guint i = 0; i < several->len; i++)
    {
      guint32 number = g_array_index (several, guint32, i);
      ObIndexPlace place = ob_prune_plan_get_place (self, type, number);
      guint32 numbers[OB_PRUNE_MAX_COPIES];
      gsize n = ob_index_find (self->index, type, &place.id, numbers, OB_PRUNE_MAX_COPIES);
      guint32 best = choose (self, type, numbers, n);

      keep (self, type, best);
      if (get_rank (self, get_pack (self, type, best)) != RANK_WHOLE)
        keep_others (self, type, numbers, n, best);
      g_array_append_val (self->several[type], best);
    }
}

void
ob_prune_keep_used (ObPrunePlan *self, const ObUsedBlobs *used)
{
  g_autoptr (GArray) data = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_autoptr (GArray) trees = g_array_new (FALSE, FALSE, sizeof (guint32));

  keep_used (self, used, OB_BLOB_DATA, data);
  keep_used (self, used, OB_BLOB_TREE, trees);
  keep_of_several (self, OB_BLOB_DATA, data);
  keep_of_several (self, OB_BLOB_TREE, trees);
}
