/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-error.h"
#include "ob-fd-open.h"
#include "ob-follow.h"
#include "ob-format.h"
#include "ob-output.h"
#include "ob-s3-options.h"
#include "ob-table.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* internal methods */

/* Adds the descriptor of a passphrase file to the secrets of a call. */
static gboolean
add_passphrase (GVariantBuilder *secrets, GUnixFDList *fds, const char *file, GError **error)
{
  int fd, handle;

  if (file == NULL)
    return TRUE;
  fd = ob_open_passphrase_file (file, error);
  if (fd < 0)
    return FALSE;
  handle = g_unix_fd_list_append (fds, fd, error);
  close (fd);
  if (handle < 0)
    return FALSE;
  g_variant_builder_add (secrets, "{sh}", "passphrase", handle);
  return TRUE;
}

/* Calls a method that gives a job, and follows it. *@result: as ob_follow_job(). */
static ObExit
call_and_follow (ObClient *client, const char *path, const char *interface, const char *method,
                 GVariant *arguments, GUnixFDList *fds, GVariant **result)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply
    = ob_client_call (client, path, interface, method, arguments, fds, &error);
  const char *job;

  if (reply == NULL)
    return ob_client_fail (client, error);
  g_variant_get (reply, "(&o)", &job);
  return ob_follow_job (client, job, TRUE, result);
}

/* ---- add */

static void
print_added (GVariant *result, const char *name, const char *path)
{
  gboolean created = FALSE, generated = FALSE;

  g_variant_lookup (result, "created", "b", &created);
  g_variant_lookup (result, "passphrase-generated", "b", &generated);
  g_print (created ? "%s is ready: a new repository in %s.\n"
                   : "%s is ready: the repository that was already in %s.\n",
           name, path);
  if (generated)
    g_print ("\nIts passphrase was generated. Without it nobody can read the backups, not even on "
             "a\nnew machine: keep a copy somewhere else, in a safe or a password manager.\n"
             "  obbackupctl destination recovery-key %s\n",
             name);
}

/* What was given to "destination add". */
typedef struct
{
  char *kind, *path, *passphrase_file, *limit;
  gboolean no_passphrase, existing;
  ObS3Options s3;
} AddOptions;

static void
add_options_clear (AddOptions *add)
{
  g_free (add->kind);
  g_free (add->path);
  g_free (add->passphrase_file);
  g_free (add->limit);
  ob_s3_options_clear (&add->s3);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AddOptions, add_options_clear)

/* Only one secret can be the standard input. */
static gboolean
check_inputs (const char *passphrase_file, const ObS3Options *s3, GError **error)
{
  if (g_strcmp0 (passphrase_file, "-") != 0 || g_strcmp0 (s3->secret_key_file, "-") != 0)
    return TRUE;
  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                       "--passphrase-file and --secret-key-file cannot both be standard input");
  return FALSE;
}

static gboolean
check_add (const AddOptions *add, const char *kind, GError **error)
{
  const char *mistake = NULL;
  gboolean is_s3 = strcmp (kind, "s3") == 0;

  if (add->passphrase_file != NULL && add->no_passphrase)
    mistake = "--passphrase-file and --no-passphrase exclude each other";
  else if (is_s3 && add->path != NULL)
    mistake = "--path is for a directory; in a bucket it is --prefix";
  else if (is_s3 && add->s3.texts[0] == NULL)
    mistake = "Say where the backups shall be: --bucket BUCKET";
  else if (!is_s3 && ob_s3_options_are_given (&add->s3))
    mistake = "These options are for --kind s3";
  else if (!is_s3 && add->path == NULL)
    mistake = "Say where the backups shall be: --path DIR, or --kind s3 --bucket BUCKET";
  if (mistake == NULL)
    return check_inputs (add->passphrase_file, &add->s3, error);
  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, mistake);
  return FALSE;
}

