/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bringing single parts out of a snapshot, wherever they go. */
#include "ob-restore-task.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "ob-error.h"
#include "ob-file-restore.h"
#include "ob-io.h"
#include "ob-manifest.h"

#define MAX_NAMED_PROBLEMS 5
#define MAX_PARALLEL 8
/* Threads that fetch and open blobs for one archive; the archives are read side by side. */
#define WORKERS_A_STREAM 2

/* internal methods */

static ObNode *
find_node (ObRestoreTask *task, const char *path, ObNodeType type, GError **error)
{
  g_autoptr (ObNode) node = ob_reader_find (task->repository, &task->record->snapshot->tree, path,
                                            task->cancellable, error);

  if (node == NULL || node->type == type)
    return g_steal_pointer (&node);
  g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT, "In the backup, /%s is not what it should be.",
               path);
  return NULL;
}

/* The files of the database's directory (of ObNode). They list all blobs of the database: some 10 MB
 * of text for each GB of rows. Transfer full. */
static GPtrArray *
load_streams (ObRestoreTask *task, GError **error)
{
  g_autoptr (ObNode) node
    = find_node (task, ob_part_get_name (OB_PART_DATABASE), OB_NODE_DIRECTORY, error);

  if (node == NULL)
    return NULL;
  return ob_reader_load_tree (task->repository, &node->subtree, task->cancellable, error);
}

/* Of those. */
static const ObNode *
find_stream (const GPtrArray *nodes, const char *stream, GError **error)
{
  for (guint i = 0; i < nodes->len; i++)
    {
      const ObNode *node = g_ptr_array_index (nodes, i);

      if (strcmp (node->name, stream) == 0 && node->type == OB_NODE_FILE)
        return node;
    }
  g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
               "The backup lacks the file %s of its database, which its manifest names.", stream);
  return NULL;
}

/* The names of the archives, as the manifest lists them. Transfer full. */
static GStrv
list_streams (ObRestoreTask *task)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  JsonArray *streams = ob_manifest_get_array (task->manifest, "streams");

  for (guint i = 0; streams != NULL && i < json_array_get_length (streams); i++)
    {
      const char *name = ob_manifest_read_string (json_array_get_element (streams, i));

      if (*name != '\0' && strchr (name, '/') == NULL)
        g_strv_builder_add (builder, name);
    }
  return g_strv_builder_end (builder);
}

/* What a database is restored from. */
typedef struct
{
  ObRestoreTask *task;
  GPtrArray *nodes; /* load_streams() */
} DatabaseFiles;

static gboolean
feed_stream (const char *stream, int fd, gpointer user_data, GCancellable *cancellable,
             GError **error)
{
  const DatabaseFiles *files = user_data;
  const ObNode *node = find_stream (files->nodes, stream, error);

  return node != NULL
         && ob_reader_write_file (files->task->repository, node, fd, WORKERS_A_STREAM,
                                  files->task->progress, cancellable, error);
}

/* An archive that is read piece by piece. */
typedef struct
{
  ObReaderStream *stream;
  ObProgress *progress;
} Archive;

static void
close_stream (gpointer data)
{
  Archive *archive = data;

  ob_reader_stream_free (archive->stream);
  g_free (archive);
}

static gpointer
open_stream (const char *stream, gpointer user_data, GCancellable *cancellable, GError **error)
{
  const DatabaseFiles *files = user_data;
  const ObNode *node = find_stream (files->nodes, stream, error);
  Archive *archive = g_new0 (Archive, 1);

  archive->progress = files->task->progress;
  if (node != NULL)
    archive->stream = ob_reader_stream_new (files->task->repository, node, WORKERS_A_STREAM,
                                            cancellable, error);
  if (archive->stream != NULL)
    return archive;
  close_stream (archive);
  return NULL;
}

static gboolean
next_of_stream (gpointer data, const guint8 **bytes, gsize *size, GError **error)
{
  Archive *archive = data;

  if (!ob_reader_stream_next (archive->stream, bytes, size, error))
    return FALSE;
  ob_progress_add_done (archive->progress, *size);
  return TRUE;
}

static const ObDatabaseSource source = { feed_stream, open_stream, next_of_stream, close_stream };

