/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose certificates a connection trusts. */
#include <string.h>

#include "fixture.h"
#include "ob-error.h"
#include "ob-http-connection.h"
#include "tls-peer.h"

#ifdef __SANITIZE_ADDRESS__
/* The leak checker falls over the thread-local storage of what GIO loads for TLS, when it looks
 * through it at the end. */
int __lsan_is_turned_off (void);

int
__lsan_is_turned_off (void)
{
  return 1;
}
#endif

#define HOUR 3600
#define TIMEOUT 5

/* Sends a request over a new connection, and ends it. */
static gboolean
ask (TlsPeer *peer, GTlsDatabase *trusted, GError **error)
{
  g_autoptr (ObHttpConnection) connection = ob_http_connection_new (trusted, TRUE, TIMEOUT);
  const ObHttpRequest request = { .method = "GET", .url = tls_peer_get_url (peer), .max = 100 };
  g_auto (ObHttpAnswer) answer = { 0 };

  if (!ob_http_connection_send (connection, &request, &answer, NULL, error))
    return FALSE;
  g_assert_cmpuint (answer.status, ==, 200);
  g_assert_cmpmem (answer.body->data, answer.body->len, "hello", 5);
  return TRUE;
}

/* A session that another connection began is no reason to trust who is trusted no more. */
static void
test_trust (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TlsPeer) peer = tls_peer_new ("127.0.0.1", -HOUR, HOUR);
  g_autofree char *path = fixture_path (fixture, "ca.pem");
  g_autoptr (GTlsDatabase) trusted = NULL;
  g_autoptr (GError) error = NULL;

  tls_peer_save (peer, path);
  g_assert_false (ask (peer, NULL, &error));
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
  g_clear_error (&error);

  trusted = g_tls_file_database_new (path, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 3; i++)
    {
      ask (peer, trusted, &error);
      g_assert_no_error (error);
    }
  g_assert_false (ask (peer, NULL, &error));
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
  g_clear_error (&error);
  ask (peer, trusted, &error);
  g_assert_no_error (error);
}

static void
test_no_address (void)
{
  static const char *const urls[] = { "", "s3.amazonaws.com", "http://[::1" };
  g_autoptr (ObHttpConnection) connection = ob_http_connection_new (NULL, TRUE, TIMEOUT);

  for (gsize i = 0; i < G_N_ELEMENTS (urls); i++)
    {
      const ObHttpRequest request = { .method = "GET", .url = urls[i], .max = 100 };
      g_auto (ObHttpAnswer) answer = { 0 };
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", urls[i]);
      g_assert_false (ob_http_connection_send (connection, &request, &answer, NULL, &error));
      g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
      g_assert_message (error, "is no address");
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/http-connection/trust", Fixture, NULL, fixture_set_up, test_trust,
              fixture_tear_down);
  g_test_add_func ("/http-connection/no-address", test_no_address);
  return g_test_run ();
}
