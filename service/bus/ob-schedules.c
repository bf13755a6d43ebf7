/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-schedules.h"

#include <string.h>

#include "ob-error.h"
#include "ob-io.h"
#include "ob-keyfile.h"
#include "ob-object-path.h"
#include "ob-reply.h"
#include "ob-schedule-object.h"
#include "ob-schedule-run.h"
#include "ob-state-file.h"

struct _ObSchedules
{
  ObManager *manager; /* not owned */
  ObScheduler *scheduler;
  GHashTable *objects; /* name → ObScheduleObject */
  GHashTable *again;   /* name → GStrv: destinations that the next attempt is for */
  GHashTable *errors;  /* name → what went wrong in the last run */
  GStrv begun;         /* by the last "due" */
  gboolean stopped;
};

/* internal methods: what is remembered */

static ObContext *
get_context (ObSchedules *self)
{
  return ob_manager_get_context (self->manager);
}

static void
load_state (ObSchedules *self, const char *name, ObScheduleState *state)
{
  g_autoptr (GKeyFile) file = ob_state_file_load (get_context (self), OB_FOLDER_SCHEDULES, name);
  g_autofree char *result = g_key_file_get_string (file, OB_STATE_GROUP, "result", NULL);
  char *error = g_key_file_get_string (file, OB_STATE_GROUP, "last-error", NULL);
  gint64 missed = g_key_file_get_int64 (file, OB_STATE_GROUP, "missed", NULL);

  state->planned = MAX (g_key_file_get_int64 (file, OB_STATE_GROUP, "planned", NULL), 0);
  state->last_run = MAX (g_key_file_get_int64 (file, OB_STATE_GROUP, "last-run", NULL), 0);
  state->good = MAX (g_key_file_get_int64 (file, OB_STATE_GROUP, "good", NULL), 0);
  state->missed = (guint) CLAMP (missed, 0, G_MAXINT32);
  state->owed = g_key_file_get_boolean (file, OB_STATE_GROUP, "owed", NULL);
  state->result = ob_run_result_from_name (result);
  if (error != NULL)
    g_hash_table_insert (self->errors, g_strdup (name), error);
}

static void
save_state (ObSchedules *self, const char *name)
{
  const ObScheduleState *state = ob_scheduler_get_state (self->scheduler, name);
  const char *error = g_hash_table_lookup (self->errors, name);
  g_autoptr (GKeyFile) file = g_key_file_new ();

  g_key_file_set_int64 (file, OB_STATE_GROUP, "planned", state->planned);
  g_key_file_set_int64 (file, OB_STATE_GROUP, "last-run", state->last_run);
  g_key_file_set_int64 (file, OB_STATE_GROUP, "good", state->good);
  g_key_file_set_int64 (file, OB_STATE_GROUP, "missed", state->missed);
  g_key_file_set_boolean (file, OB_STATE_GROUP, "owed", state->owed);
  g_key_file_set_string (file, OB_STATE_GROUP, "result", ob_run_result_get_name (state->result));
  if (error != NULL)
    g_key_file_set_string (file, OB_STATE_GROUP, "last-error", error);
  ob_state_file_save (get_context (self), OB_FOLDER_SCHEDULES, name, file);
}

/* internal methods: runs */

static void
on_run_ended (const char *name, ObRunResult result, GStrv again, const char *error,
              gpointer user_data)
{
  ObSchedules *self = user_data;
  g_auto (GStrv) rest = again;
  gboolean any = rest != NULL;

  if (self->stopped || ob_scheduler_get (self->scheduler, name) == NULL)
    return;
  if (error != NULL)
    g_hash_table_insert (self->errors, g_strdup (name), ob_reply_make_text (error));
  else
    g_hash_table_remove (self->errors, name);
  if (any)
    g_hash_table_insert (self->again, g_strdup (name), g_steal_pointer (&rest));
  else
    g_hash_table_remove (self->again, name);
  ob_scheduler_run_ended (self->scheduler, name, result, any);
  ob_manager_look_at_health (self->manager);
}

static void
on_due (ObScheduler *scheduler, const char *name, guint attempt, gpointer user_data)
{
  ObSchedules *self = user_data;
  g_autoptr (ObSchedule) schedule = ob_schedule_ref (ob_scheduler_get (scheduler, name));
  GStrv again = g_hash_table_lookup (self->again, name);
  g_auto (GStrv) destinations
    = g_strdupv (attempt > 1 && again != NULL ? again : schedule->destinations);

  g_message ("Schedule %s begins%s", name, attempt > 1 ? " another attempt" : "");
  g_strfreev (self->begun);
  self->begun = NULL;
  self->begun = ob_schedule_run_begin (self->manager, schedule, (const char *const *) destinations,
                                       on_run_ended, self);
}

static void
on_changed (ObScheduler *scheduler, const char *name, gpointer user_data)
{
  ObSchedules *self = user_data;
  ObScheduleObject *object = g_hash_table_lookup (self->objects, name);

  if (self->stopped)
    return;
  save_state (self, name);
  if (object != NULL)
    ob_schedule_object_refresh (object);
  ob_manager_look_at_schedules (self->manager);
}

