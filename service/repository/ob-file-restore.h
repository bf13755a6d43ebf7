/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-path-selection.h"
#include "ob-reader.h"

G_BEGIN_DECLS

typedef struct
{
  guint64 files;
  guint64 directories;
  guint64 bytes;
} ObFileRestoreStats;

/* Restores what is in the tree of @node (a directory) into the empty directory @fd, which root
 * alone can enter meanwhile, and gives @fd itself the node's metadata last. Content is checked
 * as it is read; owners (by number, or by name with @owners_by_name where the name is known on
 * this host), modes, nanosecond times, links, hard links, xattrs, ACLs, devices come out as they
 * were; holes come out as holes. Files are written in the order of their packs, by @n_workers
 * threads. What cannot be set (an xattr the file system does not take) is a warning. On error
 * what was restored is left where it is: the caller removes it. Blocks. */
gboolean ob_file_restore_run (ObRepository *repository, const ObNode *node, int fd,
                              const char *path, gboolean owners_by_name, guint n_workers,
                              ObProgress *progress, ObFileRestoreStats *stats,
                              GCancellable *cancellable, GError **error);

/* The same with what @selection holds alone: of a directory on the way to it only that, with its
 * owner, mode and times. */
gboolean ob_file_restore_run_selected (ObRepository *repository, const ObNode *node,
                                       const ObPathSelection *selection, int fd, const char *path,
                                       gboolean owners_by_name, guint n_workers,
                                       ObProgress *progress, ObFileRestoreStats *stats,
                                       GCancellable *cancellable, GError **error);

/* Bytes of regular files below the node. */
gboolean ob_file_restore_estimate (ObRepository *repository, const ObNode *node, guint64 *bytes,
                                   GCancellable *cancellable, GError **error);

G_END_DECLS
