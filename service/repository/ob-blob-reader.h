/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-repository-private.h"

G_BEGIN_DECLS

/* Fetches blobs and checks them, with contexts and buffers that are kept from one to the next. For
 * one thread at a time. Errors everywhere: CORRUPT naming pack and blob, those of the store. */
typedef struct _ObBlobReader ObBlobReader;

ObBlobReader *ob_blob_reader_new (ObRepository *repository);
void ob_blob_reader_free (ObBlobReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObBlobReader, ob_blob_reader_free)

/* Where a blob lies; CORRUPT where the index does not know it or what it says cannot be. */
gboolean ob_blob_reader_locate (ObBlobReader *reader, ObBlobType type, const ObId *id,
                                ObBlobLocation *location, GError **error);

/* Bytes of a blob as a file has them. */
gsize ob_blob_location_get_plain_size (const ObBlobLocation *location);

/* @length bytes of @pack from @offset into @buffer: all of them, or an error. */
gboolean ob_blob_reader_read_range (ObBlobReader *reader, const ObId *pack, guint64 offset,
                                    guint8 *buffer, gsize length, GCancellable *cancellable,
                                    GError **error);

/* As ob_repository_is_damage(), of what such a call failed with. */
gboolean ob_blob_reader_is_damage (ObBlobReader *reader, const GError *failure,
                                   GCancellable *cancellable);

/* Opens, uncompresses and checks a blob whose location->length sealed bytes are at @sealed
 * (which is overwritten). The result is valid until the next call, or as long as @sealed. NULL
 * on error. */
const guint8 *ob_blob_reader_open (ObBlobReader *reader, const ObId *id,
                                   const ObBlobLocation *location, guint8 *sealed, gsize *size,
                                   GError **error);

/* The same into @plain, which has room for ob_blob_location_get_plain_size(). */
gboolean ob_blob_reader_open_to (ObBlobReader *reader, const ObId *id,
                                 const ObBlobLocation *location, guint8 *sealed, guint8 *plain,
                                 GError **error);

/* Locates, reads and opens one blob, from another copy where one is damaged or cannot be read. Trees
 * that lie near each other are read at once. */
const guint8 *ob_blob_reader_load (ObBlobReader *reader, ObBlobType type, const ObId *id,
                                   gsize *size, GCancellable *cancellable, GError **error);

/* The first failure of the store, other than damage, that was made good by reading a blob alone or
 * from another copy, and the pack that it was in; NULL where there was none. Transfer none. */
const GError *ob_blob_reader_get_survived (ObBlobReader *reader, ObId *pack);

/* The nodes of a tree (of ObNode). Transfer full. */
GPtrArray *ob_blob_reader_load_tree (ObBlobReader *reader, const ObId *id,
                                     GCancellable *cancellable, GError **error);

/* The same; *@was_read where its bytes are those that they should be, and at most make no sense. */
GPtrArray *ob_blob_reader_try_tree (ObBlobReader *reader, const ObId *id, gboolean *was_read,
                                    GCancellable *cancellable, GError **error);

G_END_DECLS
