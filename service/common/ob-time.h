/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <time.h>

G_BEGIN_DECLS

/* RFC 3339 with nanoseconds in UTC as Go prints it, "2026-11-23T04:05:06.789Z" (no trailing zeros
 * in the fraction). Years 0 to 9999; others are clamped. Transfer full. Any thread. */
char *ob_time_format (const struct timespec *when);

/* Reads RFC 3339 with any offset and any fraction (cut to nanoseconds). FALSE where it is not one.
 * Any thread. */
gboolean ob_time_parse (const char *text, struct timespec *when);

G_END_DECLS
