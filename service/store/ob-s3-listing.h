/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A page of a listing: the element ListBucketResult that "GET /?list-type=2" is answered with (API
 * reference of Amazon S3, "ListObjectsV2"). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Objects of a page, which S3 makes of at most 1,000; bytes of a name and of a token. */
#define OB_S3_LISTING_MAX_OBJECTS 10000
#define OB_S3_LISTING_MAX_KEY 1024
#define OB_S3_LISTING_MAX_TOKEN 4096

typedef struct
{
  char *key;
  guint64 size; /* bytes */
} ObS3ListedObject;

typedef struct
{
  GArray *objects; /* of ObS3ListedObject */
  char *next;      /* the token of the next page, never empty; NULL where this is the last one */
} ObS3Listing;

/* Parses an answer. NULL where it is not a whole, sound listing within the bounds. Transfer full.
 * Any thread. */
ObS3Listing *ob_s3_listing_parse (const char *text, gsize size);

void ob_s3_listing_free (ObS3Listing *listing);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObS3Listing, ob_s3_listing_free)

G_END_DECLS
