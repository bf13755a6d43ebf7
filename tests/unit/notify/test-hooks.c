/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-hooks.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "log-fixture.h"
#include "ob-fd.h"

#define PATIENCE_SECONDS 60

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture_set_up (fixture, data);
  g_assert_cmpint (mkdirat (fixture->fd, "hooks.d", 0755), ==, 0);
}

/* A hook that runs @script in the directory of the test. */
static void
add (Fixture *fixture, const char *name, const char *script)
{
  g_autofree char *file = g_strconcat ("hooks.d/", name, NULL);
  g_autofree char *text = g_strdup_printf ("#!/bin/sh\ncd '%s'\n%s\n", fixture->path, script);

  fixture_write (fixture, file, text);
  g_assert_cmpint (fchmodat (fixture->fd, file, 0755, 0), ==, 0);
}

static ObHooks *
make_hooks (Fixture *fixture, guint seconds)
{
  g_autofree char *directory = fixture_path (fixture, "hooks.d");

  return ob_hooks_new (directory, seconds);
}

static void
emit (ObHooks *hooks, gint64 number)
{
  g_autoptr (ObEvent) event
    = ob_event_new (OB_EVENT_BACKUP_LATE, OB_SEVERITY_WARNING, "The backup is late.");

  ob_event_set_string (event, "instance", "ob");
  ob_event_set_int64 (event, "bytes", number);
  ob_hooks_emit (hooks, event);
}

static void
emit_and_drain (ObHooks *hooks, gint64 from, gint64 to)
{
  for (gint64 i = from; i <= to; i++)
    emit (hooks, i);
  g_assert_true (ob_hooks_drain (hooks, PATIENCE_SECONDS));
}

static char *
contents (Fixture *fixture, const char *name)
{
  g_autofree char *path = fixture_path (fixture, name);
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

static void
wait_for_file (Fixture *fixture, const char *name)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_SECONDS * G_USEC_PER_SEC;

  while (faccessat (fixture->fd, name, F_OK, 0) != 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_usleep (5000);
    }
}

static void
assert_log (const char *expected)
{
  g_autofree char *log = log_fixture_take ();

  g_assert_cmpstr (log, ==, expected);
}

static gboolean
is_alive (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) && strstr (text, ") Z ") == NULL
         && strstr (text, ") X ") == NULL;
}

static void
assert_ends (pid_t pid)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_SECONDS * G_USEC_PER_SEC;

  while (is_alive (pid))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_usleep (5000);
    }
}

static void
test_event (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObHooks) hooks = NULL;
  g_autofree char *stdin_text = NULL;
  g_autofree char *environment = NULL;
  g_autofree char *rest = NULL;
  g_autofree char *home = g_strdup_printf ("HOME=%s\n", g_get_home_dir ());
  g_auto (GStrv) lines = NULL;
  g_autoptr (JsonNode) root = NULL;
  g_autoptr (GError) error = NULL;
  ob_autofd int inherited = open ("/dev/null", O_RDONLY);

  add (fixture, "all",
       "cat >event; /usr/bin/env >environment\n"
       "echo \"$# $0\" >rest; for fd in /proc/self/fd/*; do test -e $fd && echo ${fd##*/}; "
       "done | grep -v '^10$' >>rest; true");
  g_setenv ("OB_TEST_SECRET", "hunter2", TRUE);
  hooks = make_hooks (fixture, 30);
  emit_and_drain (hooks, 7, 7);
  assert_log ("");
  g_assert_cmpint (inherited, >=, 0);

  stdin_text = contents (fixture, "event");
  root = json_from_string (stdin_text, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (json_object_get_string_member (json_node_get_object (root), "event"), ==,
                   "backup-late");
  g_assert_cmpint (json_object_get_int_member (json_node_get_object (root), "bytes"), ==, 7);

  environment = contents (fixture, "environment");
  g_assert_text_has (environment, "PATH=/usr/local/sbin:");
  g_assert_text_has (environment, "LANG=C.UTF-8\n");
  g_assert_text_has (environment, "OBBACKUP_EVENT=backup-late\n");
  g_assert_text_has (environment, "OBBACKUP_SEVERITY=warning\n");
  g_assert_text_has (environment, home);
  lines = g_strsplit (environment, "\n", -1);
  /* And what the shell adds: PWD, OLDPWD, _; no more than these. */
  for (char **line = lines; *line != NULL; line++)
    g_assert_true (**line == '\0' || g_str_has_prefix (*line, "PATH=")
                   || g_str_has_prefix (*line, "LANG=") || g_str_has_prefix (*line, "HOME=")
                   || g_str_has_prefix (*line, "OBBACKUP_") || g_str_has_prefix (*line, "PWD=")
                   || g_str_has_prefix (*line, "OLDPWD=") || g_str_has_prefix (*line, "_="));

  rest = contents (fixture, "rest");
  g_assert_true (g_str_has_prefix (rest, "0 /"));
  g_assert_true (g_str_has_suffix (rest, "/hooks.d/all\n0\n1\n2\n"));
}

