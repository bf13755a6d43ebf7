/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the authorizer does on a bus. That polkit is asked, and its answer is followed, is tried by
 * the integration tests as well. */
#include "ob-authorizer.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "jobs-fixture.h"
#include "ob-dbus-generated.h"
#include "ob-error.h"
#include "ob-object-path.h"

/* ---- A skeleton
 * -------------------------------------------------------------------------------- */

typedef struct
{
  ObDBusBackup1JobSkeleton parent_instance;
  guint calls;
  guint caller;
} TestJob;

typedef ObDBusBackup1JobSkeletonClass TestJobClass;

static void test_job_iface_init (ObDBusBackup1JobIface *iface);

static GType test_job_get_type (void);

G_DEFINE_TYPE_WITH_CODE (TestJob, test_job, OB_DBUS_TYPE_BACKUP1_JOB_SKELETON,
                         G_IMPLEMENT_INTERFACE (OB_DBUS_TYPE_BACKUP1_JOB, test_job_iface_init))

static gboolean
handle_get_log (ObDBusBackup1Job *skeleton, GDBusMethodInvocation *invocation, GVariant *options)
{
  TestJob *job = (TestJob *) skeleton;
  const char *const lines[] = { "a line", NULL };

  job->calls++;
  job->caller = ob_authorizer_get_caller (invocation);
  ob_dbus_backup1_job_complete_get_log (skeleton, invocation, lines);
  return TRUE;
}

static void
test_job_iface_init (ObDBusBackup1JobIface *iface)
{
  iface->handle_get_log = handle_get_log;
}

static void
test_job_class_init (TestJobClass *klass)
{
  G_DBUS_INTERFACE_SKELETON_CLASS (klass)->get_vtable = ob_authorizer_get_vtable;
}

static void
test_job_init (TestJob *job)
{
}

typedef struct
{
  GTestDBus *bus;
  GDBusConnection *server, *client;
  TestJob *job;
} Bus;

static GDBusConnection *
connect_to (GTestDBus *bus)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection = g_dbus_connection_new_for_address_sync (
    g_test_dbus_get_bus_address (bus),
    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
    NULL, NULL, &error);

  g_assert_no_error (error);
  return connection;
}

static void
bus_set_up (Bus *bus, gconstpointer data)
{
  g_autofree char *daemon = g_find_program_in_path ("dbus-daemon");
  g_autoptr (GError) error = NULL;

  if (daemon == NULL)
    {
      g_test_skip ("there is no dbus-daemon");
      return;
    }
  bus->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (bus->bus);
  bus->server = connect_to (bus->bus);
  bus->client = connect_to (bus->bus);
  bus->job = g_object_new (test_job_get_type (), NULL);
  g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (bus->job), bus->server, "/job",
                                    &error);
  g_assert_no_error (error);
}

static void
bus_tear_down (Bus *bus, gconstpointer data)
{
  if (bus->bus == NULL)
    return;
  g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (bus->job));
  g_clear_object (&bus->job);
  g_dbus_connection_close_sync (bus->server, NULL, NULL);
  g_dbus_connection_close_sync (bus->client, NULL, NULL);
  g_clear_object (&bus->server);
  g_clear_object (&bus->client);
  g_test_dbus_down (bus->bus);
  g_clear_object (&bus->bus);
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

