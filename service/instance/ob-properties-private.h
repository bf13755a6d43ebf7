/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lines of a properties file, for the reader and for the editor: one set of rules for both. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Where the parser stands in the bytes of a file. */
typedef struct
{
  const char *data;
  gsize size;
  gsize position;
  guint line; /* of the natural line read last, from 1 */
  const char *label;
  gsize end;       /* where the natural line read last ends, without its line end */
  gboolean open;   /* the file ended where a line asked to be continued */
  GArray *origins; /* of gsize: where each byte of the logical line stands in @data; may be NULL */
} ObPropertiesCursor;

/* The next line that has a key in @logical, with its continuations joined, still escaped; @line is
 * the number of its first natural line. FALSE at the end of the file. */
gboolean ob_properties_next_line (ObPropertiesCursor *cursor, GString *logical, guint *line);

/* Where the key of @logical ends and where its value begins. */
void ob_properties_split_line (const GString *logical, gsize *key_length, gsize *value_start);

/* The UTF-8 meaning of escaped ISO-8859-1; *@odd is set by an escape that may be a mistake.
 * Transfer full. Errors: INVALID_ARGUMENT for a malformed \uXXXX. */
char *ob_properties_unescape (const ObPropertiesCursor *cursor, guint line, const char *text,
                              gsize length, gboolean *odd, GError **error);

G_END_DECLS
