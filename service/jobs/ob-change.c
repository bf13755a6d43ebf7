/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-change.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-instance.h"
#include "ob-io.h"
#include "ob-json-print.h"
#include "ob-manifest.h"
#include "ob-path.h"
#include "ob-restore-journal.h"
#include "ob-restore-stopped.h"
#include "ob-state-json.h"

#define MAX_FILE (64 * 1024)
#define ID_LENGTH 32

static const char *const state_names[] = { "beginning", "open", "ending", NULL };

/* internal methods */

static char *
get_file_name (const char *instance, gboolean ended)
{
  return g_strconcat (instance, ended ? ".ended.json" : ".json", NULL);
}

static char *
make_id (void)
{
  g_autofree char *uuid = g_uuid_string_random ();
  g_auto (GStrv) words = g_strsplit (uuid, "-", -1);

  return g_strjoinv ("", words);
}

/* @how: how it ended; NULL while it is open. */
static char *
build (const ObChange *change, const char *how)
{
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  JsonObject *object = json_object_new ();

  json_node_take_object (root, object);
  ob_state_json_set_text (object, "id", change->id);
  ob_state_json_set_text (object, "instance", change->instance);
  ob_state_json_set_text (object, "label", change->label);
  json_object_set_int_member (object, "uid", change->uid);
  json_object_set_int_member (object, "time", change->time);
  ob_state_json_set_text (object, "state", state_names[change->state]);
  ob_state_json_set_text (object, "backup", change->backup);
  ob_state_json_set_text (object, "destination", change->destination);
  json_object_set_boolean_member (object, "stopped", change->stopped);
  ob_state_json_set_text (object, "ended", how);
  if (how != NULL)
    json_object_set_int_member (object, "ended-time", g_get_real_time () / G_USEC_PER_SEC);
  return ob_json_print (root, TRUE);
}

static gboolean
is_id (const char *text)
{
  return text != NULL && strlen (text) == ID_LENGTH
         && strspn (text, "0123456789abcdef") == ID_LENGTH;
}

static gboolean
parse (ObChange *change, JsonObject *object)
{
  const char *state = ob_manifest_get_string (object, "state");
  guint64 uid = ob_manifest_get_number (object, "uid");
  gboolean known = FALSE;

  for (guint i = 0; state_names[i] != NULL; i++)
    if (strcmp (state, state_names[i]) == 0)
      {
        change->state = i;
        known = TRUE;
      }
  change->id = ob_state_json_dup_text (object, "id");
  change->instance = ob_state_json_dup_text (object, "instance");
  change->label = ob_state_json_dup_text (object, "label");
  change->uid = (guint) uid;
  change->time = (gint64) ob_manifest_get_number (object, "time");
  change->backup = ob_state_json_dup_text (object, "backup");
  change->destination = ob_state_json_dup_text (object, "destination");
  change->stopped = json_object_get_boolean_member_with_default (object, "stopped", FALSE);
  return known && is_id (change->id) && change->instance != NULL
         && ob_name_is_valid (change->instance) && uid <= G_MAXUINT32 && change->time >= 0
         && (change->state == OB_CHANGE_BEGINNING
             || (change->backup != NULL && change->destination != NULL));
}

/* "it succeeded at 2026-11-28 20:10". Transfer full. */
static char *
describe_end (JsonObject *object)
{
  g_autoptr (GDateTime) when
    = g_date_time_new_from_unix_local ((gint64) ob_manifest_get_number (object, "ended-time"));
  g_autofree char *date = when != NULL ? g_date_time_format (when, "%F %R") : NULL;

  return g_strdup_printf ("it %s at %s", ob_manifest_get_string (object, "ended"),
                          date != NULL ? date : "an unknown time");
}

/* *@ended (transfer full, may be NULL): a sentence on how it ended. */
static ObChange *
load_file (ObContext *context, const char *file, char **ended, GError **error)
{
  g_autoptr (GBytes) bytes = ob_read_file_at (context->changes_fd, file, MAX_FILE, error);
  g_autoptr (JsonObject) object = bytes != NULL ? ob_state_json_parse (bytes) : NULL;
  g_autoptr (ObChange) change = g_new0 (ObChange, 1);

  if (bytes == NULL)
    return NULL;
  if (object != NULL && parse (change, object))
    {
      if (ended != NULL)
        *ended = describe_end (object);
      return g_steal_pointer (&change);
    }
  g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
               "The file of a change, %s/changes/%s, is damaged; look at what it says, and remove "
               "it.",
               context->state_path, file);
  return NULL;
}

/* Names of instances that have a file: of an open change, or of one that ended. */
static GPtrArray *
list (ObContext *context, gboolean ended)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  int fd = openat (context->changes_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = fd >= 0 ? fdopendir (fd) : NULL;

  if (directory == NULL)
    {
      ob_fd_clear (&fd);
      return names;
    }
  for (struct dirent *entry = readdir (directory); entry != NULL; entry = readdir (directory))
    {
      g_auto (GStrv) words = g_strsplit (entry->d_name, ".", 4);
      guint n_words = g_strv_length (words);

      if (n_words == (ended ? 3 : 2) && strcmp (words[n_words - 1], "json") == 0
          && (!ended || strcmp (words[1], "ended") == 0) && ob_name_is_valid (words[0]))
        g_ptr_array_add (names, g_strdup (words[0]));
    }
  closedir (directory);
  return names;
}

