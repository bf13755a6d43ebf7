/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-supervision.h"

#include "ob-sd-notify.h"

#define STATUS_SECONDS 5

struct _ObSupervision
{
  ObManager *manager;
  char *status; /* as it was told last */
  guint status_timeout, watchdog_timeout;
  gboolean ready;
};

/* internal methods */

/* Nobody listens where it is not systemd that started us. */
static void
forgive (GError *error)
{
  if (error != NULL)
    g_debug ("systemd is not told: %s", error->message);
  g_clear_error (&error);
}

static gboolean
on_status (gpointer user_data)
{
  ObSupervision *self = user_data;
  g_autofree char *status = ob_manager_describe_state (self->manager);
  GError *error = NULL;

  if (!self->ready || g_strcmp0 (status, self->status) == 0)
    return G_SOURCE_CONTINUE;
  ob_sd_notify_status (status, &error);
  forgive (error);
  g_free (self->status);
  self->status = g_steal_pointer (&status);
  return G_SOURCE_CONTINUE;
}

/* From the main loop: where that hangs, nothing is heard. */
static gboolean
on_watchdog (gpointer user_data)
{
  GError *error = NULL;

  ob_sd_notify_watchdog (&error);
  forgive (error);
  return G_SOURCE_CONTINUE;
}

/* public methods */

ObSupervision *
ob_supervision_new (ObManager *manager)
{
  ObSupervision *self = g_new0 (ObSupervision, 1);
  guint64 interval = ob_sd_watchdog_interval ();

  self->manager = manager;
  self->status_timeout = g_timeout_add_seconds (STATUS_SECONDS, on_status, self);
  if (interval > 0)
    self->watchdog_timeout
      = g_timeout_add ((guint) CLAMP (interval / 2000, 1, G_MAXINT), on_watchdog, self);
  return self;
}

void
ob_supervision_free (ObSupervision *self)
{
  if (self == NULL)
    return;
  g_clear_handle_id (&self->status_timeout, g_source_remove);
  g_clear_handle_id (&self->watchdog_timeout, g_source_remove);
  g_free (self->status);
  g_free (self);
}

void
ob_supervision_tell_ready (ObSupervision *self)
{
  GError *error = NULL;

  g_free (self->status);
  self->status = ob_manager_describe_state (self->manager);
  self->ready = TRUE;
  ob_sd_notify_ready (self->status, &error);
  forgive (error);
}

void
ob_supervision_reload (ObSupervision *self)
{
  GError *error = NULL;

  ob_sd_notify_reloading (&error);
  forgive (error);
  ob_manager_reload (self->manager);
  ob_supervision_tell_ready (self);
}

void
ob_supervision_tell_stopping (ObSupervision *self, guint seconds)
{
  GError *error = NULL, *extend_error = NULL;

  self->ready = FALSE;
  ob_sd_notify_stopping ("Stopping: jobs come to their ends", &error);
  forgive (error);
  ob_sd_notify_extend_timeout (seconds, &extend_error);
  forgive (extend_error);
}
