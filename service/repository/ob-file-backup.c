/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-file-backup.h"

#include <errno.h>
#include <fcntl.h>

#include "ob-backup-walk.h"
#include "ob-error.h"
#include "ob-file-reader.h"
#include "ob-listing.h"

/* --- the readers --- */

/* The next file; NULL at the end. */
static ObBackupTask *
take_task (ObBackup *backup)
{
  ObBackupTask *task;

  pthread_mutex_lock (&backup->mutex);
  while (backup->tasks.length == 0 && !backup->walked)
    ob_cond_wait_slice (&backup->filled, &backup->mutex);
  task = g_queue_pop_head (&backup->tasks);
  pthread_cond_signal (&backup->room);
  pthread_mutex_unlock (&backup->mutex);
  return task;
}

static void
add_file (ObBackup *backup, ObBackupDirectory *directory, ObNode *node)
{
  pthread_mutex_lock (&backup->mutex);
  backup->stats->files++;
  backup->stats->bytes += node->size;
  pthread_mutex_unlock (&backup->mutex);
  ob_backup_directory_add (directory, node);
}

static void
read_file (ObBackup *backup, ObFileReader *reader, const ObBackupTask *task, int dirfd)
{
  ObDirectory *directory = ob_backup_directory_get (task->directory);
  g_autofree char *where = NULL;
  GError *error = NULL;
  ObNode *node = NULL;

  switch (ob_file_reader_read (reader, dirfd, task->name, &node, &error))
    {
    case OB_FILE_CHANGING:
      where = ob_directory_describe (directory, task->name);
      ob_progress_warn (backup->progress, FALSE,
                        "“%s” changed each time that it was read; it was kept as last read", where);
      add_file (backup, task->directory, node);
      break;
    case OB_FILE_READ:
      add_file (backup, task->directory, node);
      break;
    case OB_FILE_VANISHED:
      ob_backup_warn_vanished (backup, directory, task->name);
      break;
    case OB_FILE_UNREADABLE:
      ob_backup_warn_unreadable (backup, directory, task->name, errno);
      break;
    case OB_FILE_FAILED:
      ob_first_error_take (backup->first_error, error);
      break;
    }
}

static void
do_task (ObBackup *backup, ObFileReader *reader, ObBackupTask *task)
{
  ObDirectory *directory = ob_backup_directory_get (task->directory);

  if (!ob_first_error_is_set (backup->first_error))
    {
      int dirfd = ob_directory_acquire (directory);

      if (dirfd < 0)
        ob_backup_warn_vanished (backup, directory, task->name);
      else
        {
          read_file (backup, reader, task, dirfd);
          ob_directory_release (directory);
        }
    }
  ob_backup_release (backup, task->directory);
  g_free (task);
}

static void *
run_reader (void *data)
{
  ObBackup *backup = data;
  g_autoptr (ObFileReader) reader
    = ob_file_reader_new (backup->writer, backup->names, backup->progress, backup->cancellable);
  ObBackupTask *task;

  while ((task = take_task (backup)) != NULL)
    do_task (backup, reader, task);
  return NULL;
}

/* --- the backup --- */

static void
run (ObBackup *backup, const ObFileBackupRoot *root, guint n_readers)
{
  g_autofree pthread_t *threads = g_new (pthread_t, n_readers);

  for (guint i = 0; i < n_readers; i++)
    if (pthread_create (&threads[i], NULL, run_reader, backup) != 0)
      g_error ("No thread can be started");

  ob_backup_walk (backup, root);

  pthread_mutex_lock (&backup->mutex);
  backup->walked = TRUE;
  pthread_cond_broadcast (&backup->filled);
  pthread_mutex_unlock (&backup->mutex);
  for (guint i = 0; i < n_readers; i++)
    pthread_join (threads[i], NULL);
}

gboolean
ob_file_backup_run (ObWriter *writer, const ObFileBackupRoot *root, guint n_readers,
                    ObProgress *progress, ObNode **node, ObFileBackupStats *stats,
                    GCancellable *cancellable, GError **error)
{
  g_autoptr (ObNames) names = ob_names_new ();
  g_autoptr (ObFirstError) first_error = ob_first_error_new ();
  ObFileBackupStats unused;
  ObBackup backup = { .writer = writer,
                      .names = names,
                      .progress = progress,
                      .cancellable = cancellable,
                      .first_error = first_error,
                      .stats = stats != NULL ? stats : &unused };

  *backup.stats = (ObFileBackupStats){ 0 };
  pthread_mutex_init (&backup.mutex, NULL);
  ob_cond_init (&backup.room);
  ob_cond_init (&backup.filled);

  run (&backup, root, CLAMP (n_readers, 1, 16));

  pthread_mutex_destroy (&backup.mutex);
  pthread_cond_destroy (&backup.room);
  pthread_cond_destroy (&backup.filled);
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
push_to_count (GPtrArray *stack, ObDirectory *directory, GPtrArray *excludes)
{
  ToCount *to_count = g_new0 (ToCount, 1);

  to_count->directory = directory;
  to_count->excludes = excludes;
  g_ptr_array_add (stack, to_count);
}

/* Counts the files of an open directory; what cannot be looked at counts nothing, the backup itself
 * will tell of it. */
static void
count_entries (GPtrArray *stack, const ToCount *to_count, int fd, guint64 *bytes)
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
                       g_steal_pointer (&below));
    }
}

gboolean
ob_file_backup_estimate (const ObFileBackupRoot *root, guint64 *bytes, GCancellable *cancellable,
                         GError **error)
{
  g_autoptr (GPtrArray) stack = g_ptr_array_new_with_free_func (to_count_free);

  *bytes = 0;
  push_to_count (stack, ob_directory_new_root (root->fd, root->path, 64),
                 ob_listing_make_excludes (root->exclude));
  while (stack->len > 0)
    {
      ToCount *to_count = g_ptr_array_steal_index_fast (stack, stack->len - 1);
      int fd = ob_directory_acquire (to_count->directory);

      if (fd >= 0)
        {
          if (!ob_listing_is_pseudo (fd))
            count_entries (stack, to_count, fd, bytes);
          ob_directory_release (to_count->directory);
        }
      to_count_free (to_count);
      if (!ob_check_cancelled (cancellable, error))
        return FALSE;
    }
  return TRUE;
}
