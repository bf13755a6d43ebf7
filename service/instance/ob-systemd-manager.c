/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-systemd-manager.h"

#include <string.h>

#include "ob-error.h"

#define NAME "org.freedesktop.systemd1"
#define PATH "/org/freedesktop/systemd1"
#define MANAGER NAME ".Manager"
#define NO_SUCH_UNIT NAME ".NoSuchUnit"

/* Milliseconds for an answer: systemd reads a unit's files before it gives some. */
#define ANSWER_TIMEOUT 20000

struct _ObSystemdManager
{
  GMainContext *context;
  GDBusConnection *bus;
  guint subscription;
  /* Of the job that is waited for. */
  char *job;
  char *result;
  gboolean is_closed;
};

/* internal methods */

/* Says in our own errors what GIO or systemd says. */
static void
take_error (GError *local_error, GError **error)
{
  g_autofree char *name = g_dbus_error_get_remote_error (local_error);
  gint code = OB_ERROR_FAILED;

  if (g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    code = OB_ERROR_CANCELLED;
  else if (g_strcmp0 (name, NO_SUCH_UNIT) == 0)
    code = OB_ERROR_NOT_FOUND;
  g_dbus_error_strip_remote_error (local_error);
  g_set_error_literal (error, OB_ERROR, code, local_error->message);
  g_error_free (local_error);
}

static GVariant *
call (ObSystemdManager *self, const char *path, const char *interface, const char *method,
      GVariant *parameters, const char *reply, GCancellable *cancellable, GError **error)
{
  GError *local_error = NULL;
  GVariant *answer = g_dbus_connection_call_sync (
    self->bus, NAME, path, interface, method, parameters, G_VARIANT_TYPE (reply),
    G_DBUS_CALL_FLAGS_NONE, ANSWER_TIMEOUT, cancellable, &local_error);

  if (answer == NULL)
    take_error (local_error, error);
  return answer;
}

static void
on_job_removed (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
                const char *signal, GVariant *parameters, gpointer user_data)
{
  ObSystemdManager *self = user_data;
  const char *job, *result;

  if (!g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(uoss)")))
    return;
  g_variant_get (parameters, "(u&os&s)", NULL, &job, NULL, &result);
  if (self->result == NULL && g_strcmp0 (job, self->job) == 0)
    self->result = g_strdup (result);
}

static void
on_closed (GDBusConnection *bus, gboolean by_peer, GError *reason, gpointer user_data)
{
  ObSystemdManager *self = user_data;

  self->is_closed = TRUE;
}

static gboolean
on_timeout (gpointer user_data)
{
  gboolean *is_over = user_data;

  *is_over = TRUE;
  return G_SOURCE_REMOVE;
}

/* In the thread that cancels. A source of the cancellable would do, but GLib 2.74 leaks it where it
 * is freed while that thread still calls it; disconnecting waits. */
static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_main_context_wakeup (user_data);
}

/* Runs our context until the job is removed; FALSE when the time is up before. */
static gboolean
iterate (ObSystemdManager *self, guint timeout, GCancellable *cancellable)
{
  g_autoptr (GSource) limit = g_timeout_source_new_seconds (timeout);
  gboolean is_over = FALSE;
  gulong handler = 0;

  g_source_set_callback (limit, on_timeout, &is_over, NULL);
  g_source_attach (limit, self->context);
  if (cancellable != NULL)
    handler = g_cancellable_connect (cancellable, G_CALLBACK (on_cancelled), self->context, NULL);
  while (self->result == NULL && !self->is_closed && !is_over
         && !g_cancellable_is_cancelled (cancellable))
    g_main_context_iteration (self->context, TRUE);
  g_cancellable_disconnect (cancellable, handler);
  g_source_destroy (limit);
  return !is_over;
}

static gboolean
wait_for_job (ObSystemdManager *self, guint timeout, GCancellable *cancellable, GError **error)
{
  gboolean in_time = iterate (self, timeout, cancellable);

  if (g_strcmp0 (self->result, "done") == 0)
    return TRUE;
  if (self->result != NULL)
    g_set_error (error, OB_ERROR, OB_ERROR_FAILED, "its job ended as \"%s\"", self->result);
  else if (g_cancellable_is_cancelled (cancellable))
    g_set_error_literal (error, OB_ERROR, OB_ERROR_CANCELLED, "it was cancelled");
  else if (!in_time)
    g_set_error (error, OB_ERROR, OB_ERROR_FAILED, "it is not done after %u seconds", timeout);
  else
    g_set_error_literal (error, OB_ERROR, OB_ERROR_FAILED, "the system bus went away meanwhile");
  return FALSE;
}

/* What the bus delivers goes to the context that is the thread's default at this time. */
static gboolean
connect_to_bus (ObSystemdManager *self, GCancellable *cancellable, GError **error)
{
  g_autofree char *address
    = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SYSTEM, cancellable, error);

  if (address == NULL)
    return FALSE;
  self->bus = g_dbus_connection_new_for_address_sync (
    address,
    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
    NULL, cancellable, error);
  if (self->bus == NULL)
    return FALSE;
  g_signal_connect (self->bus, "closed", G_CALLBACK (on_closed), self);
  self->subscription
    = g_dbus_connection_signal_subscribe (self->bus, NAME, MANAGER, "JobRemoved", PATH, NULL,
                                          G_DBUS_SIGNAL_FLAGS_NONE, on_job_removed, self, NULL);
  return TRUE;
}

