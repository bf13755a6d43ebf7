/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "ob-command.h"
#include "ob-complete.h"
#include "ob-complete-names.h"

#include <locale.h>
#include <string.h>
#include <unistd.h>

/* Nobody waits longer for a completion: then the shell offers nothing. */
#define COMPLETION_SECONDS 2

static const ObCommand *const commands[] = {
  &ob_command_setup,
  &ob_command_status,
  &ob_command_backup,
  &ob_command_list,
  &ob_command_show,
  &ob_command_ls,
  &ob_command_restore,
  &ob_command_undo_restore,
  &ob_command_release_previous,
  &ob_command_guard,
  &ob_command_change_list,
  &ob_command_change_end,
  &ob_command_pin,
  &ob_command_unpin,
  &ob_command_label,
  &ob_command_delete,
  &ob_command_prune,
  &ob_command_retention,
  &ob_command_verify,
  &ob_command_jobs,
  &ob_command_watch,
  &ob_command_cancel,
  &ob_command_instance_add,
  &ob_command_instance_list,
  &ob_command_instance_show,
  &ob_command_instance_check,
  &ob_command_instance_edit,
  &ob_command_instance_remove,
  &ob_command_destination_add,
  &ob_command_destination_list,
  &ob_command_destination_show,
  &ob_command_destination_check,
  &ob_command_destination_edit,
  &ob_command_destination_remove,
  &ob_command_destination_recovery_key,
  &ob_command_schedule_add,
  &ob_command_schedule_list,
  &ob_command_schedule_show,
  &ob_command_schedule_edit,
  &ob_command_schedule_remove,
  &ob_command_schedule_run,
};

static void
print_help (void)
{
  g_print ("Usage: obbackupctl COMMAND [ARGUMENTS]\n\n"
           "Backs up Openbravo installations and brings them back.\n\n");
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      g_autofree char *usage = g_strdup_printf ("%s %s", commands[i]->name,
                                                commands[i]->synopsis);

      g_print ("  %-34s %s\n", g_strchomp (usage), commands[i]->summary);
    }
  g_print ("\nEvery command takes --json, --quiet and --help. Exit status: 0 done, 1 failed,\n"
           "2 usage, 3 partial, 4 not authorised, 5 not found, 6 busy, 7 destination\n"
           "unavailable, 130 cancelled.\n");
}

/* The command that argv[1] and, where its name has two words, argv[2] name; *@n_words of them. */
static const ObCommand *
find_command (int argc, char **argv, int *n_words)
{
  g_autofree char *two = argc > 2 ? g_strdup_printf ("%s %s", argv[1], argv[2]) : NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      if (strcmp (commands[i]->name, argv[1]) == 0)
        {
          *n_words = 1;
          return commands[i];
        }
      if (g_strcmp0 (commands[i]->name, two) == 0)
        {
          *n_words = 2;
          return commands[i];
        }
    }
  return NULL;
}

/* "instance" alone, or with a word that is none of its commands: says which there are. */
static void
print_unknown (const char *word)
{
  g_autofree char *prefix = g_strdup_printf ("%s ", word);
  g_autoptr (GString) known = g_string_new (NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (g_str_has_prefix (commands[i]->name, prefix))
      g_string_append_printf (known, "%s%s", known->len > 0 ? ", " : "",
                              commands[i]->name + strlen (prefix));
  if (known->len > 0)
    g_printerr ("obbackupctl: say what to do with the %s: %s\n", word, known->str);
  else
    g_printerr ("obbackupctl: there is no command \"%s\"; see `obbackupctl --help`\n", word);
}

/* "obbackupctl --json list" works as "obbackupctl list --json" does. */
static void
take_leading_options (ObClient *client, int *argc, char ***argv)
{
  while (*argc > 2)
    {
      if (strcmp ((*argv)[1], "--json") == 0)
        client->json = TRUE;
      else if (strcmp ((*argv)[1], "--quiet") == 0 || strcmp ((*argv)[1], "-q") == 0)
        client->quiet = TRUE;
      else
        return;
      (*argc)--;
      (*argv)++;
    }
}

/* "obbackupctl complete WORD…", for data/completions: a line for each word that may stand in the
 * place of the last one. */
static int
complete (const char *const *words)
{
  g_autoptr (GDBusConnection) bus = NULL;
  g_auto (GStrv) found = NULL;

  alarm (COMPLETION_SECONDS);
  bus = g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, NULL);
  found = ob_complete (commands, G_N_ELEMENTS (commands), words, ob_complete_names, bus);
  for (gsize i = 0; found[i] != NULL; i++)
    g_print ("%s\n", found[i]);
  return OB_EXIT_DONE;
}

int
main (int argc, char **argv)
{
  ObClient client = { 0 };
  const ObCommand *command;
  int n_words, status;

  setlocale (LC_ALL, "");
  take_leading_options (&client, &argc, &argv);
  if (argc < 2 || strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0
      || strcmp (argv[1], "help") == 0)
    {
      print_help ();
      return argc < 2 ? OB_EXIT_USAGE : OB_EXIT_DONE;
    }
  if (strcmp (argv[1], "--version") == 0)
    {
      g_print ("obbackupctl %s\n", OB_VERSION);
      return OB_EXIT_DONE;
    }
  if (strcmp (argv[1], "complete") == 0)
    return complete ((const char *const *) argv + 2);

  command = find_command (argc, argv, &n_words);
  if (command == NULL)
    {
      print_unknown (argv[1]);
      return OB_EXIT_USAGE;
    }
  status = command->run (&client, argc - n_words, argv + n_words);
  ob_client_clear (&client);
  return status;
}
