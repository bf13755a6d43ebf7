/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-aws-credentials.h"

#include "fixture.h"
#include "http-peer.h"
#include "ob-aws-sources.h"
#include "ob-error.h"

#define THREADS 8

static gint64
get_now (void)
{
  return g_get_real_time () / G_USEC_PER_SEC;
}

/* Keys made by a counter, which end after so many seconds. */
typedef struct
{
  guint n;
  gint64 seconds;
  gboolean fails;
} Counter;

static ObAwsKeys *
count_keys (gpointer data, gboolean renew, GCancellable *cancellable, GError **error)
{
  Counter *counter = data;
  g_autofree char *name = g_strdup_printf ("K%u", ++counter->n);

  if (!counter->fails)
    return ob_aws_keys_new (name, "SECRET", "TOKEN", get_now () + counter->seconds);
  g_set_error_literal (error, OB_ERROR, OB_ERROR_CREDENTIALS_REJECTED, "none today");
  return NULL;
}

static void
assert_key (ObAwsCredentials *credentials, ObAwsKeys *refused, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObAwsKeys) keys = ob_aws_credentials_get (credentials, refused, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (ob_aws_keys_get_access_key (keys), ==, name);
}

static void
test_renewal (void)
{
  Counter counter = { 0, 600, FALSE };
  g_autoptr (ObAwsCredentials) credentials = ob_aws_credentials_new (count_keys, &counter, NULL);
  g_autoptr (ObAwsKeys) first = NULL;
  g_autoptr (GError) error = NULL;

  assert_key (credentials, NULL, "K1");
  assert_key (credentials, NULL, "K1");
  first = ob_aws_credentials_get (credentials, NULL, NULL, NULL);
  /* Two who are refused with the same keys get the same new ones. */
  assert_key (credentials, first, "K2");
  assert_key (credentials, first, "K2");

  /* Those that end soon are renewed; where that fails they go on until their end. */
  counter.seconds = 200;
  g_clear_pointer (&first, ob_aws_keys_unref);
  first = ob_aws_credentials_get (credentials, NULL, NULL, NULL);
  assert_key (credentials, first, "K3");
  counter.fails = TRUE;
  assert_key (credentials, NULL, "K3");
  counter.fails = FALSE;
  counter.seconds = -1;
  assert_key (credentials, NULL, "K5");
  counter.fails = TRUE;
  g_assert_null (ob_aws_credentials_get (credentials, NULL, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_CREDENTIALS_REJECTED);
}

static gpointer
get_many (gpointer data)
{
  for (guint i = 0; i < 1000; i++)
    {
      g_autoptr (ObAwsKeys) keys = ob_aws_credentials_get (data, NULL, NULL, NULL);

      g_assert_nonnull (keys);
    }
  return NULL;
}

static void
test_threads (void)
{
  Counter counter = { 0, 3600, FALSE };
  g_autoptr (ObAwsCredentials) credentials = ob_aws_credentials_new (count_keys, &counter, NULL);
  GThread *threads[THREADS];

  for (guint i = 0; i < THREADS; i++)
    threads[i] = g_thread_new ("keys", get_many, credentials);
  for (guint i = 0; i < THREADS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (counter.n, ==, 1);
}

static const char profiles[] = "# a comment\n"
                               "[default]\n"
                               "aws_access_key_id = AKDEFAULT\n"
                               "aws_secret_access_key=SE/CRET+1=\r\n"
                               "\n"
                               "[ other ]\n"
                               "region = eu-west-1\n"
                               "AWS_Access_Key_Id=AKOTHER\n"
                               "aws_secret_access_key =\t SECRET2 \n"
                               "aws_session_token = TO/KEN==\n"
                               "[half]\naws_access_key_id = AKHALF\n"
                               "[evil]\naws_access_key_id = AK EVIL\naws_secret_access_key = S\n";

static void
test_profile (void)
{
  static const struct
  {
    const char *profile, *access_key, *secret_key, *token;
    int code;
  } expected[] = { { "default", "AKDEFAULT", "SE/CRET+1=", NULL, 0 },
                   { "other", "AKOTHER", "SECRET2", "TO/KEN==", 0 },
                   { "half", NULL, NULL, NULL, OB_ERROR_INVALID_ARGUMENT },
                   { "evil", NULL, NULL, NULL, OB_ERROR_INVALID_ARGUMENT },
                   { "none", NULL, NULL, NULL, OB_ERROR_NOT_FOUND } };

  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (ObAwsKeys) keys
        = ob_aws_profile_parse (profiles, strlen (profiles), expected[i].profile, &error);

      if (expected[i].access_key == NULL)
        {
          g_assert_null (keys);
          g_assert_error (error, OB_ERROR, expected[i].code);
          g_assert_null (strstr (error->message, "AK"));
          continue;
        }
      g_assert_no_error (error);
      g_assert_cmpstr (ob_aws_keys_get_access_key (keys), ==, expected[i].access_key);
      g_assert_cmpstr (ob_aws_keys_get_secret_key (keys), ==, expected[i].secret_key);
      g_assert_cmpstr (ob_aws_keys_get_session_token (keys), ==, expected[i].token);
    }
}

/* Read again where it is refused, as another program may have written new ones. */
static void
test_profile_file (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = fixture_path (fixture, "credentials");
  g_autoptr (ObAwsCredentials) credentials = ob_aws_credentials_new_profile (path, "default");
  g_autoptr (ObAwsKeys) first = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_null (ob_aws_credentials_get (credentials, NULL, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_NOT_FOUND);
  g_assert_message (error, path);
  fixture_write (fixture, "credentials", profiles);
  assert_key (credentials, NULL, "AKDEFAULT");
  fixture_write (fixture, "credentials",
                 "[default]\naws_access_key_id=AKNEW\naws_secret_access_key=S\n");
  assert_key (credentials, NULL, "AKDEFAULT");
  first = ob_aws_credentials_get (credentials, NULL, NULL, NULL);
  assert_key (credentials, first, "AKNEW");
}

static void
test_environment (void)
{
  g_autoptr (ObAwsCredentials) credentials = NULL;
  g_autoptr (GError) error = NULL;

  g_setenv ("AWS_ACCESS_KEY_ID", "AKENV", TRUE);
  g_unsetenv ("AWS_SECRET_ACCESS_KEY");
  g_unsetenv ("AWS_SESSION_TOKEN");
  g_assert_null (ob_aws_credentials_new_environment (&error));
  g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
  g_assert_message (error, "AWS_SECRET_ACCESS_KEY");
  g_setenv ("AWS_SECRET_ACCESS_KEY", "S", TRUE);
  credentials = ob_aws_credentials_new_environment (NULL);
  assert_key (credentials, NULL, "AKENV");
}

/* Keys that are valid for a time have a token; an empty variable is none. */
static void
test_environment_token (void)
{
  static const char *const tokens[][2] = { { "TO/KEN==", "TO/KEN==" }, { "", NULL } };
  g_autoptr (GError) error = NULL;

  g_setenv ("AWS_ACCESS_KEY_ID", "ASIAENV", TRUE);
  g_setenv ("AWS_SECRET_ACCESS_KEY", "S", TRUE);
  for (gsize i = 0; i < G_N_ELEMENTS (tokens); i++)
    {
      g_autoptr (ObAwsCredentials) credentials = NULL;
      g_autoptr (ObAwsKeys) keys = NULL;

      g_setenv ("AWS_SESSION_TOKEN", tokens[i][0], TRUE);
      credentials = ob_aws_credentials_new_environment (&error);
      g_assert_no_error (error);
      keys = ob_aws_credentials_get (credentials, NULL, NULL, NULL);
      g_assert_cmpstr (ob_aws_keys_get_session_token (keys), ==, tokens[i][1]);
    }
  g_setenv ("AWS_SESSION_TOKEN", "TO\r\nX: y", TRUE);
  g_assert_null (ob_aws_credentials_new_environment (&error));
  g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
  g_unsetenv ("AWS_SESSION_TOKEN");
}

/* A whole answer with this body. */
static void
add_answer (Peer *peer, const char *body)
{
  g_autofree char *raw = g_strdup_printf ("HTTP/1.1 200 OK\r\nContent-Length: %" G_GSIZE_FORMAT
                                          "\r\n\r\n%s",
                                          strlen (body), body);

  peer_add_raw (peer, raw);
}

static void
add_keys (Peer *peer, const char *name, gint64 seconds)
{
  g_autoptr (GDateTime) end = g_date_time_new_from_unix_utc (get_now () + seconds);
  g_autofree char *end_text = g_date_time_format_iso8601 (end);
  g_autofree char *json = g_strdup_printf (
    "{\"Code\" : \"Success\", \"Type\" : \"AWS-HMAC\", \"AccessKeyId\" : \"%s\", "
    "\"SecretAccessKey\" : \"SE/CRET\", \"Token\" : \"TO/KEN\", \"Expiration\" : \"%s\"}",
    name, end_text);

  add_answer (peer, "a-token==");
  add_answer (peer, "role/x\n");
  add_answer (peer, json);
}

static void
test_role (void)
{
  g_autoptr (Peer) peer = peer_new ();
  g_autoptr (ObAwsCredentials) credentials
    = ob_aws_credentials_new_role (peer_get_url (peer));
  g_autoptr (ObAwsKeys) keys = NULL;
  g_autofree char *last = NULL;

  add_keys (peer, "ASIAFIRST", 240);
  keys = ob_aws_credentials_get (credentials, NULL, NULL, NULL);
  g_assert_nonnull (keys);
  g_assert_cmpstr (ob_aws_keys_get_access_key (keys), ==, "ASIAFIRST");
  g_assert_cmpstr (ob_aws_keys_get_secret_key (keys), ==, "SE/CRET");
  g_assert_cmpstr (ob_aws_keys_get_session_token (keys), ==, "TO/KEN");
  last = peer_get_last (peer);
  g_assert_true (g_str_has_prefix (
    last, "GET /latest/meta-data/iam/security-credentials/role%2Fx HTTP/1.1\r\n"));
  g_assert_nonnull (strstr (last, "X-aws-ec2-metadata-token: a-token=="));
  /* They end in less than five minutes. */
  add_keys (peer, "ASIASECOND", 3600);
  assert_key (credentials, NULL, "ASIASECOND");
  assert_key (credentials, NULL, "ASIASECOND");
  g_assert_cmpuint (peer_count_requests (peer), ==, 6);
  g_assert_cmpuint (peer_clear_steps (peer), ==, 0);
}

static void
test_role_fails (void)
{
  g_autoptr (Peer) peer = peer_new ();
  g_autoptr (ObAwsCredentials) credentials
    = ob_aws_credentials_new_role (peer_get_url (peer));
  g_autoptr (ObAwsCredentials) nowhere = ob_aws_credentials_new_role ("http://127.0.0.1:1");
  static const char *const bad[]
    = { "{}", "[]", "nonsense", "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"T\"}",
        "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\\r\\nX: y\",\"Token\":\"T\","
        "\"Expiration\":\"2026-11-23T04:05:06Z\"}" };
  g_autoptr (GError) none = NULL;
  g_autoptr (GError) forbidden = NULL;
  g_autoptr (GError) no_role = NULL;

  g_assert_null (ob_aws_credentials_get (nowhere, NULL, NULL, &none));
  g_assert_ob_error (none, OB_ERROR_CREDENTIALS_REJECTED);
  g_assert_message (none, "EC2 instance with a role");

  peer_add_status (peer, 403, "Forbidden", 1);
  g_assert_null (ob_aws_credentials_get (credentials, NULL, NULL, &forbidden));
  add_answer (peer, "a-token==");
  peer_add_status (peer, 404, "NotFound", 1);
  g_assert_null (ob_aws_credentials_get (credentials, NULL, NULL, &no_role));
  g_assert_message (no_role, "404");
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      add_answer (peer, "a-token==");
      add_answer (peer, "role");
      add_answer (peer, bad[i]);
      g_assert_null (ob_aws_credentials_get (credentials, NULL, NULL, &error));
      g_assert_ob_error (error, OB_ERROR_CREDENTIALS_REJECTED);
      g_assert_cmpuint (peer_clear_steps (peer), ==, 0);
    }
  /* A moment's weakness is none. */
  peer_add_status (peer, 503, "Busy", 1);
  add_keys (peer, "ASIA", 3600);
  assert_key (credentials, NULL, "ASIA");
}

/* Neither as a token nor as a role goes what would break a header or an address, and nothing is
 * asked with it. */
static void
test_role_senseless (void)
{
  g_autofree char *long_name = g_strnfill (257, 'r');
  const char *const words[] = { "", " \n", "two words", "a\r\nX: y", "\303\244", long_name };
  g_autoptr (Peer) peer = peer_new ();
  g_autoptr (ObAwsCredentials) credentials = ob_aws_credentials_new_role (peer_get_url (peer));

  for (gsize i = 0; i < 2 * G_N_ELEMENTS (words); i++)
    {
      gboolean is_role = i >= G_N_ELEMENTS (words);
      const char *word = words[i % G_N_ELEMENTS (words)];
      guint n = peer_count_requests (peer);
      g_autoptr (GError) error = NULL;

      /* A token may be longer than a role. */
      if (!is_role && word == long_name)
        continue;
      g_test_message ("%s %s", is_role ? "role" : "token", word);
      if (is_role)
        add_answer (peer, "a-token==");
      add_answer (peer, word);
      g_assert_null (ob_aws_credentials_get (credentials, NULL, NULL, &error));
      g_assert_ob_error (error, OB_ERROR_CREDENTIALS_REJECTED);
      g_assert_message (error, "makes no sense");
      g_assert_cmpuint (peer_count_requests (peer) - n, ==, is_role ? 2 : 1);
      g_assert_cmpuint (peer_clear_steps (peer), ==, 0);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/aws-credentials/renewal", test_renewal);
  g_test_add_func ("/aws-credentials/threads", test_threads);
  g_test_add_func ("/aws-credentials/profile", test_profile);
  g_test_add ("/aws-credentials/profile-file", Fixture, NULL, fixture_set_up, test_profile_file,
              fixture_tear_down);
  g_test_add_func ("/aws-credentials/environment", test_environment);
  g_test_add_func ("/aws-credentials/environment-token", test_environment_token);
  g_test_add_func ("/aws-credentials/role", test_role);
  g_test_add_func ("/aws-credentials/role-fails", test_role_fails);
  g_test_add_func ("/aws-credentials/role-senseless", test_role_senseless);
  return g_test_run ();
}
