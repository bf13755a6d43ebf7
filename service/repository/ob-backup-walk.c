/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-backup-walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-listing.h"
#include "ob-node-read.h"
#include "ob-tree.h"
#include "ob-writer-private.h"

/* The nodes that a directory had in the previous backup. Those that are taken out stay where they
 * are, since the others are searched by their names; whoever took one keeps it that long. */
typedef struct
{
  GPtrArray *nodes; /* of ObNode; NULL where there is none */
  guint8 *taken;    /* a flag for each */
} Previous;

/* A directory while its entries are visited. */
typedef struct
{
  ObBackupWorker *worker;
  ObBackupDirectory *directory; /* held */
  int fd;
  dev_t device;
  Previous previous;
  const GPtrArray *excludes;
  GPtrArray *children; /* of ObBackupChild */
} Visit;

void
ob_backup_release (ObBackup *backup, ObBackupDirectory *directory)
{
  ObNode *root = NULL;
  GError *error = NULL;

  if (!ob_backup_directory_release (directory, backup->writer, &root, &error))
    ob_first_error_take (backup->first_error, error);
  if (root != NULL)
    {
      pthread_mutex_lock (&backup->mutex);
      backup->root = root;
      pthread_mutex_unlock (&backup->mutex);
    }
}

/* --- warnings --- */

/* Raises a warning about an entry (@name may be NULL: the directory itself) and counts it. */
static void
warn_vanished (ObBackupWorker *worker, ObDirectory *directory, const char *name)
{
  g_autofree char *where = ob_directory_describe (directory, name);

  worker->stats.vanished++;
  ob_progress_warn (worker->backup->progress, FALSE,
                    "“%s” vanished or was replaced during the backup and is not in it", where);
}

static void
warn_unreadable (ObBackupWorker *worker, ObDirectory *directory, const char *name, int errnum)
{
  g_autofree char *where = ob_directory_describe (directory, name);

  worker->stats.unreadable++;
  ob_progress_warn (worker->backup->progress, TRUE,
                    "“%s” could not be read and is not in the backup: %s", where,
                    g_strerror (errnum));
}

/* Something about an entry failed with errno. */
static void
warn_errno (ObBackupWorker *worker, ObDirectory *directory, const char *name)
{
  if (errno == ENOENT || errno == ENOTDIR || errno == ESTALE || errno == ELOOP || errno == EINVAL)
    warn_vanished (worker, directory, name);
  else
    warn_unreadable (worker, directory, name, errno);
}

/* --- reading --- */

static void
add_file (ObBackupWorker *worker, ObBackupDirectory *directory, ObNode *node, gboolean is_same)
{
  worker->stats.files++;
  worker->stats.bytes += node->size;
  ob_backup_directory_add (directory, node, is_same);
}

static void
read_open (ObBackupWorker *worker, const ObBackupFile *file, int dirfd)
{
  ObBackup *backup = worker->backup;
  ObDirectory *directory = ob_backup_directory_get (file->directory);
  g_autofree char *where = NULL;
  GError *error = NULL;
  ObNode *node = NULL;

  switch (ob_file_reader_read (worker->file_reader, dirfd, file->name, &node, &error))
    {
    case OB_FILE_CHANGING:
      where = ob_directory_describe (directory, file->name);
      ob_progress_warn (backup->progress, FALSE,
                        "“%s” changed each time that it was read; it was kept as last read", where);
      add_file (worker, file->directory, node, FALSE);
      break;
    case OB_FILE_READ:
      add_file (worker, file->directory, node, FALSE);
      break;
    case OB_FILE_VANISHED:
      warn_vanished (worker, directory, file->name);
      break;
    case OB_FILE_UNREADABLE:
      warn_unreadable (worker, directory, file->name, errno);
      break;
    case OB_FILE_FAILED:
      ob_first_error_take (backup->first_error, error);
      break;
    }
}

void
ob_backup_read_file (ObBackupWorker *worker, ObBackupFile *file)
{
  ObDirectory *directory = ob_backup_directory_get (file->directory);

  if (!ob_first_error_is_set (worker->backup->first_error))
    {
      int dirfd = ob_directory_acquire (directory);

      if (dirfd < 0)
        warn_vanished (worker, directory, file->name);
      else
        {
          read_open (worker, file, dirfd);
          ob_directory_release (directory);
        }
    }
  ob_backup_release (worker->backup, file->directory);
  g_free (file);
}

/* --- the previous backup --- */

/* One that cannot be read is as good as none. */
static void
load_previous (Visit *visit, const ObId *id)
{
  ObBackup *backup = visit->worker->backup;
  ObIndex *index = ob_repository_get_index (ob_writer_get_repository (backup->writer));

  if (!ob_index_has (index, OB_BLOB_TREE, id))
    return;
  visit->previous.nodes
    = ob_blob_reader_load_tree (visit->worker->blob_reader, id, backup->cancellable, NULL);
  if (visit->previous.nodes == NULL)
    return;
  visit->previous.taken = g_new0 (guint8, visit->previous.nodes->len);
  ob_backup_directory_set_previous_tree (visit->directory, id, visit->previous.nodes->len);
}

