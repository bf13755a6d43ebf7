/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A command with a way back: a backup before it, and a restore if it fails. The exit status is
 * that of the command, so that what calls it sees what it would have seen without us.
 */
#include "ob-command.h"

#include "ob-change-call.h"
#include "ob-dictionary.h"
#include "ob-follow.h"
#include "ob-format.h"
#include "ob-run-command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef enum
{
  ON_FAILURE_ASK,
  ON_FAILURE_RESTORE,
  ON_FAILURE_KEEP,
} OnFailure;

typedef struct
{
  const char *instance;
  char *label, *to, *on_failure;
  gboolean stop;
  char **command;
  OnFailure policy;
} Request;

/* internal methods */

/* A file that can be read from and written to, where there is a terminal. */
static FILE *
open_terminal (void)
{
  return fopen ("/dev/tty", "r+e");
}

static gboolean
read_policy (Request *request)
{
  static const char *const words[] = { "ask", "restore", "keep" };
  FILE *terminal = NULL;

  for (guint i = 0; request->on_failure != NULL && i < G_N_ELEMENTS (words); i++)
    if (strcmp (request->on_failure, words[i]) == 0)
      {
        request->policy = (OnFailure) i;
        return TRUE;
      }
  if (request->on_failure != NULL)
    {
      g_printerr ("obbackupctl: --on-failure takes ask, restore or keep\n");
      return FALSE;
    }
  terminal = open_terminal ();
  request->policy = terminal != NULL ? ON_FAILURE_ASK : ON_FAILURE_RESTORE;
  if (terminal != NULL)
    fclose (terminal);
  return TRUE;
}

static void
tell_open (const char *change)
{
  g_printerr ("obbackupctl: the change is still open; end it with one of\n"
              "  obbackupctl change end %s --failed      (go back to how it was before)\n"
              "  obbackupctl change end %s --succeeded   (keep what there is)\n",
              change, change);
}

/* Nothing was done yet, so there is nothing to go back from. */
static void
give_up (ObClient *client, const Request *request, const char *change)
{
  ObExit status;

  g_printerr ("obbackupctl: %s was not run, since you interrupted\n", request->command[0]);
  status = ob_end_change (client, change, TRUE, FALSE);
  if (status != OB_EXIT_DONE && status != OB_EXIT_PARTIAL)
    tell_open (change);
}

/* *@change: transfer full; NULL where the command is not to be run. */
static ObExit
begin (ObClient *client, const Request *request, const char *instance, char **change)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) result = NULL;
  GVariantBuilder options;
  const char *id = "", *job = "";
  gboolean interrupted = FALSE;
  double seconds = 0;
  ObExit status;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (request->to != NULL)
    g_variant_builder_add (&options, "{sv}", "destination", g_variant_new_string (request->to));
  if (request->stop)
    g_variant_builder_add (&options, "{sv}", "stop", g_variant_new_boolean (TRUE));
  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "BeginChange",
                          g_variant_new ("(ssa{sv})", instance, request->label, &options), NULL,
                          &error);
  if (reply == NULL)
    return ob_client_fail (client, error);
  g_variant_get (reply, "(&s&o)", &id, &job);
  status = ob_follow_job_interruptible (client, job, &interrupted, &result);
  if (interrupted && result == NULL)
    {
      g_printerr ("obbackupctl: %s was not run; where the backup is made all the same, change %s is "
                  "open afterwards, which \"obbackupctl change end %s --succeeded\" ends\n",
                  request->command[0], id, id);
      return status;
    }
  /* A backup that lacks something is one all the same, and has been warned of. */
  if (status != OB_EXIT_DONE && status != OB_EXIT_PARTIAL)
    {
      g_printerr ("obbackupctl: %s was not run, since there is no backup to go back to\n",
                  request->command[0]);
      return status;
    }
  if (interrupted)
    {
      give_up (client, request, id);
      return OB_EXIT_CANCELLED;
    }
  *change = g_strdup (id);
  if (result != NULL && !client->quiet && !client->json
      && g_variant_lookup (result, "seconds", "d", &seconds))
    {
      g_autofree char *took = ob_format_duration (seconds);

      g_printerr ("%s is backed up (%.8s, in %s); running %s\n", instance,
                  ob_dict_text (result, "id"), took, request->command[0]);
    }
  return OB_EXIT_DONE;
}

