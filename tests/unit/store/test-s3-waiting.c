/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long a server that does not answer is waited for, how often it is asked again, and what is
 * told of that meanwhile. */
#include "s3-fixture.h"

static void
prepare (S3Fixture *fixture)
{
  peer_put (fixture->peer, "a b/c/data/ab/x", "content");
}

/* One request each, about the object that holds "content". */
static gboolean
get (ObStore *store, GCancellable *cancellable, GError **error)
{
  g_autoptr (GBytes) bytes = ob_store_get (store, "data/ab/x", 100, cancellable, error);

  g_assert_true (bytes == NULL || g_bytes_get_size (bytes) == 7);
  return bytes != NULL;
}

static gboolean
look (ObStore *store, GError **error)
{
  guint64 size = 0;

  if (!ob_store_stat (store, "data/ab/x", &size, NULL, error))
    return FALSE;
  g_assert_cmpuint (size, ==, 7);
  return TRUE;
}

/* Asked for less, we ask less, and more again after a time. */
static void
test_slow_down (S3Fixture *fixture, gconstpointer data)
{
  ObS3Http *http = ob_s3_store_get_http (OB_S3_STORE (fixture->store));
  g_autoptr (GError) error = NULL;

  prepare (fixture);
  g_assert_cmpuint (ob_s3_http_get_allowed (http), ==, 5);
  peer_add_status (fixture->peer, 503, "SlowDown", 1);
  g_assert_true (get (fixture->store, NULL, &error));
  g_assert_cmpuint (ob_s3_http_get_allowed (http), ==, 2);
  peer_add_status (fixture->peer, 503, "SlowDown", 2);
  g_assert_true (get (fixture->store, NULL, &error));
  g_assert_cmpuint (ob_s3_http_get_allowed (http), ==, 1);
  for (guint i = 0; i < 32; i++)
    g_assert_true (get (fixture->store, NULL, &error));
  g_assert_cmpuint (ob_s3_http_get_allowed (http), ==, 2);
}

static void
test_retry_after (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  gint64 began;

  prepare (fixture);
  g_assert_true (look (fixture->store, &error));
  peer_add_raw (fixture->peer, "HTTP/1.1 503 No\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n");
  began = g_get_monotonic_time ();
  g_assert_true (get (fixture->store, NULL, &error));
  g_assert_cmpint (g_get_monotonic_time () - began, >=, 2 * G_USEC_PER_SEC - 1000);
}

