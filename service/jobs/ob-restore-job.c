/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A restore: finds the backup, sees that all of it is in the repository, and brings its parts back,
 * in the place of the living ones (ob-restore-in-place.c) or elsewhere, where nothing that lives is
 * touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-distrust.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-job-lock.h"
#include "ob-job-private.h"
#include "ob-manifest.h"
#include "ob-operations.h"
#include "ob-path-selection.h"
#include "ob-reader.h"
#include "ob-restore-data.h"
#include "ob-restore-forecast.h"
#include "ob-restore-recover.h"
#include "ob-restore-settings.h"
#include "ob-restore-task.h"

#define MAX_DATABASE_NAME 63
#define MAX_FILES 1000
#define MAX_PATH_LENGTH 4096
#define MAX_NAMED_LOSSES 20
#define FILE_PARTS (OB_PART_ALL & ~OB_PART_DATABASE)

struct _ObRestoreData
{
  ObContext *context;
  ObInstance *instance;
  GPtrArray *destinations;
  char *id;
  ObParts parts;
  int directory;
  char *database;
  ObNumber number;
  gboolean force;
  gboolean plan;
  char *change;
  gboolean stopped;
  gboolean original_settings;
  GStrv files;
};

typedef ObRestoreData Data;

/* internal methods */

static void
free_data (gpointer pointer)
{
  Data *data = pointer;

  g_clear_pointer (&data->instance, ob_instance_unref);
  g_ptr_array_unref (data->destinations);
  ob_fd_clear (&data->directory);
  g_free (data->id);
  g_free (data->database);
  g_free (data->change);
  g_strfreev (data->files);
  g_free (data);
}

static gboolean
is_in_place (const Data *data)
{
  return data->directory < 0 && data->database == NULL;
}

/* What there is to restore where it shall go. */
static ObParts
get_possible_parts (const Data *data)
{
  if (is_in_place (data))
    return ob_instance_get_parts (data->instance);
  return (data->directory >= 0 ? FILE_PARTS : 0) | (data->database != NULL ? OB_PART_DATABASE : 0);
}

static gboolean
check_possible (const Data *data, ObParts impossible, GError **error)
{
  g_autofree char *names = ob_parts_to_text (impossible);

  if (impossible == 0)
    return TRUE;
  if (is_in_place (data))
    g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                 "Instance %s has no %s; to look at it, restore it into a directory.",
                 ob_instance_get_name (data->instance), names);
  else if (impossible & OB_PART_DATABASE)
    g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                         "The database is not restored into a directory: name a new database for "
                         "it.");
  else
    g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                 "Files (%s) are not restored into a database: name a directory for them.", names);
  return FALSE;
}

/* Settles which parts are restored: those asked for, or all that the backup holds and the place can
 * take. */
static gboolean
choose_parts (ObRestoreTask *task, const Data *data, GError **error)
{
  ObParts held = ob_manifest_get_parts (task->manifest);
  ObParts possible = get_possible_parts (data);
  g_autofree char *lacking = NULL;
  g_autofree char *holding = ob_parts_to_text (held);

  task->parts = data->parts != 0 ? data->parts : held & possible;
  if (!check_possible (data, task->parts & ~possible, error))
    return FALSE;
  lacking = ob_parts_to_text (task->parts & ~held);
  if (*lacking != '\0' || task->parts == 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INCOMPLETE, "The backup holds no %s; it holds %s.",
                   *lacking != '\0' ? lacking : "part that can go there",
                   *holding != '\0' ? holding : "nothing");
      return FALSE;
    }
  if (is_in_place (data) && (held & ~possible) != 0)
    {
      g_autofree char *left_out = ob_parts_to_text (held & ~possible);

      ob_progress_warn (task->progress, FALSE,
                        "The backup's %s are not restored, since instance %s has no place for "
                        "them.",
                        left_out, ob_instance_get_name (data->instance));
    }
  return TRUE;
}

