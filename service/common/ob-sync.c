/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-sync.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"

/* Shared with a thread that may outlast the call. */
typedef struct
{
  gatomicrefcount references;
  int fd;
  int ended; /* eventfd: readable once the sync is over */
  int errnum; /* atomic: what orders the threads is the kernel alone, which compilers do not know */
} Sync;

/* internal methods */

static void
sync_unref (Sync *self)
{
  if (!g_atomic_ref_count_dec (&self->references))
    return;
  ob_fd_clear (&self->fd);
  ob_fd_clear (&self->ended);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Sync, sync_unref)

static gpointer
run (gpointer data)
{
  g_autoptr (Sync) self = data;

  g_atomic_int_set (&self->errnum, syncfs (self->fd) < 0 ? errno : 0);
  eventfd_write (self->ended, 1);
  return NULL;
}

/* FALSE where it was cancelled first. */
static gboolean
wait_for_end (Sync *self, GCancellable *cancellable)
{
  GPollFD cancelled = { .fd = -1 };
  struct pollfd fds[2] = { { .fd = self->ended, .events = POLLIN }, { .fd = -1 } };

  if (g_cancellable_make_pollfd (cancellable, &cancelled))
    fds[1] = (struct pollfd){ .fd = cancelled.fd, .events = POLLIN };
  while (poll (fds, G_N_ELEMENTS (fds), -1) < 0 && errno == EINTR)
    ;
  if (cancelled.fd >= 0)
    g_cancellable_release_fd (cancellable);
  return fds[0].revents != 0;
}

/* public methods */

gboolean
ob_sync_file_system (int fd, GCancellable *cancellable, GError **error)
{
  g_autoptr (Sync) self = g_new0 (Sync, 1);
  int errnum;

  g_atomic_ref_count_init (&self->references);
  self->ended = eventfd (0, EFD_CLOEXEC);
  self->fd = fcntl (fd, F_DUPFD_CLOEXEC, 3);
  if (self->fd < 0 || self->ended < 0)
    return ob_set_error_errno (error, errno, "No descriptor for a sync to disk");

  g_atomic_ref_count_inc (&self->references);
  g_thread_unref (g_thread_new ("sync", run, self));
  if (!wait_for_end (self, cancellable))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CANCELLED, "Cancelled.");
      return FALSE;
    }
  errnum = g_atomic_int_get (&self->errnum);
  return errnum == 0 || ob_set_error_errno (error, errnum, "The sync to disk failed");
}
