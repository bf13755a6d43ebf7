/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each fault of a network or a server, forced on each kind of request. */
#include "s3-fixture.h"

/* In milliseconds. */
#define MOMENT 400

typedef enum
{
  PUT,
  DEFERRED,
  GET,
  READ,
  STAT,
  LIST,
  REMOVE,
  N_KINDS
} Kind;

static const char *const kinds[]
  = { "put", "deferred put", "get", "read", "stat", "list", "remove" };

static gboolean
count (const char *name, guint64 size, gpointer user_data)
{
  (*(guint *) user_data)++;
  return TRUE;
}

/* One request of this kind, about the object data/ab/x, which holds "content". */
static gboolean
ask (ObStore *store, Kind kind, GCancellable *cancellable, GError **error)
{
  const struct iovec part = { (void *) "content", 7 };
  g_autoptr (GBytes) bytes = NULL;
  char buffer[7];
  guint64 size = 0;
  guint n = 0;

  switch (kind)
    {
    case PUT:
      return ob_store_put (store, "data/ab/x", &part, 1, OB_STORE_PUT_NONE, cancellable, error);
    case DEFERRED:
      return ob_store_put (store, "data/ab/x", &part, 1, OB_STORE_PUT_DEFERRED, cancellable, error)
             && ob_store_flush (store, cancellable, error);
    case GET:
      bytes = ob_store_get (store, "data/ab/x", 100, cancellable, error);
      g_assert_true (bytes == NULL || g_bytes_get_size (bytes) == 7);
      return bytes != NULL;
    case READ:
      if (ob_store_read (store, "data/ab/x", 0, buffer, sizeof buffer, cancellable, error) < 0)
        return FALSE;
      g_assert_cmpmem (buffer, 7, "content", 7);
      return TRUE;
    case STAT:
      if (!ob_store_stat (store, "data/ab/x", &size, cancellable, error))
        return FALSE;
      g_assert_cmpuint (size, ==, 7);
      return TRUE;
    case LIST:
      if (!ob_store_list (store, "data", count, &n, cancellable, error))
        return FALSE;
      g_assert_cmpuint (n, ==, 1);
      return TRUE;
    default:
      /* Of what is for good it is asked first whether it is locked (test-s3-lock.c). */
      return ob_store_remove (store, "locks/x", cancellable, error);
    }
}

static void
prepare (S3Fixture *fixture)
{
  peer_put (fixture->peer, "a b/c/data/ab/x", "content");
}

/* What passes is tried again, that request alone. */
static void
test_passing (S3Fixture *fixture, gconstpointer data)
{
  static const PeerFault faults[]
    = { FAULT_RESET, FAULT_CLOSE, FAULT_CUT_HEADERS, FAULT_CUT_BODY, FAULT_LATE, FAULT_GARBAGE };

  for (guint i = 0; i < G_N_ELEMENTS (faults); i++)
    for (Kind kind = 0; kind < N_KINDS; kind++)
      {
        g_autoptr (GError) error = NULL;
        guint before;

        prepare (fixture);
        g_test_message ("fault %d on %s", faults[i], kinds[kind]);
        /* A connection that has been used before is what breaks in practice. */
        g_assert_true (ask (fixture->store, STAT, NULL, &error));
        before = peer_count_requests (fixture->peer);
        peer_add (fixture->peer, faults[i], 2);
        ask (fixture->store, kind, NULL, &error);
        g_assert_no_error (error);
        g_assert_cmpuint (peer_clear_steps (fixture->peer), ==, 0);
        g_assert_cmpuint (peer_count_requests (fixture->peer) - before, ==, 3);
      }
}

/* A server that falls silent, or lets a byte go now and then, is left after a time. */
static void
test_slow (S3Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    PeerFault fault;
    gint64 seconds;
  } faults[] = { { FAULT_SILENCE, S3_TIMEOUT }, { FAULT_DRIP, S3_GRACE } };

  for (guint i = 0; i < G_N_ELEMENTS (faults); i++)
    for (Kind kind = 0; kind < N_KINDS; kind++)
      {
        g_autoptr (GError) error = NULL;
        gint64 began = g_get_monotonic_time ();
        gint64 took;

        /* The limit of time is the same for all; it need not be waited for so often. */
        if (faults[i].fault == FAULT_DRIP && kind != PUT && kind != GET && kind != LIST)
          continue;
        prepare (fixture);
        g_test_message ("fault %d on %s", faults[i].fault, kinds[kind]);
        peer_add (fixture->peer, faults[i].fault, 1);
        /* The first one of all waits no longer than somebody who has mistyped an address. */
        g_assert_true (ask (fixture->store, kind, NULL, &error));
        g_assert_no_error (error);
        took = g_get_monotonic_time () - began;
        g_assert_cmpint (took, >=, faults[i].seconds * G_USEC_PER_SEC * 9 / 10);
      }
}

