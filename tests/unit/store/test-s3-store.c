/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-s3-store.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "s3-fixture.h"

#define MANY 25
#define PACK (9 * 1024 * 1024 + 5)
#define GIB ((gsize) 1 << 30)
#define PIECE (256 * 1024)
/* Of "one two". */
#define HASH "8ab63e29a4ba14e4e1688f9c15e5af90895421358c945b0431f85d66977bd3d2"

/* libsoup looks whether a connection that it kept is still open by reading a byte. */
static struct
{
  GThread *thread; /* atomic; NULL: nobody counts */
  guint n_looks;
} looks;

/* In place of that of libc: at the second look of this thread the server has ended the
 * connection. */
ssize_t
recv (int fd, void *buffer, size_t size, int flags)
{
  if (g_atomic_pointer_get (&looks.thread) == g_thread_self () && size == 1 && ++looks.n_looks == 2)
    return 0;
  return syscall (SYS_recvfrom, fd, buffer, size, flags, NULL, NULL);
}

static void
assert_stored (S3Fixture *fixture, const char *key, const char *text)
{
  g_autoptr (GBytes) bytes = peer_get (fixture->peer, key);

  g_assert_nonnull (bytes);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), text, strlen (text));
}

static void
test_put (S3Fixture *fixture, gconstpointer data)
{
  const struct iovec parts[] = { { (void *) "one ", 4 }, { NULL, 0 }, { (void *) "two", 3 } };
  g_autoptr (GError) error = NULL;

  ob_store_put (fixture->store, "data/ab/abcd", parts, 3, OB_STORE_PUT_NONE, NULL, &error);
  g_assert_no_error (error);
  assert_stored (fixture, "a b/c/data/ab/abcd", "one two");
  s3_fixture_assert_header (fixture, "X-Amz-Content-Sha256: " HASH, TRUE);
  s3_fixture_assert_header (fixture, "Content-Length: 7", TRUE);
  s3_fixture_assert_header (fixture, "If-None-Match", FALSE);
  s3_fixture_assert_header (fixture, "Accept-Encoding", FALSE);

  put_text (fixture->store, "config", "x", OB_STORE_PUT_NONE);
  put_text (fixture->store, "config", "", OB_STORE_PUT_NONE);
  assert_stored (fixture, "a b/c/config", "");
  s3_fixture_assert_header (fixture, "Content-Length: 0", TRUE);
}

static void
test_put_nothing (S3Fixture *fixture, gconstpointer data)
{
  static const ObStorePutFlags flags[] = { OB_STORE_PUT_NONE, OB_STORE_PUT_DEFERRED };
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (flags); i++)
    {
      peer_put (fixture->peer, "a b/c/data/ab/abcd", "former");
      g_assert_true (
        ob_store_put (fixture->store, "data/ab/abcd", NULL, 0, flags[i], NULL, &error)
        && ob_store_flush (fixture->store, NULL, &error));
      g_assert_no_error (error);
      assert_stored (fixture, "a b/c/data/ab/abcd", "");
      s3_fixture_assert_header (fixture, "Content-Length: 0", TRUE);
    }
}

/* Nobody reads the bytes of what is too large. */
static void
test_put_too_large (S3Fixture *fixture, gconstpointer data)
{
  const struct iovec parts[]
    = { { (void *) "x", 3 * GIB }, { (void *) "y", 2 * GIB + 1 } };
  g_autoptr (GError) error = NULL;

  g_assert_false (ob_store_put (fixture->store, "data/ab/abcd", parts, 2, OB_STORE_PUT_DEFERRED,
                                NULL, &error));
  g_assert_ob_error (error, OB_ERROR_NOT_SUPPORTED);
  g_assert_message (error, "data/ab/abcd");
  g_assert_cmpuint (peer_count_requests (fixture->peer), ==, 0);
}

