/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-confirm.h"
#include "ob-follow.h"
#include "ob-format.h"
#include "ob-output.h"

/* internal methods */

static void
print_released (GVariant *result)
{
  g_autofree const char **places = NULL;
  g_autofree char *size = NULL;
  guint64 bytes = 0;

  if (!g_variant_lookup (result, "released", "^a&s", &places) || *places == NULL)
    {
      g_print ("No former state was kept.\n");
      return;
    }
  g_variant_lookup (result, "bytes", "t", &bytes);
  size = ob_format_size (bytes);
  g_print ("Removed (%s):\n", size);
  for (gsize i = 0; places[i] != NULL; i++)
    {
      g_autofree char *safe = ob_output_escape (places[i]);

      g_print ("  %s\n", safe);
    }
}

static ObExit
release (ObClient *client, const char *name, gboolean yes)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties
    = ob_client_find (client, OB_INSTANCE_INTERFACE, "instance", name, NULL, &error);
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autofree char *question = NULL;
  const char *instance = "", *job = "";
  ObExit status;

  if (properties == NULL)
    return ob_client_fail (client, error);
  g_variant_lookup (properties, "Name", "&s", &instance);
  question
    = g_strdup_printf ("Remove what was there before the restores of %s, for good", instance);
  if (!yes && !ob_confirm (question, &error))
    return ob_client_fail (client, error);
  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "ReleasePrevious",
                          g_variant_new ("(s@a{sv})", instance,
                                         g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0)),
                          NULL, &error);
  if (reply == NULL)
    return ob_client_fail (client, error);
  g_variant_get (reply, "(&o)", &job);
  status = ob_follow_job (client, job, TRUE, &result);
  if (result != NULL && !client->json && !client->quiet && status == OB_EXIT_DONE)
    print_released (result);
  return status;
}

static ObExit
run (ObClient *client, int argc, char **argv)
{
  gboolean yes = FALSE;
  const GOptionEntry entries[] = {
    { "yes", 'y', 0, G_OPTION_ARG_NONE, &yes, "Do not ask", NULL },
    G_OPTION_ENTRY_NULL,
  };
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_release_previous, entries,
                         "The databases and directories that restores in place kept are removed; "
                         "after that a\nrestore cannot be undone. They go by themselves after "
                         "three days (keep-previous).",
                         argc, argv, 0, 1, &operands, &status))
    return status;
  return release (client, operands[0], yes);
}

const ObCommand ob_command_release_previous = {
  .name = "release-previous",
  .synopsis = "[INSTANCE]",
  .summary = "Remove what restores in place kept.",
  .run = run,
};
