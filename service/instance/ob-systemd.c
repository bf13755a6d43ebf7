/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-systemd.h"

#include <string.h>
#include <unistd.h>

#include "ob-child.h"
#include "ob-error.h"
#include "ob-systemd-manager.h"

/* Seconds for a question to the journal, and for what follows a command that has ended. */
#define QUESTION_TIMEOUT 20
#define LAST_WORDS "12"

/* internal methods */

/* Finds the object of @unit, which has to be one that can be started. */
static char *
find_unit (ObSystemdManager *manager, const char *unit, GCancellable *cancellable, GError **error)
{
  g_autofree char *object = ob_systemd_manager_load_unit (manager, unit, cancellable, error);
  g_autoptr (GVariant) state = NULL;

  if (object != NULL)
    state = ob_systemd_manager_get (manager, object, OB_SYSTEMD_UNIT, "LoadState",
                                    G_VARIANT_TYPE_STRING, cancellable, error);
  if (state == NULL)
    {
      g_prefix_error (error, "systemd does not tell about the unit %s: ", unit);
      return NULL;
    }
  if (strcmp (g_variant_get_string (state, NULL), "loaded") == 0)
    return g_steal_pointer (&object);
  g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND,
               "systemd has no unit %s that can be started (it says \"%s\")", unit,
               g_variant_get_string (state, NULL));
  return NULL;
}

static ObSystemdManager *
connect_for_unit (const char *unit, GCancellable *cancellable, GError **error)
{
  ObSystemdManager *manager;

  if (!ob_systemd_is_running ())
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                   "The unit %s cannot be stopped and started, because systemd does not run on "
                   "this host. Configure commands instead",
                   unit);
      return NULL;
    }
  manager = ob_systemd_manager_new (cancellable, error);
  if (manager == NULL)
    g_prefix_error (error, "systemd does not tell about the unit %s: ", unit);
  return manager;
}

/* A string of the object, or NULL. Transfer full. */
static char *
get_string (ObSystemdManager *manager,
            const char *object,
            const char *interface,
            const char *property,
            GCancellable *cancellable,
            GError **error)
{
  g_autoptr (GVariant) value = ob_systemd_manager_get (
    manager, object, interface, property, G_VARIANT_TYPE_STRING, cancellable, error);

  return value != NULL ? g_variant_dup_string (value, NULL) : NULL;
}

/* systemd expands variables in the arguments of a unit's command; "$$" is a dollar. */
static char *
escape_argument (const char *argument)
{
  g_auto (GStrv) parts = g_strsplit (argument, "$", -1);

  return g_strjoinv ("$$", parts);
}

static void
add_property (GVariantBuilder *builder, const char *name, GVariant *value)
{
  g_variant_builder_add (builder, "(sv)", name, value);
}

/* The value of ExecStart: one command, whose failure is the unit's. */
static GVariant *
make_command (const char *const *argv)
{
  GVariantBuilder arguments;

  g_variant_builder_init (&arguments, G_VARIANT_TYPE_STRING_ARRAY);
  g_variant_builder_add (&arguments, "s", argv[0]);
  for (guint i = 1; argv[i] != NULL; i++)
    {
      g_autofree char *escaped = escape_argument (argv[i]);

      g_variant_builder_add (&arguments, "s", escaped);
    }
  return g_variant_new_parsed ("[(%s, %@as, false)]", argv[0],
                               g_variant_builder_end (&arguments));
}

/* The arguments of StartTransientUnit. */
static GVariant *
make_transient (const char *unit, const char *const *argv, const char *user, guint timeout)
{
  GVariantBuilder properties;

  g_variant_builder_init (&properties, G_VARIANT_TYPE ("a(sv)"));
  add_property (&properties, "Description",
                g_variant_new_string ("Openbravo application control by obbackup"));
  /* A oneshot unit ends with its command, and KillMode=process leaves alone what the command has
   * started: the unit's cgroup stays for as long as the application server lives in it. */
  add_property (&properties, "Type", g_variant_new_string ("oneshot"));
  add_property (&properties, "KillMode", g_variant_new_string ("process"));
  add_property (&properties, "User", g_variant_new_string (user));
  add_property (&properties, "TimeoutStartUSec",
                g_variant_new_uint64 ((guint64) timeout * G_USEC_PER_SEC));
  add_property (&properties, "ExecStart", make_command (argv));
  /* It is forgotten once it has ended, but not before we have asked how. */
  add_property (&properties, "CollectMode", g_variant_new_string ("inactive-or-failed"));
  add_property (&properties, "AddRef", g_variant_new_boolean (TRUE));
  return g_variant_new ("(ssa(sv)@a(sa(sv)))", unit, "fail", &properties,
                        g_variant_new_array (G_VARIANT_TYPE ("(sa(sv))"), NULL, 0));
}

