/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests have to know of a lock: its times, which they cannot wait for. */
#pragma once

#include "ob-lock.h"

G_BEGIN_DECLS

typedef struct
{
  guint settle_ms;  /* between writing and looking again; restic: 200 */
  guint refresh_ms; /* between refreshes; restic: 5 minutes */
  guint retry_ms;   /* after a refresh that failed */
  guint valid_ms;   /* since the last refresh; restic: 22.5 minutes, well before it is stale */
  guint confirm_ms; /* since the file was last seen, for ob_lock_confirm_again(): a refresh, and
                     * some */
} ObLockTimes;

ObLock *ob_lock_acquire_with_times (ObRepository *repository, gboolean exclusive,
                                    const ObLockTimes *times, GCancellable *cancellable,
                                    GError **error);

/* How long ob_lock_acquire_within() waits, in milliseconds, for who asks for @seconds on a machine
 * that is up for @uptime_ms, time asleep included. Any thread. */
gint64 ob_lock_get_patience (guint seconds, gint64 uptime_ms);

G_END_DECLS
