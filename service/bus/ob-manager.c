/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-manager-private.h"

#include <string.h>

#include "ob-change-call.h"
#include "ob-destination-object.h"
#include "ob-error.h"
#include "ob-instance-object.h"
#include "ob-job-news.h"
#include "ob-job-object.h"
#include "ob-keyfile.h"
#include "ob-object-path.h"
#include "ob-operations.h"

#define SETTING_UP "ob-manager-setting-up"

G_DEFINE_FINAL_TYPE (ObManager, ob_manager, G_TYPE_OBJECT)

/* virtual functions */

static void
ob_manager_dispose (GObject *object)
{
  ObManager *self = OB_MANAGER (object);
  GHashTableIter iter = { 0 };
  gpointer job = NULL;

  g_hash_table_iter_init (&iter, self->jobs);
  while (g_hash_table_iter_next (&iter, &job, NULL))
    g_signal_handlers_disconnect_by_data (job, self);
  if (self->queue != NULL)
    g_signal_handlers_disconnect_by_data (self->queue, self);
  if (self->server != NULL)
    g_dbus_object_manager_server_set_connection (self->server, NULL);
  /* Where it never came onto the bus there is nothing to take off. */
  if (self->root != NULL
      && g_dbus_interface_skeleton_get_connection (G_DBUS_INTERFACE_SKELETON (self->root)) != NULL)
    g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (self->root));
  g_clear_pointer (&self->reload, ob_reload_free);
  g_clear_pointer (&self->health, ob_health_free);
  g_clear_pointer (&self->teller, ob_teller_free);
  g_clear_pointer (&self->inhibitor, ob_sleep_inhibitor_free);
  g_clear_pointer (&self->schedules, ob_schedules_free);
  g_clear_object (&self->clock);
  g_clear_object (&self->root);
  g_clear_object (&self->server);
  g_hash_table_remove_all (self->jobs);
  g_hash_table_remove_all (self->instances);
  g_hash_table_remove_all (self->destinations);
  g_clear_object (&self->queue);
  ob_authorizer_set_is_own (self->authorizer, NULL, NULL);
  g_clear_object (&self->authorizer);
  G_OBJECT_CLASS (ob_manager_parent_class)->dispose (object);
}

static void
ob_manager_finalize (GObject *object)
{
  ObManager *self = OB_MANAGER (object);

  g_clear_pointer (&self->jobs, g_hash_table_unref);
  g_clear_pointer (&self->instances, g_hash_table_unref);
  g_clear_pointer (&self->destinations, g_hash_table_unref);
  g_clear_pointer (&self->holds, ob_holds_free);
  g_clear_pointer (&self->context, ob_context_free);
  G_OBJECT_CLASS (ob_manager_parent_class)->finalize (object);
}

static void
ob_manager_class_init (ObManagerClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = ob_manager_dispose;
  G_OBJECT_CLASS (klass)->finalize = ob_manager_finalize;
}

static void
ob_manager_init (ObManager *self)
{
  self->instances = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  self->destinations = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  self->jobs = g_hash_table_new_full (NULL, NULL, g_object_unref, g_object_unref);
  self->holds = ob_holds_new ();
  self->authorizer = ob_authorizer_new ();
  self->server = g_dbus_object_manager_server_new (OB_ROOT_PATH);
}

/* internal methods */

/* What is remembered of a job that has ended, before anybody on the bus hears of the end. */
static void
take_job (ObManager *self, ObJob *job)
{
  ObInstanceObject *instance
    = g_hash_table_lookup (self->instances, ob_job_get_instance (job));
  ObDestinationObject *destination
    = g_hash_table_lookup (self->destinations, ob_job_get_destination (job));

  if (instance != NULL)
    ob_instance_object_take_job (instance, job);
  if (destination != NULL)
    ob_destination_object_take_job (destination, job);
}

/* After a crash the history may tell of an end that nothing else was told. */
static void
take_loaded_job (ObManager *self, ObJob *job)
{
  ObInstanceObject *instance = g_hash_table_lookup (self->instances, ob_job_get_instance (job));

  if (ob_job_get_state (job) == OB_JOB_INTERRUPTED
      && (instance == NULL || !ob_instance_object_knows_job (instance, job)))
    ob_teller_take_job (self->teller, job);
  if (instance != NULL && !ob_instance_object_knows_job (instance, job))
    ob_instance_object_take_job (instance, job);
}

static void
end_set_up (ObManager *self, ObJob *job)
{
  ObDestination *destination = g_object_get_data (G_OBJECT (job), SETTING_UP);

  if (destination == NULL)
    return;
  ob_manager_release (self, OB_FOLDER_DESTINATIONS, ob_destination_get_name (destination));
  if (ob_job_get_state (job) == OB_JOB_SUCCEEDED || ob_job_get_state (job) == OB_JOB_PARTIAL)
    ob_manager_put_destination (self, destination);
  g_object_set_data (G_OBJECT (job), SETTING_UP, NULL);
}

