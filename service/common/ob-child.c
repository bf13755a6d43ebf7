/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ob-child-capture.h"
#include "ob-child-exec.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"

#define FIRST_FD 3
#define GRACE_SECONDS 2
/* How long a killed process may take to go; one that hangs in the kernel never does. */
#define DEATH_SECONDS 10
#define MAX_PASSWD_SIZE (1024 * 1024)
#define NEVER G_MAXINT64

struct _ObChild
{
  pthread_mutex_t lock; /* held where @pid is signalled or reaped: afterwards it is another's */
  char *program;
  pid_t pid;
  int pidfd;
  ObChildCapture *output; /* NULL where it is not captured */
  ObChildCapture *errors;
  guint grace_seconds;
  gboolean detached;
  gboolean waited;
  gboolean reaped;
  int status; /* as of waitpid() */
};

/* Why the child was told to end. */
typedef enum
{
  STOP_NONE,
  STOP_CANCELLED,
  STOP_LATE,
  STOP_FLOOD,
} Stop;

static const char *const default_environment[] = {
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  "LANG=C.UTF-8",
  NULL,
};

/* start */

static gboolean
look_up_user (const char *name, struct passwd *user, char **buffer, GError **error)
{
  struct passwd *found = NULL;
  gsize size = 4096;
  int errnum;

  do
    {
      size *= 2;
      *buffer = g_realloc (*buffer, size);
      errnum = getpwnam_r (name, user, *buffer, size, &found);
    }
  while (errnum == ERANGE && size < MAX_PASSWD_SIZE);

  if (found != NULL)
    return TRUE;
  if (errnum != 0)
    return ob_set_error_errno (error, errnum, "The user %s cannot be looked up", name);
  g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND, "There is no user %s on this system", name);
  return FALSE;
}

/* Fills in who the child is to be; *@groups (transfer full) is what the plan points to. */
static gboolean
plan_user (ObChildPlan *plan, const char *name, gid_t **groups, GError **error)
{
  g_autofree char *buffer = NULL;
  struct passwd user;
  int count = 64;

  if (name == NULL)
    return TRUE;
  if (!look_up_user (name, &user, &buffer, error))
    return FALSE;
  /* Without privileges one can only be oneself, and need not change. */
  if (geteuid () != 0 && user.pw_uid == geteuid ())
    return TRUE;

  *groups = g_new (gid_t, count);
  while (getgrouplist (name, user.pw_gid, *groups, &count) < 0)
    *groups = g_renew (gid_t, *groups, ++count);
  plan->change_user = TRUE;
  plan->uid = user.pw_uid;
  plan->gid = user.pw_gid;
  plan->groups = *groups;
  plan->n_groups = (gsize) count;
  return TRUE;
}

/* A descriptor of 3 or more for what the child gets as @number: of @wanted, or of /dev/null. */
static int
open_standard (int number, int wanted)
{
  ob_autofd int null = -1;

  if (wanted > 0)
    return fcntl (wanted, F_DUPFD_CLOEXEC, FIRST_FD);
  null = open ("/dev/null", (number == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
  return null < 0 ? -1 : fcntl (null, F_DUPFD_CLOEXEC, FIRST_FD);
}

static gboolean
check_spec (const ObChildSpec *spec, GError **error)
{
  if (spec->argv == NULL || spec->argv[0] == NULL || spec->argv[0][0] != '/')
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "\"%s\" cannot be started: a program is named by its whole path",
                   spec->argv == NULL || spec->argv[0] == NULL ? "" : spec->argv[0]);
      return FALSE;
    }
  for (gsize i = 0; i < spec->n_keep_fds; i++)
    if (spec->keep_fds[i] < FIRST_FD)
      {
        g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                     "%s cannot be started: descriptor %d cannot be kept beside the standard ones",
                     spec->argv[0], spec->keep_fds[i]);
        return FALSE;
      }
  return TRUE;
}

/* Makes the three standard descriptors; @self gets our ends of what is captured. FALSE with errno
 * set. */
static gboolean
open_standards (ObChild *self, const ObChildSpec *spec, int fds[3])
{
  fds[0] = open_standard (0, spec->stdin_fd);
  if (fds[0] < 0)
    return FALSE;
  self->errors = ob_child_capture_new (OB_CHILD_CAPTURE_TAIL, spec->detached, &fds[2]);
  if (fds[2] < 0)
    return FALSE;
  if (spec->stdout_fd == OB_CHILD_CAPTURE)
    self->output = ob_child_capture_new (OB_CHILD_CAPTURE_ALL, spec->detached, &fds[1]);
  else
    fds[1] = open_standard (1, spec->stdout_fd == OB_CHILD_WITH_ERRORS ? fds[2] : spec->stdout_fd);
  return fds[1] >= 0;
}

