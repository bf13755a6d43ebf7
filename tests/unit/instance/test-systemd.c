/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is asked of systemd, with a simulated one on a bus of its own. What the real one does is
 * tried in tests/integration/test_systemd.py. */
#include "ob-instance-private.h"

#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

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

/* The simulated manager: it notes what it is asked, and its jobs end as the unit's name says. */
typedef struct
{
  GTestDBus *bus;
  GDBusConnection *connection;
  GMutex lock;
  GString *calls;
} Manager;

static void
reply (GDBusConnection *connection, GDBusMessage *message, GVariant *body)
{
  g_autoptr (GDBusMessage) answer = g_dbus_message_new_method_reply (message);

  if (body != NULL)
    g_dbus_message_set_body (answer, body);
  g_assert_true (g_dbus_connection_send_message (connection, answer,
                                                 G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL));
}

/* Of another job, and of the one that @text asks for, before its caller knows the path. */
static void
end_job (GDBusConnection *connection, const char *text)
{
  const char *result = strstr (text, "broken") != NULL ? "failed" : "done";
  const char *const jobs[][2] = { { "/job/2", "canceled" }, { "/job/1", result } };

  for (gsize i = 0; i < G_N_ELEMENTS (jobs) && strstr (text, "slow") == NULL; i++)
    g_assert_true (g_dbus_connection_emit_signal (
      connection, NULL, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
      "JobRemoved", g_variant_new ("(uoss)", 1, jobs[i][0], "unit", jobs[i][1]), NULL));
}

static GVariant *
get_property (const char *path, const char *text)
{
  const char *const environment[] = { "A=b", "CATALINA_BASE=/srv/tom cat", "C=d", NULL };

  if (strstr (text, "'LoadState'") != NULL)
    return g_variant_new_string (strstr (path, "missing") != NULL ? "not-found" : "loaded");
  if (strstr (text, "'ActiveState'") != NULL)
    return g_variant_new_string (strstr (path, "broken") != NULL ? "failed" : "active");
  if (strstr (text, "'SubState'") != NULL)
    return g_variant_new_string ("running");
  if (strstr (text, "'Environment'") != NULL)
    return g_variant_new_strv (environment, -1);
  if (strstr (text, "'ExecMainStatus'") != NULL)
    return g_variant_new_int32 (4);
  return g_variant_new_string ("exit-code");
}

