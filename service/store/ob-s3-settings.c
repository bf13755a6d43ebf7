/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-s3-settings.h"

#include <gio/gio.h>
#include <string.h>

#include "ob-aws-keys.h"
#include "ob-error.h"

#define MAX_VALUE 1024
#define MAX_CONNECTIONS 32
#define DEFAULT_CONNECTIONS 5
#define MAX_LOCK_DAYS 36500
#define DEFAULT_REGION "us-east-1"

/* In the order of names[]. */
enum
{
  BUCKET,
  PREFIX,
  ENDPOINT,
  REGION,
  STYLE,
  CA_FILE,
  ALLOW_HTTP,
  STORAGE_CLASS,
  ENCRYPTION,
  KMS_KEY,
  CONNECTIONS,
  LOCK_DAYS,
  LOCK_MODE,
  CREDENTIALS,
  ACCESS_KEY,
  PROFILE,
  PROFILE_FILE,
  N_SETTINGS
};

static const char *const names[]
  = { "bucket",     "prefix",        "endpoint",   "region",     "style",
      "ca-file",    "allow-http",    "storage-class", "encryption", "kms-key",
      "connections", "lock-days",    "lock-mode",  "credentials", "access-key",
      "profile",    "profile-file",  NULL };

G_STATIC_ASSERT (G_N_ELEMENTS (names) == N_SETTINGS + 1);

struct _ObS3Settings
{
  char *values[N_SETTINGS];
};

/* internal methods: the form of single values */

/* Made of letters, digits and what is in @others. */
static gboolean
is_made_of (const char *value, const char *others)
{
  for (; *value != '\0'; value++)
    if (!g_ascii_isalnum (*value) && strchr (others, *value) == NULL)
      return FALSE;
  return TRUE;
}

static gboolean
is_one_of (const char *value, const char *first, const char *second, const char *third)
{
  return g_strcmp0 (value, first) == 0 || g_strcmp0 (value, second) == 0
         || g_strcmp0 (value, third) == 0;
}

/* No empty part, no "." or "..", and nothing that XML or a terminal could not show. */
static gboolean
is_prefix (const char *value)
{
  g_auto (GStrv) parts = g_strsplit (value, "/", -1);

  for (char **part = parts; *part != NULL; part++)
    if (**part == '\0' || strcmp (*part, ".") == 0 || strcmp (*part, "..") == 0)
      return FALSE;
  for (; *value != '\0'; value = g_utf8_next_char (value))
    if (!g_unichar_isprint (g_utf8_get_char (value)))
      return FALSE;
  return TRUE;
}

/* Host and port of "http[s]://HOST[:PORT][/]"; NULL where it is none. */
static GUri *
parse_endpoint (const char *value)
{
  g_autoptr (GUri) uri
    = g_uri_parse (value, G_URI_FLAGS_SCHEME_NORMALIZE | G_URI_FLAGS_HAS_PASSWORD, NULL);
  const char *host = uri != NULL ? g_uri_get_host (uri) : NULL;

  if (host == NULL || *host == '\0' || !is_made_of (host, ".-:")
      || !is_one_of (g_uri_get_scheme (uri), "http", "https", NULL) || g_uri_get_userinfo (uri)
      || g_uri_get_query (uri) || g_uri_get_fragment (uri)
      || !is_one_of (g_uri_get_path (uri), "", "/", NULL))
    return NULL;
  return g_steal_pointer (&uri);
}

static gboolean
is_connections (const char *value)
{
  return g_ascii_string_to_unsigned (value, 10, 1, MAX_CONNECTIONS, NULL, NULL);
}

static gboolean
is_lock_days (const char *value)
{
  return g_ascii_string_to_unsigned (value, 10, 0, MAX_LOCK_DAYS, NULL, NULL);
}

static gboolean
is_endpoint (const char *value)
{
  g_autoptr (GUri) uri = parse_endpoint (value);

  return uri != NULL;
}

