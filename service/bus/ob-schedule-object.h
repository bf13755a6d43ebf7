/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-dbus-generated.h"
#include "ob-schedules.h"

G_BEGIN_DECLS

#define OB_TYPE_SCHEDULE_OBJECT (ob_schedule_object_get_type ())
G_DECLARE_FINAL_TYPE (ObScheduleObject, ob_schedule_object, OB, SCHEDULE_OBJECT,
                      ObDBusBackup1ScheduledSkeleton)

/* The interface org.openbravo.Backup1.Schedule of the schedule @name, which the scheduler knows.
 * Both outlive it. Main context; so are all functions here. Transfer full. */
ObScheduleObject *ob_schedule_object_new (ObManager *manager, ObSchedules *schedules,
                                          const char *name);

/* Sets the properties anew. */
void ob_schedule_object_refresh (ObScheduleObject *object);

/* AddSchedule of the root: the path (transfer full). */
char *ob_schedule_call_add (ObManager *manager, const char *name, GVariant *options,
                            GError **error);

G_END_DECLS
