/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-lock.h"
#include "ob-node.h"
#include "ob-progress.h"
#include "ob-repository.h"

G_BEGIN_DECLS

/* The pipeline that writes: callers chunk what they read, workers hash, compress and seal, one
 * thread writes packs. Queues between them are bounded, so memory does not grow with the data. The
 * functions may be called from several threads at once, and block while the queues are full. The
 * first error stops the pipeline; every later call returns it. */
typedef struct _ObWriter ObWriter;

typedef enum
{
  OB_CHUNKS_FILE,   /* for files */
  OB_CHUNKS_STREAM, /* smaller ones, for database archives, where updates are scattered */
} ObChunkSize;

/* @n_workers 1 to 64. The index must have been loaded. Transfer full. */
ObWriter *ob_writer_new (ObRepository *repository, guint n_workers, GCancellable *cancellable);

/* The lock under which it writes; ob_packer_set_lock() says what for. It has to outlive the writer.
 * Before the first blob. */
void ob_writer_set_lock (ObWriter *writer, ObLock *lock);

/* How many streams of rows a database will have: they share the 8 GiB that are cut into the smallest
 * chunks (ob_splitter_set_fine_bytes()). Before the first of them; without it there is one. */
void ob_writer_set_n_streams (ObWriter *writer, guint n_streams);

/* Reads @fd to its end and stores it: @content gets the blobs' ids in order (of ObId, transfer
 * full), @size its bytes. Adds to the done bytes of @progress as it reads. Blocks. */
gboolean ob_writer_add_stream (ObWriter *writer, int fd, ObChunkSize chunks, ObProgress *progress,
                               GArray **content, guint64 *size, GCancellable *cancellable,
                               GError **error);

/* As ob_writer_add_stream(), from memory. */
gboolean ob_writer_add_bytes (ObWriter *writer, const void *data, gsize size, GArray **content,
                              GError **error);

/* Stores a directory of these nodes (of ObNode; sorted here, names must differ). */
gboolean ob_writer_add_tree (ObWriter *writer, GPtrArray *nodes, ObId *id, GError **error);

/* Waits for all that was added, writes the last packs and the index, and makes all of it durable.
 * Nothing can be added afterwards. Only after it may a snapshot that refers to it be saved. */
gboolean ob_writer_finish (ObWriter *writer, GError **error);

/* From now on remembers the packs of what trees refer to and others have stored. Before the first
 * blob. */
void ob_writer_set_collects (ObWriter *writer);

/* Those packs: ids, each once (of ObId, transfer full); of trees of this writer, and what their
 * files have. */
GArray *ob_writer_list_reused (ObWriter *writer);

typedef struct
{
  guint64 new_blobs;       /* not in the repository before */
  guint64 new_bytes;       /* of theirs, plain */
  guint64 stored_bytes;    /* of theirs, as stored: compressed and sealed, with pack headers */
  guint64 known_blobs;     /* already stored */
  guint64 known_bytes;
} ObWriterStats;

void ob_writer_get_stats (ObWriter *writer, ObWriterStats *stats);

/* Stops the threads and waits for them. What was stored is in the index, where the store answers:
 * the next writer need not store it again, and a prune removes it if nobody has use for it. */
void ob_writer_free (ObWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObWriter, ob_writer_free)

G_END_DECLS
