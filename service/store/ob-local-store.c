/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-local-store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd-cache.h"
#include "ob-fd.h"
#include "ob-local-checkup.h"
#include "ob-local-file.h"
#include "ob-local-pending.h"
#include "ob-local-root.h"
#include "ob-local-walk.h"
#include "ob-path.h"

#define MAX_OPEN_FILES 16
/* No write of a living program takes so long. */
#define STALE_SECONDS (2 * 24 * 60 * 60)

struct _ObLocalStore
{
  ObStore parent_instance;

  ObLocalRoot root;
  mode_t file_mode;
  mode_t dir_mode;
  ObFdCache *open_files;
  ObLocalPending *pending;

  pthread_mutex_t lock;
  GHashTable *removed_from; /* directories to sync with the next flush; guarded by @lock */
  gboolean swept;           /* guarded by @lock */
};

G_DEFINE_FINAL_TYPE (ObLocalStore, ob_local_store, OB_TYPE_STORE)

/* What a repository consists of (restic's design document, "Repository Layout"). */
static const char *const directories[] = { "data", "index", "keys", "locks", "snapshots" };

/* internal methods: what a crash left behind */

static gboolean
sweep_file (int directory_fd,
            const char *last,
            const char *name,
            const struct stat *info,
            gpointer user_data)
{
  const gint64 *now = user_data;

  if (ob_local_file_is_temporary (last) && info->st_mtim.tv_sec < *now - STALE_SECONDS
      && unlinkat (directory_fd, last, 0) != 0)
    g_debug ("The stale file %s stays: %s", name, g_strerror (errno));
  return TRUE;
}

/* Once a store, when the first packs are written: removes temporary files that nobody will finish.
 * @now is the file system's own time. */
static void
sweep_once (ObLocalStore *self, gint64 now, GCancellable *cancellable)
{
  gboolean swept;

  pthread_mutex_lock (&self->lock);
  swept = self->swept;
  self->swept = TRUE;
  pthread_mutex_unlock (&self->lock);

  for (gsize i = 0; !swept && i < G_N_ELEMENTS (directories); i++)
    {
      g_autoptr (GError) error = NULL;

      if (!ob_local_walk (&self->root, directories[i], sweep_file, &now, cancellable, &error))
        g_debug ("Stale files were not looked for: %s", error->message);
    }
}

/* internal methods: the store's own */

static gboolean
put_now (ObLocalStore *self, ObLocalFile *file, GError **error)
{
  if (ob_local_file_sync (file) && ob_local_file_publish (file)
      && ob_local_file_sync_directory (file))
    return TRUE;
  return ob_local_root_fail (&self->root, ob_local_file_get_name (file), "written", errno, error);
}

static gboolean
put_later (ObLocalStore *self,
           ObLocalFile *taken,
           GCancellable *cancellable,
           GError **error)
{
  g_autofree char *failed = NULL;

  sweep_once (self, ob_local_file_get_time (taken), cancellable);
  ob_local_file_start_sync (taken);
  return ob_local_pending_add (self->pending, taken, cancellable, &failed)
         || ob_local_root_fail (&self->root, failed, "written", errno, error);
}

static gboolean
ob_local_store_put (ObStore *store,
                    const char *name,
                    const struct iovec *parts,
                    gsize n_parts,
                    ObStorePutFlags flags,
                    GCancellable *cancellable,
                    GError **error)
{
  ObLocalStore *self = OB_LOCAL_STORE (store);
  g_autoptr (ObLocalFile) file
    = ob_local_file_new (self->root.fd, name, self->file_mode, self->dir_mode);
  gboolean done;

  if (file == NULL || !ob_local_file_write (file, parts, n_parts))
    return ob_local_root_fail (&self->root, name, "written", errno, error);
  if ((flags & OB_STORE_PUT_DEFERRED) != 0)
    return put_later (self, g_steal_pointer (&file), cancellable, error);
  done = put_now (self, file, error);
  ob_fd_cache_forget (self->open_files, name);
  return done;
}

