/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Objects that nobody can remove for some days ("Locking objects with Object Lock" in the user
 * guide of Amazon S3). Such a bucket keeps versions: a removal only hides the object behind a
 * marker, so who removes has to ask first. */
#pragma once

#include "ob-s3-http.h"
#include "ob-s3-retention.h"

G_BEGIN_DECLS

/* All functions: any thread. */
typedef struct _ObS3Lock ObS3Lock;

/* @http is used as long as it lives, and not owned. Transfer full. */
ObS3Lock *ob_s3_lock_new (ObS3Http *http, const ObS3Settings *settings);
void ob_s3_lock_free (ObS3Lock *lock);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObS3Lock, ob_s3_lock_free)

/* For how many days objects are locked as they are stored; 0: they are not. */
guint ob_s3_lock_get_days (ObS3Lock *lock);

/* Headers of a PUT. */
#define OB_S3_LOCK_MAX_HEADERS 3

typedef struct
{
  char until[OB_AWS_LONG_TIME_SIZE];
  char *digest;
} ObS3LockTexts;

/* Adds what locks an object with this content as it is stored: mode and end of the lock, and the
 * Content-MD5 that S3 wants with them. @extra: seconds that it is locked beyond the days. The
 * headers point to @texts, whose digest is to be freed. Returns how many there are; none without
 * days. */
gsize ob_s3_lock_add_headers (ObS3Lock *lock, gint64 extra, const struct iovec *parts,
                              gsize n_parts, ObS3LockTexts *texts, ObAwsHeader *headers);

/* Whether objects of the bucket can be locked: asked once. Where the server cannot tell, or will
 * not, they cannot, unless there are days. Blocks. Errors: as ob_s3_http_send(). */
gboolean ob_s3_lock_is_there (ObS3Lock *lock, gboolean *there, GCancellable *cancellable,
                              GError **error);

/* Until when the object @key (its name in the bucket) is locked; 0 where it is not, or is not
 * there. Blocks. Errors: as ob_s3_http_send(), DESTINATION_UNAVAILABLE (an answer that makes no
 * sense). */
gboolean ob_s3_lock_get (ObS3Lock *lock, const char *key, gint64 *until, GCancellable *cancellable,
                         GError **error);

/* Makes it locked until @wanted at least; where that has to be changed, for @extra seconds longer,
 * so that it need not be changed again soon. *@changed tells. Blocks. Errors: as for
 * ob_s3_lock_get(). */
gboolean ob_s3_lock_extend (ObS3Lock *lock, const char *key, gint64 wanted, gint64 extra,
                            gboolean *changed, GCancellable *cancellable, GError **error);

G_END_DECLS
