/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a drill does with one backup: the database first, then each directory, one after the other,
 * so that it never takes more room than the largest of them. */
#pragma once

#include "ob-drill-result.h"
#include "ob-restore-task.h"

G_BEGIN_DECLS

/* Restores the parts of @task into a scratch of their own, compares, checks, and removes all of it.
 * @task has its repository open and its manifest; its rows, files and bytes are counted up.
 * *@checks: what the instance's checks told (of ObDatabaseCheck, transfer full), or NULL. @blame:
 * whether an error is the backup's own. Blocks. Errors: CORRUPT where it is; NO_SPACE, before
 * anything is made or while it is; others where nothing was learnt of the backup. */
gboolean ob_drill_run (ObRestoreTask *task, GPtrArray **checks, gboolean *blame, GError **error);

G_END_DECLS
