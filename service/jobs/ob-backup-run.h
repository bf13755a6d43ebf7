/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backup under way: what its steps share. */
#pragma once

#include "ob-context.h"
#include "ob-destination.h"
#include "ob-job.h"
#include "ob-manifest.h"
#include "ob-writer.h"

G_BEGIN_DECLS

typedef struct
{
  /* Borrowed. */
  ObContext *context;
  ObInstance *instance;
  ObDestination *destination;
  ObJob *job;
  ObProgress *progress;
  GCancellable *cancellable;
  ObRepository *repository;
  ObWriter *writer;

  gint64 began;         /* monotonic, microseconds */
  guint n_damaged;      /* packs of the index that were known to be damaged when it began */
  ObParts parts;        /* asked for */
  ObManifest *manifest; /* what was stored so far */
  GPtrArray *nodes;     /* of ObNode: the root directory so far */
  GPtrArray *snapshots; /* of ObSnapshot, newest first */
  int attachments_list; /* paths that C_FILE lists, each with a NUL behind it; -1 without */
} ObBackupRun;

/* Dumps the database and stores its archives as they come: all streams at once, nothing on disk.
 * The snapshot that they share is taken here, so this comes before the trees. Blocks. */
gboolean ob_backup_run_database (ObBackupRun *run, GError **error);

/* The directories to read: opens them, and begins to count their bytes. */
typedef struct _ObBackupTrees ObBackupTrees;

/* Opens them by their frozen paths, following no link. One that cannot be opened is told as lost.
 * Transfer full. Blocks. */
ObBackupTrees *ob_backup_trees_open (ObBackupRun *run);

/* Stores them, and tells which attachments that the database lists are not there. Blocks. */
gboolean ob_backup_trees_store (ObBackupTrees *trees, ObBackupRun *run, GError **error);

void ob_backup_trees_free (ObBackupTrees *trees);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObBackupTrees, ob_backup_trees_free)

G_END_DECLS
