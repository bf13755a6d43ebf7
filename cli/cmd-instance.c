/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-dictionary.h"
#include "ob-error.h"
#include "ob-follow.h"
#include "ob-format.h"
#include "ob-output.h"
#include "ob-table.h"

#include <stdlib.h>
#include <string.h>

typedef struct
{
  char *properties, *webapp, *unit, *stop, *start, *user, *health_url, *health_sql;
  int health_timeout;
  char **checks;
} Options;

/* internal methods */

static void
options_clear (Options *options)
{
  g_free (options->properties);
  g_free (options->webapp);
  g_free (options->unit);
  g_free (options->stop);
  g_free (options->start);
  g_free (options->user);
  g_free (options->health_url);
  g_free (options->health_sql);
  g_strfreev (options->checks);
}

#define INSTANCE_ENTRIES(options)                                                                  \
  { "properties", 0, 0, G_OPTION_ARG_FILENAME, &(options).properties,                              \
    "Path of config/Openbravo.properties", "FILE" },                                               \
    { "webapp", 0, 0, G_OPTION_ARG_FILENAME, &(options).webapp,                                    \
      "Deployed directory, if it is not found", "DIR" },                                           \
    { "unit", 0, 0, G_OPTION_ARG_STRING, &(options).unit,                                          \
      "systemd unit of the application server", "UNIT" },                                          \
    { "stop-command", 0, 0, G_OPTION_ARG_STRING, &(options).stop,                                  \
      "Command that stops the application, instead of --unit", "COMMAND" },                        \
    { "start-command", 0, 0, G_OPTION_ARG_STRING, &(options).start,                                \
      "Command that starts the application", "COMMAND" },                                          \
    { "command-user", 0, 0, G_OPTION_ARG_STRING, &(options).user,                                  \
      "Who runs the commands; the owner of the sources by default", "USER" },                      \
    { "health-url", 0, 0, G_OPTION_ARG_STRING, &(options).health_url,                              \
      "Address that answers when the application is well", "URL" },                                \
    { "health-sql", 0, 0, G_OPTION_ARG_STRING, &(options).health_sql,                              \
      "Query that gives true when the application is well", "QUERY" },                             \
    { "health-timeout", 0, 0, G_OPTION_ARG_INT, &(options).health_timeout,                         \
      "Seconds that it may take until it is well; 180 by default", "SECONDS" },                    \
    { "check-sql", 0, 0, G_OPTION_ARG_STRING_ARRAY, &(options).checks,                             \
      "Query that has to be true, or above 0, in a drill; may be repeated", "SQL" },               \
    G_OPTION_ENTRY_NULL

/* A path the service can use whatever its working directory is. Made absolute, no more. */
static void
add_path (GVariantBuilder *builder, const char *key, const char *path)
{
  g_autofree char *absolute = NULL;

  if (path == NULL)
    return;
  absolute = g_canonicalize_filename (path, NULL);
  g_variant_builder_add (builder, "{sv}", key, g_variant_new_string (absolute));
}

/* A command line, split as a shell would, but never given to one. */
static gboolean
add_command (GVariantBuilder *builder, const char *key, const char *command, GError **error)
{
  g_auto (GStrv) argv = NULL;

  if (command == NULL)
    return TRUE;
  if (!g_shell_parse_argv (command, NULL, &argv, error))
    {
      g_prefix_error (error, "The %s \"%s\" cannot be split into words: ", key, command);
      return FALSE;
    }
  g_variant_builder_add (builder, "{sv}", key,
                         g_variant_new_strv ((const char *const *) argv, -1));
  return TRUE;
}

/* Floating; NULL on error. */
static GVariant *
build_options (const Options *options, GError **error)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_path (&builder, "properties", options->properties);
  add_path (&builder, "webapp", options->webapp);
  if (options->unit != NULL)
    g_variant_builder_add (&builder, "{sv}", "unit", g_variant_new_string (options->unit));
  if (options->user != NULL)
    g_variant_builder_add (&builder, "{sv}", "command-user",
                           g_variant_new_string (options->user));
  if (options->health_url != NULL)
    g_variant_builder_add (&builder, "{sv}", "health-url",
                           g_variant_new_string (options->health_url));
  if (options->health_sql != NULL)
    g_variant_builder_add (&builder, "{sv}", "health-sql",
                           g_variant_new_string (options->health_sql));
  if (options->health_timeout > 0)
    g_variant_builder_add (&builder, "{sv}", "health-timeout",
                           g_variant_new_uint32 ((guint32) options->health_timeout));
  if (options->checks != NULL && *options->checks[0] == '\0' && options->checks[1] == NULL)
    g_variant_builder_add (&builder, "{sv}", "clear-check-sql", g_variant_new_boolean (TRUE));
  else if (options->checks != NULL)
    g_variant_builder_add (&builder, "{sv}", "check-sql",
                           g_variant_new_strv ((const char *const *) options->checks, -1));
  if (!add_command (&builder, "stop-command", options->stop, error)
      || !add_command (&builder, "start-command", options->start, error))
    {
      g_variant_builder_clear (&builder);
      return NULL;
    }
  return g_variant_builder_end (&builder);
}

