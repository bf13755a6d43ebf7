/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* So many bytes a second, for all threads together. */
typedef struct _ObRateLimit ObRateLimit;

/* @rate: bytes a second, at least 1. Transfer full. */
ObRateLimit *ob_rate_limit_new (guint64 rate);
void ob_rate_limit_free (ObRateLimit *limit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObRateLimit, ob_rate_limit_free)

/* Before @bytes are sent, or after they were read: waits until what came before has had its time.
 * Cancelled it returns at once; nothing else is wrong then. Blocks; any thread. */
void ob_rate_limit_wait (ObRateLimit *limit, guint64 bytes, GCancellable *cancellable);

/* "500K", "10M", "1G" (powers of 1000) or a number: bytes a second, from 1000 on. FALSE where it is
 * none. Any thread. */
gboolean ob_rate_limit_parse (const char *text, guint64 *rate);

G_END_DECLS