/* Makes removals durable. */
static gboolean
sync_removed (ObLocalStore *self, GError **error)
{
  g_autoptr (GHashTable) names = NULL;
  GHashTableIter iter;
  gpointer name;

  pthread_mutex_lock (&self->lock);
  names = g_steal_pointer (&self->removed_from);
  self->removed_from = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  pthread_mutex_unlock (&self->lock);

  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    {
      ob_autofd int fd = ob_path_try_open_at (self->root.fd, name, O_RDONLY | O_DIRECTORY);

      if (fd < 0 ? errno != ENOENT : !ob_local_file_sync_fd (fd))
        return ob_local_root_fail (&self->root, name, "written", errno, error);
    }
  return TRUE;
}

static gboolean
ob_local_store_flush (ObStore *store, GCancellable *cancellable, GError **error)
{
  ObLocalStore *self = OB_LOCAL_STORE (store);
  g_autofree char *failed = NULL;

  if (!ob_local_pending_flush (self->pending, cancellable, &failed))
    return ob_local_root_fail (&self->root, failed, "written", errno, error);
  return sync_removed (self, error);
}

/* Opens the object @name for reading. -1 on error. */
static int
open_object (ObLocalStore *self, const char *name, struct stat *info, GError **error)
{
  ob_autofd int fd = ob_path_try_open_at (self->root.fd, name, O_RDONLY | O_NONBLOCK);

  if (fd < 0 || fstat (fd, info) != 0)
    {
      ob_local_root_fail_found (&self->root, name, errno, error);
      return -1;
    }
  if (!S_ISREG (info->st_mode))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED, "%s/%s cannot be read: it is not a file",
                   self->root.path, name);
      return -1;
    }
  return ob_fd_steal (&fd);
}

/* Whether the open file is still the object @name: another program may have removed it, or put
 * another one in its place, and what it was says nothing of what is there. */
static gboolean
is_current (ObLocalStore *self, const char *name, ObSharedFd *shared)
{
  struct stat open_info;
  struct stat info;

  return fstat (ob_shared_fd_get (shared), &open_info) == 0
         && fstatat (self->root.fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0
         && info.st_dev == open_info.st_dev && info.st_ino == open_info.st_ino;
}

static ObSharedFd *
open_shared (ObLocalStore *self, const char *name, GError **error)
{
  guint64 generation;
  ObSharedFd *found = ob_fd_cache_lookup (self->open_files, name, &generation);
  struct stat info;
  int fd;

  if (found != NULL && !is_current (self, name, found))
    {
      ob_shared_fd_unref (found);
      ob_fd_cache_forget (self->open_files, name);
      found = ob_fd_cache_lookup (self->open_files, name, &generation);
    }
  if (found != NULL)
    return found;
  fd = open_object (self, name, &info, error);
  return fd < 0 ? NULL : ob_fd_cache_add (self->open_files, name, fd, generation);
}

static gssize
ob_local_store_read (ObStore *store,
                     const char *name,
                     guint64 offset,
                     void *buffer,
                     gsize size,
                     GCancellable *cancellable,
                     GError **error)
{
  ObLocalStore *self = OB_LOCAL_STORE (store);
  g_autoptr (ObSharedFd) shared = open_shared (self, name, error);
  gsize done = 0;

  if (shared == NULL)
    return -1;
  while (done < size)
    {
      ssize_t n = pread (ob_shared_fd_get (shared), (char *) buffer + done, size - done,
                         (off_t) (offset + done));

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          ob_local_root_fail (&self->root, name, "read", errno, error);
          return -1;
        }
      if (n == 0)
        break;
      done += (gsize) n;
    }
  return (gssize) done;
}

static gboolean
ob_local_store_stat (ObStore *store,
                     const char *name,
                     guint64 *size,
                     GCancellable *cancellable,
                     GError **error)
{
  struct stat info;
  ob_autofd int fd = open_object (OB_LOCAL_STORE (store), name, &info, error);

  if (fd < 0)
    return FALSE;
  *size = (guint64) info.st_size;
  return TRUE;
}

