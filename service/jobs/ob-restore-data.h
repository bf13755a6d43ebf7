/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A restore as a part of another job. */
#pragma once

#include "ob-operations.h"

G_BEGIN_DECLS

typedef struct _ObRestoreData ObRestoreData;

/* Arguments and errors as ob_restore_job_new(). Transfer full. */
ObRestoreData *ob_restore_data_new (ObContext *context, ObInstance *instance,
                                    GPtrArray *destinations, const char *id,
                                    const ObRestoreOptions *options, GError **error);
void ob_restore_data_free (ObRestoreData *data);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObRestoreData, ob_restore_data_free)

/* Runs it in @job's thread, and sets @job's result as a restore's. */
gboolean ob_restore_data_run (ObRestoreData *data, ObJob *job, GCancellable *cancellable,
                              GError **error);

G_END_DECLS
