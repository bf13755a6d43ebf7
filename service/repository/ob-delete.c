/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-delete.h"

#include "ob-wait.h"

static gboolean
remove_snapshot (ObRepository *repository, const ObId *id, GCancellable *cancellable,
                 GError **error)
{
  char hex[OB_ID_HEX_SIZE];
  g_autofree char *name = NULL;

  ob_id_to_hex (id, hex);
  name = g_strconcat ("snapshots/", hex, NULL);
  return ob_store_remove (ob_repository_get_store (repository), name, cancellable, error);
}

gboolean
ob_delete_snapshots (ObRepository *repository, ObLock *lock, GArray *ids, guint *n_removed,
                     GCancellable *cancellable, GError **error)
{
  gboolean done = TRUE;

  *n_removed = 0;
  for (guint i = 0; done && i < ids->len; i++)
    {
      done = ob_check_cancelled (cancellable, error) && ob_lock_check (lock, error)
             && remove_snapshot (repository, &g_array_index (ids, ObId, i), cancellable, error);
      if (done)
        (*n_removed)++;
    }
  /* What was removed before it failed is told of as removed, so it has to stay so. */
  if (*n_removed > 0)
    done = ob_store_flush (ob_repository_get_store (repository), NULL, done ? error : NULL) && done;
  return done;
}