typedef struct
{
  ObStoreListFunc func;
  gpointer user_data;
} Listing;

static gboolean
list_file (int directory_fd,
           const char *last,
           const char *name,
           const struct stat *info,
           gpointer user_data)
{
  Listing *listing = user_data;

  return ob_local_file_is_temporary (last)
         || listing->func (name, (guint64) info->st_size, listing->user_data);
}

static gboolean
ob_local_store_list (ObStore *store,
                     const char *directory,
                     ObStoreListFunc func,
                     gpointer user_data,
                     GCancellable *cancellable,
                     GError **error)
{
  ObLocalStore *self = OB_LOCAL_STORE (store);
  Listing listing = { func, user_data };

  return ob_local_walk (&self->root, directory, list_file, &listing, cancellable, error);
}

static gboolean
ob_local_store_remove (ObStore *store,
                       const char *name,
                       GCancellable *cancellable,
                       GError **error)
{
  ObLocalStore *self = OB_LOCAL_STORE (store);
  g_autofree char *directory = g_path_get_dirname (name);
  g_autofree char *last = g_path_get_basename (name);
  ob_autofd int fd = ob_path_try_open_at (self->root.fd, directory, O_PATH | O_DIRECTORY);

  ob_fd_cache_forget (self->open_files, name);
  if (fd < 0 || unlinkat (fd, last, 0) != 0)
    {
      int errnum = errno;

      if (errnum != ENOENT || ob_local_root_is_gone (&self->root, errnum))
        return ob_local_root_fail (&self->root, name, "removed", errnum, error);
      return TRUE;
    }
  pthread_mutex_lock (&self->lock);
  g_hash_table_add (self->removed_from, g_steal_pointer (&directory));
  pthread_mutex_unlock (&self->lock);
  return TRUE;
}

static gboolean
ob_local_store_space (ObStore *store,
                      guint64 *free_bytes,
                      guint64 *total_bytes,
                      GCancellable *cancellable,
                      GError **error)
{
  ObLocalStore *self = OB_LOCAL_STORE (store);
  struct statvfs info;

  if (fstatvfs (self->root.fd, &info) != 0)
    return ob_local_root_fail (&self->root, ".", "read", errno, error);
  *free_bytes = (guint64) info.f_bavail * info.f_frsize;
  *total_bytes = (guint64) info.f_blocks * info.f_frsize;
  return TRUE;
}

/* data/00 … data/ff, all durable with one sync. */
static gboolean
make_data_directories (ObLocalStore *self, GCancellable *cancellable, GError **error)
{
  ob_autofd int fd = ob_path_try_open_at (self->root.fd, "data", O_RDONLY | O_DIRECTORY);

  if (fd < 0)
    return ob_local_root_fail (&self->root, "data", "opened", errno, error);
  for (guint i = 0; i < 256; i++)
    {
      char name[sizeof "ff"];

      if (g_cancellable_is_cancelled (cancellable))
        return ob_local_root_fail (&self->root, "data", "made", ECANCELED, error);
      g_snprintf (name, sizeof name, "%02x", i);
      if (!ob_local_file_make_directory (fd, name, self->dir_mode, FALSE))
        return ob_local_root_fail (&self->root, "data", "made", errno, error);
    }
  return ob_local_file_sync_fd (fd)
         || ob_local_root_fail (&self->root, "data", "made", errno, error);
}

static gboolean
ob_local_store_prepare (ObStore *store, GCancellable *cancellable, GError **error)
{
  ObLocalStore *self = OB_LOCAL_STORE (store);

  for (gsize i = 0; i < G_N_ELEMENTS (directories); i++)
    if (!ob_local_file_make_directory (self->root.fd, directories[i], self->dir_mode, TRUE))
      return ob_local_root_fail (&self->root, directories[i], "made", errno, error);
  return make_data_directories (self, cancellable, error);
}

