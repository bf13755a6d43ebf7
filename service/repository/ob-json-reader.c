/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-json-reader.h"

#include <string.h>

/* Bytes in the text for one of the string: "\u0041". */
#define LONGEST_ESCAPE 6

void
ob_json_reader_init (ObJsonReader *self, const void *data, gsize size)
{
  *self = (ObJsonReader){ .at = data, .end = (const char *) data + size };
}

gboolean
ob_json_reader_fail (ObJsonReader *self)
{
  self->has_failed = TRUE;
  self->at = self->end;
  return FALSE;
}

static void
skip_blanks (ObJsonReader *self)
{
  while (self->at < self->end
         && (*self->at == ' ' || *self->at == '\n' || *self->at == '\t' || *self->at == '\r'))
    self->at++;
}

/* Whether @c comes next; then it is consumed. */
static gboolean
take (ObJsonReader *self, char c)
{
  skip_blanks (self);
  if (self->at >= self->end || *self->at != c)
    return FALSE;

  self->at++;
  return TRUE;
}

static gboolean
take_word (ObJsonReader *self, const char *word)
{
  gsize size = strlen (word);

  skip_blanks (self);
  if ((gsize) (self->end - self->at) < size || memcmp (self->at, word, size) != 0)
    return FALSE;

  self->at += size;
  return TRUE;
}

static gboolean
begin (ObJsonReader *self, char opening)
{
  if (self->depth >= OB_JSON_MAX_DEPTH)
    return ob_json_reader_fail (self);

  if (take_word (self, "null"))
    self->is_null = TRUE;
  else if (!take (self, opening))
    return ob_json_reader_fail (self);

  self->depth++;
  self->is_first = TRUE;
  return TRUE;
}

gboolean
ob_json_reader_begin_object (ObJsonReader *self)
{
  return begin (self, '{');
}

gboolean
ob_json_reader_begin_array (ObJsonReader *self)
{
  return begin (self, '[');
}

/* Whether there is another member or element: takes the comma before it, or the end. */
static gboolean
next (ObJsonReader *self, char closing)
{
  gboolean is_first = self->is_first;

  if (self->has_failed || self->depth == 0)
    return ob_json_reader_fail (self);

  self->is_first = FALSE;
  if (self->is_null || take (self, closing))
    {
      self->is_null = FALSE;
      self->depth--;
      return FALSE;
    }

  return is_first || take (self, ',') || ob_json_reader_fail (self);
}

gboolean
ob_json_reader_next_member (ObJsonReader *self, ObJsonSlice *name)
{
  if (!next (self, '}') || !ob_json_reader_read_string (self, name))
    return FALSE;

  return take (self, ':') || ob_json_reader_fail (self);
}

gboolean
ob_json_reader_next_element (ObJsonReader *self)
{
  return next (self, ']');
}

gboolean
ob_json_reader_read_string (ObJsonReader *self, ObJsonSlice *value)
{
  const char *start;

  if (!take (self, '"'))
    return ob_json_reader_fail (self);

  for (start = self->at; self->at < self->end && *self->at != '"'; self->at++)
    {
      if ((guchar) *self->at < 0x20)
        return ob_json_reader_fail (self);
      if (*self->at == '\\' && ++self->at == self->end)
        return ob_json_reader_fail (self);
    }
  if (self->at >= self->end)
    return ob_json_reader_fail (self);

  *value = (ObJsonSlice){ .data = start, .size = (gsize) (self->at - start) };
  self->at++;
  return TRUE;
}

gboolean
ob_json_reader_read_id (ObJsonReader *self, ObId *value)
{
  ObJsonSlice text;

  /* The closing quote ends the digits. */
  if (!ob_json_reader_read_string (self, &text) || text.size != OB_ID_HEX_SIZE - 1
      || !ob_id_from_hex (text.data, value))
    return ob_json_reader_fail (self);
  return TRUE;
}

gboolean
ob_json_reader_read_uint (ObJsonReader *self, guint64 max, guint64 *value)
{
  guint64 number = 0;
  const char *start;

  skip_blanks (self);
  for (start = self->at; self->at < self->end && g_ascii_isdigit (*self->at); self->at++)
    {
      guint digit = (guint) (*self->at - '0');

      if (number > (max - MIN (max, digit)) / 10 || number * 10 + digit > max)
        return ob_json_reader_fail (self);
      number = number * 10 + digit;
    }
  if (self->at == start
      || (self->at < self->end && (*self->at == '.' || *self->at == 'e' || *self->at == 'E')))
    return ob_json_reader_fail (self);

  *value = number;
  return TRUE;
}

gboolean
ob_json_reader_read_boolean (ObJsonReader *self, gboolean *value)
{
  if (take_word (self, "true"))
    *value = TRUE;
  else if (take_word (self, "false"))
    *value = FALSE;
  else
    return ob_json_reader_fail (self);
  return TRUE;
}

static gboolean
read_hex4 (const char **at, const char *end, gunichar *value)
{
  gunichar number = 0;

  if (end - *at < 4)
    return FALSE;
  for (int i = 0; i < 4; i++, (*at)++)
    {
      int digit = g_ascii_xdigit_value (**at);

      if (digit < 0)
        return FALSE;
      number = number << 4 | (gunichar) digit;
    }

  *value = number;
  return TRUE;
}

/* What follows "\u": one code unit of UTF-16, or two. A lone surrogate becomes U+FFFD, as Go reads
 * it. */
