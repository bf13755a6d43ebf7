/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A check of a bucket, where one thing after the other is not as it should be. */
#include "ob-http-checkup.h"
#include "ob-store-checkup.h"
#include "s3-fixture.h"

#define PROBE "obbackup-check-"
#define XML(text) "HTTP/1.1 200 O\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" text
#define VERSIONS_ON                                                                                \
  XML ("50\r\n"                                                                                    \
       "<VersioningConfiguration>   <Status>Enabled</Status></VersioningConfiguration>  \r\n"      \
       "0\r\n\r\n")

/* All steps of a bucket, but for the repository. Transfer full. */
static ObCheckup *
check (S3Fixture *fixture, GCancellable *cancellable)
{
  ObCheckup *checkup = ob_checkup_new (NULL, NULL, cancellable);
  g_autofree char *host = NULL;
  g_autofree char *path = NULL;
  g_autofree char *url = ob_s3_settings_get_base (fixture->settings, &host, &path);
  guint64 free_bytes, total_bytes;

  ob_http_checkup (url, NULL, S3_TIMEOUT, checkup);
  ob_store_checkup (fixture->store, checkup);
  ob_store_checkup_list (fixture->store, "bucket", checkup);
  ob_store_checkup_write (fixture->store, "bucket", checkup);
  ob_store_checkup_latency (fixture->store, "bucket", checkup);
  ob_store_checkup_speed (fixture->store, "delete", checkup);
  ob_store_checkup_space (fixture->store, "bucket", &free_bytes, &total_bytes, checkup);
  return checkup;
}

/* Transfer full. */
static GVariant *
find_step (ObCheckup *checkup, const char *name)
{
  g_autoptr (GVariant) steps = ob_checkup_dup_steps (checkup);

  for (guint i = 0; i < g_variant_n_children (steps); i++)
    {
      g_autoptr (GVariant) step = g_variant_get_child_value (steps, i);
      const char *found;

      g_assert_true (g_variant_lookup (step, "name", "&s", &found));
      if (strcmp (found, name) == 0)
        return g_steal_pointer (&step);
    }
  g_error ("there is no step %s", name);
}

/* @words: "NAME=STATUS" with ";" between; the others are as they are for this peer when all is
 * well. */
static void
assert_steps (ObCheckup *checkup, const char *words)
{
  g_autofree char *all = g_strconcat (
    "resolve=ok;connect=ok;tls=skipped;credentials=ok;bucket=ok;clock=not told;"
    "versioning=not told;object-lock=ok;list=ok;write=ok;read=ok;delete=ok;latency=ok;"
    "upload=ok;download=ok;space=not told;",
    words, NULL);
  g_auto (GStrv) pairs = g_strsplit (all, ";", -1);
  g_autoptr (GHashTable) expected = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (GVariant) steps = ob_checkup_dup_steps (checkup);

  for (char **pair = pairs; *pair != NULL; pair++)
    {
      g_auto (GStrv) words_of_it = g_strsplit (*pair, "=", 2);

      if (g_strv_length (words_of_it) == 2)
        g_hash_table_replace (expected, g_strdup (words_of_it[0]), g_strdup (words_of_it[1]));
    }
  g_assert_cmpuint (g_variant_n_children (steps), ==, g_hash_table_size (expected));
  for (guint i = 0; i < g_variant_n_children (steps); i++)
    {
      g_autoptr (GVariant) step = g_variant_get_child_value (steps, i);
      const char *name, *status, *text;

      g_variant_lookup (step, "name", "&s", &name);
      g_variant_lookup (step, "status", "&s", &status);
      g_variant_lookup (step, "text", "&s", &text);
      g_test_message ("%s: %s: %s", name, status, text);
      g_assert_null (strstr (text, "SECRET"));
      g_assert_cmpstr (status, ==, g_hash_table_lookup (expected, name));
    }
}

static void
assert_text (ObCheckup *checkup, const char *name, const char *part)
{
  g_autoptr (GVariant) step = find_step (checkup, name);
  const char *text = NULL;

  g_variant_lookup (step, "text", "&s", &text);
  if (strstr (text, part) == NULL)
    g_error ("no \"%s\" in: %s", part, text);
}

/* Nothing is left in the bucket, and the error is that of the first step that failed. */
static void
assert_end (S3Fixture *fixture, ObCheckup *checkup, ObError code)
{
  g_autoptr (GError) error = NULL;
  guint n = peer_count_keys (fixture->peer, PROBE);

  g_assert_cmpuint (n, ==, 0);
  g_assert_false (ob_checkup_conclude (checkup, &error));
  g_assert_error (error, OB_ERROR, (int) code);
}

