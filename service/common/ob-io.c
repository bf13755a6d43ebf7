/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"

/* Of the name that a temporary file is for; leaves room for what is added to it. */
#define TEMPORARY_NAME_LENGTH 200
#define TEMPORARY_NAME_TRIES 100
#define TEMPORARY_NAME_DIGITS 8

static ObError
code_of_errno (int errnum)
{
  switch (errnum)
    {
    case ENOSPC:
    case EDQUOT:
      return OB_ERROR_NO_SPACE;
    case ENOENT:
    case ENOTDIR:
      return OB_ERROR_NOT_FOUND;
    case EEXIST:
      return OB_ERROR_EXISTS;
    default:
      return OB_ERROR_FAILED;
    }
}

gboolean
ob_set_error_errno (GError **error, int errnum, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, OB_ERROR, code_of_errno (errnum), "%s: %s", text, g_strerror (errnum));
  return FALSE;
}

gssize
ob_read_full (int fd, void *buffer, gsize size)
{
  gsize done = 0;

  while (done < size)
    {
      ssize_t n = read (fd, (char *) buffer + done, size - done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return -1;
      if (n == 0)
        break;
      done += (gsize) n;
    }
  return (gssize) done;
}

gboolean
ob_write_full (int fd, const void *buffer, gsize size)
{
  gsize done = 0;

  while (done < size)
    {
      ssize_t n = write (fd, (const char *) buffer + done, size - done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return FALSE;
      done += (gsize) n;
    }
  return TRUE;
}

/* Opens the regular file @name for reading. -1 on error. */
static int
open_regular (int dirfd, const char *name, struct stat *info, GError **error)
{
  /* O_NONBLOCK: a named pipe in place of the file must not hold us up. */
  ob_autofd int fd = openat (dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

  if (fd < 0 && errno != ELOOP && errno != ENXIO)
    {
      ob_set_error_errno (error, errno, "The file %s cannot be opened", name);
      return -1;
    }
  if (fd < 0 || fstat (fd, info) != 0 || !S_ISREG (info->st_mode))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "%s cannot be read: it is not a regular file", name);
      return -1;
    }
  return ob_fd_steal (&fd);
}

GBytes *
ob_read_file_at (int dirfd, const char *name, gsize max, GError **error)
{
  struct stat info;
  ob_autofd int fd = open_regular (dirfd, name, &info, error);
  g_autofree char *data = NULL;
  gsize room;
  gssize size;

  if (fd < 0)
    return NULL;

  /* The size is a hint: the file may grow meanwhile, and those of /proc say 0. */
  room = info.st_size > 0 && (guint64) info.st_size <= max ? (gsize) info.st_size : max;
  if ((guint64) info.st_size <= max)
    {
      data = g_malloc (room + 2);
      size = ob_read_full (fd, data, room + 1);
      if (size < 0)
        {
          ob_set_error_errno (error, errno, "The file %s cannot be read", name);
          return NULL;
        }
      if ((gsize) size <= room)
        {
          data[size] = '\0';
          return g_bytes_new_take (g_steal_pointer (&data), (gsize) size);
        }
    }
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "The file %s is larger than the %" G_GSIZE_FORMAT " bytes it may have", name, room);
  return NULL;
}

