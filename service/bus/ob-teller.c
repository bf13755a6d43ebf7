/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-teller.h"

#include <string.h>

#include "config.h"
#include "ob-destination-object.h"
#include "ob-hooks.h"
#include "ob-instance-object.h"
#include "ob-journal.h"
#include "ob-metrics.h"
#include "ob-state-file.h"

#define STATE_FOLDER "metrics"
#define STATE_NAME "backups"

struct _ObTeller
{
  ObManager *manager;
  ObHooks *hooks;
  GHashTable *counts;  /* "OPERATION STATE" → how many jobs have ended so */
  GKeyFile *backups;   /* of the last good one: "INSTANCE DESTINATION" = END;SECONDS;BYTES */
  gboolean writing;    /* a thread writes the numbers */
  gboolean told_error; /* of that file, so that it is told once */
};

/* internal methods: jobs */

static ObSeverity
get_severity (ObJobState state)
{
  switch (state)
    {
    case OB_JOB_FAILED:
    case OB_JOB_INTERRUPTED:
      return OB_SEVERITY_ERROR;
    case OB_JOB_PARTIAL:
      return OB_SEVERITY_WARNING;
    default:
      return OB_SEVERITY_INFO;
    }
}

/* "backup of erp to disk succeeded". Transfer full. */
static char *
describe (ObJob *job)
{
  const char *instance = ob_job_get_instance (job);
  const char *destination = ob_job_get_destination (job);
  const char *message = ob_job_get_error_message (job);
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_append_printf (text, "Job %u, %s", ob_job_get_number (job), ob_job_get_operation (job));
  if (*instance != '\0')
    g_string_append_printf (text, " of %s", instance);
  if (*destination != '\0')
    g_string_append_printf (text, " at %s", destination);
  g_string_append_printf (text, ": %s", ob_job_state_get_name (ob_job_get_state (job)));
  if (message != NULL)
    g_string_append_printf (text, ": %s", message);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static gint64
get_duration (ObJob *job)
{
  return ob_job_get_start_time (job) > 0
           ? MAX (ob_job_get_end_time (job) - ob_job_get_start_time (job), 0)
           : 0;
}

static void
set_if_any (ObEvent *event, const char *key, const char *text)
{
  if (*text != '\0')
    ob_event_set_string (event, key, text);
}

static ObEvent *
make_event (ObJob *job)
{
  g_autofree char *message = describe (job);
  g_autofree char *number = g_strdup_printf ("%u", ob_job_get_number (job));
  g_autoptr (GVariant) result = ob_job_dup_result (job);
  ObEvent *event = ob_event_new (OB_EVENT_JOB_FINISHED, get_severity (ob_job_get_state (job)),
                                 message);
  const char *text = NULL;

  ob_event_set_string (event, "operation", ob_job_get_operation (job));
  ob_event_set_string (event, "state", ob_job_state_get_name (ob_job_get_state (job)));
  ob_event_set_string (event, "job", number);
  set_if_any (event, "instance", ob_job_get_instance (job));
  set_if_any (event, "destination", ob_job_get_destination (job));
  set_if_any (event, "error", ob_job_get_error_name (job));
  if (g_variant_lookup (result, "schedule", "&s", &text))
    ob_event_set_string (event, "schedule", text);
  if (g_variant_lookup (result, "id", "&s", &text))
    ob_event_set_string (event, "backup", text);
  ob_event_set_int64 (event, "duration_seconds", get_duration (job));
  ob_event_set_int64 (event, "bytes", (gint64) ob_job_get_bytes_done (job));
  ob_event_set_int64 (event, "warnings", ob_job_get_n_warnings (job));
  return event;
}

static void
count (ObTeller *self, ObJob *job)
{
  char *key = g_strconcat (ob_job_get_operation (job), " ",
                           ob_job_state_get_name (ob_job_get_state (job)), NULL);
  guint n = GPOINTER_TO_UINT (g_hash_table_lookup (self->counts, key));

  g_hash_table_insert (self->counts, key, GUINT_TO_POINTER (n + 1));
}

static void
remember_backup (ObTeller *self, ObJob *job)
{
  g_autofree char *key
    = g_strconcat (ob_job_get_instance (job), " ", ob_job_get_destination (job), NULL);
  g_autofree char *value
    = g_strdup_printf ("%" G_GINT64_FORMAT ";%" G_GINT64_FORMAT ";%" G_GUINT64_FORMAT,
                       ob_job_get_end_time (job), get_duration (job), ob_job_get_bytes_done (job));

  g_key_file_set_string (self->backups, OB_STATE_GROUP, key, value);
  ob_state_file_save (ob_manager_get_context (self->manager), STATE_FOLDER, STATE_NAME,
                      self->backups);
}

/* internal methods: numbers */

/* Those of an instance and a destination that are still there. */
static void
add_backup (ObTeller *self, ObMetrics *metrics, const char *key)
{
  g_auto (GStrv) names = g_strsplit (key, " ", 2);
  g_autofree char *value = g_key_file_get_string (self->backups, OB_STATE_GROUP, key, NULL);
  g_auto (GStrv) numbers = value != NULL ? g_strsplit (value, ";", 3) : NULL;
  guint64 end = 0;
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;

  if (names[1] == NULL || numbers == NULL || g_strv_length (numbers) != 3
      || ob_manager_find_instance (self->manager, names[0], NULL) == NULL
      || ob_manager_find_destination (self->manager, names[1], NULL) == NULL)
    return;
  {
    const char *const labels[] = { "instance", names[0], "destination", names[1], NULL };

    end = g_ascii_strtoull (numbers[0], NULL, 10);
    ob_metric_family_add_uint64 (
      ob_metrics_add_family (metrics, "obbackup_last_success_timestamp_seconds",
                             "End of the last good backup, seconds since 1970.", OB_METRIC_GAUGE),
      labels, end);
    ob_metric_family_add_uint64 (
      ob_metrics_add_family (metrics, "obbackup_last_backup_duration_seconds",
                             "How long the last good backup took.", OB_METRIC_GAUGE),
      labels, g_ascii_strtoull (numbers[1], NULL, 10));
    ob_metric_family_add_uint64 (
      ob_metrics_add_family (metrics, "obbackup_last_backup_bytes",
                             "What the last good backup read, in bytes.", OB_METRIC_GAUGE),
      labels, g_ascii_strtoull (numbers[2], NULL, 10));
    ob_metric_family_add_double (
      ob_metrics_add_family (metrics, "obbackup_last_backup_age_seconds",
                             "Age of the last good backup when this was written.",
                             OB_METRIC_GAUGE),
      labels, (double) now - (double) end);
  }
}

static void
add_health (ObTeller *self, ObMetrics *metrics)
{
  ObMetricFamily *family = ob_metrics_add_family (
    metrics, "obbackup_health",
    "1 where the last check or backup found nothing wrong, 0 otherwise.", OB_METRIC_GAUGE);
  g_autoptr (GPtrArray) objects = ob_manager_list_instance_objects (self->manager);

  for (guint i = 0; i < objects->len; i++)
    {
      ObDBusBackup1Instance *instance = g_ptr_array_index (objects, i);
      const char *const labels[]
        = { "instance", ob_dbus_backup1_instance_get_name (instance), NULL };

      ob_metric_family_add_uint64 (
        family, labels,
        g_str_equal (ob_dbus_backup1_instance_get_health (instance), "good") ? 1 : 0);
    }
}

static void
add_verified (ObTeller *self, ObMetrics *metrics)
{
  ObMetricFamily *family = ob_metrics_add_family (
    metrics, "obbackup_last_verify_timestamp_seconds",
    "When all backups there were last found sound, seconds since 1970.", OB_METRIC_GAUGE);
  ObMetricFamily *left = ob_metrics_add_family (metrics, "obbackup_free_bytes",
                                                "Free space of the destination, in bytes.",
                                                OB_METRIC_GAUGE);
  g_autoptr (GPtrArray) objects = ob_manager_list_destination_objects (self->manager);

  for (guint i = 0; i < objects->len; i++)
    {
      ObDestinationObject *object = g_ptr_array_index (objects, i);
      const char *const labels[]
        = { "destination",
            ob_dbus_backup1_destination_get_name (OB_DBUS_BACKUP1_DESTINATION (object)), NULL };
      guint64 verified = ob_destination_object_get_last_sound (object);
      guint64 total
        = ob_dbus_backup1_destination_get_total_bytes (OB_DBUS_BACKUP1_DESTINATION (object));

      if (verified > 0)
        ob_metric_family_add_uint64 (family, labels, verified);
      if (total > 0 && total != G_MAXUINT64)
        ob_metric_family_add_uint64 (
          left, labels,
          ob_dbus_backup1_destination_get_free_bytes (OB_DBUS_BACKUP1_DESTINATION (object)));
    }
}

static void
add_counts (ObTeller *self, ObMetrics *metrics)
{
  ObMetricFamily *family
    = ob_metrics_add_family (metrics, "obbackup_jobs_total",
                             "Jobs that have ended since the service was started.",
                             OB_METRIC_COUNTER);
  GHashTableIter iter = { 0 };
  gpointer key = NULL, n = NULL;

  g_hash_table_iter_init (&iter, self->counts);
  while (g_hash_table_iter_next (&iter, &key, &n))
    {
      g_auto (GStrv) words = g_strsplit (key, " ", 2);
      const char *const labels[] = { "operation", words[0], "state", words[1], NULL };

      ob_metric_family_add_uint64 (family, labels, GPOINTER_TO_UINT (n));
    }
}

static ObMetrics *
collect (ObTeller *self)
{
  const char *const version[] = { "version", OB_VERSION, NULL };
  ObMetrics *metrics = ob_metrics_new ();
  g_auto (GStrv) keys = g_key_file_get_keys (self->backups, OB_STATE_GROUP, NULL, NULL);

  for (gsize i = 0; keys != NULL && keys[i] != NULL; i++)
    add_backup (self, metrics, keys[i]);
  add_health (self, metrics);
  add_verified (self, metrics);
  add_counts (self, metrics);
  ob_metric_family_add_uint64 (ob_metrics_add_family (metrics, "obbackup_build_info",
                                                      "Version of the service.", OB_METRIC_GAUGE),
                               version, 1);
  return metrics;
}

static void
free_metrics (gpointer metrics)
{
  ob_metrics_free (metrics);
}

static void
write_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const char *path = g_object_get_data (G_OBJECT (task), "path");
  GError *error = NULL;

  if (ob_metrics_write (data, path, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ObTeller *self = ob_manager_get_teller (OB_MANAGER (source));
  g_autoptr (GError) error = NULL;
  gboolean done = g_task_propagate_boolean (G_TASK (result), &error);

  if (self == NULL)
    return;
  if (!done && !self->told_error)
    g_warning ("The numbers for Prometheus cannot be written: %s", error->message);
  self->writing = FALSE;
  self->told_error = !done;
}

/* public methods */

ObTeller *
ob_teller_new (ObManager *manager)
{
  ObContext *context = ob_manager_get_context (manager);
  g_autofree char *directory = g_build_filename (context->config_path, "hooks.d", NULL);
  ObTeller *self = g_new0 (ObTeller, 1);

  self->manager = manager;
  self->hooks = ob_hooks_new (directory, context->hook_time_limit);
  self->counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->backups = ob_state_file_load (context, STATE_FOLDER, STATE_NAME);
  return self;
}

void
ob_teller_free (ObTeller *self)
{
  if (self == NULL)
    return;
  if (!ob_hooks_drain (self->hooks, OB_HOOKS_DRAIN_SECONDS))
    g_warning ("Some hooks did not come to their end");
  ob_hooks_free (self->hooks);
  g_hash_table_unref (self->counts);
  g_key_file_unref (self->backups);
  g_free (self);
}

void
ob_teller_tell (ObTeller *self, ObEvent *event)
{
  g_autoptr (ObEvent) owned = event;

  ob_journal_write (owned);
  ob_hooks_emit (self->hooks, owned);
}

void
ob_teller_take_job (ObTeller *self, ObJob *job)
{
  count (self, job);
  if (ob_job_get_state (job) == OB_JOB_SUCCEEDED
      && strcmp (ob_job_get_operation (job), "backup") == 0)
    remember_backup (self, job);
  ob_teller_tell (self, make_event (job));
}

void
ob_teller_write_metrics (ObTeller *self)
{
  const char *path = ob_manager_get_context (self->manager)->metrics_path;
  g_autoptr (GTask) task = NULL;

  if (path == NULL || self->writing)
    return;
  self->writing = TRUE;
  task = g_task_new (self->manager, NULL, on_written, NULL);
  g_task_set_task_data (task, collect (self), free_metrics);
  g_object_set_data_full (G_OBJECT (task), "path", g_strdup (path), g_free);
  g_task_run_in_thread (task, write_in_thread);
}
