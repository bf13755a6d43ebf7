/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-dbus-generated.h"
#include "ob-job.h"

G_BEGIN_DECLS

#define OB_TYPE_JOB_OBJECT (ob_job_object_get_type ())
G_DECLARE_FINAL_TYPE (ObJobObject, ob_job_object, OB, JOB_OBJECT, ObDBusBackup1JobSkeleton)

/* The interface org.openbravo.Backup1.Job of @job, which has its number. Main context; so are all
 * functions here. Transfer full. */
ObJobObject *ob_job_object_new (ObJob *job);

/* Transfer none. */
ObJob *ob_job_object_get_job (ObJobObject *object);
const char *ob_job_object_get_path (ObJobObject *object);

/* Publishes the last state. Until this is called a job that has ended still shows the state before,
 * so that whoever sees the end also sees what came of it. */
void ob_job_object_end (ObJobObject *object);

G_END_DECLS
