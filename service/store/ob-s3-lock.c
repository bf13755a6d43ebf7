/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-s3-lock.h"

#include <pthread.h>
#include <string.h>

#include "ob-error.h"

#define DAY (24 * 60 * 60)
#define QUERY "retention="

struct _ObS3Lock
{
  ObS3Http *http; /* not owned */
  char *where;
  guint days;
  gboolean compliance;

  pthread_mutex_t mutex;
  gboolean asked, there;
};

/* internal methods */

/* The MD5 of a body, which says nothing of its safety: its SHA-256 is signed. */
static char *
digest_of (const struct iovec *parts, gsize n_parts)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_MD5);
  guint8 digest[16];
  gsize size = sizeof digest;

  for (gsize i = 0; i < n_parts; i++)
    {
      const guint8 *data = parts[i].iov_base;

      for (gsize at = 0; at < parts[i].iov_len;)
        {
          gsize n = MIN (parts[i].iov_len - at, G_MAXINT);

          g_checksum_update (checksum, data + at, (gssize) n);
          at += n;
        }
    }
  g_checksum_get_digest (checksum, digest, &size);
  return g_base64_encode (digest, size);
}

/* NOT_FOUND where it is not locked, or not there. */
static gboolean
get_retention (ObS3Lock *self, const char *key, ObS3Retention *retention, GCancellable *cancellable,
               GError **error)
{
  const ObS3Request request = { .method = "GET",
                                .key = key,
                                .query = QUERY,
                                .max = OB_HTTP_MAX_REFUSAL,
                                .verb = "looked at",
                                .action = "s3:GetObjectRetention" };
  g_auto (ObHttpAnswer) answer = { 0 };

  if (!ob_s3_http_send (self->http, &request, &answer, cancellable, error))
    return FALSE;
  if (ob_s3_retention_parse ((const char *) answer.body->data, answer.body->len, retention))
    return TRUE;
  g_set_error (
    error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
    "Until when %s is locked in %s cannot be told: the server has answered with something "
    "else than it was asked for",
    key, self->where);
  return FALSE;
}

static gboolean
put_retention (ObS3Lock *self, const char *key, const ObS3Retention *retention,
               GCancellable *cancellable, GError **error)
{
  g_autofree char *body = ob_s3_retention_build (retention);
  const struct iovec part = { body, strlen (body) };
  g_autofree char *digest = digest_of (&part, 1);
  const ObAwsHeader header = { "Content-MD5", digest };
  const ObS3Request request = { .method = "PUT",
                                .key = key,
                                .query = QUERY,
                                .headers = &header,
                                .n_headers = 1,
                                .parts = &part,
                                .n_parts = 1,
                                .max = OB_HTTP_MAX_REFUSAL,
                                .verb = "locked",
                                .action = "s3:PutObjectRetention" };
  g_auto (ObHttpAnswer) answer = { 0 };

  return ob_s3_http_send (self->http, &request, &answer, cancellable, error);
}

