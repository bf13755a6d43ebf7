/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-file-restore.h"

G_BEGIN_DECLS

/* Reads what was restored below the directory @fd once more and compares it with the tree of
 * @node: that everything is there, of its kind, and nothing else; the size of each file, and the
 * hash of each blob of it; where links lead. A name that is too long for the file system there is
 * warned of, as by the restore. What is kept of it in memory is dropped before it is read, so it
 * comes from the disk as far as it has been written there (see ob_sync_file_system()). @path is
 * where @fd is, for messages; @stats (may be NULL): what was compared. Adds to the done bytes of
 * @progress. Blocks; any thread. Errors: CORRUPT naming the first that differs, CANCELLED, FAILED
 * (what was restored cannot be read). The index must have been loaded. */
gboolean ob_file_compare_run (ObRepository *repository, const ObNode *node, int fd,
                              const char *path, ObProgress *progress, ObFileRestoreStats *stats,
                              GCancellable *cancellable, GError **error);

G_END_DECLS
