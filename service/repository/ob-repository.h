/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-snapshot.h"
#include "ob-store.h"

G_BEGIN_DECLS

/* A restic repository, format version 2 (restic, doc/design.rst), opened with one key. Thread-safe;
 * every call blocks and belongs to job threads. Reference-counted. Errors everywhere:
 * DESTINATION_UNAVAILABLE and NO_SPACE from the store, CORRUPT naming the file, CANCELLED. */
typedef struct _ObRepository ObRepository;

/* Makes a new repository: config and a first key for @passphrase (may be ""). The store must hold
 * none. Errors: EXISTS. Transfer full. */
ObRepository *ob_repository_create (ObStore *store, const char *passphrase,
                                    GCancellable *cancellable, GError **error);

/* Opens one. Tries every key file with the passphrase. Reads no index yet. Errors: NOT_FOUND where
 * the store holds no repository, WRONG_PASSPHRASE, NOT_SUPPORTED for a format that is not version
 * 1 or 2 (1 is read only), CORRUPT. Transfer full. */
ObRepository *ob_repository_open (ObStore *store, const char *passphrase,
                                  GCancellable *cancellable, GError **error);

ObRepository *ob_repository_ref (ObRepository *repository);
void ob_repository_unref (ObRepository *repository);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObRepository, ob_repository_unref)

/* The id of its config, 64 hexadecimal digits: tells one repository from another. Transfer none. */
const char *ob_repository_get_id (ObRepository *repository);
/* Format version of the repository: 1 (read only for us) or 2. Any thread. */
guint ob_repository_get_version (ObRepository *repository);
ObStore *ob_repository_get_store (ObRepository *repository); /* transfer none */

/* Reads the id again from the store's config file, of the disk itself, and compares: whether the
 * store still holds this very repository. Errors: DESTINATION_UNAVAILABLE saying that it is missing
 * or another one. */
gboolean ob_repository_confirm (ObRepository *repository, GCancellable *cancellable,
                                GError **error);

/* From now on the names (char *) of lock files of ours that cannot be removed, since the store is
 * out of reach, are kept in @left, which outlives the repository: whoever locks it next, opened
 * anew, removes them. Before other threads have the repository. */
void ob_repository_share_left_locks (ObRepository *repository, GAsyncQueue *left);

/* A further key. */
gboolean ob_repository_add_key (ObRepository *repository, const char *passphrase,
                                GCancellable *cancellable, GError **error);

/* Brings the index in memory in step with the store's index files: reads new ones, forgets those
 * that have gone. The first call loads all. */
gboolean ob_repository_load_index (ObRepository *repository, GCancellable *cancellable,
                                   GError **error);

/* All snapshots, newest first. A file that does not open is left out and told in @problems, a
 * sentence each (transfer full; may be NULL). Unchanged ones come from memory. Array of
 * ObSnapshot, transfer full. */
GPtrArray *ob_repository_list_snapshots (ObRepository *repository, GPtrArray **problems,
                                         GCancellable *cancellable, GError **error);

/* Stores a new snapshot file and sets its id. Everything it refers to must have been finished. */
gboolean ob_repository_save_snapshot (ObRepository *repository, ObSnapshot *snapshot,
                                      GCancellable *cancellable, GError **error);

/* Bytes that the packs of the index have on the store. Call after ob_repository_load_index(). */
guint64 ob_repository_get_stored_size (ObRepository *repository);

G_END_DECLS
