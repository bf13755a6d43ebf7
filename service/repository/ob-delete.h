/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-lock.h"

G_BEGIN_DECLS

/* Removes the snapshot files with these ids (of ObId; of the files, not the public ones); one
 * that has gone already is no error. What only they referred to stays until it is pruned. @lock:
 * an exclusive one, that is still valid. The removals are durable on return; after an error, and
 * after a crash, some of them may be. @n_removed: how many were, also on error. Blocks. Errors:
 * LOCKED where the lock was lost, CANCELLED, those of the store. */
gboolean ob_delete_snapshots (ObRepository *repository, ObLock *lock, GArray *ids,
                              guint *n_removed, GCancellable *cancellable, GError **error);

G_END_DECLS
