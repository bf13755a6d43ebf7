/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a new backup uses of earlier ones is locked for as long as itself. */
#pragma once

#include "ob-repository-private.h"

G_BEGIN_DECLS

/* Makes these packs (of ObId), the key files and the config locked until @until (seconds since the
 * epoch) at least, several at once. *@n_changed: how many were not. The index is no part of it: it
 * can be made anew from packs. Blocks. Any thread. Errors: CORRUPT where a pack is not there,
 * CANCELLED, those of the store. */
gboolean ob_protect (ObRepository *repository, GArray *packs, gint64 until, guint *n_changed,
                     GCancellable *cancellable, GError **error);

G_END_DECLS