/* Before anything is made or stopped: whether all that the backup refers to is there. */
static gboolean
check_repository (ObRestoreTask *task, GError **error)
{
  if (ob_restore_task_check_repository (task, error))
    return TRUE;
  if (g_error_matches (*error, OB_ERROR, OB_ERROR_CORRUPT))
    g_prefix_error (error, "The backup is damaged, so nothing was touched; choose another one. ");
  return FALSE;
}

static void
log_differences (ObRestoreTask *task)
{
  g_autoptr (GPtrArray) differences = ob_restore_task_list_differences (task);

  for (guint i = 0; i < differences->len; i++)
    ob_job_log (task->job, "%s", (const char *) g_ptr_array_index (differences, i));
}

/* Restores one part into a directory of its own below @directory; on error that is removed
 * again. */
static gboolean
restore_into (ObRestoreTask *task, ObParts part, int directory, GError **error)
{
  const char *name = ob_part_get_name (part);
  ob_autofd int fd = -1;

  if (mkdirat (directory, name, 0700) < 0)
    return ob_set_error_errno (error, errno, "The directory %s cannot be made", name);
  fd = openat (directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    ob_set_error_errno (error, errno, "The directory %s cannot be opened", name);
  else if (ob_restore_task_tree (task, part, fd, name, error))
    return TRUE;
  ob_fd_clear (&fd);
  ob_remove_tree_at (directory, name, NULL, NULL);
  return FALSE;
}

/* All or nothing: what was restored before something failed is removed again. */
static gboolean
restore_files_elsewhere (ObRestoreTask *task, int directory, GError **error)
{
  ObParts done = 0;
  gboolean ok = TRUE;

  for (ObParts part = OB_PART_SOURCES; ok && part < OB_PART_ALL; part <<= 1)
    if (task->parts & part)
      {
        ok = restore_into (task, part, directory, error);
        done |= ok ? part : 0;
      }
  for (ObParts part = OB_PART_SOURCES; !ok && part < OB_PART_ALL; part <<= 1)
    if (done & part)
      ob_remove_tree_at (directory, ob_part_get_name (part), NULL, NULL);
  return ok;
}

/* Where the directory @fd is. NULL where it has been removed. Transfer full. */
static char *
find_directory_path (int fd, GError **error)
{
  g_autofree char *link = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autofree char *path = g_file_read_link (link, NULL);
  struct stat opened = { 0 }, named = { 0 };

  if (path != NULL && *path == '/' && fstat (fd, &opened) == 0 && stat (path, &named) == 0
      && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev)
    return g_steal_pointer (&path);
  g_set_error_literal (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                       "The directory to restore into has been removed or moved away.");
  return NULL;
}

/* A copy of files and database runs as one beside the living installation, and never against it. */
static gboolean
settle_copy (ObRestoreTask *task, const Data *data, GError **error)
{
  g_autofree char *directory = find_directory_path (data->directory, error);
  g_autofree char *sources = NULL;
  g_autofree char *attachments = NULL;
  ObInstanceCopy copy = { .database = data->database };

  if (directory == NULL)
    return FALSE;
  copy.sources = sources
    = g_build_filename (directory, ob_part_get_name (OB_PART_SOURCES), NULL);
  copy.attachments = attachments
    = g_build_filename (directory, ob_part_get_name (OB_PART_ATTACHMENTS), NULL);
  for (ObParts part = OB_PART_SOURCES; part < OB_PART_ALL; part <<= 1)
    {
      ob_autofd int fd = -1;

      if ((task->parts & part) == 0)
        continue;
      fd = openat (data->directory, ob_part_get_name (part),
                   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (fd < 0)
        return ob_set_error_errno (error, errno, "%s/%s cannot be opened", directory,
                                   ob_part_get_name (part));
      if (!ob_restore_task_settle (task, part, fd, &copy, error))
        return FALSE;
    }
  return TRUE;
}

static void
remove_files (ObRestoreTask *task, int directory)
{
  for (ObParts part = OB_PART_SOURCES; part < OB_PART_ALL; part <<= 1)
    if (task->parts & part)
      ob_remove_tree_at (directory, ob_part_get_name (part), NULL, NULL);
}

static gboolean
restore_and_settle (ObRestoreTask *task, const Data *data, GError **error)
{
  if (!restore_files_elsewhere (task, data->directory, error))
    return FALSE;
  if (data->database == NULL || data->directory < 0 || data->original_settings)
    return TRUE;
  if (settle_copy (task, data, error))
    return TRUE;
  remove_files (task, data->directory);
  return FALSE;
}

/* The database first, since it is the one that cannot be made if something has its name. */
static gboolean
restore_elsewhere (ObRestoreTask *task, const Data *data, GError **error)
{
  if ((task->parts & (OB_PART_SOURCES | OB_PART_WEBAPP)) && data->database == NULL
      && task->only_files == NULL)
    ob_job_log (task->job, "The properties of what is restored name the original database; "
                           "restored together with a database they would name that one");
  if ((task->parts & OB_PART_DATABASE) && !ob_restore_task_database (task, data->database, error))
    return FALSE;
  if (restore_and_settle (task, data, error))
    return TRUE;
  if (task->parts & OB_PART_DATABASE)
    ob_database_drop (ob_instance_get_database (task->instance), data->database, NULL, NULL);
  return FALSE;
}

static gboolean
restore_foreign (ObRestoreTask *task, const Data *data, GError **error)
{
  if (data->directory >= 0 && data->database == NULL && data->parts == 0)
    return ob_restore_task_foreign (task, data->directory, error);
  g_set_error_literal (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                       "Another tool wrote this backup: it can be restored as a whole into a "
                       "directory, but not in place nor in parts.");
  return FALSE;
}

static void
tell_result (ObRestoreTask *task, const Data *data, gint64 began)
{
  GVariantBuilder parts = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_STRING_ARRAY);
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (ob_snapshot_get_public_id (task->record->snapshot), hex);
  for (ObParts part = OB_PART_DATABASE; part < OB_PART_ALL; part <<= 1)
    if (task->parts & part)
      g_variant_builder_add (&parts, "s", ob_part_get_name (part));
  ob_job_set_result (task->job, "id", g_variant_new_string (hex));
  ob_job_set_result (task->job, "parts", g_variant_builder_end (&parts));
  if (data->plan)
    {
      ob_job_set_result (task->job, "time",
                         g_variant_new_uint64 ((guint64) task->record->snapshot->time.tv_sec));
      ob_job_set_result (task->job, "instance",
                         g_variant_new_string (ob_instance_get_name (task->instance)));
      return;
    }
  ob_job_set_result (task->job, "rows", g_variant_new_uint64 (task->rows));
  ob_job_set_result (task->job, "files", g_variant_new_uint64 (task->files));
  ob_job_set_result (task->job, "bytes", g_variant_new_uint64 (task->bytes));
  ob_job_set_result (task->job, "seconds",
                     g_variant_new_double ((double) (g_get_monotonic_time () - began)
                                           / G_USEC_PER_SEC));
}

/* What a repair took out of the backup is not restored, and it is said. */
static void
warn_of_losses (ObRestoreTask *task)
{
  JsonObject *summary = task->record->snapshot->obbackup;
  JsonObject *lost = summary != NULL ? ob_manifest_get_object (summary, "lost") : NULL;
  JsonArray *paths = lost != NULL ? ob_manifest_get_array (lost, "paths") : NULL;
  guint64 all = lost != NULL ? ob_manifest_get_number (lost, "files") : 0;
  guint n = 0;

  task->lossy = all > 0;
  for (; paths != NULL && n < json_array_get_length (paths) && n < MAX_NAMED_LOSSES; n++)
    ob_progress_warn (task->progress, TRUE,
                      "%s is not restored: damage of the destination took it out of the backup.",
                      ob_manifest_read_string (json_array_get_element (paths, n)));
  if (all > n)
    ob_progress_warn (task->progress, TRUE,
                      "%" G_GUINT64_FORMAT " more files are not restored, for the same reason.",
                      all - n);
}

/* "latest" asks for no list, which would have told. */
static void
warn_of_doubts (ObRestoreTask *task)
{
  const ObBackupRecord *record = task->record;
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (ob_snapshot_get_public_id (record->snapshot), hex);
  if (ob_backup_record_is_damaged (record))
    ob_progress_warn (task->progress, FALSE,
                      "A verification found backup %.8s damaged, so not all of it may come back: "
                      "`obbackupctl verify %.8s --read-data` tells what it lost, `obbackupctl list` "
                      "which others there are.",
                      hex, hex);
  if (ob_backup_record_has_failed (record))
    ob_progress_warn (task->progress, FALSE,
                      "The last drill with backup %.8s failed: it could not be restored, or a "
                      "check did not hold in it. `obbackupctl verify %.8s --drill` tells why, "
                      "`obbackupctl list` which others there are.",
                      hex, hex);
}

static gboolean
restore (ObRestoreTask *task, const Data *data, GError **error)
{
  g_autoptr (ObLock) lock = NULL;
  g_autoptr (JsonObject) manifest = NULL;

  if (!ob_job_lock_to_read (task->job, task->context, task->repository, &lock, task->cancellable,
                            error)
      || !ob_repository_load_index (task->repository, task->cancellable, error))
    return FALSE;
  /* Of several copies of what is needed a sound one is read first. */
  ob_distrust_damaged (task->context, task->repository);
  if (!check_repository (task, error))
    return FALSE;
  warn_of_losses (task);
  warn_of_doubts (task);
  if (ob_backup_record_is_foreign (task->record))
    return restore_foreign (task, data, error);
  manifest = ob_restore_task_load_manifest (task, error);
  if (manifest == NULL)
    return FALSE;
  task->manifest = manifest;
  if (!choose_parts (task, data, error) || !ob_restore_task_estimate (task, error))
    return FALSE;
  if (data->plan)
    return ob_restore_task_forecast (task, error);
  log_differences (task);
  return is_in_place (data) ? ob_restore_task_in_place (task, error)
                            : restore_elsewhere (task, data, error);
}

static gboolean
run_restore (ObJob *job, gpointer pointer, GCancellable *cancellable, GError **error)
{
  return ob_restore_data_run (pointer, job, cancellable, error);
}

/* Each is a part with a path in it. */
static gboolean
check_files (const ObRestoreOptions *options, GError **error)
{
  if (options->directory < 0 || options->database != NULL || *options->files == NULL)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "Single files are restored into a directory: name one (--into).");
      return FALSE;
    }
  for (gsize i = 0; options->files[i] != NULL; i++)
    {
      g_auto (GStrv) words = g_strsplit (options->files[i], "/", 2);
      g_autoptr (ObPathSelection) selection = ob_path_selection_new ();

      if (i >= MAX_FILES || strlen (options->files[i]) > MAX_PATH_LENGTH
          || (ob_part_from_name (words[0]) & FILE_PARTS) == 0
          || g_strcmp0 (words[1], "") == 0)
        {
          g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                       "\"%.200s\" names no file of a backup: write a part and a path in it, like "
                       "sources/modules/org.example, at most %d of them.",
                       options->files[i], MAX_FILES);
          return FALSE;
        }
      if (words[1] != NULL && !ob_path_selection_add (selection, words[1], error))
        return FALSE;
    }
  return TRUE;
}