static gboolean
estimate_database (ObRestoreTask *task, GError **error)
{
  g_auto (GStrv) streams = list_streams (task);
  g_autoptr (GPtrArray) nodes = load_streams (task, error);

  if (nodes == NULL)
    return FALSE;
  for (gsize i = 0; streams[i] != NULL; i++)
    {
      const ObNode *node = find_stream (nodes, streams[i], error);

      if (node == NULL)
        return FALSE;
      ob_progress_add_total (task->progress, node->size);
      task->bytes += node->size;
      task->database_bytes += node->size;
    }
  return TRUE;
}

static gboolean
estimate_tree (ObRestoreTask *task, const ObNode *node, GError **error)
{
  guint64 bytes = 0;

  if (!ob_file_restore_estimate (task->repository, node, &bytes, task->cancellable, error))
    return FALSE;
  ob_progress_add_total (task->progress, bytes);
  return TRUE;
}

static guint64
count_rows (JsonObject *facts)
{
  JsonArray *tables = ob_manifest_get_array (facts, "tables");
  guint64 rows = 0;

  for (guint i = 0; tables != NULL && i < json_array_get_length (tables); i++)
    {
      JsonNode *node = json_array_get_element (tables, i);

      if (JSON_NODE_HOLDS_OBJECT (node))
        rows += ob_manifest_get_number (json_node_get_object (node), "rows");
    }
  return rows;
}

/* The path in @part that @file names; NULL where it is of another part. "" is all of it. */
static const char *
get_path_in_part (const char *file, ObParts part)
{
  const char *name = ob_part_get_name (part);
  gsize length = strlen (name);

  if (!g_str_has_prefix (file, name) || (file[length] != '/' && file[length] != '\0'))
    return NULL;
  return file[length] == '/' ? file + length + 1 : "";
}

/* *@selection: NULL for all of the part. */
static gboolean
select_files (ObRestoreTask *task, ObParts part, ObPathSelection **selection, GError **error)
{
  g_autoptr (ObPathSelection) paths = ob_path_selection_new ();

  *selection = NULL;
  for (gsize i = 0; task->only_files != NULL && task->only_files[i] != NULL; i++)
    {
      const char *path = get_path_in_part (task->only_files[i], part);

      if (path == NULL)
        continue;
      if (*path == '\0')
        return TRUE;
      if (!ob_path_selection_add (paths, path, error))
        return FALSE;
    }
  if (task->only_files != NULL)
    *selection = g_steal_pointer (&paths);
  return TRUE;
}

static gboolean
estimate_files (ObRestoreTask *task, GError **error)
{
  for (gsize i = 0; task->only_files[i] != NULL; i++)
    {
      g_autoptr (ObNode) node
        = ob_reader_find (task->repository, &task->record->snapshot->tree, task->only_files[i],
                          task->cancellable, error);

      if (node == NULL)
        return FALSE;
      if (node->type != OB_NODE_DIRECTORY)
        ob_progress_add_total (task->progress, node->size);
      else if (!estimate_tree (task, node, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
restore_tree (ObRestoreTask *task, const ObNode *node, const ObPathSelection *selection, int fd,
              const char *path, GError **error)
{
  ObFileRestoreStats stats = { 0 };
  gint64 began = g_get_monotonic_time ();

  ob_progress_set_phase (task->progress, "restoring files");
  if (!ob_file_restore_run_selected (task->repository, node, selection, fd, path, TRUE,
                                     task->context->n_threads, task->progress, &stats,
                                     task->cancellable, error))
    return FALSE;
  task->files += stats.files;
  task->bytes += stats.bytes;
  task->file_bytes += stats.bytes;
  task->file_seconds += (gdouble) (g_get_monotonic_time () - began) / G_USEC_PER_SEC;
  ob_job_log (task->job, "%s: %" G_GUINT64_FORMAT " files, %" G_GUINT64_FORMAT " bytes", path,
              stats.files, stats.bytes);
  return TRUE;
}

/* The root of a snapshot, with the metadata that the directory @fd has already. */
static ObNode *
make_root_node (ObRestoreTask *task, int fd, GError **error)
{
  struct timespec now = { .tv_sec = time (NULL) };
  struct stat info = { 0 };
  ObNode *node = NULL;

  if (fstat (fd, &info) < 0)
    {
      ob_set_error_errno (error, errno, "The directory to restore into cannot be looked at");
      return NULL;
    }
  node = ob_node_new_directory ("", &task->record->snapshot->tree, &now);
  node->uid = info.st_uid;
  node->gid = info.st_gid;
  node->mode = info.st_mode & 07777;
  return node;
}

/* methods of this room */

gboolean
ob_restore_task_check_repository (ObRestoreTask *task, GError **error)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GString) text = g_string_new (NULL);

  if (!ob_reader_check_tree (task->repository, &task->record->snapshot->tree, problems,
                             task->cancellable, error))
    return FALSE;
  for (guint i = 0; i < problems->len && i < MAX_NAMED_PROBLEMS; i++)
    g_string_append_printf (text, " %s", (const char *) g_ptr_array_index (problems, i));
  if (problems->len == 0)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT, "Destination %s lacks what it needs.%s",
               ob_destination_get_name (task->record->destination), text->str);
  return FALSE;
}

JsonObject *
ob_restore_task_load_manifest (ObRestoreTask *task, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autofree char *text = ob_backup_record_load_manifest (task->record, task->context,
                                                          task->cancellable, &local);

  if (text != NULL)
    return ob_manifest_parse (text, strlen (text), error);
  if (local != NULL)
    g_propagate_error (error, g_steal_pointer (&local));
  else
    g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT, "The backup has no manifest.");
  return NULL;
}

