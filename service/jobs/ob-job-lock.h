/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-context.h"
#include "ob-job.h"
#include "ob-lock.h"

G_BEGIN_DECLS

/* Locks the repository for a job; while somebody else's lock is in the way, waits as long as the
 * configuration says. Then the phase is "waiting", the log says for whom, and the repository is
 * confirmed once more before anything is done to it. Transfer full. Errors and the thread as
 * ob_lock_acquire_within(), and those of ob_repository_confirm(). */
ObLock *ob_job_lock_repository (ObJob *job, ObContext *context, ObRepository *repository,
                                gboolean exclusive, GCancellable *cancellable, GError **error);

/* The same to read a backup that is wanted now: where the repository cannot be written, it is read
 * without a lock, which the log says. *@lock is NULL then. Errors: LOCKED, CANCELLED. */
gboolean ob_job_lock_to_read (ObJob *job, ObContext *context, ObRepository *repository,
                              ObLock **lock, GCancellable *cancellable, GError **error);

G_END_DECLS
