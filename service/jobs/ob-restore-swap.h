/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exchanging a restored directory with the living one, and back. Where each of the two is by now is
 * read from the file system (by inode number), so every function can be called again after a crash,
 * at whatever rename it came. Directories are opened anew, following no link, and have to be those
 * that the journal names: whoever swapped a parent meanwhile leads us nowhere. All block. */
#pragma once

#include "ob-restore-journal.h"

G_BEGIN_DECLS

#define OB_RESTORE_NEW "new"
#define OB_RESTORE_PREVIOUS "previous"

/* The staging directory, checked to be the one of the journal: root's alone. -1 on error; NOT_FOUND
 * where it is not there. */
int ob_restore_unit_open_staging (const ObRestoreUnit *unit, GError **error);

/* Puts the restored directory in place; what was there is "previous" in the staging directory. */
gboolean ob_restore_unit_swap (const ObRestoreUnit *unit, GError **error);

/* Puts the former directory back where it was; the restored one is "new" again. Where
 * nothing was exchanged that is so already, whatever has become of the parent. */
gboolean ob_restore_unit_swap_back (const ObRestoreUnit *unit, GError **error);

/* Removes the restored directory and the staging directory. "previous" is never touched. */
gboolean ob_restore_unit_discard (const ObRestoreUnit *unit, GError **error);

/* For undoing a restore: makes "previous" the directory that is to be put in place, "new", or
 * the other way round. Where that is so already nothing is done. Errors: NOT_FOUND where there
 * is none of the two. */
gboolean ob_restore_unit_turn (const ObRestoreUnit *unit, gboolean previous_to_new, GError **error);

/* Removes the former directory that is kept and the staging directory. Where it is gone already
 * nothing is done. From the first file on it is no former directory any more, whether or not all of
 * it can be removed: what is left of it the next call removes. */
gboolean ob_restore_unit_release (const ObRestoreUnit *unit, GCancellable *cancellable,
                                  GError **error);

/* Removes the staging directory where nothing is kept in it, since there was no former state. */
void ob_restore_unit_tidy (const ObRestoreUnit *unit);

G_END_DECLS
