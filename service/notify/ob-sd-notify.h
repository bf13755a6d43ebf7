/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a service tells the manager that started it, over systemd's notification socket.
 *
 * The protocol is that of sd_notify(3), which is stable: one datagram of lines "NAME=value" to the
 * AF_UNIX socket that the environment variable NOTIFY_SOCKET names, by an absolute path or, with
 * "@" in front, in the abstract name space. The unit needs Type=notify, or NotifyAccess=main, or
 * else systemd does not listen; a socket of another family (vsock) is not supported.
 *
 * Where there is no NOTIFY_SOCKET nobody listens, and all of this succeeds and does nothing.
 * Sending may wait for a full socket, OB_SD_NOTIFY_MILLISECONDS at most. Any thread, while none
 * changes the environment. Errors of all: NOT_SUPPORTED (a socket that is none of the above),
 * NOT_FOUND and FAILED (nobody receives there): none is a reason to stop.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define OB_SD_NOTIFY_MILLISECONDS 500
/* Bytes of a status; what is longer is cut. */
#define OB_SD_NOTIFY_MAX_STATUS 512

/* READY=1 and STATUS=: the service has started, or has read its configuration anew. @status is a
 * short sentence that `systemctl status` shows; it becomes one line (ob-text.h); NULL for none. */
gboolean ob_sd_notify_ready (const char *status, GError **error);

/* STATUS= alone. */
gboolean ob_sd_notify_status (const char *status, GError **error);

/* RELOADING=1, and MONOTONIC_USEC= that systemd 253 and later ask for: the configuration is read
 * anew. ob_sd_notify_ready() ends it. */
gboolean ob_sd_notify_reloading (GError **error);

/* STOPPING=1 and STATUS=: the end has begun. */
gboolean ob_sd_notify_stopping (const char *status, GError **error);

/* WATCHDOG=1: we are alive; at least every ob_sd_watchdog_interval(). */
gboolean ob_sd_notify_watchdog (GError **error);

/* EXTEND_TIMEOUT_USEC=: starting or stopping, whichever is under way, takes @seconds more from now
 * on; systemd takes it for a hang if it hears neither this nor the end until then. */
gboolean ob_sd_notify_extend_timeout (guint seconds, GError **error);

/* The microseconds after which the manager takes silence for a hang, from WATCHDOG_USEC, where
 * WATCHDOG_PID is this process or missing; say ob_sd_notify_watchdog() twice as often. 0 where
 * nobody asks for it, and where the variables are no numbers. Any thread. */
guint64 ob_sd_watchdog_interval (void);

G_END_DECLS
