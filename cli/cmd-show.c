/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-dictionary.h"
#include "ob-format.h"
#include "ob-output.h"

#include <string.h>

/* internal methods */

static void
print_line (const char *name, const char *text)
{
  g_autofree char *escaped = ob_output_escape (text);

  g_print ("%-12s %s\n", name, escaped);
}

static void
print_text (GVariant *backup, const char *key, const char *name)
{
  const char *text;

  if (g_variant_lookup (backup, key, "&s", &text) && *text != '\0')
    print_line (name, text);
}

static void
print_times (GVariant *backup)
{
  guint64 time = 0, duration;
  g_autofree char *when = NULL;
  g_autofree char *age = NULL;
  g_autofree char *text = NULL;

  g_variant_lookup (backup, "time", "t", &time);
  when = ob_format_time (time);
  age = ob_format_age (time);
  text = g_strdup_printf ("%s (%s)", when, age);
  print_line ("time", text);
  if (g_variant_lookup (backup, "duration", "t", &duration))
    {
      g_autofree char *took
        = duration < 1 ? g_strdup ("less than a second") : ob_format_duration ((double) duration);

      print_line ("took", took);
    }
}

static void
print_size (GVariant *backup, const char *key, const char *name)
{
  guint64 size;

  if (g_variant_lookup (backup, key, "t", &size))
    {
      g_autofree char *text = ob_format_size (size);

      print_line (name, text);
    }
}

static void
print_parts (GVariant *backup)
{
  g_autofree const char **parts = NULL;
  g_autoptr (GVariant) sizes = g_variant_lookup_value (backup, "sizes", G_VARIANT_TYPE ("a{st}"));

  if (!g_variant_lookup (backup, "parts", "^a&s", &parts))
    return;
  for (gsize i = 0; parts[i] != NULL; i++)
    {
      guint64 size;
      g_autofree char *size_text = NULL;
      g_autofree char *text = NULL;

      if (sizes != NULL && g_variant_lookup (sizes, parts[i], "t", &size))
        size_text = ob_format_size (size);
      text = size_text != NULL ? g_strdup_printf ("%-14s %s", parts[i], size_text)
                               : g_strdup (parts[i]);
      print_line (i == 0 ? "parts" : "", text);
    }
}

static void
print_modules (GVariant *backup)
{
  g_autoptr (GVariant) modules
    = g_variant_lookup_value (backup, "modules", G_VARIANT_TYPE ("aa{ss}"));
  GVariantIter iter;
  GVariant *module;
  gboolean first = TRUE;

  if (modules == NULL)
    return;
  g_variant_iter_init (&iter, modules);
  while (g_variant_iter_loop (&iter, "@a{ss}", &module))
    {
      const char *name = "", *version = "", *package = "";
      g_autofree char *text = NULL;

      g_variant_lookup (module, "name", "&s", &name);
      g_variant_lookup (module, "version", "&s", &version);
      g_variant_lookup (module, "package", "&s", &package);
      text = g_strdup_printf ("%s %s%s%s%s", name, version, *package != '\0' ? " (" : "", package,
                              *package != '\0' ? ")" : "");
      print_line (first ? "modules" : "", text);
      first = FALSE;
    }
}

static void
print_warnings (GVariant *backup)
{
  g_autofree const char **warnings = NULL;

  if (!g_variant_lookup (backup, "warnings", "^a&s", &warnings))
    return;
  for (gsize i = 0; warnings[i] != NULL; i++)
    print_line (i == 0 ? "warnings" : "", warnings[i]);
}

static void
print_losses (GVariant *backup)
{
  g_autofree const char **paths = NULL;
  guint64 all = 0;
  gsize n = 0;

  if (!g_variant_lookup (backup, "lost", "^a&s", &paths))
    return;
  g_variant_lookup (backup, "n-lost", "t", &all);
  for (; paths[n] != NULL; n++)
    print_line (n == 0 ? "lost" : "", paths[n]);
  if (all > n)
    {
      g_autofree char *more = g_strdup_printf ("and %" G_GUINT64_FORMAT " more", all - n);

      print_line ("", more);
    }
}

