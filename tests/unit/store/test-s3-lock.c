/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Objects that nobody can remove for a time. */
#include <string.h>

#include "ob-s3-retention.h"
#include "s3-fixture.h"

#define DAY (24 * 60 * 60)
#define PREFIX "a b/c/"

static void
put (ObStore *store, const char *name, ObStorePutFlags flags)
{
  const struct iovec part = { (void *) "content", 7 };
  g_autoptr (GError) error = NULL;

  g_assert_true (ob_store_put (store, name, &part, 1, flags, NULL, &error)
                 && ob_store_flush (store, NULL, &error));
  g_assert_no_error (error);
}

static gint64
now (void)
{
  return g_get_real_time () / G_USEC_PER_SEC;
}

/* How many days from now on, rounded, the object is locked; @mode: how it has to be. */
static gint64
get_days (S3Fixture *fixture, const char *name, const char *mode)
{
  g_autofree char *key = g_strconcat (PREFIX, name, NULL);
  g_autofree char *lock = peer_get_lock (fixture->peer, key);
  g_autoptr (GDateTime) time = NULL;
  g_auto (GStrv) words = NULL;

  if (lock == NULL)
    return 0;
  words = g_strsplit (lock, " until ", 2);
  g_assert_cmpstr (words[0], ==, mode);
  time = g_date_time_new_from_iso8601 (words[1], NULL);
  g_assert_nonnull (time);
  return (g_date_time_to_unix (time) - now () + DAY / 2) / DAY;
}

static void
lock_for (S3Fixture *fixture, const char *days, const char *mode)
{
  s3_fixture_set (fixture, "lock-days", days);
  s3_fixture_set (fixture, "lock-mode", mode);
  peer_set_lockable (fixture->peer);
  s3_fixture_open (fixture);
}

/* Packs, keys and the config, which later backups need too, for a quarter longer. */
static void
test_put (S3Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *name;
    gint64 days;
  } objects[]
    = { { "data/ab/x", 50 },   { "keys/x", 50 }, { "config", 50 },       { "index/x", 40 },
        { "snapshots/x", 40 }, { "locks/x", 0 }, { "obbackup-check", 0 } };

  lock_for (fixture, "40", NULL);
  g_assert_cmpuint (ob_store_get_lock_days (fixture->store), ==, 40);
  for (guint i = 0; i < G_N_ELEMENTS (objects); i++)
    {
      put (fixture->store, objects[i].name, i % 2 == 0 ? OB_STORE_PUT_NONE : OB_STORE_PUT_DEFERRED);
      g_test_message ("%s", objects[i].name);
      g_assert_cmpint (get_days (fixture, objects[i].name, "GOVERNANCE"), ==, objects[i].days);
      /* The MD5 of "content", which S3 wants with a lock. */
      s3_fixture_assert_header (fixture,
                                "Content-MD5: mgNkuembtIDdJeHwKEyFVQ==", objects[i].days > 0);
    }
  put (fixture->store, "snapshots/y", OB_STORE_PUT_UNLOCKED);
  g_assert_cmpint (get_days (fixture, "snapshots/y", NULL), ==, 0);
  lock_for (fixture, "8", "compliance");
  put (fixture->store, "data/ab/y", OB_STORE_PUT_NEW);
  g_assert_cmpint (get_days (fixture, "data/ab/y", "COMPLIANCE"), ==, 10);
}

/* Without days nothing is locked, and the bucket is asked only where something is removed. */
static void
test_none (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  gint64 until = 1;

  g_assert_cmpuint (ob_store_get_lock_days (fixture->store), ==, 0);
  put (fixture->store, "data/ab/x", OB_STORE_PUT_NONE);
  put (fixture->store, "locks/x", OB_STORE_PUT_NONE);
  s3_fixture_assert_header (fixture, "X-Amz-Object-Lock-Mode", FALSE);
  g_assert_true (ob_store_check_locks (fixture->store, NULL, &error));
  g_assert_true (ob_store_remove (fixture->store, "locks/x", NULL, &error));
  g_assert_cmpuint (peer_count_requests (fixture->peer), ==, 3);
  g_assert_true (ob_store_remove (fixture->store, "data/ab/x", NULL, &error));
  g_assert_cmpuint (peer_count_requests (fixture->peer), ==, 5);
  g_assert_true (ob_store_get_lock (fixture->store, "data/ab/x", &until, NULL, &error));
  g_assert_cmpint (until, ==, 0);
  /* Once it is known, it is. */
  g_assert_true (ob_store_remove (fixture->store, "data/ab/x", NULL, &error));
  g_assert_cmpuint (peer_count_requests (fixture->peer), ==, 6);
  g_assert_no_error (error);
}