static void
clear_previous (Previous *previous)
{
  if (previous->nodes == NULL)
    return;
  g_ptr_array_set_free_func (previous->nodes, NULL);
  for (guint i = 0; i < previous->nodes->len; i++)
    if (!previous->taken[i])
      ob_node_free (g_ptr_array_index (previous->nodes, i));
  g_clear_pointer (&previous->nodes, g_ptr_array_unref);
  g_clear_pointer (&previous->taken, g_free);
}

/* NULL where there is none. */
static const ObNode *
find_previous (const Previous *previous, const char *name, guint *position)
{
  if (previous->nodes == NULL || !ob_tree_search (previous->nodes, name, position))
    return NULL;
  return g_ptr_array_index (previous->nodes, *position);
}

static ObNode *
take_previous (Previous *previous, guint position)
{
  previous->taken[position] = TRUE;
  return g_ptr_array_index (previous->nodes, position);
}

static gboolean
has_all_blobs (ObBackup *backup, const ObNode *node)
{
  ObIndex *index = ob_repository_get_index (ob_writer_get_repository (backup->writer));

  for (guint i = 0; i < node->content->len; i++)
    if (!ob_index_has (index, OB_BLOB_DATA, &g_array_index (node->content, ObId, i)))
      return FALSE;
  return TRUE;
}

static gboolean
is_unchanged (const ObNode *node, const struct stat *st)
{
  return node->type == OB_NODE_FILE && node->content != NULL && node->size == (guint64) st->st_size
         && node->inode == st->st_ino && node->mtime.tv_sec == st->st_mtim.tv_sec
         && node->mtime.tv_nsec == st->st_mtim.tv_nsec && node->ctime.tv_sec == st->st_ctim.tv_sec
         && node->ctime.tv_nsec == st->st_ctim.tv_nsec && node->mode == (st->st_mode & 07777)
         && node->uid == st->st_uid && node->gid == st->st_gid && node->links == st->st_nlink;
}

/* What the node says beside the file's own state. *@is_same: it said so already. */
static void
renew_node (ObBackup *backup, ObNode *node, const struct stat *st, gboolean *is_same)
{
  guint64 device_id = st->st_nlink > 1 ? st->st_dev : 0;
  gboolean had_atime = node->atime.tv_sec == node->mtime.tv_sec
                       && node->atime.tv_nsec == node->mtime.tv_nsec;

  *is_same = !ob_node_set_owner_names (node, backup->names) && node->device_id == device_id
             && had_atime;
  node->device_id = device_id;
  node->atime = node->mtime;
}

/* --- visiting --- */

/* By whoever is free; here where enough wait already. */
static void
read_later (Visit *visit, const char *name)
{
  ObBackupFile *file = ob_backup_file_new (visit->directory, name);

  if (!ob_backup_work_push_file (visit->worker->backup->work, file))
    ob_backup_read_file (visit->worker, file);
}

static void
visit_file (Visit *visit, const char *name, const struct stat *st)
{
  ObBackup *backup = visit->worker->backup;
  guint position;
  const ObNode *previous = find_previous (&visit->previous, name, &position);

  if (previous != NULL && is_unchanged (previous, st) && has_all_blobs (backup, previous))
    {
      ObNode *node = take_previous (&visit->previous, position);
      gboolean is_same;

      renew_node (backup, node, st, &is_same);
      visit->worker->stats.unchanged_files++;
      ob_progress_add_done (backup->progress, node->size);
      add_file (visit->worker, visit->directory, node, is_same);
    }
  else
    read_later (visit, name);
}

static void
visit_directory (Visit *visit, const char *name, const struct stat *st, GPtrArray *excludes)
{
  ObBackupChild *child = ob_backup_child_new (visit->directory, name);
  guint position;
  const ObNode *previous = find_previous (&visit->previous, name, &position);

  if (previous != NULL && previous->type == OB_NODE_DIRECTORY)
    child->previous = ob_node_copy (previous);
  child->excludes = excludes;
  child->device = st->st_dev;
  child->inode = st->st_ino;
  child->is_mount_point = st->st_dev != visit->device;
  g_ptr_array_add (visit->children, child);
}

/* A link, a device, a fifo. */
static void
visit_other (Visit *visit, const char *name, const struct stat *st)
{
  ObBackupWorker *worker = visit->worker;
  ObNode *node = ob_node_new_from_stat (name, st, worker->backup->names);
  const ObNode *previous;
  guint position;

  if (node == NULL)
    return;
  if ((node->type == OB_NODE_SYMLINK && !ob_node_read_link (node, visit->fd, name))
      || !ob_node_read_xattrs_at (node, visit->fd, name))
    {
      warn_errno (worker, ob_backup_directory_get (visit->directory), name);
      ob_node_free (node);
      return;
    }
  previous = find_previous (&visit->previous, name, &position);
  ob_backup_directory_add (visit->directory, node,
                           previous != NULL && ob_node_is_equal (node, previous));
}

