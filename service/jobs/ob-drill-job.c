/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A drill: backups are proven by restoring them, beside everything that lives and for the moment
 * only. Nothing of the application is stopped. The job belongs to no instance, so that the backups
 * of a night do not wait for it.
 */
#include <string.h>
#include <time.h>

#include "ob-distrust.h"
#include "ob-drill-steps.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-job-lock.h"
#include "ob-job-private.h"
#include "ob-manifest.h"
#include "ob-operations.h"
#include "ob-wait.h"

#define LATEST "latest"

typedef struct
{
  ObContext *context;
  GPtrArray *instances;
  GPtrArray *destinations;
  GStrv ids;
  char *instance;
} Data;

typedef struct
{
  const Data *data;
  ObJob *job;
  ObProgress *progress;
  GCancellable *cancellable;
  ObDrillResult *result;
  GError *first; /* of the errors of the backups: one of damage before all others */
} Run;

/* internal methods */

static void
free_data (gpointer pointer)
{
  Data *data = pointer;

  g_ptr_array_unref (data->instances);
  g_ptr_array_unref (data->destinations);
  g_strfreev (data->ids);
  g_free (data->instance);
  g_free (data);
}

/* internal methods: what to drill */

/* The newest backup of each instance; those without one are told of. */
static gboolean
add_latest (Run *run, GPtrArray *records, GError **error)
{
  const Data *data = run->data;
  guint before = records->len;

  for (guint i = 0; i < data->instances->len; i++)
    {
      const char *name = ob_instance_get_name (g_ptr_array_index (data->instances, i));
      ObBackupFilter filter = { .instance = name };
      g_autoptr (GError) local = NULL;
      ObBackupRecord *record = ob_catalogue_find (data->context, data->destinations, LATEST,
                                                  &filter, run->cancellable, &local);

      if (record != NULL)
        g_ptr_array_add (records, record);
      else if (!g_error_matches (local, OB_ERROR, OB_ERROR_NOT_FOUND))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      else
        ob_progress_warn (run->progress, FALSE, "Instance %s has no backup that could be tried.",
                          name);
    }
  if (records->len > before)
    return TRUE;
  g_set_error_literal (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                       "There is no backup that a drill could try.");
  return FALSE;
}

/* Of ObBackupRecord. Transfer full; NULL on error. */
static GPtrArray *
find_records (Run *run, GError **error)
{
  const Data *data = run->data;
  ObBackupFilter filter = { .instance = data->instance };
  g_autoptr (GPtrArray) records
    = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_backup_record_free);

  if (data->ids[0] == NULL && !add_latest (run, records, error))
    return NULL;
  for (char **id = data->ids; *id != NULL; id++)
    {
      ObBackupRecord *record = NULL;

      if (strcmp (*id, LATEST) == 0)
        {
          if (!add_latest (run, records, error))
            return NULL;
          continue;
        }
      record = ob_catalogue_find (data->context, data->destinations, *id, &filter,
                                  run->cancellable, error);
      if (record == NULL)
        return NULL;
      g_ptr_array_add (records, record);
    }
  return g_steal_pointer (&records);
}

/* internal methods: one backup */

/* Transfer none. */
static ObInstance *
find_instance (Run *run, const ObBackupRecord *record, GError **error)
{
  const char *name = ob_snapshot_get_tag (record->snapshot, "instance");

  if (ob_backup_record_is_foreign (record))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                           "Another tool wrote this backup: a drill cannot know what it should "
                           "hold.");
      return NULL;
    }
  for (guint i = 0; name != NULL && i < run->data->instances->len; i++)
    {
      ObInstance *instance = g_ptr_array_index (run->data->instances, i);

      if (strcmp (ob_instance_get_name (instance), name) == 0)
        return instance;
    }
  g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND,
               "A drill needs the database server of instance %s, which is not configured here.",
               name != NULL ? name : "-");
  return NULL;
}

static gboolean
drill_in_repository (ObRestoreTask *task, ObDrill *drill, gboolean *blame, GError **error)
{
  g_autoptr (ObLock) lock = NULL;
  g_autoptr (JsonObject) manifest = NULL;
  gboolean ok = FALSE;

  if (!ob_job_lock_to_read (task->job, task->context, task->repository, &lock, task->cancellable,
                            error)
      || !ob_repository_load_index (task->repository, task->cancellable, error))
    return FALSE;
  /* As a restore does: of several copies of what is needed a sound one is read first. */
  ob_distrust_damaged (task->context, task->repository);
  manifest = ob_restore_task_load_manifest (task, error);
  if (manifest == NULL)
    {
      *blame = g_error_matches (*error, OB_ERROR, OB_ERROR_CORRUPT);
      return FALSE;
    }
  task->manifest = manifest;
  task->parts = ob_manifest_get_parts (manifest);
  ok = ob_drill_run (task, &drill->checks, blame, error);
  drill->rows = task->rows;
  drill->files = task->files;
  drill->bytes = task->bytes;
  return ok;
}

/* What was learnt stays with the backup; that it cannot be kept is no failure of the drill. */
static void
remember (Run *run, const ObDrill *drill, const char *repository)
{
  ob_autofd int lock = ob_verify_record_lock (run->data->context);
  g_autoptr (ObVerifyRecord) record = ob_verify_record_load (run->data->context, repository);
  g_autoptr (GError) error = NULL;

  ob_verify_record_prove (record, ob_snapshot_get_public_id (drill->record->snapshot),
                          (gint64) time (NULL), drill->outcome == OB_DRILL_PROVEN);
  if (!ob_verify_record_save (record, run->data->context, &error))
    ob_progress_warn (run->progress, FALSE, "What the drill found could not be written down: %s",
                      error->message);
}

