/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-child.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child-fixture.h"
#include "fixture.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"

#define DEADLINE_SECONDS 60
#define THREADS 6
#define ROUNDS 15

static void
assert_ends (pid_t pid)
{
  gint64 deadline = g_get_monotonic_time () + DEADLINE_SECONDS * G_USEC_PER_SEC;

  while (child_is_alive (pid))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_usleep (5000);
    }
}

static void
test_status (void)
{
  g_autofree char *output = child_output_of ((ObChildSpec){ 0 }, "echo one; echo two >&2");
  g_autoptr (GError) status
    = child_error_of ((ObChildSpec){ 0 }, "echo first >&2; echo last >&2; exit 3");
  g_autoptr (GError) silent = child_error_of ((ObChildSpec){ 0 }, "exit 1");
  g_autoptr (GError) signalled = child_error_of ((ObChildSpec){ 0 }, "echo why >&2; kill -SEGV $$");

  g_assert_cmpstr (output, ==, "one\n");
  g_assert_cmpstr (status->message, ==, "sh ended with status 3: first last");
  g_assert_cmpstr (silent->message, ==, "sh ended with status 1");
  g_assert_message (signalled, "signal 11");
  g_assert_message (signalled, "why");
}

static void
assert_not_started (const ObChildSpec *spec, ObError code, const char *named)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (ob_child_start (spec, &error));
  g_assert_error (error, OB_ERROR, (int) code);
  g_assert_message (error, named);
}

static void
test_not_started (Fixture *fixture, gconstpointer data)
{
  g_autofree char *file = fixture_path (fixture, "not-executable");
  const char *missing[] = { "/usr/bin/no-such-program", NULL };
  const char *relative[] = { "sh", NULL };
  const char *none[] = { NULL };
  const char *good[] = { "/bin/true", NULL };
  const char *text[] = { file, NULL };
  const int keep[] = { 2 };
  guint before;

  fixture_write (fixture, "not-executable", "text");
  /* The thread that forks keeps nothing open, but has to be there. */
  g_assert_true (ob_child_run (&(ObChildSpec){ .argv = good }, NULL, NULL));
  before = fixture_count_fds ();

  assert_not_started (&(ObChildSpec){ .argv = missing }, OB_ERROR_NOT_FOUND, missing[0]);
  assert_not_started (&(ObChildSpec){ .argv = text }, OB_ERROR_FAILED, file);
  assert_not_started (&(ObChildSpec){ .argv = relative }, OB_ERROR_INVALID_ARGUMENT, "sh");
  assert_not_started (&(ObChildSpec){ .argv = none }, OB_ERROR_INVALID_ARGUMENT, "program");
  assert_not_started (&(ObChildSpec){ .argv = good, .user = "no-such-user" }, OB_ERROR_NOT_FOUND,
                      "no-such-user");
  assert_not_started (&(ObChildSpec){ .argv = good, .directory = "/no-such-directory" },
                      OB_ERROR_NOT_FOUND, "/no-such-directory");
  assert_not_started (&(ObChildSpec){ .argv = good, .keep_fds = keep, .n_keep_fds = 1 },
                      OB_ERROR_INVALID_ARGUMENT, "descriptor 2");
  assert_not_started (&(ObChildSpec){ .argv = good, .stdin_fd = 1000000 }, OB_ERROR_FAILED,
                      good[0]);
  g_assert_cmpuint (fixture_count_fds (), ==, before);
}