static void
test_patience (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) none = NULL;
  gint64 began = g_get_monotonic_time ();
  gint64 took;

  /* Nobody has ever been there. */
  s3_fixture_set (fixture, "endpoint", "http://127.0.0.1:1");
  s3_fixture_open (fixture);
  g_assert_false (get (fixture->store, NULL, &none));
  took = g_get_monotonic_time () - began;
  g_assert_ob_error (none, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_message (none, "refused");
  g_assert_cmpint (took, <=, 2 * S3_FIRST_PATIENCE * G_USEC_PER_SEC);

  s3_fixture_set (fixture, "endpoint", peer_get_url (fixture->peer));
  s3_fixture_open (fixture);
  prepare (fixture);
  g_assert_true (look (fixture->store, NULL));
  peer_add (fixture->peer, FAULT_RESET, 10000);
  /* What nobody can cancel is given up sooner than what somebody can. */
  began = g_get_monotonic_time ();
  g_assert_false (get (fixture->store, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_message (error, "times");
  g_assert_cmpint (g_get_monotonic_time () - began, <, 5 * G_USEC_PER_SEC);
  began = g_get_monotonic_time ();
  g_assert_false (get (fixture->store, cancellable, NULL));
  g_assert_cmpint (g_get_monotonic_time () - began, >, 5 * G_USEC_PER_SEC);
  peer_clear_steps (fixture->peer);
}

typedef struct
{
  ObStore *store;
  GError *error;
} Asked;

static gpointer
ask_beside (gpointer data)
{
  Asked *asked = data;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  get (asked->store, cancellable, &asked->error);
  return NULL;
}

/* Why it waits, until it does or waits no more (@waits FALSE). NULL where that never comes. */
static char *
wait_for_waiting (ObStore *store, gboolean waits, gint64 *since)
{
  char *waiting = NULL;

  for (guint i = 0; i < 1000; i++)
    {
      waiting = ob_store_get_waiting (store, since);
      if ((waiting != NULL) == waits)
        return waiting;
      g_clear_pointer (&waiting, g_free);
      g_usleep (5000);
    }
  return NULL;
}

/* From the first failure on, between the tries and during them, it is told what is waited for. */
static void
test_waiting (S3Fixture *fixture, gconstpointer data)
{
  gint64 before = g_get_monotonic_time ();
  gint64 since = 0;
  Asked asked = { fixture->store, NULL };
  g_autofree char *waiting = NULL;
  g_autofree char *host = g_strconcat (peer_get_url (fixture->peer) + strlen ("http://"), ": ",
                                       NULL);
  GThread *thread;

  prepare (fixture);
  g_assert_true (look (fixture->store, NULL));
  g_assert_null (ob_store_get_waiting (fixture->store, &since));
  peer_add (fixture->peer, FAULT_RESET, 2);
  peer_add (fixture->peer, FAULT_SILENCE, 1);
  thread = g_thread_new ("ask", ask_beside, &asked);
  waiting = wait_for_waiting (fixture->store, TRUE, &since);
  g_assert_nonnull (waiting);
  g_assert_true (g_str_has_prefix (waiting, host));
  g_assert_nonnull (strstr (waiting, "the server does not answer ("));
  g_assert_cmpint (since, >=, before);
  /* The silence is that of a try, not of a pause. */
  for (guint i = 0; i < 10; i++)
    {
      g_autofree char *again = ob_store_get_waiting (fixture->store, &since);

      g_assert_nonnull (again);
      g_usleep (S3_TIMEOUT * G_USEC_PER_SEC / 20);
    }
  g_thread_join (thread);
  g_assert_no_error (asked.error);
  g_assert_null (ob_store_get_waiting (fixture->store, &since));
}

/* Where one request is answered again, the others are sent at once. */
static void
test_waiting_ends (S3Fixture *fixture, gconstpointer data)
{
  Asked asked = { NULL, NULL };
  ObS3Limits limits = { S3_TIMEOUT, S3_GRACE, 1000 * 1000, 60, 1, 1, 20 * 1000, 20 * 1000 };
  g_autoptr (ObAwsKeys) keys = ob_aws_keys_new ("AKIDEXAMPLE", "SECRET", NULL, 0);
  g_autoptr (ObAwsCredentials) credentials = ob_aws_credentials_new_fixed (keys);
  g_autoptr (ObStore) store
    = ob_s3_store_new (fixture->settings, credentials, &limits, NULL);
  g_autofree char *waiting = NULL;
  gint64 since = 0;
  GThread *thread;

  prepare (fixture);
  g_assert_true (look (store, NULL));
  peer_add (fixture->peer, FAULT_CUT_BODY, 1);
  asked.store = store;
  thread = g_thread_new ("ask", ask_beside, &asked);
  waiting = wait_for_waiting (store, TRUE, &since);
  g_assert_nonnull (waiting);
  g_assert_true (look (store, NULL));
  g_thread_join (thread);
  g_assert_no_error (asked.error);
  g_assert_cmpint (g_get_monotonic_time () - since, <, 8 * G_USEC_PER_SEC);
}

/* Given up, it waits no more. */
static void
test_waiting_in_vain (S3Fixture *fixture, gconstpointer data)
{
  gint64 since = 0;

  peer_add_status (fixture->peer, 503, "SlowDown", 1000);
  g_assert_false (get (fixture->store, NULL, NULL));
  g_assert_null (ob_store_get_waiting (fixture->store, &since));
  peer_clear_steps (fixture->peer);
}

#define add(name, func)                                                                            \
  g_test_add ("/s3-waiting/" name, S3Fixture, NULL, s3_fixture_set_up, func, s3_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("slow-down", test_slow_down);
  add ("retry-after", test_retry_after);
  add ("patience", test_patience);
  add ("waiting", test_waiting);
  add ("waiting-ends", test_waiting_ends);
  add ("waiting-in-vain", test_waiting_in_vain);
  return g_test_run ();
}
