/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

#include "ob-index.h"

G_BEGIN_DECLS

/* The queue between those who cut blobs and the workers: one ring of memory of a fixed size, into
 * which blobs are copied, so that neither their number nor their sizes move the memory's peak. All
 * functions: any thread. */
typedef struct _ObBlobQueue ObBlobQueue;

/* A blob on its way. */
typedef struct
{
  ObBlobType type;
  ObId id;
  const guint8 *data;
  gsize size;
  gboolean is_of_database; /* as ob_compressor_run() wants to know it */
} ObQueuedBlob;

/* @capacity in bytes; a blob of up to a quarter of it can be pushed. */
ObBlobQueue *ob_blob_queue_new (gsize capacity);
void ob_blob_queue_free (ObBlobQueue *queue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObBlobQueue, ob_blob_queue_free)

/* Copies @blob to the end, waiting for room. FALSE where the queue was stopped (no error set), or
 * with CANCELLED. */
gboolean ob_blob_queue_push (ObBlobQueue *queue, const ObQueuedBlob *blob,
                             GCancellable *cancellable, GError **error);

/* Takes blobs from the front, waiting for some: up to @max, and of small ones several at once. They
 * stay valid until ob_blob_queue_done(). 0 where the queue was closed and is empty, or stopped. */
guint ob_blob_queue_pop (ObBlobQueue *queue, ObQueuedBlob *blobs, guint max);

/* Gives the room of what was popped back. */
void ob_blob_queue_done (ObBlobQueue *queue, const ObQueuedBlob *blobs, guint n_blobs);

/* Nothing will be pushed any more: pop drains the queue. */
void ob_blob_queue_close (ObBlobQueue *queue);

/* Ends all waiting now. What is in it is dropped. */
void ob_blob_queue_stop (ObBlobQueue *queue);

G_END_DECLS
