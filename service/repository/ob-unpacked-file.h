/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files of a repository that are no packs: most of them are sealed with its key, and all but
 * the config are named after the SHA-256 of their bytes (restic, doc/design.rst, "Repository
 * Layout").
 * All functions: any thread. */
#pragma once

#include "ob-crypto.h"
#include "ob-id.h"
#include "ob-store.h"

G_BEGIN_DECLS

/* The bytes with the overhead of a seal around them. Transfer full. */
GByteArray *ob_unpacked_file_seal (const ObCryptoKey *key, const void *data, gsize size);

/* Those bytes back; NULL where the seal does not fit the key. Transfer full. */
GBytes *ob_unpacked_file_unseal (const ObCryptoKey *key, GBytes *sealed);

/* Stores the bytes as they are. Errors: those of ob_store_put(). */
gboolean ob_unpacked_file_put (ObStore *store, const char *name, const void *data, gsize size,
                               ObStorePutFlags flags, GCancellable *cancellable, GError **error);

/* The same under the name "DIRECTORY/SHA-256 of the bytes". @id is set even where storing fails. */
gboolean ob_unpacked_file_put_under_hash (ObStore *store, const char *directory, const void *data,
                                          gsize size, ObStorePutFlags flags, ObId *id,
                                          GCancellable *cancellable, GError **error);

/* Whether the bytes are those that the last component of @name promises. */
gboolean ob_unpacked_file_has_right_name (const char *name, GBytes *stored);

G_END_DECLS