static void
test_statuses (S3Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    guint status;
    const char *code;
  } passing[] = { { 500, "InternalError" }, { 502, "BadGateway" },
                  { 503, "ServiceUnavailable" }, { 504, "GatewayTimeout" },
                  { 408, "RequestTimeout" }, { 429, "TooManyRequests" },
                  { 400, "RequestTimeout" }, { 400, "BadDigest" },
                  { 400, "XAmzContentSHA256Mismatch" } };

  for (guint i = 0; i < G_N_ELEMENTS (passing); i++)
    for (Kind kind = 0; kind < N_KINDS; kind++)
      {
        g_autoptr (GError) error = NULL;

        prepare (fixture);
        g_test_message ("%u %s on %s", passing[i].status, passing[i].code, kinds[kind]);
        peer_add_status (fixture->peer, passing[i].status, passing[i].code, 2);
        g_assert_true (ask (fixture->store, kind, NULL, &error));
        g_assert_no_error (error);
        g_assert_cmpuint (peer_clear_steps (fixture->peer), ==, 0);
      }
}

/* What no repetition helps is asked once. */
static void
test_refused (S3Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    guint status;
    const char *code;
    ObError error;
    const char *text;
  } refused[] = {
    { 403, "SignatureDoesNotMatch", OB_ERROR_CREDENTIALS_REJECTED, "secret key" },
    { 403, "InvalidAccessKeyId", OB_ERROR_CREDENTIALS_REJECTED, "AKIDEXAMPLE" },
    { 403, "AccessDenied", OB_ERROR_CREDENTIALS_REJECTED, "s3:" },
    { 403, "RequestTimeTooSkewed", OB_ERROR_CREDENTIALS_REJECTED, "clock" },
    { 404, "NoSuchBucket", OB_ERROR_DESTINATION_UNAVAILABLE, "no bucket erp" },
    { 301, "PermanentRedirect", OB_ERROR_DESTINATION_UNAVAILABLE, "region" },
    { 400, "AuthorizationHeaderMalformed", OB_ERROR_DESTINATION_UNAVAILABLE, "region" },
    { 400, "InvalidArgument", OB_ERROR_FAILED, "Told so" },
    { 403, "QuotaExceeded", OB_ERROR_NO_SPACE, "full" },
    { 507, "InsufficientStorage", OB_ERROR_NO_SPACE, "full" },
    { 501, "NotImplemented", OB_ERROR_NOT_SUPPORTED, "Told so" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    for (Kind kind = 0; kind < N_KINDS; kind++)
      {
        g_autoptr (GError) error = NULL;
        guint before;

        s3_fixture_open (fixture);
        prepare (fixture);
        before = peer_count_requests (fixture->peer);
        g_test_message ("%u %s on %s", refused[i].status, refused[i].code, kinds[kind]);
        peer_add_status (fixture->peer, refused[i].status, refused[i].code, 1);
        g_assert_false (ask (fixture->store, kind, NULL, &error));
        g_assert_error (error, OB_ERROR, (int) refused[i].error);
        g_assert_message (error, refused[i].text);
        g_assert_message (error, peer_get_url (fixture->peer));
        g_assert_null (strstr (error->message, "SECRET"));
        g_assert_cmpuint (peer_count_requests (fixture->peer) - before, ==, 1);
      }
}

/* The policy that lacks something is named for each kind. */
static void
test_actions (S3Fixture *fixture, gconstpointer data)
{
  static const char *const actions[N_KINDS]
    = { "s3:PutObject", "s3:PutObject",  "s3:GetObject",   "s3:GetObject",
        "s3:GetObject", "s3:ListBucket", "s3:DeleteObject" };

  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      g_autoptr (GError) error = NULL;

      s3_fixture_open (fixture);
      peer_add_status (fixture->peer, 403, "AccessDenied", 1);
      g_assert_false (ask (fixture->store, kind, NULL, &error));
      g_assert_message (error, actions[kind]);
    }
}

static void
set_skew (S3Fixture *fixture, int minutes)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autoptr (GDateTime) date = g_date_time_add_minutes (now, minutes);
  g_autofree char *header = g_date_time_format (date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n");

  peer_set_headers (fixture->peer, header);
}