static GVariant *
get_details (ObClient *client, const char *path, GError **error)
{
  g_autoptr (GVariant) reply = ob_client_call (client, path, OB_INSTANCE_INTERFACE, "GetDetails",
                                               ob_no_options (), NULL, error);

  return reply == NULL ? NULL : g_variant_get_child_value (reply, 0);
}

static const char *
text_of (GVariant *dictionary, const char *key)
{
  const char *text = "-";

  g_variant_lookup (dictionary, key, "&s", &text);
  return text;
}

static void
print_list (const char *name, const char *const *items)
{
  g_autofree char *joined = g_strjoinv (" ", (char **) items);
  g_autofree char *escaped = ob_output_escape (joined);

  g_print ("%-14s %s\n", name, escaped);
}

static void
print_checks (GVariant *details)
{
  g_autofree const char **checks = NULL;
  guint64 proven = ob_dict_number (details, "proven");

  if (g_variant_lookup (details, "check-sql", "^a&s", &checks))
    for (gsize i = 0; checks[i] != NULL; i++)
      {
        g_autofree char *escaped = ob_output_escape (checks[i]);

        g_print ("%-14s %s\n", i == 0 ? "check-sql" : "", escaped);
      }
  if (proven > 0)
    {
      g_autofree char *age = ob_format_age (proven);

      g_print ("%-14s %s, %s (%.8s)\n", "drill", age, ob_dict_text (details, "proven-result"),
               ob_dict_text (details, "proven-backup"));
    }
}

static void
print_details (GVariant *details)
{
  static const char *const keys[] = { "name", "properties", "database", "database-user", "sources",
                                      "webapp", "attachments", "reprintables", "unit",
                                      "health-url", "health-sql" };
  static const char *const lists[] = { "stop-command", "start-command" };
  const char *user, *error;
  guint64 last = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autofree char *escaped = ob_output_escape (text_of (details, keys[i]));

      if (strcmp (escaped, "-") != 0)
        g_print ("%-14s %s\n", keys[i], escaped);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (lists); i++)
    {
      g_autofree const char **argv = NULL;

      if (g_variant_lookup (details, lists[i], "^a&s", &argv))
        print_list (lists[i], argv);
    }
  if (g_variant_lookup (details, "command-user", "&s", &user))
    g_print ("%-14s %s\n", "command-user", user);
  print_checks (details);
  if (g_variant_lookup (details, "last-success", "t", &last))
    {
      g_autofree char *when = ob_format_time (last);

      g_print ("%-14s %s\n", "last-backup", when);
    }
  if (g_variant_lookup (details, "last-error", "&s", &error) && *error != '\0')
    g_print ("%-14s %s\n", "last-error", error);
}

static gsize
print_problems (GVariant *dictionary)
{
  g_autofree const char **problems = NULL;
  gsize n = 0;

  if (g_variant_lookup (dictionary, "problems", "^a&s", &problems))
    for (; problems[n] != NULL; n++)
      ob_output_warning (problems[n]);
  return n;
}

static void
print_previous (GVariant *details)
{
  g_autoptr (GVariant) previous
    = g_variant_lookup_value (details, "previous", G_VARIANT_TYPE ("aa{ss}"));
  GVariantIter iter;
  GVariant *state;

  if (previous == NULL || g_variant_n_children (previous) == 0)
    return;
  g_print ("Kept from before a restore:\n");
  g_variant_iter_init (&iter, previous);
  while (g_variant_iter_loop (&iter, "@a{ss}", &state))
    {
      const char *part = "", *where = "", *size_text = NULL;
      g_autofree char *size = NULL;
      g_autofree char *safe = NULL;

      g_variant_lookup (state, "part", "&s", &part);
      g_variant_lookup (state, "where", "&s", &where);
      g_variant_lookup (state, "size", "&s", &size_text);
      size = size_text != NULL ? ob_format_size (g_ascii_strtoull (size_text, NULL, 10)) : NULL;
      safe = ob_output_escape (where);
      g_print ("  %-14s %s%s%s\n", part, safe, size != NULL ? "  " : "",
               size != NULL ? size : "");
    }
}

