/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A page of a list of objects, as an S3 server sends it. */
#include "ob-s3-listing.h"

#include <string.h>

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.am"
                "azonaws.com/doc/2006-03-01/\"><Name>erp</Name><Prefix>a/</Prefix><KeyCount>2</Key"
                "Count><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated><Contents><Key>a/config</"
                "Key><LastModified>2026-11-23T04:05:06.000Z</LastModified><ETag>&quot;fba9dede5f27"
                "731c9771645a39863328&quot;</ETag><Size>155</Size><StorageClass>STANDARD</StorageC"
                "lass><Owner><ID>t</ID></Owner></Contents><Contents><Key>a/&lt;b&gt;&amp;&#x20;</K"
                "ey><Size>0</Size></Contents><NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs"
                "2J/wm36Hy4vbOwM=</NextContinuationToken></ListBucketResult>"),
  OB_FUZZ_SEED ("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"),
  OB_FUZZ_SEED ("<ListBucketResult><!-- --><Contents><Key><![CDATA[a<b]]></Key><Size>1</Size></Con"
                "tents></ListBucketResult>"),
  OB_FUZZ_SEED ("<!DOCTYPE x [<!ENTITY a \"aaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><ListBucketRes"
                "ult><Contents><Key>&b;</Key><Size>1</Size></Contents></ListBucketResult>"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (ObS3Listing) listing = ob_s3_listing_parse ((const char *) data, size);
  gsize total = 0;

  if (listing == NULL)
    return 0;
  g_assert_cmpuint (listing->objects->len, <=, OB_S3_LISTING_MAX_OBJECTS);
  for (guint i = 0; i < listing->objects->len; i++)
    {
      const ObS3ListedObject *object = &g_array_index (listing->objects, ObS3ListedObject, i);

      g_assert_cmpuint (strlen (object->key), >, 0);
      g_assert_cmpuint (strlen (object->key), <=, OB_S3_LISTING_MAX_KEY);
      g_assert_true (g_utf8_validate (object->key, -1, NULL));
      g_assert_cmpuint (object->size, <=, G_MAXINT64);
      total += strlen (object->key);
    }
  /* Nothing in it becomes more than it is. */
  g_assert_cmpuint (total, <=, size);
  g_assert_true (listing->next == NULL
                 || (*listing->next != '\0'
                     && strlen (listing->next) <= OB_S3_LISTING_MAX_TOKEN));
  return 0;
}