static GVariant *
call (Bus *bus, const char *interface, const char *method, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_dbus_connection_call (bus->client, g_dbus_connection_get_unique_name (bus->server), "/job",
                          interface, method, g_variant_new ("(a{sv})", NULL), NULL,
                          G_DBUS_CALL_FLAGS_NONE, 30000, NULL, on_answer, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return g_dbus_connection_call_finish (bus->client, result, error);
}

/* A skeleton that nobody gave to the authorizer denies everything, also to root. */
static void
test_unguarded (Bus *bus, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  if (bus->bus == NULL)
    return;
  g_assert_true (ob_authorizer_is_guarding (G_DBUS_INTERFACE_SKELETON (bus->job)));
  g_assert_null (call (bus, OB_JOB_INTERFACE, "GetLog", &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_NOT_AUTHORIZED);
  g_assert_cmpuint (bus->job->calls, ==, 0);
}

static void
test_guarded (Bus *bus, gconstpointer data)
{
  g_autoptr (ObAuthorizer) authorizer = ob_authorizer_new ();
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GError) error = NULL;

  if (bus->bus == NULL)
    return;
  if (geteuid () != 0)
    {
      g_test_skip ("only root is not asked");
      return;
    }
  ob_authorizer_guard (authorizer, G_DBUS_INTERFACE_SKELETON (bus->job), OB_NOBODY);
  answer = call (bus, OB_JOB_INTERFACE, "GetLog", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (bus->job->calls, ==, 1);
  g_assert_cmpuint (bus->job->caller, ==, 0);

  g_assert_null (call (bus, OB_JOB_INTERFACE, "NoSuchMethod", &error));
  g_assert_nonnull (error);
  g_assert_cmpuint (bus->job->calls, ==, 1);
}

/* ---- polkit
 * ------------------------------------------------------------------------------------ */

static const char polkit_xml[]
  = "<node><interface name='org.freedesktop.PolicyKit1.Authority'>"
    "<method name='CheckAuthorization'>"
    "<arg type='(sa{sv})' direction='in'/><arg type='s' direction='in'/>"
    "<arg type='a{ss}' direction='in'/><arg type='u' direction='in'/><arg type='s' direction='in'/>"
    "<arg type='(bba{ss})' direction='out'/></method>"
    "<method name='CancelCheckAuthorization'><arg type='s' direction='in'/></method>"
    "<signal name='Changed'/><property name='BackendName' type='s' access='read'/>"
    "<property name='BackendVersion' type='s' access='read'/>"
    "<property name='BackendFeatures' type='u' access='read'/></interface></node>";

/* A polkit of ours: it gives the answer that it is told to give, or none. */
typedef struct
{
  const char *answer; /* text of a (bba{ss}), "error", or NULL for silence */
  guint asked;
  char *action;
  guint flags;
  GPtrArray *waiting; /* of GDBusMethodInvocation */
} Polkit;

static void
on_polkit_call (GDBusConnection *connection, const char *sender, const char *path,
                const char *interface, const char *method, GVariant *parameters,
                GDBusMethodInvocation *invocation, gpointer data)
{
  Polkit *polkit = data;

  if (strcmp (method, "CheckAuthorization") != 0)
    {
      g_dbus_method_invocation_return_value (invocation, NULL);
      return;
    }
  polkit->asked++;
  g_free (polkit->action);
  g_variant_get_child (parameters, 1, "s", &polkit->action);
  g_variant_get_child (parameters, 3, "u", &polkit->flags);
  if (polkit->answer == NULL)
    g_ptr_array_add (polkit->waiting, invocation);
  else if (strcmp (polkit->answer, "error") == 0)
    g_dbus_method_invocation_return_dbus_error (invocation, "org.example.No", "out of order");
  else
    g_dbus_method_invocation_return_value (invocation,
                                           g_variant_new_parsed (polkit->answer));
}

static GVariant *
on_polkit_property (GDBusConnection *connection, const char *sender, const char *path,
                    const char *interface, const char *property, GError **error, gpointer data)
{
  return strcmp (property, "BackendFeatures") == 0 ? g_variant_new_uint32 (0)
                                                   : g_variant_new_string ("test");
}

static void
start_polkit (Bus *bus, Polkit *polkit)
{
  static const GDBusInterfaceVTable vtable
    = { .method_call = on_polkit_call, .get_property = on_polkit_property };
  g_autoptr (GDBusNodeInfo) node = g_dbus_node_info_new_for_xml (polkit_xml, NULL);
  GDBusConnection *connection = connect_to (bus->bus);
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;

  polkit->waiting = g_ptr_array_new_with_free_func (g_object_unref);
  g_dbus_connection_register_object (connection, "/org/freedesktop/PolicyKit1/Authority",
                                     node->interfaces[0], &vtable, polkit, NULL, &error);
  g_assert_no_error (error);
  reply = g_dbus_connection_call_sync (
    connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
    "RequestName", g_variant_new ("(su)", "org.freedesktop.PolicyKit1", 0), NULL,
    G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  g_assert_no_error (error);
}

static void
assert_denied (Bus *bus, const char *words)
{
  g_autoptr (GError) error = NULL;
  guint calls = bus->job->calls;

  g_assert_null (call (bus, OB_JOB_INTERFACE, "GetLog", &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_NOT_AUTHORIZED);
  g_assert_nonnull (strstr (error->message, words));
  g_assert_cmpuint (bus->job->calls, ==, calls);
}

/* Runs this test once more as somebody who is not root; TRUE where we are that one. */
static gboolean
begin_as_nobody (void)
{
  const struct passwd *nobody = getpwnam ("nobody");

  if (g_test_subprocess ())
    {
      g_assert_cmpint (setgroups (0, NULL), ==, 0);
      g_assert_cmpint (setresgid (nobody->pw_gid, nobody->pw_gid, nobody->pw_gid), ==, 0);
      g_assert_cmpint (setresuid (nobody->pw_uid, nobody->pw_uid, nobody->pw_uid), ==, 0);
      return TRUE;
    }
  if (geteuid () != 0 || nobody == NULL)
    {
      g_test_skip ("only root can become nobody");
      return FALSE;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
  return FALSE;
}

static void
test_polkit (void)
{
  Bus bus = { 0 };
  Polkit polkit = { 0 };
  g_autoptr (ObAuthorizer) authorizer = NULL;
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GError) error = NULL;

  if (!begin_as_nobody ())
    return;
  bus_set_up (&bus, NULL);
  if (bus.bus == NULL)
    return;
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", g_test_dbus_get_bus_address (bus.bus), TRUE);
  start_polkit (&bus, &polkit);
  authorizer = ob_authorizer_new ();
  ob_authorizer_guard (authorizer, G_DBUS_INTERFACE_SKELETON (bus.job), OB_NOBODY);

  polkit.answer = "((true, false, @a{ss} {}),)";
  answer = call (&bus, OB_JOB_INTERFACE, "GetLog", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (bus.job->calls, ==, 1);
  g_assert_cmpuint (bus.job->caller, ==, geteuid ());
  g_assert_cmpstr (polkit.action, ==, "org.openbravo.backup1.view");
  /* The message did not allow it. */
  g_assert_cmpuint (polkit.flags, ==, 0);

  polkit.answer = "((false, false, @a{ss} {}),)";
  assert_denied (&bus, "You are not authorised to see the backups and jobs");
  polkit.answer = "((false, true, @a{ss} {}),)";
  assert_denied (&bus, "with a password");
  polkit.answer = "((false, true, {'polkit.dismissed': 'true'}),)";
  assert_denied (&bus, "dismissed");
  polkit.answer = "error";
  jobs_expect_warnings (1);
  assert_denied (&bus, "polkit does not answer");
  g_assert_cmpuint (polkit.asked, ==, 5);
  _exit (0);
}

static void
on_busy (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer
    = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  if (g_error_matches (error, OB_ERROR, OB_ERROR_BUSY))
    (*(guint *) data)++;
}

/* One who never answers the question for his password does not keep others from being asked. */
static void
test_many_calls (void)
{
  Bus bus = { 0 };
  Polkit polkit = { 0 };
  g_autoptr (ObAuthorizer) authorizer = NULL;
  guint n_busy = 0;

  if (!begin_as_nobody ())
    return;
  bus_set_up (&bus, NULL);
  if (bus.bus == NULL)
    return;
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", g_test_dbus_get_bus_address (bus.bus), TRUE);
  start_polkit (&bus, &polkit);
  authorizer = ob_authorizer_new ();
  ob_authorizer_guard (authorizer, G_DBUS_INTERFACE_SKELETON (bus.job), OB_NOBODY);
  for (guint i = 0; i < 40; i++)
    g_dbus_connection_call (bus.client, g_dbus_connection_get_unique_name (bus.server), "/job",
                            OB_JOB_INTERFACE, "GetLog", g_variant_new ("(a{sv})", NULL), NULL,
                            G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_busy, &n_busy);
  while (n_busy + polkit.asked < 40)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (polkit.asked, ==, 32);
  g_assert_cmpuint (n_busy, ==, 8);

  /* When one of them is answered there is room for the next. */
  g_dbus_method_invocation_return_value (g_ptr_array_steal_index (polkit.waiting, 0),
                                         g_variant_new_parsed ("((false, false, @a{ss} {}),)"));
  polkit.answer = "((true, false, @a{ss} {}),)";
  for (guint i = 0; bus.job->calls == 0; i++)
    {
      g_autoptr (GVariant) answer = call (&bus, OB_JOB_INTERFACE, "GetLog", NULL);

      g_assert_cmpuint (i, <, 100);
    }
  _exit (0);
}

/* A skeleton as it is generated goes past the authorizer, and this is how it is noticed. */
static void
test_not_guarding (void)
{
  g_autoptr (ObDBusBackup1Job) plain = ob_dbus_backup1_job_skeleton_new ();

  g_assert_false (ob_authorizer_is_guarding (G_DBUS_INTERFACE_SKELETON (plain)));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  jobs_fixture_quiet_log ();
  /* Registers the names of errors, which the answers of the bus carry. */
  g_assert_cmpuint (OB_ERROR, !=, 0);
  g_test_add ("/authorizer/unguarded", Bus, NULL, bus_set_up, test_unguarded, bus_tear_down);
  g_test_add ("/authorizer/guarded", Bus, NULL, bus_set_up, test_guarded, bus_tear_down);
  g_test_add_func ("/authorizer/polkit", test_polkit);
  g_test_add_func ("/authorizer/many-calls", test_many_calls);
  g_test_add_func ("/authorizer/not-guarding", test_not_guarding);
  return g_test_run ();
}
