/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-health.h"

#include <string.h>

#include "ob-change-call.h"
#include "ob-destination-object.h"
#include "ob-instance-object.h"
#include "ob-problem.h"
#include "ob-restore-stopped.h"
#include "ob-schedules.h"
#include "ob-state-file.h"

#define LOOK_SECONDS 60
#define LEAST_DAYS 7
/* A clock that was set back leaves times in the future: what is so far off is not believed. */
#define FUTURE (24 * 60 * 60)
#define STATE_FOLDER "health"
#define STATE_NAME "problems"

struct _ObHealth
{
  ObManager *manager;
  ObTeller *teller;
  ObDBusBackup1 *root;
  GHashTable *config_errors; /* file → message */
  GHashTable *since;         /* code → gint64 *: of what was told */
  GPtrArray *problems;       /* of ObProblem */
  guint timeout;
};

/* internal methods: what is wrong */

static gboolean
is_told (gconstpointer problem, gconstpointer other)
{
  const ObProblem *one = problem, *two = other;

  return one->kind == two->kind && strcmp (one->name, two->name) == 0;
}

/* Of several things of one code the first counts. Takes @problem. */
static void
add (ObHealth *self, ObProblem *problem)
{
  if (g_ptr_array_find_with_equal_func (self->problems, problem, is_told, NULL))
    ob_problem_free (problem);
  else
    g_ptr_array_add (self->problems, problem);
}

/* "3 hours", "2 days". Transfer full. */
static char *
describe_span (gint64 seconds)
{
  if (seconds < 2 * 60)
    return g_strdup_printf ("%" G_GINT64_FORMAT " seconds", seconds);
  if (seconds < 2 * 60 * 60)
    return g_strdup_printf ("%" G_GINT64_FORMAT " minutes", seconds / 60);
  if (seconds < 48 * 60 * 60)
    return g_strdup_printf ("%" G_GINT64_FORMAT " hours", seconds / 3600);
  return g_strdup_printf ("%" G_GINT64_FORMAT " days", seconds / 86400);
}

static void
look_at_age (ObHealth *self, ObInstanceObject *object, const char *name, gint64 now)
{
  ObContext *context = ob_manager_get_context (self->manager);
  guint limit = ob_schedules_get_late_after (ob_manager_get_schedules (self->manager), name);
  gint64 success
    = (gint64) ob_dbus_backup1_instance_get_last_success (OB_DBUS_BACKUP1_INSTANCE (object));
  gint64 since = success > 0 ? success : ob_instance_object_get_added (object);
  g_autofree char *age = describe_span (MAX (now - since, 0));
  g_autofree char *allowed = NULL;
  ObProblem *problem = NULL;

  if (limit == 0)
    limit = context->late_after;
  if (limit == 0 || (since <= now + FUTURE && now - since <= limit))
    return;
  allowed = describe_span (limit);
  if (success > 0 && success > now + FUTURE)
    problem = ob_problem_new (OB_PROBLEM_BACKUP_LATE, OB_SEVERITY_ERROR, name,
                              "The last backup of %s is of a time that is yet to come: the clock "
                              "was set, and nobody can tell how old it is.",
                              name);
  else if (success > 0)
    problem = ob_problem_new (OB_PROBLEM_BACKUP_LATE, OB_SEVERITY_ERROR, name,
                              "The last good backup of %s is %s old; it should not be older than "
                              "%s.",
                              name, age, allowed);
  else
    problem = ob_problem_new (OB_PROBLEM_BACKUP_LATE, OB_SEVERITY_ERROR, name,
                              "There is no good backup of %s; it is known here for %s.", name, age);
  problem->age = MAX (now - since, 0);
  add (self, problem);
}

static void
look_at_change (ObHealth *self, const char *name)
{
  g_autoptr (GVariant) change
    = ob_change_call_describe (ob_manager_get_context (self->manager), name);
  gboolean overdue = FALSE;
  const char *id = "", *label = "";

  if (change == NULL)
    return;
  g_variant_ref_sink (change);
  g_variant_lookup (change, "overdue", "b", &overdue);
  g_variant_lookup (change, "id", "&s", &id);
  g_variant_lookup (change, "label", "&s", &label);
  if (overdue)
    add (self, ob_problem_new (OB_PROBLEM_CHANGE_OPEN_LONG, OB_SEVERITY_WARNING, name,
                               "A change of %s%s%s is open for long; how did it end? \"obbackupctl "
                               "change end %s\" with --succeeded keeps what there is, with "
                               "--failed goes back.",
                               name, *label != '\0' ? ", " : "", label, id));
}

