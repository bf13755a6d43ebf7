/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-job-object.h"

#include "ob-authorizer.h"
#include "ob-object-path.h"
#include "ob-options.h"
#include "ob-property-cache.h"
#include "ob-reply.h"

#define MAX_LINES 1000

struct _ObJobObject
{
  ObDBusBackup1JobSkeleton parent_instance;

  ObJob *job;
  char *path;
  gboolean ended;
};

static void ob_job_object_iface_init (ObDBusBackup1JobIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (ObJobObject, ob_job_object, OB_DBUS_TYPE_BACKUP1_JOB_SKELETON,
                               G_IMPLEMENT_INTERFACE (OB_DBUS_TYPE_BACKUP1_JOB,
                                                      ob_job_object_iface_init))

/* virtual functions */

static void
ob_job_object_finalize (GObject *object)
{
  ObJobObject *self = OB_JOB_OBJECT (object);

  g_clear_object (&self->job);
  g_clear_pointer (&self->path, g_free);
  G_OBJECT_CLASS (ob_job_object_parent_class)->finalize (object);
}

static void
ob_job_object_class_init (ObJobObjectClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = ob_job_object_finalize;
  G_DBUS_INTERFACE_SKELETON_CLASS (klass)->get_vtable = ob_authorizer_get_vtable;
  G_DBUS_INTERFACE_SKELETON_CLASS (klass)->get_properties = ob_property_cache_get_properties;
}

static void
ob_job_object_init (ObJobObject *self)
{
}

/* internal methods */

static guint64
to_time (gint64 seconds)
{
  return seconds > 0 ? (guint64) seconds : 0;
}

static void
publish_counters (ObJobObject *self)
{
  ObDBusBackup1Job *skeleton = OB_DBUS_BACKUP1_JOB (self);

  ob_dbus_backup1_job_set_bytes_done (skeleton, ob_job_get_bytes_done (self->job));
  ob_dbus_backup1_job_set_bytes_total (skeleton, ob_job_get_bytes_total (self->job));
  ob_dbus_backup1_job_set_rate (skeleton, ob_job_get_rate (self->job));
  ob_dbus_backup1_job_set_expected_end (skeleton, to_time (ob_job_get_expected_end (self->job)));
}

static void
publish (ObJobObject *self)
{
  ObDBusBackup1Job *skeleton = OB_DBUS_BACKUP1_JOB (self);
  ObJob *job = self->job;

  publish_counters (self);
  ob_dbus_backup1_job_set_state (skeleton, ob_job_state_get_name (ob_job_get_state (job)));
  ob_dbus_backup1_job_set_phase (skeleton, ob_job_get_phase (job));
  ob_dbus_backup1_job_set_error_name (skeleton, ob_job_get_error_name (job));
  ob_dbus_backup1_job_set_start_time (skeleton, to_time (ob_job_get_start_time (job)));
  ob_dbus_backup1_job_set_end_time (skeleton, to_time (ob_job_get_end_time (job)));
  ob_dbus_backup1_job_set_warnings (skeleton, ob_job_get_n_warnings (job));
  ob_dbus_backup1_job_set_cancelable (skeleton, ob_job_get_cancelable (job));
  ob_dbus_backup1_job_set_waiting_since (skeleton, to_time (ob_job_get_waiting_since (job)));
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (self));
}

static void
on_changed (ObJob *job, gpointer user_data)
{
  ObJobObject *self = OB_JOB_OBJECT (user_data);

  if (!ob_job_state_is_final (ob_job_get_state (job)))
    publish (self);
}

static void
on_progress (ObJob *job, gpointer user_data)
{
  publish_counters (OB_JOB_OBJECT (user_data));
}

static gboolean
handle_cancel (ObDBusBackup1Job *skeleton, GDBusMethodInvocation *invocation, GVariant *options)
{
  ObJobObject *self = OB_JOB_OBJECT (skeleton);
  GError *error = NULL;

  if (!ob_options_read_none (options, &error) || !ob_job_cancel (self->job, &error))
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_job_complete_cancel (skeleton, invocation);
  return TRUE;
}