static void
test_well (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObCheckup) checkup = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) step = NULL;
  const char *key = NULL;

  peer_put (fixture->peer, "a b/c/snapshots/x", "x");
  checkup = check (fixture, NULL);
  assert_steps (checkup, "");
  assert_text (checkup, "resolve", "127.0.0.1");
  assert_text (checkup, "bucket", "erp");
  assert_text (checkup, "list", "1 snapshot");
  step = find_step (checkup, "credentials");
  g_assert_true (g_variant_lookup (step, "access-key", "&s", &key));
  g_assert_cmpstr (key, ==, "AKID…MPLE");
  g_assert_true (ob_checkup_conclude (checkup, &error));
  g_assert_cmpuint (peer_count_keys (fixture->peer, PROBE), ==, 0);
}

#define AFTER_BUCKET                                                                               \
  "versioning=skipped;object-lock=skipped;list=skipped;write=skipped;read=skipped;delete=skipped;" \
  "latency=skipped;upload=skipped;download=skipped;space=skipped"
#define AFTER_CREDENTIALS "bucket=skipped;" AFTER_BUCKET
#define AFTER_CONNECT "tls=skipped;credentials=skipped;clock=skipped;" AFTER_CREDENTIALS

static void
test_no_name (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObCheckup) checkup = NULL;

  s3_fixture_set (fixture, "endpoint", "http://s3.nowhere.invalid");
  s3_fixture_set (fixture, "allow-http", "true");
  s3_fixture_open (fixture);
  checkup = check (fixture, NULL);
  assert_steps (checkup, "resolve=failed;connect=skipped;" AFTER_CONNECT);
  assert_text (checkup, "resolve", "s3.nowhere.invalid cannot be resolved");
  assert_end (fixture, checkup, OB_ERROR_DESTINATION_UNAVAILABLE);
}

static void
test_refused (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObCheckup) checkup = NULL;

  s3_fixture_set (fixture, "endpoint", "http://127.0.0.1:1");
  s3_fixture_open (fixture);
  checkup = check (fixture, NULL);
  assert_steps (checkup, "connect=failed;" AFTER_CONNECT);
  assert_text (checkup, "connect", "refused");
  assert_end (fixture, checkup, OB_ERROR_DESTINATION_UNAVAILABLE);
}

/* It accepts, and says nothing. */
static void
test_silent (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObCheckup) checkup = NULL;

  peer_add_rule (fixture->peer, "GET", "", FAULT_SILENCE, 0, NULL);
  checkup = check (fixture, NULL);
  assert_steps (checkup, "credentials=failed;" AFTER_CREDENTIALS);
  assert_text (checkup, "credentials", "does not answer");
  assert_end (fixture, checkup, OB_ERROR_DESTINATION_UNAVAILABLE);
}

static void
test_credentials (S3Fixture *fixture, gconstpointer data)
{
  static const char *const codes[]
    = { "SignatureDoesNotMatch", "InvalidAccessKeyId", "ExpiredToken", "RequestTimeTooSkewed" };

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      g_autoptr (ObCheckup) checkup = NULL;

      s3_fixture_open (fixture);
      peer_add_rule (fixture->peer, "GET", "", FAULT_STATUS, 403, codes[i]);
      checkup = check (fixture, NULL);
      assert_steps (checkup, "credentials=failed;" AFTER_CREDENTIALS);
      assert_end (fixture, checkup, OB_ERROR_CREDENTIALS_REJECTED);
    }
}

/* Where the keys come from, and until when they are valid. */
static void
test_source (S3Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *credentials, *profile, *file, *text;
  } cases[] = {
    { "profile", "erp", "/etc/keys", "from the profile erp in /etc/keys" },
    { "profile", NULL, NULL, "from the profile default in the usual file" },
    { "environment", NULL, NULL, "from the environment of the service" },
    { "role", NULL, NULL, "from the role of this EC2 instance" },
  };
  g_autoptr (ObAwsKeys) keys = ob_aws_keys_new ("ASIAEXAMPLE", "SECRET", "TOKEN", 4000000000);
  g_autoptr (ObAwsCredentials) credentials = ob_aws_credentials_new_fixed (keys);

  s3_fixture_set (fixture, "access-key", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (ObCheckup) checkup = NULL;
      g_autoptr (GVariant) step = NULL;
      const char *source = NULL;
      guint64 expires = 0;

      s3_fixture_set (fixture, "credentials", cases[i].credentials);
      s3_fixture_set (fixture, "profile", cases[i].profile);
      s3_fixture_set (fixture, "profile-file", cases[i].file);
      s3_fixture_open_with (fixture, credentials);
      checkup = check (fixture, NULL);
      assert_steps (checkup, "");
      assert_text (checkup, "credentials", cases[i].text);
      step = find_step (checkup, "credentials");
      g_assert_true (g_variant_lookup (step, "source", "&s", &source));
      g_assert_cmpstr (source, ==, cases[i].credentials);
      g_assert_true (g_variant_lookup (step, "expires", "t", &expires));
      g_assert_cmpuint (expires, ==, 4000000000);
    }
}