/* What shall be done; FALSE where nobody answers. */
static gboolean
ask (const Request *request, const ObCommandEnd *end, gboolean *restore)
{
  FILE *terminal = open_terminal ();
  char answer[32] = "";
  gboolean answered = FALSE;

  if (terminal == NULL)
    return FALSE;
  while (!answered)
    {
      fprintf (terminal, "%s %s (status %d). Go back to how it was before? [yes/no] ",
               request->command[0], end->interrupted ? "was interrupted" : "failed", end->status);
      fflush (terminal);
      if (fgets (answer, sizeof answer, terminal) == NULL)
        break;
      g_strstrip (answer);
      *restore = g_ascii_strcasecmp (answer, "yes") == 0 || g_ascii_strcasecmp (answer, "y") == 0;
      answered = *restore || g_ascii_strcasecmp (answer, "no") == 0
                 || g_ascii_strcasecmp (answer, "n") == 0;
    }
  fclose (terminal);
  return answered;
}

/* Standard output is the command's alone. */
static void
print_to_error (const char *text)
{
  fputs (text, stderr);
}

/* After the command. */
static void
finish (ObClient *client, const Request *request, const char *change, const ObCommandEnd *end)
{
  gboolean restore = request->policy != ON_FAILURE_KEEP;
  gboolean failed = end->status != 0 || end->interrupted;
  ObExit status;

  if (failed && end->started && (request->policy == ON_FAILURE_ASK || end->interrupted)
      && !ask (request, end, &restore) && request->policy == ON_FAILURE_ASK)
    {
      tell_open (change);
      return;
    }
  status = ob_end_change (client, change, !failed || !end->started || !restore, FALSE);
  if (status != OB_EXIT_DONE && status != OB_EXIT_PARTIAL)
    tell_open (change);
}

static ObExit
guard (ObClient *client, const Request *request)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties
    = ob_client_find (client, OB_INSTANCE_INTERFACE, "instance", request->instance, NULL, &error);
  g_autofree char *change = NULL;
  ObCommandEnd end = { 0 };
  ObExit status;

  g_set_print_handler (print_to_error);
  if (properties == NULL)
    return ob_client_fail (client, error);
  status = begin (client, request, ob_dict_text (properties, "Name"), &change);
  if (change == NULL)
    return status;
  ob_run_command (request->command, &end);
  finish (client, request, change, &end);
  return (ObExit) end.status;
}

/* Cuts off "-- COMMAND…", which is none of ours to parse. The command; NULL where there is none. */
static char **
cut_command (int *argc, char **argv)
{
  for (int i = 1; i < *argc; i++)
    if (strcmp (argv[i], "--") == 0)
      {
        char **command = argv + i + 1;

        argv[i] = NULL;
        *argc = i;
        return *command != NULL ? command : NULL;
      }
  return NULL;
}

static ObExit
run (ObClient *client, int argc, char **argv)
{
  Request request = { 0 };
  const GOptionEntry entries[] = {
    { "label", 0, 0, G_OPTION_ARG_STRING, &request.label, "What is going to be changed", "TEXT" },
    { "to", 0, 0, G_OPTION_ARG_STRING, &request.to, "Destination of the backup", "DEST" },
    { "on-failure", 0, 0, G_OPTION_ARG_STRING, &request.on_failure,
      "ask (on a terminal, by default), restore (without one) or keep", "ask|restore|keep" },
    { "stop", 0, 0, G_OPTION_ARG_NONE, &request.stop, "Keep the application stopped meanwhile",
      NULL },
    G_OPTION_ENTRY_NULL,
  };
  char **operands;
  ObExit status;

  request.command = cut_command (&argc, argv);
  if (ob_command_parse (client, &ob_command_guard, entries,
                        "Backs up, runs the command as you, and goes back to how it was before if "
                        "it fails. The\nexit status is that of the command. Example:\n"
                        "  obbackupctl guard --stop -- ant update.database",
                        argc, argv, 0, 1, &operands, &status))
    {
      request.instance = operands[0];
      if (request.label == NULL && request.command != NULL)
        request.label = g_strdup_printf ("before %.150s", request.command[0]);
      if (request.command == NULL)
        g_printerr ("obbackupctl: give the command to run after \"--\"\n");
      status = request.command != NULL && read_policy (&request) ? guard (client, &request)
                                                                 : OB_EXIT_USAGE;
    }
  g_free (request.label);
  g_free (request.to);
  g_free (request.on_failure);
  return status;
}

const ObCommand ob_command_guard = {
  .name = "guard",
  .synopsis = "[INSTANCE] -- COMMAND…",
  .summary = "Run a command that may break it, with a way back.",
  .run = run,
};