static void
print_verified (GVariant *backup)
{
  const char *result = "", *depth = "";
  guint64 time = 0, data = 0;
  g_autofree char *age = NULL;
  g_autofree char *text = NULL;

  if (!g_variant_lookup (backup, "verified", "t", &time))
    {
      print_line ("verified", "never");
      return;
    }
  g_variant_lookup (backup, "verified-result", "&s", &result);
  g_variant_lookup (backup, "verified-depth", "&s", &depth);
  g_variant_lookup (backup, "verified-data", "t", &data);
  age = ob_format_age (time);
  text = g_strdup_printf ("%s, %s (%s)", age, result,
                          strcmp (depth, "data") == 0     ? "all data read"
                          : strcmp (depth, "sample") == 0 ? "a sample of the data read"
                                                          : "data not read");
  print_line ("verified", text);
  if (data > 0 && data != time)
    {
      g_autofree char *data_age = ob_format_age (data);
      g_autofree char *data_text = g_strdup_printf ("all data %s", data_age);

      print_line ("", data_text);
    }
}

static void
print_proof (GVariant *backup)
{
  guint64 time = 0;
  g_autofree char *age = NULL;
  g_autofree char *text = NULL;

  if (!g_variant_lookup (backup, "proven", "t", &time))
    {
      print_line ("drill", "never");
      return;
    }
  age = ob_format_age (time);
  text = strcmp (ob_dict_text (backup, "proven-result"), "proven") == 0
           ? g_strdup_printf ("proven %s", age)
           : g_strdup_printf ("FAILED %s; not to be relied on", age);
  print_line ("drill", text);
}

static void
print_backup (GVariant *backup)
{
  gboolean pinned = FALSE;

  print_text (backup, "id", "id");
  print_text (backup, "label", "label");
  print_text (backup, "instance", "instance");
  print_text (backup, "destination", "destination");
  print_text (backup, "hostname", "host");
  print_text (backup, "kind", "kind");
  print_text (backup, "result", "result");
  if (g_variant_lookup (backup, "pinned", "b", &pinned) && pinned)
    print_line ("pinned", "yes");
  print_times (backup);
  print_size (backup, "size", "size");
  print_size (backup, "stored", "stored");
  print_parts (backup);
  print_modules (backup);
  print_warnings (backup);
  print_losses (backup);
  print_verified (backup);
  print_proof (backup);
}

static ObExit
run (ObClient *client, int argc, char **argv)
{
  g_autofree char *from = NULL;
  gboolean manifest = FALSE;
  const GOptionEntry entries[] = {
    { "from", 0, 0, G_OPTION_ARG_STRING, &from, "In that destination", "DEST" },
    { "manifest", 0, 0, G_OPTION_ARG_NONE, &manifest, "Print the backup's manifest", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) backup = NULL;
  GVariantBuilder options;
  const char *text;
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_show, entries, NULL, argc, argv, 1, 1, &operands,
                         &status))
    return status;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (from != NULL)
    g_variant_builder_add (&options, "{sv}", "destination", g_variant_new_string (from));
  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "GetBackup",
                          g_variant_new ("(sa{sv})", operands[0], &options), NULL, &error);
  if (reply == NULL)
    return ob_client_fail (client, error);
  backup = g_variant_get_child_value (reply, 0);

  if (manifest && g_variant_lookup (backup, "manifest", "&s", &text))
    g_print ("%s%s", text, g_str_has_suffix (text, "\n") ? "" : "\n");
  else if (manifest)
    {
      g_printerr ("obbackupctl: Backup %s has no manifest, since another tool wrote it\n",
                  operands[0]);
      return OB_EXIT_NOT_FOUND;
    }
  else if (client->json)
    ob_output_json (backup);
  else
    print_backup (backup);
  return OB_EXIT_DONE;
}

const ObCommand ob_command_show = {
  .name = "show",
  .synopsis = "ID|latest",
  .summary = "Show one backup.",
  .run = run,
};
