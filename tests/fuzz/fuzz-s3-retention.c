/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For how long an object is locked, as an S3 server tells it. */
#include "ob-s3-retention.h"

#include <string.h>

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Retention xmlns=\"http://s3.amazonaws.c"
                "om/doc/2006-03-01/\"><Mode>COMPLIANCE</Mode><RetainUntilDate>2026-12-29T03:20:17."
                "000Z</RetainUntilDate></Retention>"),
  OB_FUZZ_SEED ("<Retention><RetainUntilDate>9999-12-31T23:59:59+14:00</RetainUntilDate><Mode>GOVE"
                "RNANCE</Mode></Retention>"),
  OB_FUZZ_SEED ("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><Def"
                "aultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule></Ob"
                "jectLockConfiguration>"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  ObS3Retention retention = { 0 };
  ObS3Retention again = { 0 };
  g_autofree char *body = NULL;

  ob_s3_retention_is_enabled ((const char *) data, size);
  if (!ob_s3_retention_parse ((const char *) data, size, &retention))
    return 0;
  /* What we make of it says the same, as far as a year has four digits. */
  body = ob_s3_retention_build (&retention);
  g_assert_true (ob_s3_retention_parse (body, strlen (body), &again));
  g_assert_cmpint (again.compliance, ==, retention.compliance);
  g_assert_true (again.until == retention.until || again.until == 0);
  return 0;
}