/* The token of keys that are valid for a time is among what is signed. */
static void
test_session_token (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObAwsKeys) keys = ob_aws_keys_new ("ASIAEXAMPLE", "SECRET", "TO/KEN==", 0);
  g_autoptr (ObAwsCredentials) credentials = ob_aws_credentials_new_fixed (keys);
  g_autofree char *head = NULL;

  put_text (fixture->store, "config", "x", OB_STORE_PUT_NONE);
  s3_fixture_assert_header (fixture, "X-Amz-Security-Token", FALSE);
  s3_fixture_open_with (fixture, credentials);
  put_text (fixture->store, "config", "x", OB_STORE_PUT_NONE);
  s3_fixture_assert_header (fixture, "X-Amz-Security-Token: TO/KEN==", TRUE);
  head = peer_get_last (fixture->peer);
  g_assert_nonnull (
    strstr (head, "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"));
}

static void
test_ca_file (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObAwsKeys) keys = ob_aws_keys_new ("AKIDEXAMPLE", "SECRET", NULL, 0);
  g_autoptr (ObAwsCredentials) credentials = ob_aws_credentials_new_fixed (keys);
  g_autoptr (GError) error = NULL;

  s3_fixture_set (fixture, "ca-file", "/nowhere/ca.pem");
  g_assert_null (ob_s3_store_new (fixture->settings, credentials, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
  g_assert_message (error, "/nowhere/ca.pem");
}

static void
test_headers (S3Fixture *fixture, gconstpointer data)
{
  s3_fixture_set (fixture, "storage-class", "STANDARD_IA");
  s3_fixture_set (fixture, "encryption", "aws:kms");
  s3_fixture_set (fixture, "kms-key", "k-1");
  s3_fixture_open (fixture);
  put_text (fixture->store, "data/ab/abcd", "x", OB_STORE_PUT_NONE);
  s3_fixture_assert_header (fixture, "X-Amz-Storage-Class: STANDARD_IA", TRUE);
  s3_fixture_assert_header (fixture, "X-Amz-Server-Side-Encryption: aws:kms", TRUE);
  s3_fixture_assert_header (fixture, "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id: k-1", TRUE);
  put_text (fixture->store, "index/abcd", "x", OB_STORE_PUT_NONE);
  s3_fixture_assert_header (fixture, "X-Amz-Storage-Class", FALSE);
  s3_fixture_assert_header (fixture, "X-Amz-Server-Side-Encryption: aws:kms", TRUE);
}

/* Only one of two makes a new thing; but our own, whose answer got lost, is ours. */
static void
test_put_new (S3Fixture *fixture, gconstpointer data)
{
  const struct iovec part = { (void *) "mine", 4 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) lost = NULL;

  peer_put (fixture->peer, "a b/c/config", "theirs");
  g_assert_false (
    ob_store_put (fixture->store, "config", &part, 1, OB_STORE_PUT_NEW, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_EXISTS);
  g_assert_message (error, "config");
  assert_stored (fixture, "a b/c/config", "theirs");

  /* The answer is lost, and somebody else's thing is there. */
  peer_add (fixture->peer, FAULT_RESET, 1);
  g_assert_false (
    ob_store_put (fixture->store, "config", &part, 1, OB_STORE_PUT_NEW, NULL, &lost));
  g_assert_ob_error (lost, OB_ERROR_EXISTS);

  put_text (fixture->store, "new", "mine", OB_STORE_PUT_NEW);
  s3_fixture_assert_header (fixture, "If-None-Match: *", TRUE);
  peer_add (fixture->peer, FAULT_LATE, 1);
  put_text (fixture->store, "other", "mine", OB_STORE_PUT_NEW);
  assert_stored (fixture, "a b/c/other", "mine");

  peer_add_status (fixture->peer, 501, "NotImplemented", 1);
  put_text (fixture->store, "config", "mine", OB_STORE_PUT_NEW);
  assert_stored (fixture, "a b/c/config", "mine");
}

static gssize
read_some (S3Fixture *fixture, guint64 offset, gsize size, char *buffer)
{
  g_autoptr (GError) error = NULL;
  gssize n = ob_store_read (fixture->store, "data/ab/x", offset, buffer, size, NULL, &error);

  g_assert_no_error (error);
  return n;
}

static void
test_read (S3Fixture *fixture, gconstpointer data)
{
  char buffer[32] = "";
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) large = NULL;
  guint64 size = 0;

  peer_put (fixture->peer, "a b/c/data/ab/x", "0123456789");
  g_assert_cmpint (read_some (fixture, 0, 4, buffer), ==, 4);
  g_assert_cmpmem (buffer, 4, "0123", 4);
  g_assert_cmpint (read_some (fixture, 6, 4, buffer), ==, 4);
  g_assert_cmpmem (buffer, 4, "6789", 4);
  g_assert_cmpint (read_some (fixture, 8, 20, buffer), ==, 2);
  g_assert_cmpmem (buffer, 2, "89", 2);
  g_assert_cmpint (read_some (fixture, 10, 4, buffer), ==, 0);
  g_assert_cmpint (read_some (fixture, G_MAXUINT64, 4, buffer), ==, 0);
  g_assert_cmpint (read_some (fixture, 0, 0, buffer), ==, 0);

  g_assert_true (ob_store_stat (fixture->store, "data/ab/x", &size, NULL, NULL));
  g_assert_cmpuint (size, ==, 10);
  peer_put (fixture->peer, "a b/c/data/ab/x", "");
  g_assert_true (ob_store_stat (fixture->store, "data/ab/x", &size, NULL, NULL));
  g_assert_cmpuint (size, ==, 0);
  assert_object (fixture->store, "data/ab/x", "");

  assert_object (fixture->store, "data/ab/none", NULL);
  g_assert_cmpint (ob_store_read (fixture->store, "none", 0, buffer, 4, NULL, &error), ==, -1);
  g_assert_ob_error (error, OB_ERROR_NOT_FOUND);
  peer_put (fixture->peer, "a b/c/large", "0123456789");
  g_assert_null (ob_store_get (fixture->store, "large", 9, NULL, &large));
  g_assert_ob_error (large, OB_ERROR_CORRUPT);
}

/* Who acknowledges late makes a server that sends headers and body apart wait 40 ms each time. */
static void
test_acknowledged_at_once (S3Fixture *fixture, gconstpointer data)
{
  gint64 began = g_get_monotonic_time ();

  peer_put (fixture->peer, "a b/c/x", "0123456789");
  peer_add (fixture->peer, FAULT_APART, 100);
  for (guint i = 0; i < 100; i++)
    assert_object (fixture->store, "x", "0123456789");
  g_assert_cmpint (g_get_monotonic_time () - began, <, 2 * G_USEC_PER_SEC);
}

/* A connection may end at any moment, also while libsoup looks whether it has: no reason to wait
 * for ever. */
static void
test_connection_ends (S3Fixture *fixture, gconstpointer data)
{
  peer_put (fixture->peer, "a b/c/x", "0123456789");
  assert_object (fixture->store, "x", "0123456789");
  looks.n_looks = 0;
  g_atomic_pointer_set (&looks.thread, g_thread_self ());
  alarm (30);
  assert_object (fixture->store, "x", "0123456789");
  alarm (0);
  g_atomic_pointer_set (&looks.thread, NULL);
  g_assert_cmpuint (looks.n_looks, >=, 2);
  g_assert_cmpuint (peer_count_connections (fixture->peer), ==, 2);
  assert_object (fixture->store, "x", "0123456789");
}

/* A pack that is read from its begin to its end in pieces costs few requests; one that is read here
 * and there no more bytes than were asked for. */
static void
test_read_ahead (S3Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = g_malloc (PACK + 1);
  guint before;
  gssize n = 1;
  char buffer[PIECE];
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < PACK; i++)
    text[i] = (char) ('a' + i % 23);
  text[PACK] = '\0';
  peer_put (fixture->peer, "a b/c/data/ab/x", text);
  before = peer_count_requests (fixture->peer);
  for (guint64 at = 0; n > 0; at += (guint64) n)
    {
      n = read_some (fixture, at, PIECE, buffer);
      g_assert_cmpint (n, ==, MIN (PIECE, PACK - at));
      g_assert_cmpmem (buffer, (gsize) n, text + at, (gsize) n);
    }
  /* The first piece, 4 MiB twice, and the rest. */
  g_assert_cmpuint (peer_count_requests (fixture->peer) - before, ==, 4);

  g_assert_cmpint (read_some (fixture, 5000, 7, buffer), ==, 7);
  s3_fixture_assert_header (fixture, "Range: bytes=5000-5006\r\n", TRUE);
  g_assert_cmpint (read_some (fixture, 5007, 7, buffer), ==, 7);
  g_assert_cmpint (read_some (fixture, 5014, 7, buffer), ==, 7);
  g_assert_cmpmem (buffer, 7, text + 5014, 7);

  /* What was read ahead goes with its object. */
  g_assert_true (ob_store_remove (fixture->store, "data/ab/x", NULL, &error));
  g_assert_cmpint (ob_store_read (fixture->store, "data/ab/x", 5021, buffer, 7, NULL, &error), ==,
                   -1);
  g_assert_ob_error (error, OB_ERROR_NOT_FOUND);
}