/* NULL, or what the value of the setting has to be. */
static const char *
find_mistake (guint setting, const char *value)
{
  switch (setting)
    {
    case BUCKET:
      return is_made_of (value, ".-_") && g_ascii_isalnum (*value) && strlen (value) >= 3
                 && strlen (value) <= 255
               ? NULL
               : "3 to 255 letters, digits, \".\", \"-\" and \"_\"";
    case PREFIX:
      return is_prefix (value) ? NULL : "a path without \"/\" at its begin and end, and without "
                                        "\"..\"";
    case ENDPOINT:
      return is_endpoint (value) ? NULL : "https://HOST or https://HOST:PORT";
    case REGION:
      return is_made_of (value, "-_") && strlen (value) <= 64 ? NULL : "a word, as eu-west-1";
    case STYLE:
      return is_one_of (value, "auto", "path", "virtual") ? NULL : "auto, path or virtual";
    case CA_FILE:
    case PROFILE_FILE:
      return g_path_is_absolute (value) ? NULL : "an absolute path";
    case ALLOW_HTTP:
      return is_one_of (value, "true", "false", NULL) ? NULL : "true or false";
    case STORAGE_CLASS:
      return is_made_of (value, "_") && !is_one_of (value, "GLACIER", "DEEP_ARCHIVE", NULL)
               ? NULL
               : "one that can be read at any time, as STANDARD_IA or GLACIER_IR";
    case ENCRYPTION:
      return is_one_of (value, "AES256", "aws:kms", NULL) ? NULL : "AES256 or aws:kms";
    case CONNECTIONS:
      return is_connections (value) ? NULL : "1 to 32";
    case LOCK_DAYS:
      return is_lock_days (value) ? NULL : "a number of days, at most 36500";
    case LOCK_MODE:
      return is_one_of (value, "governance", "compliance", NULL) ? NULL
                                                                 : "governance or compliance";
    case CREDENTIALS:
      return is_one_of (value, "keys", "profile", "environment") || strcmp (value, "role") == 0
               ? NULL
               : "keys, profile, environment or role";
    case PROFILE:
      return strpbrk (value, "[]\r\n") == NULL ? NULL : "the name of a profile";
    default:
      return ob_aws_keys_is_valid_text (value, OB_AWS_MAX_KEY)
               ? NULL
               : "printable characters without blanks";
    }
}

static int
find_setting (const char *name)
{
  for (int i = 0; i < N_SETTINGS; i++)
    if (strcmp (names[i], name) == 0)
      return i;
  return -1;
}

/* internal methods: together */

static char *
get_endpoint (const ObS3Settings *self)
{
  if (self->values[ENDPOINT] != NULL)
    return g_strdup (self->values[ENDPOINT]);
  return g_strdup_printf ("https://s3.%s.amazonaws.com%s", ob_s3_settings_get_region (self),
                          g_str_has_prefix (ob_s3_settings_get_region (self), "cn-") ? ".cn" : "");
}

/* Host and port as the header Host has them: without the port that goes without saying. */
static char *
get_authority (GUri *uri)
{
  const char *host = g_uri_get_host (uri);
  gboolean bare = strchr (host, ':') == NULL;
  g_autofree char *shown = g_strconcat (bare ? "" : "[", host, bare ? "" : "]", NULL);
  int usual = strcmp (g_uri_get_scheme (uri), "https") == 0 ? 443 : 80;

  return g_uri_get_port (uri) <= 0 || g_uri_get_port (uri) == usual
           ? g_steal_pointer (&shown)
           : g_strdup_printf ("%s:%d", shown, g_uri_get_port (uri));
}

static gboolean
is_this_host (const char *host)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (host);

  return address != NULL ? g_inet_address_get_is_loopback (address)
                         : g_ascii_strcasecmp (host, "localhost") == 0;
}

static gboolean
is_virtual (const ObS3Settings *self, const char *host)
{
  if (g_strcmp0 (self->values[STYLE], "virtual") == 0)
    return TRUE;
  /* A certificate for *.HOST does not hold for a name with one more dot. */
  return g_strcmp0 (self->values[STYLE], "path") != 0
         && (g_str_has_suffix (host, ".amazonaws.com")
             || g_str_has_suffix (host, ".amazonaws.com.cn"))
         && strpbrk (self->values[BUCKET], "._") == NULL;
}

static gboolean
check_http (const ObS3Settings *self, GUri *uri, GError **error)
{
  if (strcmp (g_uri_get_scheme (uri), "https") == 0 || is_this_host (g_uri_get_host (uri))
      || g_strcmp0 (self->values[ALLOW_HTTP], "true") == 0)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "%s is plain HTTP, which everybody on the way can read and change; use https, or "
               "say that it is wanted with allow-http",
               self->values[ENDPOINT]);
  return FALSE;
}

static gboolean
check_credentials (const ObS3Settings *self, GError **error)
{
  const char *source = ob_s3_settings_get_credentials (self);

  if (strcmp (source, "keys") == 0 && self->values[ACCESS_KEY] == NULL)
    g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                         "The credentials are keys, but there is no access-key");
  else if (strcmp (source, "keys") != 0 && self->values[ACCESS_KEY] != NULL)
    g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                 "There is an access-key, but the credentials come from elsewhere (%s)", source);
  else if (strcmp (source, "profile") != 0
           && (self->values[PROFILE] != NULL || self->values[PROFILE_FILE] != NULL))
    g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                 "There is a profile, but the credentials come from elsewhere (%s)", source);
  else
    return TRUE;
  return FALSE;
}

/* public methods */

ObS3Settings *
ob_s3_settings_new (void)
{
  return g_new0 (ObS3Settings, 1);
}

ObS3Settings *
ob_s3_settings_copy (const ObS3Settings *settings)
{
  ObS3Settings *copy = ob_s3_settings_new ();

  for (guint i = 0; i < N_SETTINGS; i++)
    copy->values[i] = g_strdup (settings->values[i]);
  return copy;
}

void
ob_s3_settings_free (ObS3Settings *settings)
{
  if (settings == NULL)
    return;
  for (guint i = 0; i < N_SETTINGS; i++)
    g_free (settings->values[i]);
  g_free (settings);
}

