/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-setup-plan.h"

#include <string.h>

#include "ob-ask.h"
#include "ob-command.h"
#include "ob-dictionary.h"
#include "ob-error.h"
#include "ob-output.h"
#include "ob-setup-found.h"
#include "ob-setup-schedule.h"

typedef struct
{
  GPtrArray *instances, *destinations, *schedules; /* names */
} There;

/* internal methods */

static void
there_clear (There *there)
{
  g_ptr_array_unref (there->instances);
  g_ptr_array_unref (there->destinations);
  g_ptr_array_unref (there->schedules);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (There, there_clear)

static gboolean
has_name (GPtrArray *names, const char *name)
{
  return g_ptr_array_find_with_equal_func (names, name, g_str_equal, NULL);
}

static void
take_name (GPtrArray *names, GVariant *interfaces, const char *interface)
{
  g_autoptr (GVariant) properties
    = g_variant_lookup_value (interfaces, interface, G_VARIANT_TYPE_VARDICT);

  if (properties != NULL)
    g_ptr_array_add (names, g_strdup (ob_dict_text (properties, "Name")));
}

static int
compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Sorted, since the bus has no order. */
static void
take_names (There *there, GVariant *objects)
{
  GVariantIter iter = { 0 };
  GVariant *interfaces = NULL;

  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_loop (&iter, "{&o@a{sa{sv}}}", NULL, &interfaces))
    {
      take_name (there->instances, interfaces, OB_INSTANCE_INTERFACE);
      take_name (there->destinations, interfaces, OB_DESTINATION_INTERFACE);
      take_name (there->schedules, interfaces, OB_SCHEDULE_INTERFACE);
    }
  g_ptr_array_sort (there->instances, compare);
  g_ptr_array_sort (there->destinations, compare);
}

static char *
join (GPtrArray *names)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < names->len; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? ", " : "", (char *) names->pdata[i]);
  return g_strdup (text->str);
}

/* Which of several is meant. Transfer full. */
static char *
choose (const ObSetupPlan *plan, const char *what, const char *option, GPtrArray *names,
        GError **error)
{
  g_autofree char *all = join (names);
  g_autofree char *question = g_strdup_printf ("There are several %ss (%s); which", what, all);

  if (!plan->interactive)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                   "There are several %ss (%s): say which with %s NAME", what, all, option);
      return NULL;
    }
  for (;;)
    {
      g_autofree char *answer = ob_ask (question, names->pdata[0], error);

      if (answer == NULL || has_name (names, answer))
        return g_steal_pointer (&answer);
      g_printerr ("There is no %s \"%s\".\n", what, answer);
    }
}

static gboolean
look_for (const ObSetupPlan *plan, const char *what, const char *option, const char *given,
          GPtrArray *names, char **name, ObSetupStep *step, GError **error)
{
  if (given != NULL && !ob_setup_name_is_valid (given))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                   "\"%s\" cannot be the name of a %s (%s); use 1 to 63 letters, digits, \"-\" and "
                   "\"_\", a letter or digit first",
                   given, what, option);
      return FALSE;
    }
  if (given != NULL)
    *name = g_strdup (given);
  else if (names->len == 1)
    *name = g_strdup (names->pdata[0]);
  else if (names->len > 1 && (*name = choose (plan, what, option, names, error)) == NULL)
    return FALSE;
  *step = *name != NULL && has_name (names, *name) ? OB_SETUP_KEEP : OB_SETUP_ADD;
  return TRUE;
}

/* Whether the schedule backs up this instance; others verify it, or prune. */
static gboolean
is_for (ObClient *client, const char *path, GVariant *properties, const char *instance)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) details = NULL;

  if (strcmp (ob_dict_text (properties, "Instance"), instance) != 0)
    return FALSE;
  reply = ob_client_call (client, path, OB_SCHEDULE_INTERFACE, "GetDetails", ob_no_options (), NULL,
                          NULL);
  if (reply == NULL)
    return TRUE;
  details = g_variant_get_child_value (reply, 0);
  return strcmp (ob_dict_text (details, "action"), "backup") == 0
         || *ob_dict_text (details, "action") == '\0';
}

