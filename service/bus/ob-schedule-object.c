/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-schedule-object.h"

#include "ob-authorizer.h"
#include "ob-error.h"
#include "ob-keyfile.h"
#include "ob-object-path.h"
#include "ob-options.h"
#include "ob-property-cache.h"
#include "ob-reply.h"
#include "ob-retention-job.h"
#include "ob-schedule-options.h"

#define N_NEXT 5

struct _ObScheduleObject
{
  ObDBusBackup1ScheduledSkeleton parent_instance;

  ObManager *manager;     /* not owned */
  ObSchedules *schedules; /* not owned */
  char *name;
};

static void ob_schedule_object_iface_init (ObDBusBackup1ScheduledIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (ObScheduleObject, ob_schedule_object,
                               OB_DBUS_TYPE_BACKUP1_SCHEDULED_SKELETON,
                               G_IMPLEMENT_INTERFACE (OB_DBUS_TYPE_BACKUP1_SCHEDULED,
                                                      ob_schedule_object_iface_init))

static const ObOptionSpec options_of_plan[]
  = { { "destination", "s", FALSE }, { NULL, NULL, FALSE } };
static const ObOptionSpec options_of_apply[]
  = { { "destination", "s", FALSE }, { "prune", "b", FALSE }, { NULL, NULL, FALSE } };

/* virtual functions */

static void
ob_schedule_object_finalize (GObject *object)
{
  ObScheduleObject *self = OB_SCHEDULE_OBJECT (object);

  g_clear_pointer (&self->name, g_free);
  G_OBJECT_CLASS (ob_schedule_object_parent_class)->finalize (object);
}

static void
ob_schedule_object_class_init (ObScheduleObjectClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = ob_schedule_object_finalize;
  G_DBUS_INTERFACE_SKELETON_CLASS (klass)->get_vtable = ob_authorizer_get_vtable;
  G_DBUS_INTERFACE_SKELETON_CLASS (klass)->get_properties = ob_property_cache_get_properties;
}

static void
ob_schedule_object_init (ObScheduleObject *self)
{
}

/* internal methods */

static ObScheduler *
get_scheduler (ObScheduleObject *self)
{
  return ob_schedules_get_scheduler (self->schedules);
}

static ObSchedule *
get_schedule (ObScheduleObject *self)
{
  return ob_scheduler_get (get_scheduler (self), self->name);
}

static gboolean
handle_trigger (ObDBusBackup1Scheduled *skeleton, GDBusMethodInvocation *invocation,
                GVariant *dictionary)
{
  ObScheduleObject *self = OB_SCHEDULE_OBJECT (skeleton);
  GError *error = NULL;
  g_auto (GStrv) jobs = NULL;

  if (!ob_options_read_none (dictionary, &error)
      || !ob_manager_check_ready (self->manager, &error))
    return ob_reply_error (invocation, error);
  jobs = ob_schedules_trigger (self->schedules, self->name, &error);
  if (jobs == NULL)
    return ob_reply_error (invocation, error);
  if (*jobs == NULL)
    return ob_reply_error (invocation,
                           g_error_new (OB_ERROR, OB_ERROR_FAILED, "Nothing could be begun: %s",
                                        ob_schedules_get_last_error (self->schedules, self->name)));
  ob_dbus_backup1_scheduled_complete_trigger (skeleton, invocation, (const char *const *) jobs);
  return TRUE;
}

static gboolean
handle_update (ObDBusBackup1Scheduled *skeleton, GDBusMethodInvocation *invocation,
               GVariant *dictionary)
{
  ObScheduleObject *self = OB_SCHEDULE_OBJECT (skeleton);
  GError *error = NULL;
  g_autoptr (ObOptions) options
    = ob_options_read (dictionary, ob_schedule_update_options, NULL, &error);
  g_autoptr (GKeyFile) file = ob_keyfile_copy (get_schedule (self)->file);

  if (options == NULL || !ob_manager_check_ready (self->manager, &error)
      || !ob_schedule_options_apply (options, file, &error)
      || !ob_schedules_update (self->schedules, self->name, file, &error))
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_scheduled_complete_update (skeleton, invocation);
  return TRUE;
}

static gboolean
handle_remove (ObDBusBackup1Scheduled *skeleton, GDBusMethodInvocation *invocation,
               GVariant *dictionary)
{
  g_autoptr (ObScheduleObject) self = g_object_ref (OB_SCHEDULE_OBJECT (skeleton));
  GError *error = NULL;

  if (!ob_options_read_none (dictionary, &error)
      || !ob_schedules_remove (self->schedules, self->name, &error))
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_scheduled_complete_remove (skeleton, invocation);
  return TRUE;
}

static gboolean
start_retention (ObScheduleObject *self, const char *destination_name,
                 const ObRetentionOptions *options, guint uid, GStrvBuilder *paths, GError **error)
{
  ObDestination *destination
    = ob_manager_find_destination (self->manager, destination_name, error);
  ObJob *job = destination != NULL
                 ? ob_retention_job_new (ob_manager_get_context (self->manager), destination,
                                         get_schedule (self), options, uid, error)
                 : NULL;
  g_autofree char *path = job != NULL ? ob_manager_start_job (self->manager, job, error) : NULL;

  if (path == NULL)
    return FALSE;
  g_strv_builder_add (paths, path);
  return TRUE;
}

/* The jobs' paths; those that were begun before one could not be go on by themselves. */
static GStrv
start_retentions (ObScheduleObject *self, GDBusMethodInvocation *invocation, ObOptions *options,
                  gboolean plan, GError **error)
{
  ObSchedule *schedule = get_schedule (self);
  const char *only = ob_options_get_string (options, "destination");
  g_auto (GStrv) all = ob_schedules_list (self->schedules);
  ObRetentionOptions retention = { .plan = plan,
                                   .schedules = (const char *const *) all,
                                   .prune = !plan && ob_options_get_boolean (options, "prune"),
                                   .seconds = schedule->prune_limit };
  g_autoptr (GStrvBuilder) paths = g_strv_builder_new ();

  if (only != NULL && !g_strv_contains ((const char *const *) schedule->destinations, only))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                   "Schedule %s does not back up to \"%.64s\".", self->name, only);
      return NULL;
    }
  for (char **name = schedule->destinations; *name != NULL; name++)
    if ((only == NULL || g_str_equal (only, *name))
        && !start_retention (self, *name, &retention, ob_authorizer_get_caller (invocation), paths,
                             error))
      return NULL;
  return g_strv_builder_end (paths);
}