static ObAwsKeys *
have_no_keys (gpointer data, gboolean renew, GCancellable *cancellable, GError **error)
{
  g_set_error_literal (error, OB_ERROR, OB_ERROR_CREDENTIALS_REJECTED, "none today");
  return NULL;
}

/* The server is not asked without keys. */
static void
test_no_keys (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObAwsCredentials) credentials = ob_aws_credentials_new (have_no_keys, NULL, NULL);
  g_autoptr (ObCheckup) checkup = NULL;

  s3_fixture_open_with (fixture, credentials);
  checkup = check (fixture, NULL);
  assert_steps (checkup, "credentials=failed;" AFTER_CREDENTIALS);
  assert_text (checkup, "credentials", "none today");
  assert_end (fixture, checkup, OB_ERROR_CREDENTIALS_REJECTED);
  g_assert_cmpuint (peer_count_requests (fixture->peer), ==, 0);
}

/* How long an answer takes shows a refusal as well; where there is none that means anything, it
 * is not known. */
static void
test_latency (S3Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    guint status;
    const char *code, *steps;
  } cases[] = { { 403, "AccessDenied", "" }, { 400, "NoSense", "latency=failed" } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (ObCheckup) checkup = NULL;

      s3_fixture_open (fixture);
      peer_add_rule (fixture->peer, "GET", "config", FAULT_STATUS, cases[i].status, cases[i].code);
      checkup = check (fixture, NULL);
      assert_steps (checkup, cases[i].steps);
    }
}

static void
test_no_bucket (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObCheckup) checkup = NULL;

  s3_fixture_set (fixture, "bucket", "other");
  s3_fixture_open (fixture);
  checkup = check (fixture, NULL);
  assert_steps (checkup, "bucket=failed;" AFTER_BUCKET);
  assert_text (checkup, "bucket", "no bucket other");
  assert_end (fixture, checkup, OB_ERROR_DESTINATION_UNAVAILABLE);
}

/* Each right that is missing, and what does not work without it. */
static void
test_denied (S3Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *method, *part, *steps, *step, *action;
  } cases[] = {
    { "GET", "list-type", "bucket=not told;list=failed", "list", "s3:ListBucket" },
    { "PUT", PROBE, "write=failed;read=skipped;delete=skipped;upload=skipped;download=skipped",
      "write", "s3:PutObject" },
    { "GET", PROBE, "read=failed;download=failed", "read", "s3:GetObject" },
    { "DELETE", PROBE, "delete=failed;upload=skipped;download=skipped", "delete",
      "s3:DeleteObject" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (ObCheckup) checkup = NULL;
      g_autoptr (GError) error = NULL;

      s3_fixture_tear_down (fixture, NULL);
      *fixture = (S3Fixture){ 0 };
      s3_fixture_set_up (fixture, NULL);
      peer_add_rule (fixture->peer, cases[i].method, cases[i].part, FAULT_STATUS, 403,
                     "AccessDenied");
      checkup = check (fixture, NULL);
      assert_steps (checkup, cases[i].steps);
      assert_text (checkup, cases[i].step, cases[i].action);
      g_assert_false (ob_checkup_conclude (checkup, &error));
      g_assert_ob_error (error, OB_ERROR_CREDENTIALS_REJECTED);
      if (strcmp (cases[i].step, "delete") != 0)
        g_assert_cmpuint (peer_count_keys (fixture->peer, PROBE), ==, 0);
    }
}

/* Something on the way changes a byte, and says nothing. */
static void
test_damage (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObCheckup) checkup = NULL;

  peer_add_rule (fixture->peer, "GET", PROBE, FAULT_DAMAGE, 0, NULL);
  checkup = check (fixture, NULL);
  assert_steps (checkup, "read=failed;download=failed");
  assert_text (checkup, "read", "damages data");
  assert_end (fixture, checkup, OB_ERROR_CORRUPT);
}

