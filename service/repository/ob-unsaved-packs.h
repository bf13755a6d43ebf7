/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-repository-private.h"

G_BEGIN_DECLS

/* Packs that were stored and are in no index file yet. For one thread. */
typedef struct _ObUnsavedPacks ObUnsavedPacks;

ObUnsavedPacks *ob_unsaved_packs_new (void);
void ob_unsaved_packs_free (ObUnsavedPacks *unsaved);

/* Takes a pack's entries (of ObPackEntry, transfer full). */
void ob_unsaved_packs_take (ObUnsavedPacks *unsaved, const ObId *pack, GArray *entries);

/* Whether they are many or old enough for an index file, so that a first backup that is interrupted
 * after hours does not begin anew. */
gboolean ob_unsaved_packs_is_due (const ObUnsavedPacks *unsaved);

/* Makes the packs durable, then their index. They stay until ob_unsaved_packs_clear(). Nothing
 * to do where there are none. */
gboolean ob_unsaved_packs_save (ObUnsavedPacks *unsaved, ObRepository *repository,
                                GCancellable *cancellable, GError **error);

/* Calls @func with each entry of each pack (an ObPackEntry). */
void ob_unsaved_packs_foreach (const ObUnsavedPacks *unsaved, GFunc func, gpointer user_data);

void ob_unsaved_packs_clear (ObUnsavedPacks *unsaved);

G_END_DECLS
