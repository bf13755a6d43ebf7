/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-backup-directory.h"
#include "ob-blob-reader.h"
#include "ob-file-backup.h"
#include "ob-names.h"
#include "ob-wait.h"

G_BEGIN_DECLS

/* What the walker and the readers of one backup share. */
typedef struct
{
  ObWriter *writer;
  ObNames *names;
  ObProgress *progress;
  GCancellable *cancellable;
  ObFirstError *first_error;
  ObFileBackupStats *stats;

  pthread_mutex_t mutex; /* of all below, and of *stats */
  pthread_cond_t room;   /* in the queue */
  pthread_cond_t filled;
  GQueue tasks; /* of ObBackupTask */
  gboolean walked; /* no further tasks come */
  ObNode *root;    /* the result */
} ObBackup;

/* A file to be read. */
typedef struct
{
  ObBackupDirectory *directory; /* held */
  char name[];
} ObBackupTask;

/* Ends a hold on a directory; an error goes to the backup's first error. FALSE then. */
gboolean ob_backup_release (ObBackup *backup, ObBackupDirectory *directory);

/* Raises a warning about an entry (@name may be NULL: the directory itself) and counts it. */
void ob_backup_warn_vanished (ObBackup *backup, ObDirectory *directory, const char *name);
void ob_backup_warn_unreadable (ObBackup *backup, ObDirectory *directory, const char *name,
                                int errnum);

/* Walks the whole tree below @root depth first: directories, links and devices are made nodes,
 * unchanged files taken from the previous backup, others put into the queue. Errors go to the
 * backup's first error. */
void ob_backup_walk (ObBackup *backup, const ObFileBackupRoot *root);

G_END_DECLS