static gboolean
append_unicode (GString *text, const char **at, const char *end)
{
  gunichar c, low;
  const char *ahead;

  if (!read_hex4 (at, end, &c) || c == 0)
    return FALSE;

  if (c >= 0xd800 && c < 0xdc00)
    {
      ahead = *at;
      if (end - ahead >= 2 && ahead[0] == '\\' && ahead[1] == 'u' && (ahead += 2)
          && read_hex4 (&ahead, end, &low) && low >= 0xdc00 && low < 0xe000)
        {
          c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
          *at = ahead;
        }
    }
  if (c >= 0xd800 && c < 0xe000)
    c = 0xfffd;

  g_string_append_unichar (text, c);
  return TRUE;
}

static gboolean
append_escape (GString *text, const char **at, const char *end)
{
  static const char names[] = "\"\\/bfnrt";
  static const char values[] = "\"\\/\b\f\n\r\t";
  char c = *(*at)++;
  const char *found;

  if (c == 'u')
    return append_unicode (text, at, end);

  found = c == '\0' ? NULL : strchr (names, c);
  if (found == NULL)
    return FALSE;
  g_string_append_c (text, values[found - names]);
  return TRUE;
}

char *
ob_json_reader_dup_string (ObJsonReader *self, gsize max)
{
  g_autoptr (GString) text = NULL;
  ObJsonSlice slice;
  const char *at, *end;

  if (!ob_json_reader_read_string (self, &slice))
    return NULL;
  if (slice.size / LONGEST_ESCAPE > max || !g_utf8_validate_len (slice.data, slice.size, NULL))
    {
      ob_json_reader_fail (self);
      return NULL;
    }

  text = g_string_sized_new (slice.size);
  end = slice.data + slice.size;
  for (at = slice.data; at < end;)
    {
      if (*at != '\\')
        g_string_append_c (text, *at++);
      else if (at++, !append_escape (text, &at, end))
        {
          ob_json_reader_fail (self);
          return NULL;
        }
    }
  /* Of the string, not of how it is written: what was read can be written and read again. */
  if (text->len > max)
    {
      ob_json_reader_fail (self);
      return NULL;
    }

  return g_string_free (g_steal_pointer (&text), FALSE);
}

static int
base64_value (char c)
{
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

gboolean
ob_json_reader_read_base64 (ObJsonReader *self, gsize min, gsize max, guint8 *value, gsize *size)
{
  ObJsonSlice text;
  gsize padding = 0, decoded;
  guint32 bits = 0;
  gsize n = 0;

  if (!ob_json_reader_read_string (self, &text) || text.size % 4 != 0)
    return ob_json_reader_fail (self);

  while (padding < MIN (2, text.size) && text.data[text.size - 1 - padding] == '=')
    padding++;
  decoded = text.size / 4 * 3 - padding;
  if (decoded < min || decoded > max)
    return ob_json_reader_fail (self);

  for (gsize i = 0; i < text.size - padding; i++)
    {
      int digit = base64_value (text.data[i]);

      if (digit < 0)
        return ob_json_reader_fail (self);
      bits = bits << 6 | (guint32) digit;
      if (i % 4 != 0)
        value[n++] = (guint8) (bits >> (6 - i % 4 * 2));
    }

  *size = decoded;
  return n == decoded || ob_json_reader_fail (self);
}

static gboolean
skip_number (ObJsonReader *self)
{
  const char *start = self->at;

  while (self->at < self->end
         && (g_ascii_isdigit (*self->at) || strchr ("+-.eE", *self->at) != NULL) && *self->at != 0)
    self->at++;
  return self->at > start || ob_json_reader_fail (self);
}

gboolean
ob_json_reader_skip (ObJsonReader *self)
{
  ObJsonSlice slice;

  skip_blanks (self);
  if (self->at >= self->end)
    return ob_json_reader_fail (self);

  switch (*self->at)
    {
    case '{':
      for (ob_json_reader_begin_object (self); ob_json_reader_next_member (self, &slice);)
        ob_json_reader_skip (self);
      return !self->has_failed;
    case '[':
      for (ob_json_reader_begin_array (self); ob_json_reader_next_element (self);)
        ob_json_reader_skip (self);
      return !self->has_failed;
    case '"':
      return ob_json_reader_read_string (self, &slice);
    case 't':
      return take_word (self, "true") || ob_json_reader_fail (self);
    case 'f':
      return take_word (self, "false") || ob_json_reader_fail (self);
    case 'n':
      return take_word (self, "null") || ob_json_reader_fail (self);
    default:
      return skip_number (self);
    }
}

gboolean
ob_json_reader_finish (ObJsonReader *self)
{
  skip_blanks (self);
  return !self->has_failed && self->depth == 0 && self->at == self->end;
}

gboolean
ob_json_is_bounded (const void *text, gsize size)
{
  ObJsonReader reader;

  ob_json_reader_init (&reader, text, size);
  ob_json_reader_skip (&reader);
  return ob_json_reader_finish (&reader);
}

void
ob_json_append_string (GString *text, const char *value)
{
  g_autofree char *valid = g_utf8_make_valid (value, -1);

  g_string_append_c (text, '"');
  for (const char *at = valid; *at != '\0'; at++)
    {
      if (*at == '"' || *at == '\\')
        g_string_append_printf (text, "\\%c", *at);
      else if ((guchar) *at < 0x20 || *at == 0x7f)
        g_string_append_printf (text, "\\u%04x", (guint) *at);
      else
        g_string_append_c (text, *at);
    }
  g_string_append_c (text, '"');
}

gboolean
ob_json_slice_is (const ObJsonSlice *slice, const char *text)
{
  return strlen (text) == slice->size && memcmp (slice->data, text, slice->size) == 0;
}