gboolean
ob_restore_task_estimate (ObRestoreTask *task, GError **error)
{
  if ((task->parts & OB_PART_DATABASE) && !estimate_database (task, error))
    return FALSE;
  if (task->only_files != NULL)
    return estimate_files (task, error);
  for (ObParts part = OB_PART_SOURCES; part < OB_PART_ALL; part <<= 1)
    {
      g_autoptr (ObNode) node = NULL;

      if ((task->parts & part) == 0)
        continue;
      node = find_node (task, ob_part_get_name (part), OB_NODE_DIRECTORY, error);
      if (node == NULL || !estimate_tree (task, node, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
ob_restore_task_measure (ObRestoreTask *task, ObParts part, guint64 *bytes, GError **error)
{
  g_autoptr (ObNode) node = find_node (task, ob_part_get_name (part), OB_NODE_DIRECTORY, error);

  return node != NULL
         && ob_file_restore_estimate (task->repository, node, bytes, task->cancellable, error);
}

gboolean
ob_restore_task_tree (ObRestoreTask *task, ObParts part, int fd, const char *path, GError **error)
{
  g_autoptr (ObNode) node = find_node (task, ob_part_get_name (part), OB_NODE_DIRECTORY, error);

  g_autoptr (ObPathSelection) selection = NULL;

  return node != NULL && select_files (task, part, &selection, error)
         && restore_tree (task, node, selection, fd, path, error);
}

gboolean
ob_restore_task_foreign (ObRestoreTask *task, int fd, GError **error)
{
  g_autoptr (ObNode) node = make_root_node (task, fd, error);

  return node != NULL && estimate_tree (task, node, error)
         && restore_tree (task, node, NULL, fd, "The snapshot", error);
}

gboolean
ob_restore_task_database (ObRestoreTask *task, const char *target, GError **error)
{
  g_auto (GStrv) streams = list_streams (task);
  JsonObject *facts = ob_manifest_get_object (task->manifest, "database");
  guint n_parallel = task->context->n_threads - (task->scratch ? 1 : 0);
  g_autoptr (GPtrArray) nodes = NULL;
  DatabaseFiles files = { .task = task };
  ObDatabaseRestore request = { .target = target,
                                .facts = facts,
                                .streams = (const char *const *) streams,
                                .n_parallel = CLAMP (n_parallel, 1, MAX_PARALLEL),
                                .scratch = task->scratch,
                                .source = &source,
                                .user_data = &files };
  gint64 began = g_get_monotonic_time ();

  if (facts == NULL)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT,
                           "The backup's manifest says nothing of the database.");
      return FALSE;
    }
  files.nodes = nodes = load_streams (task, error);
  if (nodes == NULL)
    return FALSE;
  ob_progress_set_phase (task->progress, "restoring database");
  if (!ob_database_restore (ob_instance_get_database (task->instance), &request, task->progress,
                            task->cancellable, error))
    return FALSE;
  task->rows += count_rows (facts);
  task->database_seconds += (gdouble) (g_get_monotonic_time () - began) / G_USEC_PER_SEC;
  return TRUE;
}
