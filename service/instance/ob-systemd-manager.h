/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection to the manager object of the systemd that runs this host, over the system bus. It
 * serves one thread, which it blocks; the main context is not involved. Errors of all functions:
 * NOT_FOUND (systemd knows no such unit), CANCELLED, FAILED. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define OB_SYSTEMD_UNIT "org.freedesktop.systemd1.Unit"
#define OB_SYSTEMD_SERVICE "org.freedesktop.systemd1.Service"

typedef struct _ObSystemdManager ObSystemdManager;

/* Transfer full. */
ObSystemdManager *ob_systemd_manager_new (GCancellable *cancellable, GError **error);

/* The object of @unit, which is loaded where there is one; "NAME" means "NAME.service". There is an
 * object for a unit that does not exist, too: its LoadState tells. Transfer full. */
char *ob_systemd_manager_load_unit (ObSystemdManager *self, const char *unit,
                                    GCancellable *cancellable, GError **error);

/* A property of the @interface of an object. Transfer full. */
GVariant *ob_systemd_manager_get (ObSystemdManager *self, const char *object, const char *interface,
                                  const char *property, const GVariantType *type,
                                  GCancellable *cancellable, GError **error);

/* Calls a @method that returns a job (@parameters are sunk), and waits until that is done, at most
 * @timeout seconds; past it, and on cancel, the job goes on. Where it ends otherwise the error is
 * FAILED, and *@result, which may be NULL, systemd's word for how ("failed", "timeout",
 * "dependency"…); it is NULL in all other cases. Transfer full. */
gboolean ob_systemd_manager_run_job (ObSystemdManager *self, const char *method,
                                     GVariant *parameters, guint timeout, char **result,
                                     GCancellable *cancellable, GError **error);

void ob_systemd_manager_free (ObSystemdManager *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObSystemdManager, ob_systemd_manager_free)

/* The full name of a unit, as systemctl completes it. Transfer full. */
char *ob_systemd_complete_name (const char *unit);

G_END_DECLS
