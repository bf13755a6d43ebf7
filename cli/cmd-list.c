/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-dictionary.h"
#include "ob-error.h"
#include "ob-format.h"
#include "ob-output.h"
#include "ob-table.h"

typedef struct
{
  char *date, *kind, *from, *instance;
  int limit;
} Filter;

/* internal methods */

static void
filter_clear (Filter *filter)
{
  g_free (filter->date);
  g_free (filter->kind);
  g_free (filter->from);
  g_free (filter->instance);
}

static GVariant *
build_filter (const Filter *filter, GError **error)
{
  GVariantBuilder builder;
  guint64 since, until;

  if (filter->date != NULL && !ob_parse_date (filter->date, &since, &until))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "\"%s\" is no date; write 2026, 2026-11 or 2026-11-22", filter->date);
      return NULL;
    }

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  if (filter->date != NULL)
    {
      g_variant_builder_add (&builder, "{sv}", "since", g_variant_new_uint64 (since));
      g_variant_builder_add (&builder, "{sv}", "until", g_variant_new_uint64 (until));
    }
  if (filter->kind != NULL)
    g_variant_builder_add (&builder, "{sv}", "kind", g_variant_new_string (filter->kind));
  if (filter->from != NULL)
    g_variant_builder_add (&builder, "{sv}", "destination", g_variant_new_string (filter->from));
  if (filter->instance != NULL)
    g_variant_builder_add (&builder, "{sv}", "instance", g_variant_new_string (filter->instance));
  if (filter->limit > 0)
    g_variant_builder_add (&builder, "{sv}", "limit",
                           g_variant_new_uint32 ((guint32) filter->limit));
  return g_variant_builder_end (&builder);
}

static char *
size_of (GVariant *backup, const char *key)
{
  guint64 size = G_MAXUINT64;

  g_variant_lookup (backup, key, "t", &size);
  return ob_format_size (size);
}

/* When a drill restored it, or that one could not. */
static char *
proof_of (GVariant *backup)
{
  guint64 proven = ob_dict_number (backup, "proven");

  if (proven == 0)
    return g_strdup ("-");
  return strcmp (ob_dict_text (backup, "proven-result"), "proven") == 0 ? ob_format_age (proven)
                                                                       : g_strdup ("FAILED");
}

/* How many there were. */
static char *
modules_of (GVariant *backup)
{
  g_autoptr (GVariant) modules
    = g_variant_lookup_value (backup, "modules", G_VARIANT_TYPE ("aa{ss}"));

  return modules != NULL ? g_strdup_printf ("%" G_GSIZE_FORMAT, g_variant_n_children (modules))
                         : g_strdup ("-");
}

static void
add_row (ObTable *table, GVariant *backup)
{
  guint64 time = 0, duration = 0;
  g_autofree char *id = g_strndup (ob_dict_text (backup, "id"), 8);
  g_autofree char *size = size_of (backup, "size");
  g_autofree char *stored = size_of (backup, "stored");
  g_autofree char *when = NULL;
  g_autofree char *took = NULL;
  g_autofree const char **parts = NULL;
  g_autofree char *parts_text = NULL;
  gboolean damaged = strcmp (ob_dict_text (backup, "verified-result"), "damaged") == 0;
  g_autofree char *proven = proof_of (backup);
  g_autofree char *modules = modules_of (backup);
  gboolean pinned = FALSE;

  g_variant_lookup (backup, "pinned", "b", &pinned);
  g_variant_lookup (backup, "time", "t", &time);
  when = ob_format_time (time);
  took = g_variant_lookup (backup, "duration", "t", &duration)
           ? ob_format_duration ((double) duration)
           : g_strdup ("-");
  if (duration < 1 && *took != '-')
    {
      g_free (took);
      took = g_strdup ("< 1 s");
    }
  if (g_variant_lookup (backup, "parts", "^a&s", &parts))
    parts_text = g_strjoinv (",", (char **) parts);

  ob_table_add (table, id, when, ob_dict_text (backup, "instance"),
                ob_dict_text (backup, "hostname"), ob_dict_text (backup, "kind"),
                damaged ? "damaged" : ob_dict_text (backup, "result"), size, stored, took,
                ob_dict_text (backup, "destination"), parts_text != NULL ? parts_text : "", modules,
                proven, pinned ? "yes" : "-", ob_dict_text (backup, "label"), NULL);
}