static void
on_job_finished (ObJob *job, gpointer user_data)
{
  ObManager *self = OB_MANAGER (user_data);
  ObJobObject *object = g_hash_table_lookup (self->jobs, job);

  end_set_up (self, job);
  ob_change_take_job (self->context, job);
  take_job (self, job);
  ob_job_news_tell (self, OB_DBUS_BACKUP1 (self->root), job);
  ob_job_object_end (object);
  ob_dbus_backup1_emit_job_finished (OB_DBUS_BACKUP1 (self->root), ob_job_object_get_path (object),
                                     ob_job_state_get_name (ob_job_get_state (job)),
                                     ob_job_get_error_name (job));
  ob_teller_take_job (self->teller, job);
  ob_health_look (self->health);
  ob_sleep_inhibitor_set (self->inhibitor, ob_manager_is_busy (self));
}

static void
on_job_progress (ObJob *job, gpointer user_data)
{
  ObManager *self = OB_MANAGER (user_data);
  ObJobObject *object = g_hash_table_lookup (self->jobs, job);

  ob_dbus_backup1_emit_progress (OB_DBUS_BACKUP1 (self->root), ob_job_object_get_path (object),
                                 ob_job_get_phase (job), ob_job_get_bytes_done (job),
                                 ob_job_get_bytes_total (job), ob_job_get_rate (job));
}

static void
on_job_added (ObJobQueue *queue, ObJob *job, gpointer user_data)
{
  ObManager *self = OB_MANAGER (user_data);
  ObJobObject *object = ob_job_object_new (job);

  ob_manager_export_owned (self, G_DBUS_INTERFACE_SKELETON (object),
                           ob_job_object_get_path (object), ob_job_get_uid (job));
  g_hash_table_insert (self->jobs, g_object_ref (job), object);
  g_signal_connect (job, "progress", G_CALLBACK (on_job_progress), self);
  g_signal_connect (job, "finished", G_CALLBACK (on_job_finished), self);
  ob_sleep_inhibitor_set (self->inhibitor, !ob_job_state_is_final (ob_job_get_state (job)));
}

static void
on_job_removed (ObJobQueue *queue, ObJob *job, gpointer user_data)
{
  ObManager *self = OB_MANAGER (user_data);
  ObJobObject *object = g_hash_table_lookup (self->jobs, job);

  if (object == NULL)
    return;
  g_signal_handlers_disconnect_by_data (job, self);
  g_dbus_object_manager_server_unexport (self->server, ob_job_object_get_path (object));
  g_hash_table_remove (self->jobs, job);
}

static void
on_history_caught_up (ObJobQueue *queue, gpointer user_data)
{
  ob_health_look (OB_MANAGER (user_data)->health);
}

static void
load_jobs (ObManager *self)
{
  g_autoptr (GPtrArray) jobs = NULL;

  self->queue = ob_job_queue_new (self->context);
  jobs = ob_job_queue_list (self->queue);
  for (guint i = 0; i < jobs->len; i++)
    {
      ObJob *job = g_ptr_array_index (jobs, i);

      on_job_added (self->queue, job, self);
      if (ob_job_state_is_final (ob_job_get_state (job)))
        take_loaded_job (self, job);
    }
  g_signal_connect (self->queue, "job-added", G_CALLBACK (on_job_added), self);
  g_signal_connect (self->queue, "job-removed", G_CALLBACK (on_job_removed), self);
  g_signal_connect (self->queue, "history-caught-up", G_CALLBACK (on_history_caught_up), self);
}

/* public methods */

gboolean
ob_manager_check_ready (ObManager *self, GError **error)
{
  if (self->recovered && !self->stopping)
    return TRUE;
  g_set_error_literal (error, OB_ERROR, OB_ERROR_BUSY,
                       self->stopping
                         ? "The backup service is stopping; try again when it is back"
                         : "The backup service is still cleaning up after an interrupted restore; "
                           "try again in a moment");
  return FALSE;
}

ObManager *
ob_manager_new (ObContext *context, GError **error)
{
  g_autoptr (ObManager) self = g_object_new (OB_TYPE_MANAGER, NULL);

  self->context = context;
  ob_authorizer_set_is_own (self->authorizer, ob_change_call_is_own, self);
  self->root = ob_root_object_new (self);
  self->clock = ob_clock_new_real (NULL, error);
  if (self->clock == NULL)
    return NULL;
  self->inhibitor = ob_sleep_inhibitor_new ();
  self->teller = ob_teller_new (self);
  self->health = ob_health_new (self, self->teller, OB_DBUS_BACKUP1 (self->root));
  self->schedules = ob_schedules_new (self, self->clock);
  self->reload = ob_reload_new (self);
  ob_manager_set_config_error (self, "obbackup.conf", context->config_error);
  ob_reload_load (self->reload);
  load_jobs (self);
  return g_steal_pointer (&self);
}

