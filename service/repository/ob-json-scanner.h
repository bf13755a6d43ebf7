/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Reads JSON from front to back without building anything: trees are the one kind of JSON that
 * is read by the hundred thousand. Every function skips white space first; FALSE means that the
 * text is not JSON, or not what was asked for, and the scanner is of no use afterwards. */
typedef struct
{
  const char *p;
  const char *end;
} ObJsonScanner;

void ob_json_scanner_init (ObJsonScanner *scanner, const char *text, gsize size);

/* Takes the character @c. */
gboolean ob_json_scanner_expect (ObJsonScanner *scanner, char c);

/* Takes @c if it comes next. */
gboolean ob_json_scanner_accept (ObJsonScanner *scanner, char c);

/* Takes null if it comes next. */
gboolean ob_json_scanner_accept_null (ObJsonScanner *scanner);

/* Whether nothing follows. */
gboolean ob_json_scanner_at_end (ObJsonScanner *scanner);

/* A string into @out (emptied first); may hold NUL. Lone surrogates become U+FFFD. */
gboolean ob_json_scanner_read_string (ObJsonScanner *scanner, GString *out);

/* A whole number from 0 to G_MAXUINT64. */
gboolean ob_json_scanner_read_uint64 (ObJsonScanner *scanner, guint64 *value);

/* A value of any kind, nested 64 deep at most. */
gboolean ob_json_scanner_skip (ObJsonScanner *scanner);

G_END_DECLS
