/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who and where we are, as it stands in key, lock and snapshot files. */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* The host's name, and the name (or else the number) of the user that we run as; both valid UTF-8.
 * Transfer full. Any thread. */
char *ob_host_get_name (void);
char *ob_host_get_user_name (void);

/* Tells this boot of this machine from others, and this view of process numbers (a container has
 * another) from others: both "" where /proc does not tell. Transfer full. Any thread. */
char *ob_host_get_boot_id (void);
char *ob_host_get_pid_namespace (void);

/* Tells this machine from others, the same after each boot (a digest of /etc/machine-id): ""
 * where it is not known. Transfer full. Any thread. */
char *ob_host_get_machine (void);

/* When this machine was started, seconds since the epoch as its clock goes now. Any thread. */
gint64 ob_host_get_boot_time (void);

/* When the process @pid began, in clock ticks since boot, so that a number used again is told from
 * the first; 0 where /proc does not tell. Any thread. */
guint64 ob_host_get_process_start (pid_t pid);

/* Whether the process @pid that began at @start (0: not known) is there no more, or only waits for
 * its parent to take notice. FALSE where it cannot be told. Any thread. */
gboolean ob_host_process_has_ended (pid_t pid, guint64 start);

G_END_DECLS