static void
test_environment (void)
{
  const char *const environment[] = { "PGPASSFILE=/x", "A=b c", NULL };
  ObChildSpec spec = { .environment = environment };
  g_autofree char *usual = NULL;
  g_autofree char *given = NULL;

  g_setenv ("OB_TEST_INHERITED", "no", TRUE);
  usual = child_output_of ((ObChildSpec){ 0 }, "exec /usr/bin/env");
  given = child_output_of (spec, "exec /usr/bin/env");
  g_unsetenv ("OB_TEST_INHERITED");

  g_assert_nonnull (strstr (usual, "LANG=C.UTF-8\n"));
  g_assert_nonnull (strstr (usual, "PATH=/usr/local/sbin:"));
  g_assert_null (strstr (usual, "OB_TEST_INHERITED"));
  g_assert_null (strstr (usual, "HOME="));
  g_assert_nonnull (strstr (given, "PGPASSFILE=/x\n"));
  g_assert_nonnull (strstr (given, "A=b c\n"));
  g_assert_null (strstr (given, "LANG="));
}

/* The signals in a line of /proc/PID/status, without those two that the C library keeps for itself
 * and lets nobody reset: below GNU make they are ignored. */
static guint64
signals_in (const char *status, const char *name)
{
  const char *line = strstr (status, name);

  g_assert_nonnull (line);
  return g_ascii_strtoull (line + strlen (name), NULL, 16) & ~G_GUINT64_CONSTANT (0x180000000);
}

/* Nothing else of this process reaches a child either. */
static void
test_inherits_nothing (void)
{
  ob_autofd int open_fd = open ("/dev/null", O_RDONLY);
  ob_autofd int kept_fd = fcntl (open_fd, F_DUPFD_CLOEXEC, 77);
  ObChildSpec spec = { .keep_fds = &kept_fd, .n_keep_fds = 1 };
  g_autofree char *kept = g_strdup_printf ("0\n1\n2\n%d\n", kept_fd);
  g_autofree char *fds = NULL;
  g_autofree char *status = NULL;
  g_autofree char *mask = NULL;
  g_autofree char *directory = NULL;
  mode_t old_mask = umask (0077);
  sigset_t blocked;

  sigemptyset (&blocked);
  sigaddset (&blocked, SIGTERM);
  pthread_sigmask (SIG_BLOCK, &blocked, NULL);
  signal (SIGPIPE, SIG_IGN);

  g_assert_cmpint (kept_fd, >=, 77);
  /* Expanded by the shell, which has no descriptor of its own open then but that of the directory:
   * it names it too, and then it is gone. */
  fds = child_output_of (spec, "for fd in /proc/self/fd/*; do "
                               "test -e $fd && echo ${fd##*/}; done | sort -n");
  status = child_output_of ((ObChildSpec){ 0 }, "exec grep -E '^Sig(Blk|Ign):' /proc/self/status");
  mask = child_output_of ((ObChildSpec){ 0 }, "umask");
  directory = child_output_of ((ObChildSpec){ 0 }, "pwd");

  umask (old_mask);
  signal (SIGPIPE, SIG_DFL);
  pthread_sigmask (SIG_UNBLOCK, &blocked, NULL);

  g_assert_cmpstr (fds, ==, kept);
  g_assert_cmphex (signals_in (status, "SigBlk:\t"), ==, 0);
  g_assert_cmphex (signals_in (status, "SigIgn:\t"), ==, 0);
  g_assert_cmpstr (mask, ==, "0022\n");
  g_assert_cmpstr (directory, ==, "/\n");
}

static void
test_user (void)
{
  ObChildSpec spec = { .user = "nobody", .directory = "/usr" };
  struct passwd *nobody = getpwnam ("nobody");
  g_autofree char *ids = NULL;
  g_autofree char *expected = NULL;

  if (geteuid () != 0 || nobody == NULL)
    {
      g_test_skip ("only root can become another user");
      return;
    }
  expected = g_strdup_printf ("%u %u %u\n/usr\n", nobody->pw_uid, nobody->pw_gid, nobody->pw_gid);
  ids = child_output_of (spec, "echo $(id -u) $(id -g) $(id -G); pwd");
  g_assert_cmpstr (ids, ==, expected);
  g_free (ids);
  /* There is no way back to root. */
  ids = child_output_of (
    spec, "exec grep -E '^(Uid|CapPrm|CapEff):' /proc/self/status | tr -s '\\t' ' '");
  g_free (expected);
  expected = g_strdup_printf ("Uid: %u %u %u %u\nCapPrm: 0000000000000000\n"
                              "CapEff: 0000000000000000\n",
                              nobody->pw_uid, nobody->pw_uid, nobody->pw_uid, nobody->pw_uid);
  g_assert_cmpstr (ids, ==, expected);
}

