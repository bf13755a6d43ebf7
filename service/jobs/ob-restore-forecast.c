/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-forecast.h"

#include <string.h>
#include <sys/stat.h>

#include "ob-database-exchange.h"
#include "ob-database-survey.h"
#include "ob-error.h"
#include "ob-manifest.h"
#include "ob-restore-journal.h"
#include "ob-restore-previous.h"
#include "ob-restore-rates.h"
#include "ob-restore-settings.h"
#include "ob-restore-units.h"
#include "ob-space-guard.h"
#include "ob-systemd.h"

/* What one file system has to take. */
typedef struct
{
  dev_t device;
  char *path;
  guint64 needed;
} Space;

typedef struct
{
  ObRestoreTask *task;
  ObRestoreJournal *journal;
  ObDatabaseSurvey survey;
  ObRestoreRates rates;
  GVariantBuilder replaces, modules, space, obstacles, notes;
  GPtrArray *spaces; /* of Space */
  guint64 file_bytes;
  guint64 database_size; /* of the backup's, on the server */
  gboolean keeps_number;
} Forecast;

/* internal methods */

static void
free_space (gpointer data)
{
  Space *space = data;

  g_free (space->path);
  g_free (space);
}

static void
forecast_init (Forecast *self, ObRestoreTask *task)
{
  *self = (Forecast){ .task = task };
  self->journal = ob_restore_journal_new (task->context, task->instance, "");
  self->spaces = g_ptr_array_new_with_free_func (free_space);
  g_variant_builder_init (&self->replaces, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_init (&self->modules, G_VARIANT_TYPE ("aa{ss}"));
  g_variant_builder_init (&self->space, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_init (&self->obstacles, G_VARIANT_TYPE_STRING_ARRAY);
  g_variant_builder_init (&self->notes, G_VARIANT_TYPE_STRING_ARRAY);
}

static void
forecast_clear (Forecast *self)
{
  ob_restore_journal_free (self->journal);
  g_ptr_array_unref (self->spaces);
  ob_database_survey_clear (&self->survey);
  g_variant_builder_clear (&self->replaces);
  g_variant_builder_clear (&self->modules);
  g_variant_builder_clear (&self->space);
  g_variant_builder_clear (&self->obstacles);
  g_variant_builder_clear (&self->notes);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Forecast, forecast_clear)

static void add_sentence (GVariantBuilder *builder, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
add_sentence (GVariantBuilder *builder, const char *format, ...)
{
  va_list arguments;
  g_autofree char *text = NULL;
  g_autofree char *valid = NULL;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  valid = g_utf8_make_valid (text, -1);
  g_variant_builder_add (builder, "s", valid);
}

static JsonObject *
get_facts (const Forecast *self)
{
  return self->task->parts & OB_PART_DATABASE
           ? ob_manifest_get_object (self->task->manifest, "database")
           : NULL;
}

static void
add_replaced (Forecast *self, ObParts part, const char *where, gboolean exists, guint64 size,
              guint64 backup_size)
{
  g_autofree char *valid = g_utf8_make_valid (where, -1);

  g_variant_builder_open (&self->replaces, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&self->replaces, "{sv}", "part",
                         g_variant_new_string (ob_part_get_name (part)));
  g_variant_builder_add (&self->replaces, "{sv}", "where", g_variant_new_string (valid));
  g_variant_builder_add (&self->replaces, "{sv}", "exists", g_variant_new_boolean (exists));
  g_variant_builder_add (&self->replaces, "{sv}", "size", g_variant_new_uint64 (size));
  g_variant_builder_add (&self->replaces, "{sv}", "backup-size",
                         g_variant_new_uint64 (backup_size));
  g_variant_builder_close (&self->replaces);
}

/* *@bytes more are needed on the file system of the existing directory @path. */
static void
need_space (Forecast *self, const char *path, guint64 bytes)
{
  struct stat info = { 0 };
  Space *space = NULL;

  if (stat (path, &info) < 0)
    return;
  for (guint i = 0; i < self->spaces->len; i++)
    {
      space = g_ptr_array_index (self->spaces, i);
      if (space->device == info.st_dev)
        {
          space->needed += bytes;
          return;
        }
    }
  space = g_new0 (Space, 1);
  space->device = info.st_dev;
  space->path = g_strdup (path);
  space->needed = bytes;
  g_ptr_array_add (self->spaces, space);
}

/* Directories: what takes whose place, and whether it can. */
static gboolean
forecast_part (Forecast *self, ObParts part, GError **error)
{
  ObRestoreTask *task = self->task;
  const char *path = ob_instance_get_path (task->instance, part);
  gboolean exists = g_file_test (path, G_FILE_TEST_IS_DIR);
  guint64 bytes = 0;

  if (!ob_restore_task_measure (task, part, &bytes, error))
    return FALSE;
  add_replaced (self, part, path, exists,
                ob_restore_previous_measure_path (path, task->cancellable), bytes);
  self->file_bytes += bytes;
  for (guint i = 0; i < self->journal->units->len; i++)
    {
      const ObRestoreUnit *unit = g_ptr_array_index (self->journal->units, i);

      if ((unit->parts & part) && unit->staging_parent != NULL)
        need_space (self, unit->staging_parent, bytes);
    }
  return TRUE;
}

static gboolean
forecast_files (Forecast *self, GError **error)
{
  ObRestoreTask *task = self->task;
  g_autoptr (GError) obstacle = NULL;

  if (!ob_restore_units_plan (self->journal, task->instance, task->context, task->parts, TRUE,
                              &obstacle))
    add_sentence (&self->obstacles, "%s", obstacle->message);
  for (ObParts part = OB_PART_SOURCES; part < OB_PART_ALL; part <<= 1)
    if ((task->parts & part) && !forecast_part (self, part, error))
      return FALSE;
  return TRUE;
}

static void
check_rights (Forecast *self)
{
  const ObDatabaseSurvey *survey = &self->survey;

  if (!survey->may_create)
    add_sentence (&self->obstacles,
                  "The role %s may not create databases. A superuser of PostgreSQL gives it that "
                  "right with: ALTER ROLE \"%s\" CREATEDB;",
                  survey->role, survey->role);
}

static void
check_versions (Forecast *self)
{
  int backed_up = (int) ob_manifest_get_number (get_facts (self), "server_version") / 10000;
  int server = self->survey.server_version / 10000;

  if (backed_up > server)
    add_sentence (&self->obstacles,
                  "The backup was made with PostgreSQL %d, and the server is the older %d: a "
                  "database can be restored to the same or a newer version only.",
                  backed_up, server);
  else if (backed_up != 0 && backed_up < server)
    add_sentence (&self->notes, "The backup was made with PostgreSQL %d, and the server is %d.",
                  backed_up, server);
}

/* By the rule of ob_restore_task_choose_number(). */
static void
forecast_number (Forecast *self)
{
  ObRestoreTask *task = self->task;
  JsonObject *facts = get_facts (self);
  gboolean key = self->survey.has_key
                 || json_object_get_boolean_member_with_default (facts, "activation_key", FALSE);
  gboolean wanted = task->number == OB_NUMBER_KEEP || (task->number == OB_NUMBER_DEFAULT && key);
  g_autofree char *why = NULL;

  if (wanted && self->survey.exists)
    ob_database_can_keep_oid (ob_instance_get_database (task->instance), &why, task->cancellable,
                              NULL);
  self->keeps_number = wanted && self->survey.exists && why == NULL;
  if (task->number == OB_NUMBER_KEEP && why != NULL)
    add_sentence (&self->obstacles, "The database's number cannot be kept: %s", why);
  else if (key && !self->keeps_number)
    add_sentence (&self->notes,
                  "The activation key has to be activated again, since the restored database gets "
                  "another number (OID)%s%s",
                  why != NULL ? ": " : ".", why != NULL ? why : "");
}

static void
forecast_database_space (Forecast *self)
{
  guint64 needed = self->database_size;
  const ObDatabaseSurvey *survey = &self->survey;

  /* The former database is copied, and then dropped before the restored one is. */
  if (self->keeps_number)
    needed += MAX (survey->size, self->database_size);
  if (survey->data_directory == NULL)
    add_sentence (&self->notes,
                  "The free space of the database server is not seen from here; about %.1f GB are "
                  "needed there.",
                  (double) needed / 1e9);
  else
    need_space (self, survey->data_directory, needed);
}

static const char *
get_change (const char *before, const char *after)
{
  if (before == NULL)
    return "added";
  if (after == NULL)
    return "removed";
  return "changed";
}

static void
add_module (Forecast *self, const char *package, const char *before, const char *after)
{
  g_autofree char *valid = g_utf8_make_valid (package, -1);
  g_autofree char *from = g_utf8_make_valid (before != NULL ? before : "", -1);
  g_autofree char *to = g_utf8_make_valid (after != NULL ? after : "", -1);

  g_variant_builder_open (&self->modules, G_VARIANT_TYPE ("a{ss}"));
  g_variant_builder_add (&self->modules, "{ss}", "package", valid);
  g_variant_builder_add (&self->modules, "{ss}", "change", get_change (before, after));
  g_variant_builder_add (&self->modules, "{ss}", "from", from);
  g_variant_builder_add (&self->modules, "{ss}", "to", to);
  g_variant_builder_close (&self->modules);
}

/* The modules whose versions differ. */
static void
forecast_modules (Forecast *self)
{
  JsonArray *modules = ob_manifest_get_array (get_facts (self), "modules");
  GHashTableIter iter = { 0 };
  gpointer package = NULL, version = NULL;

  for (guint i = 0; modules != NULL && i < json_array_get_length (modules); i++)
    {
      JsonNode *node = json_array_get_element (modules, i);
      JsonObject *module = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      const char *name = module != NULL ? ob_manifest_get_string (module, "package") : "";
      const char *after = module != NULL ? ob_manifest_get_string (module, "version") : "";
      const char *before = g_hash_table_lookup (self->survey.modules, name);

      if (*name == '\0')
        continue;
      if (g_strcmp0 (before, after) != 0)
        add_module (self, name, before, after);
      g_hash_table_remove (self->survey.modules, name);
    }
  g_hash_table_iter_init (&iter, self->survey.modules);
  while (g_hash_table_iter_next (&iter, &package, &version))
    add_module (self, package, version, NULL);
}

static gboolean
forecast_database (Forecast *self, GError **error)
{
  ObRestoreTask *task = self->task;
  const ObDatabaseConfig *config = ob_instance_get_database (task->instance);
  JsonObject *facts = get_facts (self);
  g_autoptr (GError) obstacle = NULL;

  if (facts == NULL)
    return TRUE;
  self->database_size = ob_manifest_get_number (facts, "size");
  if (!ob_database_survey (config, &self->survey, task->cancellable, &obstacle))
    {
      if (g_cancellable_is_cancelled (task->cancellable))
        {
          g_propagate_error (error, g_steal_pointer (&obstacle));
          return FALSE;
        }
      add_sentence (&self->obstacles, "%s", obstacle->message);
      add_replaced (self, OB_PART_DATABASE, config->name, FALSE, 0, self->database_size);
      return TRUE;
    }
  add_replaced (self, OB_PART_DATABASE, config->name, self->survey.exists, self->survey.size,
                self->database_size);
  check_rights (self);
  check_versions (self);
  forecast_number (self);
  forecast_database_space (self);
  forecast_modules (self);
  return TRUE;
}

static void
forecast_space (Forecast *self)
{
  for (guint i = 0; i < self->spaces->len; i++)
    {
      const Space *space = g_ptr_array_index (self->spaces, i);
      guint64 room = 0;

      if (!ob_space_get_room (space->path, OB_RESTORE_LEAST_FREE, OB_RESTORE_MOST_FREE, &room))
        continue;
      g_variant_builder_open (&self->space, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&self->space, "{sv}", "where", g_variant_new_string (space->path));
      g_variant_builder_add (&self->space, "{sv}", "needed", g_variant_new_uint64 (space->needed));
      g_variant_builder_add (&self->space, "{sv}", "free", g_variant_new_uint64 (room));
      g_variant_builder_close (&self->space);
      if (space->needed > room)
        add_sentence (&self->obstacles,
                      "About %.1f MB are needed on the file system of %s, and %.1f MB are free "
                      "there; free some, or restore fewer parts.",
                      (double) space->needed / 1e6, space->path, (double) room / 1e6);
    }
}

/* How the application is stopped. Transfer full. */
static char *
forecast_stop (Forecast *self)
{
  ObInstance *instance = self->task->instance;
  const char *unit = ob_instance_get_unit (instance);
  g_autoptr (GError) obstacle = NULL;

  if (unit != NULL)
    {
      if (!ob_systemd_check_unit (unit, self->task->cancellable, &obstacle))
        add_sentence (&self->obstacles, "%s.", obstacle->message);
      return g_strdup (unit);
    }
  if (ob_instance_can_control (instance))
    return g_strdup (ob_instance_get_stop_command (instance)[0]);
  if (self->survey.sessions != NULL && !self->task->force)
    add_sentence (&self->obstacles,
                  "Neither a unit nor commands are configured to stop the application, and it is "
                  "connected to the database: %s. Stop it, or restore with --force.",
                  self->survey.sessions);
  else
    add_sentence (&self->notes, "Neither a unit nor commands are configured to stop the "
                                "application; restart it by hand afterwards.");
  return g_strdup ("");
}

static void
tell_times (Forecast *self)
{
  ObJob *job = self->task->job;
  gboolean measured = ob_restore_rates_load (
    self->task->context, ob_instance_get_name (self->task->instance), &self->rates);
  gdouble copies = (gdouble) (self->survey.size + self->database_size) / self->rates.copy;
  gdouble seconds = (gdouble) self->file_bytes / self->rates.files
                    + (gdouble) self->task->database_bytes / self->rates.database;
  gdouble downtime = self->rates.pause + (self->keeps_number ? copies : 0);

  ob_job_set_result (job, "seconds", g_variant_new_double (seconds + downtime));
  ob_job_set_result (job, "downtime", g_variant_new_double (downtime));
  if (self->keeps_number)
    ob_job_set_result (job, "quick-downtime", g_variant_new_double (self->rates.pause));
  ob_job_set_result (job, "measured", g_variant_new_boolean (measured));
}

static void
note_differences (Forecast *self)
{
  g_autoptr (GPtrArray) differences = ob_restore_task_list_differences (self->task);

  for (guint i = 0; i < differences->len; i++)
    add_sentence (&self->notes, "%s", (const char *) g_ptr_array_index (differences, i));
}

static void
tell (Forecast *self)
{
  ObJob *job = self->task->job;
  g_autofree char *stop = forecast_stop (self); /* may add an obstacle */
  g_autofree char *valid = g_utf8_make_valid (stop, -1);

  note_differences (self);
  forecast_space (self);
  tell_times (self);
  ob_job_set_result (job, "replaces", g_variant_builder_end (&self->replaces));
  ob_job_set_result (job, "modules", g_variant_builder_end (&self->modules));
  ob_job_set_result (job, "space", g_variant_builder_end (&self->space));
  ob_job_set_result (job, "stops", g_variant_new_string (valid));
  ob_job_set_result (job, "keep-oid", g_variant_new_boolean (self->keeps_number));
  ob_job_set_result (job, "obstacles", g_variant_builder_end (&self->obstacles));
  ob_job_set_result (job, "notes", g_variant_builder_end (&self->notes));
}

/* methods of this room */

gboolean
ob_restore_task_forecast (ObRestoreTask *task, GError **error)
{
  g_auto (Forecast) self = { 0 };

  forecast_init (&self, task);
  if (!forecast_database (&self, error) || !forecast_files (&self, error))
    return FALSE;
  tell (&self);
  return TRUE;
}
