/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A verification of one destination or several: all that is in them, or the backups that were
 * named. With a repair, what cannot be read is dropped and the backups that lost something are
 * marked.
 */
#include <string.h>
#include <time.h>

#include "ob-damaged-packs.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-job-lock.h"
#include "ob-job-private.h"
#include "ob-operations.h"
#include "ob-verify-record.h"
#include "ob-verify-result.h"

typedef struct
{
  ObContext *context;
  GPtrArray *destinations;
  GStrv ids;
  char *instance;
  gdouble share;
  guint64 seed;
  gboolean repair;
} Data;

/* One destination, and the backups in it. */
typedef struct
{
  ObDestination *destination;
  GArray *ids; /* of ObId; NULL: all */
} Target;

typedef struct
{
  const Data *data;
  ObJob *job;
  ObProgress *progress;
  GCancellable *cancellable;
  ObVerifyResult *result;
  gint64 began; /* seconds since the epoch */
} Task;

/* internal methods */

static void
free_data (gpointer pointer)
{
  Data *data = pointer;

  g_ptr_array_unref (data->destinations);
  g_strfreev (data->ids);
  g_free (data->instance);
  g_free (data);
}

static void
target_free (gpointer pointer)
{
  Target *target = pointer;

  ob_destination_unref (target->destination);
  g_clear_pointer (&target->ids, g_array_unref);
  g_free (target);
}

/* internal methods: what to verify */

static void
add_target (GPtrArray *targets, ObDestination *destination, const ObId *id)
{
  Target *target = NULL;

  for (guint i = 0; i < targets->len && target == NULL; i++)
    if (((Target *) g_ptr_array_index (targets, i))->destination == destination)
      target = g_ptr_array_index (targets, i);
  if (target == NULL)
    {
      target = g_new0 (Target, 1);
      target->destination = ob_destination_ref (destination);
      g_ptr_array_add (targets, target);
    }
  if (id != NULL && target->ids == NULL)
    target->ids = g_array_new (FALSE, FALSE, sizeof (ObId));
  if (id != NULL)
    g_array_append_vals (target->ids, id, 1);
}

static gboolean
add_named (Task *task, GPtrArray *targets, GError **error)
{
  const Data *data = task->data;
  ObBackupFilter filter = { .instance = data->instance };

  for (char **id = data->ids; *id != NULL; id++)
    {
      g_autoptr (ObBackupRecord) record = ob_catalogue_find (
        data->context, data->destinations, *id, &filter, task->cancellable, error);

      if (record == NULL)
        return FALSE;
      add_target (targets, record->destination, ob_snapshot_get_public_id (record->snapshot));
    }
  return TRUE;
}

static gboolean
add_of_instance (Task *task, GPtrArray *targets, GError **error)
{
  const Data *data = task->data;
  ObBackupFilter filter = { .instance = data->instance };
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) records = ob_catalogue_list (
    data->context, data->destinations, &filter, &problems, task->cancellable, error);

  if (records == NULL)
    return FALSE;
  for (guint i = 0; problems != NULL && i < problems->len; i++)
    ob_progress_warn (task->progress, FALSE, "%s", (char *) g_ptr_array_index (problems, i));
  for (guint i = 0; i < records->len; i++)
    {
      const ObBackupRecord *record = g_ptr_array_index (records, i);

      add_target (targets, record->destination, ob_snapshot_get_public_id (record->snapshot));
    }
  if (targets->len > 0)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND, "There is no backup of instance %s.",
               data->instance);
  return FALSE;
}

/* Of Target. Transfer full; NULL on error. */
static GPtrArray *
find_targets (Task *task, GError **error)
{
  const Data *data = task->data;
  g_autoptr (GPtrArray) targets = g_ptr_array_new_with_free_func (target_free);

  if (data->ids[0] != NULL)
    return add_named (task, targets, error) ? g_steal_pointer (&targets) : NULL;
  if (data->instance != NULL)
    return add_of_instance (task, targets, error) ? g_steal_pointer (&targets) : NULL;
  for (guint i = 0; i < data->destinations->len; i++)
    add_target (targets, g_ptr_array_index (data->destinations, i), NULL);
  return g_steal_pointer (&targets);
}

/* internal methods: one destination */

/* A repository that cannot be written is verified without a lock; it cannot be repaired. */
static gboolean
lock_repository (Task *task, ObRepository *repository, ObLock **lock, GError **error)
{
  ObContext *context = task->data->context;

  if (!task->data->repair)
    return ob_job_lock_to_read (task->job, context, repository, lock, task->cancellable, error);
  *lock = ob_job_lock_repository (task->job, context, repository, TRUE, task->cancellable, error);
  return *lock != NULL;
}

