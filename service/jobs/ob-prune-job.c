/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-prune-job.h"

#include "ob-distrust.h"
#include "ob-job-lock.h"
#include "ob-job-private.h"
#include "ob-operations.h"

typedef struct
{
  ObContext *context;
  ObDestination *destination;
  ObPruneLimit limit;
  gboolean plan_only;
} Data;

/* internal methods */

static void
free_data (gpointer pointer)
{
  Data *data = pointer;

  ob_destination_unref (data->destination);
  g_free (data);
}

static void
set_number (ObJob *job, const char *key, guint64 number)
{
  ob_job_set_result (job, key, g_variant_new_uint64 (number));
}

static void
tell_figures (ObJob *job, const ObPruneFigures *figures)
{
  set_number (job, "backups", figures->n_backups);
  set_number (job, "packs", figures->n_packs);
  set_number (job, "stored", figures->stored_bytes);
  set_number (job, "used", figures->used_bytes);
  set_number (job, "blobs", figures->n_blobs);
  set_number (job, "removed-packs", figures->n_removed_packs);
  set_number (job, "unindexed-packs", figures->n_unindexed_packs);
  set_number (job, "repacked-packs", figures->n_repacked_packs);
  set_number (job, "postponed-packs", figures->n_postponed_packs);
  set_number (job, "repacked", figures->repacked_bytes);
  set_number (job, "removed-blobs", figures->removed_blobs);
  set_number (job, "freed", figures->freed_bytes);
  set_number (job, "unused", figures->waste_bytes);
  if (figures->n_locked_packs == 0)
    return;
  set_number (job, "locked-packs", figures->n_locked_packs);
  set_number (job, "locked", figures->locked_bytes);
  set_number (job, "locked-until", (guint64) figures->locked_until);
}

static void
tell_space (ObJob *job, ObRepository *repository)
{
  guint64 free_bytes = 0;
  guint64 total_bytes = 0;

  if (ob_store_space (ob_repository_get_store (repository), &free_bytes, &total_bytes, NULL, NULL))
    ob_job_set_space (job, free_bytes, total_bytes);
}

static gboolean
run_prune (ObJob *job, gpointer pointer, GCancellable *cancellable, GError **error)
{
  Data *data = pointer;
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (ObLock) lock = NULL;

  ob_progress_set_phase (ob_job_get_progress (job), "preparing");
  ob_job_watch (job, data->destination);
  repository = ob_destination_open (data->destination, data->context, cancellable, error);
  if (repository == NULL)
    return FALSE;
  lock = ob_job_lock_repository (job, data->context, repository, TRUE, cancellable, error);
  return lock != NULL
         && ob_prune_job_run (job, data->context, repository, lock, &data->limit, data->plan_only,
                              cancellable, error);
}

/* public methods */

gboolean
ob_prune_job_run (ObJob *job, ObContext *context, ObRepository *repository, ObLock *lock,
                  const ObPruneLimit *limit, gboolean plan_only, GCancellable *cancellable,
                  GError **error)
{
  gint64 began = g_get_monotonic_time ();
  g_autoptr (ObPrunePlan) plan = NULL;
  gboolean done = TRUE;
  gint64 freed = 0;

  /* Of two copies the sound one is to stay. */
  ob_distrust_damaged (context, repository);
  plan = ob_prune_plan_new (repository, lock, limit, ob_job_get_progress (job), cancellable, error);
  if (plan == NULL)
    return FALSE;
  tell_figures (job, ob_prune_plan_get_figures (plan));
  ob_job_set_result (job, "plan", g_variant_new_boolean (plan_only));
  if (!plan_only)
    {
      done = ob_prune_plan_run (plan, &freed, cancellable, error);
      tell_figures (job, ob_prune_plan_get_figures (plan));
      set_number (job, "freed", (guint64) MAX (freed, 0));
      tell_space (job, repository);
    }
  ob_job_set_result (job, "seconds",
                     g_variant_new_double ((double) (g_get_monotonic_time () - began)
                                           / G_USEC_PER_SEC));
  return done;
}

ObJob *
ob_prune_job_new (ObContext *context, ObDestination *destination, const ObPruneOptions *options,
                  guint uid, GError **error)
{
  const char *text
    = options->max_unused != NULL ? options->max_unused : OB_PRUNE_DEFAULT_LIMIT;
  ObPruneLimit limit;
  Data *data = NULL;
  ObJob *job = NULL;

  if (!ob_prune_limit_parse (text, &limit, error))
    return NULL;
  data = g_new0 (Data, 1);
  data->context = context;
  data->destination = ob_destination_ref (destination);
  data->limit = limit;
  data->limit.time = options->seconds * G_USEC_PER_SEC;
  data->plan_only = options->plan;
  job = ob_job_new ("prune", NULL, ob_destination_get_name (destination), uid, run_prune, data,
                    free_data);
  ob_job_set_alone (job);
  return job;
}
