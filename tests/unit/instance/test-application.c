/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands that stop and start the application, on a host where no systemd runs; for the other kind
 * see test-systemd.c. */
#include "ob-instance-private.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "ob-error.h"
#include "ob-systemd.h"

#define LIMIT 30 /* seconds; nothing here should come near */

static gboolean
can_try (void)
{
  if (ob_systemd_is_running ())
    g_test_skip ("systemd runs the commands on this host");
  else if (geteuid () != 0)
    g_test_skip ("only root can run commands as somebody else");
  else if (getpwnam ("nobody") == NULL)
    g_test_skip ("there is no user nobody");
  else
    return TRUE;
  return FALSE;
}

/* Both commands are @script for a shell. */
static ObInstance *
make_instance (const char *user, const char *script)
{
  const char *const command[] = { "/bin/sh", "-c", script, NULL };
  ObInstance *instance = ob_instance_new ("ob");

  instance->stop_command = g_strdupv ((GStrv) command);
  instance->start_command = g_strdupv ((GStrv) command);
  instance->command_user = g_strdup (user);
  return instance;
}

/* A directory in which the commands can write. */
static void
open_directory (Fixture *fixture)
{
  g_assert_cmpint (chmod (fixture->path, 0777), ==, 0);
}

static char *
read_file (Fixture *fixture, const char *name)
{
  g_autofree char *path = fixture_path (fixture, name);
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return g_strchomp (text);
}

static void
test_user (Fixture *fixture, gconstpointer data)
{
  g_autofree char *script
    = g_strdup_printf ("id -un > %s/user; id -G > %s/groups; echo $HOME $USER > %s/words; pwd >> "
                       "%s/words",
                       fixture->path, fixture->path, fixture->path, fixture->path);
  g_autoptr (ObInstance) instance = make_instance ("nobody", script);
  const struct passwd *entry = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *user = NULL;
  g_autofree char *groups = NULL;
  g_autofree char *words = NULL;
  g_autofree char *expected_words = NULL;
  g_auto (GStrv) group_list = NULL;

  if (!can_try ())
    return;
  entry = getpwnam ("nobody");
  open_directory (fixture);
  expected_words = g_strdup_printf ("%s nobody\n/", entry->pw_dir);

  ob_application_start (instance, LIMIT, NULL, &error);
  g_assert_no_error (error);
  user = read_file (fixture, "user");
  groups = read_file (fixture, "groups");
  words = read_file (fixture, "words");
  group_list = g_strsplit (groups, " ", -1);
  g_assert_cmpstr (user, ==, "nobody");
  /* None of ours. */
  g_assert_false (g_strv_contains ((const char *const *) group_list, "0"));
  g_assert_cmpstr (words, ==, expected_words);
}

static void
test_status (void)
{
  g_autoptr (ObInstance) good = make_instance ("nobody", "exit 0");
  g_autoptr (ObInstance) bad
    = make_instance ("nobody", "echo much; echo 'the port 8005 is not there' >&2; exit 3");
  g_autoptr (GError) stop_error = NULL;
  g_autoptr (GError) start_error = NULL;
  g_autoptr (GError) error = NULL;

  if (!can_try ())
    return;
  ob_application_stop (good, LIMIT, NULL, &error);
  g_assert_no_error (error);

  g_assert_false (ob_application_stop (bad, LIMIT, NULL, &stop_error));
  g_assert_ob_error (stop_error, OB_ERROR_FAILED);
  g_assert_message (stop_error, "The application of ob did not stop: ");
  g_assert_message (stop_error, "status 3");
  g_assert_message (stop_error, "the port 8005 is not there");
  g_assert_false (ob_application_start (bad, LIMIT, NULL, &start_error));
  g_assert_message (start_error, "The application of ob did not start: ");
}

