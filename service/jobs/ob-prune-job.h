/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a prune and a deletion that is followed by one share. */
#pragma once

#include "ob-context.h"
#include "ob-job.h"
#include "ob-prune.h"

G_BEGIN_DECLS

/* Prunes a repository that is locked exclusively, or tells only what that would do. Sets the job's
 * result as Prune of the D-Bus interface has it. The job's thread. */
gboolean ob_prune_job_run (ObJob *job, ObContext *context, ObRepository *repository, ObLock *lock,
                           const ObPruneLimit *limit, gboolean plan_only,
                           GCancellable *cancellable, GError **error);

G_END_DECLS
