/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Removing a tree of any depth with a bounded number of descriptors and no recursion: the way down
 * is kept as an array of levels, of which only the lowest ones are open. */
#include "ob-io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"

#define MAX_OPEN_LEVELS 32
#define MAX_PATH_IN_MESSAGE 1000

typedef struct
{
  char *name;
  dev_t device;
  ino_t inode;
  DIR *directory;   /* NULL while it is closed */
  gboolean removed; /* something, since the directory was last read from its beginning */
} Level;

static void
level_clear (gpointer data)
{
  Level *level = data;

  g_clear_pointer (&level->name, g_free);
  g_clear_pointer (&level->directory, closedir);
}

static gboolean
fail (GArray *levels, const char *name, int errnum, GError **error)
{
  GString *path = g_string_new (NULL);
  gboolean mounted = errnum == EXDEV || errnum == EBUSY;

  for (guint i = 0; i < levels->len && path->len < MAX_PATH_IN_MESSAGE; i++)
    g_string_append_printf (path, "%s/", g_array_index (levels, Level, i).name);
  if (path->len >= MAX_PATH_IN_MESSAGE)
    g_string_append (path, "…/");
  g_string_append (path, name);

  if (mounted)
    g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
                 "%s cannot be removed: something is mounted there. Unmount it first", path->str);
  else
    ob_set_error_errno (error, errnum, "%s cannot be removed", path->str);
  g_string_free (path, TRUE);
  return FALSE;
}