static void
look_at_instances (ObHealth *self, gint64 now)
{
  g_autoptr (GPtrArray) objects = ob_manager_list_instance_objects (self->manager);

  for (guint i = 0; i < objects->len; i++)
    {
      ObInstanceObject *object = g_ptr_array_index (objects, i);
      const char *name = ob_instance_get_name (ob_instance_object_get_instance (object));
      g_autofree char *stopped
        = ob_restore_stopped_get (ob_manager_get_context (self->manager), name);

      look_at_age (self, object, name, now);
      look_at_change (self, name);
      if (stopped != NULL)
        add (self, ob_problem_new (OB_PROBLEM_APPLICATION_STOPPED, OB_SEVERITY_ERROR, name, "%s",
                                   stopped));
    }
}

static void
look_at_space (ObHealth *self, ObDestinationObject *object, const char *name)
{
  ObDBusBackup1Destination *skeleton = OB_DBUS_BACKUP1_DESTINATION (object);
  guint64 total = ob_dbus_backup1_destination_get_total_bytes (skeleton);
  guint64 left = ob_dbus_backup1_destination_get_free_bytes (skeleton);
  gboolean shrinks = FALSE;
  guint days = 0;

  if (total == 0)
    return;
  shrinks = ob_destination_object_get_days_left (object, &days);
  if (shrinks && days < LEAST_DAYS)
    add (self, ob_problem_new (OB_PROBLEM_SPACE_LOW, OB_SEVERITY_WARNING, name,
                               "Destination %s will be full in about %u days at its present "
                               "growth: %.1f GB are free.",
                               name, days, (double) left / 1e9));
  else if (left < total / 20)
    add (self, ob_problem_new (OB_PROBLEM_SPACE_LOW, OB_SEVERITY_WARNING, name,
                               "Destination %s is almost full: %.1f GB of %.1f GB are free.", name,
                               (double) left / 1e9, (double) total / 1e9));
}

static void
look_at_destinations (ObHealth *self)
{
  g_autoptr (GPtrArray) objects = ob_manager_list_destination_objects (self->manager);

  for (guint i = 0; i < objects->len; i++)
    {
      ObDestinationObject *object = g_ptr_array_index (objects, i);
      const char *name
        = ob_destination_get_name (ob_destination_object_get_destination (object));
      const char *problem = ob_destination_object_get_problem (object);
      const char *damage = ob_destination_object_get_damage (object);

      look_at_space (self, object, name);
      if (problem != NULL)
        add (self, ob_problem_new (OB_PROBLEM_DESTINATION_UNAVAILABLE, OB_SEVERITY_WARNING, name,
                                   "%s", problem));
      if (damage != NULL)
        add (self, ob_problem_new (OB_PROBLEM_DAMAGE_FOUND, OB_SEVERITY_ERROR, name,
                                   "A verification found damage at destination %s: %s", name,
                                   damage));
    }
}

/* One of a part of the installation: what it is late with, the instance's last backup does not
 * tell, which is a whole one. */
static void
look_at_part (ObHealth *self, const ObSchedule *schedule, const ObScheduleState *state)
{
  gint64 now = g_get_real_time ();
  guint limit = ob_schedule_get_late_after (schedule, now);
  gint64 age = (now - state->good) / G_USEC_PER_SEC;
  g_autofree char *age_text = describe_span (age);
  g_autofree char *allowed = describe_span (limit);
  ObProblem *problem = NULL;

  if (!schedule->enabled || limit == 0 || age <= limit
      || ob_schedules_is_whole (ob_manager_get_schedules (self->manager), schedule))
    return;
  problem = ob_problem_new (OB_PROBLEM_BACKUP_LATE, OB_SEVERITY_ERROR, schedule->instance,
                            "Schedule %s has made no good backup of %s for %s; it should be one in "
                            "%s.",
                            schedule->name, schedule->instance, age_text, allowed);
  problem->age = age;
  add (self, problem);
}

