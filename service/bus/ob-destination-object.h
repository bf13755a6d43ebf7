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

/* What is wrong with reaching it; NULL for nothing. Transfer none. */
const char *ob_destination_object_get_problem (ObDestinationObject *object);

/* What a verification found damaged, until one finds nothing; NULL for nothing. Transfer none. */
const char *ob_destination_object_get_damage (ObDestinationObject *object);

/* When a verification of all its backups last found nothing wrong; 0: never. */
guint64 ob_destination_object_get_last_sound (ObDestinationObject *object);

/* For how many days its space will last at the growth of late; FALSE where that cannot be told. */
gboolean ob_destination_object_get_days_left (ObDestinationObject *object, guint *days);

/* Another configuration of the same name. */
void ob_destination_object_replace (ObDestinationObject *object, ObDestination *destination);

/* Learns from a job about this destination that has ended. */
void ob_destination_object_take_job (ObDestinationObject *object, ObJob *job);

G_END_DECLS