/* A bucket that keeps what it was told to remove. */
static void
test_stays (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObCheckup) checkup = NULL;
  g_autoptr (GError) error = NULL;

  peer_add_rule (fixture->peer, "DELETE", PROBE, FAULT_RAW, 0,
                 "HTTP/1.1 204 N\r\n\r\n");
  checkup = check (fixture, NULL);
  assert_steps (checkup, "delete=failed;upload=skipped;download=skipped");
  assert_text (checkup, "delete", "still there");
  g_assert_false (ob_checkup_conclude (checkup, &error));
  g_assert_ob_error (error, OB_ERROR_FAILED);
}

static void
set_clock (S3Fixture *fixture, int seconds)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autoptr (GDateTime) date = g_date_time_add_seconds (now, seconds);
  g_autofree char *header = g_date_time_format (date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n");

  peer_set_headers (fixture->peer, header);
}

static void
test_clock (S3Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    int seconds;
    const char *steps, *text;
  } cases[] = {
    { 0, "clock=ok", "from that" },
    { -50, "clock=ok", "from that" },
    { -120, "clock=warning", "ahead of" },
    { 120, "clock=warning", "behind" },
    { 3600, "clock=failed", "60 minutes behind" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (ObCheckup) checkup = NULL;
      g_autoptr (GVariant) step = NULL;
      gint64 seconds;

      set_clock (fixture, cases[i].seconds);
      checkup = check (fixture, NULL);
      /* This peer takes what S3 would refuse. */
      assert_steps (checkup, cases[i].steps);
      assert_text (checkup, "clock", cases[i].text);
      step = find_step (checkup, "clock");
      g_assert_true (g_variant_lookup (step, "seconds", "x", &seconds));
      g_assert_cmpint (ABS (seconds + cases[i].seconds), <=, 5);
    }
}

/* An hour off, and the server refuses: the clock is to blame, not the key. */
static void
test_clock_refused (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObCheckup) checkup = NULL;

  set_clock (fixture, 3600);
  peer_add_rule (fixture->peer, "GET", "", FAULT_STATUS, 403, "AccessDenied");
  checkup = check (fixture, NULL);
  assert_steps (checkup, "credentials=failed;clock=failed;" AFTER_CREDENTIALS);
  assert_text (checkup, "credentials", "clock of this machine is 60 minutes behind");
  assert_end (fixture, checkup, OB_ERROR_CREDENTIALS_REJECTED);
}

/* Whatever becomes of the question how the bucket is set up, it is no failure. */
static void
test_settings (S3Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *query;
    PeerFault fault;
    guint status;
    const char *text, *steps;
  } cases[] = {
    { "versioning", FAULT_STATUS, 403, "AccessDenied", "" },
    { "versioning", FAULT_STATUS, 404, "NoSuchThing", "" },
    { "versioning", FAULT_STATUS, 501, "NotImplemented", "" },
    { "versioning", FAULT_STATUS, 405, "MethodNotAllowed", "" },
    { "versioning", FAULT_STATUS, 400, "InvalidArgument", "" },
    { "versioning", FAULT_ENDLESS, 0, NULL, "" },
    { "versioning", FAULT_HUGE, 0, NULL, "" },
    { "versioning", FAULT_RAW, 0, VERSIONS_ON, "versioning=warning" },
    { "object-lock", FAULT_STATUS, 403, "AccessDenied", "object-lock=not told" },
    { "object-lock", FAULT_STATUS, 501, "NotImplemented", "object-lock=not told" },
    { "object-lock", FAULT_STATUS, 404, "ObjectLockConfigurationNotFoundError", "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (ObCheckup) checkup = NULL;
      g_autoptr (GError) error = NULL;

      s3_fixture_tear_down (fixture, NULL);
      *fixture = (S3Fixture){ 0 };
      s3_fixture_set_up (fixture, NULL);
      g_test_message ("%s %d %u %s", cases[i].query, cases[i].fault, cases[i].status,
                      cases[i].text);
      peer_add_rule (fixture->peer, "GET", cases[i].query, cases[i].fault, cases[i].status,
                     cases[i].text);
      checkup = check (fixture, NULL);
      assert_steps (checkup, cases[i].steps);
      g_assert_true (ob_checkup_conclude (checkup, &error));
    }
}

