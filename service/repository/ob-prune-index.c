/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The index of what stays. Each pack that stays is listed whole, with what is not needed in it: its
 * size follows from it, and a later backup may need it again. */
#include "ob-prune-private.h"

#include "ob-wait.h"

/* Entries that are held before they are written; an index file has as many at most. */
#define MAX_HELD 50000

/* Packs that wait for a file. */
typedef struct
{
  GArray *ids;        /* of ObId */
  GPtrArray *entries; /* of GArray of ObPackEntry */
  guint n_entries;
} Held;

static GArray *
list_entries (ObPrunePlan *plan, guint32 number)
{
  g_autoptr (GArray) places = ob_prune_plan_get_places (plan, number, FALSE);
  GArray *entries = g_array_sized_new (FALSE, FALSE, sizeof (ObPackEntry), places->len);

  for (guint i = 0; i < places->len; i++)
    {
      const ObPrunePlace *place = &g_array_index (places, ObPrunePlace, i);
      ObPackEntry entry = { .type = place->type,
                            .id = place->place.id,
                            .offset = place->place.offset,
                            .length = place->place.length,
                            .plain_length = place->place.plain_length };

      g_array_append_val (entries, entry);
    }
  return entries;
}

static gboolean
write_held (ObPrunePlan *plan, Held *held, GCancellable *cancellable, GError **error)
{
  gboolean done
    = held->ids->len == 0
      || (ob_check_cancelled (cancellable, error)
          && ob_lock_confirm (plan->lock, cancellable, error) && ob_prune_plan_check (plan, error)
          && ob_repository_save_index (plan->repository, (const ObId *) (gpointer) held->ids->data,
                                       (GArray *const *) held->entries->pdata, held->ids->len,
                                       cancellable, error));

  g_array_set_size (held->ids, 0);
  g_ptr_array_set_size (held->entries, 0);
  held->n_entries = 0;
  return done;
}

static gboolean
write_packs (ObPrunePlan *plan, Held *held, GCancellable *cancellable, GError **error)
{
  for (guint32 i = 0; i < plan->n_packs; i++)
    {
      guint n = plan->first_place[i + 1] - plan->first_place[i];
      guint64 size;
      ObId id;

      if (plan->packs[i].fate != OB_PACK_STAYS)
        continue;
      if (held->n_entries + n > MAX_HELD && !write_held (plan, held, cancellable, error))
        return FALSE;
      ob_index_get_pack (plan->index, i, &id, &size);
      g_array_append_val (held->ids, id);
      g_ptr_array_add (held->entries, list_entries (plan, i));
      held->n_entries += n;
    }
  return write_held (plan, held, cancellable, error)
         && ob_store_flush (ob_repository_get_store (plan->repository), cancellable, error);
}

gboolean
ob_prune_write_index (ObPrunePlan *plan, GCancellable *cancellable, GError **error)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (GPtrArray) entries
    = g_ptr_array_new_with_free_func ((GDestroyNotify) g_array_unref);
  Held held = { .ids = ids, .entries = entries };

  return write_packs (plan, &held, cancellable, error);
}
