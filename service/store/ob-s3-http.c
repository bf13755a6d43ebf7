/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-s3-http.h"

#include <libsoup/soup.h>
#include <pthread.h>
#include <string.h>

#include "ob-error.h"
#include "ob-http-pool.h"
#include "ob-s3-fault.h"
#include "ob-wait.h"

#define SERVICE "s3"
#define MAX_HEADERS 16
/* Microseconds after which a pause notices a cancellation. */
#define SLICE (100 * 1000)

const ObS3Limits ob_s3_default_limits = { 30, 120, 4096, 600, 10, 10, 200, 20000 };
const ObS3Limits ob_s3_checkup_limits = { 10, 120, 4096, 10, 10, 10, 200, 2000 };

struct _ObS3Http
{
  char *base, *host, *path, *where, *bucket, *region;
  ObAwsCredentials *credentials;
  ObS3Limits limits;
  ObHttpPool *pool;

  pthread_mutex_t mutex;
  gboolean answered; /* there is a server, which understands us */
  guint64 n_requests;
  guint64 n_answers; /* that were good ones */
  guint n_waiting;   /* requests that have failed, and are tried again */
  gint64 since;      /* that there is one of them */
  char *why;         /* of the last failure */
};

/* What has become of one request. */
typedef enum
{
  DONE,
  REFUSED,  /* for good; the error is set */
  PASSING,  /* worth another try; the error says what to tell if there is none */
  OLD_KEYS, /* worth another try with other keys; likewise */
} Outcome;

/* The one that is tried now. */
typedef struct
{
  const ObS3Request *request;
  ObHttpAnswer *answer;
  GCancellable *cancellable;
  ObAwsKeys *keys;
  char hash[OB_AWS_HASH_SIZE];
  gint64 skew;
  guint wait;          /* milliseconds that the server wants us to wait */
  const char *remedy;  /* what to do about the failure; NULL: nothing is known */
  gboolean unanswered; /* nobody has */
  gboolean waits;      /* counted among those that wait */
} Try;

/* internal methods: one request */

static char *
make_url (ObS3Http *self, const char *path, const char *query)
{
  return g_strconcat (self->base, path, *query != '\0' ? "?" : "", query, NULL);
}

/* Signs and sends it over @connection. */
static gboolean
send_signed (ObS3Http *self, ObHttpConnection *connection, Try *try, GCancellable *stop,
             GError **error)
{
  const ObS3Request *request = try->request;
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  g_autofree char *key = ob_aws_encode (request->key, TRUE);
  g_autofree char *path = g_strconcat (self->path, key, NULL);
  g_autofree char *url = make_url (self, path, request->query);
  g_autofree char *authorization = NULL;
  char time_text[OB_AWS_TIME_SIZE];
  ObAwsHeader headers[MAX_HEADERS] = { { "Host", self->host },
                                       { "X-Amz-Date", time_text },
                                       { "X-Amz-Content-Sha256", try->hash } };
  ObAwsRequest to_sign = { request->method, path, request->query, headers, 3, try->hash };
  ObHttpRequest to_send = { request->method, url,            headers,         0,
                            request->parts,  request->n_parts, request->buffer, request->max };

  ob_aws_format_time (now, time_text);
  if (ob_aws_keys_get_session_token (try->keys) != NULL)
    headers[to_sign.n_headers++]
      = (ObAwsHeader){ "X-Amz-Security-Token", ob_aws_keys_get_session_token (try->keys) };
  for (gsize i = 0; i < request->n_headers && to_sign.n_headers < MAX_HEADERS - 1; i++)
    headers[to_sign.n_headers++] = request->headers[i];
  authorization = ob_aws_authorize (&to_sign, try->keys, self->region, SERVICE, now);
  to_send.n_headers = to_sign.n_headers;
  headers[to_send.n_headers++] = (ObAwsHeader){ "Authorization", authorization };
  if (!ob_http_connection_send (connection, &to_send, try->answer, stop, error))
    return FALSE;
  try->skew = try->answer->date != 0 ? now - try->answer->date : 0;
  return TRUE;
}

static gboolean
is_good (const ObS3Request *request, guint status)
{
  return (status >= 200 && status < 300) || (request->accepted != 0 && status == request->accepted);
}

