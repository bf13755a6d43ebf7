/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-job-lock.h"

#include "ob-error.h"

typedef struct
{
  ObJob *job;
  gboolean has_waited;
} Waiting;

static void
tell (const char *message, gpointer user_data)
{
  Waiting *waiting = user_data;

  waiting->has_waited = TRUE;
  ob_job_log (waiting->job, "Waiting: %s", message);
  ob_progress_set_phase (ob_job_get_progress (waiting->job), "waiting");
}

ObLock *
ob_job_lock_repository (ObJob *job, ObContext *context, ObRepository *repository,
                        gboolean exclusive, GCancellable *cancellable, GError **error)
{
  ObProgress *progress = ob_job_get_progress (job);
  const char *phase = ob_progress_get_phase (progress);
  Waiting waiting = { .job = job };
  g_autoptr (ObLock) lock = ob_lock_acquire_within (
    repository, exclusive, context->repository_timeout, tell, &waiting, cancellable, error);

  /* Much can have happened to the repository meanwhile. */
  if (lock == NULL
      || (waiting.has_waited && !ob_repository_confirm (repository, cancellable, error)))
    return NULL;
  if (phase != NULL)
    ob_progress_set_phase (progress, phase);
  return g_steal_pointer (&lock);
}

gboolean
ob_job_lock_to_read (ObJob *job, ObContext *context, ObRepository *repository, ObLock **lock,
                     GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local = NULL;

  *lock = ob_job_lock_repository (job, context, repository, FALSE, cancellable, &local);
  if (*lock != NULL)
    return TRUE;
  if (g_error_matches (local, OB_ERROR, OB_ERROR_LOCKED)
      || g_error_matches (local, OB_ERROR, OB_ERROR_CANCELLED))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  ob_job_log (job, "Reading without a lock: %s", local->message);
  return TRUE;
}
