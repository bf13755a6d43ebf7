/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way to a server: what is told of its certificate, and where the way ends. */
#include "fixture.h"
#include "ob-error.h"
#include "ob-http-checkup.h"
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
#define DAY (24 * HOUR)
#define TIMEOUT 5

/* A step of the way to @url. Transfer full. */
static GVariant *
look (const char *url, const char *ca_file, const char *name, const char *status,
      const char *text_part)
{
  g_autoptr (ObCheckup) checkup = ob_checkup_new (NULL, NULL, NULL);
  g_autoptr (GVariant) steps = NULL;
  const char *names[] = { "resolve", "connect", "tls" };
  GVariant *found = NULL;

  ob_http_checkup (url, ca_file, TIMEOUT, checkup);
  steps = ob_checkup_dup_steps (checkup);
  g_assert_cmpuint (g_variant_n_children (steps), ==, G_N_ELEMENTS (names));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GVariant) step = g_variant_get_child_value (steps, i);
      const char *step_name, *step_status, *text;

      g_variant_lookup (step, "name", "&s", &step_name);
      g_variant_lookup (step, "status", "&s", &step_status);
      g_variant_lookup (step, "text", "&s", &text);
      g_test_message ("%s: %s: %s", step_name, step_status, text);
      g_assert_cmpstr (step_name, ==, names[i]);
      g_assert_null (strstr (text, "hidden"));
      if (strcmp (names[i], name) != 0)
        continue;
      g_assert_cmpstr (step_status, ==, status);
      g_assert_nonnull (strstr (text, text_part));
      found = g_steal_pointer (&step);
    }
  g_assert_nonnull (found);
  return found;
}

static void
look_only (const char *url, const char *ca_file, const char *name, const char *status,
           const char *text_part)
{
  g_autoptr (GVariant) step = look (url, ca_file, name, status, text_part);

  if (strcmp (status, "failed") == 0)
    {
      const char *error_name = NULL;

      g_assert_true (g_variant_lookup (step, "error-name", "&s", &error_name));
      g_assert_cmpstr (error_name, ==, "DestinationUnavailable");
    }
}

/* The certificate of @peer is in a file of the fixture. Transfer full. */
static char *
trust (Fixture *fixture, TlsPeer *peer)
{
  char *path = fixture_path (fixture, "ca.pem");

  tls_peer_save (peer, path);
  return path;
}

static void
test_good (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TlsPeer) peer = tls_peer_new ("127.0.0.1", -HOUR, 100 * DAY + HOUR);
  g_autofree char *ca_file = trust (fixture, peer);
  g_autoptr (GVariant) step
    = look (tls_peer_get_url (peer), ca_file, "tls", "ok", "certificate valid until");
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  const char *protocol = "";
  guint64 until = 0;
  gint64 days = 0;

  g_variant_lookup (step, "protocol", "&s", &protocol);
  g_variant_lookup (step, "valid-until", "t", &until);
  g_variant_lookup (step, "days-left", "x", &days);
  g_assert_true (g_str_has_prefix (protocol, "TLS 1."));
  g_assert_cmpint (ABS ((gint64) until - now - 100 * DAY - HOUR), <, 60);
  g_assert_cmpint (days, ==, 100);
}

static void
test_soon (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    glong to;
    const char *status;
  } cases[] = { { 14 * DAY + HOUR, "ok" }, { 14 * DAY - HOUR, "warning" } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (TlsPeer) peer = tls_peer_new ("127.0.0.1", -HOUR, cases[i].to);
      g_autofree char *ca_file = trust (fixture, peer);

      look_only (tls_peer_get_url (peer), ca_file, "tls", cases[i].status, "days");
    }
}

