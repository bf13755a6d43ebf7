/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All children are forked by one thread that lives as long as the process. The kernel sends a
 * child's death signal (PR_SET_PDEATHSIG) when the thread that forked it ends, not the process; so
 * a child forked by a short-lived job thread would be killed with that thread.
 */
#include "ob-child-exec.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"

#define FIRST_FD 3
/* Beyond this nobody has descriptors, whatever the limit says. */
#define HIGHEST_FD (1024 * 1024)

typedef enum
{
  STEP_NONE,
  STEP_FORK,
  STEP_GROUP,
  STEP_USER,
  STEP_DIRECTORY,
  STEP_DESCRIPTORS,
  STEP_EXEC,
} Step;

/* What the child says through the pipe where it fails; exec closes the pipe without a word. */
typedef struct
{
  int step;
  int errnum;
} Failure;

typedef struct
{
  const ObChildPlan *plan;
  pid_t pid;
  Failure failure;
  gboolean done;
} Request;

typedef struct
{
  pthread_mutex_t lock;
  pthread_cond_t asked;
  pthread_cond_t answered;
  GQueue requests;
} Spawner;

/* In the child: async-signal-safe calls only, up to the end of run_child(). */

#ifdef SYS_setresuid32
#define OB_SYS_SETGROUPS SYS_setgroups32
#define OB_SYS_SETRESGID SYS_setresgid32
#define OB_SYS_SETRESUID SYS_setresuid32
#else
#define OB_SYS_SETGROUPS SYS_setgroups
#define OB_SYS_SETRESGID SYS_setresgid
#define OB_SYS_SETRESUID SYS_setresuid
#endif

/* By system calls, since the C library's functions speak to the threads that it believes are
 * there. */
static gboolean
become_user (const ObChildPlan *plan)
{
  return syscall (OB_SYS_SETGROUPS, plan->n_groups, plan->groups) == 0
         && syscall (OB_SYS_SETRESGID, plan->gid, plan->gid, plan->gid) == 0
         && syscall (OB_SYS_SETRESUID, plan->uid, plan->uid, plan->uid) == 0;
}

static void
reset_signals (void)
{
  struct sigaction action = { .sa_handler = SIG_DFL };
  sigset_t none;

  for (int number = 1; number < NSIG; number++)
    sigaction (number, &action, NULL);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
}

