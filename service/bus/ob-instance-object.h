/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-dbus-generated.h"
#include "ob-instance.h"
#include "ob-job.h"

G_BEGIN_DECLS

typedef struct _ObManager ObManager;

#define OB_TYPE_INSTANCE_OBJECT (ob_instance_object_get_type ())
G_DECLARE_FINAL_TYPE (ObInstanceObject, ob_instance_object, OB, INSTANCE_OBJECT,
                      ObDBusBackup1InstanceSkeleton)

/* The interface org.openbravo.Backup1.Instance of @instance, with what STATE/instances/NAME.conf
 * remembers of it. @manager outlives it. Main context; so are all functions here. Transfer full. */
ObInstanceObject *ob_instance_object_new (ObManager *manager, ObInstance *instance);

/* Transfer none; another one after Update. */
ObInstance *ob_instance_object_get_instance (ObInstanceObject *object);

/* What discovery found missing: sets Health. */
void ob_instance_object_take_notes (ObInstanceObject *object, const char *const *notes);

/* Sets ChangeSince anew. */
void ob_instance_object_look_at_change (ObInstanceObject *object);

/* When it was added, or first seen, seconds since the epoch. */
gint64 ob_instance_object_get_added (ObInstanceObject *object);

/* Sets NextRun, seconds since the epoch. */
void ob_instance_object_set_next_run (ObInstanceObject *object, guint64 next_run);

/* Another configuration of the same name. */
void ob_instance_object_replace (ObInstanceObject *object, ObInstance *instance);

/* Learns from a job about this instance that has ended. */
void ob_instance_object_take_job (ObInstanceObject *object, ObJob *job);

/* Learns from the result of a deletion (a{sv}), which may have been of its last backup. */
void ob_instance_object_take_deletion (ObInstanceObject *object, GVariant *result);

/* Learns from what a drill that ended at @time found (an a{sv} of "backups" of its result). Where
 * nothing was learnt of the backup, nothing is. */
void ob_instance_object_take_drill (ObInstanceObject *object, guint64 time, GVariant *backup);

/* Whether a job of the history ended before what is remembered was written. */
gboolean ob_instance_object_knows_job (ObInstanceObject *object, ObJob *job);

G_END_DECLS
