/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For how long an object of S3 is locked: the elements Retention and ObjectLockConfiguration (API
 * reference of Amazon S3, "GetObjectRetention", "PutObjectRetention" and
 * "GetObjectLockConfiguration"). Pure functions; any thread. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  gboolean compliance; /* nobody at all can take it back; else who has the right to can */
  gint64 until;        /* seconds since the epoch */
} ObS3Retention;

/* Parses an answer. FALSE where it is not a whole, sound Retention; *@retention is not set then. */
gboolean ob_s3_retention_parse (const char *text, gsize size, ObS3Retention *retention);

/* The body that sets it. Transfer full. */
char *ob_s3_retention_build (const ObS3Retention *retention);

/* Whether the configuration of a bucket says that its objects can be locked. */
gboolean ob_s3_retention_is_enabled (const char *text, gsize size);

/* "COMPLIANCE" or "GOVERNANCE", as headers and bodies have it. */
const char *ob_s3_retention_get_mode (const ObS3Retention *retention);

G_END_DECLS