static void
test_bad (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *name;
    glong from, to;
    gboolean trusted;
    const char *text;
  } cases[] = {
    { "127.0.0.1", -HOUR, 100 * DAY, FALSE, "authority that is not trusted" },
    { "127.0.0.1", -2 * DAY, -DAY, TRUE, "it ended on" },
    { "127.0.0.1", DAY, 100 * DAY, TRUE, "not valid yet" },
    { "elsewhere.example", -HOUR, 100 * DAY, TRUE, "of another name" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (TlsPeer) peer = tls_peer_new (cases[i].name, cases[i].from, cases[i].to);
      g_autofree char *ca_file = trust (fixture, peer);

      look_only (tls_peer_get_url (peer), cases[i].trusted ? ca_file : NULL, "tls", "failed",
                 cases[i].text);
    }
}

static void
test_no_tls (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TlsPeer) peer = tls_peer_new (NULL, 0, 0);
  g_autofree char *plain = g_strdup_printf ("http%s", tls_peer_get_url (peer) + strlen ("https"));

  look_only (tls_peer_get_url (peer), NULL, "tls", "failed", "does not speak TLS");
  look_only (plain, NULL, "tls", "skipped", "plain HTTP");
}

/* A process of its own has no library that does TLS. */
static void
test_no_library (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TlsPeer) peer = NULL;

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
      g_test_trap_assert_passed ();
      return;
    }
  g_setenv ("GIO_USE_TLS", "dummy", TRUE);
  peer = tls_peer_new (NULL, 0, 0);
  look_only (tls_peer_get_url (peer), NULL, "tls", "failed", "install glib-networking");
}

static void
test_ca_file (Fixture *fixture, gconstpointer data)
{
  g_autoptr (TlsPeer) peer = tls_peer_new ("127.0.0.1", -HOUR, 100 * DAY);
  g_autofree char *missing = fixture_path (fixture, "missing.pem");
  g_autoptr (GVariant) step = look (tls_peer_get_url (peer), missing, "tls", "failed", missing);
  const char *error_name = NULL;

  g_assert_true (g_variant_lookup (step, "error-name", "&s", &error_name));
  g_assert_cmpstr (error_name, ==, "InvalidArgument");
}

static void
test_nowhere (Fixture *fixture, gconstpointer data)
{
  look_only ("https://s3.nowhere.invalid", NULL, "resolve", "failed", "cannot be resolved");
  look_only ("https://s3.nowhere.invalid", NULL, "connect", "skipped", "resolve");
  look_only ("https://127.0.0.1:1", NULL, "connect", "failed", "refused");
  look_only ("https://127.0.0.1:1", NULL, "tls", "skipped", "connect");
}

/* Its password is told to nobody. */
static void
test_proxy (Fixture *fixture, gconstpointer data)
{
  g_setenv ("http_proxy", "http://me:hidden@127.0.0.1:1", TRUE);
  g_setenv ("https_proxy", "http://me:hidden@127.0.0.1:1", TRUE);
  look_only ("http://s3.nowhere.invalid", NULL, "resolve", "skipped", "the proxy 127.0.0.1 does");
  look_only ("http://s3.nowhere.invalid", NULL, "connect", "skipped", "the proxy 127.0.0.1 does");
  look_only ("https://s3.nowhere.invalid", NULL, "connect", "failed", "s3.nowhere.invalid");
  g_unsetenv ("http_proxy");
  g_unsetenv ("https_proxy");
}

/* A server that accepts and is silent then: it is not waited for for ever. */
static void
test_silent (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GSocketListener) listener = g_socket_listener_new ();
  guint16 port = g_socket_listener_add_any_inet_port (listener, NULL, NULL);
  g_autofree char *url = g_strdup_printf ("https://127.0.0.1:%u", port);
  gint64 began = g_get_monotonic_time ();

  look_only (url, NULL, "tls", "failed", "no answer within");
  g_assert_cmpint (g_get_monotonic_time () - began, <, 3 * TIMEOUT * G_USEC_PER_SEC);
}

#define add(name, func)                                                                            \
  g_test_add ("/http-checkup/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("good", test_good);
  add ("soon", test_soon);
  add ("bad", test_bad);
  add ("no-tls", test_no_tls);
  add ("no-library", test_no_library);
  add ("ca-file", test_ca_file);
  add ("nowhere", test_nowhere);
  add ("proxy", test_proxy);
  add ("silent", test_silent);
  return g_test_run ();
}
