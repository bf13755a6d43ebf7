/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All that is on the bus: the root object, and the instances, destinations and jobs below it. */
#pragma once

#include <gio/gio.h>

#include "ob-context.h"
#include "ob-destination.h"
#include "ob-instance.h"
#include "ob-job.h"

G_BEGIN_DECLS

typedef struct _ObDestinationObject ObDestinationObject;
typedef struct _ObInstanceObject ObInstanceObject;
typedef struct _ObSchedules ObSchedules;
typedef struct _ObTeller ObTeller;

#define OB_TYPE_MANAGER (ob_manager_get_type ())
G_DECLARE_FINAL_TYPE (ObManager, ob_manager, OB, MANAGER, GObject)

/* Everything here: main context. */

/* Loads instances, destinations, schedules and the history of jobs. What cannot be loaded is a
 * problem that GetProblems tells of, and is left out; its name stays taken. Takes @context, also
 * on error. Transfer full. */
ObManager *ob_manager_new (ObContext *context, GError **error);

/* Puts everything on @connection; before the bus name is taken. */
gboolean ob_manager_export (ObManager *manager, GDBusConnection *connection, GError **error);

/* Until this is called, what begins jobs or changes instances is answered with BUSY, and no
 * schedule runs. */
void ob_manager_set_recovered (ObManager *manager);

/* Reads the configuration again. What cannot be understood stays as it was. */
void ob_manager_reload (ObManager *manager);

/* A line for people: "2 instances; job 7, backup of erp; next backup Mon 03:00". Transfer full. */
char *ob_manager_describe_state (ObManager *manager);

/* Whether a job has not come to its end. */
gboolean ob_manager_is_busy (ObManager *manager);

/* Refuses new work from now on, cancels the jobs and waits for their ends for at most @seconds.
 * FALSE where some still run. */
gboolean ob_manager_shut_down (ObManager *manager, guint seconds);

/* ---- For the objects of this room
 * -------------------------------------------------------------- */

/* A change was ended: the instances tell so. */
void ob_manager_look_at_changes (ObManager *manager);

/* Schedules have changed: the instances tell when they are backed up next. */
void ob_manager_look_at_schedules (ObManager *manager);

/* Something may be wrong, or right again. */
void ob_manager_look_at_health (ObManager *manager);

/* What is wrong with a configuration file ("schedules/nightly.conf"); NULL: nothing any more. */
void ob_manager_set_config_error (ObManager *manager, const char *file, const char *message);

/* See ob_health_drop_config_errors(). */
void ob_manager_drop_config_errors (ObManager *manager, const char *folder,
                                    const char *const *names);

/* aa{sv} as GetProblems gives it, floating. */
GVariant *ob_manager_describe_problems (ObManager *manager);

/* See ob_job_queue_get_problem(). Transfer none. */
const char *ob_manager_get_history_problem (ObManager *manager);

/* Transfer none; they live as long as the manager, the teller until it is disposed of (then
 * NULL). */
ObSchedules *ob_manager_get_schedules (ObManager *manager);
ObTeller *ob_manager_get_teller (ObManager *manager);

/* Whether jobs may begin. Errors: BUSY. */
gboolean ob_manager_check_ready (ObManager *manager, GError **error);

/* Whether no schedule needs an instance or a destination. Errors: BUSY. */
gboolean ob_manager_check_unused (ObManager *manager, const char *instance,
                                  const char *destination, GError **error);

/* Puts an object on the bus, and takes it off. */
void ob_manager_export_object (ObManager *manager, GDBusInterfaceSkeleton *skeleton,
                               const char *path);
void ob_manager_unexport_object (ObManager *manager, const char *path);

/* Transfer none; NULL where there is none. */
ObInstanceObject *ob_manager_get_instance_object (ObManager *manager, const char *name);

/* All jobs that it knows, by number (of ObJob, transfer full). */
GPtrArray *ob_manager_list_jobs (ObManager *manager);

/* All, in no order (of ObInstanceObject, of ObDestinationObject; transfer full). */
GPtrArray *ob_manager_list_instance_objects (ObManager *manager);
GPtrArray *ob_manager_list_destination_objects (ObManager *manager);

/* Transfer none; lives as long as the manager. */
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

/* Keeps jobs away from what is in @folder until ob_manager_release(). Errors: BUSY where a job
 * works on it, or it is held already. */
gboolean ob_manager_hold (ObManager *manager, const char *folder, const char *name,
                          GError **error);
void ob_manager_release (ObManager *manager, const char *folder, const char *name);

/* Whether nothing is set apart or held by this name. Errors: BUSY. */
gboolean ob_manager_check_not_held (ObManager *manager, const char *folder, const char *name,
                                    GError **error);

/* Whether no job is changing how the destination is reached. Errors: BUSY. */
gboolean ob_manager_check_not_updating (ObManager *manager, const char *name, GError **error);

/* Puts a new one on the bus and gives its path (transfer full); takes one off. */
char *ob_manager_add_instance (ObManager *manager, ObInstance *instance,
                               const char *const *notes);
/* Puts a destination on the bus, or in the place of the one of its name. */
void ob_manager_put_destination (ObManager *manager, ObDestination *destination);
void ob_manager_remove_instance (ObManager *manager, const char *name);
void ob_manager_remove_destination (ObManager *manager, const char *name);

/* As ob_manager_start_job() for a job that sets up @destination, whose name is reserved: when it
 * has succeeded the destination is put on the bus; the name is released in any case. */
char *ob_manager_start_set_up (ObManager *manager, ObJob *job, ObDestination *destination,
                               GError **error);

G_END_DECLS
