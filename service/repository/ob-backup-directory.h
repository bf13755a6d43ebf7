/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-directory.h"
#include "ob-writer.h"

G_BEGIN_DECLS

/* A directory whose tree is being made: it ends when all that is below it has ended, in whichever
 * thread that was last, so nobody waits for a directory. Any thread. */
typedef struct _ObBackupDirectory ObBackupDirectory;

/* @node: its node, without the subtree (transfer full). @parent: the directory that waits for it,
 * or NULL. The caller holds it, and ends that with ob_backup_directory_release(). */
ObBackupDirectory *ob_backup_directory_new (ObBackupDirectory *parent, ObDirectory *directory,
                                            ObNode *node);

/* Transfer none. */
ObDirectory *ob_backup_directory_get (ObBackupDirectory *directory);

/* Holds it for one more entry. */
void ob_backup_directory_hold (ObBackupDirectory *directory);

/* Adds an entry (transfer full). The directory must be held. */
void ob_backup_directory_add (ObBackupDirectory *directory, ObNode *node);

/* Ends a hold. Where it was the last one, the directory's tree is stored and its node added to its
 * parent, and so on upwards. @root: set to the node of the topmost one when that is done (transfer
 * full). After a failure directories are only freed. */
gboolean ob_backup_directory_release (ObBackupDirectory *directory, ObWriter *writer, ObNode **root,
                                      GError **error);

G_END_DECLS
