/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* One line of JSON on standard output, flushed. @value may be floating. */
void ob_output_json (GVariant *value);

/* A line of JSON from a dictionary (a{sv}) with one more member in front. @value may be
 * floating. */
void ob_output_json_typed (const char *type, GVariant *dictionary);

/* Whether standard output (@fd 1) or error (2) is a terminal that takes control sequences. */
gboolean ob_output_is_terminal (int fd);

/* The text with every control character, and every byte that is not UTF-8, made visible: nothing
 * that a backup holds may steer the reader's terminal. Transfer full. */
char *ob_output_escape (const char *text);

/* A line "warning: …" on standard error. */
void ob_output_warning (const char *message);

G_END_DECLS
