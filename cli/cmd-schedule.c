/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-dictionary.h"
#include "ob-follow.h"
#include "ob-format.h"
#include "ob-output.h"
#include "ob-schedule-options.h"
#include "ob-table.h"

#include <string.h>

/* internal methods */

static GVariant *
get_details (ObClient *client, const char *path, GError **error)
{
  g_autoptr (GVariant) reply = ob_client_call (client, path, OB_SCHEDULE_INTERFACE, "GetDetails",
                                               ob_no_options (), NULL, error);

  return reply == NULL ? NULL : g_variant_get_child_value (reply, 0);
}

static void
print_text (const char *name, const char *text)
{
  g_autofree char *escaped = ob_output_escape (text);

  if (*text != '\0')
    g_print ("%-14s %s\n", name, escaped);
}

static void
print_list (GVariant *details, const char *name)
{
  g_autofree const char **items = NULL;

  if (!g_variant_lookup (details, name, "^a&s", &items))
    return;
  for (gsize i = 0; items[i] != NULL; i++)
    print_text (i == 0 ? name : "", items[i]);
}

static void
print_next (GVariant *details)
{
  g_autoptr (GVariant) next = g_variant_lookup_value (details, "next", G_VARIANT_TYPE ("at"));

  for (gsize i = 0; next != NULL && i < g_variant_n_children (next); i++)
    {
      guint64 when = 0;
      g_autofree char *text = NULL;

      g_variant_get_child (next, i, "t", &when);
      text = ob_format_time (when);
      g_print ("%-14s %s\n", i == 0 ? "next" : "", text);
    }
}

static void
print_flag (GVariant *details, const char *name)
{
  gboolean set = FALSE;

  if (g_variant_lookup (details, name, "b", &set))
    g_print ("%-14s %s\n", name, set ? "yes" : "no");
}

static void
print_details (GVariant *details)
{
  static const char *const texts[] = { "name", "action", "instance" };
  static const char *const more[] = { "time-zone",  "overlap",      "random-delay", "late-after",
                                      "rules",      "verify-after", "prune-limit" };
  static const char *const flags[] = { "persistent", "drill-after", "prune-after", "running",
                                       "retrying" };
  gboolean enabled = TRUE;

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    print_text (texts[i], ob_dict_text (details, texts[i]));
  print_list (details, "destinations");
  print_list (details, "times");
  print_list (details, "parts");
  for (gsize i = 0; i < G_N_ELEMENTS (more); i++)
    print_text (more[i], ob_dict_text (details, more[i]));
  for (gsize i = 0; i < G_N_ELEMENTS (flags); i++)
    print_flag (details, flags[i]);
  g_variant_lookup (details, "enabled", "b", &enabled);
  if (!enabled)
    g_print ("%-14s no\n", "enabled");
  print_next (details);
  print_text ("last-error", ob_dict_text (details, "last-error"));
}

static ObExit
show_at (ObClient *client, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) details = NULL;

  if (client->quiet && !client->json)
    return OB_EXIT_DONE;
  details = get_details (client, path, &error);
  if (details == NULL)
    return ob_client_fail (client, error);
  if (client->json)
    ob_output_json (details);
  else
    print_details (details);
  return OB_EXIT_DONE;
}

/* ---- add and edit */

static ObExit
run_add (ObClient *client, int argc, char **argv)
{
  g_auto (ObScheduleOptions) options = { 0 };
  g_autofree GOptionEntry *entries = ob_schedule_options_new_entries (&options, FALSE);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  GVariant *arguments = NULL;
  const char *path = NULL;
  char **operands = NULL;
  ObExit status = OB_EXIT_USAGE;

  if (!ob_command_parse (client, &ob_command_schedule_add, entries,
                         "The times are calendar expressions as systemd's timers have them, each "
                         "with --at:\ndaily, \"*-*-* 03:00\", \"Mon..Fri 22:30\", \"*-*-01 04:00 "
                         "Europe/Madrid\".",
                         argc, argv, 1, 1, &operands, &status))
    return status;
  arguments = ob_schedule_options_build (&options, client, TRUE, &error);
  if (arguments == NULL)
    return ob_client_fail (client, error);
  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "AddSchedule",
                          g_variant_new ("(s@a{sv})", operands[0], arguments), NULL, &error);
  if (reply == NULL)
    return ob_client_fail (client, error);
  g_variant_get (reply, "(&o)", &path);
  return show_at (client, path);
}

