/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The longest one: ten years, in seconds. */
#define OB_TIME_SPAN_MAX (10u * 366 * 24 * 60 * 60)

/* "3d", "12h", "90m", "600s" or "600", of OB_TIME_SPAN_MAX at most, in seconds. FALSE where it
 * is none. Any thread. */
gboolean ob_time_span_parse (const char *text, guint *seconds);

/* As ob_time_span_parse() reads it, in the largest unit that has no rest. Transfer full. Any
 * thread. */
char *ob_time_span_format (guint seconds);

G_END_DECLS
