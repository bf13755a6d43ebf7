/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The connections to one server: how many there may be at once, and how long a request may take. */
#pragma once

#include "ob-http-connection.h"

G_BEGIN_DECLS

/* All functions: any thread. */
typedef struct _ObHttpPool ObHttpPool;

/* A connection for one request. */
typedef struct
{
  ObHttpConnection *connection;
  GCancellable *stop; /* for the request: cancelled with the caller's, or where it takes too long */

  /* The pool's own. */
  gboolean too_slow;
  GCancellable *cancellable;
  gulong handler;
  gint64 deadline;
} ObHttpSlot;

/* @tls, @timeout: as ob_http_connection_new(). @max: connections. @grace: seconds that each request
 * may take, whatever its size; @rate: bytes a second that have to be moved beyond that. Transfer
 * full. */
ObHttpPool *ob_http_pool_new (GTlsDatabase *tls, guint max, guint timeout, guint grace, guint rate);

/* When every slot has been given back. */
void ob_http_pool_free (ObHttpPool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObHttpPool, ob_http_pool_free)

/* Waits for a free connection, and until the server may be asked again. @bytes: what the request
 * will move. Transfer full (ob_http_pool_give_back()). Blocks. Errors: CANCELLED. */
ObHttpSlot *ob_http_pool_take (ObHttpPool *pool, guint64 bytes, GCancellable *cancellable,
                               GError **error);

/* @keep: the connection can be used again. Sets *@too_slow where the request was stopped for
 * that. */
void ob_http_pool_give_back (ObHttpPool *pool, ObHttpSlot *slot, gboolean keep,
                             gboolean *too_slow);

/* The server is asked too much: nobody asks for @milliseconds, and half as many at once from then
 * on, which grows again by one with every so many answers that ob_http_pool_succeed() is told
 * of. */
void ob_http_pool_slow_down (ObHttpPool *pool, guint milliseconds);
void ob_http_pool_succeed (ObHttpPool *pool);

/* How many requests there may be at once now. */
guint ob_http_pool_get_allowed (ObHttpPool *pool);

G_END_DECLS
