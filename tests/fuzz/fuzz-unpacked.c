/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The encoding of index, lock and snapshot files: plain JSON, or zstd. */
#include "ob-unpacked.h"

#include <string.h>

#include "driver.h"

#define MAX_TEXT (64 * 1024)

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("{\"version\":2}"),
  OB_FUZZ_SEED ("[null]"),
  /* {"version":2} compressed at once, and as a stream that does not tell its size */
  OB_FUZZ_SEED ("\x02\x28\xb5\x2f\xfd\x20\x0d\x69\x00\x00{\"version\":2}"),
  OB_FUZZ_SEED ("\x02\x28\xb5\x2f\xfd\x00\x58\x69\x00\x00{\"version\":2}"),
  /* as many zeros as are taken, in a few bytes */
  OB_FUZZ_SEED ("\x02\x28\xb5\x2f\xfd\xa0\x00\x00\x01\x00\x03\x00\x08\x00"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) text = ob_unpacked_decode (data, size, MAX_TEXT);
  g_autoptr (GByteArray) encoded = NULL;
  g_autoptr (GBytes) again = NULL;

  if (text == NULL)
    return 0;
  g_assert_cmpuint (g_bytes_get_size (text), <=, MAX_TEXT);
  encoded = ob_unpacked_encode (2, g_bytes_get_data (text, NULL), g_bytes_get_size (text));
  g_assert_cmpuint (encoded->len, <=, ob_unpacked_get_bound (MAX_TEXT));
  again = ob_unpacked_decode (encoded->data, encoded->len, MAX_TEXT);
  g_assert_true (again != NULL && g_bytes_equal (text, again));
  return 0;
}