/* There is an answer. */
static Outcome
judge_answer (ObS3Http *self, Try *try, GError **error)
{
  ObHttpAnswer *answer = try->answer;
  g_autoptr (ObS3Fault) fault = NULL;
  ObS3FaultContext context = { self->bucket, ob_aws_keys_get_access_key (try->keys),
                               try->request->action, try->skew };

  if (is_good (try->request, answer->status))
    {
      ob_http_pool_succeed (self->pool);
      return DONE;
    }
  fault = ob_s3_fault_parse ((const char *) answer->body->data, answer->body->len);
  ob_s3_fault_set_error (fault, answer->status, &context, error);
  try->wait = answer->retry_after * 1000;
  if (ob_s3_fault_is_slow_down (fault, answer->status))
    ob_http_pool_slow_down (self->pool, MAX (try->wait, self->limits.first_delay));
  if (ob_s3_fault_is_old_keys (fault))
    return OLD_KEYS;
  return ob_s3_fault_is_passing (fault, answer->status) ? PASSING : REFUSED;
}

/* What to do about a server that does not answer. */
static const char *
get_remedy (const GError *failure)
{
  if (failure->domain == G_RESOLVER_ERROR)
    return "correct the endpoint, or see to the name server of this machine";
  if (g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
    return "correct the port of the endpoint, or see to it that the server runs";
  return "see to the server, and to the network and the firewalls on the way to it";
}

/* A name that a name server does not know is not worth another try, unless the server had that name
 * a moment ago. */
static gboolean
is_wrong_name (ObS3Http *self, const GError *failure)
{
  gboolean answered;

  pthread_mutex_lock (&self->mutex);
  answered = self->answered;
  pthread_mutex_unlock (&self->mutex);
  return !answered && g_error_matches (failure, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND);
}

/* There is none. */
static Outcome
judge_failure (ObS3Http *self, Try *try, GError *failure, gboolean too_slow, GError **error)
{
  g_autoptr (GError) owned = failure;

  if (g_cancellable_is_cancelled (try->cancellable))
    {
      ob_check_cancelled (try->cancellable, error);
      return REFUSED;
    }
  if (too_slow)
    g_set_error_literal (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
                         "the server, or the way to it, is too slow");
  else if (g_error_matches (failure, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
                   "the certificate of %s is not one that is trusted: it may have ended, be that "
                   "of another name, or be signed by an authority whose certificate a ca-file has "
                   "to give",
                   self->host);
      return REFUSED;
    }
  else if (failure->domain == OB_ERROR)
    {
      g_propagate_error (error, g_steal_pointer (&owned));
      return REFUSED;
    }
  else
    {
      g_set_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
                   "the server does not answer (%s)", failure->message);
      try->remedy = get_remedy (failure);
    }
  return is_wrong_name (self, failure) ? REFUSED : PASSING;
}

static Outcome
try_once (ObS3Http *self, Try *try, GError **error)
{
  guint64 bytes = try->request->max;
  ObHttpSlot *slot;
  GError *failure = NULL;
  gboolean sent, too_slow;

  for (gsize i = 0; i < try->request->n_parts; i++)
    bytes += try->request->parts[i].iov_len;
  slot = ob_http_pool_take (self->pool, bytes, try->cancellable, error);
  if (slot == NULL)
    return REFUSED;
  pthread_mutex_lock (&self->mutex);
  self->n_requests++;
  pthread_mutex_unlock (&self->mutex);
  sent = send_signed (self, slot->connection, try, slot->stop, &failure);
  try->unanswered = !sent;
  ob_http_pool_give_back (self->pool, slot, sent, &too_slow);
  if (!sent)
    return judge_failure (self, try, failure, too_slow, error);
  pthread_mutex_lock (&self->mutex);
  if (is_good (try->request, try->answer->status))
    {
      self->answered = TRUE;
      self->n_answers++;
    }
  pthread_mutex_unlock (&self->mutex);
  return judge_answer (self, try, error);
}

/* internal methods: several */

