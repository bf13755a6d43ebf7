/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What systemd is told of the service: that it is ready, alive, reading its configuration,
 * stopping; and a line of what it does. Main context. */
#pragma once

#include "ob-manager.h"

G_BEGIN_DECLS

typedef struct _ObSupervision ObSupervision;

/* Begins to tell. @manager outlives it. Transfer full. */
ObSupervision *ob_supervision_new (ObManager *manager);
void ob_supervision_free (ObSupervision *supervision);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObSupervision, ob_supervision_free)

/* The name on the bus is there. */
void ob_supervision_tell_ready (ObSupervision *supervision);

/* Reads the configuration again. */
void ob_supervision_reload (ObSupervision *supervision);

/* The end has begun, and takes at most @seconds. */
void ob_supervision_tell_stopping (ObSupervision *supervision, guint seconds);

G_END_DECLS
