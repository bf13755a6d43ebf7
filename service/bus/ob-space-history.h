/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much was free at a destination in the last weeks, to tell how long it will last. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _ObSpaceHistory ObSpaceHistory;

/* @texts: as ob_space_history_list() gave them; what is none is left out. NULL for none.
 * Transfer full. */
ObSpaceHistory *ob_space_history_new (const char *const *texts);
void ob_space_history_free (ObSpaceHistory *history);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObSpaceHistory, ob_space_history_free)

/* At @now (seconds since the epoch) @free_bytes were free: kept where the last one that is kept
 * is six hours old. Of the last sixty days, 240 at most. */
void ob_space_history_add (ObSpaceHistory *history, gint64 now, guint64 free_bytes);

/* "SECONDS:BYTES", oldest first. Transfer full. */
GStrv ob_space_history_list (ObSpaceHistory *history);

/* Days until nothing is free, with @free_bytes free now, at the mean growth of the days that are
 * kept: the slope of the straight line that fits them best (least squares). FALSE where it does
 * not shrink, or where less than a day is known. */
gboolean ob_space_history_forecast (ObSpaceHistory *history, guint64 free_bytes, guint *days);

G_END_DECLS
