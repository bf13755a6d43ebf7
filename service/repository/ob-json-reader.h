/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small pull parser for JSON that is already in memory (RFC 8259): nothing is allocated but
 * what the caller asks for, nesting is bounded, and nothing of the text is left behind
 * elsewhere. For the files of a repository, some of which have a hundred thousand members, some
 * of which are secret.
 *
 *   ob_json_reader_begin_object (&reader);
 *   while (ob_json_reader_next_member (&reader, &name))
 *     if (ob_json_slice_is (&name, "id"))
 *       …one call that reads the value…
 *     else
 *       ob_json_reader_skip (&reader);
 *   return ob_json_reader_finish (&reader);
 *
 * After the first failure every call fails, so a caller need only look at the end. */
#pragma once

#include "ob-id.h"

G_BEGIN_DECLS

#define OB_JSON_MAX_DEPTH 64

/* Bytes inside the text, without quotes, escapes as they stand. */
typedef struct
{
  const char *data;
  gsize size;
} ObJsonSlice;

/* Lives on the caller's stack; its members are its own. */
typedef struct
{
  const char *at;
  const char *end;
  guint depth;
  gboolean is_first;
  gboolean is_null;
  gboolean has_failed;
} ObJsonReader;

/* @data must outlive the reader. */
void ob_json_reader_init (ObJsonReader *reader, const void *data, gsize size);

/* Enters an object or an array. A null stands for an empty one, as Go writes a nil slice: the next
 * call of next_member or next_element then returns FALSE. */
gboolean ob_json_reader_begin_object (ObJsonReader *reader);
gboolean ob_json_reader_begin_array (ObJsonReader *reader);

/* TRUE with the reader at the value of the next member; FALSE after the last or on failure. */
gboolean ob_json_reader_next_member (ObJsonReader *reader, ObJsonSlice *name);
gboolean ob_json_reader_next_element (ObJsonReader *reader);

/* The value, which must be of that kind. */
gboolean ob_json_reader_read_string (ObJsonReader *reader, ObJsonSlice *value);
gboolean ob_json_reader_read_id (ObJsonReader *reader, ObId *value);
gboolean ob_json_reader_read_uint (ObJsonReader *reader, guint64 max, guint64 *value);
gboolean ob_json_reader_read_boolean (ObJsonReader *reader, gboolean *value);

/* A string with its escapes resolved, valid UTF-8 without NUL, of at most @max bytes.
 * Transfer full; NULL on failure. */
char *ob_json_reader_dup_string (ObJsonReader *reader, gsize max);

/* Base64 (RFC 4648, with padding) straight into @value: at least @min and at most @max bytes. */
gboolean ob_json_reader_read_base64 (ObJsonReader *reader, gsize min, gsize max, guint8 *value,
                                     gsize *size);

/* Passes over a value of any kind. */
gboolean ob_json_reader_skip (ObJsonReader *reader);

/* Records a failure: a value that has the right kind and makes no sense. Always FALSE. */
gboolean ob_json_reader_fail (ObJsonReader *reader);

/* Whether nothing failed and nothing but blanks is left. */
gboolean ob_json_reader_finish (ObJsonReader *reader);

/* Whether @text is one value of JSON, nested no deeper than OB_JSON_MAX_DEPTH: json-glib
 * descends by recursion, however deep a text is nested, so it must be asked before. */
gboolean ob_json_is_bounded (const void *text, gsize size);

/* Appends @value (UTF-8; made valid where it is not) as a quoted string with escapes. */
void ob_json_append_string (GString *text, const char *value);

gboolean ob_json_slice_is (const ObJsonSlice *slice, const char *text);

G_END_DECLS