ObChild *
ob_child_start (const ObChildSpec *spec, GError **error)
{
  g_autoptr (ObChild) self = NULL;
  g_autofree gid_t *groups = NULL;
  ob_autofd int in = -1;
  ob_autofd int out = -1;
  ob_autofd int err = -1;
  ObChildPlan plan = {
    .argv = spec->argv,
    .environment = spec->environment != NULL ? spec->environment : default_environment,
    .directory = spec->directory != NULL ? spec->directory : "/",
    .fds = { -1, -1, -1 },
    .keep_fds = spec->keep_fds,
    .n_keep_fds = spec->n_keep_fds,
    .detached = spec->detached,
  };
  gboolean opened;

  if (!check_spec (spec, error) || !plan_user (&plan, spec->user, &groups, error))
    return NULL;

  self = g_new0 (ObChild, 1);
  pthread_mutex_init (&self->lock, NULL);
  self->program = g_path_get_basename (spec->argv[0]);
  self->pid = -1;
  self->pidfd = -1;
  self->grace_seconds = spec->grace_seconds > 0 ? spec->grace_seconds : GRACE_SECONDS;
  self->detached = spec->detached;
  self->reaped = TRUE;

  opened = open_standards (self, spec, plan.fds);
  in = plan.fds[0];
  out = plan.fds[1];
  err = plan.fds[2];
  if (!opened)
    {
      ob_set_error_errno (error, errno, "%s cannot be started", spec->argv[0]);
      return NULL;
    }

  self->pid = ob_child_exec (&plan, error);
  if (self->pid < 0)
    return NULL;
  self->reaped = FALSE;
  self->pidfd = (int) syscall (SYS_pidfd_open, self->pid, 0);
  if (self->pidfd < 0)
    {
      ob_set_error_errno (error, errno, "%s cannot be watched", spec->argv[0]);
      return NULL;
    }
  return g_steal_pointer (&self);
}

/* wait */

static void
signal_group (ObChild *self, int number)
{
  pthread_mutex_lock (&self->lock);
  if (!self->reaped)
    kill (-self->pid, number);
  pthread_mutex_unlock (&self->lock);
}

static void
reap (ObChild *self)
{
  pid_t pid;

  pthread_mutex_lock (&self->lock);
  do
    pid = waitpid (self->pid, &self->status, WNOHANG);
  while (pid < 0 && errno == EINTR);
  /* Where SIGCHLD is ignored the kernel has reaped it, and nobody knows how it ended. */
  if (pid < 0)
    self->status = W_EXITCODE (255, 0);
  self->reaped = pid != 0;
  pthread_mutex_unlock (&self->lock);
}

static Stop
why_stop (ObChild *self, gint64 deadline, GCancellable *cancellable)
{
  if (g_cancellable_is_cancelled (cancellable))
    return STOP_CANCELLED;
  if (g_get_monotonic_time () >= deadline)
    return STOP_LATE;
  if (ob_child_capture_is_flooded (self->output))
    return STOP_FLOOD;
  return STOP_NONE;
}

/* Waits for what comes first: output, the end (TRUE), a cancellation, or @until. */
static gboolean
poll_once (ObChild *self, int cancel_fd, gint64 until)
{
  struct pollfd fds[] = {
    { .fd = self->pidfd, .events = POLLIN },
    { .fd = cancel_fd, .events = POLLIN },
    { .fd = ob_child_capture_get_fd (self->output), .events = POLLIN },
    { .fd = ob_child_capture_get_fd (self->errors), .events = POLLIN },
  };
  /* The clock is read once: MAX would read it twice, and with the time over in between wait for
   * ever. */
  gint64 now = g_get_monotonic_time ();
  gint64 left = until == NEVER ? -1 : MAX (0, until - now);
  /* Rounded up, so that the time has come when poll() returns. */
  int timeout = left < 0 ? -1 : (int) MIN (left / 1000 + 1, G_MAXINT);

  if (poll (fds, G_N_ELEMENTS (fds), timeout) <= 0)
    return FALSE;
  if (fds[2].revents != 0)
    ob_child_capture_read (self->output);
  if (fds[3].revents != 0)
    ob_child_capture_read (self->errors);
  return fds[0].revents != 0;
}

/* Until the child has ended, which it is told to at @deadline, on cancel, and where it writes
 * without end. FALSE where even SIGKILL did not end it. */
static gboolean
watch (ObChild *self, gint64 deadline, GCancellable *cancellable, int cancel_fd, Stop *stop)
{
  gint64 until = deadline;
  gboolean killed = FALSE;

  *stop = STOP_NONE;
  for (;;)
    {
      if (*stop == STOP_NONE)
        {
          *stop = why_stop (self, deadline, cancellable);
          if (*stop != STOP_NONE)
            {
              signal_group (self, SIGTERM);
              until = g_get_monotonic_time () + (gint64) self->grace_seconds * G_USEC_PER_SEC;
            }
        }
      else if (g_get_monotonic_time () >= until)
        {
          if (killed)
            return FALSE;
          signal_group (self, SIGKILL);
          killed = TRUE;
          until = g_get_monotonic_time () + DEATH_SECONDS * G_USEC_PER_SEC;
        }
      if (poll_once (self, *stop == STOP_NONE ? cancel_fd : -1, until))
        return TRUE;
    }
}

