/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-run-command.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* A signal's handler has nothing but these, and any thread may be the one to run it, that of GDBus
 * too. */
static atomic_int child;
static atomic_uint not_passed; /* a bit for each signal that the child is still to get */
static atomic_bool was_interrupted;

static const int terminal_signals[] = { SIGINT, SIGQUIT };
static const int passed_signals[] = { SIGTERM, SIGHUP };

/* internal methods */

static void
on_terminal_signal (int number)
{
  atomic_store (&was_interrupted, TRUE);
}

/* By a handler, and once it is known whom to: whoever takes a bit passes that signal on. */
static void
pass_on (void)
{
  pid_t pid = atomic_load (&child);
  guint taken = pid > 0 ? atomic_exchange (&not_passed, 0) : 0;

  for (gsize i = 0; i < G_N_ELEMENTS (passed_signals); i++)
    if ((taken & 1u << passed_signals[i]) != 0)
      kill (pid, passed_signals[i]);
}

static void
on_passed_signal (int number)
{
  int errnum = errno;

  atomic_fetch_or (&not_passed, 1u << number);
  pass_on ();
  errno = errnum;
}

static void
catch_signals (const int *numbers, gsize n, void (*handler) (int), struct sigaction *former)
{
  struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };

  sigemptyset (&action.sa_mask);
  for (gsize i = 0; i < n; i++)
    sigaction (numbers[i], &action, &former[i]);
}

static void
release_signals (const int *numbers, gsize n, const struct sigaction *former)
{
  for (gsize i = 0; i < n; i++)
    sigaction (numbers[i], &former[i], NULL);
}

/* posix_spawnp(): the child gets the signals as they were given to us. 0, or an errno. */
static int
spawn (char **argv, const struct sigaction *terminal, const struct sigaction *passed, pid_t *pid)
{
  posix_spawnattr_t attributes;
  sigset_t defaults;
  int result;

  sigemptyset (&defaults);
  for (gsize i = 0; i < G_N_ELEMENTS (terminal_signals); i++)
    if (terminal[i].sa_handler != SIG_IGN)
      sigaddset (&defaults, terminal_signals[i]);
  for (gsize i = 0; i < G_N_ELEMENTS (passed_signals); i++)
    if (passed[i].sa_handler != SIG_IGN)
      sigaddset (&defaults, passed_signals[i]);
  posix_spawnattr_init (&attributes);
  posix_spawnattr_setsigdefault (&attributes, &defaults);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGDEF);
  result = posix_spawnp (pid, argv[0], NULL, &attributes, argv, environ);
  posix_spawnattr_destroy (&attributes);
  return result;
}

static int
wait_for (pid_t pid)
{
  int status = 0;

  while (waitpid (pid, &status, 0) < 0)
    if (errno != EINTR)
      return 1;
  return WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);
}

/* public methods */

void
ob_run_command (char **argv, ObCommandEnd *end)
{
  struct sigaction terminal[G_N_ELEMENTS (terminal_signals)];
  struct sigaction passed[G_N_ELEMENTS (passed_signals)];
  pid_t pid = 0;
  int result;

  *end = (ObCommandEnd){ 0 };
  atomic_store (&child, 0);
  atomic_store (&not_passed, 0);
  atomic_store (&was_interrupted, FALSE);
  catch_signals (terminal_signals, G_N_ELEMENTS (terminal_signals), on_terminal_signal, terminal);
  catch_signals (passed_signals, G_N_ELEMENTS (passed_signals), on_passed_signal, passed);
  result = spawn (argv, terminal, passed, &pid);
  if (result == 0)
    {
      end->started = TRUE;
      atomic_store (&child, pid);
      pass_on ();
      end->status = wait_for (pid);
      atomic_store (&child, 0);
    }
  else
    {
      g_printerr ("obbackupctl: %s cannot be run: %s\n", argv[0], g_strerror (result));
      end->status = result == ENOENT ? 127 : 126;
    }
  end->interrupted = atomic_load (&was_interrupted);
  release_signals (terminal_signals, G_N_ELEMENTS (terminal_signals), terminal);
  release_signals (passed_signals, G_N_ELEMENTS (passed_signals), passed);
}