static void
test_order (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObHooks) hooks = make_hooks (fixture, 30);
  g_autofree char *a = NULL;
  g_autofree char *b = NULL;

  add (fixture, "a", "sed -n 's/.*\"bytes\" : //p' >>a");
  add (fixture, "b", "sed -n 's/.*\"bytes\" : //p' >>b");
  add (fixture, "c.bak", "echo no >>a");
  emit_and_drain (hooks, 1, 9);
  a = contents (fixture, "a");
  b = contents (fixture, "b");
  g_assert_cmpstr (a, ==, "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
  g_assert_cmpstr (b, ==, a);
  assert_log ("");
}

/* A hook has another working directory than we have. */
static void
test_relative_directory (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObHooks) hooks = NULL;
  g_autofree char *here = g_get_current_dir ();

  add (fixture, "a", "echo >a");
  g_assert_cmpint (chdir (fixture->path), ==, 0);
  hooks = ob_hooks_new ("hooks.d", 30);
  g_assert_cmpint (chdir (here), ==, 0);
  emit_and_drain (hooks, 1, 1);
  g_assert_cmpint (faccessat (fixture->fd, "a", F_OK, 0), ==, 0);
  assert_log ("");
}

/* A directory that is missing, appears, and changes while the service runs. */
static void
test_changing_directory (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObHooks) hooks = make_hooks (fixture, 30);
  g_autofree char *log = NULL;

  g_assert_cmpint (unlinkat (fixture->fd, "hooks.d", AT_REMOVEDIR), ==, 0);
  emit_and_drain (hooks, 1, 1);
  g_assert_cmpint (mkdirat (fixture->fd, "hooks.d", 0755), ==, 0);
  add (fixture, "a", "echo >a");
  emit_and_drain (hooks, 1, 1);
  g_assert_cmpint (faccessat (fixture->fd, "a", F_OK, 0), ==, 0);
  g_assert_cmpint (unlinkat (fixture->fd, "hooks.d/a", 0), ==, 0);
  add (fixture, "b", "echo >b");
  emit_and_drain (hooks, 1, 1);
  g_assert_cmpint (faccessat (fixture->fd, "b", F_OK, 0), ==, 0);
  assert_log ("");

  g_assert_cmpint (unlinkat (fixture->fd, "hooks.d/b", 0), ==, 0);
  g_assert_cmpint (unlinkat (fixture->fd, "hooks.d", AT_REMOVEDIR), ==, 0);
  fixture_write (fixture, "hooks.d", "a file");
  emit_and_drain (hooks, 1, 3);
  log = log_fixture_take ();
  g_assert_cmpuint (log_fixture_count (log, "cannot be listed"), ==, 1);
}