/* A policy that does not let us ask is no reason to remove nothing, as long as nothing is to be
 * locked; a server that does not answer is. */
static void
test_may_not_ask (S3Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    guint status;
    const char *code;
  } refusals[] = { { 403, "AccessDenied" }, { 501, "NotImplemented" }, { 400, "InvalidRequest" } };

  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++)
    {
      g_autoptr (GError) error = NULL;

      s3_fixture_open (fixture);
      peer_add_status (fixture->peer, refusals[i].status, refusals[i].code, 1);
      g_assert_true (ob_store_remove (fixture->store, "data/ab/x", NULL, &error));
      g_assert_no_error (error);
    }
  s3_fixture_set (fixture, "lock-days", "1");
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++)
    {
      g_autoptr (GError) error = NULL;

      s3_fixture_open (fixture);
      peer_add_status (fixture->peer, refusals[i].status, refusals[i].code, 1);
      g_assert_false (ob_store_check_locks (fixture->store, NULL, &error));
      g_assert_nonnull (error);
      if (refusals[i].status == 403)
        g_assert_message (error, "s3:GetBucketObjectLockConfiguration");
    }
  s3_fixture_set (fixture, "lock-days", NULL);
  s3_fixture_open (fixture);
  peer_add_status (fixture->peer, 404, "NoSuchBucket", 1);
  g_assert_false (ob_store_remove (fixture->store, "data/ab/x", NULL, NULL));
}