/* Which of the two is run. */
static void
test_which (Fixture *fixture, gconstpointer data)
{
  g_autofree char *stop = fixture_path (fixture, "stopped");
  g_autofree char *start = fixture_path (fixture, "started");
  const char *const stop_command[] = { "/usr/bin/touch", stop, NULL };
  const char *const start_command[] = { "/usr/bin/touch", start, NULL };
  g_autoptr (ObInstance) instance = make_instance ("nobody", "exit 9");
  g_autoptr (GError) error = NULL;

  if (!can_try ())
    return;
  open_directory (fixture);
  g_strfreev (instance->stop_command);
  g_strfreev (instance->start_command);
  instance->stop_command = g_strdupv ((GStrv) stop_command);
  instance->start_command = g_strdupv ((GStrv) start_command);

  ob_application_stop (instance, LIMIT, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (access (stop, F_OK), ==, 0);
  g_assert_cmpint (access (start, F_OK), !=, 0);
  ob_application_start (instance, LIMIT, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (access (start, F_OK), ==, 0);
}

static pid_t
read_pid (Fixture *fixture)
{
  g_autofree char *text = read_file (fixture, "pid");
  pid_t pid = atoi (text);

  g_assert_cmpint (pid, >, 1);
  return pid;
}

/* Nobody may have reaped it where our parent is none that does so. */
static gboolean
is_alive (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) && strstr (text, ") Z ") == NULL;
}

static void
assert_ends (pid_t pid)
{
  gint64 deadline = g_get_monotonic_time () + LIMIT * G_USEC_PER_SEC;

  while (is_alive (pid))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_usleep (5000);
    }
}

static void
test_time_limit (Fixture *fixture, gconstpointer data)
{
  g_autofree char *script = g_strdup_printf ("echo $$ > %s/pid; exec sleep 1000", fixture->path);
  g_autoptr (ObInstance) instance = make_instance ("nobody", script);
  gint64 begin = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;

  if (!can_try ())
    return;
  open_directory (fixture);
  g_assert_false (ob_application_stop (instance, 1, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_FAILED);
  g_assert_message (error, "1 second");
  g_assert_cmpint (g_get_monotonic_time () - begin, <, LIMIT * G_USEC_PER_SEC);
  assert_ends (read_pid (fixture));
}

static gpointer
cancel_when_there (gpointer data)
{
  Fixture *fixture = ((gpointer *) data)[0];
  GCancellable *cancellable = ((gpointer *) data)[1];
  g_autofree char *path = fixture_path (fixture, "pid");

  for (guint i = 0; i < LIMIT * 100 && access (path, F_OK) != 0; i++)
    g_usleep (10000);
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
test_cancel (Fixture *fixture, gconstpointer data)
{
  g_autofree char *script
    = g_strdup_printf ("echo $$ > %s/p; mv %s/p %s/pid; exec sleep 1000", fixture->path,
                       fixture->path, fixture->path);
  g_autoptr (ObInstance) instance = make_instance ("nobody", script);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  gpointer both[] = { fixture, cancellable };
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) again = NULL;
  GThread *thread = NULL;

  if (!can_try ())
    return;
  open_directory (fixture);
  thread = g_thread_new ("cancel", cancel_when_there, both);
  g_assert_false (ob_application_start (instance, LIMIT, cancellable, &error));
  g_thread_join (thread);
  g_assert_ob_error (error, OB_ERROR_CANCELLED);
  assert_ends (read_pid (fixture));

  /* One that is cancelled already runs nothing. */
  g_assert_cmpint (unlinkat (fixture->fd, "pid", 0), ==, 0);
  g_assert_false (ob_application_start (instance, LIMIT, cancellable, &again));
  g_assert_ob_error (again, OB_ERROR_CANCELLED);
  g_assert_cmpint (faccessat (fixture->fd, "pid", F_OK, 0), !=, 0);
}

/* The application server itself: it goes on, and its output has a place to go. */
static void
test_survivor (Fixture *fixture, gconstpointer data)
{
  g_autofree char *script
    = g_strdup_printf ("(sleep 0.2; echo still there; echo yes > %s/alive; exec sleep 1000) & echo "
                       "$! > %s/pid",
                       fixture->path, fixture->path);
  g_autoptr (ObInstance) instance = make_instance ("nobody", script);
  g_autofree char *alive = fixture_path (fixture, "alive");
  gint64 deadline = g_get_monotonic_time () + LIMIT * G_USEC_PER_SEC;
  g_autoptr (GError) error = NULL;
  pid_t pid;

  if (!can_try ())
    return;
  open_directory (fixture);
  ob_application_start (instance, LIMIT, NULL, &error);
  g_assert_no_error (error);
  pid = read_pid (fixture);
  /* It is not of our session, so what ends us does not end it. */
  g_assert_cmpint (getsid (pid), !=, getsid (0));
  while (access (alive, F_OK) != 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_usleep (5000);
    }
  g_assert_true (is_alive (pid));
  g_assert_cmpint (kill (pid, SIGKILL), ==, 0);
}

static void
assert_refused (ObInstance *instance, ObError code, const char *words)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (ob_application_stop (instance, LIMIT, NULL, &error));
  g_assert_error (error, OB_ERROR, (int) code);
  g_assert_message (error, words);
}

