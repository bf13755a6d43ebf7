/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-confirm.h"
#include "ob-follow.h"
#include "ob-restore-output.h"

typedef struct
{
  gboolean yes, force, no_wait;
} Flags;

/* internal methods */

static char *
begin (ObClient *client, const char *instance, const Flags *flags, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder options;
  char *job;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (flags->force)
    g_variant_builder_add (&options, "{sv}", "force", g_variant_new_boolean (TRUE));
  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "UndoRestore",
                          g_variant_new ("(sa{sv})", instance, &options), NULL, error);
  if (reply == NULL)
    return NULL;
  g_variant_get (reply, "(o)", &job);
  return job;
}

static gboolean
agree (const char *instance, const Flags *flags, GError **error)
{
  g_autofree char *question = NULL;

  if (flags->yes)
    return TRUE;
  g_printerr ("The state of %s before its last restore comes back; what there is now is kept in "
              "its turn.\nThe application is stopped for a moment.\n",
              instance);
  question = g_strdup_printf ("Undo the restore of %s", instance);
  return ob_confirm (question, error);
}

static ObExit
undo (ObClient *client, const char *name, const Flags *flags)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties
    = ob_client_find (client, OB_INSTANCE_INTERFACE, "instance", name, NULL, &error);
  g_autoptr (GVariant) result = NULL;
  g_autofree char *job = NULL;
  const char *instance = "";
  ObExit status;

  if (properties == NULL)
    return ob_client_fail (client, error);
  g_variant_lookup (properties, "Name", "&s", &instance);
  if (!agree (instance, flags, &error))
    return ob_client_fail (client, error);
  job = begin (client, instance, flags, &error);
  if (job == NULL)
    return ob_client_fail (client, error);
  if (flags->no_wait)
    {
      ob_print_started (client, job);
      return OB_EXIT_DONE;
    }
  status = ob_follow_job (client, job, TRUE, &result);
  if (result != NULL && !client->json && !client->quiet && status == OB_EXIT_DONE)
    {
      g_print ("The former state is back.\n");
      ob_print_in_place (result);
    }
  return status;
}

static ObExit
run (ObClient *client, int argc, char **argv)
{
  Flags flags = { 0 };
  const GOptionEntry entries[] = {
    { "yes", 'y', 0, G_OPTION_ARG_NONE, &flags.yes, "Do not ask", NULL },
    { "force", 0, 0, G_OPTION_ARG_NONE, &flags.force,
      "End what is still connected to the database when the application is stopped", NULL },
    { "no-wait", 0, 0, G_OPTION_ARG_NONE, &flags.no_wait, "Begin, and do not wait for the end",
      NULL },
    G_OPTION_ENTRY_NULL,
  };
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_undo_restore, entries,
                         "What was there before the last restore in place comes back, and what "
                         "there is now is\nkept instead: undoing it again brings that back.",
                         argc, argv, 0, 1, &operands, &status))
    return status;
  return undo (client, operands[0], &flags);
}

const ObCommand ob_command_undo_restore = {
  .name = "undo-restore",
  .synopsis = "[INSTANCE]",
  .summary = "Bring back what was there before a restore.",
  .run = run,
};
