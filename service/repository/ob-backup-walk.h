/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-backup-work.h"
#include "ob-blob-reader.h"
#include "ob-file-backup.h"
#include "ob-file-reader.h"
#include "ob-names.h"
#include "ob-wait.h"

G_BEGIN_DECLS

/* What the threads of one backup share. */
typedef struct
{
  ObWriter *writer;
  ObNames *names;
  ObProgress *progress;
  GCancellable *cancellable;
  ObFirstError *first_error;
  ObBackupWork *work;

  pthread_mutex_t mutex;    /* of all below */
  ObFileBackupStats *stats;
  ObNode *root; /* the result */
} ObBackup;

/* One of these threads. */
typedef struct
{
  ObBackup *backup;
  ObFileReader *file_reader;
  ObBlobReader *blob_reader; /* of previous trees */
  ObFileBackupStats stats;   /* its own share */
} ObBackupWorker;

/* Ends a hold on a directory; an error goes to the backup's first error. */
void ob_backup_release (ObBackup *backup, ObBackupDirectory *directory);

/* Reads a file; transfer full. After a failure it is only freed. */
void ob_backup_read_file (ObBackupWorker *worker, ObBackupFile *file);

/* Visits a directory: links and devices are made nodes, unchanged files taken from the previous
 * backup; others, and the directories in it, are work for whoever is free. Errors go to the
 * backup's first error, after which things are only freed. Transfer full. */
void ob_backup_visit_child (ObBackupWorker *worker, ObBackupChild *child);
void ob_backup_visit_root (ObBackupWorker *worker, const ObFileBackupRoot *root,
                           ObDirectory *directory, GPtrArray *excludes);

G_END_DECLS
