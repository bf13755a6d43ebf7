/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-dbus-generated.h"
#include "ob-manager.h"

G_BEGIN_DECLS

/* What a job that has ended means for backups and instances: tells them, and on @root who
 * listens. Main context. */
void ob_job_news_tell (ObManager *manager, ObDBusBackup1 *root, ObJob *job);

G_END_DECLS
