/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stands between clients and the server, and lets what the server says at the end of a statement
 * ("ReadyForQuery") come a moment after the result, as a network may do it. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _SlowRelay SlowRelay;

/* Relays to @port of 127.0.0.1. Transfer full. */
SlowRelay *slow_relay_new (guint port);

/* Where it listens, on 127.0.0.1. */
guint slow_relay_get_port (SlowRelay *relay);

/* How many times it has kept something back. */
guint slow_relay_get_n_delays (SlowRelay *relay);

/* From now on the server says that it was reached by an address that is not its loopback, where that
 * can be read. */
void slow_relay_lie (SlowRelay *relay);

/* Waits for the connections, which must have been closed. */
void slow_relay_free (SlowRelay *relay);

G_END_DECLS