/* The standard output of journalctl without blanks around it; NULL if it fails. Transfer full. */
static char *
ask_journal (const char *const *argv)
{
  ObChildSpec spec = { .argv = argv, .stdout_fd = OB_CHILD_CAPTURE };
  g_autoptr (ObChild) child = ob_child_start (&spec, NULL);

  if (child == NULL || !ob_child_wait_for (child, QUESTION_TIMEOUT, NULL, NULL))
    return NULL;
  return g_strstrip (g_strdup (ob_child_get_output (child)));
}

/* What the command of @unit wrote last: its output goes to the journal, since a descriptor of ours
 * would stay with the application server for good. */
static char *
read_last_words (const char *unit)
{
  g_autofree char *match = g_strconcat ("_SYSTEMD_UNIT=", unit, NULL);
  const char *program = access ("/usr/bin/journalctl", X_OK) == 0 ? "/usr/bin/journalctl"
                                                                  : "/bin/journalctl";
  const char *const sync[] = { program, "--sync", NULL };
  const char *const argv[] = { program, "--quiet", "--no-pager", "--output=cat",
                               "--lines=" LAST_WORDS, match, NULL };
  g_autofree char *synced = ask_journal (sync);

  return ask_journal (argv);
}

/* How the command of a transient unit ended, where systemd still knows. Transfer full. */
static char *
describe_end (ObSystemdManager *manager, const char *unit, const char *program)
{
  g_autofree char *object = ob_systemd_manager_load_unit (manager, unit, NULL, NULL);
  g_autofree char *result = NULL;
  g_autoptr (GVariant) status = NULL;

  if (object == NULL)
    return NULL;
  result = get_string (manager, object, OB_SYSTEMD_SERVICE, "Result", NULL, NULL);
  status = ob_systemd_manager_get (manager, object, OB_SYSTEMD_SERVICE, "ExecMainStatus",
                                   G_VARIANT_TYPE_INT32, NULL, NULL);
  if (result == NULL || status == NULL || strcmp (result, "success") == 0)
    return NULL;
  if (strcmp (result, "exit-code") == 0)
    return g_strdup_printf ("%s ended with status %d", program, g_variant_get_int32 (status));
  if (strcmp (result, "signal") == 0)
    return g_strdup_printf ("%s was killed by signal %d", program, g_variant_get_int32 (status));
  if (strcmp (result, "timeout") == 0)
    return g_strdup_printf ("%s did not end in its time", program);
  return g_strdup_printf ("%s could not be run (%s)", program, result);
}

/* Tells how it ended, after nothing of it goes on any more. */
static void
set_failure (ObSystemdManager *manager,
             const char *unit,
             const char *program,
             const GError *reason,
             GError **error)
{
  g_autofree char *end = describe_end (manager, unit, program);
  g_autofree char *words = NULL;

  ob_systemd_manager_run_job (manager, "StopUnit", g_variant_new ("(ss)", unit, "replace"),
                              QUESTION_TIMEOUT, NULL, NULL, NULL);
  words = read_last_words (unit);
  g_set_error (error, OB_ERROR, reason->code, "%s%s%s", end != NULL ? end : reason->message,
               words != NULL && *words != '\0' ? ": " : "", words != NULL ? words : "");
}

/* What follows the word of systemd on a job that has ended: what the unit itself ended with, and
 * where more is told. Transfer full. */
static char *
describe_cause (ObSystemdManager *manager, const char *object, const char *name, const char *result)
{
  g_autofree char *cause = NULL;

  if (result == NULL)
    return g_strdup ("");
  cause = get_string (manager, object, OB_SYSTEMD_SERVICE, "Result", NULL, NULL);
  if (cause == NULL || strcmp (cause, "success") == 0)
    return g_strdup_printf ("; \"journalctl -u %s\" tells more", name);
  return g_strdup_printf (" (%s); \"journalctl -u %s\" tells more", cause, name);
}

/* public methods */
gboolean
ob_systemd_is_running (void)
{
  return access ("/run/systemd/system", F_OK) == 0;
}

gboolean
ob_systemd_check_unit (const char *unit, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObSystemdManager) manager = connect_for_unit (unit, cancellable, error);
  g_autofree char *object = NULL;

  if (manager != NULL)
    object = find_unit (manager, unit, cancellable, error);
  return object != NULL;
}

