/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-descriptor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-secret.h"

/* The access mode, or -1 where it is no descriptor for reading and writing at all. */
static int
get_access_mode (int fd)
{
  int flags = fcntl (fd, F_GETFL);

  return flags < 0 || (flags & O_PATH) != 0 ? -1 : flags & O_ACCMODE;
}

/* Whether the open directory has no entries; FALSE too where it cannot be listed. */
static gboolean
is_empty_directory (int fd)
{
  int copy = openat (fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = copy >= 0 ? fdopendir (copy) : NULL;
  const struct dirent *entry = NULL;
  gboolean empty = directory != NULL;

  if (directory == NULL)
    {
      ob_fd_clear (&copy);
      return FALSE;
    }
  while (empty && (entry = readdir (directory)) != NULL)
    empty = strcmp (entry->d_name, ".") == 0 || strcmp (entry->d_name, "..") == 0;
  closedir (directory);
  return empty;
}

gboolean
ob_descriptor_check_source (int fd, const char *name, GError **error)
{
  struct stat status;
  int mode = get_access_mode (fd);

  if (fstat (fd, &status) == 0 && (S_ISFIFO (status.st_mode) || S_ISREG (status.st_mode))
      && (mode == O_RDONLY || mode == O_RDWR))
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "\"%s\" has to be a pipe or a regular file that is open for reading", name);
  return FALSE;
}

gboolean
ob_descriptor_check_sink (int fd, const char *name, GError **error)
{
  struct stat status;
  int mode = get_access_mode (fd);

  if (fstat (fd, &status) == 0
      && (S_ISFIFO (status.st_mode) || S_ISREG (status.st_mode) || S_ISSOCK (status.st_mode)
          || (S_ISCHR (status.st_mode) && isatty (fd)))
      && (mode == O_WRONLY || mode == O_RDWR))
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "\"%s\" has to be a pipe, a socket, a terminal or a regular file that is open for "
               "writing",
               name);
  return FALSE;
}

gboolean
ob_descriptor_check_directory (int fd, uid_t uid, const char *name, GError **error)
{
  struct stat status;

  if (fstat (fd, &status) != 0 || !S_ISDIR (status.st_mode) || get_access_mode (fd) < 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "\"%s\" has to be a directory, opened with O_DIRECTORY and without O_PATH",
                   name);
      return FALSE;
    }
  /* SECURITY: the client could open it, which is not to say that he may write in it. */
  if (uid != 0 && status.st_uid != uid)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "The directory given as \"%s\" is not yours; choose one that you own", name);
      return FALSE;
    }
  if (faccessat (fd, ".", W_OK | X_OK, 0) != 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "The directory given as \"%s\" cannot be written: %s; choose another one", name,
                   g_strerror (errno));
      return FALSE;
    }
  if (!is_empty_directory (fd))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "The directory given as \"%s\" is not empty; choose an empty one, so that "
                   "nothing is overwritten",
                   name);
      return FALSE;
    }
  return TRUE;
}

/* Waits until @fd can be written or the monotonic time @deadline has come. */
static gboolean
wait_for_room (int fd, gint64 deadline, GError **error)
{
  struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

  for (;;)
    {
      gint64 left = (deadline - g_get_monotonic_time ()) / 1000;
      int n = left > 0 ? poll (&poll_fd, 1, (int) left) : 0;

      if (n > 0)
        return TRUE;
      if (n == 0)
        {
          g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                       "Nobody reads the descriptor that the key was to be written to");
          return FALSE;
        }
      if (errno != EINTR)
        return ob_set_error_errno (error, errno, "The descriptor of the client cannot be polled");
    }
}

gboolean
ob_descriptor_write (int fd, const void *data, gsize size, guint seconds, GError **error)
{
  gint64 deadline = g_get_monotonic_time () + seconds * G_USEC_PER_SEC;
  const char *rest = data;

  g_return_val_if_fail (size <= PIPE_BUF, FALSE);

  /* A pipe with room takes PIPE_BUF bytes without blocking. O_NONBLOCK would be the client's own
   * flag too, so it is left as it is. */
  while (size > 0)
    {
      gssize n = 0;

      if (!wait_for_room (fd, deadline, error))
        return FALSE;
      n = send (fd, rest, size, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0 && errno == ENOTSOCK)
        n = write (fd, rest, size);
      if (n < 0 && errno != EINTR && errno != EAGAIN)
        return ob_set_error_errno (error, errno, "The descriptor of the client cannot be written");
      if (n > 0)
        {
          rest += n;
          size -= (gsize) n;
        }
    }
  return TRUE;
}

typedef struct
{
  int fd;
  guint seconds;
} SecretRead;

static void
secret_read_free (gpointer data)
{
  SecretRead *read = data;

  ob_fd_clear (&read->fd);
  g_free (read);
}

static void
read_secret_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  SecretRead *read = data;
  g_autoptr (GError) error = NULL;
  char *secret
    = ob_secret_read_within (read->fd, OB_DESCRIPTOR_MAX_SECRET, read->seconds, &error);

  if (secret == NULL)
    g_task_return_error (task, g_steal_pointer (&error));
  else if (*secret == '\0')
    {
      ob_secret_free (secret);
      g_task_return_new_error (task, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                               "The passphrase is empty; ask for \"no-passphrase\" if that is "
                               "meant");
    }
  else
    g_task_return_pointer (task, secret, (GDestroyNotify) ob_secret_free);
}

void
ob_descriptor_read_secret (int fd, guint seconds, gpointer source, GAsyncReadyCallback callback,
                           gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (source, NULL, callback, user_data);
  SecretRead *read = g_new0 (SecretRead, 1);

  read->fd = fcntl (fd, F_DUPFD_CLOEXEC, 3);
  read->seconds = seconds;
  g_task_set_task_data (task, read, secret_read_free);
  g_task_run_in_thread (task, read_secret_in_thread);
}

char *
ob_descriptor_read_secret_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
