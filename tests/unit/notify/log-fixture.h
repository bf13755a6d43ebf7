/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the program logs, kept for the test instead of being printed. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* From now on; once, after g_test_init(). */
void log_fixture_begin (void);

/* All messages and warnings since the last call, a line each, and forgets them. Transfer full. */
char *log_fixture_take (void);

/* Waits until there is a line that holds @part, and fails after a minute. */
void log_fixture_wait_for (const char *part);

/* How often @part is in @text. */
guint log_fixture_count (const char *text, const char *part);

#define g_assert_text_has(text, part)                                                              \
  g_assert_nonnull (strstr ((text), (part)) != NULL ? (text) : (g_test_message ("%s", text), NULL))

G_END_DECLS
