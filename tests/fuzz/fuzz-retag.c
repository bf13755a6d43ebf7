/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshot files that get other tags. */
#include "ob-retag.h"

#include <string.h>

#include "driver.h"

#define TREE "52354c32f4c023e02c10ba57a6765018b701cba99397cfc7fc73d6161cd3fe56"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("{\"time\":\"2023-04-05T06:07:08.25+02:00\",\"tree\":\"" TREE
                "\",\"paths\":[\"/opt/erp\"],\"uid\":0,\"tags\":[\"one\",\"label=x\"],\"original\":"
                "\"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\",\"summary\":"
                "{\"files_new\":1,\"x\":[null,{}]}}"),
  OB_FUZZ_SEED ("{\"tags\":null,\"obbackup\":{\"size\":1e999,\"a\":\"\\udc00\"},\"\\u0074ags\":[]"
                ",\"time\":\"0000-01-01T00:00:00Z\",\"tree\":\"" TREE "\"}"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

/* What could be read can be read afterwards, and is the same but for what was to change. */
static void
compare (const ObSnapshot *before, const ObSnapshot *after)
{
  g_assert_true (ob_id_equal (&before->tree, &after->tree));
  g_assert_cmpint (before->time.tv_sec, ==, after->time.tv_sec);
  g_assert_cmpstr (before->hostname, ==, after->hostname);
  g_assert_cmpuint (before->uid, ==, after->uid);
  g_assert_true ((before->obbackup == NULL) == (after->obbackup == NULL));
  g_assert_true (
    ob_id_equal (ob_snapshot_get_public_id (before), ob_snapshot_get_public_id (after)));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const char *const tags[] = { "obbackup", "label=a \"b\"\\", "pinned", NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (ObSnapshot) before = ob_snapshot_from_json ((const char *) data, size, NULL);
  g_autoptr (ObSnapshot) after = NULL;
  g_autofree char *text = NULL;
  ObId original = { { 1 } };

  if (before != NULL && before->has_original)
    original = before->original;
  text = ob_retag_text ((const char *) data, size, &original, tags, &error);
  g_assert_true ((text == NULL) == (error != NULL));
  g_assert_true ((text == NULL) == (before == NULL));
  if (text == NULL)
    return 0;
  after = ob_snapshot_from_json (text, strlen (text), &error);
  g_assert_no_error (error);
  before->has_original = TRUE;
  before->original = original;
  compare (before, after);
  g_assert_true (g_strv_equal (tags, (const char *const *) after->tags));
  return 0;
}
