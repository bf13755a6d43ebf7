/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-confirm.h"
#include "ob-dictionary.h"
#include "ob-follow.h"
#include "ob-format.h"
#include "ob-prune-output.h"
#include "ob-table.h"

/* internal methods */

/* Who goes and why; the number of those that do. */
static guint
print_plan (GVariant *result)
{
  g_autoptr (GVariant) backups
    = g_variant_lookup_value (result, "backups", G_VARIANT_TYPE ("aa{sv}"));
  g_autoptr (ObTable) table = ob_table_new ("BACKUP|TIME|KIND||WHY");
  GVariantIter iter = { 0 };
  GVariant *backup = NULL;
  guint n_going = 0;

  if (backups == NULL)
    return 0;
  g_variant_iter_init (&iter, backups);
  while (g_variant_iter_loop (&iter, "@a{sv}", &backup))
    {
      g_autofree const char **reasons = NULL;
      g_autofree char *why = NULL;
      g_autofree char *when = ob_format_time (ob_dict_number (backup, "time"));
      g_autofree char *id = g_strndup (ob_dict_text (backup, "id"), 8);
      gboolean keep = TRUE;

      g_variant_lookup (backup, "keep", "b", &keep);
      if (g_variant_lookup (backup, "reasons", "^a&s", &reasons))
        why = g_strjoinv (", ", (char **) reasons);
      ob_table_add (table, id, when, ob_dict_text (backup, "kind"), keep ? "keep" : "remove",
                    why != NULL ? why : "", NULL);
      n_going += keep ? 0 : 1;
    }
  g_print ("Kept are: %s\n", ob_dict_text (result, "rules"));
  ob_table_print (table);
  g_print ("%u of %" G_GSIZE_FORMAT " %s.\n", n_going, g_variant_n_children (backups),
           n_going == 1 ? "goes" : "go");
  return n_going;
}

static gboolean
begin (ObClient *client, const char *path, const char *method, const char *destination,
       gboolean prune, GVariant **reply, GError **error)
{
  g_auto (GVariantBuilder) options = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);

  if (destination != NULL)
    g_variant_builder_add (&options, "{sv}", "destination", g_variant_new_string (destination));
  if (prune)
    g_variant_builder_add (&options, "{sv}", "prune", g_variant_new_boolean (TRUE));
  *reply = ob_client_call (client, path, OB_SCHEDULE_INTERFACE, method,
                           g_variant_new ("(a{sv})", &options), NULL, error);
  return *reply != NULL;
}

/* Each job to its end. *@n_going: backups that go, or went. */
static ObExit
follow (ObClient *client, GVariant *reply, gboolean show, guint *n_going)
{
  g_autofree const char **jobs = NULL;
  ObExit worst = OB_EXIT_DONE;

  g_variant_get (reply, "(^a&o)", &jobs);
  for (gsize i = 0; jobs[i] != NULL; i++)
    {
      g_autoptr (GVariant) result = NULL;
      ObExit status = ob_follow_job (client, jobs[i], TRUE, &result);

      if (status != OB_EXIT_DONE)
        worst = status;
      else if (show && !client->json && result != NULL)
        *n_going += print_plan (result);
      if (!show && result != NULL && !client->json && !client->quiet && status == OB_EXIT_DONE)
        ob_print_prune (result);
    }
  return worst;
}

static ObExit
apply (ObClient *client, const char *name, const char *destination, gboolean plan, gboolean prune,
       gboolean yes)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GVariant) planned = NULL;
  g_autoptr (GVariant) applied = NULL;
  g_autofree char *path = NULL;
  guint n_going = 0;
  ObExit status = OB_EXIT_DONE;

  properties = ob_client_find (client, OB_SCHEDULE_INTERFACE, "schedule", name, &path, &error);
  if (properties == NULL)
    return ob_client_fail (client, error);
  if (plan || !yes)
    {
      if (!begin (client, path, "PlanRetention", destination, FALSE, &planned, &error))
        return ob_client_fail (client, error);
      status = follow (client, planned, TRUE, &n_going);
      if (plan || status != OB_EXIT_DONE || (n_going == 0 && !client->json))
        return status;
      if (!ob_confirm ("Remove these backups", &error))
        return error != NULL ? ob_client_fail (client, error) : OB_EXIT_FAILED;
    }
  if (!begin (client, path, "ApplyRetention", destination, prune, &applied, &error))
    return ob_client_fail (client, error);
  return follow (client, applied, yes, &n_going);
}

static ObExit
run (ObClient *client, int argc, char **argv)
{
  g_autofree char *from = NULL;
  gboolean plan = FALSE, prune = FALSE, yes = FALSE;
  const GOptionEntry entries[] = {
    { "plan", 0, 0, G_OPTION_ARG_NONE, &plan, "Only tell who goes and why", NULL },
    { "from", 0, 0, G_OPTION_ARG_STRING, &from, "Only at this destination", "DEST" },
    { "prune", 0, 0, G_OPTION_ARG_NONE, &prune, "Free at once what they took", NULL },
    { "yes", 'y', 0, G_OPTION_ARG_NONE, &yes, "Do not ask", NULL },
    G_OPTION_ENTRY_NULL,
  };
  char **operands = NULL;
  ObExit status = OB_EXIT_USAGE;

  if (!ob_command_parse (client, &ob_command_retention, entries,
                         "Removes the backups of the schedule's instance that none of its rules "
                         "keeps. What is\npinned, what an open change goes back to, and the last "
                         "good backup stay.",
                         argc, argv, 0, 1, &operands, &status))
    return status;
  return apply (client, operands[0], from, plan, prune, yes);
}

const ObCommand ob_command_retention = {
  .name = "retention",
  .synopsis = "[SCHEDULE]",
  .summary = "Remove the backups that no rule of a schedule keeps.",
  .run = run,
};
