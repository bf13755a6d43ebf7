/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the clock on the wall shows in a time zone, as the number of microseconds since it would
 * have shown 1970-01-01 00:00 in a zone that never changes its offset. All functions: any
 * thread. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What the clock shows at @usec since 1970-01-01 00:00 UTC. */
gint64 ob_wall_time_from_utc (GTimeZone *zone, gint64 usec);

/* The first moment after @after_usec at which the clock shows @wall, or at which it skips @wall.
 * FALSE where there is none. */
gboolean ob_wall_time_to_utc (GTimeZone *zone, gint64 wall, gint64 after_usec, gint64 *usec);

G_END_DECLS
