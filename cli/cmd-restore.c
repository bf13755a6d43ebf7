/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-confirm.h"
#include "ob-dictionary.h"
#include "ob-error.h"
#include "ob-fd-open.h"
#include "ob-follow.h"
#include "ob-format.h"
#include "ob-new-host.h"
#include "ob-plan-output.h"
#include "ob-restore-output.h"

#include <string.h>
#include <unistd.h>

typedef struct
{
  const char *id;
  char *from, *instance, *only, *into, *into_database;
  gboolean original_settings, plan, yes, no_wait, force, keep_oid, quick;
  ObNewHost host;
} Request;

/* internal methods */

static void
request_clear (Request *request)
{
  g_free (request->from);
  g_free (request->instance);
  g_free (request->only);
  g_free (request->into);
  g_free (request->into_database);
  ob_new_host_clear (&request->host);
}

static gboolean
is_in_place (const Request *request)
{
  return request->into == NULL && request->into_database == NULL;
}

/* "sources/modules/org.example" beside "sources". */
static gboolean
names_files (const Request *request)
{
  return request->only != NULL && strchr (request->only, '/') != NULL;
}

static void
add_parts (GVariantBuilder *options, const Request *request)
{
  g_auto (GStrv) parts = NULL;

  if (request->only == NULL || names_files (request))
    return;
  parts = ob_split_list (request->only);
  g_variant_builder_add (options, "{sv}", "parts",
                         g_variant_new_strv ((const char *const *) parts, -1));
}

static void
add_common_options (GVariantBuilder *options, const Request *request)
{
  if (request->from != NULL)
    g_variant_builder_add (options, "{sv}", "destination", g_variant_new_string (request->from));
  if (request->host.name != NULL)
    g_variant_builder_add (options, "{sv}", "instance", g_variant_new_string (request->host.name));
  else if (request->instance != NULL)
    g_variant_builder_add (options, "{sv}", "instance", g_variant_new_string (request->instance));
  add_parts (options, request);
}

/* Looks the backup up: its whole id is what is restored from here on, even if a newer backup
 * arrives meanwhile. Transfer full; NULL on error. */
static GVariant *
find (ObClient *client, const Request *request, GError **error)
{
  gboolean latest = strcmp (request->id, "latest") == 0;
  g_autofree char *instance = NULL;
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder options;

  /* The latest is one of that instance; an id may be of another one, which is restored into it. */
  if (latest && request->host.properties == NULL)
    instance = g_strdup (request->instance);
  else if (latest
           && !ob_new_host_choose (client, request->instance, request->from, &instance, error))
    return NULL;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (request->from != NULL)
    g_variant_builder_add (&options, "{sv}", "destination", g_variant_new_string (request->from));
  add_parts (&options, request);
  if (instance != NULL)
    g_variant_builder_add (&options, "{sv}", "instance", g_variant_new_string (instance));
  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "GetBackup",
                          g_variant_new ("(sa{sv})", request->id, &options), NULL, error);
  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

static void
add_in_place_options (GVariantBuilder *options, const Request *request)
{
  if (request->force)
    g_variant_builder_add (options, "{sv}", "force", g_variant_new_boolean (TRUE));
  if (request->keep_oid || request->quick)
    g_variant_builder_add (options, "{sv}", "keep-oid", g_variant_new_boolean (request->keep_oid));
}

static void
add_elsewhere_options (GVariantBuilder *options, const Request *request)
{
  if (request->original_settings)
    g_variant_builder_add (options, "{sv}", "original-settings", g_variant_new_boolean (TRUE));
  if (names_files (request))
    {
      g_auto (GStrv) files = ob_split_list (request->only);

      /* As a shell completes the name of a directory. */
      for (gsize i = 0; files[i] != NULL; i++)
        if (g_str_has_suffix (files[i], "/"))
          files[i][strlen (files[i]) - 1] = '\0';
      g_variant_builder_add (options, "{sv}", "files",
                             g_variant_new_strv ((const char *const *) files, -1));
    }
}

/* Begins the job. Transfer full; NULL on error. */
static char *
begin (ObClient *client, const Request *request, const char *id, GError **error)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder options;
  int directory = -1, handle = -1;
  char *job;

  if (request->into != NULL)
    {
      directory = ob_open_target_directory (request->into, error);
      if (directory < 0)
        return NULL;
      handle = g_unix_fd_list_append (fds, directory, error);
      close (directory);
      if (handle < 0)
        return NULL;
    }

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  add_common_options (&options, request);
  if (handle >= 0)
    g_variant_builder_add (&options, "{sv}", "directory", g_variant_new_handle (handle));
  if (request->into_database != NULL)
    g_variant_builder_add (&options, "{sv}", "database",
                           g_variant_new_string (request->into_database));
  add_in_place_options (&options, request);
  add_elsewhere_options (&options, request);

  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "Restore",
                          g_variant_new ("(sa{sv})", id, &options), fds, error);
  if (reply == NULL)
    return NULL;
  g_variant_get (reply, "(o)", &job);
  return job;
}

