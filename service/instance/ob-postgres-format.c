/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-postgres.h"

#include <string.h>

/* "name", with quotes in it doubled. */
static void
append_identifier (GString *text, const char *name)
{
  g_string_append_c (text, '"');
  for (; *name != '\0'; name++)
    {
      if (*name == '"')
        g_string_append_c (text, '"');
      g_string_append_c (text, *name);
    }
  g_string_append_c (text, '"');
}

/* 'value', or  E'value' where a backslash is in it: right whatever standard_conforming_strings is.
 * NULL is SQL's NULL. */
static void
append_literal (GString *text, const char *value)
{
  gboolean escape;

  if (value == NULL)
    {
      g_string_append (text, "NULL");
      return;
    }
  escape = strchr (value, '\\') != NULL;
  g_string_append (text, escape ? " E'" : "'");
  for (; *value != '\0'; value++)
    {
      if (*value == '\'' || *value == '\\')
        g_string_append_c (text, *value);
      g_string_append_c (text, *value);
    }
  g_string_append_c (text, '\'');
}

static char *
format_list (const char *format, va_list list)
{
  GString *text = g_string_new (NULL);

  for (const char *p = format; *p != '\0'; p++)
    {
      if (*p != '%')
        {
          g_string_append_c (text, *p);
          continue;
        }
      switch (*++p)
        {
        case 'I':
          append_identifier (text, va_arg (list, const char *));
          break;
        case 'L':
          append_literal (text, va_arg (list, const char *));
          break;
        case 's':
          g_string_append (text, va_arg (list, const char *));
          break;
        case 'u':
          g_string_append_printf (text, "%u", va_arg (list, guint));
          break;
        case '%':
          g_string_append_c (text, '%');
          break;
        default:
          g_error ("\"%s\" is no format of a statement", format);
        }
    }
  return g_string_free (text, FALSE);
}

char *
ob_postgres_format (const char *format, ...)
{
  va_list list;
  char *text;

  va_start (list, format);
  text = format_list (format, list);
  va_end (list);
  return text;
}

gboolean
ob_postgres_runf (ObPostgres *postgres,
                  GCancellable *cancellable,
                  GError **error,
                  const char *format,
                  ...)
{
  g_autofree char *sql = NULL;
  va_list list;

  va_start (list, format);
  sql = format_list (format, list);
  va_end (list);
  return ob_postgres_run (postgres, cancellable, error, sql);
}