static void
print_table (GVariant *backups)
{
  g_autoptr (ObTable) table
    = ob_table_new ("ID|TIME|INSTANCE|HOST|KIND|RESULT|>SIZE|>STORED|>TOOK|DESTINATION|PARTS|"
                    ">MODULES|PROVEN|PINNED|LABEL");
  GVariantIter iter;
  GVariant *backup;

  g_variant_iter_init (&iter, backups);
  while (g_variant_iter_loop (&iter, "@a{sv}", &backup))
    add_row (table, backup);
  ob_table_print (table);
}

static void
print_json (GVariant *backups, GVariant *problems)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "backups", backups);
  g_variant_builder_add (&builder, "{sv}", "problems", problems);
  ob_output_json (g_variant_builder_end (&builder));
}

static void
tell_none (ObClient *client)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) destination = NULL;
  g_autofree char *path = NULL;

  destination
    = ob_client_find (client, OB_DESTINATION_INTERFACE, "destination", NULL, &path, &error);
  if (g_error_matches (error, OB_ERROR, OB_ERROR_NOT_FOUND))
    g_printerr ("No place for backups is known here yet; tell where they are, or shall be, with "
                "`obbackupctl destination add`.\n");
  else
    g_printerr ("There are no such backups.\n");
}

static ObExit
list (ObClient *client, const Filter *filter)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) backups = NULL;
  g_autoptr (GVariant) problems = NULL;
  GVariant *options = build_filter (filter, &error);
  gsize n_problems;

  if (options == NULL)
    return ob_client_fail (client, error);
  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "ListBackups",
                          g_variant_new ("(@a{sv})", options), NULL, &error);
  if (reply == NULL)
    return ob_client_fail (client, error);
  backups = g_variant_get_child_value (reply, 0);
  problems = g_variant_get_child_value (reply, 1);

  if (client->json)
    print_json (backups, problems);
  else if (g_variant_n_children (backups) > 0)
    print_table (backups);
  else if (!client->quiet)
    tell_none (client);

  n_problems = g_variant_n_children (problems);
  for (gsize i = 0; i < n_problems; i++)
    {
      const char *problem;

      g_variant_get_child (problems, i, "&s", &problem);
      ob_output_warning (problem);
    }
  return n_problems > 0 ? OB_EXIT_FAILED : OB_EXIT_DONE;
}

static ObExit
run (ObClient *client, int argc, char **argv)
{
  Filter filter = { 0 };
  const GOptionEntry entries[] = {
    { "date", 0, 0, G_OPTION_ARG_STRING, &filter.date, "Of that year, month or day",
      "2026|2026-11|2026-11-22" },
    { "kind", 0, 0, G_OPTION_ARG_STRING, &filter.kind, "Of that kind",
      "manual|scheduled|automatic|foreign" },
    { "from", 0, 0, G_OPTION_ARG_STRING, &filter.from, "In that destination", "DEST" },
    { "instance", 0, 0, G_OPTION_ARG_STRING, &filter.instance, "Of that installation", "INSTANCE" },
    { "limit", 'n', 0, G_OPTION_ARG_INT, &filter.limit, "Only the newest N", "N" },
    G_OPTION_ENTRY_NULL,
  };
  char **operands;
  ObExit status;

  if (ob_command_parse (client, &ob_command_list, entries, NULL, argc, argv, 0, 0, &operands,
                        &status))
    status = list (client, &filter);
  filter_clear (&filter);
  return status;
}

const ObCommand ob_command_list = {
  .name = "list",
  .synopsis = "",
  .summary = "List backups, newest first.",
  .run = run,
};
