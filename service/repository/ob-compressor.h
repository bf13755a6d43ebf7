/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* zstd with a context and an output buffer that are kept. For one thread at a time. */
typedef struct _ObCompressor ObCompressor;

ObCompressor *ob_compressor_new (void);
void ob_compressor_free (ObCompressor *compressor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObCompressor, ob_compressor_free)

/* Compresses into a buffer of its own that is valid until the next call; *@out and *@out_size tell
 * of it. FALSE where it is not worth it: the blob is to be stored as it is. @is_of_database: these
 * are rows, which are compressed otherwise than files. */
gboolean ob_compressor_run (ObCompressor *compressor, const guint8 *data, gsize size,
                            gboolean is_of_database, const guint8 **out, gsize *out_size);

G_END_DECLS