/* How the change @id ended; NULL where nobody knows. Transfer full. */
static char *
find_end (ObContext *context, const char *id)
{
  g_autoptr (GPtrArray) names = list (context, TRUE);

  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *file = get_file_name (g_ptr_array_index (names, i), TRUE);
      g_autofree char *ended = NULL;
      g_autoptr (ObChange) change = load_file (context, file, &ended, NULL);

      if (change != NULL && strcmp (change->id, id) == 0)
        return g_steal_pointer (&ended);
    }
  return NULL;
}

/* A stop command may still be at work, and one that starts may refuse what runs already. */
static void
start_again (ObContext *context, const ObChange *change, GPtrArray *deeds)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObInstance) instance
    = ob_instance_load (context->instances_fd, change->instance, &error);

  if (instance != NULL)
    ob_application_stop (instance, context->command_timeout, NULL, NULL);
  if (instance != NULL
      && ob_application_start (instance, context->command_timeout, NULL, &error))
    {
      ob_restore_stopped_clear (context, change->instance);
      return;
    }
  ob_restore_stopped_set (context, change->instance, error->message);
  g_ptr_array_add (deeds, g_steal_pointer (&error->message));
}

static void
recover_one (ObContext *context, const char *name, GPtrArray *deeds)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObChange) change = ob_change_load (context, name, &error);
  const char *how = NULL;

  if (change == NULL)
    {
      g_ptr_array_add (deeds, g_strdup (error->message));
      return;
    }
  if (change->state == OB_CHANGE_BEGINNING)
    how = "never began";
  else if (ob_change_is_rolled_back (change, context))
    how = "was rolled back";
  if (how == NULL && change->state == OB_CHANGE_ENDING)
    {
      change->state = OB_CHANGE_OPEN;
      if (!ob_change_save (change, context, &error))
        g_ptr_array_add (deeds, g_strdup (error->message));
    }
  if (how == NULL)
    return;
  if (change->state == OB_CHANGE_BEGINNING && change->stopped)
    start_again (context, change, deeds);
  g_ptr_array_add (deeds, g_strdup_printf ("A change of instance %s %s", name, how));
  if (!ob_change_end (change, context, how, &error))
    g_ptr_array_add (deeds, g_strdup (error->message));
}

/* public methods */

ObChange *
ob_change_new (const char *instance, const char *label, guint uid)
{
  ObChange *change = g_new0 (ObChange, 1);

  change->id = make_id ();
  change->instance = g_strdup (instance);
  change->label = g_strdup (label);
  change->uid = uid;
  change->time = g_get_real_time () / G_USEC_PER_SEC;
  return change;
}

void
ob_change_free (ObChange *change)
{
  if (change == NULL)
    return;
  g_free (change->id);
  g_free (change->instance);
  g_free (change->label);
  g_free (change->backup);
  g_free (change->destination);
  g_free (change);
}

gboolean
ob_change_save (const ObChange *change, ObContext *context, GError **error)
{
  g_autofree char *file = get_file_name (change->instance, FALSE);
  g_autofree char *text = build (change, NULL);

  if (ob_replace_file_at (context->changes_fd, file, text, strlen (text), 0600, error))
    return TRUE;
  g_prefix_error (error, "The change cannot be written down: ");
  return FALSE;
}

ObChange *
ob_change_load (ObContext *context, const char *instance, GError **error)
{
  g_autofree char *file = get_file_name (instance, FALSE);

  return load_file (context, file, NULL, error);
}

ObChange *
ob_change_find (ObContext *context, const char *id, GError **error)
{
  g_autoptr (GPtrArray) names = list (context, FALSE);
  g_autofree char *ended = NULL;

  for (guint i = 0; i < names->len; i++)
    {
      g_autoptr (ObChange) change = ob_change_load (context, g_ptr_array_index (names, i), NULL);

      if (change != NULL && strcmp (change->id, id) == 0)
        return g_steal_pointer (&change);
    }
  ended = find_end (context, id);
  if (ended != NULL)
    g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND, "The change %.64s is over: %s.", id, ended);
  else
    g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                 "There is no change %.64s; \"obbackupctl change list\" tells which are open.", id);
  return NULL;
}

gboolean
ob_change_needs (ObContext *context, const char *backup, char **instance)
{
  g_autoptr (GPtrArray) names = list (context, FALSE);

  for (guint i = 0; i < names->len; i++)
    {
      g_autoptr (ObChange) change = ob_change_load (context, g_ptr_array_index (names, i), NULL);

      if (change == NULL || g_strcmp0 (change->backup, backup) != 0)
        continue;
      *instance = g_strdup (change->instance);
      return TRUE;
    }
  return FALSE;
}

gboolean
ob_change_is_rolled_back (const ObChange *change, ObContext *context)
{
  g_autoptr (GPtrArray) files = ob_restore_journal_list_kept (context, change->instance);

  for (guint i = 0; i < files->len; i++)
    {
      g_autoptr (ObRestoreJournal) record
        = ob_restore_journal_load (context, g_ptr_array_index (files, i), NULL);

      if (record != NULL && g_strcmp0 (record->change, change->id) == 0)
        return TRUE;
    }
  return FALSE;
}

gboolean
ob_change_end (const ObChange *change, ObContext *context, const char *how, GError **error)
{
  g_autofree char *ended = get_file_name (change->instance, TRUE);
  g_autofree char *open = get_file_name (change->instance, FALSE);
  g_autofree char *text = build (change, how);

  return ob_replace_file_at (context->changes_fd, ended, text, strlen (text), 0600, error)
         && ob_remove_file_at (context->changes_fd, open, error);
}

GPtrArray *
ob_change_recover (ObContext *context)
{
  GPtrArray *deeds = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) names = list (context, FALSE);

  for (guint i = 0; i < names->len; i++)
    recover_one (context, g_ptr_array_index (names, i), deeds);
  return deeds;
}