/* Each way to misbehave is told of once, and the next event is not lost. */
static void
test_misbehaving (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *script;
    const char *log;
  } cases[] = {
    { "exit 0", NULL },
    { "exec 0<&-; exec 1>&-; exec 2>&-", NULL },
    { "head -c 1 >/dev/null", NULL },
    { "echo out; echo err >&2; exit 3", "ended with status 3: out err" },
    { "kill -SEGV $$", "was ended by signal 11" },
    { "kill -KILL 0", "was ended by signal 9" },
    { "printf 'a\\033[31m\\n\\377b' >&2; exit 1", "ended with status 1: a [31m \xef\xbf\xbd"
                                                  "b" },
    { "head -c 3000000 /dev/zero | tr '\\0' x; exit 4", "ended with status 4: xxx" },
    { "sleep 3 &", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (ObHooks) hooks = make_hooks (fixture, 30);
      g_autofree char *script = g_strdup_printf (
        "if test -e seen; then echo >again; exit 0; fi\necho >seen\n%s", cases[i].script);
      g_autofree char *log = NULL;

      g_test_message ("%s", cases[i].script);
      add (fixture, "hook", script);
      emit_and_drain (hooks, 1, 2);
      log = log_fixture_take ();
      g_assert_cmpuint (log_fixture_count (log, "\n"), ==, cases[i].log != NULL ? 1 : 0);
      if (cases[i].log != NULL)
        {
          g_assert_true (
            g_str_has_prefix (log, "Hook hook failed when it was told of backup-late: hook "));
          g_assert_text_has (log, cases[i].log);
        }
      g_assert_cmpuint (strlen (log), <, 2000);
      g_assert_cmpint (unlinkat (fixture->fd, "seen", 0), ==, 0);
      g_assert_cmpint (unlinkat (fixture->fd, "again", 0), ==, 0);
    }
}

static void
test_left_running (Fixture *fixture, gconstpointer data)
{
  ObHooks *hooks = make_hooks (fixture, 1);
  g_autofree char *pid = NULL;

  add (fixture, "hook", "sleep 1000 & echo $! >sleeper");
  emit_and_drain (hooks, 1, 1);
  g_usleep (1200 * 1000);
  ob_hooks_free (hooks);
  pid = contents (fixture, "sleeper");
  g_assert_true (is_alive (atoi (pid)));
  kill (atoi (pid), SIGKILL);
  assert_log ("");
}

static void
test_time_limit (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObHooks) hooks = make_hooks (fixture, 1);
  gint64 began = g_get_monotonic_time ();
  g_autofree char *pids = NULL;
  g_autofree char *fast = NULL;
  g_autofree char *log = NULL;
  int self = 0;
  int child = 0;

  add (fixture, "fast", "echo >>fast");
  add (fixture, "slow",
       "trap '' TERM; sleep 1000 & echo $$ $! >pids.new; mv pids.new pids; "
       "echo waiting for a server >&2; while :; do sleep 0.05; done");
  emit (hooks, 1);
  emit (hooks, 2);
  wait_for_file (fixture, "pids");
  pids = contents (fixture, "pids");
  g_assert_cmpint (sscanf (pids, "%d %d", &self, &child), ==, 2);
  log_fixture_wait_for ("did not end within 1 seconds: waiting for a server");
  g_assert_cmpint (g_get_monotonic_time () - began, >=,
                   (1 + OB_HOOKS_GRACE_SECONDS) * G_USEC_PER_SEC);
  g_assert_false (is_alive (self));
  /* It was killed too, but nobody waited for it. */
  assert_ends (child);
  /* The other one was not held up. */
  fast = contents (fixture, "fast");
  g_assert_cmpstr (fast, ==, "\n\n");
  log = log_fixture_take ();
  g_assert_cmpuint (log_fixture_count (log, "\n"), ==, 1);
}

/* Whoever emits never waits, and what is too much is dropped from the oldest on. */
static void
test_flood (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObHooks) hooks = make_hooks (fixture, 30);
  gint64 began;
  g_autofree char *seen = NULL;
  g_autofree char *log = NULL;
  g_auto (GStrv) lines = NULL;
  guint n;

  add (fixture, "slow",
       "sed -n 's/.*\"bytes\" : //p' >>seen; while ! test -e go; do sleep 0.01; done");
  emit (hooks, 0);
  wait_for_file (fixture, "seen");
  began = g_get_monotonic_time ();
  for (guint i = 1; i <= 1000; i++)
    {
      emit (hooks, i);
      g_usleep (200);
    }
  g_assert_cmpint (g_get_monotonic_time () - began, <, 20 * G_USEC_PER_SEC);
  log_fixture_wait_for ("Hook slow is too slow");
  fixture_write (fixture, "go", "");
  g_assert_true (ob_hooks_drain (hooks, PATIENCE_SECONDS));
  log_fixture_wait_for ("Hook slow has caught up");

  seen = contents (fixture, "seen");
  lines = g_strsplit (g_strchomp (seen), "\n", -1);
  n = g_strv_length (lines);
  g_assert_cmpuint (n, <=, 1 + OB_HOOKS_MAX_WAITING);
  g_assert_cmpstr (lines[0], ==, "0");
  g_assert_cmpstr (lines[n - 1], ==, "1000");
  log = log_fixture_take ();
  g_assert_cmpuint (log_fixture_count (log, "Hook slow is too slow"), ==, 1);
}