/* The parts that @files are of. */
static ObParts
get_parts_of_files (const char *const *files)
{
  ObParts parts = 0;

  for (gsize i = 0; files != NULL && files[i] != NULL; i++)
    {
      g_auto (GStrv) words = g_strsplit (files[i], "/", 2);

      parts |= ob_part_from_name (words[0]);
    }
  return parts;
}

static gboolean
check_options (ObInstance *instance, const ObRestoreOptions *options, GError **error)
{
  const char *name = options->database;

  if (options->files != NULL && !check_files (options, error))
    return FALSE;
  if (options->plan && (options->directory >= 0 || name != NULL))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "A plan is made for a restore in place; elsewhere nothing is replaced.");
      return FALSE;
    }
  if (instance == NULL && (options->directory < 0 || name != NULL))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "An instance has to be named: its server and its paths are needed.");
      return FALSE;
    }
  if (name != NULL
      && (*name == '\0' || strlen (name) > MAX_DATABASE_NAME || !g_utf8_validate (name, -1, NULL)))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "The name of a database has 1 to %d bytes.", MAX_DATABASE_NAME);
      return FALSE;
    }
  if (name != NULL && g_strcmp0 (name, ob_instance_get_database (instance)->name) == 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "%s is already the database of instance %s itself; leave --into-database out to "
                   "restore in place.",
                   name, ob_instance_get_name (instance));
      return FALSE;
    }
  return TRUE;
}

