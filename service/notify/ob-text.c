/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-text.h"

#include <string.h>

#define ELLIPSIS "…"

/* What ends a line, controls a terminal, or turns the direction of what follows. */
static gboolean
is_control (gunichar c)
{
  switch (g_unichar_type (c))
    {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
      return TRUE;
    default:
      return FALSE;
    }
}

/* The longest whole characters of @text that take at most @max bytes. */
static gsize
length_within (const char *text, gsize max)
{
  const char *end = text;

  while (*end != '\0' && (gsize) (g_utf8_next_char (end) - text) <= max)
    end = g_utf8_next_char (end);
  return (gsize) (end - text);
}

char *
ob_text_make_line (const char *text, gsize max)
{
  /* One byte more than is kept tells that there is more. */
  gsize size = strnlen (text, max + 1);
  g_autofree char *valid = g_utf8_make_valid (text, (gssize) size);
  g_autoptr (GString) line = g_string_sized_new (size);

  for (const char *c = valid; *c != '\0'; c = g_utf8_next_char (c))
    if (is_control (g_utf8_get_char (c)))
      g_string_append_c (line, ' ');
    else
      g_string_append_len (line, c, g_utf8_next_char (c) - c);

  /* U+FFFD takes more room than what it stands for. */
  if (size > max || line->len > max)
    {
      g_string_truncate (line, length_within (line->str, max - strlen (ELLIPSIS)));
      g_string_append (line, ELLIPSIS);
    }
  return g_string_free (g_steal_pointer (&line), FALSE);
}
