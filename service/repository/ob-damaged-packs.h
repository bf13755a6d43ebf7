/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packs that are as long as they should be, and yet hold what cannot be read: only a verification
 * that reads them sees that, and whoever remembers what it found tells it here. */
#pragma once

#include "ob-repository.h"

G_BEGIN_DECLS

/* Tells the repository's index which packs are damaged (of ObId; NULL: all that it has), those that
 * come into it later among them; what was told before holds no more. A backup does not build on
 * them from then on, a prune keeps another copy of what they hold where there is one, and a reader
 * tries that first. Returns how many are in the index; after ob_repository_load_index() for that.
 * Any thread. */
guint ob_damaged_packs_tell (ObRepository *repository, const GArray *packs);

/* Adds those of @former that the index still has to @packs (both of ObId), each once. Any
 * thread. */
void ob_damaged_packs_merge (ObRepository *repository, GArray *packs, const GArray *former);

G_END_DECLS
