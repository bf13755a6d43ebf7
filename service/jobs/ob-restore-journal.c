/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-json-print.h"
#include "ob-manifest.h"
#include "ob-path.h"
#include "ob-state-json.h"

#define MAX_FILE (1024 * 1024)
#define MAX_DATABASE_NAME 63
#define TIME_LENGTH 14 /* YYYYMMDDHHMMSS */

static const char *const phase_names[]
  = { "staging", "stopping", "swapping", "swapped", "returning", "returned", "done", NULL };

/* internal methods */

static void
free_carry (gpointer data)
{
  ObRestoreCarry *carry = data;

  g_free (carry->path);
  g_free (carry);
}

static void
free_unit (gpointer data)
{
  ObRestoreUnit *unit = data;

  g_free (unit->path);
  g_free (unit->staging_parent);
  g_free (unit->staging_name);
  g_free (unit->made);
  g_ptr_array_unref (unit->carries);
  g_free (unit);
}

/* NAME_SUFFIX_TIME; a long NAME is cut between two characters. */
static char *
get_database_name (const char *name, const char *suffix, const char *when)
{
  g_autofree char *tail = g_strdup_printf ("_%s_%s", suffix, when);
  gsize room = MAX_DATABASE_NAME - strlen (tail);
  gsize length = strlen (name);

  if (length > room)
    for (length = room; length > 0 && (name[length] & 0xc0) == 0x80;)
      length--;
  return g_strdup_printf ("%.*s%s", (int) length, name, tail);
}

/* Like the name @moving, and as long. NULL where that is none of ours. Transfer full. */
static char *
get_doomed_name (const char *moving)
{
  const char *suffix = moving != NULL ? g_strrstr (moving, "_moving_") : NULL;

  if (suffix == NULL)
    return NULL;
  return g_strdup_printf ("%.*s_doomed_%s", (int) (suffix - moving), moving,
                          suffix + strlen ("_moving_"));
}

/* Inode numbers have 64 bits, JSON's numbers 63. */
static void
set_inode (JsonObject *object, const char *name, guint64 inode)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, inode);

  json_object_set_string_member (object, name, text);
}

static guint64
get_inode (JsonObject *object, const char *name)
{
  return g_ascii_strtoull (ob_manifest_get_string (object, name), NULL, 10);
}

static gboolean
get_flag (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_boolean (node);
}

static JsonObject *
build_unit (const ObRestoreUnit *unit)
{
  JsonObject *object = json_object_new ();
  JsonArray *carries = json_array_new ();

  ob_state_json_set_text (object, "part", ob_part_get_name (unit->part));
  json_object_set_int_member (object, "parts", unit->parts);
  ob_state_json_set_text (object, "path", unit->path);
  ob_state_json_set_text (object, "staging-parent", unit->staging_parent);
  ob_state_json_set_text (object, "staging-name", unit->staging_name);
  set_inode (object, "staging-inode", unit->staging_inode);
  set_inode (object, "parent-inode", unit->parent_inode);
  set_inode (object, "new-inode", unit->new_inode);
  json_object_set_boolean_member (object, "had-former", unit->had_former);
  json_object_set_int_member (object, "kept-size", (gint64) unit->kept_size);
  for (guint i = 0; i < unit->carries->len; i++)
    {
      const ObRestoreCarry *carry = g_ptr_array_index (unit->carries, i);
      JsonObject *entry = json_object_new ();

      ob_state_json_set_text (entry, "path", carry->path);
      set_inode (entry, "inode", carry->inode);
      json_array_add_object_element (carries, entry);
    }
  json_object_set_array_member (object, "carries", carries);
  return object;
}

static char *
build (const ObRestoreJournal *journal)
{
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  JsonObject *object = json_object_new ();
  JsonArray *units = json_array_new ();

  json_node_take_object (root, object);
  ob_state_json_set_text (object, "phase", phase_names[journal->phase]);
  ob_state_json_set_text (object, "instance", journal->instance);
  ob_state_json_set_text (object, "backup", journal->backup);
  ob_state_json_set_text (object, "time", journal->time);
  json_object_set_boolean_member (object, "control", journal->control);
  ob_state_json_set_text (object, "staged-database", journal->staged_database);
  ob_state_json_set_text (object, "kept-database", journal->kept_database);
  ob_state_json_set_text (object, "moving-database", journal->moving_database);
  json_object_set_int_member (object, "oid", journal->oid);
  json_object_set_boolean_member (object, "had-database", journal->had_database);
  json_object_set_int_member (object, "kept-size", (gint64) journal->kept_size);
  json_object_set_int_member (object, "kept-since", journal->kept_since);
  json_object_set_boolean_member (object, "undo", journal->undo);
  ob_state_json_set_text (object, "change", journal->change);
  json_object_set_boolean_member (object, "lossy", journal->lossy);
  json_object_set_boolean_member (object, "whole", journal->whole);
  for (guint i = 0; i < journal->units->len; i++)
    json_array_add_object_element (units, build_unit (g_ptr_array_index (journal->units, i)));
  json_object_set_array_member (object, "units", units);
  return ob_json_print (root, TRUE);
}

