/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packs that have arrived whole, and that no index names: a backup left them that was cut off.
 * Taken into the index, what is in them need not be stored again. */
#pragma once

#include "ob-lock.h"

G_BEGIN_DECLS

typedef struct
{
  guint64 n_packs; /* that were taken into the index */
  guint64 bytes;   /* that these have, as stored */
  guint64 n_left;  /* packs that were not: damaged, not to be read, or all of what they hold is
                    * there already */
} ObAdopted;

/* Reads all packs that no index names (of a store that is far away their headers alone), and writes
 * an index of those that are whole. @lock: an exclusive one, since to somebody who is storing such
 * packs are his own. Where it fails or is cancelled, what was written is right. *@adopted is set in
 * each case. Blocks. Any thread. Errors: NOT_SUPPORTED (format version 1), LOCKED where the lock
 * was lost, CANCELLED, CORRUPT (an index file), those of the store. */
gboolean ob_adopt_packs (ObRepository *repository, ObLock *lock, ObAdopted *adopted,
                         GCancellable *cancellable, GError **error);

G_END_DECLS
