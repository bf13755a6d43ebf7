/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ob-backup-run.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-path.h"
#include "ob-reader.h"
#include "ob-restore-previous.h"

#define MAX_NAMED_ATTACHMENTS 20
#define MAX_SNAPSHOTS_SEARCHED 20

typedef struct
{
  ObParts part;
  char *path;
  GStrv exclude;
  ObFileBackupRoot root;
  guint64 expected; /* bytes, as in the previous backup; 0: not known, they have to be counted */
} Tree;

struct _ObBackupTrees
{
  GPtrArray *trees; /* of Tree */
  GThread *counter;
  GCancellable *cancellable; /* of the counter */
  ObProgress *progress;
};

/* internal methods */

static void
free_tree (gpointer data)
{
  Tree *tree = data;

  ob_fd_clear (&tree->root.fd);
  g_free (tree->path);
  g_strfreev (tree->exclude);
  g_free (tree);
}

/* Where nothing is known from an earlier backup: a walk of its own, beside the backup. */
static gpointer
count (gpointer data)
{
  ObBackupTrees *trees = data;

  for (guint i = 0; i < trees->trees->len; i++)
    {
      Tree *tree = g_ptr_array_index (trees->trees, i);
      guint64 bytes = 0;

      if (tree->expected == 0
          && ob_file_backup_estimate (&tree->root, &bytes, trees->cancellable, NULL))
        ob_progress_add_total (trees->progress, bytes);
    }
  return NULL;
}

static void
exclude_if_below (GPtrArray *exclude, const char *path, const char *tree)
{
  const char *relative = NULL;

  if (ob_path_is_below (path, tree, &relative) && *relative != '\0')
    g_ptr_array_add (exclude, g_strdup (relative));
}

/* What belongs to other parts, and what of our own lies in it: the repository itself and former
 * states. */
static GStrv
get_exclude (ObBackupRun *run, const ObInstanceTree *tree, GPtrArray *previous)
{
  g_autoptr (GPtrArray) exclude = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *repository = realpath (ob_destination_get_path (run->destination), NULL);

  for (guint i = 0; tree->exclude != NULL && tree->exclude[i] != NULL; i++)
    g_ptr_array_add (exclude, g_strdup (tree->exclude[i]));
  if (repository != NULL)
    exclude_if_below (exclude, repository, tree->path);
  for (guint i = 0; i < previous->len; i++)
    exclude_if_below (exclude, g_ptr_array_index (previous, i), tree->path);
  g_ptr_array_add (exclude, NULL);
  return (GStrv) g_ptr_array_free (g_steal_pointer (&exclude), FALSE);
}

/* What the backup says of the part's size; 0 where it says nothing. */
static guint64
get_size (const ObSnapshot *snapshot, ObParts part)
{
  JsonObject *sizes = snapshot->obbackup != NULL
                        ? ob_manifest_get_object (snapshot->obbackup, "sizes")
                        : NULL;

  return sizes != NULL ? ob_manifest_get_number (sizes, ob_part_get_name (part)) : 0;
}

/* The tree of this part in the newest backup of the installation that has it. */
static void
find_previous (ObBackupRun *run, Tree *tree)
{
  for (guint i = 0; i < run->snapshots->len && i < MAX_SNAPSHOTS_SEARCHED; i++)
    {
      const ObSnapshot *snapshot = g_ptr_array_index (run->snapshots, i);
      g_autoptr (GError) error = NULL;
      g_autoptr (ObNode) node = ob_reader_find (run->repository, &snapshot->tree,
                                                ob_part_get_name (tree->part), run->cancellable,
                                                &error);

      if (node != NULL && node->type == OB_NODE_DIRECTORY)
        {
          tree->root.has_previous = TRUE;
          tree->root.previous = node->subtree;
          tree->expected = get_size (snapshot, tree->part);
          return;
        }
      if (g_cancellable_is_cancelled (run->cancellable))
        return;
      if (error != NULL && !g_error_matches (error, OB_ERROR, OB_ERROR_NOT_FOUND))
        ob_progress_warn (run->progress, FALSE,
                          "An earlier backup is damaged, so all files are read anew: %s",
                          error->message);
    }
}

static void
open_tree (ObBackupRun *run, const ObInstanceTree *from, GPtrArray *previous, GPtrArray *trees)
{
  g_autoptr (GError) error = NULL;
  ob_autofd int fd = ob_path_open (from->path, O_RDONLY | O_DIRECTORY, &error);
  Tree *tree = NULL;

  if (fd < 0)
    {
      ob_progress_warn (run->progress, TRUE, "The %s are not in the backup: %s",
                        ob_part_get_name (from->part), error->message);
      return;
    }
  tree = g_new0 (Tree, 1);
  tree->part = from->part;
  tree->path = g_strdup (from->path);
  tree->exclude = get_exclude (run, from, previous);
  tree->root = (ObFileBackupRoot){ .fd = ob_fd_steal (&fd),
                                   .path = tree->path,
                                   .name = ob_part_get_name (tree->part),
                                   .exclude = (const char *const *) tree->exclude };
  find_previous (run, tree);
  ob_progress_add_total (run->progress, tree->expected);
  g_ptr_array_add (trees, tree);
}