static ObExit
add (ObClient *client, const char *name, const AddOptions *add, const char *kind)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) result = NULL;
  g_autofree char *where = add->path != NULL ? g_canonicalize_filename (add->path, NULL)
                                             : ob_s3_options_describe (&add->s3);
  GVariantBuilder options, secrets;
  ObExit status;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_init (&secrets, G_VARIANT_TYPE ("a{sh}"));
  if (!add_passphrase (&secrets, fds, add->passphrase_file, &error)
      || !ob_s3_options_add (&add->s3, &options, &secrets, fds, &error))
    {
      g_variant_builder_clear (&options);
      g_variant_builder_clear (&secrets);
      return ob_client_fail (client, error);
    }
  if (add->path != NULL)
    g_variant_builder_add (&options, "{sv}", "path", g_variant_new_string (where));
  if (add->limit != NULL)
    g_variant_builder_add (&options, "{sv}", "bandwidth-limit", g_variant_new_string (add->limit));
  if (add->no_passphrase)
    g_variant_builder_add (&options, "{sv}", "no-passphrase", g_variant_new_boolean (TRUE));
  if (add->existing)
    g_variant_builder_add (&options, "{sv}", "existing", g_variant_new_boolean (TRUE));

  status = call_and_follow (client, OB_ROOT_PATH, OB_INTERFACE, "AddDestination",
                            g_variant_new ("(ssa{sv}a{sh})", name, kind, &options, &secrets), fds,
                            &result);
  if (status == OB_EXIT_DONE && result != NULL && !client->json && !client->quiet)
    print_added (result, name, where);
  return status;
}

static ObExit
run_add (ObClient *client, int argc, char **argv)
{
  g_auto (AddOptions) given = { 0 };
  const GOptionEntry own[] = {
    { "kind", 0, 0, G_OPTION_ARG_STRING, &given.kind,
      "local (a directory) or s3; found out from the others if it is left out", "KIND" },
    { "path", 0, 0, G_OPTION_ARG_FILENAME, &given.path,
      "Directory for the repository; made if its parent is there", "DIR" },
    { "passphrase-file", 0, 0, G_OPTION_ARG_FILENAME, &given.passphrase_file,
      "Read the passphrase from FILE (- is standard input) instead of making one", "FILE" },
    { "no-passphrase", 0, 0, G_OPTION_ARG_NONE, &given.no_passphrase,
      "Use the empty passphrase", NULL },
    { "existing", 0, 0, G_OPTION_ARG_NONE, &given.existing,
      "Take over the repository that is there, as that of a lost machine; make none", NULL },
    { "bandwidth-limit", 0, 0, G_OPTION_ARG_STRING, &given.limit,
      "Bytes a second that go there and come from there at most (10M)", "LIMIT" },
    G_OPTION_ENTRY_NULL,
  };
  g_autofree GOptionEntry *entries = ob_s3_options_make_entries (&given.s3, own);
  g_autoptr (GError) error = NULL;
  const char *kind;
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_destination_add, entries, NULL, argc, argv, 1, 1,
                         &operands, &status))
    return status;
  kind = given.kind != NULL ? given.kind : given.s3.texts[0] != NULL ? "s3" : "local";
  if (!check_add (&given, kind, &error))
    return ob_client_fail (client, error);
  if (given.no_passphrase && !client->quiet)
    ob_output_warning ("without a passphrase whoever can read the repository can read the "
                       "backups, and restic before 0.17 cannot open them");
  return add (client, operands[0], &given, kind);
}

/* ---- edit */

/* What was given to "destination edit". */
typedef struct
{
  char *path, *passphrase_file, *limit, **reset;
  ObS3Options s3;
} EditOptions;