/* The time becomes a part of names of files. */
static gboolean
is_time (const char *text)
{
  return text != NULL && strlen (text) == TIME_LENGTH
         && strspn (text, "0123456789") == TIME_LENGTH;
}

/* SECURITY: whether @path stays below the directory that it is relative to. */
static gboolean
is_inner_path (const char *path)
{
  g_autofree char *absolute = g_strconcat ("/", path, NULL);
  g_autofree char *normal = ob_path_normalize (absolute);

  return *path != '\0' && normal != NULL && strcmp (absolute, normal) == 0;
}

static gboolean
has_staging (const ObRestoreUnit *unit)
{
  return unit->staging_parent != NULL && g_path_is_absolute (unit->staging_parent)
         && unit->staging_name != NULL && strchr (unit->staging_name, '/') == NULL
         && is_inner_path (unit->staging_name);
}

static gboolean
parse_unit (ObRestoreJournal *journal, JsonObject *object)
{
  ObParts part = ob_part_from_name (ob_manifest_get_string (object, "part"));
  g_autofree char *path = ob_path_normalize (ob_manifest_get_string (object, "path"));
  JsonArray *carries = ob_manifest_get_array (object, "carries");
  ObRestoreUnit *unit = NULL;

  if (part == 0 || path == NULL)
    return FALSE;
  unit = ob_restore_journal_add_unit (journal, part, path);
  unit->parts = (ObParts) ob_manifest_get_number (object, "parts") & OB_PART_ALL;
  unit->staging_parent = ob_state_json_dup_text (object, "staging-parent");
  unit->staging_name = ob_state_json_dup_text (object, "staging-name");
  unit->staging_inode = get_inode (object, "staging-inode");
  unit->parent_inode = get_inode (object, "parent-inode");
  unit->new_inode = get_inode (object, "new-inode");
  unit->had_former = get_flag (object, "had-former");
  unit->kept_size = ob_manifest_get_number (object, "kept-size");
  for (guint i = 0; carries != NULL && i < json_array_get_length (carries); i++)
    {
      JsonNode *node = json_array_get_element (carries, i);
      ObRestoreCarry *carry = NULL;

      if (!JSON_NODE_HOLDS_OBJECT (node))
        return FALSE;
      carry = g_new0 (ObRestoreCarry, 1);
      carry->path = g_strdup (ob_manifest_get_string (json_node_get_object (node), "path"));
      carry->inode = get_inode (json_node_get_object (node), "inode");
      g_ptr_array_add (unit->carries, carry);
      if (!is_inner_path (carry->path))
        return FALSE;
    }
  return has_staging (unit);
}

/* The names of databases belong together. */
static gboolean
has_databases (const ObRestoreJournal *journal)
{
  return (journal->staged_database == NULL || journal->kept_database != NULL)
         && (journal->oid == 0
             || (journal->staged_database != NULL && journal->doomed_database != NULL));
}

static gboolean
parse (ObRestoreJournal *journal, JsonObject *object)
{
  const char *phase = ob_manifest_get_string (object, "phase");
  JsonArray *units = ob_manifest_get_array (object, "units");
  gboolean known = FALSE;

  for (guint i = 0; phase_names[i] != NULL; i++)
    if (strcmp (phase, phase_names[i]) == 0)
      {
        journal->phase = i;
        known = TRUE;
      }
  journal->instance = ob_state_json_dup_text (object, "instance");
  journal->backup = ob_state_json_dup_text (object, "backup");
  journal->time = ob_state_json_dup_text (object, "time");
  journal->control = get_flag (object, "control");
  journal->had_database = get_flag (object, "had-database");
  journal->staged_database = ob_state_json_dup_text (object, "staged-database");
  journal->kept_database = ob_state_json_dup_text (object, "kept-database");
  journal->moving_database = ob_state_json_dup_text (object, "moving-database");
  journal->doomed_database = get_doomed_name (journal->moving_database);
  journal->oid = (guint32) ob_manifest_get_number (object, "oid");
  journal->kept_size = ob_manifest_get_number (object, "kept-size");
  journal->kept_since = (gint64) ob_manifest_get_number (object, "kept-since");
  journal->undo = get_flag (object, "undo");
  journal->change = ob_state_json_dup_text (object, "change");
  journal->lossy = get_flag (object, "lossy");
  journal->whole = get_flag (object, "whole");
  for (guint i = 0; units != NULL && i < json_array_get_length (units); i++)
    {
      JsonNode *node = json_array_get_element (units, i);

      if (!JSON_NODE_HOLDS_OBJECT (node) || !parse_unit (journal, json_node_get_object (node)))
        return FALSE;
    }
  return known && journal->instance != NULL && ob_name_is_valid (journal->instance)
         && is_time (journal->time) && has_databases (journal);
}