/* ---- add and edit */

static void
print_notes (GVariant *notes)
{
  for (gsize i = 0; i < g_variant_n_children (notes); i++)
    {
      const char *note;

      g_variant_get_child (notes, i, "&s", &note);
      ob_output_warning (note);
    }
}

static ObExit
show_after_change (ObClient *client, const char *path, GVariant *notes)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) details = NULL;

  if (client->quiet && !client->json)
    {
      print_notes (notes);
      return OB_EXIT_DONE;
    }
  details = get_details (client, path, &error);
  if (details == NULL)
    return ob_client_fail (client, error);
  if (client->json)
    {
      GVariantDict dict;

      g_variant_dict_init (&dict, details);
      g_variant_dict_insert_value (&dict, "notes", notes);
      ob_output_json (g_variant_dict_end (&dict));
    }
  else
    {
      print_details (details);
      print_notes (notes);
    }
  return OB_EXIT_DONE;
}

static ObExit
add (ObClient *client, const char *name, const Options *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) notes = NULL;
  GVariant *arguments;
  const char *path;

  if (options->properties == NULL)
    {
      g_set_error_literal (&error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                           "Say where Openbravo.properties is: --properties FILE");
      return ob_client_fail (client, error);
    }
  arguments = build_options (options, &error);
  if (arguments == NULL)
    {
      ob_client_fail (client, error);
      return OB_EXIT_USAGE;
    }
  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "AddInstance",
                          g_variant_new ("(s@a{sv})", name, arguments), NULL, &error);
  if (reply == NULL)
    return ob_client_fail (client, error);
  g_variant_get (reply, "(&o@as)", &path, &notes);
  return show_after_change (client, path, notes);
}

static ObExit
run_add (ObClient *client, int argc, char **argv)
{
  Options options = { 0 };
  const GOptionEntry entries[] = { INSTANCE_ENTRIES (options) };
  char **operands;
  ObExit status;

  if (ob_command_parse (client, &ob_command_instance_add, entries, NULL, argc, argv, 1, 1,
                        &operands, &status))
    status = add (client, operands[0], &options);
  options_clear (&options);
  return status;
}

static ObExit
edit (ObClient *client, const char *name, const Options *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) notes = NULL;
  g_autofree char *path = NULL;
  GVariant *arguments = build_options (options, &error);

  if (arguments == NULL)
    {
      ob_client_fail (client, error);
      return OB_EXIT_USAGE;
    }
  g_variant_ref_sink (arguments);
  properties = ob_client_find (client, OB_INSTANCE_INTERFACE, "instance", name, &path, &error);
  if (properties != NULL)
    reply = ob_client_call (client, path, OB_INSTANCE_INTERFACE, "Update",
                            g_variant_new ("(@a{sv})", arguments), NULL, &error);
  g_variant_unref (arguments);
  if (reply == NULL)
    return ob_client_fail (client, error);
  notes = g_variant_get_child_value (reply, 0);
  return show_after_change (client, path, notes);
}

static ObExit
run_edit (ObClient *client, int argc, char **argv)
{
  Options options = { 0 };
  const GOptionEntry entries[] = { INSTANCE_ENTRIES (options) };
  char **operands;
  ObExit status;

  if (ob_command_parse (client, &ob_command_instance_edit, entries,
                        "Reads the properties again and accepts what they say now. What is not "
                        "given stays as it was; --check-sql \"\" takes all checks away.",
                        argc, argv, 0, 1, &operands, &status))
    status = edit (client, operands[0], &options);
  options_clear (&options);
  return status;
}

/* ---- list and show */