/* Milliseconds: the second half of it by chance. */
static guint
get_pause (ObS3Http *self, guint retries, guint wanted)
{
  guint64 full = (guint64) self->limits.first_delay << MIN (retries, 20);

  full = MIN (full, self->limits.last_delay);
  full = full / 2 + (guint64) (g_random_double () * (double) (full / 2));
  return (guint) MAX (full, wanted);
}

/* From now on others can see why it waits. */
static void
begin_to_wait (ObS3Http *self, Try *try, const char *why)
{
  pthread_mutex_lock (&self->mutex);
  if (!try->waits && self->n_waiting++ == 0)
    self->since = g_get_monotonic_time ();
  try->waits = TRUE;
  g_free (self->why);
  self->why = g_strdup (why);
  pthread_mutex_unlock (&self->mutex);
}

static void
end_waiting (ObS3Http *self, const Try *try)
{
  pthread_mutex_lock (&self->mutex);
  self->n_waiting -= try->waits ? 1 : 0;
  pthread_mutex_unlock (&self->mutex);
}

static guint64
count_answers (ObS3Http *self)
{
  guint64 n;

  pthread_mutex_lock (&self->mutex);
  n = self->n_answers;
  pthread_mutex_unlock (&self->mutex);
  return n;
}

/* FALSE where it is cancelled. Where nobody had answered, and somebody does now, there is nothing
 * more to wait for. */
static gboolean
pause_for (ObS3Http *self, const Try *try, guint milliseconds, GError **error)
{
  gint64 left = (gint64) milliseconds * 1000;
  guint64 n_answers = count_answers (self);

  for (; left > 0 && !g_cancellable_is_cancelled (try->cancellable); left -= SLICE)
    {
      if (try->unanswered && count_answers (self) != n_answers)
        break;
      g_usleep ((gulong) MIN (left, SLICE));
    }
  return ob_check_cancelled (try->cancellable, error);
}

/* Microseconds. */
static gint64
get_patience (ObS3Http *self, const Try *try)
{
  guint seconds;

  pthread_mutex_lock (&self->mutex);
  seconds = self->answered ? self->limits.patience : self->limits.first_patience;
  pthread_mutex_unlock (&self->mutex);
  if (try->cancellable == NULL)
    seconds = MIN (seconds, self->limits.last_patience);
  return (gint64) seconds * G_USEC_PER_SEC;
}

/* Puts before an error what could not be done, and behind it what to do. */
static void
tell_what (ObS3Http *self, const Try *try, guint retries, GError **error)
{
  const ObS3Request *request = try->request;
  g_autofree char *shown = g_strescape (request->key, NULL);

  if (error == NULL || g_error_matches (*error, OB_ERROR, OB_ERROR_CANCELLED))
    return;
  if (retries > 0 && !g_error_matches (*error, OB_ERROR, OB_ERROR_NOT_FOUND))
    {
      g_autofree char *former = (*error)->message;

      (*error)->message = g_strdup_printf ("%s; tried %u times", former, retries + 1);
    }
  if (try->remedy != NULL)
    {
      g_autofree char *former = (*error)->message;

      (*error)->message = g_strconcat (former, ": ", try->remedy, NULL);
    }
  if (*shown != '\0')
    g_prefix_error (error, "%s cannot be %s in %s: ", shown, request->verb, self->where);
  else
    g_prefix_error (error, "%s cannot be %s: ", self->where, request->verb);
}

/* Whether to go on, after a pause. @failure: why. */
static gboolean
try_again (ObS3Http *self, Try *try, Outcome outcome, guint retries, gint64 began,
           const GError *failure, GError **error)
{
  guint milliseconds = get_pause (self, retries, try->wait);
  gint64 elapsed = g_get_monotonic_time () - began;

  if (outcome == OLD_KEYS && retries > 0)
    return FALSE;
  if (elapsed + (gint64) milliseconds * 1000 > get_patience (self, try))
    return FALSE;
  g_info ("%s %s in %s: %s; trying again in %u ms", try->request->method, try->request->key,
          self->where, failure->message, milliseconds);
  if (outcome == OLD_KEYS)
    return TRUE;
  begin_to_wait (self, try, failure->message);
  return pause_for (self, try, milliseconds, error);
}

/* public methods */