static ObRestoreJournal *
allocate (void)
{
  ObRestoreJournal *journal = g_new0 (ObRestoreJournal, 1);

  journal->units = g_ptr_array_new_with_free_func (free_unit);
  return journal;
}

static gint
compare_texts (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* All files NAME.json with as many dots as asked for before the suffix. */
static GPtrArray *
list_files (ObContext *context, gboolean kept, const char *instance)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  int fd = fcntl (context->restores_fd, F_DUPFD_CLOEXEC, 3);
  DIR *directory = fd >= 0 ? fdopendir (fd) : NULL;

  if (directory == NULL)
    {
      ob_fd_clear (&fd);
      return names;
    }
  rewinddir (directory);
  for (struct dirent *entry = readdir (directory); entry != NULL; entry = readdir (directory))
    {
      g_auto (GStrv) words = g_strsplit (entry->d_name, ".", 4);
      guint n_words = g_strv_length (words);

      if (n_words != (kept ? 3 : 2) || strcmp (words[n_words - 1], "json") != 0
          || !ob_name_is_valid (words[0])
          || (instance != NULL && strcmp (words[0], instance) != 0))
        continue;
      g_ptr_array_add (names, g_strdup (entry->d_name));
    }
  closedir (directory);
  g_ptr_array_sort (names, compare_texts);
  return names;
}

static char *
get_kept_name (const char *instance, const char *time)
{
  return g_strdup_printf ("%s.%s.json", instance, time);
}

/* The present second, or the next one after it that no kept restore has: two restores can follow
 * each other within one, and what they leave would have the same names. */
