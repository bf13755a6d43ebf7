/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-setup-steps.h"

#include <string.h>

#include "ob-ask.h"
#include "ob-command.h"
#include "ob-dictionary.h"
#include "ob-error.h"
#include "ob-follow.h"
#include "ob-format.h"
#include "ob-output.h"
#include "ob-setup-questions.h"
#include "ob-setup-schedule.h"

/* internal methods */

G_GNUC_PRINTF (2, 3)
static void
say (const ObClient *client, const char *format, ...)
{
  g_autofree char *text = NULL;
  g_autofree char *escaped = NULL;
  va_list arguments;

  if (client->json || client->quiet)
    return;
  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  escaped = ob_output_escape (text);
  g_print ("%s\n", escaped);
}

/* The status of the plan's error. */
static ObExit
fail (const ObSetupPlan *plan)
{
  return ob_exit_from_error (plan->error);
}

/* Follows a job; where it failed, its error becomes the plan's. With --json one document is all
 * that is written, so it does without the job's. */
static ObExit
follow (ObSetupPlan *plan, const ObClient *client, const char *job, GVariant **result)
{
  ObClient quiet = *client;
  g_autoptr (GVariant) got = NULL;
  ObExit status = OB_EXIT_DONE;

  quiet.json = FALSE;
  quiet.quiet = client->quiet || client->json;
  status = ob_follow_job (&quiet, job, TRUE, &got);
  if (status != OB_EXIT_DONE && status != OB_EXIT_PARTIAL)
    {
      const char *message = got != NULL ? ob_dict_text (got, "error") : "";
      const char *name = got != NULL ? ob_dict_text (got, "error-name") : "";
      ObError code = status == OB_EXIT_CANCELLED ? OB_ERROR_CANCELLED : ob_error_from_name (name);

      g_set_error_literal (&plan->error, OB_ERROR, (int) code,
                           *message != '\0' ? message : "It was not done");
      plan->told = TRUE;
    }
  if (result != NULL)
    *result = g_steal_pointer (&got);
  return status;
}

/* ---- the installation */

static GVariant *
instance_options (const ObSetupPlan *plan)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  g_autofree char *webapp = NULL;

  g_variant_builder_add (&builder, "{sv}", "properties", g_variant_new_string (plan->properties));
  if (plan->options->webapp != NULL)
    {
      webapp = g_canonicalize_filename (plan->options->webapp, NULL);
      g_variant_builder_add (&builder, "{sv}", "webapp", g_variant_new_string (webapp));
    }
  if (plan->unit != NULL)
    g_variant_builder_add (&builder, "{sv}", "unit", g_variant_new_string (plan->unit));
  return g_variant_builder_end (&builder);
}

/* What is odd but no problem was told when it was added; the check tells the rest again. */
static void
print_notes (GVariant *notes, const char *const *problems)
{
  for (gsize i = 0; i < g_variant_n_children (notes); i++)
    {
      const char *note = NULL;

      g_variant_get_child (notes, i, "&s", &note);
      if (!g_strv_contains (problems, note))
        ob_output_warning (note);
    }
}

static ObExit
check_instance (ObSetupPlan *plan, ObClient *client, const char *path, GVariant *notes)
{
  static const char *const none[] = { NULL };
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GVariant) reply = NULL;
  const char *job = NULL;
  ObExit status = OB_EXIT_DONE;

  reply = ob_client_call (client, path, OB_INSTANCE_INTERFACE, "Check", ob_no_options (), NULL,
                          &plan->error);
  if (reply == NULL)
    return fail (plan);
  g_variant_get (reply, "(&o)", &job);
  status = follow (plan, client, job, &result);
  if (result != NULL)
    g_variant_lookup (result, "problems", "^as", &plan->problems);
  print_notes (notes, plan->problems != NULL ? (const char *const *) plan->problems : none);
  for (gsize i = 0; plan->problems != NULL && plan->problems[i] != NULL; i++)
    ob_output_warning (plan->problems[i]);
  return status;
}

/* Takes away what was just added: whoever says no to it is to find everything as it was. */
static void
remove_instance (ObSetupPlan *plan, ObClient *client, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = ob_client_call (client, path, OB_INSTANCE_INTERFACE, "Remove",
                                               ob_no_options (), NULL, &error);

  if (reply == NULL)
    g_printerr ("obbackupctl: %s stays protected: %s\n", plan->instance, error->message);
  else
    plan->instance_step = OB_SETUP_ADD;
}