/* internal methods: what there is */

static void
add_object (ObSchedules *self, ObSchedule *schedule)
{
  g_autofree char *path = ob_object_path_new (OB_FOLDER_SCHEDULES, schedule->name);
  ObScheduleObject *object = ob_schedule_object_new (self->manager, self, schedule->name);

  g_hash_table_insert (self->objects, g_strdup (schedule->name), object);
  ob_manager_export_object (self->manager, G_DBUS_INTERFACE_SKELETON (object), path);
}

static void
put_in (ObSchedules *self, ObSchedule *schedule)
{
  ObScheduleState state = { 0 };

  if (g_hash_table_contains (self->objects, schedule->name))
    {
      ob_scheduler_add (self->scheduler, schedule, NULL);
      return;
    }
  load_state (self, schedule->name, &state);
  ob_scheduler_add (self->scheduler, schedule, &state);
  add_object (self, schedule);
  ob_manager_look_at_schedules (self->manager);
}

static void
take_out (ObSchedules *self, const char *name)
{
  g_autofree char *path = ob_object_path_new (OB_FOLDER_SCHEDULES, name);
  g_autofree char *kept = g_strdup (name);

  ob_manager_unexport_object (self->manager, path);
  ob_scheduler_remove (self->scheduler, kept);
  g_hash_table_remove (self->again, kept);
  g_hash_table_remove (self->errors, kept);
  g_hash_table_remove (self->objects, kept);
  ob_state_file_remove (get_context (self), OB_FOLDER_SCHEDULES, kept);
}

static gboolean
check_names (ObSchedules *self, const ObSchedule *schedule, GError **error)
{
  ObInstance *instance = ob_manager_find_instance (self->manager, schedule->instance, error);
  ObParts parts = 0;

  if (instance == NULL
      || (schedule->parts != NULL
          && !ob_parts_from_names ((const char *const *) schedule->parts, &parts, error)))
    return FALSE;
  for (char **name = schedule->destinations; *name != NULL; name++)
    if (ob_manager_find_destination (self->manager, *name, error) == NULL)
      return FALSE;
  if ((parts & ~ob_instance_get_parts (instance)) == 0)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "Instance %s does not have all the parts that the schedule names.",
               schedule->instance);
  return FALSE;
}

static void
load_one (ObSchedules *self, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *file = g_strconcat (OB_FOLDER_SCHEDULES "/", name, ".conf", NULL);
  g_autoptr (ObSchedule) schedule
    = ob_schedule_load (get_context (self)->schedules_fd, name, &error);
  const ObSchedule *known = ob_scheduler_get (self->scheduler, name);

  ob_manager_set_config_error (self->manager, file, error != NULL ? error->message : NULL);
  if (schedule != NULL
      && (known == NULL || !ob_schedule_is_same (known, schedule)))
    put_in (self, schedule);
}

/* What was there and is not any more: removed by hand. FALSE where a run has to end first. */
static gboolean
drop_others (ObSchedules *self, const char *const *names)
{
  g_auto (GStrv) known = ob_schedules_list (self);
  gboolean done = TRUE;

  for (char **name = known; *name != NULL; name++)
    {
      if (g_strv_contains (names, *name))
        continue;
      if (ob_scheduler_is_running (self->scheduler, *name))
        done = FALSE;
      else
        take_out (self, *name);
    }
  return done;
}

/* public methods */

ObSchedules *
ob_schedules_new (ObManager *manager, ObClock *clock)
{
  ObSchedules *self = g_new0 (ObSchedules, 1);

  self->manager = manager;
  self->scheduler = ob_scheduler_new (clock);
  self->objects = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  self->again
    = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_strfreev);
  self->errors = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_signal_connect (self->scheduler, "due", G_CALLBACK (on_due), self);
  g_signal_connect (self->scheduler, "changed", G_CALLBACK (on_changed), self);
  return self;
}

void
ob_schedules_free (ObSchedules *self)
{
  if (self == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->scheduler, self);
  g_clear_object (&self->scheduler);
  g_hash_table_unref (self->objects);
  g_hash_table_unref (self->again);
  g_hash_table_unref (self->errors);
  g_strfreev (self->begun);
  g_free (self);
}

void
ob_schedules_start (ObSchedules *self)
{
  ob_scheduler_start (self->scheduler);
}

void
ob_schedules_stop (ObSchedules *self)
{
  self->stopped = TRUE;
}

gboolean
ob_schedules_reload (ObSchedules *self)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) names = ob_keyfile_list (get_context (self)->schedules_fd, &error);

  if (names == NULL)
    {
      ob_manager_set_config_error (self->manager, OB_FOLDER_SCHEDULES, error->message);
      return TRUE;
    }
  ob_manager_set_config_error (self->manager, OB_FOLDER_SCHEDULES, NULL);
  ob_manager_drop_config_errors (self->manager, OB_FOLDER_SCHEDULES, (const char *const *) names);
  for (char **name = names; *name != NULL; name++)
    load_one (self, *name);
  return drop_others (self, (const char *const *) names);
}