static ObVerifiedDepth
get_depth (const Data *data)
{
  if (data->share >= 1)
    return OB_VERIFIED_DATA;
  return data->share > 0 ? OB_VERIFIED_SAMPLE : OB_VERIFIED_STRUCTURE;
}

/* The damaged packs are those of a verification that read all; of another one they are beside those
 * that were known before and are still there, which it may not have read. */
static void
remember_damaged (ObVerifyRecord *record, ObRepository *repository, const ObVerifyReport *report,
                  gboolean is_all)
{
  const GArray *former = ob_verify_record_get_damaged (record);
  g_autoptr (GArray) packs = g_array_copy (report->damaged_packs);

  if (!is_all && former == NULL)
    return;
  if (!is_all)
    ob_damaged_packs_merge (repository, packs, former);
  ob_verify_record_set_damaged (record, packs);
}

/* Remembers what was found of each backup; that it cannot be kept is no failure of the
 * verification. */
static void
remember (Task *task, ObRepository *repository, const Target *target, const ObVerifyReport *report,
          ObVerifiedDepth depth)
{
  ob_autofd int lock = ob_verify_record_lock (task->data->context);
  g_autoptr (ObVerifyRecord) record
    = ob_verify_record_load (task->data->context, ob_repository_get_id (repository));
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < report->sound->len; i++)
    ob_verify_record_add (record, ob_snapshot_get_public_id (g_ptr_array_index (report->sound, i)),
                          task->began, TRUE, depth);
  for (guint i = 0; i < report->losses->len; i++)
    {
      const ObVerifyLoss *loss = g_ptr_array_index (report->losses, i);

      ob_verify_record_add (record, ob_snapshot_get_public_id (loss->snapshot), task->began, FALSE,
                            depth);
    }
  if (target->ids == NULL)
    {
      ob_verify_record_add (record, NULL, task->began, report->n_problems == 0, depth);
      ob_verify_record_forget_older (record, task->began);
    }
  remember_damaged (record, repository, report,
                    target->ids == NULL && depth == OB_VERIFIED_DATA);
  if (!ob_verify_record_save (record, task->data->context, &error))
    ob_progress_warn (task->progress, FALSE,
                      "When the backups were verified could not be written down: %s",
                      error->message);
}

static ObVerify *
new_verify (Task *task, ObRepository *repository, const Target *target, gdouble share)
{
  ObVerifyOptions options = { .snapshots = target->ids,
                              .share = share,
                              .seed = task->data->seed,
                              .n_threads = task->data->context->n_threads };

  return ob_verify_new (repository, &options, task->progress);
}

/* What was found is repaired; that nothing is left of it is seen by looking again. */
static gboolean
repair_target (Task *task, const Target *target, ObRepository *repository, ObVerify *verify,
               ObLock *lock, GError **error)
{
  const char *name = ob_destination_get_name (target->destination);
  g_autoptr (ObVerify) again = NULL;
  ObVerifyRepairs repairs;

  if (!ob_verify_repair (verify, lock, &repairs, task->cancellable, error))
    return FALSE;
  ob_verify_result_add_repairs (task->result, target->destination, &repairs);
  if (repairs.snapshots_marked > 0)
    ob_progress_warn (task->progress, TRUE,
                      "%" G_GUINT64_FORMAT " backups at destination %s lost files for good and are "
                      "marked as partial; `obbackupctl show` names the files.",
                      repairs.snapshots_marked, name);
  if (repairs.snapshots_dropped > 0)
    ob_progress_warn (task->progress, TRUE,
                      "%" G_GUINT64_FORMAT " backups at destination %s could not be read any more "
                      "and were removed.",
                      repairs.snapshots_dropped, name);

  again = new_verify (task, repository, target, 0);
  if (!ob_verify_run (again, task->cancellable, error))
    return FALSE;
  remember (task, repository, target, ob_verify_get_report (again), OB_VERIFIED_DATA);
  if (ob_verify_get_report (again)->n_problems == 0)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
               "Destination %s is still damaged after the repair: its disk may be failing. Copy "
               "the repository to another one.",
               name);
  return FALSE;
}