/* methods of this room */

ObRestoreData *
ob_restore_data_new (ObContext *context, ObInstance *instance, GPtrArray *destinations,
                     const char *id, const ObRestoreOptions *options, GError **error)
{
  ob_autofd int directory = -1;
  Data *data = NULL;

  if (!check_options (instance, options, error))
    return NULL;
  if (options->directory >= 0)
    {
      directory = fcntl (options->directory, F_DUPFD_CLOEXEC, 3);
      if (directory < 0)
        {
          ob_set_error_errno (error, errno, "The directory to restore into cannot be kept open");
          return NULL;
        }
    }
  data = g_new0 (Data, 1);
  data->context = context;
  data->instance = instance != NULL ? ob_instance_ref (instance) : NULL;
  data->destinations
    = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_destination_unref);
  for (guint i = 0; i < destinations->len; i++)
    g_ptr_array_add (data->destinations, ob_destination_ref (g_ptr_array_index (destinations, i)));
  data->id = g_strdup (id);
  data->parts = options->files != NULL ? get_parts_of_files (options->files) : options->parts;
  data->directory = ob_fd_steal (&directory);
  data->database = g_strdup (options->database);
  data->number = options->number;
  data->force = options->force;
  data->plan = options->plan;
  data->change = g_strdup (options->change);
  data->stopped = options->stopped;
  data->original_settings = options->original_settings;
  data->files = g_strdupv ((GStrv) options->files);
  return data;
}

