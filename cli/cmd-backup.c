/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-follow.h"
#include "ob-format.h"

#include <string.h>

static void
print_success (GVariant *result, const char *instance)
{
  const char *id = "", *destination = "";
  guint64 size = 0, stored = 0;
  double seconds = 0;
  g_autofree char *size_text = NULL;
  g_autofree char *stored_text = NULL;
  g_autofree char *duration_text = NULL;

  g_variant_lookup (result, "id", "&s", &id);
  g_variant_lookup (result, "destination", "&s", &destination);
  g_variant_lookup (result, "size", "t", &size);
  g_variant_lookup (result, "stored", "t", &stored);
  g_variant_lookup (result, "seconds", "d", &seconds);

  size_text = ob_format_size (size);
  stored_text = ob_format_size (stored);
  duration_text = ob_format_duration (seconds);
  g_print ("Backup %.8s of %s is in %s: %s, %s of it new and stored, in %s.\n", id, instance,
           destination, size_text, stored_text, duration_text);
}

static ObExit
run (ObClient *client, int argc, char **argv)
{
  g_autofree char *to = NULL;
  g_autofree char *label = NULL;
  g_autofree char *only = NULL;
  gboolean no_wait = FALSE;
  const GOptionEntry entries[] = {
    { "to", 0, 0, G_OPTION_ARG_STRING, &to, "Destination, if there are several", "DEST" },
    { "label", 0, 0, G_OPTION_ARG_STRING, &label, "A note to find it by", "TEXT" },
    { "only", 0, 0, G_OPTION_ARG_STRING, &only,
      "Of database, sources, webapp, attachments, reprintables", "PART,…" },
    { "no-wait", 0, 0, G_OPTION_ARG_NONE, &no_wait, "Begin, and do not wait for the end", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) result = NULL;
  g_auto (GStrv) parts = NULL;
  GVariantBuilder options;
  const char *instance, *job;
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_backup, entries, NULL, argc, argv, 0, 1, &operands,
                         &status))
    return status;

  properties = ob_client_find (client, OB_INSTANCE_INTERFACE, "instance", operands[0], NULL,
                               &error);
  if (properties == NULL)
    return ob_client_fail (client, error);
  g_variant_lookup (properties, "Name", "&s", &instance);

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (to != NULL)
    g_variant_builder_add (&options, "{sv}", "destination", g_variant_new_string (to));
  if (label != NULL)
    g_variant_builder_add (&options, "{sv}", "label", g_variant_new_string (label));
  if (only != NULL)
    {
      parts = ob_split_list (only);
      g_variant_builder_add (&options, "{sv}", "parts",
                             g_variant_new_strv ((const char *const *) parts, -1));
    }

  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "Backup",
                          g_variant_new ("(sa{sv})", instance, &options), NULL, &error);
  if (reply == NULL)
    return ob_client_fail (client, error);
  g_variant_get (reply, "(&o)", &job);
  if (no_wait)
    {
      ob_print_started (client, job);
      return OB_EXIT_DONE;
    }

  status = ob_follow_job (client, job, TRUE, &result);
  if (result != NULL && !client->json && (status == OB_EXIT_DONE || status == OB_EXIT_PARTIAL))
    {
      const char *id = "";

      g_variant_lookup (result, "id", "&s", &id);
      if (client->quiet)
        g_print ("%s\n", id);
      else
        print_success (result, instance);
      if (status == OB_EXIT_PARTIAL && !client->quiet)
        g_print ("It lacks what the warnings name; everything else is in it.\n");
    }
  return status;
}

const ObCommand ob_command_backup = {
  .name = "backup",
  .synopsis = "[INSTANCE]",
  .summary = "Back up an installation now, while it runs.",
  .run = run,
};
