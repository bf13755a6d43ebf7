/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The former states that restores in place left, as their records tell. */
#pragma once

#include "ob-restore-journal.h"

G_BEGIN_DECLS

/* What the swapped-in restore of @journal kept: pairs (name of a part, where its former state is: a
 * directory, or the name of a database) as a{ss}, floating. What is not there (any more) is left
 * out; of the database that is told only where it can be asked. Blocks. */
GVariant *ob_restore_previous_describe (ObRestoreJournal *journal, ObInstance *instance);

/* Bytes on the disk below the directory @path, some hundred levels deep; 0 where there is none.
 * Blocks. */
guint64 ob_restore_previous_measure_path (const char *path, GCancellable *cancellable);

/* Notes in @journal how much disk its former state takes. Blocks. */
void ob_restore_previous_measure (ObRestoreJournal *journal, ObInstance *instance);

/* Whether the time of a former state is up ("keep-previous"; an hour where its file system has less
 * than a twentieth free). Never where what lives was not seen to be whole and well. Blocks. */
gboolean ob_restore_previous_is_due (ObContext *context, const ObRestoreJournal *record);

/* Whether something of it is there, or may be. Blocks. */
gboolean ob_restore_previous_is_there (ObRestoreJournal *record, ObInstance *instance);

/* Removes a former state, and its record last: can be called again where it did not come to its
 * end. Blocks. */
gboolean ob_restore_previous_release (ObContext *context, ObInstance *instance,
                                      ObRestoreJournal *record, GCancellable *cancellable,
                                      GError **error);

/* The staging directories of all restores that are not forgotten, for a backup to leave out: array
 * of char *, transfer full. Blocks. */
GPtrArray *ob_restore_previous_list_paths (ObContext *context);

G_END_DECLS
