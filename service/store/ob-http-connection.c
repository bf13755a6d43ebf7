/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-http-connection.h"

#include <libsoup/soup.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "ob-error.h"

#define CHUNK (256 * 1024)
/* One is in use. libsoup looks twice whether the one that is kept is still open; where the server
 * ends it in between, it counts until the next request, and with no room beside it this one waits
 * for ever (soup-connection-manager.c, soup_connection_manager_get_connection_locked()). */
#define MAX_CONNECTIONS 2
#define MAX_RETRY_AFTER 3600

struct _ObHttpConnection
{
  GMainContext *context;
  SoupSession *session;
  GSocket *socket; /* NULL before it is connected */
  gboolean is_untrusted;
};

/* internal methods */

/* The parts as a stream that reads them where they are. */
static GInputStream *
make_stream (const ObHttpRequest *request, gssize *size)
{
  GInputStream *stream = g_memory_input_stream_new ();

  *size = 0;
  for (gsize i = 0; i < request->n_parts; i++)
    {
      g_autoptr (GBytes) bytes
        = g_bytes_new_static (request->parts[i].iov_base, request->parts[i].iov_len);

      if (request->parts[i].iov_len > 0)
        g_memory_input_stream_add_bytes (G_MEMORY_INPUT_STREAM (stream), bytes);
      *size += (gssize) request->parts[i].iov_len;
    }
  return stream;
}

/* GIO takes up the session of a former connection to the same server, whoever had it, and does not
 * look at the certificate then: it may be one that this connection does not trust. */
static gboolean
is_trusted (ObHttpConnection *self, GTlsConnection *tls)
{
  GTlsCertificate *certificate = g_tls_connection_get_peer_certificate (tls);
  GTlsDatabase *database = soup_session_get_tls_database (self->session);
  GSocketConnectable *identity = NULL;

  if (G_IS_TLS_CLIENT_CONNECTION (tls))
    identity = g_tls_client_connection_get_server_identity (G_TLS_CLIENT_CONNECTION (tls));
  return certificate != NULL && database != NULL
         && g_tls_database_verify_chain (database, certificate,
                                         G_TLS_DATABASE_PURPOSE_AUTHENTICATE_SERVER, identity, NULL,
                                         G_TLS_DATABASE_VERIFY_NONE, NULL, NULL)
              == 0;
}

/* Keeps the socket of a new connection, and looks whom it leads to. */
static void
on_network_event (SoupMessage *message, GSocketClientEvent event, GIOStream *stream,
                  gpointer user_data)
{
  ObHttpConnection *self = user_data;

  if (event == G_SOCKET_CLIENT_TLS_HANDSHAKED && G_IS_TLS_CONNECTION (stream))
    self->is_untrusted = !is_trusted (self, G_TLS_CONNECTION (stream));
  if (event != G_SOCKET_CLIENT_CONNECTED || !G_IS_SOCKET_CONNECTION (stream))
    return;
  g_set_object (&self->socket, g_socket_connection_get_socket (G_SOCKET_CONNECTION (stream)));
  g_socket_set_option (self->socket, IPPROTO_TCP, TCP_NODELAY, TRUE, NULL);
}

/* Acknowledges what has come at once. A server that sends headers and body apart, and does not
 * switch off Nagle's algorithm (as Ceph's gateway does not), waits for that before it sends the
 * body, and Linux puts it off for 40 ms (tcp(7), TCP_QUICKACK; it holds for the moment only). */
static void
acknowledge (ObHttpConnection *self)
{
  if (self->socket != NULL)
    g_socket_set_option (self->socket, IPPROTO_TCP, TCP_QUICKACK, TRUE, NULL);
}

static SoupMessage *
make_message (const ObHttpRequest *request, GError **error)
{
  SoupMessage *message = soup_message_new (request->method, request->url);
  SoupMessageHeaders *headers;

  if (message == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT, "%s is no address", request->url);
      return NULL;
    }
  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT);
  headers = soup_message_get_request_headers (message);
  for (gsize i = 0; i < request->n_headers; i++)
    if (g_ascii_strcasecmp (request->headers[i].name, "host") != 0)
      soup_message_headers_append (headers, request->headers[i].name, request->headers[i].value);
  if (request->parts != NULL)
    {
      gssize size;
      g_autoptr (GInputStream) stream = make_stream (request, &size);

      soup_message_set_request_body (message, NULL, stream, size);
    }
  return message;
}

