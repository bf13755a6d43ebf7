/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-quote.h"

#include <string.h>

/* Bytes that stand for themselves in both encodings. */
static gboolean
is_plain (guchar c)
{
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

/* The character at @p and its length in bytes; FALSE where it is not UTF-8. */
static gboolean
decode (const char *p, const char *end, gunichar *c, gsize *length)
{
  if ((guchar) *p < 0x80)
    {
      *c = (guchar) *p;
      *length = 1;
      return TRUE;
    }
  *c = g_utf8_get_char_validated (p, end - p);
  if (*c == (gunichar) -1 || *c == (gunichar) -2)
    return FALSE;
  *length = (gsize) g_unichar_to_utf8 (*c, NULL);
  return TRUE;
}

static void
append_json_control (GString *out, guchar c)
{
  switch (c)
    {
    case '\n':
      g_string_append (out, "\\n");
      break;
    case '\r':
      g_string_append (out, "\\r");
      break;
    case '\t':
      g_string_append (out, "\\t");
      break;
    default:
      g_string_append_printf (out, "\\u%04x", c);
    }
}

void
ob_quote_append_json (GString *out, const char *text, gsize size)
{
  const char *end = text + size;

  g_string_append_c (out, '"');
  while (text < end)
    {
      const char *run = text;
      gunichar c;
      gsize length;

      while (text < end && is_plain ((guchar) *text))
        text++;
      g_string_append_len (out, run, text - run);
      if (text == end)
        break;

      if (!decode (text, end, &c, &length))
        {
          g_string_append (out, "\\ufffd");
          text++;
          continue;
        }
      if (c == '"' || c == '\\')
        {
          g_string_append_c (out, '\\');
          g_string_append_c (out, (char) c);
        }
      else if (c < 0x20)
        append_json_control (out, (guchar) c);
      else if (c == '<' || c == '>' || c == '&' || c == 0x2028 || c == 0x2029)
        g_string_append_printf (out, "\\u%04x", c);
      else
        g_string_append_len (out, text, (gssize) length);
      text += length;
    }
  g_string_append_c (out, '"');
}

/* As unicode.IsPrint: letters, marks, numbers, punctuation, symbols and the ASCII blank. */
static gboolean
is_print (gunichar c)
{
  switch (g_unichar_type (c))
    {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT:
    case G_UNICODE_UNASSIGNED:
    case G_UNICODE_PRIVATE_USE:
    case G_UNICODE_SURROGATE:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
      return FALSE;
    case G_UNICODE_SPACE_SEPARATOR:
      return c == ' ';
    default:
      return TRUE;
    }
}

static void
append_quoted_char (GString *out, const char *at, gunichar c, gsize length)
{
  static const char letters[] = "abtnvfr"; /* 7 to 13 */

  if (c == '"' || c == '\\')
    {
      g_string_append_c (out, '\\');
      g_string_append_c (out, (char) c);
    }
  else if (c >= 7 && c <= 13)
    {
      g_string_append_c (out, '\\');
      g_string_append_c (out, letters[c - 7]);
    }
  else if (c < 0x20 || c == 0x7f)
    g_string_append_printf (out, "\\x%02x", c);
  else if (is_print (c))
    g_string_append_len (out, at, (gssize) length);
  else if (c < 0x10000)
    g_string_append_printf (out, "\\u%04x", c);
  else
    g_string_append_printf (out, "\\U%08x", c);
}

void
ob_quote_append_name (GString *out, const char *name)
{
  gsize size = strlen (name);
  const char *end = name + size;
  const char *p = name;
  g_autoptr (GString) quoted = NULL;

  while (p < end && is_plain ((guchar) *p))
    p++;
  if (p == end)
    {
      g_string_append_c (out, '"');
      g_string_append_len (out, name, (gssize) size);
      g_string_append_c (out, '"');
      return;
    }

  quoted = g_string_new_len (name, p - name);
  while (p < end)
    {
      gunichar c;
      gsize length;

      if (decode (p, end, &c, &length))
        append_quoted_char (quoted, p, c, length);
      else
        {
          g_string_append_printf (quoted, "\\x%02x", (guchar) *p);
          length = 1;
        }
      p += length;
    }
  ob_quote_append_json (out, quoted->str, quoted->len);
}

/* A number of @digits digits in base 16 or 8. */
static gboolean
read_number (const char **p, const char *end, guint digits, guint base, guint32 *value)
{
  *value = 0;
  if ((gsize) (end - *p) < digits)
    return FALSE;
  for (guint i = 0; i < digits; i++)
    {
      int digit = g_ascii_xdigit_value (*(*p)++);

      if (digit < 0 || digit >= (int) base)
        return FALSE;
      *value = *value * base + (guint32) digit;
    }
  return TRUE;
}

static gboolean
append_code_point (GString *out, guint32 value)
{
  if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
    return FALSE;
  g_string_append_unichar (out, value);
  return TRUE;
}

/* What follows a backslash. */
static gboolean
unquote_escape (GString *out, const char **p, const char *end)
{
  static const char names[] = "abfnrtv\\\"";
  static const char values[] = "\a\b\f\n\r\t\v\\\"";
  const char *found;
  guint32 value;
  char c;

  if (*p == end)
    return FALSE;
  c = *(*p)++;
  found = c != '\0' ? strchr (names, c) : NULL;
  if (found != NULL)
    {
      g_string_append_c (out, values[found - names]);
      return TRUE;
    }
  switch (c)
    {
    case 'x':
      if (!read_number (p, end, 2, 16, &value))
        return FALSE;
      g_string_append_c (out, (char) value);
      return TRUE;
    case 'u':
      return read_number (p, end, 4, 16, &value) && append_code_point (out, value);
    case 'U':
      return read_number (p, end, 8, 16, &value) && append_code_point (out, value);
    default:
      (*p)--;
      if (!read_number (p, end, 3, 8, &value) || value > 255)
        return FALSE;
      g_string_append_c (out, (char) value);
      return TRUE;
    }
}

gboolean
ob_quote_unquote (GString *out, const char *quoted, gsize size)
{
  const char *end = quoted + size;

  while (quoted < end)
    {
      char c = *quoted++;

      if (c == '"' || c == '\n')
        return FALSE;
      if (c != '\\')
        g_string_append_c (out, c);
      else if (!unquote_escape (out, &quoted, end))
        return FALSE;
    }
  return TRUE;
}
