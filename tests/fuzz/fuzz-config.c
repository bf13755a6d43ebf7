/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The config file of a repository. */
#include "ob-config.h"

#include <string.h>

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("{\"version\":2,\"id\":\"366a5551c7215fa19adcd1cf2f4910f72aa7274c73d713be0a88e5cb"
                "27f9277e\",\"chunker_polynomial\":\"3e5cc6792825ff\"}"),
  OB_FUZZ_SEED ("{\"version\":1,\"id\":\"366a5551c7215fa19adcd1cf2f4910f72aa7274c73d713be0a88e5cb"
                "27f9277e\",\"chunker_polynomial\":\"25b468838dcb75\",\"new\":[1,{\"a\":null}]}"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)


int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  ObConfig config = { 0 };
  ObConfig again = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  gboolean parsed = ob_config_from_json (data, size, &config, &error);

  g_assert_true (parsed == (error == NULL));
  if (!parsed)
    return 0;
  g_assert_true (config.version == 1 || config.version == 2);
  text = ob_config_to_json (&config);
  g_assert_true (ob_config_from_json (text, strlen (text), &again, &error));
  g_assert_cmpuint (config.version, ==, again.version);
  g_assert_cmpstr (config.id, ==, again.id);
  g_assert_cmpuint (config.chunker_polynomial, ==, again.chunker_polynomial);
  return 0;
}
