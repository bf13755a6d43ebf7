/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

#include "ob-database.h"

G_BEGIN_DECLS

/* The parts of an installation; also the names of its directories in a snapshot. */
typedef enum
{
  OB_PART_DATABASE = 1 << 0,
  OB_PART_SOURCES = 1 << 1,
  OB_PART_WEBAPP = 1 << 2,
  OB_PART_ATTACHMENTS = 1 << 3,
  OB_PART_REPRINTABLES = 1 << 4, /* where they lie outside the attachments */
  OB_PART_ALL = (1 << 5) - 1,
} ObParts;

/* "database", "sources", "webapp", "attachments", "reprintables". Transfer none. Any thread. */
const char *ob_part_get_name (ObParts part);
/* One part by name; 0 where there is none such. */
ObParts ob_part_from_name (const char *name);
/* Several, from a NULL-terminated array. Errors: INVALID_ARGUMENT naming the word and the
 * choice. */
gboolean ob_parts_from_names (const char *const *names, ObParts *parts, GError **error);
/* "database, sources". Transfer full. */
char *ob_parts_to_text (ObParts parts);

/* An Openbravo installation, as it was frozen in root-owned configuration. Immutable,
 * reference-counted, any thread. */
typedef struct _ObInstance ObInstance;

ObInstance *ob_instance_ref (ObInstance *instance);
void ob_instance_unref (ObInstance *instance);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObInstance, ob_instance_unref)

/* What somebody with the right to configure says of an installation. All but @properties may be
 * NULL. Paths are absolute. */
typedef struct
{
  const char *properties;           /* of config/Openbravo.properties */
  const char *webapp;               /* deployed directory; NULL: looked for, may stay unknown */
  const char *unit;                 /* systemd unit of the application server, or commands: */
  const char *const *stop_command;  /* argv */
  const char *const *start_command; /* argv */
  const char *command_user;         /* who runs them; NULL: the owner of the sources, but never
                                     * root */
  const char *health_url;           /* http or https; answers when the application is well;
                                     * "none" */
  const char *health_sql;           /* one query, true when it is; "none" */
  guint health_timeout;             /* seconds that a start may take until then; 0: 180 */
  const char *machine_name;         /* machine.name of the application; NULL: this host's name */
  const char *const *check_sql;     /* queries that a drill runs, see ob_database_run_checks() */
  const char *const *reserved;      /* directories of the backup itself (destinations, the service's
                                       own): no part may hold one, be one or lie in one */
} ObInstanceOptions;

/* Reads Openbravo.properties (with its host override) and finds database, sources, webapp,
 * attachments and reprintables. What is missing or unreachable is told in @notes, a sentence each
 * (transfer full, may be NULL). Transfer full. Blocks.
 * The webapp is looked for in $CATALINA_BASE/webapps, in that of the unit's environment, and where
 * distributions and administrators put Tomcat; where several fit, the one whose WEB-INF names these
 * sources. Root's own symbolic links in paths are followed once and frozen as what they lead to;
 * others are refused (ob-instance-path.h). Paths that do not exist are frozen and noted.
 * Errors: NOT_FOUND (file missing), INVALID_ARGUMENT (unreadable as properties, a key missing: all
 * of them named; a path or command that cannot be one), NOT_SUPPORTED (bbdd.rdbms=ORACLE, several
 * hosts in bbdd.url), CANCELLED. */
ObInstance *ob_instance_discover (const char *name, const ObInstanceOptions *options,
                                  GPtrArray **notes, GCancellable *cancellable, GError **error);

/* The frozen form: @dirfd is the directory of instance configuration, NAME.conf in it, mode 0600,
 * with the passwords. Errors of load: NOT_FOUND; INVALID_ARGUMENT naming group and key;
 * NOT_SUPPORTED (of a newer version). */
ObInstance *ob_instance_load (int dirfd, const char *name, GError **error);
gboolean ob_instance_save (ObInstance *instance, int dirfd, GError **error);

