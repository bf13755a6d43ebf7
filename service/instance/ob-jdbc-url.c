/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-jdbc-url.h"

#include <string.h>

#include "ob-error.h"

#define PREFIX "jdbc:postgresql:"
#define DEFAULT_PORT 5432
#define MAX_NAME 63 /* NAMEDATALEN - 1 */

/* internal methods */
static gboolean
parse_port (const char *text, guint *port, GError **error)
{
  guint64 number;

  if (*text == '\0')
    {
      *port = DEFAULT_PORT;
      return TRUE;
    }
  if (!g_ascii_string_to_unsigned (text, 10, 1, 65535, &number, NULL))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "bbdd.url has no port number from 1 to 65535 after the host's colon");
      return FALSE;
    }
  *port = (guint) number;
  return TRUE;
}

static gboolean
check_host (const char *host, const char *allowed, GError **error)
{
  if (*host != '\0' && strspn (host, allowed) == strlen (host) && *host != '-')
    return TRUE;

  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "The host in bbdd.url is neither a name nor an address; "
               "jdbc:postgresql://localhost:5432 would be right");
  return FALSE;
}

/* HOST, HOST:PORT, [ADDRESS], [ADDRESS]:PORT, :PORT or nothing. */
static gboolean
parse_server (ObJdbcUrl *url, char *server, GError **error)
{
  char *end = server[0] == '[' ? strchr (server, ']') : strchr (server, ':');

  if (server[0] == '[')
    {
      if (end == NULL || (end[1] != '\0' && end[1] != ':'))
        return check_host ("", "", error);
      *end = '\0';
      url->host = g_strdup (server + 1);
      return check_host (url->host, "0123456789abcdefABCDEF:.%" G_CSET_a_2_z, error)
             && parse_port (end[1] == ':' ? end + 2 : end + 1, &url->port, error);
    }

  if (end != NULL)
    *end++ = '\0';
  url->host = g_strdup (*server != '\0' ? server : "localhost");
  return check_host (url->host, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "._-", error)
         && parse_port (end != NULL ? end : "", &url->port, error);
}

static void
replace (char **field, char **value)
{
  g_free (*field);
  *field = g_steal_pointer (value);
}

/* pgjdbc's words for the encryption of the connection; all other parameters concern Java alone. */
static void
parse_parameters (ObJdbcUrl *url, const char *text)
{
  g_auto (GStrv) parameters = g_strsplit (text, "&", 256);

  for (char **parameter = parameters; *parameter != NULL; parameter++)
    {
      char *value = strchr (*parameter, '=');
      g_autofree char *decoded = NULL;

      if (value != NULL)
        *value++ = '\0';
      decoded = value != NULL ? g_uri_unescape_string (value, NULL) : g_strdup ("");
      if (decoded == NULL)
        continue;

      if (strcmp (*parameter, "sslmode") == 0)
        replace (&url->ssl_mode, &decoded);
      else if (strcmp (*parameter, "sslrootcert") == 0)
        replace (&url->ssl_root_cert, &decoded);
      else if (strcmp (*parameter, "ssl") == 0 && url->ssl_mode == NULL
               && (value == NULL || *decoded == '\0' || g_ascii_strcasecmp (decoded, "true") == 0))
        url->ssl_mode = g_strdup ("verify-full");
    }
}

static gboolean
check_ssl_mode (ObJdbcUrl *url, GError **error)
{
  static const char *const modes[]
      = { "disable", "allow", "prefer", "require", "verify-ca", "verify-full", NULL };

  if (url->ssl_mode == NULL || g_strv_contains (modes, url->ssl_mode))
    return TRUE;

  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "bbdd.props has an unknown sslmode; PostgreSQL knows disable, allow, prefer, "
               "require, verify-ca and verify-full");
  return FALSE;
}

static gboolean
set_database (ObJdbcUrl *url, const char *path, const char *sid, GError **error)
{
  if (sid != NULL && *path != '\0' && strcmp (path, sid) != 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "bbdd.url names the database \"%s\", and bbdd.sid names \"%s\"; which of them "
                   "is the application's? Take the one out of bbdd.url",
                   path, sid);
      return FALSE;
    }

  url->database = g_strdup (sid != NULL ? sid : path);
  if (*url->database == '\0' || strlen (url->database) > MAX_NAME)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "bbdd.sid has to be the name of a database, of 1 to %d bytes", MAX_NAME);
      return FALSE;
    }
  for (const char *c = url->database; *c != '\0'; c++)
    if (g_ascii_iscntrl (*c))
      {
        g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                     "bbdd.sid holds control characters, which no name of a database here may");
        return FALSE;
      }
  return TRUE;
}

/* Cuts @text at its first "?" and gives the rest, which may be "". */
static char *
cut_query (char *text)
{
  char *query = strchr (text, '?');

  if (query == NULL)
    return text + strlen (text);
  *query = '\0';
  return query + 1;
}

static gboolean
check_kind (const char *url, GError **error)
{
  if (g_str_has_prefix (url, "jdbc:oracle:"))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                   "bbdd.url names an Oracle database; only PostgreSQL can be backed up");
      return FALSE;
    }
  if (!g_str_has_prefix (url, PREFIX))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "bbdd.url is not the JDBC URL of a PostgreSQL database; "
                   "jdbc:postgresql://localhost:5432 would be right");
      return FALSE;
    }
  return TRUE;
}

/* public methods */
ObJdbcUrl *
ob_jdbc_url_parse (const char *url, const char *sid, const char *props, GError **error)
{
  g_autoptr (ObJdbcUrl) result = g_new0 (ObJdbcUrl, 1);
  g_autofree char *text = NULL;
  g_autofree char *name = g_strdup (sid);
  g_autofree char *nowhere = g_strdup ("");
  char *server = nowhere;
  char *path;

  if (!check_kind (url, error))
    return NULL;

  text = g_strdup (url + strlen (PREFIX));
  parse_parameters (result, cut_query (text));
  if (name != NULL)
    parse_parameters (result, cut_query (name));
  if (props != NULL)
    parse_parameters (result, *props == '?' ? props + 1 : props);

  path = text;
  if (g_str_has_prefix (text, "//"))
    {
      server = text + 2;
      path = strchr (server, '/');
      if (path != NULL)
        *path++ = '\0';
    }
  if (strchr (server, ',') != NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                   "bbdd.url names several hosts; name the one to back up from, in "
                   "Openbravo.properties or in this host's override of it");
      return NULL;
    }
  while (path != NULL && *path == '/')
    path++;
  if (path != NULL && g_str_has_suffix (path, "/"))
    path[strlen (path) - 1] = '\0';

  if (!parse_server (result, server, error) || !check_ssl_mode (result, error)
      || !set_database (result, path != NULL ? path : "", name, error))
    return NULL;
  return g_steal_pointer (&result);
}

void
ob_jdbc_url_free (ObJdbcUrl *url)
{
  g_free (url->host);
  g_free (url->database);
  g_free (url->ssl_mode);
  g_free (url->ssl_root_cert);
  g_free (url);
}
