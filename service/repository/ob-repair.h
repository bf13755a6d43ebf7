/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of a repair share. */
#pragma once

#include "ob-verify-private.h"

G_BEGIN_DECLS

typedef struct
{
  ObVerify *verify; /* what was found; for the snapshots: what is left after the packs */
  ObRepository *repository;
  ObLock *lock;
  ObVerifyRepairs *repairs;
  GCancellable *cancellable;
} ObRepair;

/* FALSE with LOCKED where the lock was lost: nothing may be published or removed any more. */
gboolean ob_repair_check_lock (ObRepair *repair, GError **error);

/* Brings what can be read of damaged packs into new ones, writes the index anew, and then
 * removes the former index files and the damaged packs. */
gboolean ob_repair_packs (ObRepair *repair, GError **error);

/* Takes what is lost out of the trees, and puts marked snapshots in the place of those that lost
 * something. */
gboolean ob_repair_snapshots (ObRepair *repair, GError **error);

/* The text of the snapshot file with another tree, marked as partial. Transfer full; NULL with
 * CORRUPT. @loss: what it lost. */
char *ob_repair_mark_snapshot (const char *text, gsize size, const ObId *tree,
                               const ObVerifyLoss *loss, GError **error);

G_END_DECLS
