/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is asked of systemd, with scripts in the place of its programs. That systemd does what it is
 * asked is only simulated here. */
#include "ob-instance-private.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-systemd.h"

#define LIMIT 30

static void
test_without (void)
{
  g_autoptr (GError) check = NULL;
  g_autoptr (GError) stop = NULL;

  if (ob_systemd_is_running ())
    {
      g_test_skip ("systemd runs on this host");
      return;
    }
  g_assert_false (ob_systemd_check_unit ("tomcat9.service", NULL, &check));
  g_assert_ob_error (check, OB_ERROR_NOT_SUPPORTED);
  g_assert_message (check, "tomcat9.service");
  g_assert_false (ob_systemd_control_unit ("stop", "tomcat9.service", LIMIT, NULL, &stop));
  g_assert_ob_error (stop, OB_ERROR_NOT_SUPPORTED);
  g_assert_null (ob_systemd_get_environment ("tomcat9.service", "CATALINA_BASE", NULL));
}

/* A script @name in /usr/bin that first notes its arguments, one a line, in the file @name. */
static void
make_script (Fixture *fixture, const char *name, const char *script)
{
  g_autofree char *path = g_build_filename ("/usr/bin", name, NULL);
  g_autofree char *text
    = g_strdup_printf ("#!/bin/sh\nfor word; do echo \"$word\" >> %s/%s; done\n%s\n", fixture->path,
                       name, script);

  unlink (path);
  g_assert_true (g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
}

/* /usr/bin with all that is in it, but so that programs can be replaced. */
static void
replace_programs (Fixture *fixture)
{
  g_autofree char *real = fixture_path (fixture, "bin");
  g_autoptr (GDir) directory = NULL;

  g_assert_cmpint (mkdir (real, 0755), ==, 0);
  g_assert_cmpint (mount ("/usr/bin", real, NULL, MS_BIND, NULL), ==, 0);
  g_assert_cmpint (mount ("tmpfs", "/usr/bin", "tmpfs", 0, "mode=755"), ==, 0);
  directory = g_dir_open (real, 0, NULL);
  g_assert_nonnull (directory);
  for (const char *name; (name = g_dir_read_name (directory)) != NULL;)
    {
      g_autofree char *from = g_build_filename (real, name, NULL);
      g_autofree char *to = g_build_filename ("/usr/bin", name, NULL);

      g_assert_cmpint (symlink (from, to), ==, 0);
    }
  g_assert_cmpint (mount ("tmpfs", "/run", "tmpfs", 0, "mode=755"), ==, 0);
  g_assert_cmpint (mkdir ("/run/systemd", 0755), ==, 0);
  g_assert_cmpint (mkdir ("/run/systemd/system", 0755), ==, 0);
}

/* The arguments that a script noted, with a blank between; they are forgotten. */
static char *
take_arguments (Fixture *fixture, const char *name)
{
  g_autofree char *path = fixture_path (fixture, name);
  char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return g_strdup ("");
  g_assert_cmpint (unlink (path), ==, 0);
  return g_strdelimit (g_strchomp (text), "\n", ' ');
}

static void
test_unit (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) unknown = NULL;
  g_autoptr (GError) failed = NULL;
  g_autofree char *arguments = NULL;
  g_autofree char *base = NULL;

  if (!fixture_begin_mounts (fixture))
    return;
  replace_programs (fixture);
  make_script (fixture, "systemctl",
               "case \"$*\" in"
               " *LoadState*missing*) echo not-found ;;"
               " *LoadState*) echo loaded ;;"
               " *Environment*) echo 'A=b \"CATALINA_BASE=/srv/tom cat\" C=d' ;;"
               " *start*broken*) echo 'Job for broken.service failed' >&2; exit 1 ;;"
               " esac");

  g_assert_true (ob_systemd_is_running ());
  ob_systemd_check_unit ("tomcat9.service", NULL, &error);
  g_assert_no_error (error);
  arguments = take_arguments (fixture, "systemctl");
  g_assert_cmpstr (arguments, ==, "show --value --property=LoadState -- tomcat9.service");

  g_assert_false (ob_systemd_control_unit ("stop", "missing.service", LIMIT, NULL, &unknown));
  g_assert_ob_error (unknown, OB_ERROR_NOT_FOUND);
  g_assert_message (unknown, "missing.service");
  base = ob_systemd_get_environment ("tomcat9.service", "CATALINA_BASE", NULL);
  g_assert_cmpstr (base, ==, "/srv/tom cat");
  g_assert_null (ob_systemd_get_environment ("tomcat9.service", "CATALINA", NULL));

  g_free (take_arguments (fixture, "systemctl"));
  ob_systemd_control_unit ("stop", "tomcat9.service", LIMIT, NULL, &error);
  g_assert_no_error (error);
  g_free (arguments);
  arguments = take_arguments (fixture, "systemctl");
  g_assert_true (g_str_has_suffix (arguments, "--quiet stop -- tomcat9.service"));

  g_assert_false (ob_systemd_control_unit ("start", "broken.service", LIMIT, NULL, &failed));
  g_assert_ob_error (failed, OB_ERROR_FAILED);
  g_assert_message (failed, "could not start the unit broken.service");
  g_assert_message (failed, "Job for broken.service failed");
}

