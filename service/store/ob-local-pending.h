/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that are written but neither durable nor visible, until they become so all together: the
 * disk then works on many at once, and each directory is synced once. */
#pragma once

#include <gio/gio.h>

#include "ob-fd-cache.h"
#include "ob-local-file.h"

G_BEGIN_DECLS

typedef struct _ObLocalPending ObLocalPending;

/* What is published is forgotten by @cache (transfer none). Transfer full. All functions but the
 * last: any thread. */
ObLocalPending *ob_local_pending_new (ObFdCache *cache);

/* Takes @file, and flushes where very many wait by now. Errors: as ob_local_pending_flush(). */
gboolean ob_local_pending_add (ObLocalPending *pending, ObLocalFile *file,
                               GCancellable *cancellable, char **failed);

/* Syncs and publishes all files added so far, also those that another thread's flush is at. FALSE
 * with errno set (ECANCELED on cancel: nothing is lost then), and in *@failed (transfer full) the
 * name of the file. A failure is for good, and every later call fails in the same way: whose file
 * was lost is not known, and the kernel tells of a failed write once only. */
gboolean ob_local_pending_flush (ObLocalPending *pending, GCancellable *cancellable, char **failed);

/* Whether a flush has failed for good. Waits for one that is at work. */
gboolean ob_local_pending_has_failed (ObLocalPending *pending);

/* Removes what was not flushed. */
void ob_local_pending_free (ObLocalPending *pending);

G_END_DECLS