gboolean
ob_manager_export (ObManager *self, GDBusConnection *connection, GError **error)
{
  GDBusInterfaceSkeleton *root = G_DBUS_INTERFACE_SKELETON (self->root);

  ob_authorizer_guard (self->authorizer, root, OB_NOBODY);
  ob_sleep_inhibitor_set_connection (self->inhibitor, connection);
  if (!g_dbus_interface_skeleton_export (root, connection, OB_ROOT_PATH, error))
    return FALSE;
  g_dbus_object_manager_server_set_connection (self->server, connection);
  return TRUE;
}

void
ob_manager_set_recovered (ObManager *self)
{
  self->recovered = TRUE;
  ob_schedules_start (self->schedules);
  ob_reload_watch (self->reload);
  ob_health_start (self->health);
}

void
ob_manager_reload (ObManager *self)
{
  ob_reload_run (self->reload);
}

gboolean
ob_manager_is_busy (ObManager *self)
{
  return ob_job_queue_is_busy (self->queue, NULL, NULL);
}

gboolean
ob_manager_shut_down (ObManager *self, guint seconds)
{
  self->stopping = TRUE;
  ob_schedules_stop (self->schedules);
  ob_job_queue_shut_down (self->queue, seconds);
  return !ob_manager_is_busy (self);
}

void
ob_manager_look_at_changes (ObManager *self)
{
  GHashTableIter iter = { 0 };
  gpointer object = NULL;

  g_hash_table_iter_init (&iter, self->instances);
  while (g_hash_table_iter_next (&iter, NULL, &object))
    ob_instance_object_look_at_change (object);
}

void
ob_manager_look_at_schedules (ObManager *self)
{
  GHashTableIter iter = { 0 };
  gpointer name = NULL, object = NULL;

  /* Not while they are being loaded. */
  if (self->schedules == NULL)
    return;
  g_hash_table_iter_init (&iter, self->instances);
  while (g_hash_table_iter_next (&iter, &name, &object))
    ob_instance_object_set_next_run (object,
                                     ob_schedules_get_next_backup (self->schedules, name));
}

void
ob_manager_look_at_health (ObManager *self)
{
  ob_health_look (self->health);
}

void
ob_manager_set_config_error (ObManager *self, const char *file, const char *message)
{
  ob_health_set_config_error (self->health, file, message);
}

void
ob_manager_drop_config_errors (ObManager *self, const char *folder, const char *const *names)
{
  ob_health_drop_config_errors (self->health, folder, names);
}

GVariant *
ob_manager_describe_problems (ObManager *self)
{
  ob_health_look (self->health);
  return ob_health_describe (self->health);
}

const char *
ob_manager_get_history_problem (ObManager *self)
{
  return ob_job_queue_get_problem (self->queue);
}

ObSchedules *
ob_manager_get_schedules (ObManager *self)
{
  return self->schedules;
}

ObTeller *
ob_manager_get_teller (ObManager *self)
{
  return self->teller;
}

GPtrArray *
ob_manager_list_jobs (ObManager *self)
{
  GPtrArray *jobs = ob_job_queue_list (self->queue);

  g_ptr_array_set_free_func (jobs, g_object_unref);
  return jobs;
}

ObContext *
ob_manager_get_context (ObManager *self)
{
  return self->context;
}

char *
ob_manager_start_job (ObManager *self, ObJob *job, GError **error)
{
  g_autoptr (ObJob) owned = job;

  if (!ob_manager_check_ready (self, error)
      || !ob_holds_check (self->holds, OB_FOLDER_INSTANCES, ob_job_get_instance (job), error)
      || !ob_holds_check (self->holds, OB_FOLDER_DESTINATIONS, ob_job_get_destination (job), error)
      || !ob_job_queue_add (self->queue, job, error))
    return NULL;
  return g_strdup (ob_job_object_get_path (g_hash_table_lookup (self->jobs, job)));
}

char *
ob_manager_start_set_up (ObManager *self, ObJob *job, ObDestination *destination, GError **error)
{
  g_autoptr (ObJob) owned = job;

  g_object_set_data_full (G_OBJECT (job), SETTING_UP, ob_destination_ref (destination),
                          (GDestroyNotify) ob_destination_unref);
  if (!ob_manager_check_ready (self, error) || !ob_job_queue_add (self->queue, job, error))
    {
      ob_manager_release (self, OB_FOLDER_DESTINATIONS, ob_destination_get_name (destination));
      return NULL;
    }
  return g_strdup (ob_job_object_get_path (g_hash_table_lookup (self->jobs, job)));
}
