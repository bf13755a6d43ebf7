/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Uploads that go on beside the one who hands them over: several at once, and never more in memory
 * than there are threads for, so that a slow network slows the writer down. */
#pragma once

#include <gio/gio.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/* All functions: any thread. */
typedef struct _ObUploadQueue ObUploadQueue;

/* Stores an object. Called in threads of the queue's own. */
typedef gboolean (*ObUploadFunc) (const char *name, const void *data, gsize size,
                                  gpointer user_data, GCancellable *cancellable, GError **error);

/* At most @max uploads at once; threads are begun as they are needed. Transfer full. */
ObUploadQueue *ob_upload_queue_new (guint max, ObUploadFunc func, gpointer user_data);

/* Stops what is under way. */
void ob_upload_queue_free (ObUploadQueue *queue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObUploadQueue, ob_upload_queue_free)

/* Takes a copy of the parts, when there is room for it, and returns. What was taken is uploaded
 * even if the job that it is from is cancelled, since another job may count on it. Errors:
 * CANCELLED; that of an upload that has failed before. */
gboolean ob_upload_queue_add (ObUploadQueue *queue, const char *name, const struct iovec *parts,
                              gsize n_parts, GCancellable *cancellable, GError **error);

/* Waits until all that was added before is uploaded. Errors: CANCELLED; that of the first upload
 * that has failed, from then on each time. */
gboolean ob_upload_queue_flush (ObUploadQueue *queue, GCancellable *cancellable, GError **error);

/* Whether an upload has failed for good. */
gboolean ob_upload_queue_has_failed (ObUploadQueue *queue);

G_END_DECLS
