/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the rest of this room may ask of a writer. */
#pragma once

#include "ob-blob-queue.h"
#include "ob-repository-private.h"
#include "ob-writer.h"

G_BEGIN_DECLS

/* Transfer none. Any thread. */
ObRepository *ob_writer_get_repository (ObWriter *writer);

/* Stores a blob whose id the caller has computed, where it is not stored already. Returns as soon
 * as it is queued: the data is copied. At most OB_CHUNKER_MAXIMUM bytes are queued; larger ones are
 * stored by the calling thread. Any thread. */
gboolean ob_writer_add_blob (ObWriter *writer, const ObQueuedBlob *blob, GCancellable *cancellable,
                             GError **error);

/* Tells of a tree of these nodes (of ObNode) that is stored already, as it is: what of it and of
 * its files there is counts as reused. What its directories have was told of when they were. Any
 * thread. */
void ob_writer_reuse_tree (ObWriter *writer, GPtrArray *nodes, const ObId *tree);

G_END_DECLS
