/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-dictionary.h"
#include "ob-follow.h"
#include "ob-step-output.h"

#include <string.h>

/* How a check went that has succeeded. */
static void
print_in_order (const char *name, GVariant *result)
{
  g_autoptr (GVariant) steps
    = g_variant_lookup_value (result, "steps", G_VARIANT_TYPE ("aa{sv}"));
  guint n = 0;

  for (guint i = 0; steps != NULL && i < g_variant_n_children (steps); i++)
    {
      g_autoptr (GVariant) step = g_variant_get_child_value (steps, i);

      n += strcmp (ob_dict_text (step, "status"), "warning") == 0 ? 1 : 0;
    }
  g_print ("%s is in order: its repository is there, opens, and can be written%s.\n", name,
           n > 0 ? "; see the warnings" : "");
}

static ObExit
run (ObClient *client, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) result = NULL;
  g_auto (ObStepOutput) output = { 0 };
  g_autofree char *path = NULL;
  const char *name = "", *job;
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_destination_check, NULL,
                         "A line for each step: ok, warning, failed, not told (the destination "
                         "does not say), or skipped.",
                         argc, argv, 0, 1, &operands, &status))
    return status;
  properties = ob_client_find (client, OB_DESTINATION_INTERFACE, "destination", operands[0], &path,
                               &error);
  if (properties != NULL)
    reply = ob_client_call (client, path, OB_DESTINATION_INTERFACE, "Check", ob_no_options (), NULL,
                            &error);
  if (reply == NULL)
    return ob_client_fail (client, error);
  g_variant_get (reply, "(&o)", &job);
  ob_step_output_init (&output, client, job);
  status = ob_follow_job_watched (client, job, TRUE, ob_step_output_update, &output, &result);
  if (result == NULL)
    return status;
  ob_step_output_finish (&output, result);
  g_variant_lookup (properties, "Name", "&s", &name);
  if (status == OB_EXIT_DONE && !client->json && !client->quiet)
    print_in_order (name, result);
  return status;
}

const ObCommand ob_command_destination_check = {
  .name = "destination check",
  .synopsis = "[NAME]",
  .summary = "Try it step by step: the way there, the keys, the repository, the speed.",
  .run = run,
};
