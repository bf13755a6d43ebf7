/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-node.h"
#include "ob-progress.h"
#include "ob-repository.h"

G_BEGIN_DECLS

/* Reading what a snapshot holds. Every blob is checked: its MAC before it is decrypted, its SHA-256
 * after. The index must have been loaded. All block; any thread, several at once. Errors: NOT_FOUND
 * where a path is not in it, CORRUPT naming pack and blob. */

/* The nodes of the tree @id (of ObNode, sorted as stored). Transfer full. */
GPtrArray *ob_reader_load_tree (ObRepository *repository, const ObId *id,
                                GCancellable *cancellable, GError **error);

/* The node at @path ("database/schema.dump", no leading '/') below the tree @root. Transfer
 * full. */
ObNode *ob_reader_find (ObRepository *repository, const ObId *root, const char *path,
                        GCancellable *cancellable, GError **error);

/* A small file's bytes. Errors: CORRUPT where larger than @max. Transfer full. */
GBytes *ob_reader_load_file (ObRepository *repository, const ObNode *node, gsize max,
                             GCancellable *cancellable, GError **error);

/* A file's bytes in order: blobs are fetched, opened and checked ahead in @n_workers threads, within
 * a bounded window. Of one stream one thread at a time. */
typedef struct _ObReaderStream ObReaderStream;

/* @cancellable is used as long as the stream is there. Transfer full; NULL on error. */
ObReaderStream *ob_reader_stream_new (ObRepository *repository, const ObNode *node,
                                      guint n_workers, GCancellable *cancellable, GError **error);

/* Waits for the next bytes, which are there until the next call: some hundred KiB, 0 only at the
 * end. After an error all further calls fail. */
gboolean ob_reader_stream_next (ObReaderStream *stream, const guint8 **data, gsize *size,
                                GError **error);

/* Wherever it is. Waits until its threads have ended. */
void ob_reader_stream_free (ObReaderStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObReaderStream, ob_reader_stream_free)

/* Writes a file's bytes to @fd (a pipe, a memfd) by way of such a stream. Adds to the done bytes of
 * @progress. On EPIPE the error is FAILED. */
gboolean ob_reader_write_file (ObRepository *repository, const ObNode *node, int fd,
                               guint n_workers, ObProgress *progress, GCancellable *cancellable,
                               GError **error);

/* Whether every blob that the tree @id and all below it refer to can be had: it is in the index,
 * and a pack that holds it is in the store with the right size. Cheap where that is so, since only
 * trees are read; what lies in packs that are missing or have another size, and in no others, is
 * read and checked. Adds a sentence for each thing missing to @problems (at most 100). */
gboolean ob_reader_check_tree (ObRepository *repository, const ObId *id, GPtrArray *problems,
                               GCancellable *cancellable, GError **error);

G_END_DECLS
