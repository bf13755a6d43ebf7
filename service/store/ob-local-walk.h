/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Walks the directories of a local store. */
#pragma once

#include <gio/gio.h>
#include <sys/stat.h>

#include "ob-local-root.h"

G_BEGIN_DECLS

/* Called for each regular file; @directory_fd holds @last, the last component of @name. FALSE ends
 * the walk. */
typedef gboolean (*ObLocalVisit) (int directory_fd, const char *last, const char *name,
                                  const struct stat *info, gpointer user_data);

/* Visits all files below @directory, in no order, but no deeper than anything of ours is. Links are
 * not followed; a directory that is not there has no files. Any thread. Errors: those of
 * ob_local_root_fail(). */
gboolean ob_local_walk (const ObLocalRoot *root, const char *directory, ObLocalVisit visit,
                        gpointer user_data, GCancellable *cancellable, GError **error);

G_END_DECLS
