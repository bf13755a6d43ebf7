/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-run-command.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

/* In place of libc's: the command works already when it returns. */
int
posix_spawnp (pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
              const posix_spawnattr_t *attributes, char *const argv[], char *const environment[])
{
  __typeof__ (posix_spawnp) *libcs = NULL;
  int result;

  *(gpointer *) &libcs = dlsym (RTLD_NEXT, "posix_spawnp");
  result = libcs (pid, file, actions, attributes, argv, environment);
  g_usleep (300000);
  return result;
}

static ObCommandEnd
run_script (const char *script)
{
  g_autofree char *copy = g_strdup (script);
  char shell[] = "sh";
  char option[] = "-c";
  char *argv[] = { shell, option, copy, NULL };
  ObCommandEnd end;

  ob_run_command (argv, &end);
  return end;
}

/* As GDBus's: it takes any signal that comes, until the other end of the pipe is closed. In poll(),
 * where ThreadSanitizer lets it handle one. */
static gpointer
wait_for_end (gpointer data)
{
  struct pollfd fd = { .fd = GPOINTER_TO_INT (data), .events = POLLIN };

  while (poll (&fd, 1, -1) < 0)
    ;
  return NULL;
}

static void
test_end (void)
{
  g_assert_cmpint (run_script ("exit 7").status, ==, 7);
  g_assert_cmpint (run_script ("kill -KILL $$").status, ==, 128 + SIGKILL);
  g_assert_false (run_script ("true").interrupted);
  g_assert_true (run_script ("kill -INT $PPID; sleep 1").interrupted);
}

static void
test_not_there (void)
{
  char name[] = "/nowhere/no-such-program";
  char *argv[] = { name, NULL };
  ObCommandEnd end;

  ob_run_command (argv, &end);
  g_assert_false (end.started);
  g_assert_cmpint (end.status, ==, 127);
}

/* Signals that come before it is known whom to pass them on to are not lost, whatever thread gets
 * them. */
static void
test_early_signals (void)
{
  int fds[2];
  GThread *thread;
  ObCommandEnd end;

  g_assert_cmpint (pipe2 (fds, O_CLOEXEC), ==, 0);
  thread = g_thread_new ("other", wait_for_end, GINT_TO_POINTER (fds[0]));
  end = run_script (
    "trap 'got=$got-term' TERM; trap 'got=$got-hup' HUP; kill -TERM $PPID; kill -HUP $PPID;"
    " for i in $(seq 600); do case $got in -term-hup|-hup-term) exit 3;; esac; sleep 0.1; done");
  g_assert_cmpint (end.status, ==, 3);
  g_assert_cmpint (close (fds[1]), ==, 0);
  g_thread_join (thread);
  g_assert_cmpint (close (fds[0]), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/run-command/end", test_end);
  g_test_add_func ("/run-command/not-there", test_not_there);
  g_test_add_func ("/run-command/early-signals", test_early_signals);
  return g_test_run ();
}
