/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which directories a restore in place exchanges, and where their new states come up. */
#pragma once

#include "ob-restore-journal.h"

G_BEGIN_DECLS

/* Adds a unit for each directory of @parts to the journal: nested parts that are restored too
 * are part of the outer one's unit, those that are not are carried over. Looks at the file
 * system, makes missing parents, unless @dry, and makes nothing else. Blocks; job threads.
 * Errors: NOT_SUPPORTED where a directory cannot be exchanged (a mount point, for example), or
 * would take away what has to stay (a repository, another restore's former state, a mount in
 * it), INVALID_ARGUMENT where a path leads through a symbolic link. */
gboolean ob_restore_units_plan (ObRestoreJournal *journal, ObInstance *instance,
                                ObContext *context, ObParts parts, gboolean dry, GError **error);

/* Removes the directories that were made to hold those of the units, as far as they are empty.
 * Blocks. */
void ob_restore_units_remove_parents (ObRestoreJournal *journal);

/* Makes the unit's staging directory with an empty "new" in it, and notes their inodes in the unit.
 * The descriptor of "new"; -1 on error. Blocks. */
int ob_restore_unit_make_staging (ObRestoreUnit *unit, GError **error);

/* Makes an empty directory for the nested part at @relative below "new" (@fd), or clears the one
 * that is there; its parent keeps its times. The descriptor; -1 on error. Blocks. */
int ob_restore_unit_make_nested (int fd, const char *relative, GError **error);

/* Sees to it that the nested part at @relative can be moved below "new" (@fd) at the swap: its
 * parent is there, and nothing has its name. Blocks. */
gboolean ob_restore_unit_make_room (int fd, const char *relative, GError **error);

G_END_DECLS