static ObExit
run_edit (ObClient *client, int argc, char **argv)
{
  g_auto (ObScheduleOptions) options = { 0 };
  g_autofree GOptionEntry *entries = ob_schedule_options_new_entries (&options, TRUE);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) arguments = NULL;
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autofree char *path = NULL;
  char **operands = NULL;
  ObExit status = OB_EXIT_USAGE;

  if (!ob_command_parse (client, &ob_command_schedule_edit, entries,
                         "What is not given stays as it was. Rules (--keep-…, --rule) replace all "
                         "that there were.",
                         argc, argv, 0, 1, &operands, &status))
    return status;
  arguments = ob_schedule_options_build (&options, client, FALSE, &error);
  if (arguments == NULL)
    return ob_client_fail (client, error);
  g_variant_ref_sink (arguments);
  properties
    = ob_client_find (client, OB_SCHEDULE_INTERFACE, "schedule", operands[0], &path, &error);
  if (properties != NULL)
    reply = ob_client_call (client, path, OB_SCHEDULE_INTERFACE, "Update",
                            g_variant_new ("(@a{sv})", arguments), NULL, &error);
  return reply != NULL ? show_at (client, path) : ob_client_fail (client, error);
}

/* ---- list and show */

static void
add_row (ObTable *table, GVariant *schedule)
{
  guint64 last = ob_dict_number (schedule, "LastRun"), next = ob_dict_number (schedule, "NextRun");
  g_autofree char *last_text = ob_format_time (last);
  g_autofree char *next_text = next == 0 ? g_strdup ("-") : ob_format_time (next);
  g_autofree char *missed_text = NULL;
  gboolean enabled = TRUE, running = FALSE;
  guint32 missed = 0;

  g_variant_lookup (schedule, "Enabled", "b", &enabled);
  g_variant_lookup (schedule, "Running", "b", &running);
  g_variant_lookup (schedule, "Missed", "u", &missed);
  missed_text = g_strdup_printf ("%u", missed);
  ob_table_add (table, ob_dict_text (schedule, "Name"), ob_dict_text (schedule, "Instance"),
                enabled ? next_text : "disabled", last_text,
                running ? "running" : ob_dict_text (schedule, "LastResult"), missed_text, NULL);
}

static ObExit
run_list (ObClient *client, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) objects = NULL;
  g_autoptr (ObTable) table = ob_table_new ("SCHEDULE|INSTANCE|NEXT RUN|LAST RUN|RESULT|>MISSED");
  g_auto (GVariantBuilder) json = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  GVariantIter iter = { 0 };
  GVariant *interfaces = NULL;
  char **operands = NULL;
  ObExit status = OB_EXIT_USAGE;

  if (!ob_command_parse (client, &ob_command_schedule_list, NULL, NULL, argc, argv, 0, 0,
                         &operands, &status))
    return status;
  objects = ob_client_get_objects (client, &error);
  if (objects == NULL)
    return ob_client_fail (client, error);
  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_loop (&iter, "{&o@a{sa{sv}}}", NULL, &interfaces))
    {
      g_autoptr (GVariant) schedule
        = g_variant_lookup_value (interfaces, OB_SCHEDULE_INTERFACE, G_VARIANT_TYPE_VARDICT);

      if (schedule == NULL)
        continue;
      add_row (table, schedule);
      g_variant_builder_add_value (&json, schedule);
    }
  if (client->json)
    ob_output_json (g_variant_builder_end (&json));
  else
    ob_table_print (table);
  return OB_EXIT_DONE;
}