const char *const *
ob_s3_settings_get_names (void)
{
  return names;
}

gboolean
ob_s3_settings_set (ObS3Settings *settings, const char *name, const char *value, GError **error)
{
  int setting = find_setting (name);
  const char *mistake = NULL;

  if (setting < 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "A destination in S3 has no setting \"%.64s\"", name);
      return FALSE;
    }
  if (value != NULL && *value != '\0')
    {
      mistake = strlen (value) > MAX_VALUE ? "at most 1,024 bytes" : NULL;
      if (mistake == NULL && !g_utf8_validate (value, -1, NULL))
        mistake = "a text";
      if (mistake == NULL)
        mistake = find_mistake ((guint) setting, value);
    }
  if (mistake != NULL)
    {
      g_autofree char *shown = g_strescape (value, NULL);

      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "\"%.200s\" cannot be the %s of a destination in S3: it has to be %s", shown,
                   name, mistake);
      return FALSE;
    }
  g_free (settings->values[setting]);
  settings->values[setting] = value != NULL && *value != '\0' ? g_strdup (value) : NULL;
  return TRUE;
}

gboolean
ob_s3_settings_check (const ObS3Settings *settings, GError **error)
{
  g_autofree char *endpoint = get_endpoint (settings);
  g_autoptr (GUri) uri = parse_endpoint (endpoint);

  if (settings->values[BUCKET] == NULL)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "Say in which bucket the backups shall be");
      return FALSE;
    }
  if (uri == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT, "%s is no endpoint", endpoint);
      return FALSE;
    }
  if (settings->values[KMS_KEY] != NULL
      && g_strcmp0 (settings->values[ENCRYPTION], "aws:kms") != 0)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "A kms-key is of use with the encryption aws:kms alone");
      return FALSE;
    }
  if (settings->values[LOCK_MODE] != NULL && settings->values[LOCK_DAYS] == NULL)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "A lock-mode is of use with lock-days alone");
      return FALSE;
    }
  if (g_strcmp0 (settings->values[STYLE], "virtual") == 0
      && g_hostname_is_ip_address (g_uri_get_host (uri)))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "%s has no names below it, which the style virtual needs; use the style path",
                   endpoint);
      return FALSE;
    }
  return check_http (settings, uri, error) && check_credentials (settings, error);
}

const char *
ob_s3_settings_get (const ObS3Settings *settings, const char *name)
{
  int setting = find_setting (name);

  return setting >= 0 ? settings->values[setting] : NULL;
}

const char *
ob_s3_settings_get_region (const ObS3Settings *settings)
{
  return settings->values[REGION] != NULL ? settings->values[REGION] : DEFAULT_REGION;
}

const char *
ob_s3_settings_get_credentials (const ObS3Settings *settings)
{
  if (settings->values[CREDENTIALS] != NULL)
    return settings->values[CREDENTIALS];
  if (settings->values[ACCESS_KEY] != NULL)
    return "keys";
  return settings->values[PROFILE] != NULL || settings->values[PROFILE_FILE] != NULL ? "profile"
                                                                                     : "role";
}

guint
ob_s3_settings_get_connections (const ObS3Settings *settings)
{
  return settings->values[CONNECTIONS] != NULL
           ? (guint) g_ascii_strtoull (settings->values[CONNECTIONS], NULL, 10)
           : DEFAULT_CONNECTIONS;
}

guint
ob_s3_settings_get_lock_days (const ObS3Settings *settings)
{
  return settings->values[LOCK_DAYS] != NULL
           ? (guint) g_ascii_strtoull (settings->values[LOCK_DAYS], NULL, 10)
           : 0;
}

char *
ob_s3_settings_get_base (const ObS3Settings *settings, char **host, char **path)
{
  g_autofree char *endpoint = get_endpoint (settings);
  g_autoptr (GUri) uri = parse_endpoint (endpoint);
  g_autofree char *authority = get_authority (uri);
  gboolean virtual_host = is_virtual (settings, g_uri_get_host (uri));
  g_autofree char *full = g_strconcat (virtual_host ? settings->values[BUCKET] : "",
                                       virtual_host ? "." : "", authority, NULL);

  *path = virtual_host ? g_strdup ("/") : g_strconcat ("/", settings->values[BUCKET], "/", NULL);
  *host = g_strdup (full);
  return g_strconcat (g_uri_get_scheme (uri), "://", full, NULL);
}

char *
ob_s3_settings_describe (const ObS3Settings *settings)
{
  g_autofree char *endpoint = get_endpoint (settings);
  g_autoptr (GUri) uri = parse_endpoint (endpoint);
  g_autofree char *authority = get_authority (uri);

  return g_strconcat ("s3:", g_uri_get_scheme (uri), "://", authority, "/",
                      settings->values[BUCKET],
                      settings->values[PREFIX] != NULL ? "/" : "",
                      settings->values[PREFIX] != NULL ? settings->values[PREFIX] : "", NULL);
}