static void
test_list (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (GString) names = g_string_new (NULL);

  peer_set_page (fixture->peer, 10);
  assert_list (fixture->store, "data", "");
  for (guint i = 0; i < MANY; i++)
    {
      g_autofree char *key = g_strdup_printf ("a b/c/data/ab/<%02u&", i);

      peer_put (fixture->peer, key, "x");
      g_string_append_printf (names, "%sdata/ab/<%02u&", i > 0 ? " " : "", i);
    }
  /* Not ours: beside the prefix, beside the directory, and what looks like one. */
  peer_put (fixture->peer, "data/ab/other", "x");
  peer_put (fixture->peer, "a b/c/data2", "x");
  peer_put (fixture->peer, "a b/c/data/", "");
  assert_list (fixture->store, "data", names->str);
  s3_fixture_set (fixture, "prefix", NULL);
  s3_fixture_open (fixture);
  assert_list (fixture->store, "data", "data/ab/other");
}

static gboolean
stop_at_once (const char *name, guint64 size, gpointer user_data)
{
  (*(guint *) user_data)++;
  return FALSE;
}

static void
test_list_stops (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  guint before, calls = 0;

  peer_set_page (fixture->peer, 1);
  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *key = g_strdup_printf ("a b/c/data/%u", i);

      peer_put (fixture->peer, key, "x");
    }
  before = peer_count_requests (fixture->peer);
  g_assert_true (ob_store_list (fixture->store, "data", stop_at_once, &calls, NULL, &error));
  g_assert_cmpuint (calls, ==, 1);
  g_assert_cmpuint (peer_count_requests (fixture->peer) - before, ==, 1);
}

