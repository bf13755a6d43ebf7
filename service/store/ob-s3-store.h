/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-aws-credentials.h"
#include "ob-s3-http.h"
#include "ob-s3-settings.h"
#include "ob-store.h"

G_BEGIN_DECLS

#define OB_TYPE_S3_STORE (ob_s3_store_get_type ())
G_DECLARE_FINAL_TYPE (ObS3Store, ob_s3_store, OB, S3_STORE, ObStore)

/* A repository in a bucket of S3, or of anything that speaks S3, in the layout that restic has
 * there: PREFIX/config, PREFIX/data/ab/…, PREFIX/keys/… and so on. @settings have been found to
 * make sense. @limits: NULL for the default ones. Asks the server nothing yet. Objects are stored
 * as a whole with one PUT, whose hash the server checks; deferred ones by several threads at once.
 * Transfer full. Any thread. Errors: INVALID_ARGUMENT (the file of certificates). */
ObStore *ob_s3_store_new (const ObS3Settings *settings, ObAwsCredentials *credentials,
                          const ObS3Limits *limits, GError **error);

/* Its requests, for those who count them. Belongs to @store. */
ObS3Http *ob_s3_store_get_http (ObS3Store *store);

G_END_DECLS
