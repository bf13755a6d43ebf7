/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-backup-directory.h"

G_BEGIN_DECLS

/* What is still to be done in a backup of files: files to be read and directories to be visited,
 * by whichever thread is free. Files go first, so that few wait; directories deepest first, so
 * that few of those wait as well. Any thread. */
typedef struct _ObBackupWork ObBackupWork;

/* A file to be read. */
typedef struct
{
  ObBackupDirectory *directory; /* held */
  char name[];
} ObBackupFile;

/* A directory to be visited. */
typedef struct
{
  ObBackupDirectory *parent; /* held */
  ObNode *previous;          /* its node in the previous backup, or NULL */
  GPtrArray *excludes;       /* or NULL */
  dev_t device;
  ino_t inode;
  gboolean is_mount_point;
  char name[];
} ObBackupChild;

/* Transfer full. */
ObBackupFile *ob_backup_file_new (ObBackupDirectory *directory, const char *name);
ObBackupChild *ob_backup_child_new (ObBackupDirectory *parent, const char *name);

/* Frees it with what it owns; the hold is the caller's to end. */
void ob_backup_child_free (ObBackupChild *child);

ObBackupWork *ob_backup_work_new (void);
void ob_backup_work_free (ObBackupWork *work);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObBackupWork, ob_backup_work_free)

/* FALSE where enough files wait already: then the caller must read it (and @file stays its own). */
gboolean ob_backup_work_push_file (ObBackupWork *work, ObBackupFile *file);

/* Takes all of @children (of ObBackupChild), which is left empty. */
void ob_backup_work_push_children (ObBackupWork *work, GPtrArray *children);

/* The next thing to do, waiting for one as long as others may bring some: sets one of the two
 * (transfer full). FALSE at the end. Each thread must have called ob_backup_work_begin() once. */
gboolean ob_backup_work_take (ObBackupWork *work, ObBackupFile **file, ObBackupChild **child);

/* One more thread is at work. Called for all threads before the first of them takes anything. */
void ob_backup_work_begin (ObBackupWork *work);

G_END_DECLS