const char *ob_instance_get_name (ObInstance *instance);
const char *ob_instance_get_properties (ObInstance *instance);
/* The directory of one part, NULL where the installation has none such (or for the database). */
const char *ob_instance_get_path (ObInstance *instance, ObParts part);
const char *ob_instance_get_context_name (ObInstance *instance);
/* "class", "war" or "none". */
const char *ob_instance_get_deploy_mode (ObInstance *instance);
/* As in the options; NULL stands for this host's name. */
const char *ob_instance_get_machine_name (ObInstance *instance);
const ObDatabaseConfig *ob_instance_get_database (ObInstance *instance);
/* The parts that there are. */
ObParts ob_instance_get_parts (ObInstance *instance);
/* Whether stopping and starting the application is configured. */
gboolean ob_instance_can_control (ObInstance *instance);
const char *ob_instance_get_unit (ObInstance *instance); /* NULL: commands, or none */
const char *const *ob_instance_get_stop_command (ObInstance *instance);
const char *const *ob_instance_get_start_command (ObInstance *instance);
const char *ob_instance_get_command_user (ObInstance *instance);
/* How one sees that the application is well; NULL where that is not configured. */
const char *ob_instance_get_health_url (ObInstance *instance);
const char *ob_instance_get_health_sql (ObInstance *instance);
/* Seconds until a started application has to be well, 1 to 86400. */
guint ob_instance_get_health_timeout (ObInstance *instance);
/* The queries that a drill runs in the restored database; NULL for none. */
const char *const *ob_instance_get_check_sql (ObInstance *instance);

/* Compares the properties as they are now with what is frozen: a sentence for each difference
 * (keys and paths, never passwords), none where all is the same. Transfer full. Blocks. */
GPtrArray *ob_instance_compare_properties (ObInstance *instance, GCancellable *cancellable);

/* Tries everything: paths are there and readable, database answers, tools are there. A sentence for
 * each problem. Transfer full. Blocks. */
GPtrArray *ob_instance_check (ObInstance *instance, GCancellable *cancellable);

/* The manifest's and the bus's description: paths, database without passwords, commands. Transfer
 * full. */
JsonObject *ob_instance_describe (ObInstance *instance);

/* A directory of the installation to read or to replace. */
typedef struct
{
  ObParts part;
  char *path;       /* canonical, absolute */
  GStrv exclude;    /* paths relative to @path that belong to other parts (nested), or NULL */
} ObInstanceTree;

/* The directories of @parts, each byte in one tree only: a part nested in another that is also
 * asked for is excluded from the outer one; a part nested in one that is asked for, but not asked
 * for itself, is excluded too. Where two parts are the same directory, it is the tree of the first
 * that is asked for. Array of ObInstanceTree, transfer full. */
GPtrArray *ob_instance_get_trees (ObInstance *instance, ObParts parts);

/* ---- The application server
 * -------------------------------------------------------------------- */

/* Stops or starts the application: its systemd unit, or the command as its user, outside our cgroup
 * and sandbox (a transient unit where systemd runs, else a session of its own). Blocks up to
 * @timeout seconds. Stopping what is stopped is no error for a unit; a command tells by its exit
 * status whether it is one. What a command leaves running when it returns stays running; after
 * @timeout, or when cancelled, the command itself is ended. A command to be run as root is refused
 * where anybody else could have changed it. Errors: FAILED with the command's last words,
 * INVALID_ARGUMENT (see above), NOT_FOUND (no such program, unit or user), NOT_SUPPORTED where
 * control is not configured, or a unit is and systemd does not run here, CANCELLED. */
gboolean ob_application_stop (ObInstance *instance, guint timeout, GCancellable *cancellable,
                              GError **error);
gboolean ob_application_start (ObInstance *instance, guint timeout, GCancellable *cancellable,
                               GError **error);

/* Starts an application that may run already, though nobody here started it, where a command may
 * refuse to start it twice: what cannot be started is stopped, and started once more. Blocks up to
 * three times @timeout. Errors: as ob_application_start(). */
gboolean ob_application_start_surely (ObInstance *instance, guint timeout, GError **error);

/* Whether it can be seen that the application runs: its unit or its URL is configured. */
gboolean ob_application_can_be_seen (ObInstance *instance);

/* Whether the application is seen to run and to be well at this moment, by what is configured of
 * what ob_application_wait_healthy() looks at; FALSE where it cannot be seen. Blocks for some
 * seconds. */
gboolean ob_application_is_seen_well (ObInstance *instance, GCancellable *cancellable);

/* Waits until the application, which was started, is well, as far as that is configured: its
 * unit is active, its URL answers with a status below 400 (certificates are not looked at:
 * nothing is sent there), its query, run as bbdd.user in a read-only transaction, gives true or
 * a number that is not
 * 0. Blocks for ob_instance_get_health_timeout() at most. Errors: FAILED saying what is not well,
 * CANCELLED. */
gboolean ob_application_wait_healthy (ObInstance *instance, GCancellable *cancellable,
                                      GError **error);

G_END_DECLS
