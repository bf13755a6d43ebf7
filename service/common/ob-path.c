/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"

#define NAME_MAX_LENGTH 63

/* The mode of a file that the flags make, O_CREAT or O_TMPFILE. */
static mode_t
mode_for (int flags)
{
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? 0600 : 0;
}

static gboolean
is_link (int fd)
{
  struct stat info;

  return fstat (fd, &info) == 0 && S_ISLNK (info.st_mode);
}

static gboolean
is_link_at (int dirfd, const char *name)
{
  struct stat info;

  return fstatat (dirfd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK (info.st_mode);
}

/* Opens one component; -1 with errno set, ELOOP where it is a symbolic link, whatever the flags
 * make of one: O_PATH opens it, O_DIRECTORY says ENOTDIR. */
static int
open_component (int dirfd, const char *name, int flags)
{
  ob_autofd int fd = openat (dirfd, name, flags, mode_for (flags));
  int errnum = errno;

  if (fd >= 0 ? is_link (fd) : is_link_at (dirfd, name))
    {
      errno = ELOOP;
      return -1;
    }
  errno = errnum;
  return ob_fd_steal (&fd);
}

/* Opens one component after the other; on error -1, errno, and in *@at the one in the way. */
static int
walk (int dirfd, char **components, int flags, guint *at)
{
  guint last = g_strv_length (components) - 1;
  ob_autofd int parent = -1;

  for (*at = 0; *at < last; (*at)++)
    {
      int next = open_component (parent < 0 ? dirfd : parent, components[*at],
                                 O_PATH | O_NOFOLLOW | O_CLOEXEC);

      if (next < 0)
        return -1;
      ob_fd_clear (&parent);
      parent = next;
    }
  return open_component (parent < 0 ? dirfd : parent, components[last], flags);
}

static int
open_by_walk (int dirfd, const char *path, int flags)
{
  g_auto (GStrv) components = g_strsplit (path, "/", -1);
  guint at;

  return walk (dirfd, components, flags, &at);
}

int
ob_path_try_open_at (int dirfd, const char *path, int flags)
{
  struct open_how how = { .resolve = RESOLVE_NO_SYMLINKS };
  ob_autofd int fd = -1;

  flags |= O_CLOEXEC | O_NOFOLLOW;
  how.flags = (guint64) flags;
  how.mode = mode_for (flags);
  fd = (int) syscall (SYS_openat2, dirfd, path, &how, sizeof how);
  /* EPERM is what a sandbox says that does not know the call. */
  if (fd < 0 && (errno == ENOSYS || errno == EPERM))
    return open_by_walk (dirfd, path, flags);
  if (fd >= 0 && is_link (fd))
    {
      errno = ELOOP;
      return -1;
    }
  return ob_fd_steal (&fd);
}

/* @components up to and with number @last, as a path behind @prefix. */
static char *
join_components (const char *prefix, char **components, guint last)
{
  GString *path = g_string_new (prefix);

  for (guint i = 0; i <= last; i++)
    {
      if (i > 0)
        g_string_append_c (path, '/');
      g_string_append (path, components[i]);
    }
  return g_string_free (path, FALSE);
}

/* Sets the error for component number @at, which could not be opened. */
static void
set_error_at (const char *prefix, char **components, guint at, int errnum, GError **error)
{
  g_autofree char *whole = join_components (prefix, components, g_strv_length (components) - 1);
  g_autofree char *part = join_components (prefix, components, at);

  if (errnum == ELOOP)
    g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                 "%s cannot be used: %s is a symbolic link, and links are not followed here. "
                 "Give the path that it leads to",
                 whole, part);
  else if (strcmp (whole, part) == 0)
    ob_set_error_errno (error, errnum, "%s cannot be opened", whole);
  else
    ob_set_error_errno (error, errnum, "%s cannot be opened because of %s", whole, part);
}

/* @path is relative and canonical, "" for @dirfd itself; @prefix stands before it in messages. */
static int
open_below (int dirfd, const char *prefix, const char *path, int flags, GError **error)
{
  g_auto (GStrv) components = NULL;
  guint at;
  int fd;

  if (*path == '\0')
    path = ".";
  fd = ob_path_try_open_at (dirfd, path, flags);
  if (fd >= 0)
    return fd;

  /* Something is in the way: the walk finds out which component it is. */
  components = g_strsplit (path, "/", -1);
  fd = walk (dirfd, components, flags | O_CLOEXEC | O_NOFOLLOW, &at);
  if (fd < 0)
    set_error_at (prefix, components, at, errno, error);
  return fd;
}

/* Makes @path canonical; NULL where it holds "..". */
static char *
normalize (const char *path)
{
  g_auto (GStrv) components = g_strsplit (path, "/", -1);
  GString *result = g_string_new (NULL);

  for (char **component = components; *component != NULL; component++)
    {
      if (**component == '\0' || strcmp (*component, ".") == 0)
        continue;
      if (strcmp (*component, "..") == 0)
        {
          g_string_free (result, TRUE);
          return NULL;
        }
      if (result->len > 0)
        g_string_append_c (result, '/');
      g_string_append (result, *component);
    }
  return g_string_free (result, FALSE);
}

int
ob_path_open (const char *path, int flags, GError **error)
{
  g_autofree char *normal = ob_path_normalize (path);
  ob_autofd int root = -1;

  if (normal == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "%s cannot be used: a path from \"/\" on, without \"..\", is needed", path);
      return -1;
    }
  root = open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    {
      ob_set_error_errno (error, errno, "The root directory cannot be opened");
      return -1;
    }
  return open_below (root, "/", normal + 1, flags, error);
}

int
ob_path_open_at (int dirfd, const char *path, int flags, GError **error)
{
  g_autofree char *normal = *path == '/' || *path == '\0' ? NULL : normalize (path);

  if (normal == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "\"%s\" cannot be used: a relative path without \"..\" is needed", path);
      return -1;
    }
  return open_below (dirfd, "", normal, flags, error);
}

int
ob_path_open_parent (const char *path, char **name, GError **error)
{
  g_autofree char *normal = ob_path_normalize (path);
  g_autofree char *last = NULL;
  char *slash;
  int fd;

  if (normal == NULL || strcmp (normal, "/") == 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "%s cannot be used: a path below \"/\", without \"..\", is needed", path);
      return -1;
    }
  slash = strrchr (normal, '/');
  last = g_strdup (slash + 1);
  *slash = '\0';
  fd = ob_path_open (*normal == '\0' ? "/" : normal, O_RDONLY | O_DIRECTORY, error);
  if (fd >= 0)
    *name = g_steal_pointer (&last);
  return fd;
}

char *
ob_path_normalize (const char *path)
{
  g_autofree char *below = *path == '/' ? normalize (path) : NULL;

  return below == NULL ? NULL : g_strconcat ("/", below, NULL);
}

gboolean
ob_path_is_below (const char *path, const char *ancestor, const char **relative)
{
  gsize length = strlen (ancestor);

  if (strcmp (ancestor, "/") == 0)
    length = 0;
  if (strncmp (path, ancestor, length) != 0 || (path[length] != '\0' && path[length] != '/'))
    return FALSE;
  if (relative != NULL)
    *relative = path[length] == '/' ? path + length + 1 : path + length;
  return TRUE;
}

gboolean
ob_name_is_valid (const char *name)
{
  gsize length = strlen (name);

  if (length < 1 || length > NAME_MAX_LENGTH || !g_ascii_isalnum (*name))
    return FALSE;
  for (const char *c = name; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c) && *c != '_' && *c != '-')
      return FALSE;
  return TRUE;
}