/* Where we are an ordinary user, a directory of our own may lack the rights to empty it. */
static void
grant_rights (int parent, const char *name)
{
  ob_autofd int fd = openat (parent, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
  char link[64];

  if (fd < 0)
    return;
  snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
  if (chmod (link, 0700) != 0)
    g_debug ("The mode of the directory %s stays as it is: %s", name, g_strerror (errno));
}

/* Opens the directory @name; EXDEV where a file system is mounted on it. */
static int
open_directory (int parent, const char *name, dev_t device)
{
  struct open_how how = {
    .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
    .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
  };
  ob_autofd int fd = (int) syscall (SYS_openat2, parent, name, &how, sizeof how);
  struct stat info;

  if (fd < 0 && (errno == ENOSYS || errno == EPERM))
    fd = openat (parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0 || fstat (fd, &info) != 0)
    return -1;
  if (info.st_dev != device)
    {
      errno = EXDEV;
      return -1;
    }
  return ob_fd_steal (&fd);
}

/* Adds the open directory @fd, which it takes, as the lowest level. FALSE with errno set. */
static gboolean
push (GArray *levels, const char *name, int taken)
{
  ob_autofd int fd = taken;
  Level level = { 0 };
  struct stat info;

  if (fstat (fd, &info) != 0)
    return FALSE;
  if ((info.st_mode & 0700) != 0700 && geteuid () != 0)
    fchmod (fd, 0700);
  level.directory = fdopendir (fd);
  if (level.directory == NULL)
    return FALSE;
  ob_fd_steal (&fd);

  level.name = g_strdup (name);
  level.device = info.st_dev;
  level.inode = info.st_ino;
  g_array_append_val (levels, level);
  if (levels->len > MAX_OPEN_LEVELS)
    g_clear_pointer (&g_array_index (levels, Level, levels->len - 1 - MAX_OPEN_LEVELS).directory,
                     closedir);
  return TRUE;
}

/* Opens the level above the lowest one again, through "..": proven to be the one we came from,
 * since somebody may have moved the tree meanwhile. FALSE with errno set. */
static gboolean
reopen_above (GArray *levels)
{
  Level *below = &g_array_index (levels, Level, levels->len - 1);
  Level *above = below - 1;
  ob_autofd int fd = -1;
  struct stat info;

  if (above->directory != NULL)
    return TRUE;
  fd = openat (dirfd (below->directory), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || fstat (fd, &info) != 0)
    return FALSE;
  if (info.st_dev != above->device || info.st_ino != above->inode)
    {
      errno = ESTALE;
      return FALSE;
    }
  above->directory = fdopendir (fd);
  if (above->directory == NULL)
    return FALSE;
  ob_fd_steal (&fd);
  return TRUE;
}

/* Removes the emptied lowest level from the one above it, or from @top. */
static gboolean
pop (GArray *levels, int top, GError **error)
{
  Level *lowest = &g_array_index (levels, Level, levels->len - 1);
  g_autofree char *name = g_strdup (lowest->name);
  int parent = top;

  if (levels->len > 1)
    {
      if (!reopen_above (levels))
        return fail (levels, "..", errno, error);
      parent = dirfd (lowest[-1].directory);
    }
  if (unlinkat (parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
    {
      int errnum = errno;

      /* Some file systems lose their place when entries go: read it once more. */
      if (errnum == ENOTEMPTY && lowest->removed)
        {
          lowest->removed = FALSE;
          rewinddir (lowest->directory);
          return TRUE;
        }
      g_array_set_size (levels, levels->len - 1);
      return fail (levels, name, errnum, error);
    }
  g_array_set_size (levels, levels->len - 1);
  if (levels->len > 0)
    g_array_index (levels, Level, levels->len - 1).removed = TRUE;
  return TRUE;
}

/* Removes the entry @name of the lowest level, or makes it the lowest level where it is a
 * directory. */
static gboolean
remove_or_enter (GArray *levels, const char *name, GError **error)
{
  Level *lowest = &g_array_index (levels, Level, levels->len - 1);
  int parent = dirfd (lowest->directory);
  int fd;

  lowest->removed = TRUE;
  /* Linux says EISDIR for a directory, POSIX EPERM, which may mean much else as well. */
  if (unlinkat (parent, name, 0) == 0 || errno == ENOENT)
    return TRUE;
  if (errno != EISDIR && errno != EPERM)
    return fail (levels, name, errno, error);

  fd = open_directory (parent, name, lowest->device);
  if (fd < 0 && errno == EACCES)
    {
      grant_rights (parent, name);
      fd = open_directory (parent, name, lowest->device);
    }
  if (fd < 0 && errno == ENOENT)
    return TRUE;
  if (fd < 0)
    return fail (levels, name, errno == ENOTDIR ? EPERM : errno, error);
  return push (levels, name, fd) || fail (levels, name, errno, error);
}

/* One entry of the lowest level, or its end. */
static gboolean
step (GArray *levels, int top, GError **error)
{
  Level *lowest = &g_array_index (levels, Level, levels->len - 1);
  struct dirent *entry;

  errno = 0;
  entry = readdir (lowest->directory);
  if (entry == NULL)
    return errno == 0 ? pop (levels, top, error) : fail (levels, ".", errno, error);
  if (strcmp (entry->d_name, ".") == 0 || strcmp (entry->d_name, "..") == 0)
    return TRUE;
  return remove_or_enter (levels, entry->d_name, error);
}

/* Opens @name as the first level. -1 with errno set, EXDEV where it is a mount point. */
static int
open_top (int dirfd, const char *name)
{
  int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  ob_autofd int fd = openat (dirfd, name, flags);
  struct statx info;

  if (fd < 0 && errno == EACCES)
    {
      grant_rights (dirfd, name);
      fd = openat (dirfd, name, flags);
    }
  if (fd >= 0 && statx (fd, "", AT_EMPTY_PATH, STATX_INO, &info) == 0
      && (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0)
    {
      errno = EXDEV;
      return -1;
    }
  return ob_fd_steal (&fd);
}

gboolean
ob_remove_tree_at (int dirfd, const char *name, GCancellable *cancellable, GError **error)
{
  g_autoptr (GArray) levels = g_array_new (FALSE, FALSE, sizeof (Level));
  int fd;

  g_array_set_clear_func (levels, level_clear);
  if (unlinkat (dirfd, name, 0) == 0 || errno == ENOENT)
    return TRUE;
  if (errno != EISDIR && errno != EPERM)
    return fail (levels, name, errno, error);
  fd = open_top (dirfd, name);
  if (fd < 0)
    return errno == ENOENT || fail (levels, name, errno == ENOTDIR ? EPERM : errno, error);
  if (!push (levels, name, fd))
    return fail (levels, name, errno, error);

  while (levels->len > 0)
    {
      if (g_cancellable_is_cancelled (cancellable))
        {
          g_set_error (error, OB_ERROR, OB_ERROR_CANCELLED,
                       "The removal of %s was cancelled; part of it is still there", name);
          return FALSE;
        }
      if (!step (levels, dirfd, error))
        return FALSE;
    }
  return TRUE;
}
