/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-backup-walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "ob-error.h"
#include "ob-io.h"
#include "ob-listing.h"
#include "ob-node-read.h"
#include "ob-tree.h"
#include "ob-writer-private.h"

/* Files that wait to be read. */
#define MAX_TASKS 256

/* Directories kept open where nobody uses them. */
#define MAX_OPEN_DIRECTORIES 128

/* A directory that was seen and is not walked yet. */
typedef struct
{
  char *name;
  struct stat st;
  gboolean has_previous;
  ObId previous;
  GPtrArray *excludes; /* or NULL */
} Pending;

/* A directory on the way down. */
typedef struct
{
  ObBackupDirectory *directory; /* held */
  GPtrArray *pending;           /* of Pending, the last one is next */
} Frame;

typedef struct
{
  ObBackup *backup;
  ObBlobReader *reader; /* of previous trees */
  GArray *frames;       /* of Frame */
} Walk;

static void
pending_free (gpointer data)
{
  Pending *pending = data;

  g_free (pending->name);
  g_clear_pointer (&pending->excludes, g_ptr_array_unref);
  g_free (pending);
}

gboolean
ob_backup_release (ObBackup *backup, ObBackupDirectory *directory)
{
  GError *error = NULL;

  if (ob_backup_directory_release (directory, backup->writer, &backup->root, &error))
    return TRUE;
  ob_first_error_take (backup->first_error, error);
  return FALSE;
}

void
ob_backup_warn_vanished (ObBackup *backup, ObDirectory *directory, const char *name)
{
  g_autofree char *where = ob_directory_describe (directory, name);

  pthread_mutex_lock (&backup->mutex);
  backup->stats->vanished++;
  pthread_mutex_unlock (&backup->mutex);
  ob_progress_warn (backup->progress, FALSE,
                    "“%s” vanished or was replaced during the backup and is not in it", where);
}

void
ob_backup_warn_unreadable (ObBackup *backup, ObDirectory *directory, const char *name, int errnum)
{
  g_autofree char *where = ob_directory_describe (directory, name);

  pthread_mutex_lock (&backup->mutex);
  backup->stats->unreadable++;
  pthread_mutex_unlock (&backup->mutex);
  ob_progress_warn (backup->progress, TRUE, "“%s” could not be read and is not in the backup: %s",
                    where, g_strerror (errnum));
}

/* Something about an entry failed with errno. */
static void
warn_errno (ObBackup *backup, ObDirectory *directory, const char *name)
{
  if (errno == ENOENT || errno == ENOTDIR || errno == ESTALE || errno == ELOOP || errno == EINVAL)
    ob_backup_warn_vanished (backup, directory, name);
  else
    ob_backup_warn_unreadable (backup, directory, name, errno);
}

/* Queues a file, waiting for room. FALSE where the backup has failed. */
static gboolean
push_task (ObBackup *backup, ObBackupDirectory *directory, const char *name)
{
  gsize size = strlen (name) + 1;
  ObBackupTask *task = g_malloc (sizeof *task + size);
  GError *error = NULL;

  task->directory = directory;
  memcpy (task->name, name, size);
  ob_backup_directory_hold (directory);

  pthread_mutex_lock (&backup->mutex);
  while (backup->tasks.length >= MAX_TASKS && !ob_first_error_is_set (backup->first_error))
    {
      ob_cond_wait_slice (&backup->room, &backup->mutex);
      if (!ob_check_cancelled (backup->cancellable, &error))
        ob_first_error_take (backup->first_error, error);
    }
  g_queue_push_tail (&backup->tasks, task);
  pthread_cond_signal (&backup->filled);
  pthread_mutex_unlock (&backup->mutex);
  return !ob_first_error_is_set (backup->first_error);
}

/* The node of the previous backup, if the file is as it was then and all its blobs are there. */
static ObNode *
take_unchanged (ObBackup *backup, GPtrArray *previous, const char *name, const struct stat *st)
{
  ObIndex *index = ob_repository_get_index (ob_writer_get_repository (backup->writer));
  guint position;
  ObNode *node;

  if (previous == NULL || !ob_tree_search (previous, name, &position))
    return NULL;
  node = g_ptr_array_index (previous, position);
  if (node->type != OB_NODE_FILE || node->content == NULL || node->size != (guint64) st->st_size
      || node->inode != st->st_ino || node->mtime.tv_sec != st->st_mtim.tv_sec
      || node->mtime.tv_nsec != st->st_mtim.tv_nsec || node->ctime.tv_sec != st->st_ctim.tv_sec
      || node->ctime.tv_nsec != st->st_ctim.tv_nsec || node->mode != (st->st_mode & 07777)
      || node->uid != st->st_uid || node->gid != st->st_gid || node->links != st->st_nlink)
    return NULL;
  for (guint i = 0; i < node->content->len; i++)
    {
      ObBlobLocation location;

      if (!ob_index_lookup (index, OB_BLOB_DATA, &g_array_index (node->content, ObId, i),
                            &location))
        return NULL;
    }

  /* The array keeps a bare node in its place: its names are what it is searched by. */
  previous->pdata[position] = g_new0 (ObNode, 1);
  ((ObNode *) previous->pdata[position])->name = g_strdup (name);
  node->device_id = st->st_nlink > 1 ? st->st_dev : 0;
  node->atime = node->mtime;
  ob_node_set_owner_names (node, backup->names);
  return node;
}

