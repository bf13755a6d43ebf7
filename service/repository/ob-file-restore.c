/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-file-restore.h"

#include "ob-hard-links.h"
#include "ob-restore.h"

/* Directories kept open where nobody uses them. */
#define MAX_OPEN_DIRECTORIES 128
#define MAX_WORKERS 64

static void
run (ObRestore *restore, ObDirectory *root, const ObNode *node, guint n_workers)
{
  g_autofree pthread_t *threads = g_new (pthread_t, n_workers);

  for (guint i = 0; i < n_workers; i++)
    if (pthread_create (&threads[i], NULL, ob_restore_run_worker, restore) != 0)
      g_error ("No thread can be started");

  ob_restore_plan (restore, root, node);

  pthread_mutex_lock (&restore->mutex);
  restore->planned = TRUE;
  pthread_cond_broadcast (&restore->changed);
  pthread_mutex_unlock (&restore->mutex);
  for (guint i = 0; i < n_workers; i++)
    pthread_join (threads[i], NULL);
}

/* After a failure. */
static void
drop_unfinished (ObRestore *restore)
{
  GHashTableIter iter;
  gpointer file;

  g_hash_table_iter_init (&iter, restore->unfinished);
  while (g_hash_table_iter_next (&iter, &file, NULL))
    ob_restore_file_abandon (restore, file);
  g_clear_pointer (&restore->batch, ob_restore_batch_free);
}

gboolean
ob_file_restore_run (ObRepository *repository, const ObNode *node, int fd, const char *path,
                     gboolean owners_by_name, guint n_workers, ObProgress *progress,
                     ObFileRestoreStats *stats, GCancellable *cancellable, GError **error)
{
  return ob_file_restore_run_selected (repository, node, NULL, fd, path, owners_by_name, n_workers,
                                       progress, stats, cancellable, error);
}

gboolean
ob_file_restore_run_selected (ObRepository *repository, const ObNode *node,
                              const ObPathSelection *selection, int fd, const char *path,
                              gboolean owners_by_name, guint n_workers, ObProgress *progress,
                              ObFileRestoreStats *stats, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObNames) names = ob_names_new ();
  g_autoptr (ObFirstError) first_error = ob_first_error_new ();
  g_autoptr (GHashTable) unfinished = g_hash_table_new (NULL, NULL);
  g_autoptr (ObDirectory) root = ob_directory_new_root (fd, path, MAX_OPEN_DIRECTORIES);
  ObFileRestoreStats unused;
  ObRestore restore = { .repository = repository,
                        .progress = progress,
                        .cancellable = cancellable,
                        .first_error = first_error,
                        .selection = selection,
                        .apply = { names, owners_by_name, progress },
                        .stats = stats != NULL ? stats : &unused,
                        .unfinished = unfinished };

  *restore.stats = (ObFileRestoreStats){ 0 };
  pthread_mutex_init (&restore.mutex, NULL);
  ob_cond_init (&restore.changed);

  run (&restore, root, node, ob_repository_count_readers (repository, n_workers, MAX_WORKERS));
  drop_unfinished (&restore);

  pthread_mutex_destroy (&restore.mutex);
  pthread_cond_destroy (&restore.changed);
  return ob_first_error_check (first_error, error);
}

/* --- the estimate --- */

static void
count_nodes (GPtrArray *nodes, ObHardLinks *links, ObDirectory *root, GArray *to_visit,
             guint64 *bytes)
{
  for (guint i = 0; i < nodes->len; i++)
    {
      const ObNode *node = g_ptr_array_index (nodes, i);

      if (node->type == OB_NODE_DIRECTORY)
        g_array_append_val (to_visit, node->subtree);
      else if (node->type == OB_NODE_FILE && ob_hard_links_find (links, root, node) == NULL)
        *bytes += node->size;
    }
}

gboolean
ob_file_restore_estimate (ObRepository *repository, const ObNode *node, guint64 *bytes,
                          GCancellable *cancellable, GError **error)
{
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (repository);
  g_autoptr (ObHardLinks) links = ob_hard_links_new ();
  g_autoptr (ObDirectory) root = ob_directory_new_root (-1, "/", 0);
  g_autoptr (GArray) to_visit = g_array_new (FALSE, FALSE, sizeof (ObId));

  *bytes = 0;
  g_array_append_val (to_visit, node->subtree);
  while (to_visit->len > 0)
    {
      ObId id = g_array_index (to_visit, ObId, to_visit->len - 1);
      g_autoptr (GPtrArray) nodes
        = ob_check_cancelled (cancellable, error)
            ? ob_blob_reader_load_tree (reader, &id, cancellable, error)
            : NULL;

      if (nodes == NULL)
        return FALSE;
      g_array_set_size (to_visit, to_visit->len - 1);
      count_nodes (nodes, links, root, to_visit, bytes);
    }
  return TRUE;
}
