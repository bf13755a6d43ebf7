/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Does something for item @i. Called in several threads at once. */
typedef gboolean (*ObParallelFunc) (guint i, gpointer user_data, GError **error);

/* Calls @func for 0 to @n_items - 1, in this order, for up to @n_threads of them at once: for
 * what waits for answers from far away. With one thread, or where none is to be had, that is the
 * calling one. Ends with the first error, once those under way have ended. Blocks. Any thread.
 * Errors: those of @func. */
gboolean ob_parallel_run (guint n_items, guint n_threads, ObParallelFunc func, gpointer user_data,
                          GError **error);

G_END_DECLS
