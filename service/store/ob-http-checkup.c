/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-http-checkup.h"

#include <string.h>

#include "ob-deadline.h"
#include "ob-error.h"
#include "ob-http-connection.h"

#define MAX_ADDRESSES 16
#define FEW_DAYS 14
#define DAY (24 * 60 * 60)

typedef struct
{
  ObCheckup *checkup;
  const char *url;
  const char *host;
  gboolean tls;
  char *proxy; /* the host that the way leads through, or NULL */
  GSocketConnectable *address;
  guint timeout;
  GSocketConnection *connection; /* or NULL */
} Way;

/* What the certificate of a server is like. */
typedef struct
{
  GTlsCertificateFlags mistakes;
  GDateTime *end; /* or NULL */
} Certificate;

/* internal methods */

static void
way_clear (Way *way)
{
  g_free (way->proxy);
  g_clear_object (&way->address);
  g_clear_object (&way->connection);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Way, way_clear)

static double
get_milliseconds (gint64 began)
{
  return (double) (g_get_monotonic_time () - began) / 1000;
}

/* Without the password that may be in its address. */
static char *
find_proxy (Way *way)
{
  g_autoptr (GProxyResolver) proxies = ob_http_make_proxies ();
  g_auto (GStrv) found = g_proxy_resolver_lookup (proxies, way->url, NULL, NULL);
  g_autoptr (GUri) uri = NULL;

  if (found == NULL || found[0] == NULL || strcmp (found[0], "direct://") == 0)
    return NULL;
  uri = g_uri_parse (found[0], G_URI_FLAGS_NONE, NULL);
  return g_strdup (uri != NULL && g_uri_get_host (uri) != NULL ? g_uri_get_host (uri)
                                                               : "of the environment");
}

/* What GIO says, and what to do. */
static void
fail (Way *way, const GError *failure, const char *what, const char *hint)
{
  ObCheckup *checkup = way->checkup;
  gboolean late = g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_CANCELLED)
                  || g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_autofree char *time = g_strdup_printf ("no answer within %u seconds", way->timeout);

  ob_checkup_fail (checkup, g_error_new (OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE, "%s (%s); %s",
                                         what, late ? time : failure->message, hint));
}

static void
resolve (Way *way)
{
  g_autoptr (ObDeadline) deadline = NULL;
  g_autoptr (GResolver) resolver = g_resolver_get_default ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) texts = NULL;
  g_autofree char *joined = NULL;
  GList *addresses;
  guint n = 0;

  if (!ob_checkup_begin (way->checkup, "resolve", NULL))
    return;
  if (way->proxy != NULL)
    {
      ob_checkup_end (way->checkup, OB_CHECKUP_SKIPPED, "the proxy %s does that", way->proxy);
      return;
    }
  deadline = ob_deadline_new (way->timeout * 1000, ob_checkup_get_cancellable (way->checkup));
  addresses = g_resolver_lookup_by_name (resolver, way->host,
                                         ob_deadline_get_cancellable (deadline), &error);
  for (GList *i = addresses; i != NULL && n < MAX_ADDRESSES; i = i->next, n++)
    {
      g_autofree char *text = g_inet_address_to_string (i->data);

      g_strv_builder_add (builder, text);
    }
  g_resolver_free_addresses (addresses);
  if (error != NULL)
    {
      g_autofree char *what = g_strdup_printf ("The name %s cannot be resolved", way->host);

      fail (way, error, what,
            "correct the endpoint, or look after the name server of this machine");
      return;
    }
  texts = g_strv_builder_end (builder);
  joined = g_strjoinv (", ", texts);
  ob_checkup_add_figure (way->checkup, "addresses",
                         g_variant_new_strv ((const char *const *) texts, -1));
  ob_checkup_end (way->checkup, OB_CHECKUP_OK, "%s", joined);
}

/* "ADDRESS:PORT", NULL where it has none such. */
static char *
get_peer (GSocketConnection *connection)
{
  g_autoptr (GSocketAddress) address = g_socket_connection_get_remote_address (connection, NULL);

  return address != NULL && G_IS_INET_SOCKET_ADDRESS (address)
           ? g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address))
           : NULL;
}

