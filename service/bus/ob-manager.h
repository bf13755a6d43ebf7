/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All that is on the bus: the root object, and the instances, destinations and jobs below it. */
#pragma once

#include <gio/gio.h>

#include "ob-context.h"
#include "ob-destination.h"
#include "ob-instance.h"
#include "ob-job.h"

G_BEGIN_DECLS

#define OB_TYPE_MANAGER (ob_manager_get_type ())
G_DECLARE_FINAL_TYPE (ObManager, ob_manager, OB, MANAGER, GObject)

/* Everything here: main context. */

/* Loads instances, destinations and the history of jobs. What cannot be loaded is logged and left
 * out; its name stays taken. Takes @context. Transfer full. */
ObManager *ob_manager_new (ObContext *context);

/* Puts everything on @connection; before the bus name is taken. */
gboolean ob_manager_export (ObManager *manager, GDBusConnection *connection, GError **error);

/* Until this is called, what begins jobs or changes instances is answered with BUSY. */
void ob_manager_set_recovered (ObManager *manager);

/* Refuses new work from now on, cancels the jobs and waits for their ends for at most @seconds.
 * FALSE where some still run. */
gboolean ob_manager_shut_down (ObManager *manager, guint seconds);

/* ---- For the objects of this room -------------------------------------------------------------- */

/* Transfer none; lives as long as the manager. */
/* A change was ended: the instances tell so. */
void ob_manager_look_at_changes (ObManager *manager);

ObContext *ob_manager_get_context (ObManager *manager);

/* By name. Transfer none. Errors: NOT_FOUND. */
ObInstance *ob_manager_find_instance (ObManager *manager, const char *name, GError **error);
ObDestination *ob_manager_find_destination (ObManager *manager, const char *name, GError **error);

/* The destination that is meant: @name, or where that is NULL the only one. Transfer none. Errors:
 * NOT_FOUND; INVALID_ARGUMENT where there are several. */
ObDestination *ob_manager_choose_destination (ObManager *manager, const char *name,
                                              GError **error);

/* Those to look for backups in: @name, or all. Array of ObDestination, transfer full. Errors:
 * NOT_FOUND. */
GPtrArray *ob_manager_select_destinations (ObManager *manager, const char *name, GError **error);

/* The same of instances: of ObInstance. */
GPtrArray *ob_manager_select_instances (ObManager *manager, const char *name, GError **error);

/* Queues @job (transfer full) and gives its path (transfer full). Errors: BUSY, also where its
 * instance or destination is held. */
char *ob_manager_start_job (ObManager *manager, ObJob *job, GError **error);

/* Sets a new name of @folder apart until ob_manager_release(). Errors: INVALID_ARGUMENT where it
 * cannot be one, EXISTS where it is taken or set apart, BUSY before recovery. */
gboolean ob_manager_reserve (ObManager *manager, const char *folder, const char *name,
                             GError **error);

/* Keeps jobs away from what is in @folder until ob_manager_release(). Errors: BUSY where a job works
 * on it, or it is held already. */
gboolean ob_manager_hold (ObManager *manager, const char *folder, const char *name,
                          GError **error);
void ob_manager_release (ObManager *manager, const char *folder, const char *name);

/* Whether no job is changing how the destination is reached. Errors: BUSY. */
gboolean ob_manager_check_not_updating (ObManager *manager, const char *name, GError **error);

/* Puts a new one on the bus and gives its path (transfer full); takes one off. */
char *ob_manager_add_instance (ObManager *manager, ObInstance *instance,
                               const char *const *notes);
void ob_manager_remove_instance (ObManager *manager, const char *name);
void ob_manager_remove_destination (ObManager *manager, const char *name);

/* As ob_manager_start_job() for a job that sets up @destination, whose name is reserved: when it has
 * succeeded the destination is put on the bus; the name is released in any case. */
char *ob_manager_start_set_up (ObManager *manager, ObJob *job, ObDestination *destination,
                               GError **error);

G_END_DECLS