static gboolean
handle_plan_retention (ObDBusBackup1Scheduled *skeleton, GDBusMethodInvocation *invocation,
                       GVariant *dictionary)
{
  GError *error = NULL;
  g_autoptr (ObOptions) options = ob_options_read (dictionary, options_of_plan, NULL, &error);
  g_auto (GStrv) jobs = options != NULL
                          ? start_retentions (OB_SCHEDULE_OBJECT (skeleton), invocation, options,
                                              TRUE, &error)
                          : NULL;

  if (jobs == NULL)
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_scheduled_complete_plan_retention (skeleton, invocation,
                                                     (const char *const *) jobs);
  return TRUE;
}

static gboolean
handle_apply_retention (ObDBusBackup1Scheduled *skeleton, GDBusMethodInvocation *invocation,
                        GVariant *dictionary)
{
  GError *error = NULL;
  g_autoptr (ObOptions) options = ob_options_read (dictionary, options_of_apply, NULL, &error);
  g_auto (GStrv) jobs = NULL;

  if (options != NULL)
    jobs = start_retentions (OB_SCHEDULE_OBJECT (skeleton), invocation, options, FALSE, &error);
  if (jobs == NULL)
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_scheduled_complete_apply_retention (skeleton, invocation,
                                                      (const char *const *) jobs);
  return TRUE;
}

static void
add_next (const ObSchedule *schedule, GVariantDict *dict)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("at"));
  gint64 next = g_get_real_time ();

  for (guint i = 0; i < N_NEXT; i++)
    {
      next = ob_schedule_next (schedule, next);
      if (next == G_MAXINT64)
        break;
      g_variant_builder_add (&builder, "t", (guint64) (next / G_USEC_PER_SEC));
    }
  g_variant_dict_insert_value (dict, "next", g_variant_builder_end (&builder));
}