static void
print_success (GVariant *result, const Request *request)
{
  guint64 bytes = 0, files = 0, rows = 0;
  double seconds = 0;
  g_autofree char *size = NULL;
  g_autofree char *took = NULL;

  g_variant_lookup (result, "bytes", "t", &bytes);
  g_variant_lookup (result, "files", "t", &files);
  g_variant_lookup (result, "rows", "t", &rows);
  g_variant_lookup (result, "seconds", "d", &seconds);
  size = ob_format_size (bytes);
  took = ob_format_duration (seconds);
  g_print ("Restored %" G_GUINT64_FORMAT " files and %" G_GUINT64_FORMAT
           " database rows (%s) in %s.\n",
           files, rows, size, took);
  if (is_in_place (request))
    ob_print_in_place (result);
}

/* What would be done. With --yes only what is in the way is told. *@plan: transfer full. */
static ObExit
make_plan (ObClient *client, const Request *request, const char *id, GVariant **plan)
{
  ObClient quiet = *client;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder options;
  const char *job = "";

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  add_common_options (&options, request);
  add_in_place_options (&options, request);
  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "PlanRestore",
                          g_variant_new ("(sa{sv})", id, &options), NULL, &error);
  if (reply == NULL)
    return ob_client_fail (client, error);
  g_variant_get (reply, "(&o)", &job);
  quiet.json = client->json && !request->yes;
  quiet.quiet = client->quiet || request->yes;
  return ob_follow_job (&quiet, job, TRUE, plan);
}

static ObExit
tell_obstacles (ObClient *client, GVariant *plan)
{
  g_autofree const char **obstacles = NULL;
  g_autofree char *all = NULL;
  g_autoptr (GError) error = NULL;

  g_variant_lookup (plan, "obstacles", "^a&s", &obstacles);
  all = g_strjoinv (" ", (char **) obstacles);
  g_set_error_literal (&error, OB_ERROR, OB_ERROR_FAILED, all);
  return ob_client_fail (client, error);
}

/* Shows the plan, and asks unless it is all that is wanted, or --yes was given. OB_EXIT_DONE where
 * the restore shall go on, or has been planned. */
static ObExit
agree (ObClient *client, const Request *request, const char *id)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) plan = NULL;
  g_autofree char *text = NULL;
  g_autofree char *question = NULL;
  ObExit status = make_plan (client, request, id, &plan);

  if (status != OB_EXIT_DONE || plan == NULL)
    return status;
  if (request->yes && !request->plan)
    return ob_plan_has_obstacles (plan) ? tell_obstacles (client, plan) : OB_EXIT_DONE;
  text = ob_plan_describe (plan);
  if (request->plan && !client->json)
    g_print ("%s", text);
  else if (!request->plan)
    g_printerr ("%s", text);
  if (ob_plan_has_obstacles (plan))
    return OB_EXIT_FAILED;
  if (request->plan)
    return OB_EXIT_DONE;
  question = g_strdup_printf ("Restore %s", ob_dict_text (plan, "instance"));
  return ob_confirm (question, &error) ? OB_EXIT_DONE : ob_client_fail (client, error);
}

/* *@result: as ob_follow_job(); NULL where only a plan was made. */
static ObExit
restore_backup (ObClient *client, const Request *request, const char *id, GVariant **result)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *job = NULL;
  ObExit status = OB_EXIT_DONE;

  /* A new host is looked at in any case: what it lacks is told before anything is made there. */
  if (is_in_place (request) && (request->plan || !request->yes || request->host.path != NULL))
    status = agree (client, request, id);
  if (request->plan || status != OB_EXIT_DONE)
    return status;
  job = begin (client, request, id, &error);
  if (job == NULL)
    return ob_client_fail (client, error);
  if (request->no_wait)
    {
      ob_print_started (client, job);
      return OB_EXIT_DONE;
    }

  status = ob_follow_job (client, job, TRUE, result);
  if (*result != NULL && !client->json && !client->quiet
      && (status == OB_EXIT_DONE || status == OB_EXIT_PARTIAL))
    print_success (*result, request);
  return status;
}