static gboolean
verify_target (Task *task, const Target *target, GError **error)
{
  g_autoptr (ObRepository) repository = ob_destination_open_directly (
    target->destination, task->data->context, task->cancellable, error);
  g_autoptr (ObLock) lock = NULL;
  g_autoptr (ObVerify) verify = NULL;
  const ObVerifyReport *report;

  if (repository == NULL || !lock_repository (task, repository, &lock, error))
    return FALSE;
  verify = new_verify (task, repository, target, task->data->share);
  if (!ob_verify_run (verify, task->cancellable, error))
    return FALSE;
  report = ob_verify_get_report (verify);
  ob_verify_result_add (task->result, target->destination, report);
  if (task->data->repair)
    return repair_target (task, target, repository, verify, lock, error);
  remember (task, repository, target, report, get_depth (task->data));
  return TRUE;
}

/* One destination that cannot be reached does not keep the others from being verified: *@first is
 * its error. */
static gboolean
verify_targets (Task *task, GPtrArray *targets, GError **first, GError **error)
{
  for (guint i = 0; i < targets->len; i++)
    {
      const Target *target = g_ptr_array_index (targets, i);
      g_autoptr (GError) local = NULL;

      ob_job_watch (task->job, target->destination);
      if (verify_target (task, target, &local))
        continue;
      if (g_cancellable_is_cancelled (task->cancellable))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      ob_job_log (task->job, "Destination %s: %s", ob_destination_get_name (target->destination),
                  local->message);
      if (*first == NULL)
        *first = g_steal_pointer (&local);
    }
  return TRUE;
}

static gboolean
conclude (Task *task, GError *first, GError **error)
{
  gboolean sound = task->data->repair || ob_verify_result_is_sound (task->result);

  if (!sound)
    {
      g_autofree char *summary = ob_verify_result_summarize (task->result);

      g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT, summary);
    }
  else if (first != NULL)
    g_propagate_error (error, g_error_copy (first));
  return sound && first == NULL;
}

static gboolean
run_verify (ObJob *job, gpointer pointer, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObVerifyResult) result = ob_verify_result_new ();
  Task task = { .data = pointer,
                .job = job,
                .progress = ob_job_get_progress (job),
                .cancellable = cancellable,
                .result = result,
                .began = (gint64) time (NULL) };
  gint64 began = g_get_monotonic_time ();
  g_autoptr (GPtrArray) targets = NULL;
  g_autoptr (GError) first = NULL;
  gboolean ok;

  ob_progress_set_phase (task.progress, "preparing");
  ob_job_watch_all (job, task.data->destinations);
  targets = find_targets (&task, error);
  if (targets == NULL || !verify_targets (&task, targets, &first, error))
    return FALSE;
  ok = conclude (&task, first, error);
  ob_verify_result_tell (result, job);
  ob_job_set_result (job, "depth",
                     g_variant_new_string (ob_verified_depth_get_name (get_depth (task.data))));
  ob_job_set_result (job, "seconds",
                     g_variant_new_double ((double) (g_get_monotonic_time () - began)
                                           / G_USEC_PER_SEC));
  return ok;
}

static gboolean
check_options (const char *const *ids, const ObVerifyJobOptions *options, GError **error)
{
  if (options->repair && (ids[0] != NULL || options->instance != NULL))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "A repair is one of a whole destination, since backups share their "
                           "data: name the destination instead of backups.");
      return FALSE;
    }
  if (options->share >= 0 && options->share <= 1)
    return TRUE;
  g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                       "The sample has to be more than 0 and at most 1 (all data).");
  return FALSE;
}

/* public methods */

ObJob *
ob_verify_job_new (ObContext *context, GPtrArray *destinations, const char *const *ids,
                   const ObVerifyJobOptions *options, guint uid, GError **error)
{
  const char *destination
    = destinations->len == 1 ? ob_destination_get_name (g_ptr_array_index (destinations, 0)) : NULL;
  Data *data = NULL;
  ObJob *job = NULL;

  if (!check_options (ids, options, error))
    return NULL;
  data = g_new0 (Data, 1);
  data->context = context;
  data->destinations
    = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_destination_unref);
  for (guint i = 0; i < destinations->len; i++)
    g_ptr_array_add (data->destinations, ob_destination_ref (g_ptr_array_index (destinations, i)));
  data->ids = g_strdupv ((char **) ids);
  data->instance = g_strdup (options->instance);
  /* What cannot be read is only known when all has been read. */
  data->share = options->repair ? 1 : options->share;
  data->seed = options->seed;
  data->repair = options->repair;
  job = ob_job_new (options->repair ? "repair" : "verify", NULL, destination, uid, run_verify, data,
                    free_data);
  if (options->repair)
    ob_job_set_alone (job);
  return job;
}