static gboolean
handle_get_details (ObDBusBackup1Scheduled *skeleton, GDBusMethodInvocation *invocation,
                    GVariant *dictionary)
{
  ObScheduleObject *self = OB_SCHEDULE_OBJECT (skeleton);
  const ObSchedule *schedule = get_schedule (self);
  const char *last_error = ob_schedules_get_last_error (self->schedules, self->name);
  GVariantDict dict = { 0 };
  GError *error = NULL;

  if (!ob_options_read_none (dictionary, &error))
    return ob_reply_error (invocation, error);
  g_variant_dict_init (&dict, NULL);
  ob_schedule_options_describe (schedule->file, &dict);
  g_variant_dict_insert (&dict, "name", "s", self->name);
  g_variant_dict_insert (&dict, "action", "s", ob_schedule_action_get_name (schedule->action));
  g_variant_dict_insert (&dict, "enabled", "b", schedule->enabled);
  g_variant_dict_insert (&dict, "persistent", "b", schedule->persistent);
  g_variant_dict_insert (&dict, "running", "b",
                         ob_scheduler_is_running (get_scheduler (self), self->name));
  g_variant_dict_insert (&dict, "retrying", "b",
                         ob_scheduler_is_retrying (get_scheduler (self), self->name));
  g_variant_dict_insert (&dict, "late-seconds", "u",
                         ob_schedule_get_late_after (schedule, g_get_real_time ()));
  if (schedule->retention != NULL)
    {
      g_autofree char *rules = ob_retention_to_string (schedule->retention);

      g_variant_dict_insert (&dict, "rules", "s", rules);
    }
  if (last_error != NULL)
    g_variant_dict_insert (&dict, "last-error", "s", last_error);
  if (schedule->enabled)
    add_next (schedule, &dict);
  ob_dbus_backup1_scheduled_complete_get_details (skeleton, invocation, g_variant_dict_end (&dict));
  return TRUE;
}

static void
ob_schedule_object_iface_init (ObDBusBackup1ScheduledIface *iface)
{
  iface->handle_trigger = handle_trigger;
  iface->handle_update = handle_update;
  iface->handle_remove = handle_remove;
  iface->handle_plan_retention = handle_plan_retention;
  iface->handle_apply_retention = handle_apply_retention;
  iface->handle_get_details = handle_get_details;
}

/* public methods */

ObScheduleObject *
ob_schedule_object_new (ObManager *manager, ObSchedules *schedules, const char *name)
{
  ObScheduleObject *self = g_object_new (OB_TYPE_SCHEDULE_OBJECT, NULL);

  self->manager = manager;
  self->schedules = schedules;
  self->name = g_strdup (name);
  ob_dbus_backup1_scheduled_set_name (OB_DBUS_BACKUP1_SCHEDULED (self), name);
  ob_schedule_object_refresh (self);
  return self;
}

void
ob_schedule_object_refresh (ObScheduleObject *self)
{
  ObDBusBackup1Scheduled *skeleton = OB_DBUS_BACKUP1_SCHEDULED (self);
  ObScheduler *scheduler = get_scheduler (self);
  const ObSchedule *schedule = get_schedule (self);
  const ObScheduleState *state = ob_scheduler_get_state (scheduler, self->name);
  gint64 next = ob_scheduler_get_next_run (scheduler, self->name);

  ob_dbus_backup1_scheduled_set_instance (skeleton, schedule->instance);
  ob_dbus_backup1_scheduled_set_enabled (skeleton, schedule->enabled);
  ob_dbus_backup1_scheduled_set_last_run (skeleton, (guint64) (state->last_run / G_USEC_PER_SEC));
  ob_dbus_backup1_scheduled_set_next_run (
    skeleton, next == OB_CLOCK_NEVER ? 0 : (guint64) (next / G_USEC_PER_SEC));
  ob_dbus_backup1_scheduled_set_last_result (skeleton, ob_run_result_get_name (state->result));
  ob_dbus_backup1_scheduled_set_missed (skeleton, state->missed);
  ob_dbus_backup1_scheduled_set_running (skeleton,
                                         ob_scheduler_is_running (scheduler, self->name));
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (self));
}

char *
ob_schedule_call_add (ObManager *manager, const char *name, GVariant *dictionary, GError **error)
{
  g_autoptr (ObOptions) options
    = ob_options_read (dictionary, ob_schedule_add_options, NULL, error);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  char *path = NULL;

  if (options == NULL || !ob_schedule_options_apply (options, file, error)
      || !ob_manager_reserve (manager, OB_FOLDER_SCHEDULES, name, error))
    return NULL;
  path = ob_schedules_add (ob_manager_get_schedules (manager), name, file, error);
  ob_manager_release (manager, OB_FOLDER_SCHEDULES, name);
  return path;
}
