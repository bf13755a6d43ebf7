/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A line on the terminal that is drawn anew again and again: phase, share, bytes, rate, time left.
 * Draws nothing where standard error is no terminal. */
typedef struct
{
  gboolean enabled;
  gboolean drawn;
} ObProgressLine;

void ob_progress_line_init (ObProgressLine *line, gboolean enabled);

/* @done, @total: bytes; @total 0: not known. @rate: bytes a second. */
void ob_progress_line_draw (ObProgressLine *line, const char *phase, guint64 done, guint64 total,
                            guint64 rate);

/* The same while the job waits: @reason: whom for and why; @seconds: for how long. */
void ob_progress_line_draw_waiting (ObProgressLine *line, const char *reason, guint64 seconds);

/* Takes it off the terminal, so that something else can be printed. */
void ob_progress_line_hide (ObProgressLine *line);

G_END_DECLS