static void
edit_options_clear (EditOptions *edit)
{
  g_free (edit->path);
  g_free (edit->passphrase_file);
  g_free (edit->limit);
  g_strfreev (edit->reset);
  ob_s3_options_clear (&edit->s3);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (EditOptions, edit_options_clear)

static gboolean
add_edits (const EditOptions *edit, GVariantBuilder *options, GVariantBuilder *secrets,
           GUnixFDList *fds, GError **error)
{
  if (!check_inputs (edit->passphrase_file, &edit->s3, error)
      || !add_passphrase (secrets, fds, edit->passphrase_file, error)
      || !ob_s3_options_add (&edit->s3, options, secrets, fds, error))
    return FALSE;
  if (edit->path != NULL)
    {
      g_autofree char *absolute = g_canonicalize_filename (edit->path, NULL);

      g_variant_builder_add (options, "{sv}", "path", g_variant_new_string (absolute));
    }
  if (edit->limit != NULL)
    g_variant_builder_add (options, "{sv}", "bandwidth-limit", g_variant_new_string (edit->limit));
  if (edit->reset != NULL)
    g_variant_builder_add (options, "{sv}", "reset",
                           g_variant_new_strv ((const char *const *) edit->reset, -1));
  return TRUE;
}

static ObExit
run_edit (ObClient *client, int argc, char **argv)
{
  g_auto (EditOptions) given = { 0 };
  const GOptionEntry own[] = {
    { "path", 0, 0, G_OPTION_ARG_FILENAME, &given.path, "Where the same repository is now", "DIR" },
    { "passphrase-file", 0, 0, G_OPTION_ARG_FILENAME, &given.passphrase_file,
      "A passphrase that opens it (- is standard input)", "FILE" },
    { "bandwidth-limit", 0, 0, G_OPTION_ARG_STRING, &given.limit,
      "Bytes a second that go there and come from there at most (10M); none", "LIMIT" },
    { "reset", 0, 0, G_OPTION_ARG_STRING_ARRAY, &given.reset,
      "Take a setting of S3 away, as prefix; may be repeated", "SETTING" },
    G_OPTION_ENTRY_NULL,
  };
  g_autofree GOptionEntry *entries = ob_s3_options_make_entries (&given.s3, own);
  g_autoptr (GError) error = NULL;
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) properties = NULL;
  g_autofree char *object = NULL;
  GVariantBuilder options, secrets;
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_destination_edit, entries, NULL, argc, argv, 0, 1,
                         &operands, &status))
    return status;
  properties = ob_client_find (client, OB_DESTINATION_INTERFACE, "destination", operands[0],
                               &object, &error);
  if (properties == NULL)
    return ob_client_fail (client, error);

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_init (&secrets, G_VARIANT_TYPE ("a{sh}"));
  if (!add_edits (&given, &options, &secrets, fds, &error))
    {
      g_variant_builder_clear (&options);
      g_variant_builder_clear (&secrets);
      return ob_client_fail (client, error);
    }
  return call_and_follow (client, object, OB_DESTINATION_INTERFACE, "Update",
                          g_variant_new ("(a{sv}a{sh})", &options, &secrets), fds, NULL);
}

/* ---- list and show */

static void
add_row (ObTable *table, GVariant *destination)
{
  const char *name = "", *kind = "", *state = "";
  guint64 free_bytes = G_MAXUINT64, total = G_MAXUINT64;
  g_autofree char *free_text = NULL;
  g_autofree char *total_text = NULL;

  g_variant_lookup (destination, "Name", "&s", &name);
  g_variant_lookup (destination, "Kind", "&s", &kind);
  g_variant_lookup (destination, "State", "&s", &state);
  g_variant_lookup (destination, "FreeBytes", "t", &free_bytes);
  g_variant_lookup (destination, "TotalBytes", "t", &total);
  free_text = ob_format_size (total == 0 ? G_MAXUINT64 : free_bytes);
  total_text = ob_format_size (total == 0 ? G_MAXUINT64 : total);
  ob_table_add (table, name, kind, state, free_text, total_text, NULL);
}

