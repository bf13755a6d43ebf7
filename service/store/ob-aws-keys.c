/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-aws-keys.h"

#include <string.h>

#include "ob-secret.h"

struct _ObAwsKeys
{
  gatomicrefcount references;
  char *access_key;
  char *secret_key;
  char *session_token;
  gint64 expires;
};

ObAwsKeys *
ob_aws_keys_new (const char *access_key, const char *secret_key, const char *session_token,
                 gint64 expires)
{
  ObAwsKeys *keys = g_new0 (ObAwsKeys, 1);

  g_atomic_ref_count_init (&keys->references);
  keys->access_key = g_strdup (access_key);
  keys->secret_key = g_strdup (secret_key);
  keys->session_token = g_strdup (session_token);
  keys->expires = expires;
  return keys;
}

ObAwsKeys *
ob_aws_keys_ref (ObAwsKeys *keys)
{
  g_atomic_ref_count_inc (&keys->references);
  return keys;
}

void
ob_aws_keys_unref (ObAwsKeys *keys)
{
  if (keys == NULL || !g_atomic_ref_count_dec (&keys->references))
    return;
  g_free (keys->access_key);
  ob_secret_free (keys->secret_key);
  ob_secret_free (keys->session_token);
  g_free (keys);
}

const char *
ob_aws_keys_get_access_key (ObAwsKeys *keys)
{
  return keys->access_key;
}

const char *
ob_aws_keys_get_secret_key (ObAwsKeys *keys)
{
  return keys->secret_key;
}

const char *
ob_aws_keys_get_session_token (ObAwsKeys *keys)
{
  return keys->session_token;
}

gint64
ob_aws_keys_get_expires (ObAwsKeys *keys)
{
  return keys->expires;
}

gboolean
ob_aws_keys_is_valid_text (const char *text, gsize max)
{
  gsize size = strlen (text);

  for (gsize i = 0; i < size; i++)
    if (!g_ascii_isgraph (text[i]))
      return FALSE;
  return size > 0 && size <= max;
}
