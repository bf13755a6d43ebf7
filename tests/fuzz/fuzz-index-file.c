/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Index files. */
#include "ob-index-file.h"

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("{\"packs\":[{\"id\":\"c74c0cc7fac07e0b166a6d5893a96122ccf150292f56d96e5180d2747e"
                "9ed55e\",\"blobs\":[{\"id\":\"52354c32f4c023e02c10ba57a6765018b701cba99397cfc7fc"
                "73d6161cd3fe56\",\"type\":\"tree\",\"offset\":0,\"length\":257,\"uncompressed_le"
                "ngth\":359},{\"id\":\"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846"
                "f6be03\",\"type\":\"data\",\"offset\":257,\"length\":47}]}]}"),
  OB_FUZZ_SEED ("{\"supersedes\":[\"c74c0cc7fac07e0b166a6d5893a96122ccf150292f56d96e5180d2747e9ed"
                "55e\"],\"packs\":[{\"blobs\":null,\"id\":\"c74c0cc7fac07e0b166a6d5893a96122ccf15"
                "0292f56d96e5180d2747e9ed55e\",\"new\":[1]},{\"id\":\"52354c32f4c023e02c10ba57a67"
                "65018b701cba99397cfc7fc73d6161cd3fe56\",\"blobs\":[]}]}"),
  OB_FUZZ_SEED ("{\"packs\":null}"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)


int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (ObIndex) index = ob_index_new ();
  g_autoptr (GError) error = NULL;
  gboolean parsed = ob_index_file_parse (data, size, index, &error);

  g_assert_true (parsed == (error == NULL));
  /* All of it or nothing, and each blob has an id of its own in the text. */
  g_assert_true (parsed || ob_index_get_n_blobs (index) == 0);
  g_assert_cmpuint (ob_index_get_n_blobs (index), <=, size / (OB_ID_HEX_SIZE - 1));
  return 0;
}
