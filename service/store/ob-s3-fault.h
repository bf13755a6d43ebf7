/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an S3 server says when it refuses a request (API reference of Amazon S3, "Error
 * responses"). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* All texts are printable; "" where the answer does not say. */
typedef struct
{
  char *code;    /* "NoSuchKey": letters and digits, at most 64 */
  char *message; /* at most 300 characters */
  char *region;  /* where the bucket is, if the answer tells: letters, digits and "-" */
} ObS3Fault;

/* Parses the body of an answer, however little of an error it is. Transfer full. Any thread. */
ObS3Fault *ob_s3_fault_parse (const char *text, gsize size);

void ob_s3_fault_free (ObS3Fault *fault);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObS3Fault, ob_s3_fault_free)

/* Whether the same request may well succeed later: what is wrong with it happened on its way, or
 * the server cannot now. @status is that of HTTP. Any thread. */
gboolean ob_s3_fault_is_passing (const ObS3Fault *fault, guint status);

/* Whether the server wants fewer requests. Any thread. */
gboolean ob_s3_fault_is_slow_down (const ObS3Fault *fault, guint status);

/* Whether newer keys may be taken (temporary ones that have run out). Any thread. */
gboolean ob_s3_fault_is_old_keys (const ObS3Fault *fault);

/* Whether the keys themselves, the signature or the clock are refused, rather than what was asked
 * for with them. Any thread. */
gboolean ob_s3_fault_is_about_keys (const ObS3Fault *fault);

/* What a message needs to know of the request that was refused. */
typedef struct
{
  const char *bucket;
  const char *access_key;
  const char *action; /* what a policy has to allow: "s3:PutObject" */
  gint64 skew;        /* seconds that our clock is ahead of the server's; 0 where nobody knows */
} ObS3FaultContext;

/* Sets an error that says why, and what to do, for the caller to put before it what failed. Codes:
 * NOT_FOUND (the object), DESTINATION_UNAVAILABLE, CREDENTIALS_REJECTED, NO_SPACE, EXISTS,
 * NOT_SUPPORTED, FAILED. Any thread. */
void ob_s3_fault_set_error (const ObS3Fault *fault, guint status, const ObS3FaultContext *context,
                            GError **error);

G_END_DECLS
