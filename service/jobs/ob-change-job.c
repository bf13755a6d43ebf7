/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Beginning and ending a change. The change is written down as open by the very job that made its
 * backup, so whoever sees that job succeed has something to go back to.
 */
#include <string.h>

#include "ob-change.h"
#include "ob-database-gains.h"
#include "ob-error.h"
#include "ob-manifest.h"
#include "ob-operations.h"
#include "ob-restore-data.h"
#include "ob-restore-recover.h"
#include "ob-restore-stopped.h"

typedef struct
{
  ObContext *context;
  ObInstance *instance;
  GPtrArray *destinations; /* for the end: of ObDestination */
  char *id;
  gboolean stop; /* for the beginning */
  gboolean succeeded, force;
} Data;

/* internal methods */

static Data *
data_new (ObContext *context, ObInstance *instance, const char *id)
{
  Data *data = g_new0 (Data, 1);

  data->context = context;
  data->instance = ob_instance_ref (instance);
  data->id = g_strdup (id);
  return data;
}

static void
free_data (gpointer pointer)
{
  Data *data = pointer;

  ob_instance_unref (data->instance);
  g_clear_pointer (&data->destinations, g_ptr_array_unref);
  g_free (data->id);
  g_free (data);
}

/* What was begun cannot go on. */
static void
start_again (const Data *data, const ObChange *change, ObJob *job)
{
  g_autoptr (GError) error = NULL;

  if (ob_application_start_surely (data->instance, data->context->command_timeout, &error))
    return;
  ob_progress_warn (ob_job_get_progress (job), FALSE, "%s", error->message);
  ob_restore_stopped_set (data->context, change->instance, error->message);
}

static gboolean
stop_application (const Data *data, ObChange *change, ObJob *job, GCancellable *cancellable,
                  GError **error)
{
  ob_progress_set_phase (ob_job_get_progress (job), "stopping");
  change->stopped = TRUE;
  if (!ob_change_save (change, data->context, error))
    return FALSE;
  if (ob_application_stop (data->instance, data->context->command_timeout, cancellable, error))
    return TRUE;
  start_again (data, change, job);
  return FALSE;
}

/* After the backup. */
static gboolean
open_change (ObJob *job, gpointer pointer, GCancellable *cancellable, GError **error)
{
  Data *data = pointer;
  g_autoptr (ObChange) change = ob_change_find (data->context, data->id, error);
  g_autoptr (GVariant) result = ob_job_dup_result (job);
  const char *backup = "";

  if (change == NULL
      || (data->stop && !stop_application (data, change, job, cancellable, error)))
    return FALSE;
  g_variant_lookup (result, "id", "&s", &backup);
  change->backup = g_strdup (backup);
  change->destination = g_strdup (ob_job_get_destination (job));
  change->state = OB_CHANGE_OPEN;
  if (ob_change_save (change, data->context, error))
    return TRUE;
  if (data->stop)
    start_again (data, change, job);
  return FALSE;
}

static JsonObject *
load_manifest (const Data *data, const ObChange *change, GCancellable *cancellable, GError **error)
{
  ObBackupFilter filter = { 0 };
  g_autoptr (ObBackupRecord) record
    = ob_catalogue_find (data->context, data->destinations, change->backup, &filter, cancellable,
                         error);
  g_autofree char *text = NULL;

  if (record == NULL)
    return NULL;
  text = ob_backup_record_load_manifest (record, data->context, cancellable, error);
  return text != NULL ? ob_manifest_parse (text, strlen (text), error) : NULL;
}