static gboolean
want_to_go_on (ObSetupPlan *plan)
{
  gboolean yes = TRUE;

  if (!plan->interactive || plan->problems == NULL || *plan->problems == NULL)
    return TRUE;
  if (!ob_ask_yes ("Go on all the same", FALSE, &yes, &plan->error))
    return FALSE;
  if (!yes)
    g_set_error_literal (&plan->error, OB_ERROR, OB_ERROR_CANCELLED,
                         "Nothing was done; run setup again when that is put right");
  return yes;
}

static ObExit
add_instance (ObSetupPlan *plan, ObClient *client)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) notes = NULL;
  const char *path = NULL;
  ObExit status = OB_EXIT_DONE;

  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "AddInstance",
                          g_variant_new ("(s@a{sv})", plan->instance, instance_options (plan)),
                          NULL, &plan->error);
  if (reply == NULL)
    return fail (plan);
  plan->instance_step = OB_SETUP_ADDED;
  g_variant_get (reply, "(&o@as)", &path, &notes);
  status = check_instance (plan, client, path, notes);
  if (status == OB_EXIT_CANCELLED || (status == OB_EXIT_DONE && !want_to_go_on (plan)))
    remove_instance (plan, client, path);
  if (plan->error != NULL)
    return fail (plan);
  say (client, "%s is protected: %s.", plan->instance, plan->properties);
  if (plan->unit == NULL)
    say (client,
         "How the application is stopped and started is not known: tell it before you restore, "
         "with `obbackupctl instance edit %s`.",
         plan->instance);
  return plan->problems != NULL && *plan->problems != NULL ? OB_EXIT_PARTIAL : OB_EXIT_DONE;
}

/* ---- the destination */

static ObExit
try_destination (ObSetupPlan *plan, ObClient *client)
{
  GVariant *secrets = g_variant_new_array (G_VARIANT_TYPE ("{sh}"), NULL, 0);
  GVariant *options = g_variant_new_parsed ("{'path': <%s>}", plan->path);
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) result = NULL;
  const char *job = NULL;
  ObExit status = OB_EXIT_DONE;

  reply = ob_client_call (
    client, OB_ROOT_PATH, OB_INTERFACE, "AddDestination",
    g_variant_new ("(ss@a{sv}@a{sh})", plan->destination, "local", options, secrets), NULL,
    &plan->error);
  if (reply == NULL)
    return fail (plan);
  g_variant_get (reply, "(&o)", &job);
  status = follow (plan, client, job, &result);
  if (status == OB_EXIT_DONE && result != NULL)
    {
      g_variant_lookup (result, "created", "b", &plan->created);
      g_variant_lookup (result, "passphrase-generated", "b", &plan->generated);
    }
  return status;
}

/* Backups that were there before, on a new host most likely: the passphrase is in a safe. */
static void
tell_how_to_take_over (const ObSetupPlan *plan)
{
  g_autofree char *path = g_shell_quote (plan->path);

  if (g_error_matches (plan->error, OB_ERROR, OB_ERROR_WRONG_PASSPHRASE))
    g_printerr ("Take it over with `obbackupctl destination add %s --path %s --passphrase-file "
                "FILE`, and run setup again.\n",
                plan->destination, path);
}

static gboolean
is_worth_asking (const ObSetupPlan *plan, ObExit status)
{
  return plan->interactive
         && (status == OB_EXIT_FAILED || status == OB_EXIT_DESTINATION_UNAVAILABLE);
}

/* Tells of the error, which another answer may put right, and forgets it. */
static void
tell_and_forget (ObSetupPlan *plan)
{
  ob_setup_plan_tell_error (plan);
  plan->told = FALSE;
  g_clear_error (&plan->error);
}

