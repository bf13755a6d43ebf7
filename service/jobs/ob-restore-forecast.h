/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a restore in place would do, told beforehand: nothing is made or stopped. */
#pragma once

#include "ob-restore-task.h"

G_BEGIN_DECLS

/* Sets the job's result to what PlanRestore promises, for the parts of @task, which are chosen.
 * What stands in the way is an obstacle in it and no error. Blocks. */
gboolean ob_restore_task_forecast (ObRestoreTask *task, GError **error);

G_END_DECLS
