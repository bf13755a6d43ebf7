/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Makes durable all that was written on the file system of @fd, which may be much more than ours
 * and take long: so a cancellation does not wait for it. The descriptor may be closed afterwards
 * in any case. Blocks; any thread. Errors: CANCELLED, NO_SPACE, FAILED. */
gboolean ob_sync_file_system (int fd, GCancellable *cancellable, GError **error);

G_END_DECLS
