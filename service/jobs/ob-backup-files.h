/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is in a directory of a backup. */
#pragma once

#include "ob-catalogue.h"

G_BEGIN_DECLS

/* Entries of a directory that are told at once, at most. */
#define OB_BACKUP_FILES_MAX 10000

/* aa{sv} as ListFiles of the D-Bus interface gives it, of the directory at @path in the backup
 * ("" for all of it; a file is told alone), @limit of them (0 or more than OB_BACKUP_FILES_MAX:
 * that many) from the one number @offset on. Transfer full, not floating. Blocks, any thread.
 * Errors: NOT_FOUND, CORRUPT, those of ob_destination_open(). */
GVariant *ob_backup_record_list_files (const ObBackupRecord *record, ObContext *context,
                                       const char *path, guint64 offset, guint limit,
                                       GCancellable *cancellable, GError **error);

G_END_DECLS
