/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-id.h"

G_BEGIN_DECLS

/* SHA-256 with a context that is kept from one blob to the next: a blob of a few hundred bytes
 * costs more to set up than to hash. For one thread at a time. */
typedef struct _ObHasher ObHasher;

ObHasher *ob_hasher_new (void);
void ob_hasher_free (ObHasher *hasher);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObHasher, ob_hasher_free)

/* Hashes a further piece of the current blob. */
void ob_hasher_update (ObHasher *hasher, const void *data, gsize size);

/* The id of what was hashed since the last call; the hasher begins anew. */
void ob_hasher_finish (ObHasher *hasher, ObId *id);

/* Both at once. */
void ob_hasher_run (ObHasher *hasher, const void *data, gsize size, ObId *id);

G_END_DECLS
