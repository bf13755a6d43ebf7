/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a job waits for that is not of this host: the destinations that it works with are looked at
 * while it runs. */
#pragma once

#include "ob-destination.h"

G_BEGIN_DECLS

typedef struct _ObJobWaiting ObJobWaiting;

/* Transfer full. Any thread. */
ObJobWaiting *ob_job_waiting_new (void);
void ob_job_waiting_free (ObJobWaiting *waiting);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObJobWaiting, ob_job_waiting_free)

/* Looks at these from now on (of ObDestination), and at no others. Any thread. */
void ob_job_waiting_watch (ObJobWaiting *waiting, GPtrArray *destinations);

/* Looks at all of them: TRUE where it begins or ends to wait, or waits for something else. What is
 * over within a second is not worth a word, and does not count. Main context. */
gboolean ob_job_waiting_look (ObJobWaiting *waiting);

/* Looks no more: it does not wait. Main context. */
void ob_job_waiting_end (ObJobWaiting *waiting);

/* Whom and why, as of the last look, to go behind "waiting for "; NULL where it does not wait.
 * Belongs to @waiting. Main context. */
const char *ob_job_waiting_get_text (ObJobWaiting *waiting);

/* Since when, seconds since the epoch; 0 where it does not wait. Main context. */
gint64 ob_job_waiting_get_since (ObJobWaiting *waiting);

G_END_DECLS
