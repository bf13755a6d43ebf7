/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-run-command.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* A signal's handler has nothing but these. */
static volatile sig_atomic_t child;
static volatile sig_atomic_t was_interrupted;

static const int terminal_signals[] = { SIGINT, SIGQUIT };
static const int passed_signals[] = { SIGTERM, SIGHUP };

/* internal methods */

static void
on_terminal_signal (int number)
{
  was_interrupted = 1;
}

static void
on_passed_signal (int number)
{
  if (child > 0)
    kill (child, number);
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

/* posix_spawnp(): the child gets the signals as they were given to us. Those that are passed on
 * wait until it is known whom to. 0, or an errno. */
static int
spawn (char **argv, const struct sigaction *terminal, const struct sigaction *passed, pid_t *pid)
{
  posix_spawnattr_t attributes;
  sigset_t defaults, waiting, former;
  int result;

  sigemptyset (&waiting);
  for (gsize i = 0; i < G_N_ELEMENTS (passed_signals); i++)
    sigaddset (&waiting, passed_signals[i]);
  sigprocmask (SIG_BLOCK, &waiting, &former);

  sigemptyset (&defaults);
  for (gsize i = 0; i < G_N_ELEMENTS (terminal_signals); i++)
    if (terminal[i].sa_handler != SIG_IGN)
      sigaddset (&defaults, terminal_signals[i]);
  for (gsize i = 0; i < G_N_ELEMENTS (passed_signals); i++)
    if (passed[i].sa_handler != SIG_IGN)
      sigaddset (&defaults, passed_signals[i]);
  posix_spawnattr_init (&attributes);
  posix_spawnattr_setsigdefault (&attributes, &defaults);
  posix_spawnattr_setsigmask (&attributes, &former);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  result = posix_spawnp (pid, argv[0], NULL, &attributes, argv, environ);
  posix_spawnattr_destroy (&attributes);
  if (result == 0)
    child = *pid;
  sigprocmask (SIG_SETMASK, &former, NULL);
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
  child = 0;
  was_interrupted = 0;
  catch_signals (terminal_signals, G_N_ELEMENTS (terminal_signals), on_terminal_signal, terminal);
  catch_signals (passed_signals, G_N_ELEMENTS (passed_signals), on_passed_signal, passed);
  result = spawn (argv, terminal, passed, &pid);
  if (result == 0)
    {
      end->started = TRUE;
      end->status = wait_for (pid);
      child = 0;
    }
  else
    {
      g_printerr ("obbackupctl: %s cannot be run: %s\n", argv[0], g_strerror (result));
      end->status = result == ENOENT ? 127 : 126;
    }
  end->interrupted = was_interrupted != 0;
  release_signals (terminal_signals, G_N_ELEMENTS (terminal_signals), terminal);
  release_signals (passed_signals, G_N_ELEMENTS (passed_signals), passed);
}