static ObInstance *
make_instance (void)
{
  const char *const stop[] = { "/opt/stop", "$HOME", "100%", "a b", NULL };
  const char *const start[] = { "/opt/start", NULL };
  ObInstance *instance = ob_instance_new ("ob");

  instance->stop_command = g_strdupv ((GStrv) stop);
  instance->start_command = g_strdupv ((GStrv) start);
  instance->command_user = g_strdup ("nobody");
  return instance;
}

/* Commands run in a transient unit: outside our sandbox and our cgroup, as their user. */
static void
test_commands (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObInstance) instance = make_instance ();
  g_autoptr (GError) error = NULL;
  g_autofree char *arguments = NULL;

  if (!fixture_begin_mounts (fixture))
    return;
  replace_programs (fixture);
  make_script (fixture, "systemd-run", "exit 0");
  ob_application_stop (instance, 17, NULL, &error);
  g_assert_no_error (error);

  arguments = take_arguments (fixture, "systemd-run");
  g_assert_nonnull (strstr (arguments, "--wait"));
  g_assert_nonnull (strstr (arguments, "--service-type=oneshot"));
  g_assert_nonnull (strstr (arguments, "--unit=obbackup-ob-stop-"));
  g_assert_nonnull (strstr (arguments, "--uid=nobody"));
  g_assert_nonnull (strstr (arguments, "TimeoutStartSec=17s"));
  /* What the command leaves running is not killed with it. */
  g_assert_nonnull (strstr (arguments, "KillMode=process"));
  g_assert_nonnull (strstr (arguments, "-- /opt/stop $$HOME 100% a b"));
}

static void
test_commands_fail (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObInstance) instance = make_instance ();
  g_autoptr (GError) error = NULL;
  g_autofree char *stopped = NULL;
  g_autofree char *asked = NULL;

  if (!fixture_begin_mounts (fixture))
    return;
  replace_programs (fixture);
  make_script (fixture, "systemd-run", "exit 4");
  make_script (fixture, "systemctl", "exit 0");
  make_script (fixture, "journalctl",
               "case \"$*\" in *--sync*) ;; *) echo 'no server is there' ;; esac");

  g_assert_false (ob_application_start (instance, LIMIT, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_FAILED);
  g_assert_message (error, "The application of ob did not start: ");
  g_assert_message (error, "no server is there");
  /* Nothing of it goes on, whatever ended it. */
  stopped = take_arguments (fixture, "systemctl");
  g_assert_nonnull (strstr (stopped, "stop -- obbackup-ob-start-"));
  asked = take_arguments (fixture, "journalctl");
  g_assert_nonnull (strstr (asked, "_SYSTEMD_UNIT=obbackup-ob-start-"));
}

/* Also where systemd runs, root runs nothing that others can change. */
static void
test_commands_of_root (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObInstance) instance = make_instance ();
  g_autofree char *script = fixture_path (fixture, "script");
  g_autoptr (GError) error = NULL;
  g_autofree char *arguments = NULL;

  if (!fixture_begin_mounts (fixture))
    return;
  replace_programs (fixture);
  make_script (fixture, "systemd-run", "exit 0");
  fixture_write (fixture, "script", "");
  g_free (instance->stop_command[0]);
  instance->stop_command[0] = g_steal_pointer (&script);
  g_free (instance->command_user);
  instance->command_user = g_strdup ("root");

  g_assert_false (ob_application_stop (instance, LIMIT, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
  arguments = take_arguments (fixture, "systemd-run");
  g_assert_cmpstr (arguments, ==, "");
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/systemd/without", test_without);
  ADD ("/systemd/unit", test_unit);
  ADD ("/systemd/commands", test_commands);
  ADD ("/systemd/commands-fail", test_commands_fail);
  ADD ("/systemd/commands-of-root", test_commands_of_root);
  return g_test_run ();
}
