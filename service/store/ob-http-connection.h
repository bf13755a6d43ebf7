/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One connection to an HTTP server, kept alive between requests. libsoup lets any thread send since
 * 3.2, but wants all else done by one; so each connection has a session and a main context of its
 * own, and is used by one thread at a time, whichever that is. */
#pragma once

#include <gio/gio.h>
#include <sys/uio.h>

#include "ob-aws-signature.h"

G_BEGIN_DECLS

/* Bytes of the body of an answer that is not the one wished for. */
#define OB_HTTP_MAX_REFUSAL (64 * 1024)

/* The proxies that the environment of the service names (http_proxy, https_proxy, no_proxy); never
 * for loopback. The desktop's own ways to find one run programs and scripts, which has no place
 * here. Transfer full. Any thread. */
GProxyResolver *ob_http_make_proxies (void);

typedef struct _ObHttpConnection ObHttpConnection;

typedef struct
{
  const char *method;
  const char *url; /* encoded */
  const ObAwsHeader *headers; /* beside Host and those of the body */
  gsize n_headers;
  const struct iovec *parts; /* of the body, sent one behind another; NULL: there is none */
  gsize n_parts;
  void *buffer; /* where the body of an answer 200 or 206 goes; NULL: into the answer */
  gsize max;    /* bytes that it may have */
} ObHttpRequest;

typedef struct
{
  guint status;
  GByteArray *body; /* what did not go into the buffer of the request */
  gsize size;       /* bytes of the body, wherever it went */
  gboolean has_length;
  guint64 length; /* Content-Length: of a HEAD, that of the object */
  gboolean has_range; /* Content-Range, of a 206 */
  guint64 first, last, total; /* of it: the last byte belongs to it; the whole, 0 for unknown */
  gint64 date;       /* the server's clock, seconds since the epoch; 0 where it does not tell */
  guint retry_after; /* seconds that it asks to wait, at most 3600 */
} ObHttpAnswer;

/* @tls: the authorities that are trusted, NULL for those of the system. @direct: not through the
 * proxy that the environment may name (http_proxy, https_proxy, no_proxy). @timeout: seconds that
 * the server may take to accept, and then each time to take or to send the next bytes. Connects
 * with the first request. Transfer full. Any thread. */
ObHttpConnection *ob_http_connection_new (GTlsDatabase *tls, gboolean direct, guint timeout);
void ob_http_connection_free (ObHttpConnection *connection);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObHttpConnection, ob_http_connection_free)

/* Sends a request and reads the whole answer. Redirects are not followed and passwords not asked
 * for: they come back as any other status. An error means that there is no whole answer:
 * OB_ERROR_CORRUPT where its body is larger than may be, else what GIO or libsoup says
 * (G_IO_ERROR_CANCELLED too). *@answer is to be cleared in each case. Blocks; any thread, one at a
 * time. */
gboolean ob_http_connection_send (ObHttpConnection *connection, const ObHttpRequest *request,
                                  ObHttpAnswer *answer, GCancellable *cancellable, GError **error);

void ob_http_answer_clear (ObHttpAnswer *answer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ObHttpAnswer, ob_http_answer_clear)

G_END_DECLS