/* Runs in the thread of GIO that reads from the bus. */
static GDBusMessage *
on_message (GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer data)
{
  Manager *manager = data;
  const char *member = g_dbus_message_get_member (message);
  GVariant *body = g_dbus_message_get_body (message);
  g_autofree char *text = NULL;

  if (!incoming || g_dbus_message_get_message_type (message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL)
    return message;
  text = body != NULL ? g_variant_print (body, FALSE) : g_strdup ("");
  g_mutex_lock (&manager->lock);
  g_string_append_printf (manager->calls, "%s %s\n", member, text);
  g_mutex_unlock (&manager->lock);

  if (strcmp (member, "LoadUnit") == 0)
    reply (connection, message,
           g_variant_new ("(o)", strstr (text, "missing") != NULL  ? "/unit/missing"
                                 : strstr (text, "tomcat") != NULL ? "/unit/tomcat"
                                                                   : "/unit/broken"));
  else if (strcmp (member, "Get") == 0)
    reply (connection, message,
           g_variant_new ("(v)", get_property (g_dbus_message_get_path (message), text)));
  else if (strcmp (member, "Subscribe") == 0)
    reply (connection, message, NULL);
  else
    {
      end_job (connection, text);
      reply (connection, message, g_variant_new ("(o)", "/job/1"));
    }
  g_object_unref (message);
  return NULL;
}

static Manager *
manager_new (void)
{
  Manager *manager = g_new0 (Manager, 1);
  g_autoptr (GVariant) owned = NULL;
  g_autoptr (GError) error = NULL;
  const char *address;

  g_mutex_init (&manager->lock);
  manager->calls = g_string_new ("");
  manager->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (manager->bus);
  address = g_test_dbus_get_bus_address (manager->bus);
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", address, TRUE);
  manager->connection = g_dbus_connection_new_for_address_sync (
    address,
    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
    NULL, NULL, &error);
  g_assert_no_error (error);
  g_dbus_connection_add_filter (manager->connection, on_message, manager, NULL);
  owned = g_dbus_connection_call_sync (
    manager->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
    "RequestName", g_variant_new ("(su)", "org.freedesktop.systemd1", 0), NULL,
    G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  g_assert_no_error (error);
  return manager;
}

static void
manager_free (Manager *manager)
{
  g_unsetenv ("DBUS_SYSTEM_BUS_ADDRESS");
  g_dbus_connection_close_sync (manager->connection, NULL, NULL);
  g_object_unref (manager->connection);
  g_test_dbus_down (manager->bus);
  g_object_unref (manager->bus);
  g_string_free (manager->calls, TRUE);
  g_mutex_clear (&manager->lock);
  g_free (manager);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Manager, manager_free)

/* What it was asked, a line a call; that is forgotten. */
static char *
take_calls (Manager *manager)
{
  char *calls;

  g_mutex_lock (&manager->lock);
  calls = g_strdup (manager->calls->str);
  g_string_truncate (manager->calls, 0);
  g_mutex_unlock (&manager->lock);
  return calls;
}

/* systemd seems to run, and its journalctl is a script. */
static void
pretend (Fixture *fixture)
{
  g_autofree char *script = fixture_path (fixture, "journalctl");
  g_autofree char *text
    = g_strdup_printf ("#!/bin/sh\necho \"$*\" >> %s/asked\n"
                       "case \"$*\" in *--sync*) ;; *) echo 'no server is there' ;; esac\n",
                       fixture->path);

  g_assert_cmpint (mount ("tmpfs", "/run", "tmpfs", 0, "mode=755"), ==, 0);
  g_assert_cmpint (mkdir ("/run/systemd", 0755), ==, 0);
  g_assert_cmpint (mkdir ("/run/systemd/system", 0755), ==, 0);
  g_assert_true (
    g_file_set_contents_full (script, text, -1, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
  g_assert_cmpint (mount (script, "/usr/bin/journalctl", NULL, MS_BIND, NULL), ==, 0);
}

static void
test_unit (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Manager) manager = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) unknown = NULL;
  g_autofree char *calls = NULL;
  g_autofree char *base = NULL;

  if (!fixture_begin_mounts (fixture))
    return;
  pretend (fixture);
  manager = manager_new ();

  g_assert_true (ob_systemd_is_running ());
  ob_systemd_check_unit ("tomcat9.service", NULL, &error);
  g_assert_no_error (error);
  calls = take_calls (manager);
  g_assert_cmpstr (calls, ==,
                   "LoadUnit ('tomcat9.service',)\n"
                   "Get ('org.freedesktop.systemd1.Unit', 'LoadState')\n");

  g_assert_false (ob_systemd_control_unit ("stop", "missing.service", LIMIT, NULL, &unknown));
  g_assert_ob_error (unknown, OB_ERROR_NOT_FOUND);
  g_assert_message (unknown, "missing.service");
  base = ob_systemd_get_environment ("tomcat9.service", "CATALINA_BASE", NULL);
  g_assert_cmpstr (base, ==, "/srv/tom cat");
  g_assert_null (ob_systemd_get_environment ("tomcat9.service", "CATALINA", NULL));

  /* "NAME" is "NAME.service", as for systemctl. */
  g_free (take_calls (manager));
  ob_systemd_control_unit ("stop", "tomcat9", LIMIT, NULL, &error);
  g_assert_no_error (error);
  g_free (calls);
  calls = take_calls (manager);
  g_assert_true (g_str_has_suffix (calls, "Subscribe \nStopUnit ('tomcat9.service', 'replace')\n"));
}

static void
test_unit_fails (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Manager) manager = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) failed = NULL;
  g_autoptr (GError) slow = NULL;
  g_autoptr (GError) cancelled = NULL;
  g_autoptr (GError) unreachable = NULL;

  if (!fixture_begin_mounts (fixture))
    return;
  pretend (fixture);
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/run/no-bus", TRUE);
  g_assert_false (ob_systemd_check_unit ("tomcat9.service", NULL, &unreachable));
  g_assert_ob_error (unreachable, OB_ERROR_FAILED);
  g_assert_message (unreachable, "The system bus cannot be reached");
  manager = manager_new ();

  g_assert_false (ob_systemd_control_unit ("start", "broken.service", LIMIT, NULL, &failed));
  g_assert_ob_error (failed, OB_ERROR_FAILED);
  g_assert_message (failed, "could not start the unit broken.service: its job ended as \"failed\" "
                            "(exit-code)");

  g_assert_false (ob_systemd_control_unit ("stop", "slow.service", 1, NULL, &slow));
  g_assert_ob_error (slow, OB_ERROR_FAILED);
  g_assert_message (slow, "not done after 1 seconds");

  g_cancellable_cancel (cancellable);
  g_assert_false (
    ob_systemd_control_unit ("stop", "slow.service", LIMIT, cancellable, &cancelled));
  g_assert_ob_error (cancelled, OB_ERROR_CANCELLED);
}