static ObExit
run_list (ObClient *client, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) objects = NULL;
  g_autoptr (ObTable) table = ob_table_new ("INSTANCE|HEALTH|LAST BACKUP");
  GVariantBuilder json;
  GVariantIter iter;
  GVariant *interfaces;
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_instance_list, NULL, NULL, argc, argv, 0, 0,
                         &operands, &status))
    return status;
  objects = ob_client_get_objects (client, &error);
  if (objects == NULL)
    return ob_client_fail (client, error);

  g_variant_builder_init (&json, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_loop (&iter, "{o@a{sa{sv}}}", NULL, &interfaces))
    {
      g_autoptr (GVariant) instance
        = g_variant_lookup_value (interfaces, OB_INSTANCE_INTERFACE, G_VARIANT_TYPE_VARDICT);
      guint64 last = 0;
      g_autofree char *when = NULL;

      if (instance == NULL)
        continue;
      g_variant_lookup (instance, "LastSuccess", "t", &last);
      when = ob_format_time (last);
      ob_table_add (table, text_of (instance, "Name"), text_of (instance, "Health"), when, NULL);
      g_variant_builder_add_value (&json, instance);
    }
  if (client->json)
    ob_output_json (g_variant_builder_end (&json));
  else
    {
      g_variant_builder_clear (&json);
      ob_table_print (table);
    }
  return OB_EXIT_DONE;
}

static ObExit
run_show (ObClient *client, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GVariant) details = NULL;
  g_autofree char *path = NULL;
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_instance_show, NULL, NULL, argc, argv, 0, 1,
                         &operands, &status))
    return status;
  properties
    = ob_client_find (client, OB_INSTANCE_INTERFACE, "instance", operands[0], &path, &error);
  if (properties != NULL)
    details = get_details (client, path, &error);
  if (details == NULL)
    return ob_client_fail (client, error);
  if (client->json)
    ob_output_json (details);
  else
    {
      print_details (details);
      print_previous (details);
      print_problems (details);
    }
  return OB_EXIT_DONE;
}

/* ---- check and remove */

static ObExit
run_check (ObClient *client, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autofree char *path = NULL;
  const char *job, *name = "";
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_instance_check, NULL, NULL, argc, argv, 0, 1,
                         &operands, &status))
    return status;
  properties
    = ob_client_find (client, OB_INSTANCE_INTERFACE, "instance", operands[0], &path, &error);
  if (properties != NULL)
    reply = ob_client_call (client, path, OB_INSTANCE_INTERFACE, "Check", ob_no_options (), NULL,
                            &error);
  if (reply == NULL)
    return ob_client_fail (client, error);
  g_variant_get (reply, "(&o)", &job);
  status = ob_follow_job (client, job, TRUE, &result);
  if (result == NULL || status != OB_EXIT_DONE)
    return status;

  g_variant_lookup (properties, "Name", "&s", &name);
  if (print_problems (result) > 0)
    return OB_EXIT_FAILED;
  if (!client->json && !client->quiet)
    g_print ("%s is in order: its database answers, and its directories are there.\n", name);
  return OB_EXIT_DONE;
}

static ObExit
run_remove (ObClient *client, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autofree char *path = NULL;
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_instance_remove, NULL, "Its backups stay.", argc,
                         argv, 1, 1, &operands, &status))
    return status;
  properties
    = ob_client_find (client, OB_INSTANCE_INTERFACE, "instance", operands[0], &path, &error);
  if (properties != NULL)
    reply = ob_client_call (client, path, OB_INSTANCE_INTERFACE, "Remove", ob_no_options (), NULL,
                            &error);
  if (reply == NULL)
    return ob_client_fail (client, error);
  if (!client->quiet && !client->json)
    g_print ("%s is not backed up any more; its backups stay where they are.\n", operands[0]);
  return OB_EXIT_DONE;
}

const ObCommand ob_command_instance_add = {
  .name = "instance add",
  .synopsis = "NAME",
  .summary = "Protect an Openbravo installation.",
  .run = run_add,
};

const ObCommand ob_command_instance_edit = {
  .name = "instance edit",
  .synopsis = "[NAME]",
  .summary = "Accept what Openbravo.properties says now, or change how it is protected.",
  .run = run_edit,
};

const ObCommand ob_command_instance_list = {
  .name = "instance list",
  .synopsis = "",
  .summary = "List the protected installations.",
  .run = run_list,
};

const ObCommand ob_command_instance_show = {
  .name = "instance show",
  .synopsis = "[NAME]",
  .summary = "Show what is known of one.",
  .run = run_show,
};

const ObCommand ob_command_instance_check = {
  .name = "instance check",
  .synopsis = "[NAME]",
  .summary = "Try whether it could be backed up now.",
  .run = run_check,
};

const ObCommand ob_command_instance_remove = {
  .name = "instance remove",
  .synopsis = "NAME",
  .summary = "Forget an installation; its backups stay.",
  .run = run_remove,
};
