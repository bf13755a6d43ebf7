/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a bucket says of its own settings (API reference of Amazon S3: GetBucketVersioning,
 * GetObjectLockConfiguration, GetBucketLifecycleConfiguration). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bytes of an answer. Lifecycle rules are the longest: 1,000 of them, each with its filter. */
#define OB_S3_BUCKET_MAX_ANSWER (1024 * 1024)
/* The longest retention that S3 takes: 100 years, in days. */
#define OB_S3_BUCKET_MAX_DAYS 36500

/* All functions: any thread. FALSE where the text is no whole, sound answer; then what was to be
 * set is undefined. */

typedef enum
{
  OB_S3_VERSIONING_OFF, /* it has never been on */
  OB_S3_VERSIONING_ENABLED,
  OB_S3_VERSIONING_SUSPENDED, /* former versions stay, new ones are not made */
} ObS3Versioning;

gboolean ob_s3_bucket_parse_versioning (const char *text, gsize size, ObS3Versioning *versioning);

typedef struct
{
  gboolean enabled;
  gboolean compliance; /* nobody at all can remove what is locked; else whoever may bypass it */
  guint days;          /* that each new object is locked if it does not say; 0: it is not */
} ObS3ObjectLock;

gboolean ob_s3_bucket_parse_object_lock (const char *text, gsize size, ObS3ObjectLock *lock);

/* *@expires: whether there is an enabled rule that removes versions which are not current any
 * more. To which names it applies is not looked at. */
gboolean ob_s3_bucket_parse_lifecycle (const char *text, gsize size, gboolean *expires);

G_END_DECLS
