/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-systemd.h"

#include <string.h>
#include <unistd.h>

#include "ob-child.h"
#include "ob-error.h"

/* Seconds for a question to systemd, and for what follows a command that has ended. */
#define QUESTION_TIMEOUT 20
#define LAST_WORDS "12"

/* internal methods */

/* The path of one of systemd's programs. */
static const char *
find_program (const char *const *paths)
{
  for (; paths[1] != NULL; paths++)
    if (access (*paths, X_OK) == 0)
      break;
  return *paths;
}

static const char *
systemctl (void)
{
  static const char *const paths[] = { "/usr/bin/systemctl", "/bin/systemctl", NULL };

  return find_program (paths);
}

static const char *
systemd_run (void)
{
  static const char *const paths[] = { "/usr/bin/systemd-run", "/bin/systemd-run", NULL };

  return find_program (paths);
}

static const char *
journalctl (void)
{
  static const char *const paths[] = { "/usr/bin/journalctl", "/bin/journalctl", NULL };

  return find_program (paths);
}

/* The standard output of a short command, without blanks around it. Transfer full. */
static char *
ask (const char *const *argv, GCancellable *cancellable, GError **error)
{
  ObChildSpec spec = { .argv = argv, .stdout_fd = OB_CHILD_CAPTURE };
  g_autoptr (ObChild) child = ob_child_start (&spec, error);

  if (child == NULL || !ob_child_wait_for (child, QUESTION_TIMEOUT, cancellable, error))
    return NULL;
  return g_strstrip (g_strdup (ob_child_get_output (child)));
}

static char *
show_property (const char *unit, const char *property, GCancellable *cancellable, GError **error)
{
  g_autofree char *option = g_strconcat ("--property=", property, NULL);
  const char *const argv[] = { systemctl (), "show", "--value", option, "--", unit, NULL };

  return ask (argv, cancellable, error);
}

/* systemd expands variables in the arguments of a unit's command; "$$" is a dollar. */
static char *
escape_argument (const char *argument)
{
  g_auto (GStrv) parts = g_strsplit (argument, "$", -1);

  return g_strjoinv ("$$", parts);
}

static GStrv
make_arguments (const char *unit, const char *const *argv, const char *user, guint timeout)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autofree char *name = g_strconcat ("--unit=", unit, NULL);
  g_autofree char *uid = g_strconcat ("--uid=", user, NULL);
  g_autofree char *limit = g_strdup_printf ("--property=TimeoutStartSec=%us", timeout);

  /* A oneshot unit ends with its command, and KillMode=process leaves alone what the command has
   * started: the unit's cgroup stays for as long as the application server lives in it. */
  g_strv_builder_add_many (builder, systemd_run (), "--quiet", "--no-ask-password", "--wait",
                           "--collect", "--service-type=oneshot", name, uid, limit,
                           "--property=KillMode=process",
                           "--description=Openbravo application control by obbackup", "--", NULL);
  g_strv_builder_add (builder, argv[0]);
  for (guint i = 1; argv[i] != NULL; i++)
    {
      g_autofree char *escaped = escape_argument (argv[i]);

      g_strv_builder_add (builder, escaped);
    }
  return g_strv_builder_end (builder);
}

/* What the command of @unit wrote last: its output goes to the journal, since a descriptor of ours
 * would stay with the application server for good. */
static char *
read_last_words (const char *unit)
{
  g_autofree char *match = g_strconcat ("_SYSTEMD_UNIT=", unit, NULL);
  const char *const sync[] = { journalctl (), "--sync", NULL };
  const char *const argv[] = { journalctl (), "--quiet", "--no-pager", "--output=cat",
                               "--lines=" LAST_WORDS, match, NULL };
  g_autofree char *synced = ask (sync, NULL, NULL);

  return ask (argv, NULL, NULL);
}

static void
end_unit (const char *unit)
{
  const char *const argv[] = { systemctl (), "--no-ask-password", "stop", "--", unit, NULL };
  g_autofree char *output = ask (argv, NULL, NULL);
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
  g_autofree char *state = NULL;

  if (!ob_systemd_is_running ())
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                   "The unit %s cannot be stopped and started, because systemd does not run on "
                   "this host. Configure commands instead",
                   unit);
      return FALSE;
    }

  state = show_property (unit, "LoadState", cancellable, error);
  if (state == NULL)
    {
      g_prefix_error (error, "systemd does not tell about the unit %s: ", unit);
      return FALSE;
    }
  if (strcmp (state, "loaded") != 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                   "systemd has no unit %s that can be started (it says \"%s\")", unit, state);
      return FALSE;
    }
  return TRUE;
}

char *
ob_systemd_get_environment (const char *unit, const char *variable, GCancellable *cancellable)
{
  g_autofree char *environment = NULL;
  g_auto (GStrv) assignments = NULL;

  if (!ob_systemd_is_running ())
    return NULL;
  environment = show_property (unit, "Environment", cancellable, NULL);
  if (environment == NULL || !g_shell_parse_argv (environment, NULL, &assignments, NULL))
    return NULL;
  return g_strdup (g_environ_getenv (assignments, variable));
}

gboolean
ob_systemd_control_unit (const char *verb,
                         const char *unit,
                         guint timeout,
                         GCancellable *cancellable,
                         GError **error)
{
  const char *const argv[]
      = { systemctl (), "--no-ask-password", "--quiet", verb, "--", unit, NULL };
  ObChildSpec spec = { .argv = argv };
  g_autoptr (ObChild) child = NULL;

  if (!ob_systemd_check_unit (unit, cancellable, error))
    return FALSE;
  child = ob_child_start (&spec, error);
  if (child != NULL && ob_child_wait_for (child, timeout, cancellable, error))
    return TRUE;
  g_prefix_error (error, "systemd could not %s the unit %s: ", verb, unit);
  return FALSE;
}

gboolean
ob_systemd_check_active (const char *unit, gboolean *hopeless, GCancellable *cancellable,
                         GError **error)
{
  g_autofree char *state = show_property (unit, "ActiveState", cancellable, error);

  *hopeless = FALSE;
  if (state == NULL)
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
  g_auto (GStrv) arguments = make_arguments (unit, argv, user, timeout);
  ObChildSpec spec = { .argv = (const char *const *) arguments };
  g_autoptr (ObChild) child = ob_child_start (&spec, error);
  g_autofree char *words = NULL;
  g_autoptr (GError) local = NULL;

  if (child == NULL)
    return FALSE;
  if (ob_child_wait_for (child, timeout + QUESTION_TIMEOUT, cancellable, &local))
    return TRUE;

  end_unit (unit);
  words = read_last_words (unit);
  if (words != NULL && *words != '\0')
    g_set_error (error, OB_ERROR, local->code, "%s: %s", local->message, words);
  else
    g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}
