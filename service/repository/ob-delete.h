/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-lock.h"

G_BEGIN_DECLS

/* Removes the snapshot files with these ids (of ObId; of the files, not the public ones); one
 * that has gone already is no error. What only they referred to stays until it is pruned. @lock:
 * an exclusive one, that is still valid. The removals are durable on return; after an error, and
 * after a crash, some of them may be. @n_removed: how many were, also on error. Blocks. Errors:
 * LOCKED where the lock was lost, or where the store keeps one of them locked: none
 * was removed then; CANCELLED, those of the store. */
gboolean ob_delete_snapshots (ObRepository *repository, ObLock *lock, GArray *ids,
                              guint *n_removed, GCancellable *cancellable, GError **error);

/* The same for files that other ones have taken the place of, as ob_retag_snapshot() makes them:
 * the store may keep them locked, and hides them then. */
gboolean ob_delete_replaced (ObRepository *repository, ObLock *lock, GArray *ids,
                             guint *n_removed, GCancellable *cancellable, GError **error);

G_END_DECLS
