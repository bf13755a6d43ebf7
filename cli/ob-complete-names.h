/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What the service has of @kind, for ob_complete(): names of instances, destinations and whatever
 * else has a Name on the bus; the beginnings of the ids of the newest backups; ids of changes;
 * numbers of jobs. Nobody is ever asked for a password: who may not see something is offered
 * nothing.
 * @connection: a GDBusConnection, or NULL (then there is nothing). Waits for a second at most for
 * each call; any thread. Transfer full. */
GStrv ob_complete_names (const char *kind, gpointer connection);

G_END_DECLS
