/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-instance-private.h"

#include <pwd.h>
#include <string.h>

#include "ob-child.h"
#include "ob-error.h"
#include "ob-systemd.h"

#define PASSWD_BUFFER 16384

/* internal methods */
static GStrv
make_environment (const struct passwd *user)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  const char *const variables[][2] = {
    { "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
    { "LANG", "C.UTF-8" },
    { "HOME", user->pw_dir },
    { "USER", user->pw_name },
    { "LOGNAME", user->pw_name },
    { "SHELL", *user->pw_shell != '\0' ? user->pw_shell : "/bin/sh" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (variables); i++)
    {
      g_autofree char *assignment = g_strdup_printf ("%s=%s", variables[i][0], variables[i][1]);

      g_strv_builder_add (builder, assignment);
    }
  return g_strv_builder_end (builder);
}

/* Where no systemd runs: a session of its own, so that it outlives us. */
static gboolean
run_detached (const char *const *command,
              const struct passwd *user,
              guint timeout,
              GCancellable *cancellable,
              GError **error)
{
  g_auto (GStrv) environment = make_environment (user);
  ObChildSpec spec = {
    .argv = command,
    .environment = (const char *const *) environment,
    .user = user->pw_name,
    .detached = TRUE,
  };
  g_autoptr (ObChild) child = ob_child_start (&spec, error);

  return child != NULL && ob_child_wait_for (child, timeout, cancellable, error);
}

static gboolean
run_command (ObInstance *instance,
             const char *verb,
             const char *const *command,
             guint timeout,
             GCancellable *cancellable,
             GError **error)
{
  g_autofree char *unit = g_strdup_printf ("obbackup-%s-%s", instance->name, verb);
  g_autofree char *buffer = g_malloc (PASSWD_BUFFER);
  struct passwd entry, *user = NULL;

  if (getpwnam_r (instance->command_user, &entry, buffer, PASSWD_BUFFER, &user) != 0
      || user == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND, "there is no user %s on this host",
                   instance->command_user);
      return FALSE;
    }
  /* SECURITY: whoever could change a program that root runs would be root. */
  if (user->pw_uid == 0 && !ob_instance_check_root_command (command, error))
    return FALSE;

  if (ob_systemd_is_running ())
    return ob_systemd_run (unit, command, user->pw_name, timeout, cancellable, error);
  return run_detached (command, user, timeout, cancellable, error);
}

static gboolean
control (ObInstance *instance,
         const char *verb,
         const char *const *command,
         guint timeout,
         GCancellable *cancellable,
         GError **error)
{
  gboolean done;

  if (ob_instance_is_cancelled (cancellable, error))
    return FALSE;
  if (!ob_instance_can_control (instance))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                   "The application of %s cannot be stopped and started: neither a unit nor "
                   "commands are configured",
                   instance->name);
      return FALSE;
    }

  if (instance->unit != NULL)
    done = ob_systemd_control_unit (verb, instance->unit, timeout, cancellable, error);
  else
    done = run_command (instance, verb, command, timeout, cancellable, error);
  if (!done)
    g_prefix_error (error, "The application of %s did not %s: ", instance->name, verb);
  return done;
}

/* public methods */
gboolean
ob_application_stop (ObInstance *instance,
                     guint timeout,
                     GCancellable *cancellable,
                     GError **error)
{
  return control (instance, "stop", ob_instance_get_stop_command (instance), timeout, cancellable,
                  error);
}

gboolean
ob_application_start (ObInstance *instance,
                      guint timeout,
                      GCancellable *cancellable,
                      GError **error)
{
  return control (instance, "start", ob_instance_get_start_command (instance), timeout,
                  cancellable, error);
}

gboolean
ob_application_start_surely (ObInstance *instance,
                             guint timeout,
                             GError **error)
{
  if (ob_application_start (instance, timeout, NULL, NULL))
    return TRUE;
  ob_application_stop (instance, timeout, NULL, NULL);
  return ob_application_start (instance, timeout, NULL, error);
}
