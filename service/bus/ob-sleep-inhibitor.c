/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-sleep-inhibitor.h"

#include <gio/gunixfdlist.h>

#include "ob-fd.h"

struct _ObSleepInhibitor
{
  GDBusConnection *connection;
  GCancellable *cancellable; /* of the call that is under way; NULL for none */
  int fd;                    /* that keeps it awake as long as it is open */
  gboolean awake;
};

/* internal methods */

static void
take_answer (ObSleepInhibitor *self, GVariant *answer, GUnixFDList *fds)
{
  gint32 handle = -1;

  g_variant_get (answer, "(h)", &handle);
  if (fds == NULL || handle < 0 || handle >= g_unix_fd_list_get_length (fds))
    return;
  ob_fd_clear (&self->fd);
  self->fd = g_unix_fd_list_get (fds, handle, NULL);
  if (!self->awake)
    ob_fd_clear (&self->fd);
}

static void
on_inhibited (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ObSleepInhibitor *self = user_data;
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = g_dbus_connection_call_with_unix_fd_list_finish (
    G_DBUS_CONNECTION (source), &fds, result, &error);

  /* It is gone then. */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  g_clear_object (&self->cancellable);
  if (answer != NULL)
    take_answer (self, answer, fds);
  else
    g_debug ("Sleep is not inhibited: %s", error->message);
}

static void
inhibit (ObSleepInhibitor *self)
{
  self->cancellable = g_cancellable_new ();
  g_dbus_connection_call_with_unix_fd_list (
    self->connection, "org.freedesktop.login1", "/org/freedesktop/login1",
    "org.freedesktop.login1.Manager", "Inhibit",
    g_variant_new ("(ssss)", "sleep", "obbackup", "A backup or restore is at work", "block"),
    G_VARIANT_TYPE ("(h)"), G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, self->cancellable,
    on_inhibited, self);
}

/* public methods */

ObSleepInhibitor *
ob_sleep_inhibitor_new (void)
{
  ObSleepInhibitor *self = g_new0 (ObSleepInhibitor, 1);

  self->fd = -1;
  return self;
}

void
ob_sleep_inhibitor_free (ObSleepInhibitor *self)
{
  if (self == NULL)
    return;
  if (self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  g_clear_object (&self->connection);
  ob_fd_clear (&self->fd);
  g_free (self);
}

void
ob_sleep_inhibitor_set_connection (ObSleepInhibitor *self, GDBusConnection *connection)
{
  g_set_object (&self->connection, connection);
}

void
ob_sleep_inhibitor_set (ObSleepInhibitor *self, gboolean awake)
{
  self->awake = awake;
  if (!awake)
    ob_fd_clear (&self->fd);
  else if (self->fd < 0 && self->cancellable == NULL && self->connection != NULL)
    inhibit (self);
}