/* "c_order 3, c_orderline 12, and 4 more tables". Transfer full. */
static char *
describe_gains (GHashTable *gains)
{
  g_autoptr (GList) names = g_list_sort (g_hash_table_get_keys (gains), (GCompareFunc) strcmp);
  g_autoptr (GString) text = g_string_new (NULL);
  guint n = 0;

  for (GList *name = names; name != NULL && n < 8; name = name->next, n++)
    g_string_append_printf (text, "%s%s by %" G_GUINT64_FORMAT, n > 0 ? ", " : "",
                            (const char *) name->data,
                            *(guint64 *) g_hash_table_lookup (gains, name->data));
  if (g_hash_table_size (gains) > n)
    g_string_append_printf (text, ", and %u more tables", g_hash_table_size (gains) - n);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
tell_gains (ObJob *job, GHashTable *gains, guint64 age)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a{st}"));
  g_autofree char *text = describe_gains (gains);
  GHashTableIter iter = { 0 };
  gpointer name = NULL, rows = NULL;

  g_hash_table_iter_init (&iter, gains);
  while (g_hash_table_iter_next (&iter, &name, &rows))
    g_variant_builder_add (&builder, "{st}", name, *(guint64 *) rows);
  ob_job_set_result (job, "gained", g_variant_builder_end (&builder));
  ob_job_set_result (job, "age", g_variant_new_uint64 (age));
  ob_job_log (job, "The change is %" G_GUINT64_FORMAT " minutes old; since then these tables have "
                   "grown: %s",
              age / 60, *text != '\0' ? text : "none");
}

/* A rollback throws away what was entered since: whether that may be. What cannot be counted,
 * because the database is broken by what is to be taken back, is no reason against it. */
static gboolean
may_roll_back (const Data *data, const ObChange *change, ObJob *job, GCancellable *cancellable,
               GError **error)
{
  guint64 age = (guint64) MAX (0, g_get_real_time () / G_USEC_PER_SEC - change->time);
  g_autoptr (JsonObject) manifest = NULL;
  g_autoptr (GHashTable) gains = NULL;
  g_autoptr (GError) local_error = NULL;
  g_autofree char *text = NULL;
  gboolean in_use = FALSE;
  JsonObject *facts = NULL;

  ob_progress_set_phase (ob_job_get_progress (job), "counting");
  manifest = load_manifest (data, change, cancellable, error);
  if (manifest == NULL)
    return FALSE;
  facts = ob_manifest_get_object (manifest, "database");
  if (facts == NULL)
    return TRUE;
  gains = ob_database_count_gains (ob_instance_get_database (data->instance), facts, &in_use,
                                   cancellable, &local_error);
  if (gains == NULL)
    {
      ob_job_log (job, "What was entered since cannot be counted: %s", local_error->message);
      return TRUE;
    }
  tell_gains (job, gains, age);
  if (data->force || age <= data->context->change_limit || !in_use)
    return TRUE;
  text = describe_gains (gains);
  g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
               "The change was begun %.1f hours ago, and the application has been in use since: "
               "%s. Going back throws that away; do it with --force if it is meant, or end the "
               "change as succeeded.",
               (double) age / 3600, text);
  return FALSE;
}

static gboolean
roll_back (const Data *data, const ObChange *change, ObJob *job, GCancellable *cancellable,
           GError **error)
{
  /* Whoever tries to go back has done with it: what he still has open is ended. */
  ObRestoreOptions options
    = { .directory = -1, .change = change->id, .stopped = change->stopped, .force = data->force };
  g_autoptr (ObRestoreData) restore = NULL;

  if (!may_roll_back (data, change, job, cancellable, error))
    return FALSE;
  restore = ob_restore_data_new (data->context, data->instance, data->destinations, change->backup,
                                 &options, error);
  return restore != NULL && ob_restore_data_run (restore, job, cancellable, error);
}

/* Where we are cut off meanwhile, nobody else would tell that the application is stopped. */
static gboolean
start_application (const Data *data, const ObChange *change, ObJob *job, GError **error)
{
  ob_progress_set_phase (ob_job_get_progress (job), "starting");
  ob_restore_stopped_set (data->context, change->instance,
                          "The service was cut off when a change had succeeded and the "
                          "application was about to be started again.");
  if (ob_application_start_surely (data->instance, data->context->command_timeout, error)
      && ob_application_wait_healthy (data->instance, NULL, error))
    {
      ob_restore_stopped_clear (data->context, change->instance);
      return TRUE;
    }
  ob_restore_stopped_set (data->context, change->instance, (*error)->message);
  return FALSE;
}

/* An application that does not come up with what was changed is best taken back: until that is
 * decided, the change stays open. */