static gboolean
try_backup (Run *run, ObBackupRecord *record, ObDrill *drill, GError **error)
{
  ObInstance *instance = find_instance (run, record, error);
  g_autoptr (ObRepository) repository
    = instance != NULL ? ob_destination_open_directly (record->destination, run->data->context,
                                                       run->cancellable, error)
                       : NULL;
  ObRestoreTask task = { .context = run->data->context,
                         .instance = instance,
                         .job = run->job,
                         .progress = run->progress,
                         .cancellable = run->cancellable,
                         .record = record,
                         .repository = repository };
  gboolean blame = FALSE;

  if (repository == NULL)
    return FALSE;
  if (drill_in_repository (&task, drill, &blame, error))
    drill->outcome = OB_DRILL_PROVEN;
  else if (blame)
    drill->outcome = OB_DRILL_FAILED;
  if (drill->outcome != OB_DRILL_UNKNOWN)
    remember (run, drill, ob_repository_get_id (repository));
  return drill->outcome == OB_DRILL_PROVEN;
}

/* Says which backup it was; one that is to blame is an error of damage, whatever it began as. */
static void
take_error (Run *run, const ObDrill *drill, GError *error)
{
  gboolean failed = drill->outcome == OB_DRILL_FAILED;
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (ob_snapshot_get_public_id (drill->record->snapshot), hex);
  if (failed)
    error->code = OB_ERROR_CORRUPT;
  g_prefix_error (&error, failed ? "Backup %.8s at destination %s is not to be relied on: "
                                 : "Backup %.8s at destination %s was not tried to the end: ",
                  hex, ob_destination_get_name (drill->record->destination));
  ob_job_log (run->job, "%s", error->message);
  if (run->first != NULL
      && (!failed || g_error_matches (run->first, OB_ERROR, OB_ERROR_CORRUPT)))
    {
      g_error_free (error);
      return;
    }
  g_clear_error (&run->first);
  run->first = error;
}

/* FALSE where it was cancelled; other errors do not keep the other backups from being tried. */
static gboolean
drill_backup (Run *run, ObBackupRecord *record)
{
  gint64 began = g_get_monotonic_time ();
  ObDrill drill = { .record = record, .outcome = OB_DRILL_UNKNOWN };
  GError *error = NULL;

  ob_job_watch (run->job, record->destination);
  if (!try_backup (run, record, &drill, &error))
    drill.message = error->message;
  drill.seconds = (gdouble) (g_get_monotonic_time () - began) / G_USEC_PER_SEC;
  ob_drill_result_add (run->result, &drill);
  g_clear_pointer (&drill.checks, g_ptr_array_unref);
  if (error != NULL)
    take_error (run, &drill, error);
  return !g_cancellable_is_cancelled (run->cancellable);
}

static void
clear_leftovers (Run *run)
{
  g_autoptr (GPtrArray) deeds = ob_drill_recover (run->data->context);

  for (guint i = 0; i < deeds->len; i++)
    ob_job_log (run->job, "%s", (const char *) g_ptr_array_index (deeds, i));
}

static gboolean
run_drill (ObJob *job, gpointer pointer, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObDrillResult) result = ob_drill_result_new ();
  gint64 began = g_get_monotonic_time ();
  Run run = { .data = pointer,
              .job = job,
              .progress = ob_job_get_progress (job),
              .cancellable = cancellable,
              .result = result };
  g_autoptr (GPtrArray) records = NULL;
  guint i = 0;

  ob_progress_set_phase (run.progress, "preparing");
  ob_job_watch_all (job, run.data->destinations);
  clear_leftovers (&run);
  records = find_records (&run, error);
  if (records == NULL)
    return FALSE;
  while (i < records->len && drill_backup (&run, g_ptr_array_index (records, i)))
    i++;
  ob_job_set_result (job, "backups", ob_drill_result_end (result));
  ob_job_set_result (job, "seconds",
                     g_variant_new_double ((double) (g_get_monotonic_time () - began)
                                           / G_USEC_PER_SEC));
  /* Where a backup was the last to be proven, there may be others that were not tried. */
  if (run.first == NULL)
    return i == records->len || ob_check_cancelled (cancellable, error);
  g_propagate_error (error, run.first);
  return FALSE;
}

/* public methods */

ObJob *
ob_drill_job_new (ObContext *context, GPtrArray *instances, GPtrArray *destinations,
                  const char *const *ids, const ObDrillOptions *options, guint uid, GError **error)
{
  const char *destination
    = destinations->len == 1 ? ob_destination_get_name (g_ptr_array_index (destinations, 0)) : NULL;
  Data *data = NULL;

  if (instances->len == 0)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                           "A drill needs the database server of an instance, and none is "
                           "configured.");
      return NULL;
    }
  data = g_new0 (Data, 1);
  data->context = context;
  data->instances = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_instance_unref);
  for (guint i = 0; i < instances->len; i++)
    g_ptr_array_add (data->instances, ob_instance_ref (g_ptr_array_index (instances, i)));
  data->destinations = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_destination_unref);
  for (guint i = 0; i < destinations->len; i++)
    g_ptr_array_add (data->destinations, ob_destination_ref (g_ptr_array_index (destinations, i)));
  data->ids = g_strdupv ((char **) ids);
  data->instance = g_strdup (options->instance);
  return ob_job_new ("drill", NULL, destination, uid, run_drill, data, free_data);
}
