/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Versions that a bucket has kept of an object (API reference of Amazon S3,
 * ListObjectVersions). */
#pragma once

#include "ob-s3-http.h"

G_BEGIN_DECLS

/* Bounds: versions in an answer (S3's own), and bytes of the id of one. */
#define OB_S3_VERSIONS_MAX 1000
#define OB_S3_VERSIONS_MAX_ID 1024

/* The ids (char *) of all versions of the object @key that an answer tells of, and behind them
 * those of the marks that it was removed: without a mark the last version would be seen again.
 * Those of other objects are left out. NULL where it is no whole, sound answer within the
 * bounds. Transfer full. Any thread. */
GPtrArray *ob_s3_versions_parse (const char *text, gsize size, const char *key);

/* Removes every version of the object @key for good, up to OB_S3_VERSIONS_MAX of them; if one stays
 * the marks that it was removed stay as well. Blocks. Any
 * thread. Errors: as ob_s3_http_send(); the lock of an object, or a right that is missing, is
 * CREDENTIALS_REJECTED. */
gboolean ob_s3_versions_remove (ObS3Http *http, const char *key, GCancellable *cancellable,
                                GError **error);

G_END_DECLS
