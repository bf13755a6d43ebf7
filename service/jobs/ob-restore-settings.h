/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The properties of restored parts name where they were restored to. All block. */
#pragma once

#include "ob-instance-settings.h"
#include "ob-restore-task.h"

G_BEGIN_DECLS

/* In the restored @part whose directory is @fd; only sources and the web application have any.
 * @copy as for ob_instance_settle_settings(). A file that is no properties file is a warning. */
gboolean ob_restore_task_settle (ObRestoreTask *task, ObParts part, int fd,
                                 const ObInstanceCopy *copy, GError **error);

/* In what the backup was made on another host, or of an installation at other places: a sentence
 * each (char *). Where the task has no instance, the host alone. Transfer full. */
GPtrArray *ob_restore_task_list_differences (ObRestoreTask *task);

G_END_DECLS