static void
test_pipes (void)
{
  ob_autofd int child_in = -1;
  ob_autofd int our_out = -1;
  ob_autofd int our_in = -1;
  ob_autofd int child_out = -1;
  g_autoptr (ObChild) child = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *line = NULL;

  child_make_pipe (&child_in, &our_out);
  child_make_pipe (&our_in, &child_out);
  child = child_start_shell ((ObChildSpec){ .stdin_fd = child_in, .stdout_fd = child_out },
                             "while read line; do echo \"<$line>\"; done");
  ob_fd_clear (&child_in);
  ob_fd_clear (&child_out);
  g_assert_true (ob_write_full (our_out, "text\n", 5));
  line = child_read_line (our_in);
  g_assert_cmpstr (line, ==, "<text>");
  /* The child has no copy of our ends, or it would wait for its own. */
  ob_fd_clear (&our_out);
  ob_child_wait (child, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ob_child_get_output (child), ==, "");
}

static gpointer
cancel_soon (gpointer data)
{
  ob_autofd int fd = GPOINTER_TO_INT (g_object_get_data (data, "fd"));
  g_autofree char *line = child_read_line (fd);

  g_assert_cmpstr (line, ==, "ready");
  g_cancellable_cancel (data);
  return NULL;
}

/* Waits for @script, and cancels when it has written "ready" to descriptor 3 by /dev/fd. */
static GError *
cancel_when_ready (const char *script, ObChild **child)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  ob_autofd int child_out = -1;
  ObChildSpec spec = { .stdout_fd = OB_CHILD_CAPTURE, .n_keep_fds = 1 };
  GError *error = NULL;
  GThread *thread;
  int our_in;

  child_make_pipe (&our_in, &child_out);
  g_assert_cmpint (dup3 (child_out, 9, O_CLOEXEC), ==, 9);
  spec.keep_fds = (const int[]){ 9 };
  *child = child_start_shell (spec, script);
  close (9);
  ob_fd_clear (&child_out);
  g_object_set_data (G_OBJECT (cancellable), "fd", GINT_TO_POINTER (our_in));
  thread = g_thread_new ("cancel", cancel_soon, cancellable);
  g_assert_false (ob_child_wait (*child, cancellable, &error));
  g_thread_join (thread);
  return error;
}

static void
test_cancel (void)
{
  g_autoptr (ObChild) child = NULL;
  g_autoptr (GError) error = cancel_when_ready ("trap 'echo asked; exit 0' TERM; echo ready >&9; "
                                                "while :; do sleep 0.01; done",
                                                &child);

  g_assert_ob_error (error, OB_ERROR_CANCELLED);
  /* It was asked first. */
  g_assert_cmpstr (ob_child_get_output (child), ==, "asked\n");
}

/* Nor do those outlive it that do not listen, or that it started. */
static void
test_cancel_stubborn (void)
{
  g_autoptr (ObChild) child = NULL;
  g_autoptr (GError) error = cancel_when_ready ("trap '' TERM; sleep 1000 & echo $$ $!; "
                                                "echo ready >&9; while :; do sleep 0.01; done",
                                                &child);
  int self = 0;
  int grandchild = 0;

  g_assert_ob_error (error, OB_ERROR_CANCELLED);
  g_assert_cmpint (sscanf (ob_child_get_output (child), "%d %d", &self, &grandchild), ==, 2);
  g_assert_false (child_is_alive (self));
  assert_ends (grandchild);
}