static void
test_remove (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  peer_put (fixture->peer, "a b/c/locks/x", "x");
  g_assert_true (ob_store_remove (fixture->store, "locks/x", NULL, &error));
  g_assert_null (peer_get (fixture->peer, "a b/c/locks/x"));
  peer_add_status (fixture->peer, 404, "NoSuchKey", 1);
  g_assert_true (ob_store_remove (fixture->store, "locks/x", NULL, &error));
  peer_add_status (fixture->peer, 404, "NoSuchBucket", 1);
  g_assert_false (ob_store_remove (fixture->store, "locks/x", NULL, &error));
  g_assert_ob_error (error, OB_ERROR_DESTINATION_UNAVAILABLE);
}

/* Several at once, never more than there are connections, which stay. */
static void
test_deferred (S3Fixture *fixture, gconstpointer data)
{
  s3_fixture_set (fixture, "connections", "3");
  s3_fixture_open (fixture);
  peer_set_delay (fixture->peer, 50);
  for (guint i = 0; i < 12; i++)
    {
      g_autofree char *name = g_strdup_printf ("data/ab/%u", i);

      put_text (fixture->store, name, name, OB_STORE_PUT_DEFERRED);
    }
  flush (fixture->store);
  for (guint i = 0; i < 12; i++)
    {
      g_autofree char *name = g_strdup_printf ("data/ab/%u", i);

      assert_object (fixture->store, name, name);
    }
  g_assert_cmpuint (peer_get_most (fixture->peer), ==, 3);
  g_assert_cmpuint (peer_count_connections (fixture->peer), ==, 3);
  g_assert_false (ob_store_has_failed (fixture->store));
}

