/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a deletion that somebody asked for and one by a retention share. */
#pragma once

#include "ob-operations.h"

G_BEGIN_DECLS

/* Locks what holds the backups, looks whether each of them may go, and removes them; see
 * ob_delete_job_new(). Sets the job's result as Delete of the D-Bus interface has it. The job's
 * thread. */
gboolean ob_delete_job_run (ObJob *job, ObContext *context, GPtrArray *destinations,
                            const char *const *ids, const ObDeleteOptions *options,
                            GCancellable *cancellable, GError **error);

G_END_DECLS
