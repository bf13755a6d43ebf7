/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-change-call.h"
#include "ob-dictionary.h"
#include "ob-format.h"
#include "ob-output.h"
#include "ob-table.h"

#include <string.h>

/* internal methods */

/* The open change of the instance at @path, a{sv}; NULL for none or on error. Transfer full. */
static GVariant *
find_change (ObClient *client, const char *path, GError **error)
{
  g_autoptr (GVariant) reply = ob_client_call (client, path, OB_INSTANCE_INTERFACE, "GetDetails",
                                               ob_no_options (), NULL, error);
  g_autoptr (GVariant) details = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;

  return details != NULL ? g_variant_lookup_value (details, "change", G_VARIANT_TYPE_VARDICT)
                         : NULL;
}

static void
add_row (ObTable *table, const char *instance, GVariant *change)
{
  g_autofree char *since = ob_format_time (ob_dict_number (change, "since"));
  g_autofree char *age = ob_format_age (ob_dict_number (change, "since"));
  gboolean stopped = FALSE;

  g_variant_lookup (change, "stopped", "b", &stopped);
  ob_table_add (table, ob_dict_text (change, "id"), instance, since, age,
                stopped ? "stopped" : "runs", ob_dict_text (change, "label"), NULL);
}

static ObExit
list (ObClient *client)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) objects = ob_client_get_objects (client, &error);
  g_autoptr (ObTable) table = ob_table_new ("CHANGE|INSTANCE|SINCE|AGE|APPLICATION|LABEL");
  GVariantBuilder json = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  GVariantIter iter;
  const char *path;
  GVariant *interfaces;

  if (objects == NULL)
    return ob_client_fail (client, error);
  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_loop (&iter, "{&o@a{sa{sv}}}", &path, &interfaces))
    {
      g_autoptr (GVariant) instance
        = g_variant_lookup_value (interfaces, OB_INSTANCE_INTERFACE, G_VARIANT_TYPE_VARDICT);
      g_autoptr (GVariant) change
        = instance != NULL ? find_change (client, path, &error) : NULL;
      GVariantDict dict;

      if (change == NULL)
        continue;
      add_row (table, ob_dict_text (instance, "Name"), change);
      g_variant_dict_init (&dict, change);
      g_variant_dict_insert (&dict, "instance", "s", ob_dict_text (instance, "Name"));
      g_variant_builder_add_value (&json, g_variant_dict_end (&dict));
    }
  if (error != NULL)
    {
      g_variant_builder_clear (&json);
      return ob_client_fail (client, error);
    }
  if (client->json)
    ob_output_json (g_variant_builder_end (&json));
  else
    ob_table_print (table);
  g_variant_builder_clear (&json);
  return OB_EXIT_DONE;
}

static ObExit
run_list (ObClient *client, int argc, char **argv)
{
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_change_list, NULL,
                         "A change is open from the backup before it until it is ended.",
                         argc, argv, 0, 0, &operands, &status))
    return status;
  return list (client);
}

static ObExit
run_end (ObClient *client, int argc, char **argv)
{
  gboolean succeeded = FALSE, failed = FALSE, force = FALSE;
  const GOptionEntry entries[] = {
    { "succeeded", 0, 0, G_OPTION_ARG_NONE, &succeeded, "Keep what there is", NULL },
    { "failed", 0, 0, G_OPTION_ARG_NONE, &failed, "Go back to how it was before", NULL },
    { "force", 0, 0, G_OPTION_ARG_NONE, &force,
      "Go back although the application has been in use for long, or keep what there is although "
      "it does not come up", NULL },
    G_OPTION_ENTRY_NULL,
  };
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_change_end, entries, NULL, argc, argv, 1, 1, &operands,
                         &status))
    return status;
  if (succeeded == failed)
    {
      g_printerr ("obbackupctl: say how it ended: --succeeded or --failed\n");
      return OB_EXIT_USAGE;
    }
  return ob_end_change (client, operands[0], succeeded, force);
}

const ObCommand ob_command_change_list = {
  .name = "change list",
  .synopsis = "",
  .summary = "Changes that are open.",
  .run = run_list,
};

const ObCommand ob_command_change_end = {
  .name = "change end",
  .synopsis = "CHANGE",
  .summary = "End a change: keep what there is, or go back.",
  .run = run_end,
};
