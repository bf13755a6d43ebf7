/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A repair: packs and index first, so that each blob that can be had at all is in the index.
 * What the snapshots lost is then seen by walking them again.
 */
#include "ob-repair.h"

#include "ob-error.h"

gboolean
ob_repair_check_lock (ObRepair *self, GError **error)
{
  return ob_check_cancelled (self->cancellable, error)
         && ob_lock_confirm (self->lock, self->cancellable, error);
}

/* Removes a snapshot file whose content is wrong. One that the store could not give may be whole:
 * it stays. */
static gboolean
drop_snapshot (ObRepair *self, const char *name, GError **error)
{
  ObStore *store = ob_repository_get_store (self->repository);
  g_autoptr (GError) failure = NULL;
  g_autoptr (ObSnapshot) snapshot = ob_verify_load_snapshot (self->verify, name, &failure);

  if (!g_error_matches (failure, OB_ERROR, OB_ERROR_CORRUPT))
    return TRUE;
  if (!ob_repair_check_lock (self, error)
      || !ob_store_hide (store, name, self->cancellable, error))
    return FALSE;
  self->repairs->snapshots_dropped++;
  return TRUE;
}

/* The snapshots as they are now that the index tells the truth. What no disk gives is not in it any
 * more, so whatever cannot be read here failed by chance, and is no reason to drop anything. */
static gboolean
repair_snapshots (ObRepair *self, GError **error)
{
  ObVerifyOptions options = { .n_threads = self->verify->n_threads };
  g_autoptr (ObVerify) left = ob_verify_new (self->repository, &options, NULL);
  GPtrArray *bad_snapshots = self->verify->bad_snapshots;
  ObStore *store = ob_repository_get_store (self->repository);

  left->strict = TRUE;
  if (!ob_verify_run (left, self->cancellable, error))
    return FALSE;
  self->verify = left;
  left->cancellable = self->cancellable;
  if (!ob_repair_snapshots (self, error))
    return FALSE;

  for (guint i = 0; i < bad_snapshots->len; i++)
    if (!drop_snapshot (self, g_ptr_array_index (bad_snapshots, i), error))
      return FALSE;
  return ob_store_flush (store, self->cancellable, error);
}

gboolean
ob_verify_repair (ObVerify *verify, ObLock *lock, ObVerifyRepairs *repairs,
                  GCancellable *cancellable, GError **error)
{
  ObRepair self = { .verify = verify,
                    .repository = verify->repository,
                    .lock = lock,
                    .repairs = repairs,
                    .cancellable = cancellable };
  gboolean ok;

  *repairs = (ObVerifyRepairs){ 0 };
  if (verify->report.n_problems == 0 && verify->report.n_losses == 0)
    return TRUE;
  if (!ob_repository_check_writable (self.repository, error))
    return FALSE;

  ob_progress_set_phase (verify->progress, "repairing");
  verify->cancellable = cancellable;
  ok = ob_repair_packs (&self, error) && repair_snapshots (&self, error);
  verify->cancellable = NULL;
  return ok;
}