static ObExit
add_destination (ObSetupPlan *plan, ObClient *client)
{
  ObExit status = try_destination (plan, client);

  while (is_worth_asking (plan, status))
    {
      tell_how_to_take_over (plan);
      tell_and_forget (plan);
      if (!ob_setup_ask_path (plan, &plan->error))
        return fail (plan);
      status = try_destination (plan, client);
    }
  if (status != OB_EXIT_DONE)
    {
      tell_how_to_take_over (plan);
      return status;
    }
  plan->destination_step = OB_SETUP_ADDED;
  say (client,
       plan->created ? "%s is ready: a new repository in %s."
                     : "%s is ready: the repository that was already in %s.",
       plan->destination, plan->path);
  if (plan->generated)
    {
      say (client, "Its passphrase was generated. Without it nobody can read the backups, not even "
                   "on a new machine: keep");
      say (client, "a copy somewhere else, in a safe or a password manager. This prints it:");
      say (client, "  obbackupctl destination recovery-key --saved %s", plan->destination);
    }
  return OB_EXIT_DONE;
}

/* ---- the schedule */

static ObExit
try_schedule (ObSetupPlan *plan, ObClient *client, char **path)
{
  g_autoptr (GVariant) reply = ob_client_call (
    client, OB_ROOT_PATH, OB_INTERFACE, "AddSchedule",
    g_variant_new ("(s@a{sv})", plan->schedule,
                   ob_setup_schedule_build (plan->instance, plan->destination, plan->at)),
    NULL, &plan->error);

  if (reply == NULL)
    return fail (plan);
  g_variant_get (reply, "(o)", path);
  return OB_EXIT_DONE;
}

static guint64
next_run (ObClient *client, const char *path)
{
  guint64 when = 0;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GVariant) reply
    = ob_client_call (client, path, "org.freedesktop.DBus.Properties", "Get",
                      g_variant_new ("(ss)", OB_SCHEDULE_INTERFACE, "NextRun"), NULL, NULL);

  if (reply == NULL)
    return 0;
  g_variant_get (reply, "(v)", &value);
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64))
    when = g_variant_get_uint64 (value);
  return when;
}

static ObExit
add_schedule (ObSetupPlan *plan, ObClient *client)
{
  g_autofree char *path = NULL;
  g_autofree char *when = NULL;
  ObExit status = try_schedule (plan, client, &path);

  while (is_worth_asking (plan, status))
    {
      tell_and_forget (plan);
      if (!ob_setup_ask_time (plan, &plan->error))
        return fail (plan);
      if (plan->schedule_step == OB_SETUP_SKIP)
        return OB_EXIT_DONE;
      status = try_schedule (plan, client, &path);
    }
  if (status != OB_EXIT_DONE)
    return status;
  plan->schedule_step = OB_SETUP_ADDED;
  when = ob_format_time (next_run (client, path));
  say (client, "%s backs it up by itself: %s, for the first time %s.", plan->schedule, plan->at,
       when);
  return OB_EXIT_DONE;
}

/* public methods */

ObExit
ob_setup_do (ObSetupPlan *plan, ObClient *client)
{
  ObExit worst = OB_EXIT_DONE, status = OB_EXIT_DONE;

  if (plan->instance_step == OB_SETUP_ADD)
    worst = add_instance (plan, client);
  if (plan->error != NULL)
    return worst;
  if (plan->destination_step == OB_SETUP_ADD)
    status = add_destination (plan, client);
  if (plan->error != NULL)
    return status;
  if (plan->schedule_step == OB_SETUP_ADD)
    status = add_schedule (plan, client);
  return plan->error != NULL ? status : worst;
}

ObExit
ob_setup_back_up (ObSetupPlan *plan, ObClient *client)
{
  g_auto (GVariantBuilder) options = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) result = NULL;
  const char *job = NULL;
  gboolean yes = !plan->options->no_backup && !plan->has_backup;
  ObExit status = OB_EXIT_DONE;

  if (yes && plan->interactive
      && !ob_ask_yes ("Make the first backup now", TRUE, &yes, &plan->error))
    return fail (plan);
  if (!yes)
    return OB_EXIT_DONE;
  if (plan->destination != NULL)
    g_variant_builder_add (&options, "{sv}", "destination",
                           g_variant_new_string (plan->destination));
  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "Backup",
                          g_variant_new ("(sa{sv})", plan->instance, &options), NULL, &plan->error);
  if (reply == NULL)
    return fail (plan);
  g_variant_get (reply, "(&o)", &job);
  status = follow (plan, client, job, &result);
  if (plan->error != NULL || result == NULL)
    return status;
  plan->backup = g_strdup (ob_dict_text (result, "id"));
  say (client, "Backup %.8s of %s is in %s.", plan->backup, plan->instance, plan->destination);
  return status;
}