static void
look_at_schedule (ObHealth *self, const char *name)
{
  ObSchedules *schedules = ob_manager_get_schedules (self->manager);
  const ObScheduleState *state
    = ob_scheduler_get_state (ob_schedules_get_scheduler (schedules), name);
  const char *error = ob_schedules_get_last_error (schedules, name);

  look_at_part (self, ob_scheduler_get (ob_schedules_get_scheduler (schedules), name), state);
  if (state->missed > 0)
    add (self, ob_problem_new (OB_PROBLEM_SCHEDULE_MISSED, OB_SEVERITY_WARNING, name,
                               "Schedule %s could not begin at %u of its times.", name,
                               state->missed));
  if (state->result == OB_RUN_FAILED || state->result == OB_RUN_UNAVAILABLE
      || state->result == OB_RUN_PARTIAL)
    add (self, ob_problem_new (OB_PROBLEM_SCHEDULE_FAILED,
                               state->result == OB_RUN_FAILED ? OB_SEVERITY_ERROR
                                                              : OB_SEVERITY_WARNING,
                               name, "The last run of schedule %s was %s: %s", name,
                               ob_run_result_get_name (state->result),
                               error != NULL ? error : "see its jobs"));
}

static void
look_at_rest (ObHealth *self)
{
  g_auto (GStrv) names = ob_schedules_list (ob_manager_get_schedules (self->manager));
  const char *history = ob_manager_get_history_problem (self->manager);
  GHashTableIter iter = { 0 };
  gpointer file = NULL, message = NULL;

  for (char **name = names; *name != NULL; name++)
    look_at_schedule (self, *name);
  g_hash_table_iter_init (&iter, self->config_errors);
  while (g_hash_table_iter_next (&iter, &file, &message))
    add (self, ob_problem_new (OB_PROBLEM_CONFIGURATION_ERROR, OB_SEVERITY_ERROR, file, "%s: %s",
                               (const char *) file, (const char *) message));
  if (history != NULL)
    add (self, ob_problem_new (OB_PROBLEM_HISTORY_LOST, OB_SEVERITY_WARNING, "jobs", "%s",
                               history));
}

/* internal methods: telling */

static gint
compare (gconstpointer a, gconstpointer b)
{
  const ObProblem *left = *(const ObProblem *const *) a;
  const ObProblem *right = *(const ObProblem *const *) b;

  if (left->severity != right->severity)
    return left->severity > right->severity ? -1 : 1;
  if (left->kind != right->kind)
    return left->kind < right->kind ? -1 : 1;
  return strcmp (left->name, right->name);
}

static void
load (ObHealth *self)
{
  g_autoptr (GKeyFile) file
    = ob_state_file_load (ob_manager_get_context (self->manager), STATE_FOLDER, STATE_NAME);
  g_auto (GStrv) codes = g_key_file_get_keys (file, OB_STATE_GROUP, NULL, NULL);

  for (gsize i = 0; codes != NULL && codes[i] != NULL; i++)
    {
      gint64 *since = NULL;

      /* Not one of ours: they are KIND:NAME. */
      if (strchr (codes[i], ':') == NULL)
        continue;
      since = g_new (gint64, 1);
      *since = g_key_file_get_int64 (file, OB_STATE_GROUP, codes[i], NULL);
      g_hash_table_insert (self->since, g_strdup (codes[i]), since);
    }
}

static void
save (ObHealth *self)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  GHashTableIter iter = { 0 };
  gpointer code = NULL, since = NULL;

  g_hash_table_iter_init (&iter, self->since);
  while (g_hash_table_iter_next (&iter, &code, &since))
    g_key_file_set_int64 (file, OB_STATE_GROUP, code, *(gint64 *) since);
  ob_state_file_save (ob_manager_get_context (self->manager), STATE_FOLDER, STATE_NAME, file);
}

static void
tell_end (ObHealth *self, const char *code)
{
  const char *late = ob_problem_kind_get_name (OB_PROBLEM_BACKUP_LATE);
  g_autofree char *message = NULL;
  const char *name = strchr (code, ':') + 1;
  ObEvent *event = NULL;

  if (!g_str_has_prefix (code, late)
      || ob_manager_get_instance_object (self->manager, name) == NULL)
    return;
  message = g_strdup_printf ("There is a good backup of %s again that is young enough.", name);
  event = ob_event_new (OB_EVENT_BACKUP_IN_TIME_AGAIN, OB_SEVERITY_INFO, message);
  ob_event_set_string (event, "instance", name);
  ob_teller_tell (self->teller, event);
}

/* Something that was wrong before is not told again. TRUE where it is new. */
static gboolean
tell_new (ObHealth *self, ObProblem *problem, const char *code)
{
  gint64 *since = g_hash_table_lookup (self->since, code);
  ObEvent *event = NULL;

  if (since != NULL)
    {
      problem->since = *since;
      return FALSE;
    }
  event = ob_problem_make_event (problem);
  if (event != NULL)
    ob_teller_tell (self->teller, event);
  since = g_new (gint64, 1);
  *since = problem->since;
  g_hash_table_insert (self->since, g_strdup (code), since);
  return TRUE;
}