static void
look_for_schedule (ObSetupPlan *plan, ObClient *client, GVariant *objects, const There *there)
{
  GVariantIter iter = { 0 };
  const char *path = NULL;
  GVariant *interfaces = NULL;

  g_variant_iter_init (&iter, objects);
  while (plan->instance_step == OB_SETUP_KEEP && plan->schedule == NULL
         && g_variant_iter_next (&iter, "{&o@a{sa{sv}}}", &path, &interfaces))
    {
      g_autoptr (GVariant) taken = interfaces;
      g_autoptr (GVariant) schedule
        = g_variant_lookup_value (taken, OB_SCHEDULE_INTERFACE, G_VARIANT_TYPE_VARDICT);

      if (schedule != NULL && is_for (client, path, schedule, plan->instance))
        plan->schedule = g_strdup (ob_dict_text (schedule, "Name"));
    }
  if (plan->schedule != NULL)
    plan->schedule_step = OB_SETUP_KEEP;
  else if (plan->options->no_schedule)
    plan->schedule_step = OB_SETUP_SKIP;
  else
    {
      plan->schedule_step = OB_SETUP_ADD;
      plan->schedule = g_strdup ("nightly");
      for (guint i = 2; has_name (there->schedules, plan->schedule); i++)
        {
          g_free (plan->schedule);
          plan->schedule = g_strdup_printf ("nightly-%u", i);
        }
    }
}

static gboolean
look_for_backup (ObSetupPlan *plan, GVariant *objects)
{
  GVariantIter iter = { 0 };
  GVariant *interfaces = NULL;
  gboolean found = FALSE;

  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_loop (&iter, "{&o@a{sa{sv}}}", NULL, &interfaces))
    {
      g_autoptr (GVariant) instance
        = g_variant_lookup_value (interfaces, OB_INSTANCE_INTERFACE, G_VARIANT_TYPE_VARDICT);

      if (instance != NULL && strcmp (ob_dict_text (instance, "Name"), plan->instance) == 0)
        found = ob_dict_number (instance, "LastSuccess") > 0;
    }
  return found;
}

/* ---- telling */

static const char *
state_of (ObSetupStep step)
{
  switch (step)
    {
    case OB_SETUP_KEEP:
      return "kept";
    case OB_SETUP_ADDED:
      return "added";
    case OB_SETUP_SKIP:
      return "skipped";
    case OB_SETUP_ADD:
    default:
      return "missing";
    }
}

static void
add_thing (GVariantBuilder *builder, const char *what, const char *name, ObSetupStep step,
           const char *key, GVariant *value)
{
  g_auto (GVariantBuilder) thing = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);

  if (name != NULL)
    g_variant_builder_add (&thing, "{sv}", "name", g_variant_new_string (name));
  g_variant_builder_add (&thing, "{sv}", "state", g_variant_new_string (state_of (step)));
  if (key != NULL)
    g_variant_builder_add (&thing, "{sv}", key, value);
  g_variant_builder_add (builder, "{sv}", what, g_variant_builder_end (&thing));
}

static void print_line (const char *what, const char *name, const char *format, ...)
  G_GNUC_PRINTF (3, 4);

static void
print_line (const char *what, const char *name, const char *format, ...)
{
  g_autofree char *text = NULL;
  g_autofree char *escaped = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  escaped = ob_output_escape (text);
  g_printerr ("  %-12s %s: %s\n", what, name, escaped);
}

/* public methods */

void
ob_setup_options_clear (ObSetupOptions *options)
{
  g_free (options->properties);
  g_free (options->webapp);
  g_free (options->name);
  g_free (options->unit);
  g_free (options->destination);
  g_free (options->path);
  g_free (options->at);
}

void
ob_setup_plan_clear (ObSetupPlan *plan)
{
  g_free (plan->instance);
  g_free (plan->properties);
  g_free (plan->unit);
  g_free (plan->destination);
  g_free (plan->path);
  g_free (plan->schedule);
  g_free (plan->at);
  g_strfreev (plan->problems);
  g_free (plan->backup);
  g_clear_error (&plan->error);
}

