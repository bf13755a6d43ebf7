/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-follow.h"
#include "ob-format.h"
#include "ob-prune-output.h"

static ObExit
begin (ObClient *client, const char *destination, gboolean plan, const char *max_unused,
       char **job)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder options;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (plan)
    g_variant_builder_add (&options, "{sv}", "plan", g_variant_new_boolean (TRUE));
  if (max_unused != NULL)
    g_variant_builder_add (&options, "{sv}", "max-unused", g_variant_new_string (max_unused));
  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "Prune",
                          g_variant_new ("(sa{sv})", destination, &options), NULL, &error);
  if (reply == NULL)
    return ob_client_fail (client, error);
  g_variant_get (reply, "(o)", job);
  return OB_EXIT_DONE;
}

static ObExit
prune (ObClient *client, const char *name, gboolean plan, const char *max_unused,
       gboolean no_wait)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autofree char *job = NULL;
  const char *destination = "";
  ObExit status;

  properties = ob_client_find (client, OB_DESTINATION_INTERFACE, "destination", name, NULL, &error);
  if (properties == NULL)
    return ob_client_fail (client, error);
  g_variant_lookup (properties, "Name", "&s", &destination);

  status = begin (client, destination, plan, max_unused, &job);
  if (job == NULL)
    return status;
  if (no_wait)
    {
      ob_print_started (client, job);
      return OB_EXIT_DONE;
    }
  status = ob_follow_job (client, job, TRUE, &result);
  if (result != NULL && !client->json && !client->quiet && status == OB_EXIT_DONE)
    ob_print_prune (result);
  return status;
}

static ObExit
run (ObClient *client, int argc, char **argv)
{
  g_autofree char *max_unused = NULL;
  gboolean plan = FALSE;
  gboolean no_wait = FALSE;
  const GOptionEntry entries[] = {
    { "plan", 0, 0, G_OPTION_ARG_NONE, &plan, "Only tell what would be freed", NULL },
    { "max-unused", 0, 0, G_OPTION_ARG_STRING, &max_unused,
      "What may stay unused, to copy less: 5% (default), 200M, unlimited", "LIMIT" },
    { "no-wait", 0, 0, G_OPTION_ARG_NONE, &no_wait, "Begin, and do not wait for the end", NULL },
    G_OPTION_ENTRY_NULL,
  };
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_prune, entries,
                         "What deleted backups and interrupted ones left is removed. Packs that "
                         "are partly used\nare written anew until no more than the limit is "
                         "unused.",
                         argc, argv, 0, 1, &operands, &status))
    return status;
  return prune (client, operands[0], plan, max_unused, no_wait);
}

const ObCommand ob_command_prune = {
  .name = "prune",
  .synopsis = "[DEST]",
  .summary = "Free what no backup needs any more.",
  .run = run,
};
