/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-aws-credentials.h"

#include <pthread.h>

#include "ob-error.h"

/* Seconds before the end at which keys are renewed, so that none ends on its way. */
#define MARGIN (5 * 60)

struct _ObAwsCredentials
{
  gatomicrefcount references;
  ObAwsKeysFunc func;
  gpointer data;
  GDestroyNotify destroy;

  pthread_mutex_t mutex; /* held while keys are fetched: whoever wants some waits for the same */
  ObAwsKeys *keys;
};

/* internal methods */

static ObAwsKeys *
give_fixed (gpointer data, gboolean renew, GCancellable *cancellable, GError **error)
{
  return ob_aws_keys_ref (data);
}

static gboolean
ends_within (ObAwsKeys *keys, gint64 seconds)
{
  gint64 expires = ob_aws_keys_get_expires (keys);

  return expires != 0 && expires - seconds <= g_get_real_time () / G_USEC_PER_SEC;
}

static gboolean
fetch (ObAwsCredentials *self, ObAwsKeys *refused, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local = NULL;
  ObAwsKeys *keys = self->func (self->data, refused != NULL, cancellable, &local);

  if (keys != NULL)
    {
      g_clear_pointer (&self->keys, ob_aws_keys_unref);
      self->keys = keys;
      return TRUE;
    }
  if (self->keys != NULL && self->keys != refused && !ends_within (self->keys, 0)
      && !g_error_matches (local, OB_ERROR, OB_ERROR_CANCELLED))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

/* public methods */

ObAwsCredentials *
ob_aws_credentials_new (ObAwsKeysFunc func, gpointer data, GDestroyNotify destroy)
{
  ObAwsCredentials *self = g_new0 (ObAwsCredentials, 1);

  g_atomic_ref_count_init (&self->references);
  pthread_mutex_init (&self->mutex, NULL);
  self->func = func;
  self->data = data;
  self->destroy = destroy;
  return self;
}

ObAwsCredentials *
ob_aws_credentials_new_fixed (ObAwsKeys *keys)
{
  return ob_aws_credentials_new (give_fixed, ob_aws_keys_ref (keys),
                                 (GDestroyNotify) ob_aws_keys_unref);
}

ObAwsCredentials *
ob_aws_credentials_ref (ObAwsCredentials *credentials)
{
  g_atomic_ref_count_inc (&credentials->references);
  return credentials;
}

void
ob_aws_credentials_unref (ObAwsCredentials *credentials)
{
  if (credentials == NULL || !g_atomic_ref_count_dec (&credentials->references))
    return;
  if (credentials->destroy != NULL)
    credentials->destroy (credentials->data);
  g_clear_pointer (&credentials->keys, ob_aws_keys_unref);
  pthread_mutex_destroy (&credentials->mutex);
  g_free (credentials);
}

ObAwsKeys *
ob_aws_credentials_get (ObAwsCredentials *credentials, ObAwsKeys *refused,
                        GCancellable *cancellable, GError **error)
{
  ObAwsKeys *keys = NULL;
  gboolean good;

  pthread_mutex_lock (&credentials->mutex);
  good = credentials->keys != NULL && credentials->keys != refused
         && !ends_within (credentials->keys, MARGIN);
  if (good || fetch (credentials, refused, cancellable, error))
    keys = ob_aws_keys_ref (credentials->keys);
  pthread_mutex_unlock (&credentials->mutex);
  return keys;
}
