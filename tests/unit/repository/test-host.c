/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-host.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void
test_names (void)
{
  g_autofree char *host = ob_host_get_name ();
  g_autofree char *user = ob_host_get_user_name ();
  char name[256];

  g_assert_cmpint (gethostname (name, sizeof name), ==, 0);
  g_assert_cmpstr (host, ==, name);
  g_assert_cmpstr (user, ==, g_get_user_name ());
  g_assert_true (g_utf8_validate (host, -1, NULL) && g_utf8_validate (user, -1, NULL));
}

static void
test_boot (void)
{
  g_autofree char *boot = ob_host_get_boot_id ();
  g_autofree char *again = ob_host_get_boot_id ();
  g_autofree char *pids = ob_host_get_pid_namespace ();

  g_assert_cmpstr (boot, ==, again);
  g_assert_cmpuint (strlen (boot), ==, 36);
  g_assert_true (g_str_has_prefix (pids, "pid:["));
}

/* A process that runs until the descriptor is closed. */
static pid_t
start_process (int *until)
{
  int ends[2];
  pid_t pid;
  char byte;

  g_assert_cmpint (pipe (ends), ==, 0);
  pid = fork ();
  if (pid == 0)
    {
      close (ends[1]);
      _exit (read (ends[0], &byte, 1) == 0 ? 0 : 1);
    }
  g_assert_cmpint (pid, >, 0);
  close (ends[0]);
  *until = ends[1];
  return pid;
}

static void
test_process (void)
{
  int until;
  pid_t pid = start_process (&until);
  guint64 start = ob_host_get_process_start (pid);

  g_assert_cmpuint (start, >, 0);
  g_assert_false (ob_host_process_has_ended (pid, start));
  g_assert_false (ob_host_process_has_ended (pid, 0));
  /* the same number, but of a process that began at another time */
  g_assert_true (ob_host_process_has_ended (pid, start - 1));

  close (until);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  g_assert_true (ob_host_process_has_ended (pid, start));
  g_assert_true (ob_host_process_has_ended (pid, 0));
  g_assert_cmpuint (ob_host_get_process_start (pid), ==, 0);
}

/* What no process can be is not known to have ended. */
static void
test_impossible (void)
{
  g_assert_false (ob_host_process_has_ended (0, 0));
  g_assert_false (ob_host_process_has_ended (-1, 0));
  g_assert_cmpuint (ob_host_get_process_start (0), ==, 0);
  g_assert_cmpuint (ob_host_get_process_start (-1), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/host/names", test_names);
  g_test_add_func ("/host/boot", test_boot);
  g_test_add_func ("/host/process", test_process);
  g_test_add_func ("/host/impossible", test_impossible);
  return g_test_run ();
}