gboolean
ob_schedules_contain (ObSchedules *self, const char *name)
{
  return g_hash_table_contains (self->objects, name);
}

GStrv
ob_schedules_list (ObSchedules *self)
{
  g_autoptr (GList) names = g_list_sort (g_hash_table_get_keys (self->objects),
                                         (GCompareFunc) strcmp);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (GList *name = names; name != NULL; name = name->next)
    g_strv_builder_add (builder, name->data);
  return g_strv_builder_end (builder);
}

char *
ob_schedules_add (ObSchedules *self, const char *name, GKeyFile *file, GError **error)
{
  g_autoptr (ObSchedule) schedule = ob_schedule_new (name, file, error);

  if (schedule == NULL || !check_names (self, schedule, error)
      || !ob_schedule_save (schedule, get_context (self)->schedules_fd, error))
    return NULL;
  put_in (self, schedule);
  return ob_object_path_new (OB_FOLDER_SCHEDULES, name);
}

gboolean
ob_schedules_update (ObSchedules *self, const char *name, GKeyFile *file, GError **error)
{
  g_autoptr (ObSchedule) schedule = ob_schedule_new (name, file, error);

  if (schedule == NULL || !check_names (self, schedule, error)
      || !ob_schedule_save (schedule, get_context (self)->schedules_fd, error))
    return FALSE;
  put_in (self, schedule);
  return TRUE;
}

gboolean
ob_schedules_remove (ObSchedules *self, const char *name, GError **error)
{
  int dirfd = get_context (self)->schedules_fd;
  g_autofree char *file_name = g_strconcat (name, ".conf", NULL);

  if (ob_scheduler_is_running (self->scheduler, name))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
                   "A run of schedule %s is at work; wait for its end, or cancel its job first",
                   name);
      return FALSE;
    }
  if (!ob_remove_file_at (dirfd, file_name, error))
    {
      g_prefix_error (error, "The configuration of schedule %s cannot be removed: ", name);
      return FALSE;
    }
  take_out (self, name);
  ob_manager_look_at_schedules (self->manager);
  return TRUE;
}

const char *
ob_schedules_find_user (ObSchedules *self, const char *instance, const char *destination)
{
  GHashTableIter iter = { 0 };
  gpointer name = NULL;

  g_hash_table_iter_init (&iter, self->objects);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    {
      const ObSchedule *schedule = ob_scheduler_get (self->scheduler, name);

      if ((instance == NULL || strcmp (schedule->instance, instance) == 0)
          && (destination == NULL
              || g_strv_contains ((const char *const *) schedule->destinations, destination)))
        return schedule->name;
    }
  return NULL;
}

guint64
ob_schedules_get_next_backup (ObSchedules *self, const char *instance)
{
  gint64 first = OB_CLOCK_NEVER;
  GHashTableIter iter = { 0 };
  gpointer name = NULL;

  g_hash_table_iter_init (&iter, self->objects);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    {
      const ObSchedule *schedule = ob_scheduler_get (self->scheduler, name);

      if (schedule->action == OB_SCHEDULE_BACKUP && strcmp (schedule->instance, instance) == 0)
        first = MIN (first, ob_scheduler_get_next_run (self->scheduler, name));
    }
  return first == OB_CLOCK_NEVER ? 0 : (guint64) (first / G_USEC_PER_SEC);
}

gboolean
ob_schedules_is_whole (ObSchedules *self, const ObSchedule *schedule)
{
  ObInstance *instance = ob_manager_find_instance (self->manager, schedule->instance, NULL);
  ObParts parts = 0;

  return schedule->parts == NULL || instance == NULL
         || (ob_parts_from_names ((const char *const *) schedule->parts, &parts, NULL)
             && (ob_instance_get_parts (instance) & ~parts) == 0);
}

guint
ob_schedules_get_late_after (ObSchedules *self, const char *instance)
{
  guint least = 0;
  GHashTableIter iter = { 0 };
  gpointer name = NULL;

  g_hash_table_iter_init (&iter, self->objects);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    {
      const ObSchedule *schedule = ob_scheduler_get (self->scheduler, name);
      guint late = 0;

      if (schedule->enabled && strcmp (schedule->instance, instance) == 0
          && ob_schedules_is_whole (self, schedule))
        late = ob_schedule_get_late_after (schedule, g_get_real_time ());
      if (late > 0 && (least == 0 || late < least))
        least = late;
    }
  return least;
}

ObScheduler *
ob_schedules_get_scheduler (ObSchedules *self)
{
  return self->scheduler;
}

GStrv
ob_schedules_trigger (ObSchedules *self, const char *name, GError **error)
{
  if (!ob_scheduler_trigger (self->scheduler, name))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
                   "A run of schedule %s is at work; wait for its end", name);
      return NULL;
    }
  return g_steal_pointer (&self->begun);
}

const char *
ob_schedules_get_last_error (ObSchedules *self, const char *name)
{
  return g_hash_table_lookup (self->errors, name);
}
