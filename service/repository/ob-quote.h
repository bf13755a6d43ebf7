/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text as Go writes it into JSON, since the ids of trees are hashes of that text. Any thread. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Appends @size bytes of @text as a JSON string with its quotes, the way encoding/json does:
 * what is not UTF-8 becomes U+FFFD. */
void ob_quote_append_json (GString *out, const char *text, gsize size);

/* As ob_quote_append_json(), after strconv.Quote without its outer quotes: how restic keeps names
 * that may hold any bytes. */
void ob_quote_append_name (GString *out, const char *name);

/* Undoes strconv.Quote (without its outer quotes) on @size bytes of @quoted, appending the bytes to
 * @out. FALSE where it is not what strconv.Unquote takes. */
gboolean ob_quote_unquote (GString *out, const char *quoted, gsize size);

G_END_DECLS
