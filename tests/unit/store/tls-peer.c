/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls-peer.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

struct _TlsPeer
{
  GSocketListener *listener;
  GTlsCertificate *certificate; /* NULL: no TLS */
  GCancellable *stop;
  GThread *thread;
  char *url;
};

static char *
take_text (BIO *bio)
{
  char *data;
  glong size = BIO_get_mem_data (bio, &data);
  char *text = g_strndup (data, (gsize) size);

  BIO_free (bio);
  return text;
}

static void
add_extension (X509 *x509, int nid, const char *value)
{
  X509_EXTENSION *extension = X509V3_EXT_conf_nid (NULL, NULL, nid, value);

  g_assert_nonnull (extension);
  X509_add_ext (x509, extension, -1);
  X509_EXTENSION_free (extension);
}

static GTlsCertificate *
make_certificate (const char *name, glong from, glong to)
{
  EVP_PKEY *key = EVP_EC_gen ("P-256");
  X509 *x509 = X509_new ();
  BIO *key_bio = BIO_new (BIO_s_mem ());
  BIO *bio = BIO_new (BIO_s_mem ());
  g_autofree char *alternative = g_strconcat (
    g_hostname_is_ip_address (name) ? "IP:" : "DNS:", name, NULL);
  g_autofree char *pem = NULL;
  g_autofree char *key_pem = NULL;
  g_autofree char *both = NULL;
  g_autoptr (GError) error = NULL;
  GTlsCertificate *certificate;

  X509_set_version (x509, X509_VERSION_3);
  ASN1_INTEGER_set (X509_get_serialNumber (x509), 1);
  X509_gmtime_adj (X509_getm_notBefore (x509), from);
  X509_gmtime_adj (X509_getm_notAfter (x509), to);
  X509_set_pubkey (x509, key);
  X509_NAME_add_entry_by_txt (X509_get_subject_name (x509), "CN", MBSTRING_ASC,
                              (const unsigned char *) name, -1, -1, 0);
  X509_set_issuer_name (x509, X509_get_subject_name (x509));
  add_extension (x509, NID_basic_constraints, "critical,CA:TRUE");
  add_extension (x509, NID_subject_alt_name, alternative);
  g_assert_cmpint (X509_sign (x509, key, EVP_sha256 ()), >, 0);
  g_assert_cmpint (PEM_write_bio_X509 (bio, x509), ==, 1);
  g_assert_cmpint (PEM_write_bio_PrivateKey (key_bio, key, NULL, NULL, 0, NULL, NULL), ==, 1);
  pem = take_text (bio);
  key_pem = take_text (key_bio);
  both = g_strconcat (pem, key_pem, NULL);
  X509_free (x509);
  EVP_PKEY_free (key);
  certificate = g_tls_certificate_new_from_pem (both, -1, &error);
  g_assert_no_error (error);
  return certificate;
}

static void
serve (TlsPeer *peer, GSocketConnection *connection)
{
  static const char text[] = "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n";
  static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  g_autoptr (GIOStream) tls = NULL;
  char buffer[1024];

  if (peer->certificate == NULL)
    {
      g_input_stream_read (g_io_stream_get_input_stream (G_IO_STREAM (connection)), buffer,
                           sizeof buffer, peer->stop, NULL);
      g_output_stream_write (g_io_stream_get_output_stream (G_IO_STREAM (connection)), text,
                             strlen (text), peer->stop, NULL);
      return;
    }
  tls = g_tls_server_connection_new (G_IO_STREAM (connection), peer->certificate, NULL);
  g_tls_connection_handshake (G_TLS_CONNECTION (tls), peer->stop, NULL);
  /* Each piece that comes is a request. */
  while (g_input_stream_read (g_io_stream_get_input_stream (tls), buffer, sizeof buffer, peer->stop,
                              NULL) > 0)
    g_output_stream_write (g_io_stream_get_output_stream (tls), answer, strlen (answer), peer->stop,
                           NULL);
}

static gpointer
run (gpointer data)
{
  TlsPeer *peer = data;

  for (;;)
    {
      g_autoptr (GSocketConnection) connection
        = g_socket_listener_accept (peer->listener, NULL, peer->stop, NULL);

      if (connection == NULL)
        return NULL;
      serve (peer, connection);
    }
}

TlsPeer *
tls_peer_new (const char *name, glong from, glong to)
{
  TlsPeer *peer = g_new0 (TlsPeer, 1);
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new (loopback, 0);
  g_autoptr (GSocketAddress) bound = NULL;
  g_autoptr (GError) error = NULL;

  peer->listener = g_socket_listener_new ();
  g_socket_listener_add_address (peer->listener, address, G_SOCKET_TYPE_STREAM,
                                 G_SOCKET_PROTOCOL_TCP, NULL, &bound, &error);
  g_assert_no_error (error);
  peer->url = g_strdup_printf (
    "https://127.0.0.1:%u", g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound)));
  peer->certificate = name != NULL ? make_certificate (name, from, to) : NULL;
  peer->stop = g_cancellable_new ();
  peer->thread = g_thread_new ("peer", run, peer);
  return peer;
}

void
tls_peer_free (TlsPeer *peer)
{
  g_cancellable_cancel (peer->stop);
  g_thread_join (peer->thread);
  g_object_unref (peer->listener);
  g_object_unref (peer->stop);
  g_clear_object (&peer->certificate);
  g_free (peer->url);
  g_free (peer);
}

const char *
tls_peer_get_url (TlsPeer *peer)
{
  return peer->url;
}

void
tls_peer_save (TlsPeer *peer, const char *path)
{
  g_autofree char *pem = NULL;
  g_autoptr (GError) error = NULL;

  g_object_get (peer->certificate, "certificate-pem", &pem, NULL);
  g_file_set_contents (path, pem, -1, &error);
  g_assert_no_error (error);
}
