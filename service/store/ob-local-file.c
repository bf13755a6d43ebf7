/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-local-file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-fd.h"
#include "ob-path.h"

#define TEMPORARY_MARK "-tmp-"
#define TEMPORARY_TRIES 100
#define PARTS_AT_ONCE 64

/* What writing past the page cache needs of memory, offset and length, on every disk that is known;
 * and from which length on it pays. */
#define DIRECT_ALIGNMENT 4096
#define DIRECT_MINIMUM (1024 * 1024)

struct _ObLocalFile
{
  char *name;      /* "data/ab/abcd…" */
  char *directory; /* "data/ab" */
  int directory_fd;
  char *temporary; /* in the directory; NULL once published */
  int fd;
};

gboolean
ob_local_file_is_temporary (const char *name)
{
  return strstr (name, TEMPORARY_MARK) != NULL;
}

/* Makes the directory @name below @parent and opens it. -1 with errno set. */
static int
make_directory (int parent, const char *name, mode_t mode, gboolean durable)
{
  ob_autofd int fd = -1;
  gboolean made = mkdirat (parent, name, mode) == 0;

  if (!made && errno != EEXIST)
    return -1;
  fd = ob_path_try_open_at (parent, name, O_RDONLY | O_DIRECTORY);
  if (fd < 0)
    return -1;
  /* The umask may have taken from the mode; a file system without modes leaves it as it is. */
  if (made && fchmod (fd, mode) != 0 && errno != EPERM && errno != ENOTSUP)
    return -1;
  if (made && durable && !ob_local_file_sync_fd (parent))
    return -1;
  return ob_fd_steal (&fd);
}

/* Opens @directory below @root_fd and makes what of it is missing. -1 with errno set. */
static int
open_directory (int root_fd, const char *directory, mode_t mode, gboolean durable)
{
  ob_autofd int fd = ob_path_try_open_at (root_fd, directory, O_RDONLY | O_DIRECTORY);
  g_auto (GStrv) components = NULL;

  if (fd >= 0 || errno != ENOENT)
    return ob_fd_steal (&fd);

  components = g_strsplit (directory, "/", -1);
  for (char **component = components; *component != NULL; component++)
    {
      int next = make_directory (fd < 0 ? root_fd : fd, *component, mode, durable);

      if (next < 0)
        return -1;
      ob_fd_clear (&fd);
      fd = next;
    }
  return ob_fd_steal (&fd);
}

gboolean
ob_local_file_make_directory (int root_fd, const char *name, mode_t mode, gboolean durable)
{
  ob_autofd int fd = open_directory (root_fd, name, mode, durable);

  return fd >= 0;
}

