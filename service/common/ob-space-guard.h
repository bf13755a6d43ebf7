/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Watches the free space of a file system while something fills it, so that what lives on it is not
 * stopped by a full disk. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* *@room: bytes that are free on the file system of @directory above the floor that is told below.
 * FALSE where the directory cannot be seen. Blocks. */
gboolean ob_space_get_room (const char *directory, guint64 least, guint64 most, guint64 *room);

/* Whether the file system of @directory has room for @needed bytes of @what ("The database") above
 * the same floor as below. Blocks. Errors: NO_SPACE telling what is needed and what is free. Where
 * the directory cannot be seen nothing is known, and it is TRUE. */
gboolean ob_space_check (const char *directory, guint64 least, guint64 most, guint64 needed,
                         const char *what, GError **error);

typedef struct _ObSpaceGuard ObSpaceGuard;

/* Cancels @cancellable when less than the floor is free on the file system of @directory
 * (absolute): 5 % of its size, but @least bytes at least and @most bytes at most. A thread of
 * its own looks five times a second. NULL where the directory cannot be seen. Transfer full. Any
 * thread. */
ObSpaceGuard *ob_space_guard_new (const char *directory, guint64 least, guint64 most,
                                  GCancellable *cancellable);

/* Whether it was this guard that cancelled; then the error is NO_SPACE, with @what ("The database")
 * that was not filled any further. FALSE for NULL. Any thread. */
gboolean ob_space_guard_has_struck (ObSpaceGuard *guard, const char *what, GError **error);

void ob_space_guard_free (ObSpaceGuard *guard);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObSpaceGuard, ob_space_guard_free)

G_END_DECLS
