/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which blobs of the index the backups need: a bit for each. */
#pragma once

#include "ob-bitmap.h"
#include "ob-progress.h"
#include "ob-repository-private.h"

G_BEGIN_DECLS

typedef struct
{
  ObBitmap *bits[2]; /* by ObBlobType, then by the number of the blob's first place in the index */
} ObUsedBlobs;

/* Walks the trees of these snapshots (of ObSnapshot), each tree once. The index must have been
 * loaded and must not be replaced meanwhile. Blocks. Transfer full. Errors: CORRUPT naming the
 * backup where a tree cannot be read, or one of its blobs is in no index; those of the store;
 * CANCELLED. */
ObUsedBlobs *ob_used_blobs_find (ObRepository *repository, GPtrArray *snapshots,
                                 GCancellable *cancellable, GError **error);
void ob_used_blobs_free (ObUsedBlobs *used);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObUsedBlobs, ob_used_blobs_free)

G_END_DECLS
