/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <string.h>

#include "ob-aws-sources.h"
#include "ob-error.h"
#include "ob-io.h"
#include "ob-secret.h"

#define MAX_FILE (1024 * 1024)

typedef struct
{
  char *path;
  char *profile;
} Source;

/* internal methods */

static void
source_free (gpointer data)
{
  Source *source = data;

  g_free (source->path);
  g_free (source->profile);
  g_free (source);
}

/* Whether @line begins the section [@profile]; @line is stripped. */
static gboolean
is_section (const char *line, const char *profile)
{
  const char *end = strchr (line, ']');
  g_autofree char *name = end != NULL ? g_strndup (line + 1, (gsize) (end - line - 1)) : NULL;

  return name != NULL && strcmp (g_strstrip (name), profile) == 0;
}

/* Takes the value of "NAME = VALUE" where it is the one called @name. */
static void
take (const char *line, const char *name, char **value)
{
  gsize length = strlen (name);

  if (g_ascii_strncasecmp (line, name, length) != 0)
    return;
  for (line += length; *line == ' ' || *line == '\t'; line++)
    ;
  if (*line != '=')
    return;
  ob_secret_free (*value);
  *value = g_strdup (line + 1);
  g_strstrip (*value);
}

static ObAwsKeys *
make_keys (const char *access_key, const char *secret_key, const char *token, GError **error)
{
  if (access_key != NULL && secret_key != NULL
      && ob_aws_keys_is_valid_text (access_key, OB_AWS_MAX_KEY)
      && ob_aws_keys_is_valid_text (secret_key, OB_AWS_MAX_KEY)
      && (token == NULL || ob_aws_keys_is_valid_text (token, OB_AWS_MAX_TOKEN)))
    return ob_aws_keys_new (access_key, secret_key, token, 0);
  g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                       "there is no whole pair of an access key and a secret key");
  return NULL;
}

static ObAwsKeys *
read_profile (gpointer data, gboolean renew, GCancellable *cancellable, GError **error)
{
  const Source *source = data;
  g_autoptr (GBytes) bytes = ob_read_file_at (AT_FDCWD, source->path, MAX_FILE, error);
  ObAwsKeys *keys = NULL;
  gconstpointer text;
  gsize size;

  if (bytes != NULL)
    {
      text = g_bytes_get_data (bytes, &size);
      keys = ob_aws_profile_parse (text, size, source->profile, error);
      ob_secret_wipe ((void *) text, size);
    }
  if (keys == NULL)
    g_prefix_error (error, "The profile %s in %s gives no keys: ", source->profile, source->path);
  return keys;
}

/* public methods */

ObAwsCredentials *
ob_aws_credentials_new_profile (const char *path, const char *profile)
{
  Source *source = g_new0 (Source, 1);

  source->path = g_strdup (path);
  source->profile = g_strdup (profile);
  return ob_aws_credentials_new (read_profile, source, source_free);
}

ObAwsCredentials *
ob_aws_credentials_new_environment (GError **error)
{
  const char *access_key = g_getenv ("AWS_ACCESS_KEY_ID");
  const char *token = g_getenv ("AWS_SESSION_TOKEN");
  g_autoptr (ObAwsKeys) keys
    = make_keys (access_key, g_getenv ("AWS_SECRET_ACCESS_KEY"),
                 token != NULL && *token != '\0' ? token : NULL, error);

  if (keys != NULL)
    return ob_aws_credentials_new_fixed (keys);
  g_prefix_error (error, "The environment of the service has no AWS_ACCESS_KEY_ID and "
                         "AWS_SECRET_ACCESS_KEY to use: ");
  return NULL;
}

ObAwsKeys *
ob_aws_profile_parse (const char *text, gsize size, const char *profile, GError **error)
{
  ob_autosecret char *access_key = NULL;
  ob_autosecret char *secret_key = NULL;
  ob_autosecret char *token = NULL;
  gboolean found = FALSE;
  gboolean inside = FALSE;

  for (const char *end = text + size; text < end;)
    {
      const char *stop = memchr (text, '\n', (gsize) (end - text));
      gsize length = (gsize) ((stop != NULL ? stop : end) - text);
      ob_autosecret char *line = g_strndup (text, length);

      text += length + 1;
      g_strstrip (line);
      if (*line == '[')
        {
          inside = is_section (line, profile);
          found = found || inside;
        }
      if (!inside)
        continue;
      take (line, "aws_access_key_id", &access_key);
      take (line, "aws_secret_access_key", &secret_key);
      take (line, "aws_session_token", &token);
    }
  if (found)
    return make_keys (access_key, secret_key, token, error);
  g_set_error_literal (error, OB_ERROR, OB_ERROR_NOT_FOUND, "there is no such profile");
  return NULL;
}