static gboolean
fail_stopped (ObChild *self, Stop stop, guint seconds, GError **error)
{
  g_autofree char *lines = NULL;

  switch (stop)
    {
    case STOP_CANCELLED:
      g_set_error (error, OB_ERROR, OB_ERROR_CANCELLED,
                   "%s was stopped because the job was cancelled", self->program);
      break;
    case STOP_LATE:
      lines = ob_child_capture_get_last_lines (self->errors);
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                   "%s was stopped because it did not end within %u seconds%s%s", self->program,
                   seconds, *lines == '\0' ? "" : ": ", lines);
      break;
    default:
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                   "%s was stopped because it wrote more output than can be taken", self->program);
      break;
    }
  return FALSE;
}

static gboolean
judge (ObChild *self, GError **error)
{
  g_autofree char *lines = NULL;
  const char *separator;

  if (WIFEXITED (self->status) && WEXITSTATUS (self->status) == 0)
    return TRUE;
  lines = ob_child_capture_get_last_lines (self->errors);
  separator = *lines == '\0' ? "" : ": ";
  if (WIFSIGNALED (self->status))
    g_set_error (error, OB_ERROR, OB_ERROR_FAILED, "%s was ended by signal %d (%s)%s%s",
                 self->program, WTERMSIG (self->status), strsignal (WTERMSIG (self->status)),
                 separator, lines);
  else
    g_set_error (error, OB_ERROR, OB_ERROR_FAILED, "%s ended with status %d%s%s", self->program,
                 WEXITSTATUS (self->status), separator, lines);
  return FALSE;
}

static gboolean
wait_until (ObChild *self,
            gint64 deadline,
            guint seconds,
            GCancellable *cancellable,
            GError **error)
{
  GPollFD cancel = { .fd = -1 };
  gboolean has_fd;
  gboolean ended;
  Stop stop;

  g_return_val_if_fail (!self->waited, FALSE);
  self->waited = TRUE;

  has_fd = cancellable != NULL && g_cancellable_make_pollfd (cancellable, &cancel);
  ended = watch (self, deadline, cancellable, has_fd ? cancel.fd : -1, &stop);
  if (has_fd)
    g_cancellable_release_fd (cancellable);

  /* What a stopped program started goes with it. While it is not reaped, its group is its own. */
  if (stop != STOP_NONE && !self->detached)
    signal_group (self, SIGKILL);
  if (ended)
    reap (self);
  ob_child_capture_finish (self->output);
  ob_child_capture_finish (self->errors);
  return stop == STOP_NONE ? judge (self, error) : fail_stopped (self, stop, seconds, error);
}

gboolean
ob_child_wait (ObChild *child, GCancellable *cancellable, GError **error)
{
  return wait_until (child, NEVER, 0, cancellable, error);
}

gboolean
ob_child_wait_for (ObChild *child, guint seconds, GCancellable *cancellable, GError **error)
{
  gint64 deadline = g_get_monotonic_time () + (gint64) seconds * G_USEC_PER_SEC;

  return wait_until (child, deadline, seconds, cancellable, error);
}

/* the rest */

void
ob_child_kill (ObChild *child)
{
  signal_group (child, SIGKILL);
}

const char *
ob_child_get_output (ObChild *child)
{
  return ob_child_capture_get_text (child->output);
}

const char *
ob_child_get_errors (ObChild *child)
{
  return ob_child_capture_get_text (child->errors);
}

void
ob_child_free (ObChild *child)
{
  if (child == NULL)
    return;

  if (!child->reaped && !child->detached)
    {
      struct pollfd end = { .fd = child->pidfd, .events = POLLIN };

      signal_group (child, SIGKILL);
      /* One that was waited for, and is still there, hangs in the kernel. */
      if (!child->waited)
        while (poll (&end, 1, DEATH_SECONDS * 1000) < 0 && errno == EINTR)
          ;
    }
  if (!child->reaped)
    reap (child);
  ob_fd_clear (&child->pidfd);
  ob_child_capture_free (child->output);
  ob_child_capture_free (child->errors);
  pthread_mutex_destroy (&child->lock);
  g_free (child->program);
  g_free (child);
}

gboolean
ob_child_run (const ObChildSpec *spec, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObChild) child = NULL;

  if (g_cancellable_is_cancelled (cancellable))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CANCELLED, "The job was cancelled");
      return FALSE;
    }
  child = ob_child_start (spec, error);
  return child != NULL && ob_child_wait (child, cancellable, error);
}