/* One that fails for good is told at every flush, and at what is added afterwards. */
static void
test_deferred_fails (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) again = NULL;
  g_autoptr (GError) more = NULL;

  peer_add_status (fixture->peer, 507, "InsufficientStorage", 1);
  put_text (fixture->store, "data/ab/x", "x", OB_STORE_PUT_DEFERRED);
  g_assert_false (ob_store_flush (fixture->store, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_NO_SPACE);
  g_assert_message (error, "data/ab/x");
  g_assert_true (ob_store_has_failed (fixture->store));
  g_assert_false (ob_store_flush (fixture->store, NULL, &again));
  g_assert_ob_error (again, OB_ERROR_NO_SPACE);
  g_assert_false (put_much (fixture->store, "data/ab/y", 1, OB_STORE_PUT_DEFERRED, &more));
  g_assert_ob_error (more, OB_ERROR_NO_SPACE);
}

/* A job that is cancelled goes at once; what it has handed over is still stored. */
static void
test_deferred_cancelled (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  peer_set_delay (fixture->peer, 200);
  put_text (fixture->store, "data/ab/x", "x", OB_STORE_PUT_DEFERRED);
  g_cancellable_cancel (cancellable);
  g_assert_false (ob_store_flush (fixture->store, cancellable, &error));
  g_assert_ob_error (error, OB_ERROR_CANCELLED);
  flush (fixture->store);
  assert_stored (fixture, "a b/c/data/ab/x", "x");
}

static void
test_misc (S3Fixture *fixture, gconstpointer data)
{
  g_autofree char *where = ob_store_describe (fixture->store);
  g_autofree char *expected
    = g_strdup_printf ("s3:%s/erp/a b/c", peer_get_url (fixture->peer));
  guint64 free_bytes = 0, total_bytes = 0;

  g_assert_cmpstr (where, ==, expected);
  g_assert_true (ob_store_prepare (fixture->store, NULL, NULL));
  g_assert_true (ob_store_space (fixture->store, &free_bytes, &total_bytes, NULL, NULL));
  g_assert_cmpuint (total_bytes, ==, G_MAXUINT64);
  g_assert_false (ob_store_is_consistent (fixture->store));
  g_assert_cmpuint (peer_count_requests (fixture->peer), ==, 0);
}

#define add(name, func)                                                                            \
  g_test_add ("/s3-store/" name, S3Fixture, NULL, s3_fixture_set_up, func, s3_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("put", test_put);
  add ("put-nothing", test_put_nothing);
  add ("put-too-large", test_put_too_large);
  add ("session-token", test_session_token);
  add ("ca-file", test_ca_file);
  add ("headers", test_headers);
  add ("put-new", test_put_new);
  add ("read", test_read);
  add ("acknowledged-at-once", test_acknowledged_at_once);
  add ("connection-ends", test_connection_ends);
  add ("read-ahead", test_read_ahead);
  add ("list", test_list);
  add ("list-stops", test_list_stops);
  add ("remove", test_remove);
  add ("deferred", test_deferred);
  add ("deferred-fails", test_deferred_fails);
  add ("deferred-cancelled", test_deferred_cancelled);
  add ("misc", test_misc);
  return g_test_run ();
}
