/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The versions of an object, as an S3 server lists them. */
#include "ob-s3-versions.h"

#include <string.h>

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListVersionsResult xmlns=\"http://s3.am"
                "azonaws.com/doc/2006-03-01/\"><Name>erp</Name><Prefix>k</Prefix><IsTruncated>fals"
                "e</IsTruncated><DeleteMarker><Key>k</Key><VersionId>b</VersionId><IsLatest>true</"
                "IsLatest></DeleteMarker><Version><Key>k</Key><VersionId>a</VersionId><Size>1</Siz"
                "e><Owner><ID>t</ID></Owner></Version><Version><Key>kk</Key><VersionId>c</VersionI"
                "d></Version></ListVersionsResult>"),
  OB_FUZZ_SEED ("<ListVersionsResult/>"),
  OB_FUZZ_SEED ("<ListVersionsResult><Version><Key>k</Key><VersionId>null</VersionId></Version></Li"
                "stVersionsResult>"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GPtrArray) ids = ob_s3_versions_parse ((const char *) data, size, "k");
  gsize total = 0;

  if (ids == NULL)
    return 0;
  g_assert_cmpuint (ids->len, <=, OB_S3_VERSIONS_MAX);
  for (guint i = 0; i < ids->len; i++)
    {
      const char *id = g_ptr_array_index (ids, i);

      g_assert_cmpuint (strlen (id), >, 0);
      g_assert_cmpuint (strlen (id), <=, OB_S3_VERSIONS_MAX_ID);
      total += strlen (id);
    }
  /* Nothing in it becomes more than it is. */
  g_assert_cmpuint (total, <=, size);
  return 0;
}
