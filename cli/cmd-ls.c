/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-dictionary.h"
#include "ob-format.h"
#include "ob-output.h"
#include "ob-table.h"

#include <string.h>

/* Entries that are asked for at once. */
#define PAGE 10000

/* internal methods */

/* "drwxr-xr-x". Transfer full. */
static char *
format_mode (const char *type, guint32 mode)
{
  static const char letters[] = "rwxrwxrwx";
  char text[] = "----------";

  if (strcmp (type, "file") != 0)
    text[0] = strcmp (type, "symlink") == 0 ? 'l' : *type;
  for (guint i = 0; i < 9; i++)
    if (mode & (0400u >> i))
      text[i + 1] = letters[i];
  return g_strdup (text);
}

static guint32
read_number (GVariant *file, const char *key)
{
  guint32 number = 0;

  g_variant_lookup (file, key, "u", &number);
  return number;
}

static void
add_row (ObTable *table, GVariant *file)
{
  const char *type = ob_dict_text (file, "type");
  const char *target = ob_dict_text (file, "target");
  g_autofree char *mode = format_mode (type, read_number (file, "mode"));
  g_autofree char *owner
    = g_strdup_printf ("%u:%u", read_number (file, "uid"), read_number (file, "gid"));
  g_autofree char *size = strcmp (type, "file") == 0
                            ? ob_format_size (ob_dict_number (file, "size"))
                            : g_strdup ("");
  g_autofree char *when = ob_format_time (ob_dict_number (file, "mtime"));
  g_autofree char *name
    = g_strdup_printf ("%s%s%s%s", ob_dict_text (file, "name"),
                       strcmp (type, "directory") == 0 ? "/" : "", *target != '\0' ? " -> " : "",
                       target);

  ob_table_add (table, mode, owner, size, when, name, NULL);
}

/* The next entries of the directory. Transfer full. */
static GVariant *
ask (ObClient *client, const char *id, const char *path, const char *from, guint64 offset,
     GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder options;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (from != NULL)
    g_variant_builder_add (&options, "{sv}", "destination", g_variant_new_string (from));
  g_variant_builder_add (&options, "{sv}", "offset", g_variant_new_uint64 (offset));
  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "ListFiles",
                          g_variant_new ("(ssa{sv})", id, path, &options), NULL, error);
  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

static ObExit
list (ObClient *client, const char *id, const char *path, const char *from)
{
  g_autoptr (ObTable) table = ob_table_new ("MODE|OWNER|>SIZE|TIME|NAME");
  GVariantBuilder json = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  g_autoptr (GError) error = NULL;
  guint64 n = 0;
  gsize last = PAGE;

  while (last == PAGE)
    {
      g_autoptr (GVariant) files = ask (client, id, path, from, n, &error);

      if (files == NULL)
        {
          g_variant_builder_clear (&json);
          return ob_client_fail (client, error);
        }
      last = g_variant_n_children (files);
      for (gsize i = 0; i < last; i++)
        {
          g_autoptr (GVariant) file = g_variant_get_child_value (files, i);

          add_row (table, file);
          g_variant_builder_add_value (&json, file);
        }
      n += last;
    }
  if (client->json)
    ob_output_json (g_variant_builder_end (&json));
  else
    ob_table_print (table);
  g_variant_builder_clear (&json);
  return OB_EXIT_DONE;
}

static ObExit
run (ObClient *client, int argc, char **argv)
{
  g_autofree char *from = NULL;
  g_autofree char *path = NULL;
  const GOptionEntry entries[] = {
    { "from", 0, 0, G_OPTION_ARG_STRING, &from, "In that destination", "DEST" },
    G_OPTION_ENTRY_NULL,
  };
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_ls, entries,
                         "PATH is a part and a path in it, like sources/modules; such a path can "
                         "be restored alone:\n  obbackupctl restore ID --only "
                         "sources/modules/org.example --into DIR",
                         argc, argv, 1, 2, &operands, &status))
    return status;
  path = g_strdup (operands[1] != NULL ? operands[1] : "");
  if (g_str_has_suffix (path, "/"))
    path[strlen (path) - 1] = '\0';
  return list (client, operands[0], path, from);
}

const ObCommand ob_command_ls = {
  .name = "ls",
  .synopsis = "ID|latest [PATH]",
  .summary = "What is in a directory of a backup.",
  .run = run,
};
