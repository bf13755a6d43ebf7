/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changes of what a backup is called, and whether it is pinned. */
#include "ob-command.h"

#include "ob-dictionary.h"
#include "ob-follow.h"
#include "ob-output.h"

#include <string.h>

typedef struct
{
  char *from;        /* a destination, or NULL */
  gboolean no_wait;
  const char *label; /* NULL: as it is */
  gboolean pinned;   /* counts where the label stays */
} Request;

/* internal methods */

/* Begins the job. Transfer full; NULL on error. */
static char *
begin (ObClient *client, const Request *request, const char *id, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder options;
  char *job;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (request->from != NULL)
    g_variant_builder_add (&options, "{sv}", "destination", g_variant_new_string (request->from));
  if (request->label != NULL)
    g_variant_builder_add (&options, "{sv}", "label", g_variant_new_string (request->label));
  else
    g_variant_builder_add (&options, "{sv}", "pinned", g_variant_new_boolean (request->pinned));
  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "EditBackup",
                          g_variant_new ("(sa{sv})", id, &options), NULL, error);
  if (reply == NULL)
    return NULL;
  g_variant_get (reply, "(o)", &job);
  return job;
}

static void
print_success (GVariant *result, const Request *request)
{
  g_autofree char *label = ob_output_escape (ob_dict_text (result, "label"));
  const char *id = ob_dict_text (result, "id");
  gboolean changed = FALSE;
  const char *already;

  g_variant_lookup (result, "changed", "b", &changed);
  already = changed ? "now" : "already";
  if (request->label == NULL)
    g_print ("Backup %.8s is %s %s.\n", id, already, request->pinned ? "pinned" : "not pinned");
  else if (*label == '\0')
    g_print ("Backup %.8s has %s no label.\n", id, already);
  else
    g_print ("Backup %.8s is %s called: %s\n", id, already, label);
}

static ObExit
edit (ObClient *client, const Request *request, const char *id)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autofree char *job = begin (client, request, id, &error);
  ObExit status;

  if (job == NULL)
    return ob_client_fail (client, error);
  if (request->no_wait)
    {
      ob_print_started (client, job);
      return OB_EXIT_DONE;
    }
  status = ob_follow_job (client, job, TRUE, &result);
  if (status == OB_EXIT_DONE && result != NULL && !client->json && !client->quiet)
    print_success (result, request);
  return status;
}

/* One after the other, each for itself: what fails keeps none of the others back. */
static ObExit
edit_all (ObClient *client, const Request *request, char **ids)
{
  ObExit first = OB_EXIT_DONE;

  if (g_strv_contains ((const char *const *) ids, "latest"))
    {
      g_printerr ("obbackupctl: say which backup by its id\n");
      return OB_EXIT_USAGE;
    }
  for (char **id = ids; *id != NULL; id++)
    {
      ObExit status = edit (client, request, *id);

      if (first == OB_EXIT_DONE)
        first = status;
      if (status == OB_EXIT_CANCELLED || status == OB_EXIT_NOT_AUTHORIZED)
        break;
    }
  return first;
}

static ObExit
run_pinning (ObClient *client, const ObCommand *command, gboolean pinned, int argc, char **argv)
{
  Request request = { .pinned = pinned };
  const GOptionEntry entries[] = {
    { "from", 0, 0, G_OPTION_ARG_STRING, &request.from, "Destination that holds them", "DEST" },
    { "no-wait", 0, 0, G_OPTION_ARG_NONE, &request.no_wait,
      "Begin, and do not wait for the end", NULL },
    G_OPTION_ENTRY_NULL,
  };
  char **ids;
  ObExit status;

  if (ob_command_parse (client, command, entries,
                        "No retention removes a pinned backup, and delete does only with --force.",
                        argc, argv, 1, 256, &ids, &status))
    status = edit_all (client, &request, ids);
  g_free (request.from);
  return status;
}

static ObExit
run_pin (ObClient *client, int argc, char **argv)
{
  return run_pinning (client, &ob_command_pin, TRUE, argc, argv);
}

static ObExit
run_unpin (ObClient *client, int argc, char **argv)
{
  return run_pinning (client, &ob_command_unpin, FALSE, argc, argv);
}

static ObExit
run_label (ObClient *client, int argc, char **argv)
{
  Request request = { 0 };
  const GOptionEntry entries[] = {
    { "from", 0, 0, G_OPTION_ARG_STRING, &request.from, "Destination that holds it", "DEST" },
    { "no-wait", 0, 0, G_OPTION_ARG_NONE, &request.no_wait,
      "Begin, and do not wait for the end", NULL },
    G_OPTION_ENTRY_NULL,
  };
  char **operands;
  ObExit status;

  if (ob_command_parse (client, &ob_command_label, entries,
                        "An empty TEXT, \"\", takes the label away.", argc, argv, 2, 2, &operands,
                        &status))
    {
      char *ids[] = { operands[0], NULL };

      request.label = operands[1];
      status = edit_all (client, &request, ids);
    }
  g_free (request.from);
  return status;
}

const ObCommand ob_command_pin = {
  .name = "pin",
  .synopsis = "ID…",
  .summary = "Keep backups until they are unpinned.",
  .run = run_pin,
};

const ObCommand ob_command_unpin = {
  .name = "unpin",
  .synopsis = "ID…",
  .summary = "Let pinned backups go again.",
  .run = run_unpin,
};

const ObCommand ob_command_label = {
  .name = "label",
  .synopsis = "ID TEXT",
  .summary = "Call a backup something else.",
  .run = run_label,
};