static void
read_headers (SoupMessage *message, ObHttpAnswer *answer)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (message);
  const char *date_text = soup_message_headers_get_one (headers, "Date");
  const char *wait = soup_message_headers_get_one (headers, "Retry-After");
  const char *length = soup_message_headers_get_one (headers, "Content-Length");
  g_autoptr (GDateTime) date
    = date_text != NULL ? soup_date_time_new_from_http_string (date_text) : NULL;
  goffset first, last, total;
  guint64 number;

  answer->status = soup_message_get_status (message);
  answer->date = date != NULL ? g_date_time_to_unix (date) : 0;
  if (wait != NULL && g_ascii_string_to_unsigned (wait, 10, 0, G_MAXUINT, &number, NULL))
    answer->retry_after = (guint) MIN (number, MAX_RETRY_AFTER);
  answer->has_length
    = length != NULL
      && g_ascii_string_to_unsigned (length, 10, 0, G_MAXINT64, &answer->length, NULL);
  answer->has_range = soup_message_headers_get_content_range (headers, &first, &last, &total)
                      && first >= 0 && last >= first;
  if (!answer->has_range)
    return;
  answer->first = (guint64) first;
  answer->last = (guint64) last;
  answer->total = total > last ? (guint64) total : 0;
}

/* libsoup takes headers that end with the connection for whole ones. Without a length, or pieces,
 * nobody can tell whether a body is whole. */
static gboolean
check_whole (SoupMessage *message, GError **error)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (message);
  SoupEncoding encoding = soup_message_headers_get_encoding (headers);

  if (encoding == SOUP_ENCODING_CONTENT_LENGTH || encoding == SOUP_ENCODING_CHUNKED
      || soup_message_get_status (message) == SOUP_STATUS_NO_CONTENT)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT,
                       "The answer does not tell where it ends");
  return FALSE;
}

static void
fail_large (gsize max, GError **error)
{
  g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
               "the answer of the server has more than the %" G_GSIZE_FORMAT " bytes that make "
               "sense",
               max);
}

/* One byte more than there may be is asked for, to see that the body ends there. */
static gboolean
read_to_buffer (ObHttpConnection *self, GInputStream *stream, const ObHttpRequest *request,
                ObHttpAnswer *answer, GCancellable *cancellable, GError **error)
{
  guint8 more;

  for (;;)
    {
      gboolean full = answer->size == request->max;
      void *place = full ? &more : (guint8 *) request->buffer + answer->size;
      gsize wanted = full ? 1 : MIN (request->max - answer->size, CHUNK);
      gssize n = g_input_stream_read (stream, place, wanted, cancellable, error);

      acknowledge (self);
      if (n < 0)
        return FALSE;
      if (n == 0)
        return TRUE;
      if (full)
        {
          fail_large (request->max, error);
          return FALSE;
        }
      answer->size += (gsize) n;
    }
}

static gboolean
read_to_array (ObHttpConnection *self, GInputStream *stream, gsize max, ObHttpAnswer *answer,
               GCancellable *cancellable, GError **error)
{
  for (;;)
    {
      gsize room = MIN (max - answer->size + 1, CHUNK);
      gssize n;

      g_byte_array_set_size (answer->body, (guint) (answer->size + room));
      n = g_input_stream_read (stream, answer->body->data + answer->size, room, cancellable, error);
      acknowledge (self);
      g_byte_array_set_size (answer->body, (guint) (answer->size + (gsize) MAX (n, 0)));
      if (n < 0)
        return FALSE;
      if (n == 0)
        return TRUE;
      answer->size += (gsize) n;
      if (answer->size > max)
        {
          fail_large (max, error);
          return FALSE;
        }
    }
}