static void
test_cancelled_before (void)
{
  const char *argv[] = { "/no/such/program", NULL };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  g_assert_false (ob_child_run (&(ObChildSpec){ .argv = argv }, cancellable, &error));
  g_assert_ob_error (error, OB_ERROR_CANCELLED);
}

static void
test_time_limit (void)
{
  g_autoptr (ObChild) slow = child_start_shell ((ObChildSpec){ 0 }, "exec sleep 1000");
  g_autoptr (ObChild) fast = child_start_shell ((ObChildSpec){ 0 }, "exit 0");
  g_autoptr (ObChild) longer = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) none = NULL;

  g_assert_false (ob_child_wait_for (slow, 1, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_FAILED);
  g_assert_message (error, "1 seconds");
  g_assert_true (ob_child_wait_for (fast, 1000, NULL, &none));
  g_assert_no_error (none);
  /* More microseconds than 32 bits hold. */
  longer = child_start_shell ((ObChildSpec){ 0 }, "exec sleep 0.5");
  ob_child_wait_for (longer, 4295, NULL, &none);
  g_assert_no_error (none);
}

static gpointer
kill_child (gpointer data)
{
  ob_child_kill (data);
  return NULL;
}

static void
test_kill (void)
{
  g_autoptr (ObChild) child = child_start_shell ((ObChildSpec){ 0 }, "exec sleep 1000");
  GThread *thread = g_thread_new ("kill", kill_child, child);
  g_autoptr (GError) error = NULL;

  g_assert_false (ob_child_wait (child, NULL, &error));
  g_assert_message (error, "signal 9");
  g_thread_join (thread);
  /* After the end its number may be another's: nothing is killed. */
  ob_child_kill (child);
}

static void
test_free (void)
{
  ob_autofd int our_in = -1;
  ob_autofd int child_out = -1;
  g_autofree char *pids = NULL;
  ObChild *child;
  int self = 0;
  int grandchild = 0;

  child_make_pipe (&our_in, &child_out);
  child = child_start_shell ((ObChildSpec){ .stdout_fd = child_out },
                             "sleep 1000 & echo $$ $!; exec sleep 1000");
  pids = child_read_line (our_in);
  g_assert_cmpint (sscanf (pids, "%d %d", &self, &grandchild), ==, 2);
  ob_child_free (child);
  errno = 0;
  g_assert_cmpint (kill (self, 0), ==, -1);
  g_assert_cmpint (errno, ==, ESRCH);
  assert_ends (grandchild);
  ob_child_free (NULL);
}

static void
test_detached (void)
{
  ob_autofd int child_in = -1;
  ob_autofd int our_out = -1;
  ob_autofd int our_in = -1;
  ob_autofd int child_out = -1;
  g_autofree char *pid = NULL;
  g_autofree char *alive = NULL;
  ObChild *child;

  child_make_pipe (&child_in, &our_out);
  child_make_pipe (&our_in, &child_out);
  child = child_start_shell (
    (ObChildSpec){ .stdin_fd = child_in, .stdout_fd = child_out, .detached = 1 },
    "echo $$; read line; echo noise >&2 && echo alive");
  ob_fd_clear (&child_out);
  ob_fd_clear (&child_in);
  pid = child_read_line (our_in);
  g_assert_cmpint (getsid (atoi (pid)), ==, atoi (pid));
  ob_child_free (child);
  g_assert_true (child_is_alive (atoi (pid)));
  g_assert_true (ob_write_full (our_out, "on\n", 3));
  alive = child_read_line (our_in);
  g_assert_cmpstr (alive, ==, "alive");
}

static gpointer
start_in_thread (gpointer data)
{
  return child_start_shell ((ObChildSpec){ .stdin_fd = GPOINTER_TO_INT (data) },
                            "read line; exit 7");
}

/* The kernel's death signal follows the thread that forked: that must not be the one which
 * asked. */