static gboolean
handle_get_result (ObDBusBackup1Job *skeleton, GDBusMethodInvocation *invocation,
                   GVariant *options)
{
  ObJobObject *self = OB_JOB_OBJECT (skeleton);
  GError *error = NULL;
  g_autoptr (GVariant) result = NULL;

  if (!ob_options_read_none (options, &error))
    return ob_reply_error (invocation, error);
  if (!self->ended)
    return ob_reply_error (invocation,
                           g_error_new (OB_ERROR, OB_ERROR_BUSY,
                                        "Job %u has not ended; ask again when it has",
                                        ob_job_get_number (self->job)));
  result = ob_job_dup_result (self->job);
  ob_dbus_backup1_job_complete_get_result (skeleton, invocation, result);
  return TRUE;
}

static gboolean
handle_get_log (ObDBusBackup1Job *skeleton, GDBusMethodInvocation *invocation, GVariant *options)
{
  ObJobObject *self = OB_JOB_OBJECT (skeleton);
  GError *error = NULL;
  g_auto (GStrv) log = NULL;
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  guint n = 0;

  if (!ob_options_read_none (options, &error))
    return ob_reply_error (invocation, error);
  log = ob_job_dup_log (self->job);
  n = g_strv_length (log);
  for (guint i = n > MAX_LINES ? n - MAX_LINES : 0; i < n; i++)
    g_ptr_array_add (lines, ob_reply_make_text (log[i]));
  g_ptr_array_add (lines, NULL);
  ob_dbus_backup1_job_complete_get_log (skeleton, invocation,
                                        (const char *const *) lines->pdata);
  return TRUE;
}

static gboolean
handle_get_waiting (ObDBusBackup1Job *skeleton, GDBusMethodInvocation *invocation,
                    GVariant *options)
{
  ObJobObject *self = OB_JOB_OBJECT (skeleton);
  const char *waiting = ob_job_get_waiting (self->job);
  g_autofree char *text = ob_reply_make_text (waiting != NULL ? waiting : "");
  GError *error = NULL;

  if (!ob_options_read_none (options, &error))
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_job_complete_get_waiting (skeleton, invocation, text);
  return TRUE;
}

static void
ob_job_object_iface_init (ObDBusBackup1JobIface *iface)
{
  iface->handle_cancel = handle_cancel;
  iface->handle_get_result = handle_get_result;
  iface->handle_get_log = handle_get_log;
  iface->handle_get_waiting = handle_get_waiting;
}

/* public methods */

ObJobObject *
ob_job_object_new (ObJob *job)
{
  ObJobObject *self = g_object_new (OB_TYPE_JOB_OBJECT, NULL);
  ObDBusBackup1Job *skeleton = OB_DBUS_BACKUP1_JOB (self);
  g_autofree char *number = g_strdup_printf ("%u", ob_job_get_number (job));

  self->job = g_object_ref (job);
  self->path = ob_object_path_new (OB_FOLDER_JOBS, number);
  ob_dbus_backup1_job_set_operation (skeleton, ob_job_get_operation (job));
  ob_dbus_backup1_job_set_instance (skeleton, ob_job_get_instance (job));
  ob_dbus_backup1_job_set_destination (skeleton, ob_job_get_destination (job));
  ob_dbus_backup1_job_set_started_by_uid (skeleton, ob_job_get_uid (job));
  self->ended = ob_job_state_is_final (ob_job_get_state (job));
  publish (self);
  g_signal_connect_object (job, "changed", G_CALLBACK (on_changed), self, 0);
  g_signal_connect_object (job, "progress", G_CALLBACK (on_progress), self, 0);
  return self;
}

ObJob *
ob_job_object_get_job (ObJobObject *self)
{
  return self->job;
}

const char *
ob_job_object_get_path (ObJobObject *self)
{
  return self->path;
}

void
ob_job_object_end (ObJobObject *self)
{
  self->ended = TRUE;
  publish (self);
}