static char *
ob_local_store_describe (ObStore *store)
{
  return g_strdup (OB_LOCAL_STORE (store)->root.path);
}

static gboolean
ob_local_store_has_failed (ObStore *store)
{
  return ob_local_pending_has_failed (OB_LOCAL_STORE (store)->pending);
}

/* The kernel's own file systems are; of all others (network, FUSE, cluster) nobody can tell. */
static gboolean
ob_local_store_is_consistent (ObStore *store)
{
  static const guint32 magics[] = { EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,  BTRFS_SUPER_MAGIC,
                                    F2FS_SUPER_MAGIC, TMPFS_MAGIC,      MSDOS_SUPER_MAGIC,
                                    EXFAT_SUPER_MAGIC };
  struct statfs fs;

  if (fstatfs (OB_LOCAL_STORE (store)->root.fd, &fs) != 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (magics); i++)
    if ((guint32) fs.f_type == magics[i])
      return TRUE;
  return FALSE;
}

/* The page cache: it would answer for a disk that has long died. */
static void
ob_local_store_forget (ObStore *store, const char *name)
{
  struct stat info;
  ob_autofd int fd = open_object (OB_LOCAL_STORE (store), name, &info, NULL);

  if (fd >= 0)
    posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
}

static void
ob_local_store_checkup (ObStore *store, ObCheckup *checkup)
{
  ObLocalStore *self = OB_LOCAL_STORE (store);

  ob_local_checkup (self->root.path, self->root.fd, checkup);
}

static void
ob_local_store_finalize (GObject *object)
{
  ObLocalStore *self = OB_LOCAL_STORE (object);

  ob_local_pending_free (self->pending);
  ob_fd_cache_free (self->open_files);
  g_hash_table_unref (self->removed_from);
  pthread_mutex_destroy (&self->lock);
  ob_local_root_close (&self->root);
  G_OBJECT_CLASS (ob_local_store_parent_class)->finalize (object);
}

static void
ob_local_store_class_init (ObLocalStoreClass *klass)
{
  ObStoreClass *store_class = OB_STORE_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = ob_local_store_finalize;
  store_class->put = ob_local_store_put;
  store_class->flush = ob_local_store_flush;
  store_class->read = ob_local_store_read;
  store_class->stat = ob_local_store_stat;
  store_class->list = ob_local_store_list;
  store_class->remove = ob_local_store_remove;
  store_class->space = ob_local_store_space;
  store_class->prepare = ob_local_store_prepare;
  store_class->describe = ob_local_store_describe;
  store_class->has_failed = ob_local_store_has_failed;
  store_class->is_consistent = ob_local_store_is_consistent;
  store_class->forget = ob_local_store_forget;
  store_class->checkup = ob_local_store_checkup;
}

static void
ob_local_store_init (ObLocalStore *self)
{
  self->root.fd = -1;
  self->open_files = ob_fd_cache_new (MAX_OPEN_FILES);
  self->pending = ob_local_pending_new (self->open_files);
  pthread_mutex_init (&self->lock, NULL);
  self->removed_from = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

/* public methods */

/* As restic does it: who shared a repository with a group, by the mode of its "config", shares what
 * we add to it too (restic, internal/backend/util/file_helper.go). */
static void
derive_modes (ObLocalStore *self)
{
  struct stat info;
  gboolean shared = fstatat (self->root.fd, "config", &info, AT_SYMLINK_NOFOLLOW) == 0
                    && (info.st_mode & S_IRGRP) != 0;

  self->file_mode = shared ? 0440 : 0400;
  self->dir_mode = shared ? 0770 : 0700;
}

ObStore *
ob_local_store_new (const char *path, gboolean create, GError **error)
{
  g_autoptr (ObLocalStore) self = g_object_new (OB_TYPE_LOCAL_STORE, NULL);

  if (!ob_local_root_open (&self->root, path, create, error))
    return NULL;
  derive_modes (self);
  return OB_STORE (g_steal_pointer (&self));
}
