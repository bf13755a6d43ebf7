/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-local-walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "ob-fd.h"
#include "ob-path.h"

#define MAX_DEPTH 8

typedef struct
{
  const ObLocalRoot *root;
  ObLocalVisit visit;
  gpointer user_data;
  GCancellable *cancellable;
  gboolean ended;
} Walk;

static gboolean walk_directory (Walk *walk, int parent, const char *last, const char *name,
                                guint depth, GError **error);

static gboolean
walk_entry (Walk *walk, int fd, const char *last, const char *name, guint depth, GError **error)
{
  struct stat info;

  if (g_cancellable_is_cancelled (walk->cancellable))
    return ob_local_root_fail (walk->root, name, "read", ECANCELED, error);
  if (fstatat (fd, last, &info, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT || ob_local_root_fail (walk->root, name, "read", errno, error);
  if (S_ISDIR (info.st_mode))
    return walk_directory (walk, fd, last, name, depth + 1, error);
  if (S_ISREG (info.st_mode))
    walk->ended = !walk->visit (fd, last, name, &info, walk->user_data);
  return TRUE;
}

static gboolean
walk_entries (Walk *walk, DIR *directory, const char *name, guint depth, GError **error)
{
  struct dirent *entry;

  for (;;)
    {
      g_autofree char *below = NULL;

      errno = 0;
      entry = walk->ended ? NULL : readdir (directory);
      if (entry == NULL)
        return errno == 0 || ob_local_root_fail (walk->root, name, "read", errno, error);
      if (strcmp (entry->d_name, ".") == 0 || strcmp (entry->d_name, "..") == 0)
        continue;
      below = g_strconcat (name, "/", entry->d_name, NULL);
      if (!walk_entry (walk, dirfd (directory), entry->d_name, below, depth, error))
        return FALSE;
    }
}

/* All below the directory @last of @parent, which is @name for the store. Links are not
 * followed. */
static gboolean
walk_directory (Walk *walk,
                int parent,
                const char *last,
                const char *name,
                guint depth,
                GError **error)
{
  ob_autofd int fd = ob_path_try_open_at (parent, last, O_RDONLY | O_DIRECTORY);
  DIR *directory;
  gboolean done;

  if (fd < 0)
    {
      int errnum = errno;

      return (errnum == ENOENT && !ob_local_root_is_gone (walk->root, errnum))
             || ob_local_root_fail (walk->root, name, "read", errnum, error);
    }
  /* Nothing of ours is so deep. */
  if (depth > MAX_DEPTH)
    return TRUE;
  directory = fdopendir (fd);
  if (directory == NULL)
    return ob_local_root_fail (walk->root, name, "read", errno, error);
  ob_fd_steal (&fd);
  done = walk_entries (walk, directory, name, depth, error);
  closedir (directory);
  return done;
}

gboolean
ob_local_walk (const ObLocalRoot *root, const char *directory, ObLocalVisit visit,
               gpointer user_data, GCancellable *cancellable, GError **error)
{
  Walk walk = { root, visit, user_data, cancellable, FALSE };

  return walk_directory (&walk, root->fd, directory, directory, 0, error);
}
