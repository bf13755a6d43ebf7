/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-postgres-private.h"

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

/* Nothing where @value is NULL: then libpq decides. */
static void
append_conninfo (GString *text, const char *keyword, const char *value)
{
  if (value == NULL)
    return;
  g_string_append_printf (text, "%s%s='", text->len > 0 ? " " : "", keyword);
  for (; *value != '\0'; value++)
    {
      if (*value == '\'' || *value == '\\')
        g_string_append_c (text, '\\');
      g_string_append_c (text, *value);
    }
  g_string_append_c (text, '\'');
}

char *
ob_postgres_build_conninfo (const ObDatabaseConfig *config, ObRole role, const char *database)
{
  GString *text = g_string_new (NULL);
  g_autofree char *port = g_strdup_printf ("%u", config->port);

  append_conninfo (text, "host", config->host);
  append_conninfo (text, "port", port);
  append_conninfo (text, "dbname", database);
  append_conninfo (text, "user", role == OB_ROLE_OWNER ? config->user : config->system_user);
  append_conninfo (text, "gssencmode", "disable");
  append_conninfo (text, "connect_timeout", "15");
  append_conninfo (text, "sslmode", ob_postgres_choose_ssl_mode (config, "allow"));
  append_conninfo (text, "sslrootcert", config->ssl_root_cert);
  return g_string_free (text, FALSE);
}
