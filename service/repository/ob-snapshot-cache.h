/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The snapshot files of a repository; their texts are kept in memory, since a file never changes
 * under its name. */
#pragma once

#include "ob-repository-private.h"

G_BEGIN_DECLS

/* The largest snapshot text that is read. */
#define OB_SNAPSHOT_MAX_SIZE (16 * 1024 * 1024)

typedef struct _ObSnapshotCache ObSnapshotCache;

ObSnapshotCache *ob_snapshot_cache_new (void);
void ob_snapshot_cache_free (ObSnapshotCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObSnapshotCache, ob_snapshot_cache_free)

/* As ob_repository_list_snapshots(). Any thread. */
GPtrArray *ob_snapshot_cache_list (ObSnapshotCache *cache, ObRepository *repository,
                                   GPtrArray **problems, GCancellable *cancellable,
                                   GError **error);

G_END_DECLS