static gboolean
store_tree (ObBackupRun *run, Tree *tree, GError **error)
{
  ObManifestTree *entry = g_new0 (ObManifestTree, 1);
  ObNode *node = NULL;

  entry->part = tree->part;
  entry->path = g_strdup (tree->path);
  entry->exclude = g_strdupv (tree->exclude);
  g_ptr_array_add (run->manifest->trees, entry);
  if (!ob_file_backup_run (run->writer, &tree->root, CLAMP (run->context->n_threads, 1, 16),
                           run->progress, &node, &entry->stats, run->cancellable, error))
    return FALSE;
  g_ptr_array_add (run->nodes, node);
  run->manifest->parts |= tree->part;
  ob_job_log (run->job,
              "%s: %" G_GUINT64_FORMAT " files, %" G_GUINT64_FORMAT
              " bytes, %" G_GUINT64_FORMAT " files unchanged",
              ob_part_get_name (tree->part), entry->stats.files, entry->stats.bytes,
              entry->stats.unchanged_files);
  return TRUE;
}

/* Whether what C_FILE names is a file that a backup can hold. A path from the database is as
 * foreign as any: no "..", no link is followed. */
static gboolean
is_there (int directory, const char *relative_path)
{
  ob_autofd int fd = ob_path_open_at (directory, relative_path, O_PATH, NULL);

  return fd >= 0;
}

static gboolean
check_attachments (ObBackupRun *run, int directory, GError **error)
{
  FILE *file = fdopen (ob_fd_steal (&run->attachments_list), "r");
  char *line = NULL;
  size_t size = 0;
  guint64 n_missing = 0;

  rewind (file);
  while (getdelim (&line, &size, '\0', file) > 0 && !g_cancellable_is_cancelled (run->cancellable))
    {
      if (is_there (directory, line))
        continue;
      n_missing++;
      if (n_missing <= MAX_NAMED_ATTACHMENTS)
        ob_progress_warn (run->progress, FALSE,
                          "The database lists an attachment that is not there: %s", line);
    }
  free (line);
  fclose (file);
  if (n_missing > MAX_NAMED_ATTACHMENTS)
    ob_progress_warn (run->progress, FALSE,
                      "The database lists %" G_GUINT64_FORMAT " more attachments that are not "
                      "there.",
                      n_missing - MAX_NAMED_ATTACHMENTS);
  return !g_cancellable_set_error_if_cancelled (run->cancellable, error);
}

/* methods of this room */

ObBackupTrees *
ob_backup_trees_open (ObBackupRun *run)
{
  g_autoptr (GPtrArray) from = ob_instance_get_trees (run->instance, run->parts);
  g_autoptr (GPtrArray) previous
    = ob_restore_previous_list_paths (run->context);
  ObBackupTrees *trees = g_new0 (ObBackupTrees, 1);

  trees->trees = g_ptr_array_new_with_free_func (free_tree);
  trees->cancellable = g_cancellable_new ();
  trees->progress = ob_progress_ref (run->progress);
  for (guint i = 0; i < from->len; i++)
    open_tree (run, g_ptr_array_index (from, i), previous, trees->trees);
  trees->counter = g_thread_new ("count", count, trees);
  return trees;
}

gboolean
ob_backup_trees_store (ObBackupTrees *trees, ObBackupRun *run, GError **error)
{
  ob_progress_set_phase (run->progress, "files");
  for (guint i = 0; i < trees->trees->len; i++)
    if (!store_tree (run, g_ptr_array_index (trees->trees, i), error))
      return FALSE;

  for (guint i = 0; i < trees->trees->len && run->attachments_list >= 0; i++)
    {
      Tree *tree = g_ptr_array_index (trees->trees, i);

      if (tree->part == OB_PART_ATTACHMENTS
          && !check_attachments (run, tree->root.fd, error))
        return FALSE;
    }
  return TRUE;
}

void
ob_backup_trees_free (ObBackupTrees *trees)
{
  if (trees == NULL)
    return;
  g_cancellable_cancel (trees->cancellable);
  if (trees->counter != NULL)
    g_thread_join (trees->counter);
  g_object_unref (trees->cancellable);
  ob_progress_unref (trees->progress);
  g_ptr_array_unref (trees->trees);
  g_free (trees);
}