static void
visit_entry (Visit *visit, const ObListingEntry *entry)
{
  const char *name = entry->name;
  g_autoptr (GPtrArray) below = NULL;
  struct stat st;

  if (ob_listing_is_excluded (visit->excludes, name, &below))
    return;
  if (entry->type == DT_REG && visit->previous.nodes == NULL)
    read_later (visit, name);
  else if (fstatat (visit->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    warn_errno (visit->worker, ob_backup_directory_get (visit->directory), name);
  else if (S_ISREG (st.st_mode))
    visit_file (visit, name, &st);
  else if (S_ISDIR (st.st_mode))
    visit_directory (visit, name, &st, g_steal_pointer (&below));
  else
    visit_other (visit, name, &st);
}

static void
visit_entries (Visit *visit)
{
  ObBackup *backup = visit->worker->backup;
  g_autoptr (GPtrArray) entries = ob_listing_read (visit->fd);
  GError *error = NULL;

  if (entries == NULL)
    {
      warn_errno (visit->worker, ob_backup_directory_get (visit->directory), NULL);
      return;
    }
  for (guint i = 0; i < entries->len && !ob_first_error_is_set (backup->first_error); i++)
    {
      const ObListingEntry *entry = g_ptr_array_index (entries, i);

      if (ob_check_cancelled (backup->cancellable, &error))
        visit_entry (visit, entry);
      else
        ob_first_error_take (backup->first_error, error);
    }
}

/* Visits the open directory, whose node is @node (transfer full). @previous_tree may be NULL. */
static void
visit_open (Visit *visit, ObBackupDirectory *parent, ObDirectory *directory, ObNode *node,
            ObNode *previous, const ObId *previous_tree)
{
  ObBackup *backup = visit->worker->backup;
  g_autoptr (GPtrArray) children = g_ptr_array_new ();

  if (!ob_node_read_xattrs (node, visit->fd))
    warn_unreadable (visit->worker, directory, NULL, errno);
  visit->directory = ob_backup_directory_new (parent, directory, node, previous);
  visit->children = children;
  visit->worker->stats.directories++;
  if (previous_tree != NULL)
    load_previous (visit, previous_tree);
  visit_entries (visit);
  clear_previous (&visit->previous);
  ob_backup_work_push_children (backup->work, children);
  ob_backup_release (backup, visit->directory);
}

/* A file system of the kernel's own: an empty directory stands for it. */
static void
leave_out (ObBackupWorker *worker, ObBackupChild *child, ObDirectory *directory, ObNode *node)
{
  g_autofree char *where = ob_directory_describe (directory, NULL);
  ObBackupDirectory *empty = ob_backup_directory_new (child->parent, directory, node, NULL);

  ob_progress_warn (worker->backup->progress, FALSE,
                    "“%s” is a file system of the kernel's own; its content was left out", where);
  worker->stats.directories++;
  ob_backup_release (worker->backup, empty);
}

static void
enter (ObBackupWorker *worker, ObBackupChild *child, ObDirectory *directory)
{
  struct stat st;
  int fd = ob_directory_acquire_with_stat (directory, &st);
  ObNode *node;

  if (fd < 0)
    {
      warn_errno (worker, directory, NULL);
      return;
    }
  node = ob_node_new_from_stat (child->name, &st, worker->backup->names);
  if (child->is_mount_point && ob_listing_is_pseudo (fd))
    leave_out (worker, child, directory, node);
  else
    {
      Visit visit
        = { .worker = worker, .fd = fd, .device = st.st_dev, .excludes = child->excludes };
      ObNode *previous = g_steal_pointer (&child->previous);
      ObId previous_tree = { 0 };

      if (previous != NULL)
        previous_tree = previous->subtree;
      visit_open (&visit, child->parent, directory, node, previous,
                  previous != NULL ? &previous_tree : NULL);
    }
  ob_directory_release (directory);
}

void
ob_backup_visit_child (ObBackupWorker *worker, ObBackupChild *child)
{
  if (!ob_first_error_is_set (worker->backup->first_error))
    {
      g_autoptr (ObDirectory) directory
        = ob_directory_new_child (ob_backup_directory_get (child->parent), child->name,
                                  child->device, child->inode);

      enter (worker, child, directory);
    }
  ob_backup_release (worker->backup, child->parent);
  ob_backup_child_free (child);
}

void
ob_backup_visit_root (ObBackupWorker *worker, const ObFileBackupRoot *root, ObDirectory *directory,
                      GPtrArray *excludes)
{
  Visit visit = { .worker = worker, .fd = root->fd, .excludes = excludes };
  struct stat st;

  if (fstat (root->fd, &st) != 0)
    {
      warn_errno (worker, directory, NULL);
      return;
    }
  visit.device = st.st_dev;
  visit_open (&visit, NULL, directory,
              ob_node_new_from_stat (root->name, &st, worker->backup->names), NULL,
              root->has_previous ? &root->previous : NULL);
}
