/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is asked of the systemd that runs this host, over the system bus. All functions block, but
 * not the main context; any thread. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Whether systemd is the init of this host, as sd_booted(3) tells it. */
gboolean ob_systemd_is_running (void);

/* Whether @unit can be stopped and started. Errors: NOT_SUPPORTED (systemd does not run here),
 * NOT_FOUND, FAILED, CANCELLED. */
gboolean ob_systemd_check_unit (const char *unit, GCancellable *cancellable, GError **error);

/* The state of @unit in systemd's words: *@active is its ActiveState ("active", "activating",
 * "deactivating", "inactive", "failed", "reloading"), *@sub, which may be NULL, the SubState of
 * its kind ("running", "auto-restart"…). A unit that does not exist is "inactive". Transfer
 * full. Errors as ob_systemd_check_unit(). */
gboolean ob_systemd_get_state (const char *unit, char **active, char **sub,
                               GCancellable *cancellable, GError **error);

/* The value of @variable in the environment that @unit is configured with; NULL where there is
 * none, or systemd does not tell. Transfer full. */
char *ob_systemd_get_environment (const char *unit, const char *variable,
                                  GCancellable *cancellable);

/* "start" or "stop" of @unit; waits for it, at most @timeout seconds. Past them, and on cancel,
 * systemd goes on with it. Errors as ob_systemd_check_unit(). */
gboolean ob_systemd_control_unit (const char *verb, const char *unit, guint timeout,
                                  GCancellable *cancellable, GError **error);

/* Whether @unit is active. Where it is not, the error says what it is instead, and *@hopeless
 * whether it will stay so by itself (failed, stopped). */
gboolean ob_systemd_check_active (const char *unit, gboolean *hopeless, GCancellable *cancellable,
                                  GError **error);

/* Runs @argv as @user in a transient unit whose name begins with @name, and waits for it to return,
 * at most @timeout seconds. It is not in our cgroup nor in our sandbox, and what it leaves running
 * goes on after it. Errors: FAILED with its last words, CANCELLED. */
gboolean ob_systemd_run (const char *name, const char *const *argv, const char *user,
                         guint timeout, GCancellable *cancellable, GError **error);

G_END_DECLS