/* 0, 1 and 2 in their places, and all others but those to keep closed by exec. */
static gboolean
place_descriptors (const ObChildPlan *plan, rlim_t highest)
{
  for (int fd = 0; fd < FIRST_FD; fd++)
    if (dup2 (plan->fds[fd], fd) < 0)
      return FALSE;

  if (syscall (SYS_close_range, FIRST_FD, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
    for (rlim_t fd = FIRST_FD; fd < highest; fd++)
      fcntl ((int) fd, F_SETFD, FD_CLOEXEC);

  for (gsize i = 0; i < plan->n_keep_fds; i++)
    if (fcntl (plan->keep_fds[i], F_SETFD, 0) != 0)
      return FALSE;
  return TRUE;
}

/* The death signal comes after the change of user, which takes it back. */
static gboolean
join_fate (pid_t parent)
{
  return prctl (PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid () == parent;
}

static Step
prepare_child (const ObChildPlan *plan, pid_t parent, rlim_t highest)
{
  reset_signals ();
  umask (022);
  if (plan->detached ? setsid () < 0 : setpgid (0, 0) != 0)
    return STEP_GROUP;
  if (plan->change_user && !become_user (plan))
    return STEP_USER;
  if (!plan->detached && !join_fate (parent))
    return STEP_GROUP;
  if (chdir (plan->directory) != 0)
    return STEP_DIRECTORY;
  if (!place_descriptors (plan, highest))
    return STEP_DESCRIPTORS;
  execve (plan->argv[0], (char *const *) plan->argv, (char *const *) plan->environment);
  return STEP_EXEC;
}

static void __attribute__ ((noreturn))
run_child (const ObChildPlan *plan, int report_fd, pid_t parent, rlim_t highest)
{
  Failure failure = { 0 };

  failure.step = prepare_child (plan, parent, highest);
  failure.errnum = errno;
  while (write (report_fd, &failure, sizeof failure) < 0 && errno == EINTR)
    ;
  _exit (127);
}

/* In the thread that forks. */

static rlim_t
highest_descriptor (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > HIGHEST_FD)
    return HIGHEST_FD;
  return limit.rlim_cur;
}

/* A pipe whose ends are 3 or more, out of the way of the child's 0, 1 and 2. */
static gboolean
make_report_pipe (int fds[2])
{
  ob_autofd int low_in = -1;
  ob_autofd int low_out = -1;
  int low[2];

  if (pipe2 (low, O_CLOEXEC) != 0)
    return FALSE;
  low_in = low[0];
  low_out = low[1];
  fds[0] = fcntl (low_in, F_DUPFD_CLOEXEC, FIRST_FD);
  fds[1] = fcntl (low_out, F_DUPFD_CLOEXEC, FIRST_FD);
  return fds[0] >= 0 && fds[1] >= 0;
}

static void
spawn (Request *request)
{
  int fds[2] = { -1, -1 };
  gboolean piped = make_report_pipe (fds);
  ob_autofd int in = fds[0];
  ob_autofd int out = fds[1];
  rlim_t highest = highest_descriptor ();
  pid_t self = getpid ();

  request->pid = piped ? fork () : -1;
  if (request->pid == 0)
    run_child (request->plan, out, self, highest);
  if (request->pid < 0)
    {
      request->failure = (Failure){ STEP_FORK, errno };
      return;
    }

  ob_fd_clear (&out);
  if (ob_read_full (in, &request->failure, sizeof request->failure)
      == (gssize) sizeof request->failure)
    {
      while (waitpid (request->pid, NULL, 0) < 0 && errno == EINTR)
        ;
      request->pid = -1;
    }
}

static void *
spawner_thread (void *data)
{
  Spawner *spawner = data;

  pthread_mutex_lock (&spawner->lock);
  for (;;)
    {
      Request *request = g_queue_pop_head (&spawner->requests);

      if (request == NULL)
        {
          pthread_cond_wait (&spawner->asked, &spawner->lock);
          continue;
        }
      pthread_mutex_unlock (&spawner->lock);
      spawn (request);
      pthread_mutex_lock (&spawner->lock);
      request->done = TRUE;
      pthread_cond_broadcast (&spawner->answered);
    }
  return NULL;
}

/* In the thread that asks. */

/* The signals of the process are none of this thread's business; its children begin with all
 * signals held back, until they have reset what they inherit. */
static int
start_thread (Spawner *spawner)
{
  pthread_attr_t attributes;
  sigset_t all;
  sigset_t before;
  pthread_t thread;
  int errnum;

  sigfillset (&all);
  pthread_attr_init (&attributes);
  pthread_attr_setdetachstate (&attributes, PTHREAD_CREATE_DETACHED);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  errnum = pthread_create (&thread, &attributes, spawner_thread, spawner);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  pthread_attr_destroy (&attributes);
  return errnum;
}

/* The one thread of the process that forks, started at the first call; NULL with errno set. */
static Spawner *
get_spawner (void)
{
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static Spawner *spawner;
  Spawner *found;

  pthread_mutex_lock (&lock);
  if (spawner == NULL)
    {
      Spawner *made = g_new0 (Spawner, 1);
      int errnum;

      pthread_mutex_init (&made->lock, NULL);
      pthread_cond_init (&made->asked, NULL);
      pthread_cond_init (&made->answered, NULL);
      g_queue_init (&made->requests);
      errnum = start_thread (made);
      if (errnum == 0)
        spawner = made;
      else
        g_free (made);
      errno = errnum;
    }
  found = spawner;
  pthread_mutex_unlock (&lock);
  return found;
}

static void
set_failure (const ObChildPlan *plan, const Failure *failure, GError **error)
{
  const char *program = plan->argv[0];

  switch ((Step) failure->step)
    {
    case STEP_USER:
      ob_set_error_errno (error, failure->errnum,
                          "%s cannot be started as user number %u", program, plan->uid);
      break;
    case STEP_DIRECTORY:
      ob_set_error_errno (error, failure->errnum, "%s cannot be started in the directory %s",
                          program, plan->directory);
      break;
    default:
      ob_set_error_errno (error, failure->errnum, "%s cannot be started", program);
      break;
    }
}

pid_t
ob_child_exec (const ObChildPlan *plan, GError **error)
{
  Spawner *spawner = get_spawner ();
  Request request = { .plan = plan, .pid = -1 };

  if (spawner == NULL)
    {
      ob_set_error_errno (error, errno, "%s cannot be started", plan->argv[0]);
      return -1;
    }

  pthread_mutex_lock (&spawner->lock);
  g_queue_push_tail (&spawner->requests, &request);
  pthread_cond_signal (&spawner->asked);
  while (!request.done)
    pthread_cond_wait (&spawner->answered, &spawner->lock);
  pthread_mutex_unlock (&spawner->lock);

  if (request.failure.step != STEP_NONE)
    {
      set_failure (plan, &request.failure, error);
      return -1;
    }
  return request.pid;
}