static gboolean
end_as_succeeded (const Data *data, const ObChange *change, ObJob *job, GError **error)
{
  g_autoptr (GError) unwell = NULL;

  if (change->stopped && !start_application (data, change, job, &unwell))
    {
      if (!data->force)
        {
          g_propagate_prefixed_error (error, g_steal_pointer (&unwell),
                                      "The change stays open, since the application does not come "
                                      "up. \"obbackupctl change end %s --failed\" goes back, and "
                                      "\"--succeeded --force\" ends it all the same: ",
                                      change->id);
          return FALSE;
        }
      ob_progress_warn (ob_job_get_progress (job), FALSE, "%s", unwell->message);
    }
  return ob_change_end (change, data->context, "succeeded", error);
}

/* The restore that goes back was cut off, or could not be written down, and was finished since. */
static gboolean
end_as_rolled_back (const Data *data, const ObChange *change, GError **error)
{
  if (!ob_change_end (change, data->context, "was rolled back", error))
    return FALSE;
  if (data->succeeded)
    g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                 "Going back had been begun before, and was finished: the change was rolled back. "
                 "\"obbackupctl undo-restore %s\" puts in place what it had made.",
                 change->instance);
  return !data->succeeded;
}

static gboolean
run_end (ObJob *job, gpointer pointer, GCancellable *cancellable, GError **error)
{
  Data *data = pointer;
  g_autoptr (ObChange) change = NULL;

  if (!ob_restore_settle (data->context, ob_instance_get_name (data->instance),
                          ob_job_get_progress (job), error))
    return FALSE;
  change = ob_change_find (data->context, data->id, error);
  if (change == NULL)
    return FALSE;
  if (ob_change_is_rolled_back (change, data->context))
    return end_as_rolled_back (data, change, error);
  if (!data->succeeded)
    return roll_back (data, change, job, cancellable, error)
           && ob_change_end (change, data->context, "was rolled back", error);
  return end_as_succeeded (data, change, job, error);
}

/* public methods */

ObJob *
ob_begin_change_job_new (ObContext *context, ObInstance *instance, ObDestination *destination,
                         const ObBackupOptions *options, const ObChange *change, gboolean stop,
                         guint uid, GError **error)
{
  Data *data = data_new (context, instance, change->id);
  ObBackupOptions backup = { .parts = options->parts,
                             .kind = "automatic",
                             .label = options->label,
                             .after = open_change,
                             .after_data = data,
                             .after_free = free_data };
  ObJob *job = NULL;

  data->stop = stop;
  job = ob_backup_job_new (context, instance, destination, &backup, uid, error);
  if (job != NULL)
    ob_job_set_result (job, "change", g_variant_new_string (change->id));
  return job;
}

void
ob_change_take_job (ObContext *context, ObJob *job)
{
  g_autoptr (GVariant) result = ob_job_dup_result (job);
  g_autoptr (ObChange) change = NULL;
  g_autoptr (GError) error = NULL;
  const char *id = NULL;

  if (!g_variant_lookup (result, "change", "&s", &id))
    return;
  change = ob_change_find (context, id, NULL);
  if (change != NULL && change->state == OB_CHANGE_BEGINNING)
    ob_change_end (change, context, "never began", NULL);
  else if (change != NULL && change->state == OB_CHANGE_ENDING)
    {
      change->state = OB_CHANGE_OPEN;
      if (!ob_change_save (change, context, &error))
        g_warning ("%s", error->message);
    }
}

ObJob *
ob_end_change_job_new (ObContext *context, ObInstance *instance, GPtrArray *destinations,
                       const ObChange *change, gboolean succeeded, gboolean force, guint uid,
                       GError **error)
{
  Data *data = data_new (context, instance, change->id);
  ObJob *job = NULL;

  data->destinations = g_ptr_array_ref (destinations);
  data->succeeded = succeeded;
  data->force = force;
  job = ob_job_new ("end-change", change->instance, succeeded ? NULL : change->destination, uid,
                    run_end, data, free_data);
  ob_job_set_result (job, "change", g_variant_new_string (change->id));
  return job;
}
