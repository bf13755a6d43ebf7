/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-json-scanner.h"

#include <string.h>

#define MAX_DEPTH 64

void
ob_json_scanner_init (ObJsonScanner *scanner, const char *text, gsize size)
{
  scanner->p = text;
  scanner->end = text + size;
}

static void
skip_space (ObJsonScanner *scanner)
{
  while (scanner->p < scanner->end
         && (*scanner->p == ' ' || *scanner->p == '\t' || *scanner->p == '\n'
             || *scanner->p == '\r'))
    scanner->p++;
}

gboolean
ob_json_scanner_accept (ObJsonScanner *scanner, char c)
{
  skip_space (scanner);
  if (scanner->p == scanner->end || *scanner->p != c)
    return FALSE;
  scanner->p++;
  return TRUE;
}

gboolean
ob_json_scanner_expect (ObJsonScanner *scanner, char c)
{
  return ob_json_scanner_accept (scanner, c);
}

static gboolean
accept_word (ObJsonScanner *scanner, const char *word)
{
  gsize length = strlen (word);

  skip_space (scanner);
  if ((gsize) (scanner->end - scanner->p) < length || memcmp (scanner->p, word, length) != 0)
    return FALSE;
  scanner->p += length;
  return TRUE;
}

gboolean
ob_json_scanner_accept_null (ObJsonScanner *scanner)
{
  return accept_word (scanner, "null");
}

gboolean
ob_json_scanner_at_end (ObJsonScanner *scanner)
{
  skip_space (scanner);
  return scanner->p == scanner->end;
}

static gboolean
read_hex4 (ObJsonScanner *scanner, gunichar *value)
{
  *value = 0;
  if (scanner->end - scanner->p < 4)
    return FALSE;
  for (guint i = 0; i < 4; i++)
    {
      int digit = g_ascii_xdigit_value (*scanner->p++);

      if (digit < 0)
        return FALSE;
      *value = *value << 4 | (guint) digit;
    }
  return TRUE;
}

/* What follows "\u". */
static gboolean
read_unicode_escape (ObJsonScanner *scanner, GString *out)
{
  gunichar c;
  gunichar low;
  const char *after_first;

  if (!read_hex4 (scanner, &c))
    return FALSE;
  if (c < 0xd800 || c > 0xdfff)
    {
      if (c == 0)
        g_string_append_c (out, '\0');
      else
        g_string_append_unichar (out, c);
      return TRUE;
    }

  after_first = scanner->p;
  if (c < 0xdc00 && scanner->end - scanner->p >= 6 && scanner->p[0] == '\\'
      && scanner->p[1] == 'u')
    {
      scanner->p += 2;
      if (!read_hex4 (scanner, &low))
        return FALSE;
      if (low >= 0xdc00 && low <= 0xdfff)
        {
          g_string_append_unichar (out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
          return TRUE;
        }
      scanner->p = after_first;
    }
  g_string_append_unichar (out, 0xfffd);
  return TRUE;
}

static gboolean
read_escape (ObJsonScanner *scanner, GString *out)
{
  static const char names[] = "\"\\/bfnrt";
  static const char values[] = "\"\\/\b\f\n\r\t";
  const char *found;
  char c;

  if (scanner->p == scanner->end)
    return FALSE;
  c = *scanner->p++;
  if (c == 'u')
    return read_unicode_escape (scanner, out);
  found = c != '\0' ? strchr (names, c) : NULL;
  if (found == NULL)
    return FALSE;
  g_string_append_c (out, values[found - names]);
  return TRUE;
}

gboolean
ob_json_scanner_read_string (ObJsonScanner *scanner, GString *out)
{
  g_string_truncate (out, 0);
  if (!ob_json_scanner_expect (scanner, '"'))
    return FALSE;

  while (TRUE)
    {
      const char *run = scanner->p;

      while (scanner->p < scanner->end && *scanner->p != '"' && *scanner->p != '\\'
             && (guchar) *scanner->p >= 0x20)
        scanner->p++;
      g_string_append_len (out, run, scanner->p - run);
      if (scanner->p == scanner->end)
        return FALSE;

      switch (*scanner->p++)
        {
        case '"':
          return TRUE;
        case '\\':
          if (!read_escape (scanner, out))
            return FALSE;
          break;
        default:
          return FALSE;
        }
    }
}

gboolean
ob_json_scanner_read_uint64 (ObJsonScanner *scanner, guint64 *value)
{
  const char *start;

  skip_space (scanner);
  start = scanner->p;
  *value = 0;
  while (scanner->p < scanner->end && g_ascii_isdigit (*scanner->p))
    {
      if (!g_uint64_checked_mul (value, *value, 10)
          || !g_uint64_checked_add (value, *value, (guint64) (*scanner->p - '0')))
        return FALSE;
      scanner->p++;
    }
  /* A fraction or an exponent would have to be understood, not cut off. */
  return scanner->p > start
         && (scanner->p == scanner->end
             || (*scanner->p != '.' && *scanner->p != 'e' && *scanner->p != 'E'));
}

static gboolean
skip_string (ObJsonScanner *scanner)
{
  if (!ob_json_scanner_expect (scanner, '"'))
    return FALSE;
  while (scanner->p < scanner->end)
    switch (*scanner->p++)
      {
      case '"':
        return TRUE;
      case '\\':
        if (scanner->p == scanner->end)
          return FALSE;
        scanner->p++;
        break;
      default:
        break;
      }
  return FALSE;
}

static gboolean
skip_number (ObJsonScanner *scanner)
{
  const char *start;

  skip_space (scanner);
  start = scanner->p;
  while (scanner->p < scanner->end && *scanner->p != '\0'
         && strchr ("+-.0123456789eE", *scanner->p) != NULL)
    scanner->p++;
  return scanner->p > start;
}

/* Nesting is counted, not recursed into: the depth is the text's choice. */
gboolean
ob_json_scanner_skip (ObJsonScanner *scanner)
{
  char closing[MAX_DEPTH];
  guint depth = 0;

  do
    {
      if (depth > 0 && ob_json_scanner_accept (scanner, closing[depth - 1]))
        depth--;
      else
        {
          if (depth > 0 && closing[depth - 1] == '}'
              && (!skip_string (scanner) || !ob_json_scanner_expect (scanner, ':')))
            return FALSE;

          skip_space (scanner);
          if (scanner->p == scanner->end)
            return FALSE;
          if (*scanner->p == '{' || *scanner->p == '[')
            {
              if (depth == MAX_DEPTH)
                return FALSE;
              closing[depth++] = *scanner->p++ == '{' ? '}' : ']';
              continue;
            }
          if (*scanner->p == '"' ? !skip_string (scanner)
                                 : !(accept_word (scanner, "true") || accept_word (scanner, "false")
                                     || accept_word (scanner, "null") || skip_number (scanner)))
            return FALSE;
        }
      /* A comma wants a further element; without one the container must end. */
      if (depth > 0 && !ob_json_scanner_accept (scanner, ','))
        {
          skip_space (scanner);
          if (scanner->p == scanner->end || *scanner->p != closing[depth - 1])
            return FALSE;
        }
    }
  while (depth > 0);
  return TRUE;
}
