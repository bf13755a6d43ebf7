/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-complete.h"

#include <string.h>

typedef struct
{
  const ObCommand *const *commands;
  gsize n_commands;
  ObCompleteNames names;
  gpointer user_data;

  const char *typed;  /* what is there of the word that is completed */
  const char *before; /* what stands before @typed in that word: "--only=sources,"; a prefix */
  GStrvBuilder *found;
} Completion;

/* internal methods */

/* @word may have a description behind a tab. */
static void
offer (Completion *self, const char *word)
{
  if (g_str_has_prefix (word, self->typed))
    {
      g_autofree char *whole = g_strconcat (self->before, word, NULL);

      g_strv_builder_add (self->found, whole);
    }
}

static void
offer_described (Completion *self, const char *word, const char *description)
{
  g_autofree char *line
    = description != NULL ? g_strdup_printf ("%s\t%s", word, description) : g_strdup (word);

  offer (self, line);
}

static void
offer_names (Completion *self, const char *kind)
{
  g_auto (GStrv) names = self->names (kind, self->user_data);

  for (gsize i = 0; names != NULL && names[i] != NULL; i++)
    offer (self, names[i]);
}

static void
offer_parts (Completion *self, gboolean is_list)
{
  static const char *const parts[]
    = { "database", "sources", "webapp", "attachments", "reprintables" };
  const char *comma = is_list ? strrchr (self->typed, ',') : NULL;
  g_autofree char *before = NULL;
  Completion part = *self;

  if (comma != NULL)
    {
      g_autofree char *head = g_strndup (self->typed, (gsize) (comma + 1 - self->typed));

      before = g_strconcat (self->before, head, NULL);
      part.before = before;
      part.typed = comma + 1;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
    offer (&part, parts[i]);
}

/* "instance show" is about an Instance; what is added has no name yet. */
static void
offer_named (Completion *self, const ObCommand *command)
{
  const char *space = strchr (command->name, ' ');
  g_autofree char *kind = NULL;

  if (space == NULL || strcmp (space, " add") == 0)
    return;
  kind = g_strndup (command->name, (gsize) (space - command->name));
  *kind = g_ascii_toupper (*kind);
  offer_names (self, kind);
}

/* One of the words with which help and synopses say what belongs somewhere: "DEST", "PART,…". */
static void
offer_meant (Completion *self, const ObCommand *command, const char *word)
{
  if (g_ascii_islower (*word))
    offer (self, word);
  else if (g_str_has_prefix (word, "PART"))
    offer_parts (self, strstr (word, ",…") != NULL);
  else if (g_str_has_prefix (word, "NAME"))
    offer_named (self, command);
  else if (g_str_has_prefix (word, "INSTANCE"))
    offer_names (self, "Instance");
  else if (g_str_has_prefix (word, "DEST"))
    offer_names (self, "Destination");
  else if (g_str_has_prefix (word, "CHANGE"))
    offer_names (self, "Change");
  else if (g_str_has_prefix (word, "JOB"))
    offer_names (self, "Job");
  else if (g_str_has_prefix (word, "ID"))
    offer_names (self, "Backup");
  else if (g_str_has_prefix (word, "FILE"))
    g_strv_builder_add (self->found, ":file");
  else if (g_str_has_prefix (word, "DIR"))
    g_strv_builder_add (self->found, ":directory");
}

/* @meaning: such words with "|" between them. */
static void
offer_value (Completion *self, const ObCommand *command, const char *meaning)
{
  g_auto (GStrv) words = g_strsplit (meaning != NULL ? meaning : "", "|", -1);

  for (gsize i = 0; words[i] != NULL; i++)
    offer_meant (self, command, words[i]);
}

/* The words of the synopsis that stand for operands, without brackets; @n counts from 0, and the
 * one that has "…" stands for all that follow, too. NULL where there is no such operand. */
static char *
operand_meaning (const ObCommand *command, gsize n)
{
  g_auto (GStrv) words = g_strsplit (command->synopsis, " ", -1);
  gsize at = 0;

  for (gsize i = 0; words[i] != NULL && strcmp (words[i], "--") != 0; i++)
    {
      g_autofree char *word = g_strstrip (g_strdelimit (g_strdup (words[i]), "[]", ' '));

      if (*word == '\0')
        continue;
      if (at == n || strstr (word, "…") != NULL)
        return g_steal_pointer (&word);
      at++;
    }
  return NULL;
}

static GArray *
collect_options (const ObCommand *command)
{
  GArray *options = g_array_new (FALSE, FALSE, sizeof (GOptionEntry));
  ObClient client = { .options = options };
  char *argv[] = { (char *) command->name, NULL };

  command->run (&client, 1, argv);
  return options;
}

/* The option that @word is ("--to", "--to=x", "-n"); NULL where it is none. */
static const GOptionEntry *
find_option (GArray *options, const char *word)
{
  gsize length = strcspn (word, "=");

  for (guint i = 0; i < options->len; i++)
    {
      const GOptionEntry *entry = &g_array_index (options, GOptionEntry, i);

      if (g_str_has_prefix (word, "--")
            ? strlen (entry->long_name) == length - 2
                && strncmp (entry->long_name, word + 2, length - 2) == 0
            : word[0] == '-' && word[1] != '\0' && word[1] == entry->short_name && word[2] == '\0')
        return entry;
    }
  return NULL;
}

static gboolean
takes_value (const GOptionEntry *entry)
{
  return entry != NULL && entry->arg != G_OPTION_ARG_NONE;
}

static void
offer_options (Completion *self, GArray *options)
{
  for (guint i = 0; i < options->len; i++)
    {
      const GOptionEntry *entry = &g_array_index (options, GOptionEntry, i);
      g_autofree char *word = g_strconcat ("--", entry->long_name, NULL);

      offer_described (self, word, entry->description);
    }
}

/* The value of "--to=di", in one word. */
static void
offer_joined (Completion *self, const ObCommand *command, GArray *options)
{
  const char *equals = strchr (self->typed, '=');
  const GOptionEntry *entry = find_option (options, self->typed);
  g_autofree char *before = g_strndup (self->typed, (gsize) (equals + 1 - self->typed));
  Completion value = *self;

  value.before = before;
  value.typed = equals + 1;
  if (takes_value (entry))
    offer_value (&value, command, entry->arg_description);
}

/* The words behind the command's name. */
static void
complete_arguments (Completion *self, const ObCommand *command, GPtrArray *words, guint first)
{
  g_autoptr (GArray) options = collect_options (command);
  const GOptionEntry *open = NULL; /* the option whose value comes next */
  g_autofree char *meaning = NULL;
  gsize n_operands = 0;

  for (guint i = first; i + 1 < words->len; i++)
    {
      const char *word = words->pdata[i];
      const GOptionEntry *entry = find_option (options, word);

      if (strcmp (word, "--") == 0 && open == NULL)
        {
          g_strv_builder_add (self->found, ":command");
          return;
        }
      if (open != NULL)
        open = NULL;
      else if (takes_value (entry) && strchr (word, '=') == NULL)
        open = entry;
      else if (*word != '-')
        n_operands++;
    }
  if (open != NULL)
    offer_value (self, command, open->arg_description);
  else if (*self->typed == '-' && strchr (self->typed, '=') != NULL)
    offer_joined (self, command, options);
  else if (*self->typed == '-')
    offer_options (self, options);
  else if ((meaning = operand_meaning (command, n_operands)) != NULL)
    offer_value (self, command, meaning);
}

/* The first word of each command, or the second of those that begin with @group. */
static void
offer_commands (Completion *self, const char *group)
{
  g_autoptr (GHashTable) told = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *prefix = group != NULL ? g_strconcat (group, " ", NULL) : g_strdup ("");

  for (gsize i = 0; i < self->n_commands; i++)
    {
      const ObCommand *command = self->commands[i];
      const char *rest = command->name + strlen (prefix);
      g_autofree char *word = NULL;

      if (!g_str_has_prefix (command->name, prefix))
        continue;
      word = g_strndup (rest, strcspn (rest, " "));
      if (g_hash_table_contains (told, word))
        continue;
      offer_described (self, word, strchr (rest, ' ') == NULL ? command->summary : NULL);
      g_hash_table_add (told, g_steal_pointer (&word));
    }
}

/* The command that the words at @at and behind it name; *@n_words of them. */
static const ObCommand *
find_command (Completion *self, GPtrArray *words, guint at, guint *n_words)
{
  g_autofree char *two = NULL;

  if (at + 2 < words->len)
    two = g_strdup_printf ("%s %s", (char *) words->pdata[at], (char *) words->pdata[at + 1]);
  for (gsize i = 0; i < self->n_commands; i++)
    {
      gboolean is_one = strcmp (self->commands[i]->name, words->pdata[at]) == 0;

      if (is_one || g_strcmp0 (self->commands[i]->name, two) == 0)
        {
          *n_words = is_one ? 1 : 2;
          return self->commands[i];
        }
    }
  return NULL;
}

/* Without the "=" that bash makes a word of, between an option and its value. */
static GPtrArray *
take_words (const char *const *words)
{
  GPtrArray *taken = g_ptr_array_new ();

  for (gsize i = 0; words[i] != NULL; i++)
    {
      gboolean is_separator
        = strcmp (words[i], "=") == 0 && i > 0 && g_str_has_prefix (words[i - 1], "--");

      if (!is_separator)
        g_ptr_array_add (taken, (gpointer) words[i]);
      else if (words[i + 1] == NULL)
        g_ptr_array_add (taken, (gpointer) "");
    }
  return taken;
}

/* public methods */

GStrv
ob_complete (const ObCommand *const *commands, gsize n_commands, const char *const *words,
             ObCompleteNames names, gpointer user_data)
{
  g_autoptr (GStrvBuilder) found = g_strv_builder_new ();
  g_autoptr (GPtrArray) taken = take_words (words);
  const ObCommand *command = NULL;
  guint at = 0, n_words = 0;
  Completion self = {
    .commands = commands,
    .n_commands = n_commands,
    .names = names,
    .user_data = user_data,
    .typed = taken->len > 0 ? taken->pdata[taken->len - 1] : "",
    .before = "",
    .found = found,
  };

  /* Options that may stand before the command. */
  while (at + 1 < taken->len && *(const char *) taken->pdata[at] == '-')
    at++;
  if (at + 1 < taken->len)
    command = find_command (&self, taken, at, &n_words);

  if (command != NULL)
    complete_arguments (&self, command, taken, at + n_words);
  else if (at + 2 == taken->len)
    offer_commands (&self, taken->pdata[at]);
  else if (at + 1 >= taken->len)
    {
      offer_commands (&self, NULL);
      if (*self.typed == '-')
        {
          offer (&self, "--help");
          offer (&self, "--json");
          offer (&self, "--quiet");
          offer (&self, "--version");
        }
    }
  return g_strv_builder_end (found);
}
