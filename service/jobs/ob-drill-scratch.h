/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a drill makes: a database and a directory, both named obbackup_drill_ and a number of their
 * own. A record in STATE/drills is on disk before either is made and goes when both are gone, so
 * that what a crash leaves is found and removed.
 */
#pragma once

#include "ob-context.h"
#include "ob-instance.h"

G_BEGIN_DECLS

typedef struct _ObDrillScratch ObDrillScratch;

/* Writes the record; makes nothing yet. @instance is the one whose server is used, if there is to
 * be a @database. The record is locked until the scratch is freed, so that nobody clears it away as
 * a leftover. Blocks; job threads. Errors: INVALID_ARGUMENT where the directory for drills is not
 * root's alone to write. Transfer full. */
ObDrillScratch *ob_drill_scratch_new (ObContext *context, ObInstance *instance, gboolean database,
                                      GError **error);

/* The name of the database to make. Transfer none. */
const char *ob_drill_scratch_get_database (ObDrillScratch *scratch);

/* Where the directory is, for messages. Transfer none. */
const char *ob_drill_scratch_get_path (ObDrillScratch *scratch);

/* Makes an empty directory @name below the scratch directory, which is made where it is missing,
 * and which root alone can enter. The descriptor; -1 on error. Blocks. */
int ob_drill_scratch_make_directory (ObDrillScratch *scratch, const char *name, GError **error);

/* Removes the directory, or the database, with all that is in it; neither need be there. Blocks. */
gboolean ob_drill_scratch_remove_files (ObDrillScratch *scratch, GError **error);
gboolean ob_drill_scratch_drop_database (ObDrillScratch *scratch, GError **error);

/* Removes both, and the record last: it stays where something could not be removed, for the next
 * drill or the next start of the service to try again. Blocks. */
gboolean ob_drill_scratch_remove (ObDrillScratch *scratch, GError **error);

/* Lets go of the record; removes nothing. */
void ob_drill_scratch_free (ObDrillScratch *scratch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObDrillScratch, ob_drill_scratch_free)

G_END_DECLS
