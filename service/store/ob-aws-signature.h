/* SPDX-License-Identifier: GPL-3.0-or-later */
/* AWS's signature, version 4, in the header of a request: "Signature Calculations for the
 * Authorization Header: Transferring Payload in a Single Chunk (AWS Signature Version 4)" in the
 * API reference of Amazon S3. Pure functions: no clock, no I/O; any thread. */
#pragma once

#include <glib.h>
#include <sys/uio.h>

#include "ob-aws-keys.h"

G_BEGIN_DECLS

/* A hash in hexadecimal digits, and times as "20130524T000000Z" and "2013-05-24T00:00:00Z", each
 * with its NUL. */
#define OB_AWS_HASH_SIZE 65
#define OB_AWS_TIME_SIZE 17
#define OB_AWS_LONG_TIME_SIZE 21

typedef struct
{
  const char *name; /* in any case */
  const char *value;
} ObAwsHeader;

/* What is signed of a request. The same bytes have to be sent. */
typedef struct
{
  const char *method; /* "GET" */
  const char *path;   /* as it is sent, encoded once by ob_aws_encode(), beginning with "/" */
  const char *query;  /* as it is sent, without "?": "name=value&…" in any order, or "" */
  const ObAwsHeader *headers; /* all that are signed: at least host and x-amz-date */
  gsize n_headers;
  const char *payload_hash; /* as ob_aws_hash() gives it; S3 wants it in x-amz-content-sha256 too */
} ObAwsRequest;

/* @text with each byte but letters, digits, "-", ".", "_" and "~" as %XX, as S3 wants names and
 * values; "/" too unless @keep_slash. Transfer full. */
char *ob_aws_encode (const char *text, gboolean keep_slash);

/* The SHA-256 of the parts one behind another, in lower-case hexadecimal digits. */
void ob_aws_hash (const struct iovec *parts, gsize n_parts, char hash[OB_AWS_HASH_SIZE]);

/* @when, seconds since the epoch, as the header x-amz-date has it. Years 1 to 9999; or 1970. */
void ob_aws_format_time (gint64 when, char text[OB_AWS_TIME_SIZE]);

/* The same as bodies and other headers have it. */
void ob_aws_format_long_time (gint64 when, char text[OB_AWS_LONG_TIME_SIZE]);

/* The canonical form of a request, a step on the way that tests look at. S3 normalizes no path:
 * "//" and "/./" stay. Transfer full. */
char *ob_aws_canonical_request (const ObAwsRequest *request);

/* The value of the header Authorization. @when is the time of x-amz-date; @region as "us-east-1",
 * @service as "s3". Transfer full. */
char *ob_aws_authorize (const ObAwsRequest *request, ObAwsKeys *keys, const char *region,
                        const char *service, gint64 when);

G_END_DECLS
