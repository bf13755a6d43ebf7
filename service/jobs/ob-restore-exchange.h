/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The short part of a restore in place, and of undoing one: the application is stopped, what is
 * staged takes the place of what lives, the application is started and seen to be well. All
 * block. */
#pragma once

#include "ob-restore-journal.h"
#include "ob-restore-task.h"

G_BEGIN_DECLS

/* Settles whether the database keeps its number (journal->oid), by task->number, the activation
 * keys of both sides and what the server can. Warns where a key will have to be activated again.
 * Errors: NOT_SUPPORTED where it was asked for and cannot be. */
gboolean ob_restore_task_choose_number (ObRestoreTask *task, ObRestoreJournal *journal,
                                        GError **error);

/* From "staging", when all is staged, to "done". Sets the result's "downtime" and "previous".
 * After a failure all is as it was, as far as that can be done, and the application runs.
 * Errors: BUSY where somebody is still connected as bbdd.user and the task is not forced. */
gboolean ob_restore_task_exchange (ObRestoreTask *task, ObRestoreJournal *journal, GError **error);

/* Ends what failed with @failure (transfer full) before the exchange. Always FALSE, unless the
 * exchange turns out to be done. */
gboolean ob_restore_task_give_up (ObRestoreTask *task, ObRestoreJournal *journal, GError *failure,
                                  GError **error);

G_END_DECLS
