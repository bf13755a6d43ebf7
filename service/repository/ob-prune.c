/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-prune.h"

#include "ob-prune-private.h"
#include "ob-wait.h"

static gboolean
has_to_change_index (ObPrunePlan *self)
{
  for (guint32 i = 0; i < self->n_packs; i++)
    if (self->packs[i].fate != OB_PACK_STAYS)
      return TRUE;
  return FALSE;
}

/* From the first removal on the former index is not whole any more; the new one is, and durable. So
 * one that is locked may be hidden: what it says the new one does. */
static gboolean
remove_index_files (ObPrunePlan *self, GCancellable *cancellable, GError **error)
{
  ObStore *store = ob_repository_get_store (self->repository);

  if (!ob_prune_plan_check (self, error) || !ob_lock_confirm (self->lock, cancellable, error))
    return FALSE;
  for (guint i = 0; i < self->index_files->len; i++)
    if (!ob_check_cancelled (cancellable, error)
        || !ob_lock_confirm_again (self->lock, cancellable, error)
        || !ob_store_hide (store, g_ptr_array_index (self->index_files, i), cancellable, error))
      return FALSE;
  /* An index that came back after a loss of power would name packs that are gone. */
  return ob_store_flush (store, cancellable, error);
}

static gboolean
remove_pack (ObPrunePlan *self, const ObId *id, guint64 size, guint64 *removed,
             GCancellable *cancellable, GError **error)
{
  char hex[OB_ID_HEX_SIZE];
  g_autofree char *name = NULL;

  ob_id_to_hex (id, hex);
  name = g_strdup_printf ("data/%.2s/%s", hex, hex);
  if (!ob_check_cancelled (cancellable, error)
      || !ob_lock_confirm_again (self->lock, cancellable, error)
      || !ob_store_remove (ob_repository_get_store (self->repository), name, cancellable, error))
    return FALSE;
  *removed += size;
  return TRUE;
}

/* Packs that the index in memory had, by their ids: its numbers are gone when they are removed. */
static GArray *
list_removed (ObPrunePlan *self)
{
  GArray *packs = g_array_new (FALSE, FALSE, sizeof (ObLoosePack));

  for (guint32 i = 0; i < self->n_packs; i++)
    {
      ObLoosePack pack = { .size = self->packs[i].stored };
      guint64 size;

      if (self->packs[i].fate != OB_PACK_STAYS && pack.size != OB_PRUNE_MISSING
          && ob_index_get_pack (self->index, i, &pack.id, &size))
        g_array_append_val (packs, pack);
    }
  g_array_append_vals (packs, self->loose->data, self->loose->len);
  return packs;
}

static gboolean
remove_packs (ObPrunePlan *self, GArray *packs, guint64 *removed, GCancellable *cancellable,
              GError **error)
{
  gboolean done = ob_lock_confirm (self->lock, cancellable, error);

  ob_progress_set_phase (self->progress, "removing");
  for (guint i = 0; done && i < packs->len; i++)
    {
      const ObLoosePack *pack = &g_array_index (packs, ObLoosePack, i);

      done = remove_pack (self, &pack->id, pack->size, removed, cancellable, error);
    }
  return ob_store_flush (ob_repository_get_store (self->repository), NULL, done ? error : NULL)
         && done;
}

/* @packs: those that the index names no more then. */
static gboolean
replace_index (ObPrunePlan *self, GArray **packs, guint64 *written, GCancellable *cancellable,
               GError **error)
{
  if (!ob_prune_repack (self, written, cancellable, error))
    return FALSE;
  *packs = list_removed (self);
  ob_progress_set_phase (self->progress, "indexing");
  return ob_prune_write_index (self, cancellable, error) && ob_lock_check (self->lock, error)
         && remove_index_files (self, cancellable, error)
         && ob_repository_load_index (self->repository, cancellable, error);
}

gboolean
ob_prune_plan_run (ObPrunePlan *self, gint64 *freed_bytes, GCancellable *cancellable,
                   GError **error)
{
  g_autoptr (GArray) packs = NULL;
  guint64 written = 0;
  guint64 removed = 0;
  gboolean done = FALSE;

  if (!ob_lock_check (self->lock, error) || !ob_prune_plan_check (self, error))
    {
      *freed_bytes = 0;
      return FALSE;
    }
  if (has_to_change_index (self))
    done = replace_index (self, &packs, &written, cancellable, error);
  else
    {
      packs = list_removed (self);
      done = TRUE;
    }
  done = done && remove_packs (self, packs, &removed, cancellable, error);
  *freed_bytes = (gint64) removed - (gint64) written;
  return done;
}
