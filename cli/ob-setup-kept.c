/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-setup-kept.h"

#include <stdlib.h>
#include <string.h>

#include "ob-command.h"
#include "ob-dictionary.h"
#include "ob-output.h"
#include "ob-setup-found.h"
#include "ob-setup-schedule.h"

/* internal methods */

/* a{sv} of GetDetails; NULL where it cannot be had: then there is nothing to compare. */
static GVariant *
get_details (ObClient *client, const char *interface, const char *name)
{
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autofree char *path = NULL;

  properties = ob_client_find (client, interface, "", name, &path, NULL);
  if (properties != NULL)
    reply = ob_client_call (client, path, interface, "GetDetails", ob_no_options (), NULL, NULL);
  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

/* @command: what would make it so. */
static void
warn (const char *option, const char *wanted, const char *is, const char *command, const char *name)
{
  g_autofree char *text
    = g_strdup_printf ("%s %s is not followed, since %s has %s and is kept; `obbackupctl %s` "
                       "changes it",
                       option, wanted, name, *is != '\0' ? is : "none", command);

  ob_output_warning (text);
}

static void
compare_instance (const ObSetupPlan *plan, ObClient *client)
{
  const ObSetupOptions *options = plan->options;
  g_autoptr (GVariant) details = NULL;
  g_autofree char *file
    = options->properties != NULL ? ob_setup_found_locate (options->properties) : NULL;
  g_autofree char *resolved = file != NULL ? realpath (file, NULL) : NULL;
  g_autofree char *unit = NULL;
  g_autofree char *command = g_strdup_printf ("instance edit %s", plan->instance);

  if (options->properties == NULL && options->unit == NULL)
    return;
  details = get_details (client, OB_INSTANCE_INTERFACE, plan->instance);
  if (details == NULL)
    return;
  if (resolved != NULL && strcmp (resolved, ob_dict_text (details, "properties")) != 0)
    warn ("--properties", resolved, ob_dict_text (details, "properties"), command, plan->instance);
  if (options->unit != NULL && g_ascii_strcasecmp (options->unit, "none") == 0)
    unit = g_strdup ("");
  else if (options->unit != NULL)
    unit = strchr (options->unit, '.') != NULL ? g_strdup (options->unit)
                                               : g_strconcat (options->unit, ".service", NULL);
  if (unit != NULL && strcmp (unit, ob_dict_text (details, "unit")) != 0)
    warn ("--unit", options->unit, ob_dict_text (details, "unit"), command, plan->instance);
}

static void
compare_destination (const ObSetupPlan *plan, ObClient *client)
{
  g_autoptr (GVariant) details = NULL;
  g_autofree char *path = NULL;
  g_autofree char *command = g_strdup_printf ("destination edit %s", plan->destination);

  if (plan->options->path == NULL)
    return;
  details = get_details (client, OB_DESTINATION_INTERFACE, plan->destination);
  path = g_canonicalize_filename (plan->options->path, NULL);
  if (details != NULL && strcmp (path, ob_dict_text (details, "path")) != 0)
    warn ("--path", path, ob_dict_text (details, "path"), command, plan->destination);
}

static void
compare_schedule (const ObSetupPlan *plan, ObClient *client)
{
  g_autoptr (GVariant) details = NULL;
  g_autofree const char **times = NULL;
  g_autofree char *all = NULL;
  g_autofree char *at = NULL;
  g_autofree char *command = g_strdup_printf ("schedule edit %s", plan->schedule);

  if (plan->options->at == NULL || !ob_setup_schedule_parse (plan->options->at, &at, NULL))
    return;
  details = get_details (client, OB_SCHEDULE_INTERFACE, plan->schedule);
  if (details == NULL || !g_variant_lookup (details, "times", "^a&s", &times))
    return;
  all = g_strjoinv (", ", (char **) times);
  if (g_strcmp0 (at, all) != 0)
    warn ("--at", plan->options->at, all, command, plan->schedule);
}

static void
tell (const ObClient *client, const char *what, const char *name)
{
  if (!client->json && !client->quiet)
    g_printerr ("%s %s is there and stays as it is.\n", what, name);
}

/* public methods */

void
ob_setup_tell_kept (const ObSetupPlan *plan, ObClient *client)
{
  if (plan->instance_step == OB_SETUP_KEEP)
    {
      tell (client, "Instance", plan->instance);
      compare_instance (plan, client);
    }
  if (plan->destination_step == OB_SETUP_KEEP && plan->destination != NULL)
    {
      tell (client, "Destination", plan->destination);
      compare_destination (plan, client);
    }
  if (plan->schedule_step == OB_SETUP_KEEP)
    {
      tell (client, "Schedule", plan->schedule);
      compare_schedule (plan, client);
    }
}