/* public methods */
ObSystemdManager *
ob_systemd_manager_new (GCancellable *cancellable, GError **error)
{
  g_autoptr (ObSystemdManager) self = g_new0 (ObSystemdManager, 1);
  g_autoptr (GMainContextPusher) pusher = NULL;
  GError *local_error = NULL;

  self->context = g_main_context_new ();
  pusher = g_main_context_pusher_new (self->context);
  if (connect_to_bus (self, cancellable, &local_error))
    return g_steal_pointer (&self);
  take_error (local_error, error);
  g_prefix_error (error, "The system bus cannot be reached: ");
  return NULL;
}

char *
ob_systemd_manager_load_unit (ObSystemdManager *self, const char *unit, GCancellable *cancellable,
                              GError **error)
{
  g_autofree char *name = ob_systemd_complete_name (unit);
  g_autoptr (GVariant) answer = call (self, PATH, MANAGER, "LoadUnit", g_variant_new ("(s)", name),
                                      "(o)", cancellable, error);
  char *object = NULL;

  if (answer != NULL)
    g_variant_get (answer, "(o)", &object);
  return object;
}

GVariant *
ob_systemd_manager_get (ObSystemdManager *self, const char *object, const char *interface,
                        const char *property, const GVariantType *type, GCancellable *cancellable,
                        GError **error)
{
  g_autoptr (GVariant) answer
    = call (self, object, "org.freedesktop.DBus.Properties", "Get",
            g_variant_new ("(ss)", interface, property), "(v)", cancellable, error);
  g_autoptr (GVariant) value = NULL;

  if (answer == NULL)
    return NULL;
  g_variant_get (answer, "(v)", &value);
  if (g_variant_is_of_type (value, type))
    return g_steal_pointer (&value);
  g_set_error (error, OB_ERROR, OB_ERROR_FAILED, "its property %s is of an unknown type", property);
  return NULL;
}

gboolean
ob_systemd_manager_run_job (ObSystemdManager *self, const char *method, GVariant *parameters,
                            guint timeout, char **result, GCancellable *cancellable, GError **error)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (parameters);
  g_autoptr (GVariant) subscribed = NULL;
  g_autoptr (GVariant) answer = NULL;
  gboolean is_done;

  if (result != NULL)
    *result = NULL;
  /* systemd tells nobody of the end of jobs who did not ask for it. Asked twice by one client it
   * says that it knows already. */
  subscribed = call (self, PATH, MANAGER, "Subscribe", NULL, "()", cancellable, NULL);
  answer = call (self, PATH, MANAGER, method, owned, "(o)", cancellable, error);
  if (answer == NULL)
    return FALSE;
  g_clear_pointer (&self->result, g_free);
  g_clear_pointer (&self->job, g_free);
  g_variant_get (answer, "(o)", &self->job);
  is_done = wait_for_job (self, timeout, cancellable, error);
  if (!is_done && result != NULL)
    *result = g_strdup (self->result);
  return is_done;
}

void
ob_systemd_manager_free (ObSystemdManager *self)
{
  if (self->bus != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->bus, self);
      g_dbus_connection_signal_unsubscribe (self->bus, self->subscription);
      g_dbus_connection_close_sync (self->bus, NULL, NULL);
      g_object_unref (self->bus);
    }
  /* What the connection still had to tell lies in the context, and goes with it. */
  while (g_main_context_iteration (self->context, FALSE))
    ;
  g_main_context_unref (self->context);
  g_free (self->job);
  g_free (self->result);
  g_free (self);
}

char *
ob_systemd_complete_name (const char *unit)
{
  static const char *const kinds[]
    = { ".service", ".target", ".socket", ".mount", ".automount", ".swap",
        ".timer",   ".path",   ".slice",  ".scope", ".device" };

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_has_suffix (unit, kinds[i]))
      return g_strdup (unit);
  return g_strconcat (unit, ".service", NULL);
}