void
ob_restore_data_free (ObRestoreData *data)
{
  if (data != NULL)
    free_data (data);
}

gboolean
ob_restore_data_run (ObRestoreData *data, ObJob *job, GCancellable *cancellable, GError **error)
{
  ObBackupFilter filter = { .parts = data->parts };
  g_autoptr (ObBackupRecord) record = NULL;
  g_autoptr (ObRepository) repository = NULL;
  ObRestoreTask task = { .context = data->context,
                         .instance = data->instance,
                         .job = job,
                         .progress = ob_job_get_progress (job),
                         .cancellable = cancellable,
                         .number = data->number,
                         .change = data->change,
                         .stopped = data->stopped,
                         .original_settings = data->original_settings,
                         .only_files = (const char *const *) data->files,
                         .force = data->force };
  gint64 began = g_get_monotonic_time ();

  ob_progress_set_phase (task.progress, "preparing");
  if (is_in_place (data) && !data->plan
      && !ob_restore_settle (data->context, ob_instance_get_name (data->instance), task.progress,
                             error))
    return FALSE;
  ob_job_watch_all (job, data->destinations);
  record = ob_catalogue_find (data->context, data->destinations, data->id, &filter, cancellable,
                              error);
  if (record == NULL)
    return FALSE;
  task.record = record;
  ob_job_watch (job, record->destination);
  repository = ob_destination_open (record->destination, data->context, cancellable, error);
  if (repository == NULL)
    return FALSE;
  task.repository = repository;
  if (!restore (&task, data, error))
    return FALSE;
  tell_result (&task, data, began);
  return TRUE;
}

/* public methods */

ObJob *
ob_restore_job_new (ObContext *context, ObInstance *instance, GPtrArray *destinations,
                    const char *id, const ObRestoreOptions *options, guint uid, GError **error)
{
  const char *destination
    = destinations->len == 1 ? ob_destination_get_name (g_ptr_array_index (destinations, 0)) : NULL;
  ObRestoreData *data
    = ob_restore_data_new (context, instance, destinations, id, options, error);

  if (data == NULL)
    return NULL;
  return ob_job_new (options->plan ? "plan-restore" : "restore",
                     instance != NULL ? ob_instance_get_name (instance) : NULL, destination, uid,
                     run_restore, data, free_data);
}