/* Adds the installation where it has to be added, and forgets it where nothing came of it. */
static gboolean
begin_host (ObClient *client, Request *request, GVariant *backup, GError **error)
{
  g_auto (GStrv) parts = request->only != NULL ? ob_split_list (request->only) : NULL;

  return request->host.properties == NULL
         || ob_new_host_begin (&request->host, client, backup, request->instance,
                               (const char *const *) parts, error);
}

static ObExit
restore (ObClient *client, Request *request)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) backup = find (client, request, &error);
  g_autoptr (GVariant) result = NULL;
  ObExit status = OB_EXIT_DONE;

  if (backup == NULL || !begin_host (client, request, backup, &error))
    return ob_client_fail (client, error);
  status = restore_backup (client, request, ob_dict_text (backup, "id"), &result);
  if (request->host.path == NULL)
    return status;
  if (result != NULL && (status == OB_EXIT_DONE || status == OB_EXIT_PARTIAL))
    ob_new_host_conclude (&request->host, client, result);
  else if (!request->no_wait || status != OB_EXIT_DONE)
    ob_new_host_give_up (&request->host, client);
  return status;
}

static gboolean
check_flags (const Request *request)
{
  g_autoptr (GError) error = NULL;
  const char *wrong = NULL;

  if (request->keep_oid && request->quick)
    wrong = "Give --keep-oid or --quick, not both.";
  else if (request->plan && !is_in_place (request))
    wrong = "A plan is made for a restore in place; elsewhere nothing is replaced.";
  else if (!ob_new_host_check (&request->host, is_in_place (request), &error))
    wrong = error->message;
  if (wrong != NULL)
    g_printerr ("obbackupctl: %s\n", wrong);
  return wrong == NULL;
}

static ObExit
run (ObClient *client, int argc, char **argv)
{
  Request request = { 0 };
  const GOptionEntry entries[] = {
    { "only", 0, 0, G_OPTION_ARG_STRING, &request.only,
      "Of database, sources, webapp, attachments, reprintables; with --into also files of them, as "
      "in sources/modules/org.example", "PART[/PATH],…" },
    { "into", 0, 0, G_OPTION_ARG_FILENAME, &request.into,
      "Restore files into this new or empty directory instead", "DIR" },
    { "into-database", 0, 0, G_OPTION_ARG_STRING, &request.into_database,
      "Restore the database under this new name instead", "NAME" },
    { "from", 0, 0, G_OPTION_ARG_STRING, &request.from, "Destination that holds it", "DEST" },
    { "instance", 0, 0, G_OPTION_ARG_STRING, &request.instance,
      "Installation to restore, if not the backup's own", "INSTANCE" },
    { "properties", 0, 0, G_OPTION_ARG_FILENAME, &request.host.properties,
      "On a new host: Openbravo.properties that say where everything goes here", "FILE" },
    { "webapp", 0, 0, G_OPTION_ARG_FILENAME, &request.host.webapp,
      "On a new host: directory for the deployed web application", "DIR" },
    { "unit", 0, 0, G_OPTION_ARG_STRING, &request.host.unit,
      "On a new host: systemd unit of the application server", "UNIT" },
    { "original-settings", 0, 0, G_OPTION_ARG_NONE, &request.original_settings,
      "Leave connection and paths in restored properties as they are in the backup", NULL },
    { "plan", 0, 0, G_OPTION_ARG_NONE, &request.plan,
      "Only tell what would be done, and what stands in the way", NULL },
    { "keep-oid", 0, 0, G_OPTION_ARG_NONE, &request.keep_oid,
      "Keep the database's number, as is done where there is an activation key", NULL },
    { "quick", 0, 0, G_OPTION_ARG_NONE, &request.quick,
      "Give the database a new number, to stop the application for seconds only", NULL },
    { "force", 0, 0, G_OPTION_ARG_NONE, &request.force,
      "End what is still connected to the database when the application is stopped", NULL },
    { "yes", 'y', 0, G_OPTION_ARG_NONE, &request.yes, "Do not ask", NULL },
    { "no-wait", 0, 0, G_OPTION_ARG_NONE, &request.no_wait,
      "Begin, and do not wait for the end", NULL },
    G_OPTION_ENTRY_NULL,
  };
  char **operands;
  ObExit status;

  if (ob_command_parse (client, &ob_command_restore, entries,
                        "Without --into and --into-database the backup takes the place of the "
                        "living installation,\nwhich is kept beside it.",
                        argc, argv, 1, 1, &operands, &status))
    {
      request.id = operands[0];
      status = check_flags (&request) ? restore (client, &request) : OB_EXIT_USAGE;
    }
  request_clear (&request);
  return status;
}

const ObCommand ob_command_restore = {
  .name = "restore",
  .synopsis = "ID|latest",
  .summary = "Bring a backup back.",
  .run = run,
};
