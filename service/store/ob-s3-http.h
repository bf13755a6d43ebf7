/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests to a bucket: signed, sent, and sent again where that helps. */
#pragma once

#include "ob-aws-credentials.h"
#include "ob-http-connection.h"
#include "ob-s3-settings.h"

G_BEGIN_DECLS

/* All functions: any thread. */
typedef struct _ObS3Http ObS3Http;

typedef struct
{
  guint timeout;        /* seconds to connect, and to move the next bytes */
  guint grace;          /* seconds that a request may take, whatever its size */
  guint rate;           /* bytes a second that it has to move beyond that */
  guint patience;       /* seconds that a request is tried again, once the server has answered */
  guint first_patience; /* and before it ever has: an address may be wrong, and somebody waits */
  guint last_patience;  /* and what nobody can cancel: a job clears up, and somebody waits for it */
  guint first_delay;    /* milliseconds before the second try; twice as many before each next one */
  guint last_delay;     /* milliseconds that no pause is longer than */
} ObS3Limits;

/* 30, 120, 4096; 600, 10, 10; 200, 20000. */
extern const ObS3Limits ob_s3_default_limits;

/* For those who look whether it works at all: 10, 120, 4096; 10, 10, 10; 200, 2000. */
extern const ObS3Limits ob_s3_checkup_limits;

typedef struct
{
  const char *method;
  const char *key;   /* name of the object in the bucket, not encoded; "" for the bucket itself */
  const char *query; /* encoded, "" for none */
  const ObAwsHeader *headers;
  gsize n_headers;
  const struct iovec *parts; /* as in ObHttpRequest */
  gsize n_parts;
  void *buffer;
  gsize max;
  guint accepted;     /* a status that is no error to the caller, beside 2xx; 0: none */
  const char *verb;   /* for messages: "read", "written", "listed", "removed" */
  const char *action; /* what a policy has to allow: "s3:GetObject" */
} ObS3Request;

/* @limits: NULL for the default ones. Touches nothing but the file of certificates. Transfer full.
 * Errors: INVALID_ARGUMENT (the file of certificates). */
ObS3Http *ob_s3_http_new (const ObS3Settings *settings, ObAwsCredentials *credentials,
                          const ObS3Limits *limits, GError **error);
void ob_s3_http_free (ObS3Http *http);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObS3Http, ob_s3_http_free)

/* Sends a request until there is a whole answer that means something: after resets, time-outs,
 * answers cut off, 408, 425, 429 and 5xx it is sent again, with pauses that grow, and are shorter
 * by chance so that not all come back at once; never after other refusals. *@answer is to be
 * cleared in each case. Blocks. Errors: as ob_s3_fault_set_error(), CANCELLED, CORRUPT (larger than
 * may be), DESTINATION_UNAVAILABLE. */
gboolean ob_s3_http_send (ObS3Http *http, const ObS3Request *request, ObHttpAnswer *answer,
                          GCancellable *cancellable, GError **error);

/* What the requests are signed with. Belongs to @http. */
ObAwsCredentials *ob_s3_http_get_credentials (ObS3Http *http);

/* How many requests have been sent, again or not. */
guint64 ob_s3_http_get_requests (ObS3Http *http);

/* How many there may be at once now. */
guint ob_s3_http_get_allowed (ObS3Http *http);

/* What requests wait for at present, from their first failure until they have succeeded or are
 * given up, for people: "HOST: the server does not answer (Connection refused)". NULL where none
 * does. *@since: when the first of them failed (g_get_monotonic_time()); not set where none does.
 * Transfer full. */
char *ob_s3_http_get_waiting (ObS3Http *http, gint64 *since);

G_END_DECLS