static void
connect_to (Way *way)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GProxyResolver) proxies = ob_http_make_proxies ();
  g_autoptr (ObDeadline) deadline = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *peer = NULL;
  gint64 began;
  double took;

  if (!ob_checkup_begin (way->checkup, "connect", "resolve"))
    return;
  if (way->proxy != NULL && !way->tls)
    {
      ob_checkup_end (way->checkup, OB_CHECKUP_SKIPPED, "the proxy %s does that", way->proxy);
      return;
    }
  g_socket_client_set_timeout (client, way->timeout);
  g_socket_client_set_enable_proxy (client, way->proxy != NULL);
  g_socket_client_set_proxy_resolver (client, proxies);
  deadline = ob_deadline_new (way->timeout * 1000, ob_checkup_get_cancellable (way->checkup));
  began = g_get_monotonic_time ();
  way->connection = g_socket_client_connect (client, way->address,
                                             ob_deadline_get_cancellable (deadline), &error);
  took = get_milliseconds (began);
  if (way->connection == NULL)
    {
      g_autofree char *what = g_strdup_printf ("Nobody answers at %s", way->url);

      fail (way, error, what,
            "look whether the server runs, the endpoint has the right port, and no firewall is in "
            "the way");
      return;
    }
  peer = get_peer (way->connection);
  ob_checkup_add_figure (way->checkup, "milliseconds", g_variant_new_double (took));
  if (peer != NULL)
    ob_checkup_add_figure (way->checkup, "address", g_variant_new_string (peer));
  ob_checkup_end (way->checkup, OB_CHECKUP_OK, "%s in %.1f ms%s%s", peer != NULL ? peer : way->host,
                  took, way->proxy != NULL ? ", through the proxy " : "",
                  way->proxy != NULL ? way->proxy : "");
}

static gboolean
on_accept (GTlsConnection *tls, GTlsCertificate *certificate, GTlsCertificateFlags mistakes,
           gpointer user_data)
{
  Certificate *found = user_data;

  found->mistakes = mistakes;
  g_clear_pointer (&found->end, g_date_time_unref);
  found->end = g_tls_certificate_get_not_valid_after (certificate);
  return FALSE;
}

static void
fail_certificate (Way *way, const Certificate *found)
{
  g_autofree char *end
    = found->end != NULL ? g_date_time_format (found->end, "%Y-%m-%d") : g_strdup ("some day");
  g_autoptr (GString) why = g_string_new (NULL);

  if (found->mistakes & G_TLS_CERTIFICATE_EXPIRED)
    g_string_append_printf (why, "it ended on %s, and needs to be renewed on the server; ", end);
  if (found->mistakes & G_TLS_CERTIFICATE_NOT_ACTIVATED)
    g_string_append (why, "it is not valid yet, or the clock of this machine is behind; ");
  if (found->mistakes & G_TLS_CERTIFICATE_BAD_IDENTITY)
    g_string_append (why, "it is that of another name than the endpoint's; ");
  if (found->mistakes & G_TLS_CERTIFICATE_UNKNOWN_CA)
    g_string_append (why, "it is signed by an authority that is not trusted, whose certificate a "
                          "ca-file has to give; ");
  if (found->mistakes & G_TLS_CERTIFICATE_REVOKED)
    g_string_append (why, "it was revoked; ");
  if (why->len == 0)
    g_string_append (why, "it is not as it has to be; ");
  g_string_truncate (why, why->len - strlen ("; "));
  ob_checkup_fail (way->checkup, g_error_new (OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
                                              "The certificate of %s is not trusted: %s",
                                              way->host, why->str));
}

static const char *
get_protocol_name (GTlsConnection *tls)
{
  switch (g_tls_connection_get_protocol_version (tls))
    {
    case G_TLS_PROTOCOL_VERSION_TLS_1_0:
      return "TLS 1.0";
    case G_TLS_PROTOCOL_VERSION_TLS_1_1:
      return "TLS 1.1";
    case G_TLS_PROTOCOL_VERSION_TLS_1_2:
      return "TLS 1.2";
    case G_TLS_PROTOCOL_VERSION_TLS_1_3:
      return "TLS 1.3";
    default:
      return "TLS";
    }
}