static gboolean
ask_bucket (ObS3Lock *self, gboolean *there, GCancellable *cancellable, GError **error)
{
  const ObS3Request request = { .method = "GET",
                                .key = "",
                                .query = "object-lock=",
                                .max = OB_HTTP_MAX_REFUSAL,
                                .verb = "looked at",
                                .action = "s3:GetBucketObjectLockConfiguration" };
  g_auto (ObHttpAnswer) answer = { 0 };
  g_autoptr (GError) local = NULL;

  *there = ob_s3_http_send (self->http, &request, &answer, cancellable, &local)
           && ob_s3_retention_is_enabled ((const char *) answer.body->data, answer.body->len);
  if (local == NULL || g_error_matches (local, OB_ERROR, OB_ERROR_NOT_FOUND)
      || g_error_matches (local, OB_ERROR, OB_ERROR_NOT_SUPPORTED))
    return TRUE;
  if (self->days == 0 && !g_error_matches (local, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE)
      && !g_error_matches (local, OB_ERROR, OB_ERROR_CANCELLED))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

/* public methods */

ObS3Lock *
ob_s3_lock_new (ObS3Http *http, const ObS3Settings *settings)
{
  ObS3Lock *self = g_new0 (ObS3Lock, 1);

  self->http = http;
  self->where = ob_s3_settings_describe (settings);
  self->days = ob_s3_settings_get_lock_days (settings);
  self->compliance = g_strcmp0 (ob_s3_settings_get (settings, "lock-mode"), "compliance") == 0;
  pthread_mutex_init (&self->mutex, NULL);
  return self;
}

void
ob_s3_lock_free (ObS3Lock *lock)
{
  if (lock == NULL)
    return;
  pthread_mutex_destroy (&lock->mutex);
  g_free (lock->where);
  g_free (lock);
}

guint
ob_s3_lock_get_days (ObS3Lock *lock)
{
  return lock->days;
}

gsize
ob_s3_lock_add_headers (ObS3Lock *lock, gint64 extra, const struct iovec *parts, gsize n_parts,
                        ObS3LockTexts *texts, ObAwsHeader *headers)
{
  ObS3Retention retention = { .compliance = lock->compliance };

  texts->digest = NULL;
  if (lock->days == 0)
    return 0;
  retention.until = g_get_real_time () / G_USEC_PER_SEC + (gint64) lock->days * DAY + extra;
  ob_aws_format_long_time (retention.until, texts->until);
  texts->digest = digest_of (parts, n_parts);
  headers[0] = (ObAwsHeader){ "X-Amz-Object-Lock-Mode", ob_s3_retention_get_mode (&retention) };
  headers[1] = (ObAwsHeader){ "X-Amz-Object-Lock-Retain-Until-Date", texts->until };
  headers[2] = (ObAwsHeader){ "Content-MD5", texts->digest };
  return OB_S3_LOCK_MAX_HEADERS;
}

gboolean
ob_s3_lock_is_there (ObS3Lock *lock, gboolean *there, GCancellable *cancellable, GError **error)
{
  gboolean asked;

  pthread_mutex_lock (&lock->mutex);
  asked = lock->asked;
  *there = lock->there;
  pthread_mutex_unlock (&lock->mutex);
  if (asked)
    return TRUE;
  if (!ask_bucket (lock, there, cancellable, error))
    return FALSE;
  pthread_mutex_lock (&lock->mutex);
  lock->asked = TRUE;
  lock->there = *there;
  pthread_mutex_unlock (&lock->mutex);
  return TRUE;
}

gboolean
ob_s3_lock_get (ObS3Lock *lock, const char *key, gint64 *until, GCancellable *cancellable,
                GError **error)
{
  ObS3Retention retention = { 0 };
  g_autoptr (GError) local = NULL;

  *until = 0;
  if (!get_retention (lock, key, &retention, cancellable, &local)
      && !g_error_matches (local, OB_ERROR, OB_ERROR_NOT_FOUND))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (retention.until > g_get_real_time () / G_USEC_PER_SEC)
    *until = retention.until;
  return TRUE;
}

gboolean
ob_s3_lock_extend (ObS3Lock *lock, const char *key, gint64 wanted, gint64 extra, gboolean *changed,
                   GCancellable *cancellable, GError **error)
{
  ObS3Retention retention = { 0 };
  g_autoptr (GError) local = NULL;

  *changed = FALSE;
  if (get_retention (lock, key, &retention, cancellable, &local))
    {
      if (retention.until >= wanted)
        return TRUE;
    }
  else if (!g_error_matches (local, OB_ERROR, OB_ERROR_NOT_FOUND))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  retention.until = wanted + extra;
  /* The stricter mode is never taken back. */
  retention.compliance = retention.compliance || lock->compliance;
  *changed = put_retention (lock, key, &retention, cancellable, error);
  return *changed;
}
