/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-ask.h"
#include "ob-error.h"
#include "ob-output.h"
#include "ob-setup-kept.h"
#include "ob-setup-questions.h"
#include "ob-setup-steps.h"

/* internal methods */

/* "What was done stays: instance erp, destination disk." */
static void
print_done (const ObSetupPlan *plan)
{
  const struct
  {
    ObSetupStep step;
    const char *what, *name;
  } steps[] = {
    { plan->instance_step, "instance", plan->instance },
    { plan->destination_step, "destination", plan->destination },
    { plan->schedule_step, "schedule", plan->schedule },
  };
  g_autoptr (GString) done = g_string_new (NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
    if (steps[i].step == OB_SETUP_ADDED)
      g_string_append_printf (done, "%s%s %s", done->len > 0 ? ", " : "", steps[i].what,
                              steps[i].name);
  if (done->len > 0)
    g_printerr ("What was done stays: %s. Run `obbackupctl setup` again to go on.\n", done->str);
}

/* Tells how it ended: the error, what stays of a setup that was broken off, and the document. */
static ObExit
conclude (ObSetupPlan *plan, ObClient *client, ObExit status)
{
  if (plan->error != NULL)
    {
      ob_setup_plan_tell_error (plan);
      print_done (plan);
    }
  if (client->json)
    ob_output_json (ob_setup_plan_to_json (plan));
  return status;
}

static ObExit
fail (ObSetupPlan *plan, ObClient *client)
{
  return conclude (plan, client, ob_exit_from_error (plan->error));
}

static ObExit
tell_nothing_to_do (ObSetupPlan *plan, ObClient *client)
{
  if (!client->json && !client->quiet)
    {
      g_print ("Everything is set up already; nothing was changed.\n");
      if (!plan->has_backup)
        g_print ("There is no backup of %s yet: obbackupctl backup %s\n", plan->instance,
                 plan->instance);
    }
  return conclude (plan, client, OB_EXIT_DONE);
}

static gboolean
want_it (ObSetupPlan *plan)
{
  gboolean yes = FALSE;

  if (!plan->interactive)
    return TRUE;
  ob_setup_plan_print (plan);
  if (!ob_ask_yes ("Do it", TRUE, &yes, &plan->error))
    return FALSE;
  if (!yes)
    g_set_error_literal (&plan->error, OB_ERROR, OB_ERROR_CANCELLED, "Nothing was done");
  return yes;
}

static ObExit
set_up (ObSetupPlan *plan, ObClient *client)
{
  ObExit status = OB_EXIT_DONE, backed_up = OB_EXIT_DONE;

  if (!plan->options->yes && !plan->interactive)
    {
      g_set_error_literal (&plan->error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                           "Nobody can be asked here, since this is no terminal: add --yes to take "
                           "what would be proposed, and options for what shall be otherwise");
      return fail (plan, client);
    }
  if (!ob_client_connect (client, &plan->error) || !ob_setup_plan_look (plan, client, &plan->error))
    return fail (plan, client);
  ob_setup_tell_kept (plan, client);
  if (ob_setup_plan_is_empty (plan))
    return tell_nothing_to_do (plan, client);
  if (plan->interactive)
    g_printerr ("Enter takes what stands in brackets; nothing is done before the last question."
                "\n\n");
  if (!ob_setup_ask_all (plan, client, &plan->error) || !want_it (plan))
    return fail (plan, client);
  status = ob_setup_do (plan, client);
  if (plan->error == NULL)
    backed_up = ob_setup_back_up (plan, client);
  return conclude (plan, client, backed_up != OB_EXIT_DONE ? backed_up : status);
}

static ObExit
run (ObClient *client, int argc, char **argv)
{
  g_auto (ObSetupOptions) options = { 0 };
  g_auto (ObSetupPlan) plan = { .options = &options };
  const GOptionEntry entries[] = {
    { "properties", 0, 0, G_OPTION_ARG_FILENAME, &options.properties,
      "Path of config/Openbravo.properties", "FILE" },
    { "webapp", 0, 0, G_OPTION_ARG_FILENAME, &options.webapp,
      "Deployed directory, if it is not found", "DIR" },
    { "name", 0, 0, G_OPTION_ARG_STRING, &options.name, "What the installation is called", "NAME" },
    { "unit", 0, 0, G_OPTION_ARG_STRING, &options.unit,
      "systemd unit of the application server, or none", "UNIT" },
    { "destination", 0, 0, G_OPTION_ARG_STRING, &options.destination,
      "What the place for backups is called; disk by default", "DEST" },
    { "path", 0, 0, G_OPTION_ARG_FILENAME, &options.path, "Directory for the backups", "DIR" },
    { "at", 0, 0, G_OPTION_ARG_STRING, &options.at,
      "When it is backed up by itself; 03:00 each night by default", "TIME" },
    { "no-schedule", 0, 0, G_OPTION_ARG_NONE, &options.no_schedule, "Never by itself", NULL },
    { "no-backup", 0, 0, G_OPTION_ARG_NONE, &options.no_backup, "Make no first backup now", NULL },
    { "yes", 'y', 0, G_OPTION_ARG_NONE, &options.yes, "Ask nothing; take what would be proposed",
      NULL },
    G_OPTION_ENTRY_NULL,
  };
  char **operands = NULL;
  ObExit status = OB_EXIT_USAGE;

  if (!ob_command_parse (client, &ob_command_setup, entries,
                         "Finds the installation, names a place for its backups and a time for "
                         "them, and makes the\nfirst one. What is there already is kept, so it can "
                         "be run again at any time.",
                         argc, argv, 0, 0, &operands, &status))
    return status;
  plan.interactive = !options.yes && ob_ask_is_possible ();
  return set_up (&plan, client);
}

const ObCommand ob_command_setup = {
  .name = "setup",
  .synopsis = "",
  .summary = "Set a nightly backup up, with a few questions.",
  .run = run,
};
