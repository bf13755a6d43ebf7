/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way out of a restore in place, forwards or back, from wherever its journal says that it is.
 * The restore itself ends through these functions, and so does the start of the service after a
 * crash. The rule (docs/architecture.md): up to "swapping" all is taken back; while swapping, the
 * database decides: exchanged (or its number passed on so far that the way back is no shorter) and
 * the rest is finished, else, and without a database, all is taken back; from "swapped" on it is
 * finished, unless the application does not come up, which leads back by way of "returning". All
 * block; job threads, or the thread of the recovery at the start.
 */
#pragma once

#include "ob-restore-journal.h"
#include "ob-progress.h"

G_BEGIN_DECLS

/* Brings the restore to an end by that rule; the journal's phase is "done" then where it is
 * finished. Taken back means: what was exchanged returns, the application is started where it
 * may have been stopped, what was staged is removed, and the journal with it. What does not
 * succeed but endangers nothing is a warning (also something staged that cannot be removed). On
 * error, where a directory is still exchanged for example, the application is started all the
 * same, and the journal stays, for another try. */
gboolean ob_restore_resolve (ObRestoreJournal *journal, ObInstance *instance, ObContext *context,
                             ObProgress *progress, GError **error);

/* All is swapped in: starts the application, waits until it is well, and turns the journal into
 * the record of the former state (its phase is "done" then). Where it does not come up all is
 * taken back, and the error tells so; where there is no former state to go back to, it stays in
 * place. */
gboolean ob_restore_finish (ObRestoreJournal *journal, ObInstance *instance, ObContext *context,
                            ObProgress *progress, GError **error);

/* Sees to it that no interrupted restore of @instance (by name) is left: what the start of the
 * service could not do, because the database was down for example, is tried again. Every job that
 * reads or writes the living installation begins with it. What it did is a warning: somebody should
 * know. Errors: BUSY saying what is in the way. */
gboolean ob_restore_settle (ObContext *context, const char *instance, ObProgress *progress,
                            GError **error);

G_END_DECLS
