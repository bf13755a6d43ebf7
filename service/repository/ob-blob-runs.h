/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-blob-reader.h"

G_BEGIN_DECLS

/* A blob that is wanted. */
typedef struct
{
  ObId id;
  ObBlobLocation location;
} ObWantedBlob;

/* The order of their places: pack by pack, and each from its front. A GCompareFunc of ObWantedBlob;
 * any thread. */
gint ob_wanted_blob_compare (gconstpointer a, gconstpointer b);

/* How many of the @n blobs from @wanted on can be read with one read: those that lie in the same
 * pack one behind the other, with small gaps, up to @max_length bytes (a first blob that is larger
 * counts alone). *@length is what to read from the first one's offset. Any thread. */
guint ob_blob_run_measure (const ObWantedBlob *wanted, guint n, gsize max_length, gsize *length);

/* Called with the bytes of a blob; FALSE ends the run. */
typedef gboolean (*ObBlobRunFunc) (guint number, const guint8 *data, gsize size,
                                   gpointer user_data, GError **error);

/* Reads a run that was measured into @buffer (room for @length) and opens its blobs in order. A
 * blob that is damaged there is taken from another copy where there is one. */
gboolean ob_blob_run_read (ObBlobReader *reader, const ObWantedBlob *wanted, guint n,
                           guint8 *buffer, gsize length, ObBlobRunFunc func, gpointer user_data,
                           GCancellable *cancellable, GError **error);

/* The same with all that the blobs hold, one behind the other, into @plain (room for
 * ob_blob_location_get_plain_size() of each), which they are unpacked into without a copy. */
gboolean ob_blob_run_read_all (ObBlobReader *reader, const ObWantedBlob *wanted, guint n,
                               guint8 *buffer, gsize length, guint8 *plain,
                               GCancellable *cancellable, GError **error);

G_END_DECLS