static gboolean
visit_file (Walk *walk, Frame *frame, GPtrArray *previous, const char *name, const struct stat *st)
{
  ObBackup *backup = walk->backup;
  ObNode *node = take_unchanged (backup, previous, name, st);

  if (node == NULL)
    return push_task (backup, frame->directory, name);

  pthread_mutex_lock (&backup->mutex);
  backup->stats->files++;
  backup->stats->unchanged_files++;
  backup->stats->bytes += node->size;
  pthread_mutex_unlock (&backup->mutex);
  ob_progress_add_done (backup->progress, node->size);
  ob_backup_directory_add (frame->directory, node);
  return TRUE;
}

static void
visit_directory (Frame *frame, GPtrArray *previous, const char *name, const struct stat *st,
                 GPtrArray *excludes)
{
  Pending *pending = g_new0 (Pending, 1);
  const ObNode *node = previous != NULL ? ob_tree_find (previous, name) : NULL;

  pending->name = g_strdup (name);
  pending->st = *st;
  pending->excludes = excludes;
  if (node != NULL && node->type == OB_NODE_DIRECTORY)
    {
      pending->has_previous = TRUE;
      pending->previous = node->subtree;
    }
  g_ptr_array_add (frame->pending, pending);
}

/* A link, a device, a fifo. */
static void
visit_other (Walk *walk, Frame *frame, int dirfd, const char *name, const struct stat *st)
{
  g_autoptr (ObNode) node = ob_node_new_from_stat (name, st, walk->backup->names);

  if (node == NULL)
    return;
  if ((node->type == OB_NODE_SYMLINK && !ob_node_read_link (node, dirfd, name))
      || !ob_node_read_xattrs_at (node, dirfd, name))
    warn_errno (walk->backup, ob_backup_directory_get (frame->directory), name);
  else
    ob_backup_directory_add (frame->directory, g_steal_pointer (&node));
}