static void
test_clock (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) ahead = NULL;
  g_autoptr (GError) behind = NULL;
  g_autoptr (GError) mismatch = NULL;
  g_autoptr (GError) right = NULL;

  set_skew (fixture, -61);
  peer_add_status (fixture->peer, 403, "RequestTimeTooSkewed", 1);
  g_assert_false (ask (fixture->store, GET, NULL, &ahead));
  g_assert_message (ahead, "61 minutes ahead of that of the server");
  set_skew (fixture, 120);
  peer_add_status (fixture->peer, 403, "RequestTimeTooSkewed", 1);
  g_assert_false (ask (fixture->store, PUT, NULL, &behind));
  g_assert_message (behind, "120 minutes behind that of the server");
  /* Not every server says what the matter is. */
  peer_add_status (fixture->peer, 403, "SignatureDoesNotMatch", 1);
  g_assert_false (ask (fixture->store, LIST, NULL, &mismatch));
  g_assert_message (mismatch, "120 minutes behind");
  set_skew (fixture, 10);
  peer_add_status (fixture->peer, 403, "SignatureDoesNotMatch", 1);
  g_assert_false (ask (fixture->store, LIST, NULL, &right));
  g_assert_message (right, "secret key");
}

/* Bodies that never end, or claim to be what no memory holds, cost none. */
static void
test_hostile (S3Fixture *fixture, gconstpointer data)
{
  static const PeerFault faults[] = { FAULT_ENDLESS, FAULT_HUGE };

  for (guint i = 0; i < G_N_ELEMENTS (faults); i++)
    for (Kind kind = 0; kind < N_KINDS; kind++)
      {
        g_autoptr (GError) error = NULL;

        s3_fixture_open (fixture);
        prepare (fixture);
        g_test_message ("fault %d on %s", faults[i], kinds[kind]);
        peer_add (fixture->peer, faults[i], 1);
        g_assert_false (ask (fixture->store, kind, NULL, &error));
        g_assert_ob_error (error, OB_ERROR_CORRUPT);
      }
}

/* Answers that are sound HTTP, and not what was asked for. */
static void
test_wrong_answers (S3Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    Kind kind;
    const char *answer;
  } answers[] = {
    { READ, "HTTP/1.1 206 P\r\nContent-Range: bytes 1-7/8\r\nContent-Length: 7\r\n\r\nontentx" },
    { READ, "HTTP/1.1 206 P\r\nContent-Range: bytes 0-2/7\r\nContent-Length: 3\r\n\r\ncon" },
    { READ, "HTTP/1.1 206 P\r\nContent-Length: 7\r\n\r\ncontent" },
    { READ, "HTTP/1.1 206 P\r\nContent-Range: bytes 0-6/7\r\nContent-Length: 3\r\n\r\ncon" },
    { READ, "HTTP/1.1 204 N\r\n\r\n" },
    { STAT, "HTTP/1.1 206 P\r\nContent-Range: bytes 0-0/*\r\nContent-Length: 1\r\n\r\nc" },
    { GET, "HTTP/1.1 206 P\r\nContent-Range: bytes 0-2/7\r\nContent-Length: 3\r\n\r\ncon" },
    { LIST, "HTTP/1.1 200 O\r\nContent-Length: 7\r\n\r\n<html/>" },
    { LIST, "HTTP/1.1 200 O\r\nTransfer-Encoding: chunked\r\n\r\n82\r\n<ListBucketResult><Contents>"
            "<Key>other/data/ab/x</Key><Size>7</Size></Contents><IsTruncated>false</IsTruncated>"
            "</ListBucketResult>\r\n0\r\n\r\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autoptr (GError) error = NULL;

      prepare (fixture);
      g_test_message ("%s", answers[i].answer);
      peer_add_raw (fixture->peer, answers[i].answer);
      g_assert_false (ask (fixture->store, answers[i].kind, NULL, &error));
      g_assert_ob_error (error, OB_ERROR_DESTINATION_UNAVAILABLE);
      g_assert_message (error, "something else");
    }
}

