/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a bucket says of its own settings, as an S3 server sends it. */
#include "ob-s3-bucket.h"

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<VersioningConfiguration xmlns=\"http:"
                "//s3.amazonaws.com/doc/2006-03-01/\"><Status>Enabled</Status><MfaDelete>Disabled</"
                "MfaDelete></VersioningConfiguration>"),
  OB_FUZZ_SEED ("<VersioningConfiguration/>"),
  OB_FUZZ_SEED ("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><Def"
                "aultRetention><Mode>COMPLIANCE</Mode><Years>7</Years></DefaultRetention></Rule></O"
                "bjectLockConfiguration>"),
  OB_FUZZ_SEED ("<ObjectLockConfiguration><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>3650"
                "0</Days></DefaultRetention></Rule></ObjectLockConfiguration>"),
  OB_FUZZ_SEED ("<LifecycleConfiguration><Rule><ID>a</ID><Filter/><Status>Enabled</Status><Noncurre"
                "ntVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiratio"
                "n></Rule><Rule><Status>Disabled</Status></Rule></LifecycleConfiguration>"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *text = (const char *) data;
  ObS3Versioning versioning;
  ObS3ObjectLock lock;
  gboolean expires;
  guint n = 0;

  if (ob_s3_bucket_parse_versioning (text, size, &versioning))
    {
      n++;
      g_assert_cmpint (versioning, <=, OB_S3_VERSIONING_SUSPENDED);
    }
  if (ob_s3_bucket_parse_object_lock (text, size, &lock))
    {
      n++;
      g_assert_cmpuint (lock.days, <=, OB_S3_BUCKET_MAX_DAYS);
    }
  n += ob_s3_bucket_parse_lifecycle (text, size, &expires) ? 1 : 0;
  /* No text is two things at once. */
  g_assert_cmpuint (n, <=, 1);
  return 0;
}