ObS3Http *
ob_s3_http_new (const ObS3Settings *settings, ObAwsCredentials *credentials,
                const ObS3Limits *limits, GError **error)
{
  const char *ca_file = ob_s3_settings_get (settings, "ca-file");
  g_autoptr (GTlsDatabase) tls = NULL;
  g_autoptr (GError) local = NULL;
  ObS3Http *self;

  if (ca_file != NULL)
    tls = g_tls_file_database_new (ca_file, &local);
  if (local != NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "The certificates in %s cannot be read: %s", ca_file, local->message);
      return NULL;
    }
  self = g_new0 (ObS3Http, 1);
  self->limits = limits != NULL ? *limits : ob_s3_default_limits;
  self->base = ob_s3_settings_get_base (settings, &self->host, &self->path);
  self->where = ob_s3_settings_describe (settings);
  self->bucket = g_strdup (ob_s3_settings_get (settings, "bucket"));
  self->region = g_strdup (ob_s3_settings_get_region (settings));
  self->credentials = ob_aws_credentials_ref (credentials);
  self->pool = ob_http_pool_new (tls, ob_s3_settings_get_connections (settings),
                                 self->limits.timeout, self->limits.grace, self->limits.rate);
  pthread_mutex_init (&self->mutex, NULL);
  return self;
}

void
ob_s3_http_free (ObS3Http *http)
{
  if (http == NULL)
    return;
  ob_http_pool_free (http->pool);
  ob_aws_credentials_unref (http->credentials);
  pthread_mutex_destroy (&http->mutex);
  g_free (http->base);
  g_free (http->host);
  g_free (http->path);
  g_free (http->where);
  g_free (http->bucket);
  g_free (http->region);
  g_free (http->why);
  g_free (http);
}

gboolean
ob_s3_http_send (ObS3Http *http, const ObS3Request *request, ObHttpAnswer *answer,
                 GCancellable *cancellable, GError **error)
{
  Try try = { .request = request, .answer = answer, .cancellable = cancellable };
  g_autoptr (ObAwsKeys) refused = NULL;
  gint64 began = 0;
  Outcome outcome = PASSING;
  guint n = 0;

  memset (answer, 0, sizeof *answer);
  ob_aws_hash (request->parts, request->n_parts, try.hash);
  for (;; n++)
    {
      g_autoptr (ObAwsKeys) keys
        = ob_aws_credentials_get (http->credentials, refused, cancellable, error);
      GError *failure = NULL;

      if (keys == NULL)
        break;
      try.keys = keys;
      try.wait = 0;
      try.remedy = NULL;
      ob_http_answer_clear (answer);
      outcome = try_once (http, &try, &failure);
      if (outcome == DONE)
        break;
      /* Patience counts from the first failure: waiting for a free connection is none. */
      began = began != 0 ? began : g_get_monotonic_time ();
      if (outcome == REFUSED
          || !try_again (http, &try, outcome, n, began, failure, error))
        {
          if (error != NULL && *error == NULL)
            g_propagate_error (error, failure);
          else
            g_error_free (failure);
          break;
        }
      g_error_free (failure);
      if (outcome == OLD_KEYS)
        {
          g_clear_pointer (&refused, ob_aws_keys_unref);
          refused = ob_aws_keys_ref (keys);
        }
    }
  end_waiting (http, &try);
  if (outcome != DONE)
    tell_what (http, &try, n, error);
  return outcome == DONE;
}

ObAwsCredentials *
ob_s3_http_get_credentials (ObS3Http *http)
{
  return http->credentials;
}

guint64
ob_s3_http_get_requests (ObS3Http *http)
{
  guint64 n;

  pthread_mutex_lock (&http->mutex);
  n = http->n_requests;
  pthread_mutex_unlock (&http->mutex);
  return n;
}

guint
ob_s3_http_get_allowed (ObS3Http *http)
{
  return ob_http_pool_get_allowed (http->pool);
}

char *
ob_s3_http_get_waiting (ObS3Http *http, gint64 *since)
{
  char *why = NULL;

  pthread_mutex_lock (&http->mutex);
  if (http->n_waiting > 0)
    {
      why = g_strconcat (http->host, ": ", http->why, NULL);
      *since = http->since;
    }
  pthread_mutex_unlock (&http->mutex);
  return why;
}