/* A slow server: it says how slow, and does not take for ever. */
static void
test_slow (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObCheckup) checkup = NULL;
  g_autoptr (GVariant) upload = NULL;
  g_autoptr (GVariant) latency = NULL;
  gint64 began = g_get_monotonic_time ();
  double rate, milliseconds;

  peer_set_delay (fixture->peer, 500);
  checkup = check (fixture, NULL);
  g_assert_cmpint (g_get_monotonic_time () - began, <, 40 * G_USEC_PER_SEC);
  assert_steps (checkup, "");
  upload = find_step (checkup, "upload");
  latency = find_step (checkup, "latency");
  g_assert_true (g_variant_lookup (upload, "mib-per-second", "d", &rate));
  g_assert_true (g_variant_lookup (latency, "milliseconds", "d", &milliseconds));
  g_assert_cmpfloat (rate, <, 16);
  g_assert_cmpfloat (milliseconds, >=, 500);
  peer_set_delay (fixture->peer, 0);
}

/* Uploads do not get through, although small ones do. */
static void
test_stuck (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObCheckup) checkup = ob_checkup_new (NULL, NULL, NULL);
  g_autoptr (GError) error = NULL;
  gint64 began = g_get_monotonic_time ();

  peer_add_rule (fixture->peer, "PUT", PROBE, FAULT_SILENCE, 0, NULL);
  ob_store_list (fixture->store, "keys", NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  ob_store_checkup_speed (fixture->store, NULL, checkup);
  g_assert_cmpint (g_get_monotonic_time () - began, <, 12 * G_USEC_PER_SEC);
  assert_text (checkup, "upload", "did not get through");
  assert_text (checkup, "download", "nothing was uploaded");
  g_assert_true (ob_checkup_conclude (checkup, &error));
}

typedef struct
{
  GCancellable *cancellable;
  Peer *peer;
} Later;

static gpointer
cancel_when_written (gpointer data)
{
  Later *later = data;

  while (peer_count_keys (later->peer, PROBE) == 0)
    g_usleep (1000);
  g_cancellable_cancel (later->cancellable);
  return NULL;
}

static gpointer
cancel_when_asked (gpointer data)
{
  Later *later = data;
  gboolean asked = FALSE;

  while (!asked)
    {
      g_autofree char *head = peer_get_last (later->peer);

      asked = head != NULL && strstr (head, "versioning") != NULL;
      g_usleep (1000);
    }
  g_cancellable_cancel (later->cancellable);
  return NULL;
}

/* That the server does not answer, since nobody waits for it any more, is not told of it. */
static void
test_cancel_settings (S3Fixture *fixture, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (ObCheckup) checkup = NULL;
  g_autoptr (GVariant) steps = NULL;
  Later later = { cancellable, fixture->peer };
  GThread *thread;

  peer_add_rule (fixture->peer, "GET", "versioning", FAULT_SILENCE, 0, NULL);
  thread = g_thread_new ("cancel", cancel_when_asked, &later);
  checkup = check (fixture, cancellable);
  g_thread_join (thread);
  steps = ob_checkup_dup_steps (checkup);
  /* resolve, connect, tls, credentials, bucket, clock */
  g_assert_cmpuint (g_variant_n_children (steps), ==, 6);
  assert_end (fixture, checkup, OB_ERROR_CANCELLED);
}

/* What was cancelled leaves nothing, even if the server is in trouble for a moment. */
static void
test_cancel (S3Fixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (ObCheckup) checkup = NULL;
      Later later = { cancellable, fixture->peer };
      GThread *thread;

      s3_fixture_open (fixture);
      peer_set_delay (fixture->peer, 100);
      /* Answers to reading get lost until it is cancelled. */
      peer_add_rule (fixture->peer, "GET", PROBE, i == 0 ? FAULT_NONE : FAULT_SILENCE, 0, NULL);
      thread = g_thread_new ("cancel", cancel_when_written, &later);
      checkup = check (fixture, cancellable);
      g_thread_join (thread);
      peer_set_delay (fixture->peer, 0);
      assert_end (fixture, checkup, OB_ERROR_CANCELLED);
    }
}

#define add(name, func)                                                                            \
  g_test_add ("/s3-checkup/" name, S3Fixture, NULL, s3_fixture_set_up, func, s3_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("well", test_well);
  add ("no-name", test_no_name);
  add ("refused", test_refused);
  add ("silent", test_silent);
  add ("credentials", test_credentials);
  add ("source", test_source);
  add ("no-keys", test_no_keys);
  add ("latency", test_latency);
  add ("no-bucket", test_no_bucket);
  add ("denied", test_denied);
  add ("damage", test_damage);
  add ("stays", test_stays);
  add ("clock", test_clock);
  add ("clock-refused", test_clock_refused);
  add ("settings", test_settings);
  add ("slow", test_slow);
  add ("stuck", test_stuck);
  add ("cancel", test_cancel);
  add ("cancel-settings", test_cancel_settings);
  return g_test_run ();
}
