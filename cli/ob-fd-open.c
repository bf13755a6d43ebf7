/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-fd-open.h"

#include "ob-error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* internal methods */

static gboolean
is_empty (int fd)
{
  int copy = openat (fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = copy < 0 ? NULL : fdopendir (copy);
  const struct dirent *entry;
  gboolean empty = directory != NULL;

  if (directory == NULL)
    {
      if (copy >= 0)
        close (copy);
      return FALSE;
    }
  while (empty && (entry = readdir (directory)) != NULL)
    empty = strcmp (entry->d_name, ".") == 0 || strcmp (entry->d_name, "..") == 0;
  closedir (directory);
  return empty;
}

/* public methods */

int
ob_open_target_directory (const char *path, GError **error)
{
  int fd;

  if (mkdir (path, 0700) < 0 && errno != EEXIST)
    {
      g_set_error (error, OB_ERROR, errno == ENOSPC ? OB_ERROR_NO_SPACE : OB_ERROR_FAILED,
                   "The directory %s cannot be made: %s", path, g_strerror (errno));
      return -1;
    }
  fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED, "The directory %s cannot be opened: %s", path,
                   g_strerror (errno));
      return -1;
    }
  if (!is_empty (fd))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_EXISTS,
                   "The directory %s is not empty; name a new one, so that nothing is overwritten",
                   path);
      close (fd);
      return -1;
    }
  return fd;
}

int
ob_open_passphrase_file (const char *path, GError **error)
{
  int fd = strcmp (path, "-") == 0 ? fcntl (STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                   : open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

  if (fd < 0)
    g_set_error (error, OB_ERROR, errno == ENOENT ? OB_ERROR_NOT_FOUND : OB_ERROR_FAILED,
                 "The passphrase file %s cannot be read: %s", path, g_strerror (errno));
  return fd;
}
