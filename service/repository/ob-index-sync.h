/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeps an index in memory in step with the index files on the store. */
#pragma once

#include "ob-repository-private.h"

G_BEGIN_DECLS

typedef struct _ObIndexSync ObIndexSync;

/* @index: must outlive it. Transfer full. */
ObIndexSync *ob_index_sync_new (ObIndex *index);
void ob_index_sync_free (ObIndexSync *sync);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObIndexSync, ob_index_sync_free)

/* As ob_repository_load_index(). Any thread. */
gboolean ob_index_sync_load (ObIndexSync *sync, ObRepository *repository,
                             GCancellable *cancellable, GError **error);

/* As ob_repository_check_index(). Any thread. */
gboolean ob_index_sync_check (ObIndexSync *sync, ObRepository *repository, GPtrArray *damaged,
                              GCancellable *cancellable, GError **error);

/* As ob_repository_has_lost_index(). Any thread. */
gboolean ob_index_sync_has_lost (ObIndexSync *sync, ObRepository *repository, gboolean *lost,
                                 GCancellable *cancellable, GError **error);

/* As ob_repository_save_index(). Any thread. */
gboolean ob_index_sync_save (ObIndexSync *sync, ObRepository *repository, const ObId *packs,
                             GArray *const *entries, gsize n_packs, GCancellable *cancellable,
                             GError **error);

G_END_DECLS
