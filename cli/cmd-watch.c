/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-follow.h"

#include <stdlib.h>
#include <string.h>

/* The last job that has not ended, or else the last one. Transfer full. */
static char *
find_job (ObClient *client, GError **error)
{
  g_autoptr (GVariant) objects = ob_client_get_objects (client, error);
  g_autofree char *found = NULL;
  gulong found_rank = 0;
  GVariantIter iter;
  const char *path;
  GVariant *interfaces;

  if (objects == NULL)
    return NULL;
  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_loop (&iter, "{&o@a{sa{sv}}}", &path, &interfaces))
    {
      g_autoptr (GVariant) job
        = g_variant_lookup_value (interfaces, OB_JOB_INTERFACE, G_VARIANT_TYPE_VARDICT);
      guint64 end = 0;
      gulong rank;

      if (job == NULL)
        continue;
      g_variant_lookup (job, "EndTime", "t", &end);
      rank = strtoul (strrchr (path, '/') + 1, NULL, 10) + (end == 0 ? 1UL << 40 : 0);
      if (rank < found_rank)
        continue;
      found_rank = rank;
      g_free (found);
      found = g_strdup (path);
    }
  if (found == NULL)
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                         "There is no job to watch");
  return g_steal_pointer (&found);
}

static ObExit
run (ObClient *client, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_watch, NULL,
                         "Ends with the exit status of the job. Ctrl-C stops watching; the job "
                         "goes on.",
                         argc, argv, 0, 1, &operands, &status))
    return status;
  if (operands[0] != NULL)
    {
      path = ob_job_path (operands[0]);
      if (path == NULL)
        g_set_error (&error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                     "\"%s\" is no job; `obbackupctl jobs` lists them", operands[0]);
    }
  else if (ob_client_connect (client, &error))
    path = find_job (client, &error);
  if (path == NULL || !ob_client_connect (client, &error))
    return ob_client_fail (client, error);

  status = ob_follow_job (client, path, FALSE, NULL);
  if (status == OB_EXIT_DONE && !client->json && !client->quiet)
    g_print ("Job %s succeeded.\n", strrchr (path, '/') + 1);
  return status;
}

const ObCommand ob_command_watch = {
  .name = "watch",
  .synopsis = "[JOB]",
  .summary = "Follow a job to its end; without JOB the one that runs.",
  .run = run,
};
