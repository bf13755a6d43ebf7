/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The former states that restores in place left, as their records tell. */
#pragma once

#include "ob-restore-journal.h"

G_BEGIN_DECLS

/* What the swapped-in restore of @journal kept: pairs (name of a part, where its former state is: a
 * directory, or the name of a database) as a{ss}, floating. What is not there (any more) is left
 * out; of the database that is told only where it can be asked. Blocks. */
GVariant *ob_restore_previous_describe (ObRestoreJournal *journal, ObInstance *instance);

/* The staging directories of all restores that are not forgotten, for a backup to leave out: array
 * of char *, transfer full. Blocks. */
GPtrArray *ob_restore_previous_list_paths (ObContext *context);

G_END_DECLS