static void
test_bucket_without (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  s3_fixture_set (fixture, "lock-days", "30");
  s3_fixture_open (fixture);
  g_assert_false (ob_store_check_locks (fixture->store, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_NOT_SUPPORTED);
  g_assert_message (error, "no object lock");
  g_clear_error (&error);
  lock_for (fixture, "30", NULL);
  g_assert_true (ob_store_check_locks (fixture->store, NULL, &error));
  g_assert_no_error (error);
}

/* What is locked is not removed, since that would hide it; what has a successor may be hidden. */
static void
test_remove (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  gint64 until = 0;

  lock_for (fixture, "30", NULL);
  put (fixture->store, "snapshots/x", OB_STORE_PUT_NONE);
  g_assert_true (ob_store_get_lock (fixture->store, "snapshots/x", &until, NULL, &error));
  g_assert_cmpint (until, >=, now () + 30 * DAY - 60);
  g_assert_false (ob_store_remove (fixture->store, "snapshots/x", NULL, &error));
  g_assert_ob_error (error, OB_ERROR_LOCKED);
  g_assert_message (error, "locked until 2");
  g_assert_true (ob_store_hide (fixture->store, "snapshots/x", NULL, NULL));
  g_assert_null (peer_get (fixture->peer, PREFIX "snapshots/x"));

  /* Its time is over. */
  put (fixture->store, "snapshots/x", OB_STORE_PUT_NONE);
  peer_set_lock (fixture->peer, PREFIX "snapshots/x", "COMPLIANCE", "2020-01-01T00:00:00Z");
  g_assert_true (ob_store_remove (fixture->store, "snapshots/x", NULL, NULL));
  /* Somebody else locks what is stored, or we did before. */
  s3_fixture_set (fixture, "lock-days", "0");
  s3_fixture_open (fixture);
  put (fixture->store, "data/ab/x", OB_STORE_PUT_NONE);
  peer_set_lock (fixture->peer, PREFIX "data/ab/x", "COMPLIANCE", "2999-01-01T00:00:00Z");
  g_assert_false (ob_store_remove (fixture->store, "data/ab/x", NULL, NULL));
}

/* Longer where it has to be, and then for a quarter more; never shorter, nor less strict. */
static void
test_extend (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  gboolean changed = TRUE;
  guint n;

  lock_for (fixture, "40", NULL);
  put (fixture->store, "data/ab/x", OB_STORE_PUT_NONE);
  n = peer_count_requests (fixture->peer);
  g_assert_true (
    ob_store_extend_lock (fixture->store, "data/ab/x", now () + 45 * DAY, &changed, NULL, &error));
  g_assert_false (changed);
  /* Whether there are locks, and the object. */
  g_assert_cmpuint (peer_count_requests (fixture->peer) - n, ==, 2);
  g_assert_true (
    ob_store_extend_lock (fixture->store, "data/ab/x", now () + 55 * DAY, &changed, NULL, &error));
  g_assert_true (changed);
  g_assert_cmpint (get_days (fixture, "data/ab/x", "GOVERNANCE"), ==, 65);
  s3_fixture_assert_header (fixture, "Content-MD5: ", TRUE);

  peer_set_lock (fixture->peer, PREFIX "data/ab/x", "COMPLIANCE", "2020-01-01T00:00:00Z");
  g_assert_true (
    ob_store_extend_lock (fixture->store, "data/ab/x", now () + 40 * DAY, &changed, NULL, &error));
  g_assert_cmpint (get_days (fixture, "data/ab/x", "COMPLIANCE"), ==, 50);
  /* One that was not locked at all, and one that is not there. */
  put (fixture->store, "snapshots/x", OB_STORE_PUT_UNLOCKED);
  g_assert_true (
    ob_store_extend_lock (fixture->store, "snapshots/x", now () + 7 * DAY, &changed, NULL, &error));
  g_assert_cmpint (get_days (fixture, "snapshots/x", "GOVERNANCE"), ==, 7);
  g_assert_no_error (error);
  g_assert_false (
    ob_store_extend_lock (fixture->store, "data/ab/none", now () + DAY, &changed, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_NOT_FOUND);
  g_assert_false (changed);
}

/* What cannot be told is not taken for unlocked. */
static void
test_senseless (S3Fixture *fixture, gconstpointer data)
{
  static const char *const bodies[]
    = { "",
        "<html/>",
        "<Retention/>",
        "<Retention><Mode>GOVERNANCE</Mode></Retention>",
        "<Retention><RetainUntilDate>2999-01-01T00:00:00Z</RetainUntilDate></Retention>",
        "<Retention><Mode>NONE</Mode><RetainUntilDate>2999-01-01T00:00:00Z</RetainUntilDate>"
        "</Retention>",
        "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>soon</RetainUntilDate></Retention>",
        "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2020-01-01T00:00:00Z"
        "</RetainUntilDate><RetainUntilDate>2999-01-01T00:00:00Z</RetainUntilDate></Retention>" };
  gint64 until;

  lock_for (fixture, "40", NULL);
  put (fixture->store, "data/ab/x", OB_STORE_PUT_NONE);
  g_assert_true (ob_store_get_lock (fixture->store, "data/ab/x", &until, NULL, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (bodies); i++)
    {
      g_autofree char *raw
        = g_strdup_printf ("HTTP/1.1 200 OK\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s",
                           strlen (bodies[i]), bodies[i]);
      g_autoptr (GError) error = NULL;

      peer_add_raw (fixture->peer, raw);
      g_test_message ("%s", bodies[i]);
      g_assert_false (ob_store_remove (fixture->store, "data/ab/x", NULL, &error));
      g_assert_ob_error (error, OB_ERROR_DESTINATION_UNAVAILABLE);
    }
}

static void
test_texts (void)
{
  ObS3Retention retention = { TRUE, 1798514417 };
  g_autofree char *body = ob_s3_retention_build (&retention);
  ObS3Retention back = { 0 };
  char text[OB_AWS_LONG_TIME_SIZE];

  g_assert_true (ob_s3_retention_parse (body, strlen (body), &back));
  g_assert_true (back.compliance);
  g_assert_cmpint (back.until, ==, 1798514417);
  ob_aws_format_long_time (1798514417, text);
  g_assert_cmpstr (text, ==, "2026-12-29T03:20:17Z");
  ob_aws_format_long_time (G_MAXINT64, text);
  g_assert_cmpstr (text, ==, "1970-01-01T00:00:00Z");
}

#define add(name, func)                                                                            \
  g_test_add ("/s3-lock/" name, S3Fixture, NULL, s3_fixture_set_up, func, s3_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("put", test_put);
  add ("none", test_none);
  add ("may-not-ask", test_may_not_ask);
  add ("bucket-without", test_bucket_without);
  add ("remove", test_remove);
  add ("extend", test_extend);
  add ("senseless", test_senseless);
  g_test_add_func ("/s3-lock/texts", test_texts);
  return g_test_run ();
}
