/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Other tags for a snapshot: its file is written anew, since files of a repository never change
 * under their name. As `restic tag` does it, but nothing else of the file is lost. */
#pragma once

#include "ob-lock.h"

G_BEGIN_DECLS

/* The text of a snapshot file (restic, doc/design.rst, "Snapshots") with @tags (NULL-terminated;
 * none: without the member) in the place of those that it has, and @original as the id of the first
 * version. All other members stay byte for byte, also those that only another program knows.
 * Transfer full. Any thread. Errors: CORRUPT where @text is no snapshot, or the new one would be
 * larger than is read. */
char *ob_retag_text (const char *text, gsize size, const ObId *original, const char *const *tags,
                     GError **error);

/* Stores @snapshot, which has been listed, once more with @tags; *@id is the new file's. The former
 * file stays: with ob_delete_replaced() it goes, and until then both are versions of one backup,
 * with one public id. @lock: an exclusive one, that is still valid. Durable on return. Blocks.
 * Errors: LOCKED where the lock was lost, NOT_SUPPORTED for a repository of version 1, CORRUPT,
 * CANCELLED, those of the store; then there may or may not be a new file. */
gboolean ob_retag_snapshot (ObRepository *repository, ObLock *lock, const ObSnapshot *snapshot,
                            const char *const *tags, ObId *id, GCancellable *cancellable,
                            GError **error);

/* Gives those of all @snapshots of the repository that are apart, and of which an original is among
 * the files @going (of ObId), their own id as the original: else they would take over the id of the
 * backup that is removed. Their former files are removed. @lock: an exclusive one. Blocks. */
gboolean ob_retag_apart (ObRepository *repository, ObLock *lock, GPtrArray *snapshots,
                         GArray *going, GCancellable *cancellable, GError **error);

G_END_DECLS
