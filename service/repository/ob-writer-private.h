/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the rest of this room may ask of a writer. */
#pragma once

#include "ob-repository-private.h"
#include "ob-writer.h"

G_BEGIN_DECLS

/* Transfer none. Any thread. */
ObRepository *ob_writer_get_repository (ObWriter *writer);

/* Stores a blob whose @id the caller has computed, where it is not stored already. Returns as
 * soon as it is queued: the data is copied. At most OB_CHUNKER_MAXIMUM bytes are queued; larger
 * ones are stored by the calling thread. Any thread. */
gboolean ob_writer_add_blob (ObWriter *writer, ObBlobType type, const ObId *id, const guint8 *data,
                             gsize size, GCancellable *cancellable, GError **error);

G_END_DECLS