static ObExit
run_show (ObClient *client, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties = NULL;
  g_autofree char *path = NULL;
  char **operands = NULL;
  ObExit status = OB_EXIT_USAGE;

  if (!ob_command_parse (client, &ob_command_schedule_show, NULL, NULL, argc, argv, 0, 1,
                         &operands, &status))
    return status;
  properties
    = ob_client_find (client, OB_SCHEDULE_INTERFACE, "schedule", operands[0], &path, &error);
  return properties != NULL ? show_at (client, path) : ob_client_fail (client, error);
}

/* ---- remove and run */

static ObExit
run_remove (ObClient *client, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autofree char *path = NULL;
  char **operands = NULL;
  ObExit status = OB_EXIT_USAGE;

  if (!ob_command_parse (client, &ob_command_schedule_remove, NULL,
                         "Nothing runs by it any more. Its backups stay.", argc, argv, 1, 1,
                         &operands, &status))
    return status;
  properties
    = ob_client_find (client, OB_SCHEDULE_INTERFACE, "schedule", operands[0], &path, &error);
  if (properties != NULL)
    reply = ob_client_call (client, path, OB_SCHEDULE_INTERFACE, "Remove", ob_no_options (), NULL,
                            &error);
  if (reply == NULL)
    return ob_client_fail (client, error);
  if (client->json)
    ob_output_json (g_variant_new_parsed ("{'removed': <%s>}", operands[0]));
  return OB_EXIT_DONE;
}

static ObExit
run_run (ObClient *client, int argc, char **argv)
{
  gboolean no_wait = FALSE;
  const GOptionEntry entries[] = {
    { "no-wait", 0, 0, G_OPTION_ARG_NONE, &no_wait, "Begin, and do not wait for the end", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autofree char *path = NULL;
  g_autofree const char **jobs = NULL;
  char **operands = NULL;
  ObExit status = OB_EXIT_USAGE;

  if (!ob_command_parse (client, &ob_command_schedule_run, entries, NULL, argc, argv, 0, 1,
                         &operands, &status))
    return status;
  properties
    = ob_client_find (client, OB_SCHEDULE_INTERFACE, "schedule", operands[0], &path, &error);
  if (properties != NULL)
    reply = ob_client_call (client, path, OB_SCHEDULE_INTERFACE, "Trigger", ob_no_options (), NULL,
                            &error);
  if (reply == NULL)
    return ob_client_fail (client, error);
  g_variant_get (reply, "(^a&o)", &jobs);
  return ob_follow_jobs (client, jobs, no_wait);
}

const ObCommand ob_command_schedule_add = {
  .name = "schedule add",
  .synopsis = "NAME --at TIME…",
  .summary = "Back an installation up by itself.",
  .run = run_add,
};

const ObCommand ob_command_schedule_list = {
  .name = "schedule list",
  .synopsis = "",
  .summary = "The schedules, their next runs and their last ones.",
  .run = run_list,
};

const ObCommand ob_command_schedule_show = {
  .name = "schedule show",
  .synopsis = "[NAME]",
  .summary = "All about a schedule.",
  .run = run_show,
};

const ObCommand ob_command_schedule_edit = {
  .name = "schedule edit",
  .synopsis = "[NAME]",
  .summary = "Change a schedule.",
  .run = run_edit,
};

const ObCommand ob_command_schedule_remove = {
  .name = "schedule remove",
  .synopsis = "NAME",
  .summary = "Forget a schedule; its backups stay.",
  .run = run_remove,
};

const ObCommand ob_command_schedule_run = {
  .name = "schedule run",
  .synopsis = "[NAME]",
  .summary = "Run a schedule now.",
  .run = run_run,
};