/* Makes an empty file that is to become @name. -1 with errno set. */
static int
make_temporary_at (int dirfd, const char *name, char **temporary)
{
  for (guint i = 0; i < TEMPORARY_NAME_TRIES; i++)
    {
      g_autofree char *tried
        = g_strdup_printf (".%.*s.%0*x", TEMPORARY_NAME_LENGTH, name, TEMPORARY_NAME_DIGITS,
                           g_random_int ());
      int fd = openat (dirfd, tried, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

      if (fd >= 0)
        {
          *temporary = g_steal_pointer (&tried);
          return fd;
        }
      if (errno != EEXIST)
        return -1;
    }
  return -1;
}

/* As make_temporary_at() names them. */
static gboolean
is_temporary (const char *name)
{
  const char *digits = strrchr (name, '.');

  return *name == '.' && digits > name + 1 && strlen (digits + 1) == TEMPORARY_NAME_DIGITS
         && strspn (digits + 1, "0123456789abcdef") == TEMPORARY_NAME_DIGITS;
}

guint
ob_remove_temporaries_at (int dirfd)
{
  ob_autofd int fd = openat (dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = fd >= 0 ? fdopendir (fd) : NULL;
  const struct dirent *entry;
  guint n_removed = 0;

  if (directory == NULL)
    return 0;
  ob_fd_steal (&fd); /* the directory's now */
  while ((entry = readdir (directory)) != NULL)
    if (is_temporary (entry->d_name) && unlinkat (dirfd, entry->d_name, 0) == 0)
      n_removed++;
  closedir (directory);
  return n_removed;
}

static gboolean
sync_directory (int dirfd)
{
  /* Opened anew, since a descriptor made with O_PATH cannot be synced. */
  ob_autofd int fd = openat (dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  return fd >= 0 && fsync (fd) == 0;
}

gboolean
ob_replace_file_at (int dirfd,
                    const char *name,
                    const void *data,
                    gsize size,
                    mode_t mode,
                    GError **error)
{
  g_autofree char *temporary = NULL;
  ob_autofd int fd = -1;
  int errnum;

  if (*name == '\0' || strchr (name, '/') != NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT, "\"%s\" is not a file name", name);
      return FALSE;
    }

  fd = make_temporary_at (dirfd, name, &temporary);
  if (fd < 0)
    return ob_set_error_errno (error, errno, "The file %s cannot be written", name);

  if (ob_write_full (fd, data, size) && fchmod (fd, mode) == 0 && fsync (fd) == 0
      && renameat (dirfd, temporary, dirfd, name) == 0)
    return sync_directory (dirfd)
           || ob_set_error_errno (error, errno, "The file %s cannot be made durable", name);

  errnum = errno;
  unlinkat (dirfd, temporary, 0);
  return ob_set_error_errno (error, errnum, "The file %s cannot be written", name);
}

gboolean
ob_remove_file_at (int dirfd, const char *name, GError **error)
{
  if (unlinkat (dirfd, name, 0) != 0 && errno != ENOENT)
    return ob_set_error_errno (error, errno, "The file %s cannot be removed", name);
  return sync_directory (dirfd)
         || ob_set_error_errno (error, errno,
                                "That the file %s is removed cannot be made durable", name);
}

/* Makes the directory @name below @parent where it is missing, and opens it. -1 with errno set. */
static int
make_directory_at (int parent, const char *name, mode_t mode)
{
  gboolean made = mkdirat (parent, name, mode) == 0;
  ob_autofd int fd = -1;

  if (!made && errno != EEXIST)
    {
      /* On a read-only file system what is there is good enough. */
      int errnum = errno;

      fd = openat (parent, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
      if (fd < 0)
        errno = errnum;
      return ob_fd_steal (&fd);
    }
  if (!made)
    return openat (parent, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

  fd = openat (parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 || fchmod (fd, mode) != 0 || !sync_directory (parent))
    return -1;
  return ob_fd_steal (&fd);
}

int
ob_make_directories (const char *path, mode_t mode, GError **error)
{
  g_auto (GStrv) components = g_strsplit (path, "/", -1);
  ob_autofd int fd = open (*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  int opened;

  for (char **component = components; fd >= 0 && *component != NULL; component++)
    {
      int next;

      if (**component == '\0')
        continue;
      next = make_directory_at (fd, *component, mode);
      ob_fd_clear (&fd);
      fd = next;
    }

  opened = fd < 0 ? -1 : openat (fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0)
    ob_set_error_errno (error, errno, "The directory %s cannot be made", path);
  return opened;
}
