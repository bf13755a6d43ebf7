/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers for people. All transfer full. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* "1.4 GB": powers of 1000, three digits at most; "-" for G_MAXUINT64 (not known). */
char *ob_format_size (guint64 bytes);

/* "0.4 s", "12 s", "3 min 05 s", "2 h 10 min". */
char *ob_format_duration (double seconds);

/* Local time, "2026-11-23 04:05"; "never" for 0. */
char *ob_format_time (guint64 when);

/* "3 min ago", "2 days ago", "just now". */
char *ob_format_age (guint64 when);

/* "2026", "2026-11" or "2026-11-22" in local time as the first second and the one behind the last.
 * FALSE where it is none of these. */
gboolean ob_parse_date (const char *text, guint64 *since, guint64 *until);

G_END_DECLS