static void
tell_certificate (Way *way, GTlsConnection *tls)
{
  GTlsCertificate *certificate = g_tls_connection_get_peer_certificate (tls);
  g_autoptr (GDateTime) end
    = certificate != NULL ? g_tls_certificate_get_not_valid_after (certificate) : NULL;
  g_autofree char *date = end != NULL ? g_date_time_format (end, "%Y-%m-%d") : NULL;
  const char *protocol = get_protocol_name (tls);
  gint64 until = end != NULL ? g_date_time_to_unix (end) : 0;
  gint64 days = (until - g_get_real_time () / G_USEC_PER_SEC) / DAY;

  ob_checkup_add_figure (way->checkup, "protocol", g_variant_new_string (protocol));
  if (end == NULL)
    {
      ob_checkup_end (way->checkup, OB_CHECKUP_OK, "%s", protocol);
      return;
    }
  ob_checkup_add_figure (way->checkup, "valid-until", g_variant_new_uint64 ((guint64) until));
  ob_checkup_add_figure (way->checkup, "days-left", g_variant_new_int64 (days));
  if (days < FEW_DAYS)
    ob_checkup_end (way->checkup, OB_CHECKUP_WARNING,
                    "%s, but the certificate ends on %s, in %" G_GINT64_FORMAT
                    " days; have it renewed on the server",
                    protocol, date, days);
  else
    ob_checkup_end (way->checkup, OB_CHECKUP_OK,
                    "%s, certificate valid until %s (%" G_GINT64_FORMAT " days)", protocol, date,
                    days);
}

/* NULL with the step ended where the authorities cannot be read, or there is no TLS. */
static GTlsConnection *
make_tls (Way *way, const char *ca_file, Certificate *found)
{
  g_autoptr (GTlsDatabase) authorities = NULL;
  g_autoptr (GError) error = NULL;
  GIOStream *tls = NULL;

  if (ca_file != NULL)
    authorities = g_tls_file_database_new (ca_file, &error);
  if (error != NULL)
    {
      ob_checkup_fail (way->checkup, g_error_new (OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                                                  "The certificates in %s cannot be read: %s",
                                                  ca_file, error->message));
      return NULL;
    }
  tls = g_tls_client_connection_new (G_IO_STREAM (way->connection), way->address, &error);
  if (tls == NULL)
    {
      fail (way, error, "There is no TLS on this machine", "install glib-networking");
      return NULL;
    }
  if (authorities != NULL)
    g_tls_connection_set_database (G_TLS_CONNECTION (tls), authorities);
  g_signal_connect (tls, "accept-certificate", G_CALLBACK (on_accept), found);
  return G_TLS_CONNECTION (tls);
}

static void
shake_hands (Way *way, const char *ca_file)
{
  Certificate found = { 0, NULL };
  g_autoptr (GTlsConnection) tls = NULL;
  g_autoptr (ObDeadline) deadline = NULL;
  g_autoptr (GError) error = NULL;

  if (!ob_checkup_begin (way->checkup, "tls", "connect"))
    return;
  if (!way->tls)
    {
      ob_checkup_end (way->checkup, OB_CHECKUP_SKIPPED, "the endpoint is plain HTTP");
      return;
    }
  tls = make_tls (way, ca_file, &found);
  if (tls == NULL)
    return;
  deadline = ob_deadline_new (way->timeout * 1000, ob_checkup_get_cancellable (way->checkup));
  if (g_tls_connection_handshake (tls, ob_deadline_get_cancellable (deadline), &error))
    tell_certificate (way, tls);
  else if (found.mistakes != 0)
    fail_certificate (way, &found);
  else
    fail (way, error, "The server does not speak TLS with us",
          "the port may be one for plain HTTP, or something on the way may be in between");
  g_clear_pointer (&found.end, g_date_time_unref);
}

/* public methods */

void
ob_http_checkup (const char *url, const char *ca_file, guint timeout, ObCheckup *checkup)
{
  g_autoptr (GUri) uri = g_uri_parse (url, G_URI_FLAGS_SCHEME_NORMALIZE, NULL);
  g_auto (Way) way = { .checkup = checkup, .url = url, .timeout = timeout };

  g_return_if_fail (uri != NULL);
  way.host = g_uri_get_host (uri);
  way.tls = strcmp (g_uri_get_scheme (uri), "https") == 0;
  way.address = g_network_address_parse_uri (url, way.tls ? 443 : 80, NULL);
  g_return_if_fail (way.address != NULL);
  way.proxy = find_proxy (&way);
  resolve (&way);
  connect_to (&way);
  shake_hands (&way, ca_file);
}
