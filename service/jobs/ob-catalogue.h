/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The backups that destinations hold, as records. */
#pragma once

#include "ob-destination.h"
#include "ob-instance.h"
#include "ob-verify-record.h"

G_BEGIN_DECLS

typedef struct
{
  const char *instance; /* NULL: any */
  const char *kind;     /* NULL: any */
  gint64 since, until;  /* seconds; 0: any; @until exclusive */
  guint limit;          /* 0: all */
  ObParts parts;        /* for "latest": must hold all of these */
} ObBackupFilter;

/* A backup found: the snapshot and where. */
typedef struct
{
  ObDestination *destination;
  ObSnapshot *snapshot;
  ObVerified verified; /* its times are 0 where it never was */
} ObBackupRecord;

void ob_backup_record_free (ObBackupRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObBackupRecord, ob_backup_record_free)

/* Whether another tool wrote it: then it has no parts, and its tree is restored as it is. */
gboolean ob_backup_record_is_foreign (const ObBackupRecord *record);

/* Whether nothing was lost of it, neither when it was made nor since. */
gboolean ob_backup_record_is_complete (const ObBackupRecord *record);

/* Whether it is known that one cannot go back to all of it: a verification found it damaged, or the
 * last drill could not restore it. One that was not tried, or not to the end, is taken for good.
 * Any thread. */
gboolean ob_backup_record_is_damaged (const ObBackupRecord *record);
gboolean ob_backup_record_has_failed (const ObBackupRecord *record);

/* All that match, newest first; @destinations: of ObDestination. What cannot be read is told in
 * @problems. Array of ObBackupRecord, transfer full. Blocks, any thread. */
GPtrArray *ob_catalogue_list (ObContext *context, GPtrArray *destinations,
                              const ObBackupFilter *filter, GPtrArray **problems,
                              GCancellable *cancellable, GError **error);

/* One by id, by a beginning of it, or "latest". Errors: NOT_FOUND, INVALID_ARGUMENT (ambiguous,
 * malformed). Where a destination could not be read and nothing was found, its error. */
ObBackupRecord *ob_catalogue_find (ObContext *context, GPtrArray *destinations, const char *id,
                                   const ObBackupFilter *filter, GCancellable *cancellable,
                                   GError **error);

/* One of @records by id or a beginning of it, at the destination called @destination or, where
 * that is NULL, at any. Transfer none. Errors: NOT_FOUND, INVALID_ARGUMENT (ambiguous,
 * malformed). */
ObBackupRecord *ob_catalogue_pick (GPtrArray *records, const char *destination, const char *id,
                                   GError **error);

/* Whether @id can be an id or the beginning of one. Errors: INVALID_ARGUMENT. */
gboolean ob_catalogue_check_id (const char *id, GError **error);

/* a{sv} as GetBackup of the D-Bus interface gives it, without "manifest". Transfer full, not
 * floating. */
GVariant *ob_backup_record_describe (const ObBackupRecord *record);

/* The manifest's text; NULL without error where it has none (another tool's). Blocks. */
char *ob_backup_record_load_manifest (const ObBackupRecord *record, ObContext *context,
                                      GCancellable *cancellable, GError **error);

G_END_DECLS
