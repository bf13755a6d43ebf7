/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshot files. */
#include "ob-snapshot.h"

#include <string.h>

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("{\"time\":\"2023-04-05T06:07:08.25+02:00\",\"parent\":\"c74c0cc7fac07e0b166a6d58"
                "93a96122ccf150292f56d96e5180d2747e9ed55e\",\"tree\":\"52354c32f4c023e02c10ba57a6"
                "765018b701cba99397cfc7fc73d6161cd3fe56\",\"paths\":[\"/opt/erp\",\"/var/lib/x\"]"
                ",\"hostname\":\"erp\",\"username\":\"root\",\"uid\":0,\"gid\":0,\"tags\":[\"one"
                "\",\"instance=erp\"],\"original\":\"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af"
                "34d08286a2e846f6be03\",\"program_version\":\"restic 0.17.0\",\"summary\":{\"file"
                "s_new\":1,\"x\":[null,{}]}}"),
  OB_FUZZ_SEED ("{\"time\":\"2026-11-25T05:15:11Z\",\"tree\":\"52354c32f4c023e02c10ba57a6765018b7"
                "01cba99397cfc7fc73d6161cd3fe56\",\"paths\":[\"/\"],\"hostname\":\"erp\",\"userna"
                "me\":\"root\",\"tags\":[\"obbackup\",\"instance=erp\"],\"obbackup\":{\"format\":"
                "1,\"program\":\"obbackup 0.1.0\",\"instance\":\"erp\",\"kind\":\"full\",\"parts"
                "\":[\"database\",\"sources\"],\"sizes\":{\"database\":1},\"size\":12345,\"durati"
                "on\":1.5,\"warnings\":[\"a \\ud83d\\ude00\"],\"label\":null}}"),
  OB_FUZZ_SEED ("{\"time\":\"0000-01-01T00:00:00Z\",\"tree\":\"52354c32f4c023e02c10ba57a6765018b7"
                "01cba99397cfc7fc73d6161cd3fe56\",\"paths\":null,\"tags\":null,\"obbackup\":[[]]}"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)
OB_FUZZ_JSON_GLIB_LEAKS


int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_from_json ((const char *) data, size, &error);
  g_autoptr (ObSnapshot) again = NULL;
  g_autofree char *text = NULL;
  g_autofree char *text_again = NULL;

  g_assert_true ((snapshot == NULL) == (error != NULL));
  if (snapshot == NULL)
    return 0;
  g_assert_nonnull (ob_snapshot_get_public_id (snapshot));
  ob_snapshot_has_tag (snapshot, "one");
  ob_snapshot_get_tag (snapshot, "instance");

  text = ob_snapshot_to_json (snapshot);
  again = ob_snapshot_from_json (text, strlen (text), &error);
  g_assert_no_error (error);
  text_again = ob_snapshot_to_json (again);
  g_assert_cmpstr (text, ==, text_again);
  return 0;
}