static gboolean
exchange (ObHttpConnection *self, const ObHttpRequest *request, ObHttpAnswer *answer,
          GCancellable *cancellable, GError **error)
{
  g_autoptr (SoupMessage) message = make_message (request, error);
  g_autoptr (GInputStream) stream = NULL;
  gboolean wished;
  gsize max;

  if (message == NULL)
    return FALSE;
  g_signal_connect (message, "network-event", G_CALLBACK (on_network_event), self);
  stream = soup_session_send (self->session, message, cancellable, error);
  if (stream == NULL)
    return FALSE;
  if (self->is_untrusted)
    {
      g_set_error_literal (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE,
                           "Unacceptable TLS certificate");
      return FALSE;
    }
  acknowledge (self);
  if (!check_whole (message, error))
    return FALSE;
  read_headers (message, answer);
  wished = answer->status == 200 || answer->status == 206;
  max = wished ? request->max : OB_HTTP_MAX_REFUSAL;
  /* A HEAD tells a length and sends nothing. */
  if (answer->has_length && answer->length > max && strcmp (request->method, "HEAD") != 0)
    {
      fail_large (max, error);
      return FALSE;
    }
  return wished && request->buffer != NULL
           ? read_to_buffer (self, stream, request, answer, cancellable, error)
           : read_to_array (self, stream, MIN (max, G_MAXUINT / 2), answer, cancellable, error);
}

/* public methods */

GProxyResolver *
ob_http_make_proxies (void)
{
  static const char *const here[] = { "localhost", "127.0.0.0/8", "::1", NULL };
  const char *none = g_getenv ("no_proxy");
  const char *http = g_getenv ("http_proxy");
  const char *https = g_getenv ("https_proxy");
  g_auto (GStrv) hosts = g_strsplit_set (none != NULL ? none : "", ", ", -1);
  g_autoptr (GStrvBuilder) ignored = g_strv_builder_new ();
  g_auto (GStrv) all = NULL;
  GProxyResolver *proxies;

  g_strv_builder_addv (ignored, (const char **) here);
  for (char **host = hosts; *host != NULL; host++)
    if (**host != '\0')
      g_strv_builder_add (ignored, *host);
  all = g_strv_builder_end (ignored);
  proxies = g_simple_proxy_resolver_new (NULL, all);
  if (http != NULL && *http != '\0')
    g_simple_proxy_resolver_set_uri_proxy (G_SIMPLE_PROXY_RESOLVER (proxies), "http", http);
  if (https != NULL && *https != '\0')
    g_simple_proxy_resolver_set_uri_proxy (G_SIMPLE_PROXY_RESOLVER (proxies), "https", https);
  return proxies;
}

ObHttpConnection *
ob_http_connection_new (GTlsDatabase *tls, gboolean direct, guint timeout)
{
  ObHttpConnection *self = g_new0 (ObHttpConnection, 1);
  g_autoptr (GProxyResolver) proxies = NULL;

  self->context = g_main_context_new ();
  g_main_context_push_thread_default (self->context);
  self->session = soup_session_new_with_options ("timeout", timeout, "idle-timeout", 0,
                                                 "max-conns", MAX_CONNECTIONS,
                                                 "max-conns-per-host", MAX_CONNECTIONS,
                                                 "user-agent", "obbackup", NULL);
  if (tls != NULL)
    soup_session_set_tls_database (self->session, tls);
  proxies = direct ? NULL : ob_http_make_proxies ();
  soup_session_set_proxy_resolver (self->session, proxies);
  /* A compressed answer could be any size, and a password of the address's is none of ours. */
  soup_session_remove_feature_by_type (self->session, SOUP_TYPE_CONTENT_DECODER);
  soup_session_remove_feature_by_type (self->session, SOUP_TYPE_AUTH_MANAGER);
  g_main_context_pop_thread_default (self->context);
  return self;
}

void
ob_http_connection_free (ObHttpConnection *connection)
{
  if (connection == NULL)
    return;
  g_main_context_push_thread_default (connection->context);
  g_object_unref (connection->session);
  g_clear_object (&connection->socket);
  g_main_context_pop_thread_default (connection->context);
  g_main_context_unref (connection->context);
  g_free (connection);
}

gboolean
ob_http_connection_send (ObHttpConnection *connection, const ObHttpRequest *request,
                         ObHttpAnswer *answer, GCancellable *cancellable, GError **error)
{
  gboolean done;

  memset (answer, 0, sizeof *answer);
  answer->body = g_byte_array_new ();
  g_main_context_push_thread_default (connection->context);
  done = exchange (connection, request, answer, cancellable, error);
  /* What libsoup has put off until its context is run. */
  while (g_main_context_iteration (connection->context, FALSE))
    ;
  g_main_context_pop_thread_default (connection->context);
  return done;
}

void
ob_http_answer_clear (ObHttpAnswer *answer)
{
  g_clear_pointer (&answer->body, g_byte_array_unref);
}
