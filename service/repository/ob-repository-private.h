/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the rest of this room may know of an open repository. */
#pragma once

#include "ob-crypto.h"
#include "ob-index.h"
#include "ob-repository.h"

G_BEGIN_DECLS

/* Valid as long as the repository is. Any thread. */
const ObCryptoKey *ob_repository_get_key (ObRepository *repository);
ObIndex *ob_repository_get_index (ObRepository *repository);

/* 64 bits derived from the repository's secret, to key the chunker's gear table (32 bytes). */
const guint8 *ob_repository_get_chunker_seed (ObRepository *repository);

/* Names (char *) of lock files of ours that could not be removed, since the store was out of reach:
 * the next lock removes them, before they keep somebody out. Any thread. */
GAsyncQueue *ob_repository_get_left_locks (ObRepository *repository);

/* Threads for reading: @n_workers, or more where the store is far away, at most @max. */
guint ob_repository_count_readers (ObRepository *repository, guint n_workers, guint max);

/* FALSE with NOT_SUPPORTED for version 1. Any thread. */
gboolean ob_repository_check_writable (ObRepository *repository, GError **error);

/* A pack's finished blobs, to be written in the next index file and looked up from now on. */
typedef struct
{
  ObBlobType type;
  ObId id;
  guint32 offset, length, plain_length;
} ObPackEntry;

/* Writes index files for these packs (each with its entries; a file for some 50,000 blobs),
 * durable on return with all that was put before, and takes them into the index in memory.
 * @entries: arrays of ObPackEntry, one for each id in @packs. */
gboolean ob_repository_save_index (ObRepository *repository, const ObId *packs,
                                   GArray *const *entries, gsize n_packs,
                                   GCancellable *cancellable, GError **error);

/* An index file that cannot be read. */
typedef struct
{
  char *name; /* "index/…" */
  char *message;
} ObIndexDamage;

void ob_index_damage_free (ObIndexDamage *damage);

/* As ob_repository_load_index(), but every index file is read anew, and those that cannot be
 * read are added to @damaged (of ObIndexDamage) instead of being an error. Any thread. */
gboolean ob_repository_check_index (ObRepository *repository, GPtrArray *damaged,
                                    GCancellable *cancellable, GError **error);

/* *@lost: whether an index file that the index in memory holds is on the store no more, since
 * somebody cleaned up. Changes nothing. Any thread. Errors: CANCELLED, those of the store. */
gboolean ob_repository_has_lost_index (ObRepository *repository, gboolean *lost,
                                       GCancellable *cancellable, GError **error);

/* Whether the failure to read an object tells of that object alone: it is damaged or missing, or a
 * disk cannot read it and gives others. FALSE where it was cancelled, and where the store is not
 * there any more, which is asked once where only that can tell. Blocks. Any thread. */
gboolean ob_repository_is_damage (ObRepository *repository, const GError *failure,
                                  GCancellable *cancellable);

/* Seals (with zstd and the leading 2 of version 2) and stores a small unpacked file under
 * "DIRECTORY/SHA-256"; and reads one back, checking name, MAC and bounds (@max bytes of text).
 * @id is set even where storing fails, so that what may have been left can be removed. */
gboolean ob_repository_put_unpacked (ObRepository *repository, const char *directory,
                                     const void *data, gsize size, ObId *id,
                                     GCancellable *cancellable, GError **error);
gboolean ob_repository_put_unpacked_as (ObRepository *repository, const char *directory,
                                        const void *data, gsize size, ObStorePutFlags flags,
                                        ObId *id, GCancellable *cancellable, GError **error);
GBytes *ob_repository_get_unpacked (ObRepository *repository, const char *name, gsize max,
                                    GCancellable *cancellable, GError **error);

G_END_DECLS
