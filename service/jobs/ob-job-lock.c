/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-job-lock.h"

static void
tell (const char *message, gpointer user_data)
{
  ObJob *job = user_data;

  ob_job_log (job, "Waiting: %s", message);
  ob_progress_set_phase (ob_job_get_progress (job), "waiting");
}

ObLock *
ob_job_lock_repository (ObJob *job, ObContext *context, ObRepository *repository,
                        gboolean exclusive, GCancellable *cancellable, GError **error)
{
  ObProgress *progress = ob_job_get_progress (job);
  const char *phase = ob_progress_get_phase (progress);
  ObLock *lock = ob_lock_acquire_within (repository, exclusive, context->repository_timeout, tell,
                                         job, cancellable, error);

  if (lock != NULL && phase != NULL)
    ob_progress_set_phase (progress, phase);
  return lock;
}
