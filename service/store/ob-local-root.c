/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-local-root.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-local-file.h"

/* internal methods */

static gboolean
make_directory (const char *path, GError **error)
{
  g_autofree char *parent = g_path_get_dirname (path);
  ob_autofd int fd = -1;

  if (mkdir (path, 0700) != 0)
    {
      if (errno == EEXIST)
        return TRUE;
      g_set_error (error, OB_ERROR,
                   errno == ENOSPC || errno == EDQUOT ? OB_ERROR_NO_SPACE
                                                      : OB_ERROR_DESTINATION_UNAVAILABLE,
                   "The directory %s cannot be made: %s. The directory that is to hold it has to "
                   "be there, and its disk mounted",
                   path, g_strerror (errno));
      return FALSE;
    }
  fd = open (parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return (fd >= 0 && ob_local_file_sync_fd (fd))
         || ob_set_error_errno (error, errno, "The directory %s cannot be made durable", path);
}

static gboolean
open_directory (ObLocalRoot *self, GError **error)
{
  const char *hint;

  self->fd = open (self->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (self->fd >= 0 && faccessat (self->fd, ".", W_OK | X_OK, AT_EACCESS) == 0)
    return TRUE;
  /* A disk that is mounted read-only, as kernels do with one that fails, can still be restored
   * from; what writes says so. */
  if (self->fd >= 0 && errno == EROFS)
    return TRUE;
  switch (errno)
    {
    case ENOENT:
      hint = ". Its disk may not be mounted";
      break;
    default:
      hint = "";
      break;
    }
  g_set_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
               "The directory %s cannot be used as a destination: %s%s", self->path,
               g_strerror (errno), hint);
  return FALSE;
}

/* public methods */

gboolean
ob_local_root_open (ObLocalRoot *self, const char *path, gboolean create, GError **error)
{
  self->path = g_strdup (path);
  self->fd = -1;
  return (!create || make_directory (path, error)) && open_directory (self, error);
}

void
ob_local_root_close (ObLocalRoot *self)
{
  ob_fd_clear (&self->fd);
  g_clear_pointer (&self->path, g_free);
}

gboolean
ob_local_root_is_gone (const ObLocalRoot *self, int errnum)
{
  struct stat info;

  if (errnum == ESTALE || errnum == ENODEV)
    return TRUE;
  return fstat (self->fd, &info) != 0 || info.st_nlink == 0;
}

static gboolean
fail_gone (const ObLocalRoot *self, GError **error)
{
  g_set_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
               "The directory %s is gone: its disk may have been unmounted. Mount it, and try "
               "again",
               self->path);
  return FALSE;
}

static gboolean
fail_cancelled (GError **error)
{
  g_set_error_literal (error, OB_ERROR, OB_ERROR_CANCELLED, "The job was cancelled");
  return FALSE;
}

static gboolean
fail_full (const ObLocalRoot *self, const char *name, GError **error)
{
  g_set_error (error, OB_ERROR, OB_ERROR_NO_SPACE,
               "The destination %s is full: %s could not be written. Make room on its file system, "
               "or give it a larger one",
               self->path, name);
  return FALSE;
}

gboolean
ob_local_root_fail (const ObLocalRoot *self, const char *name, const char *verb, int errnum,
                    GError **error)
{
  switch (errnum)
    {
    case ECANCELED:
      return fail_cancelled (error);
    case ENOSPC:
    case EDQUOT:
      return fail_full (self, name, error);
    case ELOOP:
    case EISDIR:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EINVAL:
    case EFBIG:
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED, "%s/%s cannot be %s: %s", self->path, name,
                   verb, g_strerror (errnum));
      return FALSE;
    case EROFS:
      g_set_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
                   "%s/%s cannot be %s: its file system is mounted read-only", self->path, name,
                   verb);
      return FALSE;
    default:
      if (ob_local_root_is_gone (self, errnum))
        return fail_gone (self, error);
      g_set_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
                   "%s/%s cannot be %s: %s. Look after the disk or the connection to it",
                   self->path, name, verb, g_strerror (errnum));
      return FALSE;
    }
}

gboolean
ob_local_root_fail_found (const ObLocalRoot *self, const char *name, int errnum, GError **error)
{
  if ((errnum != ENOENT && errnum != ENOTDIR) || ob_local_root_is_gone (self, errnum))
    return ob_local_root_fail (self, name, "read", errnum, error);
  g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND, "There is no %s in %s", name, self->path);
  return FALSE;
}
