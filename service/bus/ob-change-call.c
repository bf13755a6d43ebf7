/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-change-call.h"

#include <string.h>

#include "ob-error.h"
#include "ob-operations.h"
#include "ob-options.h"

static const ObOptionSpec options_of_begin[] = {
  { "destination", "s", FALSE },
  { "parts", "as", FALSE },
  { "stop", "b", FALSE },
  { NULL, NULL, FALSE },
};

static const ObOptionSpec options_of_end[] = {
  { "force", "b", FALSE },
  { NULL, NULL, FALSE },
};

/* internal methods */

static guint64
get_age (const ObChange *change)
{
  return (guint64) MAX (0, g_get_real_time () / G_USEC_PER_SEC - change->time);
}

/* One open change an instance. A file that cannot be read is in the way too. */
static gboolean
check_none_is_open (ObContext *context, const char *instance, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autoptr (ObChange) open = ob_change_load (context, instance, &local_error);

  if (g_error_matches (local_error, OB_ERROR, OB_ERROR_NOT_FOUND))
    return TRUE;
  if (open == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  g_set_error (error, OB_ERROR, OB_ERROR_EXISTS,
               "A change of instance %s is open since %" G_GUINT64_FORMAT " minutes%s%s: %s. End "
               "it first: \"obbackupctl change end --succeeded\" keeps what there is, \"--failed\" "
               "goes back to how it was before.",
               instance, get_age (open) / 60, open->label != NULL ? ", " : "",
               open->label != NULL ? open->label : "", open->id);
  return FALSE;
}

static ObJob *
make_job (ObManager *manager, ObInstance *instance, ObOptions *options, const ObChange *change,
          guint uid, GError **error)
{
  ObContext *context = ob_manager_get_context (manager);
  ObBackupOptions backup = { .label = change->label };
  const char *const *parts = ob_options_get_strings (options, "parts");
  ObDestination *destination = ob_manager_choose_destination (
    manager, ob_options_get_string (options, "destination"), error);

  if (destination == NULL
      || (parts != NULL && !ob_parts_from_names (parts, &backup.parts, error)))
    return NULL;
  if (ob_options_get_boolean (options, "stop") && !ob_instance_can_control (instance))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                   "The application of %s cannot be stopped, since neither a unit nor commands are "
                   "configured; see \"obbackupctl instance edit\".",
                   change->instance);
      return NULL;
    }
  return ob_begin_change_job_new (context, instance, destination, &backup, change,
                                  ob_options_get_boolean (options, "stop"), uid, error);
}

/* Whoever else wants to end it meanwhile is told so; the end of the job settles it. Consumes
 * @job. */
static char *
start_end (ObManager *manager, ObJob *job, ObChange *change, GError **error)
{
  ObContext *context = ob_manager_get_context (manager);
  char *path = NULL;

  change->state = OB_CHANGE_ENDING;
  if (!ob_change_save (change, context, error))
    {
      g_object_unref (job);
      return NULL;
    }
  path = ob_manager_start_job (manager, job, error);
  if (path == NULL)
    {
      change->state = OB_CHANGE_OPEN;
      ob_change_save (change, context, NULL);
    }
  return path;
}

/* public methods */

char *
ob_change_call_begin (ObManager *manager, const char *name, const char *label, GVariant *dictionary,
                      guint uid, char **id, GError **error)
{
  ObContext *context = ob_manager_get_context (manager);
  g_autoptr (ObOptions) options = ob_options_read (dictionary, options_of_begin, NULL, error);
  ObInstance *instance
    = options != NULL ? ob_manager_find_instance (manager, name, error) : NULL;
  g_autoptr (ObChange) change = NULL;
  g_autoptr (ObJob) job = NULL;
  char *path = NULL;

  if (instance == NULL || !check_none_is_open (context, name, error))
    return NULL;
  change = ob_change_new (name, *label != '\0' ? label : NULL, uid);
  job = make_job (manager, instance, options, change, uid, error);
  if (job == NULL || !ob_change_save (change, context, error))
    return NULL;
  path = ob_manager_start_job (manager, g_steal_pointer (&job), error);
  if (path == NULL)
    ob_change_end (change, context, "never began", NULL);
  else
    *id = g_strdup (change->id);
  return path;
}

char *
ob_change_call_end (ObManager *manager, const char *id, gboolean succeeded, GVariant *dictionary,
                    guint uid, GError **error)
{
  ObContext *context = ob_manager_get_context (manager);
  g_autoptr (ObOptions) options = ob_options_read (dictionary, options_of_end, NULL, error);
  g_autoptr (ObChange) change = options != NULL ? ob_change_find (context, id, error) : NULL;
  g_autoptr (GPtrArray) destinations = NULL;
  ObInstance *instance = NULL;
  ObJob *job = NULL;

  if (change == NULL)
    return NULL;
  if (change->state == OB_CHANGE_BEGINNING)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
                   "The backup of the change is still being made; cancel that job, or wait for "
                   "it.");
      return NULL;
    }
  if (change->state == OB_CHANGE_ENDING)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
                   "The change is being ended by another job; wait for it, or cancel it first.");
      return NULL;
    }
  if (succeeded && !change->stopped)
    return ob_change_end (change, context, "succeeded", error) ? g_strdup ("/") : NULL;
  instance = ob_manager_find_instance (manager, change->instance, error);
  if (instance == NULL)
    return NULL;
  destinations = ob_manager_select_destinations (manager, succeeded ? NULL : change->destination,
                                                 error);
  if (destinations == NULL)
    return NULL;
  job = ob_end_change_job_new (context, instance, destinations, change, succeeded,
                               ob_options_get_boolean (options, "force"), uid, error);
  return job != NULL ? start_end (manager, job, change, error) : NULL;
}

gboolean
ob_change_call_is_own (GDBusMethodInvocation *invocation, guint uid, gpointer manager)
{
  GVariant *parameters = g_dbus_method_invocation_get_parameters (invocation);
  g_autoptr (ObChange) change = NULL;
  const char *id = NULL;

  if (strcmp (g_dbus_method_invocation_get_method_name (invocation), "EndChange") != 0
      || !g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(sba{sv})")))
    return FALSE;
  g_variant_get_child (parameters, 0, "&s", &id);
  change = ob_change_find (ob_manager_get_context (manager), id, NULL);
  return change != NULL && change->uid == uid;
}

GVariant *
ob_change_call_describe (ObContext *context, const char *instance)
{
  g_autoptr (ObChange) change = ob_change_load (context, instance, NULL);
  GVariantDict dict = { 0 };

  if (change == NULL)
    return NULL;
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "id", "s", change->id);
  g_variant_dict_insert (&dict, "since", "t", (guint64) change->time);
  g_variant_dict_insert (&dict, "uid", "u", change->uid);
  g_variant_dict_insert (&dict, "open", "b", change->state != OB_CHANGE_BEGINNING);
  g_variant_dict_insert (&dict, "stopped", "b", change->stopped);
  g_variant_dict_insert (&dict, "overdue", "b", get_age (change) > context->change_limit);
  if (change->label != NULL)
    g_variant_dict_insert (&dict, "label", "s", change->label);
  if (change->backup != NULL)
    g_variant_dict_insert (&dict, "backup", "s", change->backup);
  return g_variant_dict_end (&dict);
}