static gpointer
cancel_soon (gpointer data)
{
  g_usleep (G_USEC_PER_SEC / 5);
  g_cancellable_cancel (data);
  return NULL;
}

static void
test_cancelled_meanwhile (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Manager) manager = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  GThread *thread;

  if (!fixture_begin_mounts (fixture))
    return;
  pretend (fixture);
  manager = manager_new ();
  thread = g_thread_new ("cancel", cancel_soon, cancellable);
  g_assert_false (ob_systemd_control_unit ("stop", "slow.service", LIMIT, cancellable, &error));
  g_thread_join (thread);
  g_assert_ob_error (error, OB_ERROR_CANCELLED);
}

static void
test_state (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Manager) manager = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) failed = NULL;
  g_autofree char *active = NULL;
  g_autofree char *sub = NULL;
  gboolean hopeless = TRUE;

  if (!fixture_begin_mounts (fixture))
    return;
  pretend (fixture);
  manager = manager_new ();
  ob_systemd_get_state ("tomcat9.service", &active, &sub, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (active, ==, "active");
  g_assert_cmpstr (sub, ==, "running");

  ob_systemd_check_active ("tomcat9.service", &hopeless, NULL, &error);
  g_assert_no_error (error);
  g_assert_false (hopeless);
  g_assert_false (ob_systemd_check_active ("broken.service", &hopeless, NULL, &failed));
  g_assert_true (hopeless);
  g_assert_message (failed, "the unit broken.service is failed");
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
  g_autoptr (Manager) manager = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *calls = NULL;

  if (!fixture_begin_mounts (fixture))
    return;
  pretend (fixture);
  manager = manager_new ();
  ob_application_stop (instance, 17, NULL, &error);
  g_assert_no_error (error);

  calls = take_calls (manager);
  g_assert_nonnull (strstr (calls, "StartTransientUnit ('obbackup-ob-stop-"));
  g_assert_nonnull (strstr (calls, "('Type', <'oneshot'>)"));
  g_assert_nonnull (strstr (calls, "('User', <'nobody'>)"));
  g_assert_nonnull (strstr (calls, "('TimeoutStartUSec', <uint64 17000000>)"));
  /* What the command leaves running is not killed with it. */
  g_assert_nonnull (strstr (calls, "('KillMode', <'process'>)"));
  g_assert_nonnull (
    strstr (calls, "<[('/opt/stop', ['/opt/stop', '$$HOME', '100%', 'a b'], false)]>"));
}

static void
test_commands_fail (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObInstance) instance = make_instance ();
  g_autoptr (Manager) manager = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *calls = NULL;
  g_autofree char *asked = NULL;
  g_autofree char *path = fixture_path (fixture, "asked");

  if (!fixture_begin_mounts (fixture))
    return;
  pretend (fixture);
  manager = manager_new ();
  g_free (instance->name);
  instance->name = g_strdup ("broken");

  g_assert_false (ob_application_start (instance, LIMIT, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_FAILED);
  g_assert_message (error, "The application of broken did not start: ");
  g_assert_message (error, "/opt/start ended with status 4: no server is there");
  /* Nothing of it goes on, whatever ended it. */
  calls = take_calls (manager);
  g_assert_nonnull (strstr (calls, "\nStopUnit ('obbackup-broken-start-"));
  g_assert_true (g_file_get_contents (path, &asked, NULL, NULL));
  g_assert_nonnull (strstr (asked, "_SYSTEMD_UNIT=obbackup-broken-start-"));
}

/* Also where systemd runs, root runs nothing that others can change. */
static void
test_commands_of_root (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObInstance) instance = make_instance ();
  g_autofree char *script = fixture_path (fixture, "script");
  g_autoptr (Manager) manager = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *calls = NULL;

  if (!fixture_begin_mounts (fixture))
    return;
  pretend (fixture);
  manager = manager_new ();
  fixture_write (fixture, "script", "");
  g_free (instance->stop_command[0]);
  instance->stop_command[0] = g_steal_pointer (&script);
  g_free (instance->command_user);
  instance->command_user = g_strdup ("root");

  g_assert_false (ob_application_stop (instance, LIMIT, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
  calls = take_calls (manager);
  g_assert_cmpstr (calls, ==, "");
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/systemd/without", test_without);
  ADD ("/systemd/unit", test_unit);
  ADD ("/systemd/unit-fails", test_unit_fails);
  ADD ("/systemd/cancelled-meanwhile", test_cancelled_meanwhile);
  ADD ("/systemd/state", test_state);
  ADD ("/systemd/commands", test_commands);
  ADD ("/systemd/commands-fail", test_commands_fail);
  ADD ("/systemd/commands-of-root", test_commands_of_root);
  return g_test_run ();
}