static char *
choose_time (ObContext *context, const char *instance)
{
  g_autoptr (GDateTime) time = g_date_time_new_now_utc ();

  for (;;)
    {
      g_autofree char *text = g_date_time_format (time, "%Y%m%d%H%M%S");
      g_autofree char *name = get_kept_name (instance, text);
      GDateTime *next;

      if (faccessat (context->restores_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        return g_steal_pointer (&text);
      next = g_date_time_add_seconds (time, 1);
      g_date_time_unref (time);
      time = next;
    }
}

/* methods of this room */

ObRestoreJournal *
ob_restore_journal_new (ObContext *context, ObInstance *instance, const char *backup)
{
  ObRestoreJournal *journal = allocate ();

  journal->instance = g_strdup (ob_instance_get_name (instance));
  journal->backup = g_strdup (backup);
  journal->time = choose_time (context, journal->instance);
  journal->control = ob_instance_can_control (instance);
  return journal;
}

void
ob_restore_journal_set_database (ObRestoreJournal *journal, const char *name)
{
  journal->staged_database = get_database_name (name, "restoring", journal->time);
  journal->kept_database = get_database_name (name, "before", journal->time);
  journal->moving_database = get_database_name (name, "moving", journal->time);
  journal->doomed_database = get_doomed_name (journal->moving_database);
}

/* What was kept comes back; what lives gets the other one of two names. */
static void
turn_databases (ObRestoreJournal *journal, const ObRestoreJournal *record, const char *name)
{
  g_autofree char *before = get_database_name (name, "before", record->time);

  journal->staged_database = g_strdup (record->kept_database);
  journal->kept_database = strcmp (record->kept_database, before) != 0
                             ? g_steal_pointer (&before)
                             : get_database_name (name, "undone", record->time);
  journal->moving_database = get_database_name (name, "moving", record->time);
  journal->doomed_database = get_doomed_name (journal->moving_database);
}

ObRestoreJournal *
ob_restore_journal_new_undo (ObContext *context, ObInstance *instance,
                             const ObRestoreJournal *record)
{
  ObRestoreJournal *journal = allocate ();

  journal->instance = g_strdup (record->instance);
  journal->backup = g_strdup (record->backup);
  journal->time = g_strdup (record->time);
  journal->control = ob_instance_can_control (instance);
  journal->undo = TRUE;
  if (record->kept_database != NULL && record->had_database)
    turn_databases (journal, record, ob_instance_get_database (instance)->name);
  return journal;
}

ObDatabaseExchange
ob_restore_journal_get_exchange (const ObRestoreJournal *journal)
{
  return (ObDatabaseExchange){ .staged = journal->staged_database,
                               .kept = journal->kept_database,
                               .moving = journal->moving_database,
                               .doomed = journal->doomed_database,
                               .oid = journal->oid,
                               .had_former = journal->had_database };
}

gboolean
ob_restore_journal_has_former (const ObRestoreJournal *journal)
{
  if (journal->staged_database != NULL && !journal->had_database)
    return FALSE;
  for (guint i = 0; i < journal->units->len; i++)
    if (!((const ObRestoreUnit *) g_ptr_array_index (journal->units, i))->had_former)
      return FALSE;
  return TRUE;
}

void
ob_restore_journal_free (ObRestoreJournal *journal)
{
  if (journal == NULL)
    return;
  g_free (journal->instance);
  g_free (journal->backup);
  g_free (journal->time);
  g_free (journal->staged_database);
  g_free (journal->kept_database);
  g_free (journal->moving_database);
  g_free (journal->doomed_database);
  g_free (journal->change);
  g_ptr_array_unref (journal->units);
  g_free (journal);
}

ObRestoreUnit *
ob_restore_journal_add_unit (ObRestoreJournal *journal, ObParts part, const char *path)
{
  ObRestoreUnit *unit = g_new0 (ObRestoreUnit, 1);

  unit->part = part;
  unit->parts = part;
  unit->path = g_strdup (path);
  unit->carries = g_ptr_array_new_with_free_func (free_carry);
  g_ptr_array_add (journal->units, unit);
  return unit;
}

gboolean
ob_restore_journal_save (ObRestoreJournal *journal, ObContext *context, GError **error)
{
  g_autofree char *name = g_strconcat (journal->instance, ".json", NULL);
  g_autofree char *text = build (journal);

  if (ob_replace_file_at (context->restores_fd, name, text, strlen (text), 0600, error))
    return TRUE;
  g_prefix_error (error, "The journal of the restore cannot be written: ");
  return FALSE;
}

gboolean
ob_restore_journal_advance (ObRestoreJournal *journal, ObContext *context, ObRestorePhase phase,
                            GError **error)
{
  ObRestorePhase former = journal->phase;

  journal->phase = phase;
  if (ob_restore_journal_save (journal, context, error))
    return TRUE;
  journal->phase = former;
  return FALSE;
}

ObRestoreJournal *
ob_restore_journal_load (ObContext *context, const char *file, GError **error)
{
  g_autoptr (GBytes) bytes = ob_read_file_at (context->restores_fd, file, MAX_FILE, error);
  g_autoptr (JsonObject) object = bytes != NULL ? ob_state_json_parse (bytes) : NULL;
  g_autoptr (ObRestoreJournal) journal = allocate ();

  if (bytes == NULL)
    return NULL;
  if (object != NULL && parse (journal, object))
    return g_steal_pointer (&journal);
  g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
               "The journal of a restore, %s/restores/%s, is damaged; look at what it says, put "
               "things right by hand, and remove it.",
               context->state_path, file);
  return NULL;
}

gboolean
ob_restore_journal_remove (ObRestoreJournal *journal, ObContext *context, GError **error)
{
  g_autofree char *name = g_strconcat (journal->instance, ".json", NULL);
  g_autofree char *copy = g_strconcat (journal->instance, ".conf", NULL);

  return ob_remove_file_at (context->restores_fd, name, error)
         && ob_remove_file_at (context->restores_fd, copy, error);
}

gboolean
ob_restore_journal_forget (ObRestoreJournal *journal, ObContext *context, GError **error)
{
  g_autofree char *name = get_kept_name (journal->instance, journal->time);

  return ob_remove_file_at (context->restores_fd, name, error);
}

gboolean
ob_restore_journal_keep (ObRestoreJournal *journal, ObContext *context, GError **error)
{
  g_autofree char *name = get_kept_name (journal->instance, journal->time);
  g_autofree char *text = NULL;

  journal->phase = OB_RESTORE_DONE;
  journal->kept_since = g_get_real_time () / G_USEC_PER_SEC;
  text = build (journal);
  return ob_replace_file_at (context->restores_fd, name, text, strlen (text), 0600, error)
         && ob_restore_journal_remove (journal, context, error);
}

GPtrArray *
ob_restore_journal_list (ObContext *context)
{
  return list_files (context, FALSE, NULL);
}

GPtrArray *
ob_restore_journal_list_kept (ObContext *context, const char *instance)
{
  return list_files (context, TRUE, instance);
}

ObInstance *
ob_restore_journal_load_instance (ObRestoreJournal *journal, ObContext *context, GError **error)
{
  return ob_instance_load (context->restores_fd, journal->instance, error);
}

char *
ob_restore_unit_get_staging (const ObRestoreUnit *unit)
{
  return g_build_filename (unit->staging_parent, unit->staging_name, NULL);
}