gboolean
ob_systemd_get_state (const char *unit,
                      char **active,
                      char **sub,
                      GCancellable *cancellable,
                      GError **error)
{
  g_autoptr (ObSystemdManager) manager = connect_for_unit (unit, cancellable, error);
  g_autofree char *object = NULL;
  g_autofree char *active_state = NULL;
  g_autofree char *sub_state = NULL;

  if (manager == NULL)
    return FALSE;
  object = ob_systemd_manager_load_unit (manager, unit, cancellable, error);
  if (object != NULL)
    active_state
      = get_string (manager, object, OB_SYSTEMD_UNIT, "ActiveState", cancellable, error);
  if (active_state != NULL)
    sub_state = get_string (manager, object, OB_SYSTEMD_UNIT, "SubState", cancellable, error);
  if (sub_state == NULL)
    {
      g_prefix_error (error, "systemd does not tell about the unit %s: ", unit);
      return FALSE;
    }
  *active = g_steal_pointer (&active_state);
  if (sub != NULL)
    *sub = g_steal_pointer (&sub_state);
  return TRUE;
}

char *
ob_systemd_get_environment (const char *unit, const char *variable, GCancellable *cancellable)
{
  g_autoptr (ObSystemdManager) manager = connect_for_unit (unit, cancellable, NULL);
  g_autofree char *object = NULL;
  g_autoptr (GVariant) environment = NULL;
  g_auto (GStrv) assignments = NULL;

  if (manager != NULL)
    object = ob_systemd_manager_load_unit (manager, unit, cancellable, NULL);
  if (object != NULL)
    environment = ob_systemd_manager_get (manager, object, OB_SYSTEMD_SERVICE, "Environment",
                                          G_VARIANT_TYPE_STRING_ARRAY, cancellable, NULL);
  if (environment == NULL)
    return NULL;
  assignments = g_variant_dup_strv (environment, NULL);
  return g_strdup (g_environ_getenv (assignments, variable));
}

gboolean
ob_systemd_control_unit (const char *verb,
                         const char *unit,
                         guint timeout,
                         GCancellable *cancellable,
                         GError **error)
{
  g_autoptr (ObSystemdManager) manager = connect_for_unit (unit, cancellable, error);
  const char *method = strcmp (verb, "stop") == 0 ? "StopUnit" : "StartUnit";
  g_autofree char *name = ob_systemd_complete_name (unit);
  g_autofree char *object = NULL;
  g_autofree char *result = NULL;
  g_autofree char *cause = NULL;
  g_autoptr (GError) local_error = NULL;

  if (manager != NULL)
    object = find_unit (manager, unit, cancellable, error);
  if (object == NULL)
    return FALSE;
  if (ob_systemd_manager_run_job (manager, method, g_variant_new ("(ss)", name, "replace"), timeout,
                                  &result, cancellable, &local_error))
    return TRUE;
  cause = describe_cause (manager, object, name, result);
  g_set_error (error, OB_ERROR, local_error->code, "systemd could not %s the unit %s: %s%s", verb,
               unit, local_error->message, cause);
  return FALSE;
}

gboolean
ob_systemd_check_active (const char *unit, gboolean *hopeless, GCancellable *cancellable,
                         GError **error)
{
  g_autofree char *state = NULL;

  *hopeless = FALSE;
  if (!ob_systemd_get_state (unit, &state, NULL, cancellable, error))
    return FALSE;
  if (strcmp (state, "active") == 0)
    return TRUE;
  *hopeless = strcmp (state, "failed") == 0 || strcmp (state, "inactive") == 0;
  g_set_error (error, OB_ERROR, OB_ERROR_FAILED, "the unit %s is %s", unit, state);
  return FALSE;
}

gboolean
ob_systemd_run (const char *name,
                const char *const *argv,
                const char *user,
                guint timeout,
                GCancellable *cancellable,
                GError **error)
{
  g_autofree char *unit
    = g_strdup_printf ("%s-%08x%08x.service", name, g_random_int (), g_random_int ());
  g_autoptr (ObSystemdManager) manager = ob_systemd_manager_new (cancellable, error);
  g_autoptr (GError) local_error = NULL;

  if (manager == NULL)
    return FALSE;
  if (ob_systemd_manager_run_job (manager, "StartTransientUnit",
                                  make_transient (unit, argv, user, timeout),
                                  timeout + QUESTION_TIMEOUT, NULL, cancellable, &local_error))
    return TRUE;
  set_failure (manager, unit, argv[0], local_error, error);
  return FALSE;
}