static ObExit
run_list (ObClient *client, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) objects = NULL;
  g_autoptr (ObTable) table = ob_table_new ("DESTINATION|KIND|STATE|>FREE|>TOTAL");
  GVariantBuilder json;
  GVariantIter iter;
  GVariant *interfaces;
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_destination_list, NULL, NULL, argc, argv, 0, 0,
                         &operands, &status))
    return status;
  objects = ob_client_get_objects (client, &error);
  if (objects == NULL)
    return ob_client_fail (client, error);

  g_variant_builder_init (&json, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_loop (&iter, "{o@a{sa{sv}}}", NULL, &interfaces))
    {
      g_autoptr (GVariant) destination
        = g_variant_lookup_value (interfaces, OB_DESTINATION_INTERFACE, G_VARIANT_TYPE_VARDICT);

      if (destination == NULL)
        continue;
      add_row (table, destination);
      g_variant_builder_add_value (&json, destination);
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

static void
print_details (GVariant *properties, GVariant *details)
{
  static const char *const keys[]
    = { "name",          "kind",       "path",       "repository",   "region",
        "style",         "ca-file",    "storage-class", "encryption", "kms-key",
        "lock-mode",     "credentials",   "access-key", "profile",    "profile-file",
        "bandwidth-limit", "problem" };
  guint64 free_bytes = 0, total = 0;
  gboolean flag = FALSE;
  const char *text;
  guint days;

  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    if (g_variant_lookup (details, keys[i], "&s", &text) && *text != '\0')
      {
        g_autofree char *escaped = ob_output_escape (text);

        g_print ("%-13s %s\n", keys[i], escaped);
      }
  if (g_variant_lookup (details, "lock-days", "u", &days))
    g_print ("%-13s %u\n", "lock-days", days);
  if (g_variant_lookup (properties, "State", "&s", &text))
    g_print ("%-13s %s\n", "state", text);
  g_variant_lookup (properties, "FreeBytes", "t", &free_bytes);
  if (g_variant_lookup (properties, "TotalBytes", "t", &total) && total > 0
      && total != G_MAXUINT64)
    {
      g_autofree char *free_text = ob_format_size (free_bytes);
      g_autofree char *total_text = ob_format_size (total);

      g_print ("%-13s %s of %s\n", "free", free_text, total_text);
    }
  if (g_variant_lookup (details, "no-passphrase", "b", &flag) && flag)
    g_print ("%-13s none: whoever reads the repository can read the backups\n", "passphrase");
  else if (g_variant_lookup (details, "key-saved", "b", &flag) && !flag)
    g_print ("%-13s nobody has said that a copy of its recovery key is kept elsewhere\n", "key");
}

static ObExit
run_show (ObClient *client, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) details = NULL;
  g_autofree char *path = NULL;
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_destination_show, NULL, NULL, argc, argv, 0, 1,
                         &operands, &status))
    return status;
  properties = ob_client_find (client, OB_DESTINATION_INTERFACE, "destination", operands[0], &path,
                               &error);
  if (properties != NULL)
    reply = ob_client_call (client, path, OB_DESTINATION_INTERFACE, "GetDetails",
                            ob_no_options (), NULL, &error);
  if (reply == NULL)
    return ob_client_fail (client, error);
  details = g_variant_get_child_value (reply, 0);
  if (client->json)
    ob_output_json (details);
  else
    print_details (properties, details);
  return OB_EXIT_DONE;
}

/* ---- remove, recovery-key */

static ObExit
run_remove (ObClient *client, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autofree char *path = NULL;
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_destination_remove, NULL,
                         "The backups in it and the key that opens them stay.", argc, argv, 1, 1,
                         &operands, &status))
    return status;
  properties = ob_client_find (client, OB_DESTINATION_INTERFACE, "destination", operands[0], &path,
                               &error);
  if (properties != NULL)
    reply = ob_client_call (client, path, OB_DESTINATION_INTERFACE, "Remove", ob_no_options (),
                            NULL, &error);
  if (reply == NULL)
    return ob_client_fail (client, error);
  if (!client->quiet && !client->json)
    g_print ("%s is no destination any more; its backups and its key stay.\n", operands[0]);
  return OB_EXIT_DONE;
}