gboolean
ob_setup_plan_look (ObSetupPlan *plan, ObClient *client, GError **error)
{
  g_autoptr (GVariant) objects = ob_client_get_objects (client, error);
  g_auto (There) there = {
    .instances = g_ptr_array_new_with_free_func (g_free),
    .destinations = g_ptr_array_new_with_free_func (g_free),
    .schedules = g_ptr_array_new_with_free_func (g_free),
  };
  const ObSetupOptions *options = plan->options;

  if (objects == NULL)
    return FALSE;
  take_names (&there, objects);
  if (!look_for (plan, "instance", "--name", options->name, there.instances, &plan->instance,
                 &plan->instance_step, error))
    return FALSE;
  look_for_schedule (plan, client, objects, &there);
  plan->has_backup = plan->instance_step == OB_SETUP_KEEP && look_for_backup (plan, objects);
  /* Which of several a schedule that is kept writes to is its own business. */
  if (plan->schedule_step == OB_SETUP_KEEP && options->destination == NULL)
    {
      plan->destination_step = OB_SETUP_KEEP;
      if (there.destinations->len == 1)
        plan->destination = g_strdup (there.destinations->pdata[0]);
      return TRUE;
    }
  return look_for (plan, "destination", "--destination", options->destination, there.destinations,
                   &plan->destination, &plan->destination_step, error);
}

gboolean
ob_setup_plan_is_empty (const ObSetupPlan *plan)
{
  return plan->instance_step != OB_SETUP_ADD && plan->destination_step != OB_SETUP_ADD
         && plan->schedule_step != OB_SETUP_ADD;
}

void
ob_setup_plan_print (const ObSetupPlan *plan)
{
  g_printerr ("\nThis is going to be done:\n");
  if (plan->instance_step == OB_SETUP_ADD && plan->unit != NULL)
    print_line ("protect", plan->instance, "%s; a restore stops and starts %s", plan->properties,
                plan->unit);
  else if (plan->instance_step == OB_SETUP_ADD)
    print_line ("protect", plan->instance, "%s; a restore does not stop the application",
                plan->properties);
  if (plan->destination_step == OB_SETUP_ADD)
    print_line ("store", plan->destination, "an encrypted repository in %s", plan->path);
  if (plan->schedule_step == OB_SETUP_ADD)
    print_line ("back up", plan->schedule, "%s, %s", plan->at, OB_SETUP_SCHEDULE_TEXT);
  g_printerr ("\n");
}

void
ob_setup_plan_tell_error (ObSetupPlan *plan)
{
  g_auto (GStrv) lines = g_strsplit (plan->error->message, "\n", -1);

  for (gsize i = 0; !plan->told && lines[i] != NULL; i++)
    {
      g_autofree char *escaped = ob_output_escape (lines[i]);

      g_printerr ("%s%s\n", i == 0 ? "obbackupctl: " : "", escaped);
    }
  plan->told = TRUE;
}

GVariant *
ob_setup_plan_to_json (const ObSetupPlan *plan)
{
  static const char *const none[] = { NULL };
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  gboolean changed = plan->instance_step == OB_SETUP_ADDED
                     || plan->destination_step == OB_SETUP_ADDED
                     || plan->schedule_step == OB_SETUP_ADDED || plan->backup != NULL;

  g_variant_builder_add (&builder, "{sv}", "changed", g_variant_new_boolean (changed));
  add_thing (
    &builder, "instance", plan->instance, plan->instance_step, "problems",
    g_variant_new_strv (plan->problems != NULL ? (const char *const *) plan->problems : none, -1));
  add_thing (&builder, "destination", plan->destination, plan->destination_step,
             "passphrase-generated", g_variant_new_boolean (plan->generated));
  add_thing (&builder, "schedule", plan->schedule, plan->schedule_step, NULL, NULL);
  if (plan->backup != NULL)
    g_variant_builder_add (&builder, "{sv}", "backup", g_variant_new_string (plan->backup));
  if (plan->error != NULL)
    {
      g_variant_builder_add (&builder, "{sv}", "error",
                             g_variant_new_string (plan->error->message));
      g_variant_builder_add (
        &builder, "{sv}", "error-name",
        g_variant_new_string (plan->error->domain == OB_ERROR
                                ? ob_error_get_name ((ObError) plan->error->code)
                                : "Failed"));
    }
  return g_variant_builder_end (&builder);
}
