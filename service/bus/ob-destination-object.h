/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-dbus-generated.h"
#include "ob-destination.h"
#include "ob-job.h"

G_BEGIN_DECLS

typedef struct _ObManager ObManager;

#define OB_TYPE_DESTINATION_OBJECT (ob_destination_object_get_type ())
G_DECLARE_FINAL_TYPE (ObDestinationObject, ob_destination_object, OB, DESTINATION_OBJECT,
                      ObDBusBackup1DestinationSkeleton)

/* The interface org.openbravo.Backup1.Destination of @destination, with what
 * STATE/destinations/NAME.conf remembers of it. @manager outlives it. Main context; so are all
 * functions here. Transfer full. */
ObDestinationObject *ob_destination_object_new (ObManager *manager, ObDestination *destination);

/* Transfer none; another one after Update. */
ObDestination *ob_destination_object_get_destination (ObDestinationObject *object);

/* Learns from a job about this destination that has ended. */
void ob_destination_object_take_job (ObDestinationObject *object, ObJob *job);

G_END_DECLS