static void
test_thread_ends (void)
{
  ob_autofd int child_in = -1;
  ob_autofd int our_out = -1;
  g_autoptr (ObChild) child = NULL;
  g_autoptr (GError) error = NULL;

  child_make_pipe (&child_in, &our_out);
  child = g_thread_join (g_thread_new ("start", start_in_thread, GINT_TO_POINTER (child_in)));
  g_assert_true (ob_write_full (our_out, "on\n", 3));
  g_assert_false (ob_child_wait (child, NULL, &error));
  g_assert_cmpstr (error->message, ==, "sh ended with status 7");
}

static void
test_dies_with_us (void)
{
  Fixture fixture;
  g_autofree char *text = NULL;

  if (g_test_subprocess ())
    {
      ob_autofd int our_in = -1;
      ob_autofd int child_out = -1;
      g_autofree char *line = NULL;

      child_make_pipe (&our_in, &child_out);
      child_start_shell ((ObChildSpec){ .stdout_fd = child_out, .user = g_getenv ("OB_TEST_USER") },
                         "echo $$; exec sleep 1000");
      line = child_read_line (our_in);
      g_assert_true (g_file_set_contents (g_getenv ("OB_TEST_PID_FILE"), line, -1, NULL));
      raise (SIGKILL);
    }

  /* Not what the test itself is given: the other process has no time to clean up. */
  fixture_set_up (&fixture, NULL);
  for (guint i = 0; i < (geteuid () == 0 ? 2 : 1); i++)
    {
      g_autofree char *path = fixture_path (&fixture, "pid");

      g_setenv ("OB_TEST_PID_FILE", path, TRUE);
      if (i == 1)
        g_setenv ("OB_TEST_USER", "nobody", TRUE);
      g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
      g_assert_false (g_test_trap_has_passed ());
      g_clear_pointer (&text, g_free);
      g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
      g_assert_cmpint (atoi (text), >, 0);
      assert_ends (atoi (text));
      g_assert_cmpint (unlink (path), ==, 0);
    }
  g_unsetenv ("OB_TEST_USER");
  g_unsetenv ("OB_TEST_PID_FILE");
  fixture_tear_down (&fixture, NULL);
}

static gpointer
run_many (gpointer data)
{
  for (guint i = 0; i < ROUNDS; i++)
    {
      g_autofree char *script = g_strdup_printf ("echo %d-%u", GPOINTER_TO_INT (data), i);
      g_autofree char *expected = g_strdup_printf ("%d-%u\n", GPOINTER_TO_INT (data), i);
      g_autofree char *output = child_output_of ((ObChildSpec){ 0 }, script);

      g_assert_cmpstr (output, ==, expected);
    }
  return NULL;
}

static void
test_threads (void)
{
  guint before = fixture_count_fds ();
  GThread *threads[THREADS];

  for (guint i = 0; i < THREADS; i++)
    threads[i] = g_thread_new ("run", run_many, GUINT_TO_POINTER (i));
  for (guint i = 0; i < THREADS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (fixture_count_fds (), ==, before);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/child/status", test_status);
  g_test_add ("/child/not-started", Fixture, NULL, fixture_set_up, test_not_started,
              fixture_tear_down);
  g_test_add_func ("/child/environment", test_environment);
  g_test_add_func ("/child/inherits-nothing", test_inherits_nothing);
  g_test_add_func ("/child/user", test_user);
  g_test_add_func ("/child/pipes", test_pipes);
  g_test_add_func ("/child/cancel", test_cancel);
  g_test_add_func ("/child/cancel-stubborn", test_cancel_stubborn);
  g_test_add_func ("/child/cancelled-before", test_cancelled_before);
  g_test_add_func ("/child/time-limit", test_time_limit);
  g_test_add_func ("/child/kill", test_kill);
  g_test_add_func ("/child/free", test_free);
  g_test_add_func ("/child/detached", test_detached);
  g_test_add_func ("/child/thread-ends", test_thread_ends);
  g_test_add_func ("/child/dies-with-us", test_dies_with_us);
  g_test_add_func ("/child/threads", test_threads);
  return g_test_run ();
}
