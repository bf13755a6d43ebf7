/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-file-backup.h"

#include <fcntl.h>

#include "ob-backup-walk.h"
#include "ob-error.h"
#include "ob-listing.h"
#include "ob-writer-private.h"

/* Directories kept open where nobody uses them. */
#define MAX_OPEN_DIRECTORIES 128

static void
add_stats (ObFileBackupStats *sum, const ObFileBackupStats *share)
{
  sum->files += share->files;
  sum->directories += share->directories;
  sum->bytes += share->bytes;
  sum->unchanged_files += share->unchanged_files;
  sum->vanished += share->vanished;
  sum->unreadable += share->unreadable;
}

static void *
run_worker (void *data)
{
  ObBackup *backup = data;
  g_autoptr (ObFileReader) file_reader
    = ob_file_reader_new (backup->writer, backup->names, backup->progress, backup->cancellable);
  g_autoptr (ObBlobReader) blob_reader
    = ob_blob_reader_new (ob_writer_get_repository (backup->writer));
  ObBackupWorker worker
    = { .backup = backup, .file_reader = file_reader, .blob_reader = blob_reader };
  ObBackupFile *file;
  ObBackupChild *child;

  while (ob_backup_work_take (backup->work, &file, &child))
    if (file != NULL)
      ob_backup_read_file (&worker, file);
    else
      ob_backup_visit_child (&worker, child);

  pthread_mutex_lock (&backup->mutex);
  add_stats (backup->stats, &worker.stats);
  pthread_mutex_unlock (&backup->mutex);
  return NULL;
}

/* The root is visited here, and then all threads have something to do. */
static void
visit_root (ObBackup *backup, const ObFileBackupRoot *root, ObDirectory *directory,
            GPtrArray *excludes)
{
  g_autoptr (ObFileReader) file_reader
    = ob_file_reader_new (backup->writer, backup->names, backup->progress, backup->cancellable);
  g_autoptr (ObBlobReader) blob_reader
    = ob_blob_reader_new (ob_writer_get_repository (backup->writer));
  ObBackupWorker worker
    = { .backup = backup, .file_reader = file_reader, .blob_reader = blob_reader };

  ob_backup_visit_root (&worker, root, directory, excludes);
  add_stats (backup->stats, &worker.stats);
}

static void
run (ObBackup *backup, const ObFileBackupRoot *root, guint n_threads)
{
  g_autofree pthread_t *threads = g_new (pthread_t, n_threads);
  g_autoptr (ObDirectory) directory
    = ob_directory_new_root (root->fd, root->path, MAX_OPEN_DIRECTORIES);
  g_autoptr (GPtrArray) excludes = ob_listing_make_excludes (root->exclude);

  visit_root (backup, root, directory, excludes);
  for (guint i = 0; i < n_threads; i++)
    ob_backup_work_begin (backup->work);
  for (guint i = 0; i < n_threads; i++)
    if (pthread_create (&threads[i], NULL, run_worker, backup) != 0)
      g_error ("No thread can be started");
  for (guint i = 0; i < n_threads; i++)
    pthread_join (threads[i], NULL);
}

gboolean
ob_file_backup_run (ObWriter *writer, const ObFileBackupRoot *root, guint n_readers,
                    ObProgress *progress, ObNode **node, ObFileBackupStats *stats,
                    GCancellable *cancellable, GError **error)
{
  g_autoptr (ObNames) names = ob_names_new ();
  g_autoptr (ObFirstError) first_error = ob_first_error_new ();
  g_autoptr (ObBackupWork) work = ob_backup_work_new ();
  ObFileBackupStats unused;
  ObBackup backup = { .writer = writer,
                      .names = names,
                      .progress = progress,
                      .cancellable = cancellable,
                      .first_error = first_error,
                      .work = work,
                      .stats = stats != NULL ? stats : &unused };

  *backup.stats = (ObFileBackupStats){ 0 };
  pthread_mutex_init (&backup.mutex, NULL);
  run (&backup, root, CLAMP (n_readers, 1, 16));
  pthread_mutex_destroy (&backup.mutex);
  if (!ob_first_error_check (first_error, error))
    {
      ob_node_free (backup.root);
      return FALSE;
    }
  if (backup.root == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED, "“%s” cannot be read", root->path);
      return FALSE;
    }
  *node = backup.root;
  return TRUE;
}

/* --- the estimate --- */

/* A directory still to be counted. */
typedef struct
{
  ObDirectory *directory;
  GPtrArray *excludes;
  gboolean is_mount_point;
} ToCount;

static void
to_count_free (gpointer data)
{
  ToCount *to_count = data;

  ob_directory_unref (to_count->directory);
  g_clear_pointer (&to_count->excludes, g_ptr_array_unref);
  g_free (to_count);
}

static void
push_to_count (GPtrArray *stack, ObDirectory *directory, GPtrArray *excludes,
               gboolean is_mount_point)
{
  ToCount *to_count = g_new0 (ToCount, 1);

  to_count->directory = directory;
  to_count->excludes = excludes;
  to_count->is_mount_point = is_mount_point;
  g_ptr_array_add (stack, to_count);
}

/* Counts the files of an open directory; what cannot be looked at counts nothing, the backup itself
 * will tell of it. */
static void
count_entries (GPtrArray *stack, const ToCount *to_count, int fd, dev_t device, guint64 *bytes)
{
  g_autoptr (GPtrArray) entries = ob_listing_read (fd);

  for (guint i = 0; entries != NULL && i < entries->len; i++)
    {
      const ObListingEntry *entry = g_ptr_array_index (entries, i);
      g_autoptr (GPtrArray) below = NULL;
      struct stat st;

      if (ob_listing_is_excluded (to_count->excludes, entry->name, &below)
          || fstatat (fd, entry->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        continue;
      if (S_ISREG (st.st_mode))
        *bytes += (guint64) st.st_size;
      else if (S_ISDIR (st.st_mode))
        push_to_count (stack,
                       ob_directory_new_child (to_count->directory, entry->name, st.st_dev,
                                               st.st_ino),
                       g_steal_pointer (&below), st.st_dev != device);
    }
}

gboolean
ob_file_backup_estimate (const ObFileBackupRoot *root, guint64 *bytes, GCancellable *cancellable,
                         GError **error)
{
  g_autoptr (GPtrArray) stack = g_ptr_array_new_with_free_func (to_count_free);

  *bytes = 0;
  push_to_count (stack, ob_directory_new_root (root->fd, root->path, 64),
                 ob_listing_make_excludes (root->exclude), FALSE);
  while (stack->len > 0)
    {
      ToCount *to_count = g_ptr_array_steal_index_fast (stack, stack->len - 1);
      struct stat st;
      int fd = ob_directory_acquire_with_stat (to_count->directory, &st);

      if (fd >= 0)
        {
          if (!to_count->is_mount_point || !ob_listing_is_pseudo (fd))
            count_entries (stack, to_count, fd, st.st_dev, bytes);
          ob_directory_release (to_count->directory);
        }
      to_count_free (to_count);
      if (!ob_check_cancelled (cancellable, error))
        return FALSE;
    }
  return TRUE;
}
