/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "s3-fixture.h"

#define PREFIX "a b/c"

static const ObS3Limits limits
  = { S3_TIMEOUT, S3_GRACE, 1000 * 1000, 10, S3_FIRST_PATIENCE, 3, 10, 50 };

void
s3_fixture_set (S3Fixture *fixture, const char *name, const char *value)
{
  g_autoptr (GError) error = NULL;

  ob_s3_settings_set (fixture->settings, name, value, &error);
  g_assert_no_error (error);
}

void
s3_fixture_open (S3Fixture *fixture)
{
  g_autoptr (ObAwsKeys) keys = ob_aws_keys_new ("AKIDEXAMPLE", "SECRET", NULL, 0);
  g_autoptr (ObAwsCredentials) credentials = ob_aws_credentials_new_fixed (keys);

  s3_fixture_open_with (fixture, credentials);
}

void
s3_fixture_open_with (S3Fixture *fixture, ObAwsCredentials *credentials)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (ob_s3_settings_check (fixture->settings, &error));
  g_clear_object (&fixture->store);
  fixture->store = ob_s3_store_new (fixture->settings, credentials, &limits, &error);
  g_assert_no_error (error);
}

void
s3_fixture_set_up (S3Fixture *fixture, gconstpointer data)
{
  fixture->peer = peer_new ();
  fixture->settings = ob_s3_settings_new ();
  s3_fixture_set (fixture, "endpoint", peer_get_url (fixture->peer));
  s3_fixture_set (fixture, "bucket", "erp");
  s3_fixture_set (fixture, "prefix", PREFIX);
  s3_fixture_set (fixture, "access-key", "AKIDEXAMPLE");
  s3_fixture_open (fixture);
}

void
s3_fixture_tear_down (S3Fixture *fixture, gconstpointer data)
{
  g_assert_cmpuint (peer_clear_steps (fixture->peer), ==, 0);
  g_clear_object (&fixture->store);
  ob_s3_settings_free (fixture->settings);
  peer_free (fixture->peer);
}

void
s3_fixture_assert_header (S3Fixture *fixture, const char *line, gboolean there)
{
  g_autofree char *head = peer_get_last (fixture->peer);
  g_autofree char *wanted = g_strconcat ("\r\n", line, NULL);

  if ((strstr (head, wanted) != NULL) != there)
    g_error ("\"%s\" in: %s", line, head);
}
