/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this host's verifications found damaged, told to whoever works with the repository. */
#pragma once

#include "ob-context.h"
#include "ob-repository.h"

G_BEGIN_DECLS

/* As ob_damaged_packs_tell(), of the packs that verifications of this host found damaged
 * (ob-verify-record.h). Those that another host has replaced since are in no index, and do no harm.
 * Where there are too many to be remembered, all that the index has count as damaged. Blocks; any
 * thread. */
guint ob_distrust_damaged (ObContext *context, ObRepository *repository);

G_END_DECLS