/* A list whose next page is the one that has just come. */
static void
test_endless_list (S3Fixture *fixture, gconstpointer data)
{
  static const char *const tokens[] = { "a", "b", "b" };
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    {
      g_autofree char *body = g_strdup_printf (
        "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>%s"
        "</NextContinuationToken></ListBucketResult>",
        tokens[i]);
      g_autofree char *raw
        = g_strdup_printf ("HTTP/1.1 200 O\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s",
                           strlen (body), body);

      peer_add_raw (fixture->peer, raw);
    }
  g_assert_false (ask (fixture->store, LIST, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_message (error, "something else");
  g_assert_cmpuint (peer_count_requests (fixture->peer), ==, 3);
}

/* Where it is not told which versions there are, none is removed. */
static void
test_versions (S3Fixture *fixture, gconstpointer data)
{
  static const char *const answers[]
    = { "HTTP/1.1 200 O\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 O\r\nContent-Length: 7\r\n\r\n<html/>" };

  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      guint n = peer_count_requests (fixture->peer);
      g_autoptr (GError) error = NULL;

      peer_add_raw (fixture->peer, answers[i]);
      g_assert_false (ob_store_purge (fixture->store, "data/ab/x", NULL, &error));
      g_assert_ob_error (error, OB_ERROR_DESTINATION_UNAVAILABLE);
      g_assert_message (error, "versions of a b/c/data/ab/x");
      g_assert_cmpuint (peer_count_requests (fixture->peer) - n, ==, 1);
    }
}

/* Credentials are not carried to where a redirect leads. */
static void
test_redirect (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (Peer) other = peer_new ();

  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      g_autofree char *raw = g_strdup_printf (
        "HTTP/1.1 307 Elsewhere\r\nLocation: %s/erp/x\r\nContent-Length: 0\r\n\r\n",
        peer_get_url (other));
      g_autoptr (GError) error = NULL;

      s3_fixture_open (fixture);
      peer_add_raw (fixture->peer, raw);
      g_assert_false (ask (fixture->store, kind, NULL, &error));
      g_assert_ob_error (error, OB_ERROR_DESTINATION_UNAVAILABLE);
    }
  g_assert_cmpuint (peer_count_connections (other), ==, 0);
}

/* Through the proxy that the environment names, but not to where it says no. */
static void
test_proxy (S3Fixture *fixture, gconstpointer data)
{
  g_autofree char *last = NULL;
  g_autoptr (GError) error = NULL;

  s3_fixture_set (fixture, "endpoint", "http://s3.nowhere.invalid:80");
  s3_fixture_set (fixture, "allow-http", "true");
  g_setenv ("http_proxy", peer_get_url (fixture->peer), TRUE);
  s3_fixture_open (fixture);
  ask (fixture->store, PUT, NULL, NULL);
  last = peer_get_last (fixture->peer);
  g_assert_nonnull (last);
  g_assert_true (g_str_has_prefix (last, "PUT http://s3.nowhere.invalid/erp/a%20b/c/data/ab/x "));
  g_setenv ("no_proxy", "example.com, .invalid", TRUE);
  s3_fixture_open (fixture);
  g_assert_false (ask (fixture->store, PUT, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_unsetenv ("http_proxy");
  g_unsetenv ("no_proxy");
}

typedef struct
{
  GCancellable *cancellable;
  guint milliseconds;
} Later;

static gpointer
cancel_later (gpointer data)
{
  Later *later = data;

  g_usleep (later->milliseconds * 1000);
  g_cancellable_cancel (later->cancellable);
  return NULL;
}

/* A cancellation ends each wait at once: for an answer, for the next try, for a connection. */
static void
test_cancel (S3Fixture *fixture, gconstpointer data)
{
  static const PeerFault faults[] = { FAULT_SILENCE, FAULT_RESET, FAULT_DRIP };

  prepare (fixture);
  g_assert_true (ask (fixture->store, STAT, NULL, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (faults); i++)
    for (Kind kind = 0; kind < N_KINDS; kind++)
      {
        g_autoptr (GCancellable) cancellable = g_cancellable_new ();
        Later later = { cancellable, MOMENT / 2 };
        GThread *thread;
        g_autoptr (GError) error = NULL;
        gint64 began = g_get_monotonic_time ();

        s3_fixture_open (fixture);
        peer_add (fixture->peer, faults[i], 1000);
        thread = g_thread_new ("cancel", cancel_later, &later);
        g_assert_false (ask (fixture->store, kind, cancellable, &error));
        g_assert_ob_error (error, OB_ERROR_CANCELLED);
        g_assert_cmpint (g_get_monotonic_time () - began, <, S3_TIMEOUT * G_USEC_PER_SEC);
        g_thread_join (thread);
        g_clear_object (&fixture->store);
        peer_clear_steps (fixture->peer);
      }
}

#define add(name, func)                                                                            \
  g_test_add ("/s3-faults/" name, S3Fixture, NULL, s3_fixture_set_up, func, s3_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("passing", test_passing);
  add ("slow", test_slow);
  add ("statuses", test_statuses);
  add ("refused", test_refused);
  add ("actions", test_actions);
  add ("clock", test_clock);
  add ("hostile", test_hostile);
  add ("wrong-answers", test_wrong_answers);
  add ("endless-list", test_endless_list);
  add ("versions", test_versions);
  add ("redirect", test_redirect);
  add ("proxy", test_proxy);
  add ("cancel", test_cancel);
  return g_test_run ();
}
