/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-writer.h"

G_BEGIN_DECLS

/* A directory to back up. All transfer none. */
typedef struct
{
  int fd;                     /* of the directory; kept open by the caller */
  const char *path;           /* where it is, for messages */
  const char *name;           /* of its node: "sources" */
  const char *const *exclude; /* paths relative to it that are left out, NULL-terminated, or NULL */
  gboolean has_previous;
  ObId previous;              /* tree of the same directory in the previous backup */
} ObFileBackupRoot;

typedef struct
{
  guint64 files;           /* regular files in the result */
  guint64 directories;
  guint64 bytes;           /* of the files */
  guint64 unchanged_files; /* not read again */
  guint64 vanished;        /* gone between listing and reading */
  guint64 unreadable;      /* could not be read: lost in this backup */
} ObFileBackupStats;

/* Stores the tree. A file whose size, mtime, ctime and inode are as in the previous backup (and
 * whose blobs are all in the index) is not read. A file that changes while it is read is read
 * again, a few times, then kept as last read with a warning. One that vanished is a warning; one
 * that cannot be read is a warning with lost data. Never crosses into another file system's
 * special trees; mount points below are followed. Sockets are left out. Symbolic links are never
 * followed. A directory all of whose entries are as they were gets its previous tree. @n_readers
 * threads walk and read, 1 to 16. @node: its directory node (transfer full). Blocks. */
gboolean ob_file_backup_run (ObWriter *writer, const ObFileBackupRoot *root, guint n_readers,
                             ObProgress *progress, ObNode **node, ObFileBackupStats *stats,
                             GCancellable *cancellable, GError **error);

/* Bytes of regular files below, for the total of a progress line; a quick walk with stat. */
gboolean ob_file_backup_estimate (const ObFileBackupRoot *root, guint64 *bytes,
                                  GCancellable *cancellable, GError **error);

G_END_DECLS