/* Makes the file under a temporary name. FALSE with errno set. */
static gboolean
make_temporary (ObLocalFile *self)
{
  const char *slash = strrchr (self->name, '/');
  const char *last = slash == NULL ? self->name : slash + 1;

  for (guint i = 0; i < TEMPORARY_TRIES; i++)
    {
      g_autofree char *tried = g_strdup_printf ("%s" TEMPORARY_MARK "%08x", last, g_random_int ());

      self->fd = openat (self->directory_fd, tried,
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
      if (self->fd >= 0)
        {
          self->temporary = g_steal_pointer (&tried);
          return TRUE;
        }
      if (errno != EEXIST)
        return FALSE;
    }
  return FALSE;
}

ObLocalFile *
ob_local_file_new (int root_fd, const char *name, mode_t file_mode, mode_t dir_mode)
{
  g_autoptr (ObLocalFile) self = g_new0 (ObLocalFile, 1);

  self->fd = -1;
  self->name = g_strdup (name);
  self->directory = g_path_get_dirname (name);
  self->directory_fd = open_directory (root_fd, self->directory, dir_mode, TRUE);
  if (self->directory_fd < 0 || !make_temporary (self))
    return NULL;
  /* Some file systems (exFAT, shares) know no modes: restic goes on there too. */
  if (fchmod (self->fd, file_mode) != 0 && errno != EPERM && errno != ENOTSUP)
    return NULL;
  return g_steal_pointer (&self);
}

/* Takes @done bytes off the front of the @n parts. */
static void
advance (struct iovec **parts, int *n, gsize done)
{
  while (*n > 0 && done >= (*parts)->iov_len)
    {
      done -= (*parts)->iov_len;
      (*parts)++;
      (*n)--;
    }
  if (*n > 0)
    {
      (*parts)->iov_base = (char *) (*parts)->iov_base + done;
      (*parts)->iov_len -= done;
    }
}

/* Writes the beginning of what is large and aligned past the page cache: copying it there would
 * take a third of a backup's time, and would drive out what the database and the application
 * have there. Returns how much was written; what is left, or fails, is for the usual way. */
static gsize
write_direct (ObLocalFile *file, const struct iovec *part)
{
  gsize length = part->iov_len / DIRECT_ALIGNMENT * DIRECT_ALIGNMENT;
  gsize written = 0;
  int flags;

  if (length < DIRECT_MINIMUM || (guintptr) part->iov_base % DIRECT_ALIGNMENT != 0)
    return 0;
  flags = fcntl (file->fd, F_GETFL);
  if (flags < 0 || fcntl (file->fd, F_SETFL, flags | O_DIRECT) != 0)
    return 0;
  while (written < length)
    {
      ssize_t n = pwrite (file->fd, (const guint8 *) part->iov_base + written, length - written,
                          (off_t) written);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        break;
      written += (gsize) n / DIRECT_ALIGNMENT * DIRECT_ALIGNMENT;
      if (n % DIRECT_ALIGNMENT != 0)
        break;
    }
  if (fcntl (file->fd, F_SETFL, flags) != 0
      || lseek (file->fd, (off_t) written, SEEK_SET) != (off_t) written)
    return 0;
  return written;
}

gboolean
ob_local_file_write (ObLocalFile *file, const struct iovec *parts, gsize n_parts)
{
  struct iovec batch[PARTS_AT_ONCE];
  gsize direct = n_parts > 0 ? write_direct (file, &parts[0]) : 0;

  for (gsize first = 0; first < n_parts; first += PARTS_AT_ONCE)
    {
      int n = (int) MIN (PARTS_AT_ONCE, n_parts - first);
      struct iovec *rest = batch;

      memcpy (batch, parts + first, (gsize) n * sizeof *batch);
      advance (&rest, &n, first == 0 ? direct : 0);
      while (n > 0)
        {
          ssize_t done = writev (file->fd, rest, n);

          if (done >= 0)
            advance (&rest, &n, (gsize) done);
          else if (errno != EINTR)
            return FALSE;
        }
    }
  return TRUE;
}

void
ob_local_file_start_sync (ObLocalFile *file)
{
  sync_file_range (file->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

gboolean
ob_local_file_sync_fd (int fd)
{
  return fsync (fd) == 0 || errno == EINVAL || errno == ENOTSUP || errno == ENOSYS;
}

gboolean
ob_local_file_sync (ObLocalFile *file)
{
  return ob_local_file_sync_fd (file->fd);
}

gboolean
ob_local_file_publish (ObLocalFile *file)
{
  const char *slash = strrchr (file->name, '/');
  const char *last = slash == NULL ? file->name : slash + 1;

  /* Closed first: a share may write, and fail, only then. */
  if (file->fd >= 0 && close (ob_fd_steal (&file->fd)) != 0 && errno != EINTR)
    return FALSE;
  if (renameat (file->directory_fd, file->temporary, file->directory_fd, last) != 0)
    return FALSE;
  g_clear_pointer (&file->temporary, g_free);
  return TRUE;
}

gboolean
ob_local_file_sync_directory (ObLocalFile *file)
{
  return ob_local_file_sync_fd (file->directory_fd);
}

const char *
ob_local_file_get_name (ObLocalFile *file)
{
  return file->name;
}

const char *
ob_local_file_get_directory (ObLocalFile *file)
{
  return file->directory;
}

gint64
ob_local_file_get_time (ObLocalFile *file)
{
  struct stat info;

  return fstat (file->fd, &info) == 0 ? info.st_mtim.tv_sec : 0;
}

void
ob_local_file_free (ObLocalFile *file)
{
  int errnum = errno;

  if (file == NULL)
    return;
  ob_fd_clear (&file->fd);
  if (file->temporary != NULL)
    unlinkat (file->directory_fd, file->temporary, 0);
  ob_fd_clear (&file->directory_fd);
  g_free (file->temporary);
  g_free (file->directory);
  g_free (file->name);
  g_free (file);
  errno = errnum;
}
