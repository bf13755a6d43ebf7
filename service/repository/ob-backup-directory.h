/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-directory.h"
#include "ob-writer.h"

G_BEGIN_DECLS

/* A directory whose tree is being made: it ends when all that is below it has ended, in whichever
 * thread that was last, so nobody waits for a directory. Where it turns out to be as it was in the
 * previous backup, the tree of that is taken and none is made. Any thread. */
typedef struct _ObBackupDirectory ObBackupDirectory;

/* @node: its node, without the subtree. @previous: its node in the previous backup, or NULL (both
 * transfer full). @parent: the directory that waits for it, or NULL. The caller holds it, and ends
 * that with ob_backup_directory_release(). */
ObBackupDirectory *ob_backup_directory_new (ObBackupDirectory *parent, ObDirectory *directory,
                                            ObNode *node, ObNode *previous);

/* Transfer none. */
ObDirectory *ob_backup_directory_get (ObBackupDirectory *directory);

/* The previous tree is known, is in the index, and has @n_nodes entries. Before any is added. */
void ob_backup_directory_set_previous_tree (ObBackupDirectory *directory, const ObId *tree,
                                            guint n_nodes);

/* Holds it for one more entry. */
void ob_backup_directory_hold (ObBackupDirectory *directory);

/* Adds an entry (transfer full). @is_same: the previous tree has an equal one. The directory
 * must be held. */
void ob_backup_directory_add (ObBackupDirectory *directory, ObNode *node, gboolean is_same);

/* Ends a hold. Where it was the last one, the directory's tree is stored and its node added to its
 * parent, and so on upwards. @root: set to the node of the topmost one when that is done (transfer
 * full). After a failure directories are only freed. */
gboolean ob_backup_directory_release (ObBackupDirectory *directory, ObWriter *writer, ObNode **root,
                                      GError **error);

G_END_DECLS
