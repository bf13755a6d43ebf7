/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-confirm.h"
#include "ob-follow.h"
#include "ob-format.h"
#include "ob-output.h"
#include "ob-prune-output.h"

#include <string.h>

typedef struct
{
  char **ids; /* not owned */
  char *from;
  gboolean force, prune, yes, no_wait;
} Request;

/* internal methods */

/* Transfer full; NULL on error. */
static GVariant *
get_backup (ObClient *client, const Request *request, const char *id, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder options;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (request->from != NULL)
    g_variant_builder_add (&options, "{sv}", "destination", g_variant_new_string (request->from));
  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "GetBackup",
                          g_variant_new ("(sa{sv})", id, &options), NULL, error);
  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

static void
show (GVariant *backup)
{
  const char *id = "", *instance = "", *destination = "", *label = "";
  g_autofree char *safe_label = NULL;
  g_autofree char *when = NULL;
  g_autofree char *age = NULL;
  gboolean pinned = FALSE;
  guint64 time = 0;

  g_variant_lookup (backup, "id", "&s", &id);
  g_variant_lookup (backup, "instance", "&s", &instance);
  g_variant_lookup (backup, "destination", "&s", &destination);
  g_variant_lookup (backup, "label", "&s", &label);
  g_variant_lookup (backup, "pinned", "b", &pinned);
  g_variant_lookup (backup, "time", "t", &time);
  when = ob_format_time (time);
  age = ob_format_age (time);
  safe_label = ob_output_escape (label);
  g_printerr ("Backup %.8s of %s (%s, %s) in %s%s%s%s\n", id,
              *instance != '\0' ? instance : "something else", when, age, destination,
              pinned ? ", pinned" : "", *label != '\0' ? ": " : "", safe_label);
}

/* Looks the backups up, shows them, asks. @ids are then their whole ids, so that what was agreed
 * to is what is deleted. */
static gboolean
agree (ObClient *client, const Request *request, GStrvBuilder *ids, GError **error)
{
  g_autofree char *question = NULL;
  guint n = g_strv_length (request->ids);

  for (char **id = request->ids; *id != NULL; id++)
    {
      g_autoptr (GVariant) backup = get_backup (client, request, *id, error);
      const char *whole = "";

      if (backup == NULL)
        return FALSE;
      g_variant_lookup (backup, "id", "&s", &whole);
      g_strv_builder_add (ids, whole);
      if (!request->yes)
        show (backup);
    }
  if (request->yes)
    return TRUE;
  question = n == 1 ? g_strdup ("Delete this backup for good")
                    : g_strdup_printf ("Delete these %u backups for good", n);
  return ob_confirm (question, error);
}

/* Begins the job. Transfer full; NULL on error. */
static char *
begin (ObClient *client, const Request *request, const char *const *ids, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder options;
  char *job;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (request->from != NULL)
    g_variant_builder_add (&options, "{sv}", "destination", g_variant_new_string (request->from));
  if (request->force)
    g_variant_builder_add (&options, "{sv}", "force", g_variant_new_boolean (TRUE));
  if (request->prune)
    g_variant_builder_add (&options, "{sv}", "prune", g_variant_new_boolean (TRUE));
  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "Delete",
                          g_variant_new ("(^asa{sv})", ids, &options), NULL, error);
  if (reply == NULL)
    return NULL;
  g_variant_get (reply, "(o)", &job);
  return job;
}

static void
print_success (GVariant *result, const Request *request)
{
  g_autofree const char **removed = NULL;

  if (!g_variant_lookup (result, "removed", "^a&s", &removed))
    return;
  for (gsize i = 0; removed[i] != NULL; i++)
    g_print ("Deleted %.8s.\n", removed[i]);
  if (request->prune)
    ob_print_prune (result);
  else
    g_print ("What only they needed is freed by `obbackupctl prune`.\n");
}

static ObExit
delete_backups (ObClient *client, const Request *request)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autoptr (GVariant) result = NULL;
  g_auto (GStrv) ids = NULL;
  g_autofree char *job = NULL;
  ObExit status;

  if (!agree (client, request, builder, &error))
    return ob_client_fail (client, error);
  ids = g_strv_builder_end (builder);
  job = begin (client, request, (const char *const *) ids, &error);
  if (job == NULL)
    return ob_client_fail (client, error);
  if (request->no_wait)
    {
      ob_print_started (client, job);
      return OB_EXIT_DONE;
    }

  status = ob_follow_job (client, job, TRUE, &result);
  if (result != NULL && !client->json && !client->quiet)
    print_success (result, request);
  return status;
}

static ObExit
run (ObClient *client, int argc, char **argv)
{
  Request request = { 0 };
  const GOptionEntry entries[] = {
    { "from", 0, 0, G_OPTION_ARG_STRING, &request.from, "Destination that holds them", "DEST" },
    { "force", 0, 0, G_OPTION_ARG_NONE, &request.force,
      "Also the last good backup, and pinned ones", NULL },
    { "prune", 0, 0, G_OPTION_ARG_NONE, &request.prune, "Free what they took at once", NULL },
    { "yes", 'y', 0, G_OPTION_ARG_NONE, &request.yes, "Do not ask", NULL },
    { "no-wait", 0, 0, G_OPTION_ARG_NONE, &request.no_wait,
      "Begin, and do not wait for the end", NULL },
    G_OPTION_ENTRY_NULL,
  };
  ObExit status = OB_EXIT_USAGE;

  if (ob_command_parse (client, &ob_command_delete, entries, NULL, argc, argv, 1, 256, &request.ids,
                        &status))
    {
      if (g_strv_contains ((const char *const *) request.ids, "latest"))
        {
          g_printerr ("obbackupctl: say which backups to delete by their ids\n");
          status = OB_EXIT_USAGE;
        }
      else
        status = delete_backups (client, &request);
    }
  g_free (request.from);
  return status;
}

const ObCommand ob_command_delete = {
  .name = "delete",
  .synopsis = "ID…",
  .summary = "Delete backups.",
  .run = run,
};
