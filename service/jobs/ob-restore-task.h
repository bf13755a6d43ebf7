/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A restore under way: what its steps share. */
#pragma once

#include "ob-catalogue.h"
#include "ob-context.h"
#include "ob-job.h"
#include "ob-number.h"

G_BEGIN_DECLS

typedef struct
{
  /* Borrowed. */
  ObContext *context;
  ObInstance *instance; /* NULL where files alone go elsewhere */
  ObJob *job;
  ObProgress *progress;
  GCancellable *cancellable;
  ObBackupRecord *record;
  ObRepository *repository; /* its index is loaded */
  JsonObject *manifest;     /* NULL for what another tool wrote */

  gint64 began;  /* monotonic microseconds */
  ObParts parts; /* to restore */
  const char *const *only_files; /* only these of the parts, "PART/PATH"; NULL: all of them */
  ObNumber number;
  gboolean original_settings; /* restored properties stay as they are in the backup */
  gboolean lossy; /* the backup lacks something that was taken out of it */
  const char *change; /* whose rollback this is; NULL for none */
  gboolean stopped;   /* the application is stopped already, and is started at the end */
  gboolean force; /* end sessions of bbdd.user that outlive the application's stop */
  gboolean scratch; /* to be looked at and removed: closed, counted anew, with a connection less */
  guint64 rows, files, bytes; /* restored so far */
  guint64 file_bytes, database_bytes; /* and how long it took */
  gdouble file_seconds, database_seconds;
} ObRestoreTask;

/* What stays free on a file system where files are restored, beside what lives on it: a
 * twentieth, but so many bytes at least and at most. */
#define OB_RESTORE_LEAST_FREE ((guint64) 4 * 1024 * 1024)
#define OB_RESTORE_MOST_FREE ((guint64) 256 * 1024 * 1024)

/* Whether all that the backup refers to is in the repository. Blocks. Errors: CORRUPT naming
 * some of what is not. */
gboolean ob_restore_task_check_repository (ObRestoreTask *task, GError **error);

/* The manifest of the backup, which has to be one of ours. Transfer full. Blocks. Errors: CORRUPT,
 * VERSION_MISMATCH. */
JsonObject *ob_restore_task_load_manifest (ObRestoreTask *task, GError **error);

/* Adds what @task's parts have to the job's total. Blocks. */
gboolean ob_restore_task_estimate (ObRestoreTask *task, GError **error);

/* The bytes of regular files that @part has in the backup. Blocks. */
gboolean ob_restore_task_measure (ObRestoreTask *task, ObParts part, guint64 *bytes,
                                  GError **error);

/* Restores the tree of one part into the empty directory @fd; @path is where it will be, for
 * messages. Blocks. */
gboolean ob_restore_task_tree (ObRestoreTask *task, ObParts part, int fd, const char *path,
                               GError **error);

/* The whole tree of a snapshot that is not ours into the empty directory @fd, which keeps its owner
 * and mode. Blocks. */
gboolean ob_restore_task_foreign (ObRestoreTask *task, int fd, GError **error);

/* Makes the database @target of the backup's. Blocks. Errors: as ob_database_restore(). */
gboolean ob_restore_task_database (ObRestoreTask *task, const char *target, GError **error);

/* Restores the parts in the place of the living ones of task->instance: all of them, or none. The
 * result's "downtime" and "previous" are set. Blocks. Errors: as ob_restore_task_exchange(). */
gboolean ob_restore_task_in_place (ObRestoreTask *task, GError **error);

G_END_DECLS