static void
test_end (Fixture *fixture, gconstpointer data)
{
  ObHooks *hooks = make_hooks (fixture, 1000);
  gint64 began = g_get_monotonic_time ();
  g_autofree char *started = NULL;

  add (fixture, "hook", "echo >>started; exec sleep 1000");
  for (guint i = 1; i <= 3; i++)
    emit (hooks, i);
  wait_for_file (fixture, "started");
  g_assert_false (ob_hooks_drain (hooks, 1));
  ob_hooks_free (hooks);
  g_assert_cmpint (g_get_monotonic_time () - began, <, 30 * G_USEC_PER_SEC);
  started = contents (fixture, "started");
  g_assert_cmpstr (started, ==, "\n");
  assert_log ("Hook hook was stopped while it was told of backup-late, since the service ends\n"
              "Hook hook was not told of 2 events, since the service ends\n");
}

static void
test_refused (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObHooks) hooks = make_hooks (fixture, 30);
  g_autofree char *log = NULL;

  add (fixture, "good", "echo >>good");
  add (fixture, "open", "echo >>open");
  g_assert_cmpint (fchmodat (fixture->fd, "hooks.d/open", 0777, 0), ==, 0);
  emit_and_drain (hooks, 1, 3);
  log = log_fixture_take ();
  g_assert_cmpuint (log_fixture_count (log, "\n"), ==, 1);
  g_assert_true (g_str_has_prefix (log, "Hook open is not run: "));
  g_assert_text_has (log, "hooks.d/open can be written to by others");
  g_assert_cmpint (faccessat (fixture->fd, "open", F_OK, 0), !=, 0);

  g_assert_cmpint (fchmodat (fixture->fd, "hooks.d/open", 0755, 0), ==, 0);
  emit_and_drain (hooks, 1, 1);
  g_assert_cmpint (faccessat (fixture->fd, "open", F_OK, 0), ==, 0);
  assert_log ("");
  /* It is news again. */
  g_assert_cmpint (fchmodat (fixture->fd, "hooks.d/open", 0777, 0), ==, 0);
  emit_and_drain (hooks, 1, 1);
  log_fixture_wait_for ("can be written to by others");
  g_free (log_fixture_take ());
}

/* Not a program at all. */
static void
test_no_program (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObHooks) hooks = make_hooks (fixture, 30);
  g_autofree char *log = NULL;

  fixture_write (fixture, "hooks.d/text", "no line that begins with #!");
  g_assert_cmpint (fchmodat (fixture->fd, "hooks.d/text", 0755, 0), ==, 0);
  emit_and_drain (hooks, 1, 1);
  log = log_fixture_take ();
  g_assert_true (g_str_has_prefix (log, "Hook text failed when it was told of backup-late: "));
  g_assert_text_has (log, "cannot be started: Exec format error");
}

static void
test_nothing_stays (Fixture *fixture, gconstpointer data)
{
  guint before = 0;

  add (fixture, "a", "cat >/dev/null");
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (ObHooks) hooks = make_hooks (fixture, 30);

      emit_and_drain (hooks, 1, 2);
      if (i == 0)
        before = fixture_count_fds ();
    }
  g_assert_cmpuint (fixture_count_fds (), ==, before);
  assert_log ("");
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_fixture_begin ();
  ADD ("/hooks/event", test_event);
  ADD ("/hooks/order", test_order);
  ADD ("/hooks/relative-directory", test_relative_directory);
  ADD ("/hooks/changing-directory", test_changing_directory);
  ADD ("/hooks/misbehaving", test_misbehaving);
  ADD ("/hooks/left-running", test_left_running);
  ADD ("/hooks/time-limit", test_time_limit);
  ADD ("/hooks/flood", test_flood);
  ADD ("/hooks/end", test_end);
  ADD ("/hooks/refused", test_refused);
  ADD ("/hooks/no-program", test_no_program);
  ADD ("/hooks/nothing-stays", test_nothing_stays);
  return g_test_run ();
}
