/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /manifest.json of a backup. */
#include "ob-manifest.h"

#include <string.h>

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("{\"format\":1,\"program\":\"obbackup 0.1.0\",\"instance\":\"erp\",\"kind\":\"ful"
                "l\",\"label\":\"before the update\",\"result\":\"succeeded\",\"duration\":12,\"p"
                "arts\":[\"database\",\"sources\",\"attachments\"],\"sizes\":{\"database\":1234,"
                "\"sources\":5},\"size\":1239,\"files\":3,\"modules\":[{\"name\":\"Core\",\"versi"
                "on\":\"3.0.1\"}],\"warnings\":[\"a\"],\"time\":\"2026-11-25T05:15:11Z\",\"hostna"
                "me\":\"erp1\",\"installation\":{\"paths\":{\"sources\":\"/opt/OpenbravoERP\"},\""
                "database\":{\"host\":\"localhost\",\"port\":5432,\"name\":\"openbravo\"}},\"tree"
                "s\":[{\"part\":\"sources\",\"path\":\"/opt/OpenbravoERP\",\"left-out\":[\"attach"
                "ments\"],\"files\":1,\"directories\":2,\"bytes\":3,\"vanished\":0,\"unreadable\""
                ":0}],\"streams\":[\"schema.dump\",\"data-1.dump\"],\"database\":{\"encoding\":\""
                "UTF8\",\"roles\":[{\"name\":\"tad\"}],\"extensions\":[{\"name\":\"pg_trgm\"}],\""
                "tables\":[{\"schema\":\"public\",\"name\":\"c_order\",\"rows\":7}]}}"),
  OB_FUZZ_SEED ("{\"format\":2}"),
  OB_FUZZ_SEED ("{\"format\":1,\"parts\":[1,null,\"webapp\"],\"label\":\"\\ud800\",\"size\":-1,\""
                "files\":1e3,\"database\":null}"),
  OB_FUZZ_SEED ("{\"format\":1,\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
                "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)
OB_FUZZ_JSON_GLIB_LEAKS


static const char *const names[]
  = { "format", "instance", "kind", "label", "parts", "sizes", "size", "files",
      "warnings", "trees", "streams", "database", "installation", "" };

/* Any member asked for as any type gives what D-Bus takes, or nothing. */
static void
ask (JsonObject *object)
{
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      JsonArray *array = ob_manifest_get_array (object, names[i]);

      g_assert_true (g_utf8_validate (ob_manifest_get_string (object, names[i]), -1, NULL));
      g_assert_cmpuint (ob_manifest_get_number (object, names[i]), <=, G_MAXINT64);
      ob_manifest_get_object (object, names[i]);
      for (guint n = 0; array != NULL && n < json_array_get_length (array); n++)
        {
          JsonNode *node = json_array_get_element (array, n);

          g_assert_true (g_utf8_validate (ob_manifest_read_string (node), -1, NULL));
        }
    }
  g_assert_cmpuint (ob_manifest_get_parts (object) & ~(guint) OB_PART_ALL, ==, 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) manifest = ob_manifest_parse ((const char *) data, size, &error);
  g_autoptr (JsonObject) summary = NULL;
  g_autoptr (JsonNode) node = NULL;
  g_autofree char *text = NULL;

  g_assert_true ((manifest == NULL) == (error != NULL));
  if (manifest == NULL)
    return 0;
  ask (manifest);
  summary = ob_manifest_get_summary (manifest);
  ask (summary);
  node = json_node_alloc ();
  json_node_init_object (node, summary);
  text = json_to_string (node, FALSE);
  g_assert_nonnull (text);
  return 0;
}
