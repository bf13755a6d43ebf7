/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions on the terminal: asked on standard error, answered on standard input. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whether there is somebody to ask: standard input and error are a terminal. */
gboolean ob_ask_is_possible (void);

/* Asks, and gives the answer without blanks around it, or a copy of @proposal (may be NULL) where
 * nothing but Enter was pressed; "" where there is no proposal either. @question ends without a
 * colon. What cannot be shown (control characters, what is no UTF-8) is asked for again. Runs the
 * default main context; not to be mixed with stdio on standard input. Transfer full. NULL with
 * CANCELLED at Ctrl-C and at the end of the input, FAILED where it cannot be read. */
char *ob_ask (const char *question, const char *proposal, GError **error);

/* As ob_ask() until the answer is yes or no. @proposal: what Enter means. */
gboolean ob_ask_yes (const char *question, gboolean proposal, gboolean *yes, GError **error);

G_END_DECLS
