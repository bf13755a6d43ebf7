/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-backup-work.h"

#include <pthread.h>
#include <string.h>

#include "ob-wait.h"

/* Files that wait to be read. */
#define MAX_FILES 256

struct _ObBackupWork
{
  pthread_mutex_t mutex;
  pthread_cond_t changed; /* something to do, or the end */
  GQueue files;           /* of ObBackupFile */
  GPtrArray *children;    /* of ObBackupChild, the last one is next */
  guint busy;             /* threads that may bring more */
  guint waiting;
};

ObBackupFile *
ob_backup_file_new (ObBackupDirectory *directory, const char *name)
{
  gsize size = strlen (name) + 1;
  ObBackupFile *file = g_malloc (sizeof *file + size);

  ob_backup_directory_hold (directory);
  file->directory = directory;
  memcpy (file->name, name, size);
  return file;
}

ObBackupChild *
ob_backup_child_new (ObBackupDirectory *parent, const char *name)
{
  gsize size = strlen (name) + 1;
  ObBackupChild *child = g_malloc0 (sizeof *child + size);

  ob_backup_directory_hold (parent);
  child->parent = parent;
  memcpy (child->name, name, size);
  return child;
}

void
ob_backup_child_free (ObBackupChild *child)
{
  ob_node_free (child->previous);
  g_clear_pointer (&child->excludes, g_ptr_array_unref);
  g_free (child);
}

ObBackupWork *
ob_backup_work_new (void)
{
  ObBackupWork *work = g_new0 (ObBackupWork, 1);

  pthread_mutex_init (&work->mutex, NULL);
  ob_cond_init (&work->changed);
  g_queue_init (&work->files);
  work->children = g_ptr_array_new ();
  return work;
}

void
ob_backup_work_free (ObBackupWork *work)
{
  pthread_mutex_destroy (&work->mutex);
  pthread_cond_destroy (&work->changed);
  g_ptr_array_unref (work->children);
  g_free (work);
}

gboolean
ob_backup_work_push_file (ObBackupWork *work, ObBackupFile *file)
{
  gboolean fits;

  pthread_mutex_lock (&work->mutex);
  fits = work->files.length < MAX_FILES;
  if (fits)
    g_queue_push_tail (&work->files, file);
  if (fits && work->waiting > 0)
    pthread_cond_signal (&work->changed);
  pthread_mutex_unlock (&work->mutex);
  return fits;
}

void
ob_backup_work_push_children (ObBackupWork *work, GPtrArray *children)
{
  if (children->len == 0)
    return;
  pthread_mutex_lock (&work->mutex);
  g_ptr_array_extend (work->children, children, NULL, NULL);
  if (work->waiting > 0)
    pthread_cond_broadcast (&work->changed);
  pthread_mutex_unlock (&work->mutex);
  g_ptr_array_set_size (children, 0);
}

void
ob_backup_work_begin (ObBackupWork *work)
{
  pthread_mutex_lock (&work->mutex);
  work->busy++;
  pthread_mutex_unlock (&work->mutex);
}

static gboolean
has_some (const ObBackupWork *work)
{
  return work->files.length > 0 || work->children->len > 0;
}

gboolean
ob_backup_work_take (ObBackupWork *work, ObBackupFile **file, ObBackupChild **child)
{
  *file = NULL;
  *child = NULL;
  pthread_mutex_lock (&work->mutex);
  work->busy--;
  if (work->busy == 0 && !has_some (work))
    pthread_cond_broadcast (&work->changed);
  work->waiting++;
  while (!has_some (work) && work->busy > 0)
    ob_cond_wait_slice (&work->changed, &work->mutex);
  work->waiting--;
  if (has_some (work))
    {
      work->busy++;
      *file = g_queue_pop_head (&work->files);
      if (*file == NULL)
        *child = g_ptr_array_steal_index (work->children, work->children->len - 1);
    }
  pthread_mutex_unlock (&work->mutex);
  return *file != NULL || *child != NULL;
}
