/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-lock.h"
#include "ob-repository-private.h"
#include "ob-wait.h"

G_BEGIN_DECLS

/* Fills packs with sealed blobs (data and trees apart), and stores them and their index files in
 * a thread of its own. Two buffers a kind: one is filled while the other is stored. All
 * functions: any thread. */
typedef struct _ObPacker ObPacker;

/* Errors go to @first_error, after which all waiting ends. Transfer full. */
ObPacker *ob_packer_new (ObRepository *repository, ObFirstError *first_error,
                         GCancellable *cancellable);

/* Wants the index written of what is stored even where the pipeline is stopped or fails, so that
 * whoever begins anew need not store it again. That takes ten seconds at most, and none where the
 * store does not answer. Before the first blob. */
void ob_packer_set_keeps (ObPacker *packer, gboolean keeps);

/* Confirms @lock before each index file: where it was lost, somebody may have removed the packs
 * that no index names yet, and whoever comes next would build on an index that names them. The lock
 * has to outlive the packer. Before the first blob. */
void ob_packer_set_lock (ObPacker *packer, ObLock *lock);

/* Stops the thread, drops what is not stored, frees all. */
void ob_packer_free (ObPacker *packer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObPacker, ob_packer_free)

/* TRUE where the blob is neither in the repository nor on its way: the caller must then add it.
 * Whoever asks next hears FALSE. */
gboolean ob_packer_claim (ObPacker *packer, ObBlobType type, const ObId *id);

/* Where a sealed blob goes. */
typedef struct
{
  guint8 *at;
  gpointer pack; /* private */
} ObPackSlot;

/* Room for a blob of @length sealed bytes that are @plain_length uncompressed (0: stored as it is);
 * waits for a buffer. Seal into slot->at, then ob_packer_commit(). FALSE where the pipeline has
 * stopped; @first_error tells why. */
gboolean ob_packer_reserve (ObPacker *packer, ObBlobType type, const ObId *id, gsize length,
                            gsize plain_length, ObPackSlot *slot);
void ob_packer_commit (ObPacker *packer, ObPackSlot *slot);

/* Stores what is left, with its index, and waits until all is durable. FALSE: see @first_error. */
gboolean ob_packer_finish (ObPacker *packer);

/* Ends all waiting. */
void ob_packer_stop (ObPacker *packer);

/* Whether it has stored this pack itself. */
gboolean ob_packer_has_stored (ObPacker *packer, const ObId *pack);

/* Bytes of the packs stored so far. */
guint64 ob_packer_get_stored_bytes (ObPacker *packer);

G_END_DECLS