/* FALSE where the backup has failed. */
static gboolean
visit_entry (Walk *walk, Frame *frame, int dirfd, const char *name, GPtrArray *previous,
             const GPtrArray *excludes)
{
  g_autoptr (GPtrArray) below = NULL;
  struct stat st;

  if (ob_listing_is_excluded (excludes, name, &below))
    return TRUE;
  if (fstatat (dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    {
      warn_errno (walk->backup, ob_backup_directory_get (frame->directory), name);
      return TRUE;
    }
  if (S_ISREG (st.st_mode))
    return visit_file (walk, frame, previous, name, &st);
  if (S_ISDIR (st.st_mode))
    visit_directory (frame, previous, name, &st, g_steal_pointer (&below));
  else
    visit_other (walk, frame, dirfd, name, &st);
  return TRUE;
}

/* NULL where there is none. One that cannot be read is as good as none. */
static GPtrArray *
load_previous (Walk *walk, gboolean has_previous, const ObId *id)
{
  ObIndex *index = ob_repository_get_index (ob_writer_get_repository (walk->backup->writer));
  ObBlobLocation location;

  if (!has_previous || !ob_index_lookup (index, OB_BLOB_TREE, id, &location))
    return NULL;
  return ob_blob_reader_load_tree (walk->reader, id, walk->backup->cancellable, NULL);
}

/* Visits what is in the open directory. FALSE where the backup has failed. */
static gboolean
visit_entries (Walk *walk, Frame *frame, int fd, GPtrArray *previous, const GPtrArray *excludes)
{
  ObBackup *backup = walk->backup;
  g_autoptr (GPtrArray) entries = ob_listing_read (fd);
  GError *error = NULL;

  if (entries == NULL)
    {
      warn_errno (backup, ob_backup_directory_get (frame->directory), NULL);
      return TRUE;
    }
  for (guint i = 0; i < entries->len; i++)
    {
      const ObListingEntry *entry = g_ptr_array_index (entries, i);

      if (!ob_check_cancelled (backup->cancellable, &error))
        ob_first_error_take (backup->first_error, error);
      if (ob_first_error_is_set (backup->first_error)
          || !visit_entry (walk, frame, fd, entry->name, previous, excludes))
        return FALSE;
    }
  return TRUE;
}

/* Makes a frame of an open directory, and visits its entries. */
static gboolean
enter_open (Walk *walk, ObBackupDirectory *parent, ObDirectory *directory, int fd,
            const Pending *pending)
{
  ObBackup *backup = walk->backup;
  g_autoptr (GPtrArray) previous = NULL;
  Frame frame = { 0 };
  ObNode *node;
  struct stat st;

  if (fstat (fd, &st) != 0)
    {
      warn_errno (backup, directory, NULL);
      return TRUE;
    }
  node = ob_node_new_from_stat (pending->name, &st, backup->names);
  if (!ob_node_read_xattrs (node, fd))
    ob_backup_warn_unreadable (backup, directory, NULL, errno);

  frame.directory = ob_backup_directory_new (parent, directory, node);
  frame.pending = g_ptr_array_new_with_free_func (pending_free);
  g_array_append_val (walk->frames, frame);
  pthread_mutex_lock (&backup->mutex);
  backup->stats->directories++;
  pthread_mutex_unlock (&backup->mutex);

  if (parent != NULL && ob_listing_is_pseudo (fd))
    {
      g_autofree char *where = ob_directory_describe (directory, NULL);

      ob_progress_warn (backup->progress, FALSE,
                        "“%s” is a file system of the kernel's own; its content was left out", where);
      return TRUE;
    }
  previous = load_previous (walk, pending->has_previous, &pending->previous);
  return visit_entries (walk, &frame, fd, previous, pending->excludes);
}

/* Goes down into a directory. FALSE where the backup has failed. */
static gboolean
enter (Walk *walk, ObBackupDirectory *parent, ObDirectory *directory, const Pending *pending)
{
  int fd = ob_directory_acquire (directory);
  gboolean ok;

  if (fd < 0)
    {
      warn_errno (walk->backup, directory, NULL);
      return TRUE;
    }
  ok = enter_open (walk, parent, directory, fd, pending);
  ob_directory_release (directory);
  return ok;
}

/* Goes into the next directory below the frame on top, or back up from it. */
static gboolean
step (Walk *walk)
{
  Frame *frame = &g_array_index (walk->frames, Frame, walk->frames->len - 1);
  ObBackupDirectory *parent = frame->directory;
  g_autoptr (ObDirectory) child = NULL;
  Pending *pending;
  gboolean ok;

  if (frame->pending->len == 0)
    {
      g_ptr_array_unref (frame->pending);
      g_array_set_size (walk->frames, walk->frames->len - 1);
      return ob_backup_release (walk->backup, parent);
    }
  pending = g_ptr_array_steal_index_fast (frame->pending, frame->pending->len - 1);
  child = ob_directory_new_child (ob_backup_directory_get (parent), pending->name,
                                  pending->st.st_dev, pending->st.st_ino);
  ok = enter (walk, parent, child, pending);
  pending_free (pending);
  return ok;
}

/* After a failure: gives up what is held. */
static void
drop_frames (Walk *walk)
{
  for (guint i = walk->frames->len; i > 0; i--)
    {
      Frame *frame = &g_array_index (walk->frames, Frame, i - 1);

      g_ptr_array_unref (frame->pending);
      ob_backup_release (walk->backup, frame->directory);
    }
}

void
ob_backup_walk (ObBackup *backup, const ObFileBackupRoot *root)
{
  g_autoptr (GArray) frames = g_array_new (FALSE, FALSE, sizeof (Frame));
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (ob_writer_get_repository (backup->writer));
  g_autoptr (ObDirectory) directory
    = ob_directory_new_root (root->fd, root->path, MAX_OPEN_DIRECTORIES);
  g_autoptr (GPtrArray) excludes = ob_listing_make_excludes (root->exclude);
  Walk walk = { .backup = backup, .reader = reader, .frames = frames };
  const Pending pending = { .name = (char *) root->name,
                            .has_previous = root->has_previous,
                            .previous = root->previous,
                            .excludes = excludes };
  gboolean ok = enter (&walk, NULL, directory, &pending);

  while (ok && frames->len > 0)
    ok = step (&walk) && !ob_first_error_is_set (backup->first_error);
  drop_frames (&walk);
}
