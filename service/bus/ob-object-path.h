/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names and paths of what is on the bus. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define OB_BUS_NAME "org.openbravo.Backup1"
#define OB_ROOT_PATH "/org/openbravo/Backup1"

#define OB_ROOT_INTERFACE "org.openbravo.Backup1"
#define OB_INSTANCE_INTERFACE OB_ROOT_INTERFACE ".Instance"
#define OB_DESTINATION_INTERFACE OB_ROOT_INTERFACE ".Destination"
#define OB_SCHEDULE_INTERFACE OB_ROOT_INTERFACE ".Schedule"
#define OB_JOB_INTERFACE OB_ROOT_INTERFACE ".Job"

#define OB_FOLDER_INSTANCES "instances"
#define OB_FOLDER_DESTINATIONS "destinations"
#define OB_FOLDER_SCHEDULES "schedules"
#define OB_FOLDER_JOBS "jobs"

/* The path of the object @name in @folder: OB_ROOT_PATH/FOLDER/NAME, each byte of @name that is
 * not an ASCII letter or digit written as "_" and two lower-case hexadecimal digits. @name is
 * not empty. Transfer full. Any thread. */
char *ob_object_path_new (const char *folder, const char *name);

G_END_DECLS
