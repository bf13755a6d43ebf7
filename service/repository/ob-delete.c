/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-delete.h"

#include "ob-wait.h"

static char *
get_name (const ObId *id)
{
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (id, hex);
  return g_strconcat ("snapshots/", hex, NULL);
}

static gboolean
run (ObRepository *repository, ObLock *lock, GArray *ids, guint *n_removed,
     GCancellable *cancellable, GError **error)
{
  ObStore *store = ob_repository_get_store (repository);
  gboolean done;

  *n_removed = 0;
  done = ob_lock_confirm (lock, cancellable, error);
  for (guint i = 0; done && i < ids->len; i++)
    {
      g_autofree char *name = get_name (&g_array_index (ids, ObId, i));

      /* None of them is locked, or that does no harm. */
      done = ob_check_cancelled (cancellable, error)
             && ob_lock_confirm_again (lock, cancellable, error)
             && ob_store_hide (store, name, cancellable, error);
      if (done)
        (*n_removed)++;
    }
  /* What was removed before it failed is told of as removed, so it has to stay so. */
  if (*n_removed > 0)
    done = ob_store_flush (store, NULL, done ? error : NULL) && done;
  return done;
}

/* All of them before the first is removed. */
static gboolean
check_unlocked (ObRepository *repository, GArray *ids, GCancellable *cancellable, GError **error)
{
  ObStore *store = ob_repository_get_store (repository);

  for (guint i = 0; i < ids->len; i++)
    {
      g_autofree char *name = get_name (&g_array_index (ids, ObId, i));

      if (!ob_store_check_unlocked (store, name, cancellable, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
ob_delete_snapshots (ObRepository *repository, ObLock *lock, GArray *ids, guint *n_removed,
                     GCancellable *cancellable, GError **error)
{
  *n_removed = 0;
  return check_unlocked (repository, ids, cancellable, error)
         && run (repository, lock, ids, n_removed, cancellable, error);
}

gboolean
ob_delete_replaced (ObRepository *repository, ObLock *lock, GArray *ids, guint *n_removed,
                    GCancellable *cancellable, GError **error)
{
  return run (repository, lock, ids, n_removed, cancellable, error);
}