static void
tell_changes (ObHealth *self)
{
  g_autoptr (GHashTable) now = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter = { 0 };
  gpointer code = NULL;
  gboolean changed = FALSE;

  for (guint i = 0; i < self->problems->len; i++)
    {
      ObProblem *problem = g_ptr_array_index (self->problems, i);
      char *own = ob_problem_get_code (problem);

      changed |= tell_new (self, problem, own);
      g_hash_table_add (now, own);
    }
  g_hash_table_iter_init (&iter, self->since);
  while (g_hash_table_iter_next (&iter, &code, NULL))
    if (!g_hash_table_contains (now, code))
      {
        tell_end (self, code);
        g_hash_table_iter_remove (&iter);
        changed = TRUE;
      }
  if (changed)
    save (self);
}

static int
compare_texts (const void *a, const void *b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

static void
show (ObHealth *self)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) reasons = NULL;
  const char *health = "good";

  for (guint i = 0; i < self->problems->len; i++)
    {
      g_autofree char *code = ob_problem_get_code (g_ptr_array_index (self->problems, i));

      g_strv_builder_add (builder, code);
    }
  reasons = g_strv_builder_end (builder);
  qsort (reasons, g_strv_length (reasons), sizeof (char *), compare_texts);
  if (self->problems->len > 0)
    health
      = ob_severity_get_name (((ObProblem *) g_ptr_array_index (self->problems, 0))->severity);
  ob_dbus_backup1_set_health (self->root, health);
  ob_dbus_backup1_set_health_reasons (self->root, (const char *const *) reasons);
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (self->root));
}

static gboolean
on_time (gpointer user_data)
{
  ob_health_look (user_data);
  return G_SOURCE_CONTINUE;
}

/* public methods */

ObHealth *
ob_health_new (ObManager *manager, ObTeller *teller, ObDBusBackup1 *root)
{
  ObHealth *self = g_new0 (ObHealth, 1);

  self->manager = manager;
  self->teller = teller;
  self->root = root;
  self->config_errors = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->since = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->problems = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_problem_free);
  load (self);
  ob_dbus_backup1_set_health (root, "unknown");
  return self;
}

void
ob_health_free (ObHealth *self)
{
  if (self == NULL)
    return;
  g_clear_handle_id (&self->timeout, g_source_remove);
  g_hash_table_unref (self->config_errors);
  g_hash_table_unref (self->since);
  g_ptr_array_unref (self->problems);
  g_free (self);
}

void
ob_health_start (ObHealth *self)
{
  self->timeout = g_timeout_add_seconds (LOOK_SECONDS, on_time, self);
  ob_health_look (self);
}

void
ob_health_look (ObHealth *self)
{
  if (self->timeout == 0)
    return;
  g_ptr_array_set_size (self->problems, 0);
  look_at_instances (self, g_get_real_time () / G_USEC_PER_SEC);
  look_at_destinations (self);
  look_at_rest (self);
  g_ptr_array_sort (self->problems, compare);
  tell_changes (self);
  show (self);
  ob_teller_write_metrics (self->teller);
}

void
ob_health_set_config_error (ObHealth *self, const char *file, const char *message)
{
  if (message == NULL)
    g_hash_table_remove (self->config_errors, file);
  else
    {
      g_warning ("%s cannot be used: %s", file, message);
      g_hash_table_insert (self->config_errors, g_strdup (file), g_utf8_make_valid (message, -1));
    }
}

void
ob_health_drop_config_errors (ObHealth *self, const char *folder, const char *const *names)
{
  GHashTableIter iter = { 0 };
  gpointer file = NULL;

  g_hash_table_iter_init (&iter, self->config_errors);
  while (g_hash_table_iter_next (&iter, &file, NULL))
    {
      g_auto (GStrv) words = g_strsplit (file, "/", 2);
      g_autofree char *name = NULL;

      if (strcmp (words[0], folder) != 0 || words[1] == NULL
          || !g_str_has_suffix (words[1], ".conf"))
        continue;
      name = g_strndup (words[1], strlen (words[1]) - strlen (".conf"));
      if (!g_strv_contains (names, name))
        g_hash_table_iter_remove (&iter);
    }
}

GVariant *
ob_health_describe (ObHealth *self)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  for (guint i = 0; i < self->problems->len; i++)
    g_variant_builder_add_value (&builder,
                                 ob_problem_describe (g_ptr_array_index (self->problems, i)));
  return g_variant_builder_end (&builder);
}
