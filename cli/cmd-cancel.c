/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-error.h"
#include "ob-follow.h"
#include "ob-output.h"

#include <string.h>

static ObExit
run (ObClient *client, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autofree char *path = NULL;
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_cancel, NULL, NULL, argc, argv, 1, 1, &operands,
                         &status))
    return status;
  path = ob_job_path (operands[0]);
  if (path == NULL)
    {
      g_set_error (&error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "\"%s\" is no job; `obbackupctl jobs` lists them", operands[0]);
      return ob_client_fail (client, error);
    }

  reply = ob_client_call (client, path, OB_JOB_INTERFACE, "Cancel", ob_no_options (), NULL,
                          &error);
  if (reply == NULL && error->domain == G_DBUS_ERROR
      && (error->code == G_DBUS_ERROR_UNKNOWN_METHOD || error->code == G_DBUS_ERROR_UNKNOWN_OBJECT
          || error->code == G_DBUS_ERROR_UNKNOWN_INTERFACE))
    {
      g_clear_error (&error);
      g_set_error (&error, OB_ERROR, OB_ERROR_NOT_FOUND,
                   "There is no job %s; `obbackupctl jobs` lists those of the last hour",
                   operands[0]);
    }
  if (reply == NULL)
    return ob_client_fail (client, error);

  if (client->json)
    ob_output_json_typed ("cancelling", g_variant_new ("a{sv}", NULL));
  else if (!client->quiet)
    g_print ("Job %s is being cancelled.\n", strrchr (path, '/') + 1);
  return OB_EXIT_DONE;
}

const ObCommand ob_command_cancel = {
  .name = "cancel",
  .synopsis = "JOB",
  .summary = "Cancel a job that waits or runs.",
  .run = run,
};