/* Has the service write the key into a pipe of ours; never into an argument or a property. */
static char *
fetch_key (ObClient *client, const char *path, gboolean saved, GError **error)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder options;
  char buffer[4096];
  int pipe_fds[2], handle;
  gssize size;

  if (pipe2 (pipe_fds, O_CLOEXEC) < 0)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_FAILED, "No pipe can be made for the key");
      return NULL;
    }
  handle = g_unix_fd_list_append (fds, pipe_fds[1], error);
  close (pipe_fds[1]);
  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (saved)
    g_variant_builder_add (&options, "{sv}", "saved", g_variant_new_boolean (TRUE));
  if (handle >= 0)
    reply = ob_client_call (client, path, OB_DESTINATION_INTERFACE, "RecoveryKey",
                            g_variant_new ("(ha{sv})", handle, &options), fds, error);
  g_clear_object (&fds);
  if (reply == NULL)
    {
      close (pipe_fds[0]);
      return NULL;
    }

  size = read (pipe_fds[0], buffer, sizeof buffer - 1);
  close (pipe_fds[0]);
  if (size <= 0)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_FAILED, "The service gave no key");
      return NULL;
    }
  buffer[size] = '\0';
  return g_strdup (buffer);
}

static ObExit
run_recovery_key (ObClient *client, int argc, char **argv)
{
  gboolean saved = FALSE;
  const GOptionEntry entries[] = {
    { "saved", 0, 0, G_OPTION_ARG_NONE, &saved,
      "Also remember that a copy is kept elsewhere, so that status stops asking", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties = NULL;
  g_autofree char *path = NULL;
  g_autofree char *key = NULL;
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_destination_recovery_key, entries,
                         "Prints the passphrase that opens the repository, also with restic.",
                         argc, argv, 0, 1, &operands, &status))
    return status;
  properties = ob_client_find (client, OB_DESTINATION_INTERFACE, "destination", operands[0], &path,
                               &error);
  if (properties != NULL)
    key = fetch_key (client, path, saved, &error);
  if (key == NULL)
    return ob_client_fail (client, error);
  if (client->json)
    {
      GVariantBuilder builder;

      g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&builder, "{sv}", "recovery-key",
                             g_variant_new_string (g_strchomp (key)));
      ob_output_json (g_variant_builder_end (&builder));
    }
  else
    g_print ("%s", key);
  return OB_EXIT_DONE;
}

const ObCommand ob_command_destination_add = {
  .name = "destination add",
  .synopsis = "NAME",
  .summary = "Add a place for backups.",
  .run = run_add,
};

const ObCommand ob_command_destination_edit = {
  .name = "destination edit",
  .synopsis = "[NAME]",
  .summary = "Tell where its repository is now, or how it is reached or opened.",
  .run = run_edit,
};

const ObCommand ob_command_destination_list = {
  .name = "destination list",
  .synopsis = "",
  .summary = "List the places for backups, with their space.",
  .run = run_list,
};

const ObCommand ob_command_destination_show = {
  .name = "destination show",
  .synopsis = "[NAME]",
  .summary = "Show what is known of one.",
  .run = run_show,
};

const ObCommand ob_command_destination_remove = {
  .name = "destination remove",
  .synopsis = "NAME",
  .summary = "Forget a place; what is in it stays.",
  .run = run_remove,
};

const ObCommand ob_command_destination_recovery_key = {
  .name = "destination recovery-key",
  .synopsis = "[NAME]",
  .summary = "Print the passphrase that opens its repository.",
  .run = run_recovery_key,
};