static void
set_stop_command (ObInstance *instance, const char *program, const char *argument)
{
  const char *const command[] = { program, argument, NULL };

  g_strfreev (instance->stop_command);
  instance->stop_command = g_strdupv ((GStrv) command);
}

/* A command that root runs is root's own, and so is a script that it names. */
static void
test_root (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObInstance) instance = make_instance ("root", "exit 0");
  g_autofree char *script = fixture_path (fixture, "script");
  g_autofree char *mark = fixture_path (fixture, "mark");
  g_autofree char *text = g_strdup_printf ("#!/bin/sh\n: > %s\n", mark);
  g_autoptr (GError) error = NULL;

  if (!can_try ())
    return;
  ob_application_stop (instance, LIMIT, NULL, &error);
  g_assert_no_error (error);

  /* Where anybody could have put it. */
  fixture_write (fixture, "script", text);
  g_assert_cmpint (chmod (script, 0755), ==, 0);
  set_stop_command (instance, script, NULL);
  assert_refused (instance, OB_ERROR_INVALID_ARGUMENT, g_get_tmp_dir ());
  set_stop_command (instance, "/bin/sh", script);
  assert_refused (instance, OB_ERROR_INVALID_ARGUMENT, g_get_tmp_dir ());
  g_assert_cmpint (access (mark, F_OK), !=, 0);

  /* Somebody else may run what he could have written himself. */
  g_free (instance->command_user);
  instance->command_user = g_strdup ("nobody");
  open_directory (fixture);
  ob_application_stop (instance, LIMIT, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (access (mark, F_OK), ==, 0);
}

static void
test_not_there (void)
{
  g_autoptr (ObInstance) stranger = make_instance ("no-such-user", "exit 0");
  g_autoptr (ObInstance) missing = make_instance ("nobody", "exit 0");
  g_autoptr (ObInstance) unit = ob_instance_new ("ob");
  g_autoptr (ObInstance) none = ob_instance_new ("ob");

  assert_refused (none, OB_ERROR_NOT_SUPPORTED, "neither a unit nor commands");
  if (!can_try ())
    return;
  assert_refused (stranger, OB_ERROR_NOT_FOUND, "no-such-user");
  set_stop_command (missing, "/opt/no/such/program", NULL);
  assert_refused (missing, OB_ERROR_NOT_FOUND, "/opt/no/such/program");
  unit->unit = g_strdup ("tomcat9.service");
  assert_refused (unit, OB_ERROR_NOT_SUPPORTED, "tomcat9.service");
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/application/user", test_user);
  g_test_add_func ("/application/status", test_status);
  ADD ("/application/which", test_which);
  ADD ("/application/time-limit", test_time_limit);
  ADD ("/application/cancel", test_cancel);
  ADD ("/application/survivor", test_survivor);
  ADD ("/application/root", test_root);
  g_test_add_func ("/application/not-there", test_not_there);
  return g_test_run ();
}
