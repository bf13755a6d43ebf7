/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where what happens is told: the journal, the administrator's hooks, and a file of numbers for
 * Prometheus. Main context. */
#pragma once

#include "ob-event.h"
#include "ob-job.h"
#include "ob-manager.h"

G_BEGIN_DECLS

typedef struct _ObTeller ObTeller;

/* Hooks are in CONFIG/hooks.d. @manager outlives it. Transfer full. */
ObTeller *ob_teller_new (ObManager *manager);

/* Waits for the hooks that run, for five seconds at most. */
void ob_teller_free (ObTeller *teller);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObTeller, ob_teller_free)

/* Takes @event (transfer full). */
void ob_teller_tell (ObTeller *teller, ObEvent *event);

/* A job has ended. */
void ob_teller_take_job (ObTeller *teller, ObJob *job);

/* Writes the numbers anew, in a thread, where obbackup.conf names a file for them. */
void ob_teller_write_metrics (ObTeller *teller);

G_END_DECLS
