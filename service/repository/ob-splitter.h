/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-writer.h"

G_BEGIN_DECLS

/* Cuts one stream after another into blobs, hashes them while they are in the processor's cache
 * and hands those that are new to the writer. Keeps its buffer: a thread that reads many files
 * keeps one splitter. For one thread at a time. */
typedef struct _ObSplitter ObSplitter;

ObSplitter *ob_splitter_new (ObWriter *writer, ObChunkSize chunks, ObProgress *progress,
                             GCancellable *cancellable);
void ob_splitter_free (ObSplitter *splitter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObSplitter, ob_splitter_free)

/* Of a database's streams: how many bytes of each are cut into the smallest chunks (at least 1).
 * Behind them chunks are four times as large, behind four times as many bytes sixteen times, and so
 * on up to OB_CHUNKER_MOST_BITS: so their number grows with the logarithm of the stream's size, and
 * up to a step nothing changes when it grows. Before the first stream; without it all are as small
 * as can be. */
void ob_splitter_set_fine_bytes (ObSplitter *splitter, guint64 bytes);

/* Another progress (or NULL) for what is taken from now on. */
void ob_splitter_set_progress (ObSplitter *splitter, ObProgress *progress);

/* Where the next bytes are to be read to, and how many fit (always some). */
guint8 *ob_splitter_get_room (ObSplitter *splitter, gsize *room);

/* @size bytes were read there. Adds to the done bytes of the progress. */
gboolean ob_splitter_take (ObSplitter *splitter, gsize size, GError **error);

/* As many bytes that are zero: a hole, which costs next to nothing. */
gboolean ob_splitter_add_zeros (ObSplitter *splitter, guint64 size, GError **error);

gboolean ob_splitter_add_bytes (ObSplitter *splitter, const void *data, gsize size, GError **error);

/* All that @fd (a pipe, a socket or a file) gives up to its end. */
gboolean ob_splitter_add_stream (ObSplitter *splitter, int fd, GError **error);

/* Ends the stream: its blobs' ids in order (of ObId, transfer full) and its bytes (may be NULL).
 * The next stream begins. */
gboolean ob_splitter_finish (ObSplitter *splitter, GArray **content, guint64 *size, GError **error);

/* Forgets the stream that was begun. */
void ob_splitter_reset (ObSplitter *splitter);

G_END_DECLS
