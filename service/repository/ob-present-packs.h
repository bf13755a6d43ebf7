/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The packs that are there, beside those of the index. Somebody may have removed some, or the disk
 * lost them: what they held must be stored again by whoever needs it. */
#pragma once

#include "ob-repository.h"

G_BEGIN_DECLS

/* Lists the store's packs, and tells the index which of those that it names are missing or have
 * another size: these are not built on by a backup from then on, and read last. *@n_gone: how many
 * these are. Call after ob_repository_load_index(). Blocks. Any thread. Errors: CANCELLED, those of
 * the store. */
gboolean ob_present_packs_find (ObRepository *repository, guint *n_gone, GCancellable *cancellable,
                                GError **error);

G_END_DECLS
