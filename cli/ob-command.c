/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include <string.h>

/* GOption leaves the first "--" in place where an operand behind it begins with "-". Returns
 * what is left of @argc. */
static int
drop_separator (int argc, char **argv)
{
  int at = 1;

  while (at < argc && strcmp (argv[at], "--") != 0)
    at++;
  if (at == argc)
    return argc;
  for (; at < argc; at++)
    argv[at] = argv[at + 1];
  return argc - 1;
}

/* The names and texts in @entries are constants, and outlive it. */
static void
tell_options (GArray *options, const GOptionEntry *entries)
{
  for (; entries != NULL && entries->long_name != NULL; entries++)
    if ((entries->flags & G_OPTION_FLAG_HIDDEN) == 0)
      g_array_append_vals (options, entries, 1);
}

gboolean
ob_command_parse (ObClient *client, const ObCommand *command, const GOptionEntry *entries,
                  const char *description, int argc, char **argv, int min, int max,
                  char ***operands, ObExit *status)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GOptionContext) context = NULL;
  gboolean help = FALSE;
  const GOptionEntry common[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &client->json, "Print JSON", NULL },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &client->quiet, "Print only what was asked for", NULL },
    { "help", 'h', 0, G_OPTION_ARG_NONE, &help, "Show this help", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autofree char *name = g_strdup_printf ("obbackupctl %s", command->name);

  if (client->options != NULL)
    {
      tell_options (client->options, entries);
      tell_options (client->options, common);
      *status = OB_EXIT_DONE;
      return FALSE;
    }

  context = g_option_context_new (command->synopsis);
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_set_summary (context, command->summary);
  g_option_context_set_description (context, description);
  if (entries != NULL)
    g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_add_main_entries (context, common, NULL);

  *status = OB_EXIT_USAGE;
  argv[0] = name;
  g_set_prgname (name);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("obbackupctl: %s; see `%s --help`\n", error->message, name);
      return FALSE;
    }
  if (help)
    {
      g_autofree char *text = g_option_context_get_help (context, FALSE, NULL);

      g_print ("%s", text);
      *status = OB_EXIT_DONE;
      return FALSE;
    }

  argc = drop_separator (argc, argv);
  if (argc - 1 < min || argc - 1 > max)
    {
      g_printerr ("obbackupctl: %s; usage: %s %s\n",
                  argc - 1 < min ? "Something is missing" : "There are too many arguments", name,
                  command->synopsis);
      return FALSE;
    }
  *operands = argv + 1;
  return TRUE;
}

GStrv
ob_split_list (const char *text)
{
  g_autoptr (GPtrArray) words = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) split = g_strsplit (text, ",", -1);

  for (gsize i = 0; split[i] != NULL; i++)
    if (*g_strstrip (split[i]) != '\0')
      g_ptr_array_add (words, g_strdup (split[i]));
  g_ptr_array_add (words, NULL);
  return (GStrv) g_ptr_array_free (g_steal_pointer (&words), FALSE);
}

GVariant *
ob_no_options (void)
{
  return g_variant_new ("(@a{sv})", g_variant_new ("a{sv}", NULL));
}
