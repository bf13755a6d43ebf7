/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-calendar-private.h"

#include "ob-error.h"

/* The expression in characters that take one column each and do nothing to a terminal, and in
 * *@column how many of them come before the byte @offset. */
static char *
make_printable (const char *text, gsize offset, gsize *column)
{
  g_autoptr (GString) out = g_string_new (NULL);
  const char *at = text;

  *column = 0;
  while (*at != '\0')
    {
      gunichar c = g_utf8_get_char_validated (at, -1);
      gboolean is_whole = c < 0x80000000;

      if (is_whole && g_unichar_isprint (c) && !g_unichar_iswide (c) && !g_unichar_iszerowidth (c))
        g_string_append_unichar (out, c);
      else
        g_string_append_c (out, '?');
      if ((gsize) (at - text) < offset)
        ++*column;
      at += is_whole ? g_utf8_skip[(guchar) *at] : 1;
    }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

void
ob_calendar_set_mistake (GError **error, const char *text, gsize offset, const char *format,
                         va_list arguments)
{
  gsize column;
  g_autofree char *printable = make_printable (text, offset, &column);
  g_autofree char *mark = g_strnfill (column, ' ');
  g_autofree char *message = g_strdup_vprintf (format, arguments);

  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "The calendar expression is wrong at the mark, where %s:\n  %s\n  %s^", message,
               printable, mark);
}
