/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The header of a pack: four bytes that say how many bytes of blobs there are, then its plain
 * text. */
#include "ob-pack.h"

#include <string.h>

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("0\001\000\000\003\001\001\000\000g\001\000\000R5L2\364\300#\340,\020\272W\246vP"
                "\030\267\001\313\251\223\227\317\307\374s\326\026\034\323\376V\000/\000\000\000X"
                "\221\265\265\"\325\337\010m\017\360\261\020\373\331\322\033\264\374qc\2574\320"
                "\202\206\242\350F\366\276\003"),
  OB_FUZZ_SEED ("/\000\000\000\000/\000\000\000X\221\265\265\"\325\337\010m\017\360\261\020\373"
                "\331\322\033\264\374qc\2574\320\202\206\242\350F\366\276\003"),
  OB_FUZZ_SEED ("`\000\000\000\001@\000\000\000R5L2\364\300#\340,\020\272W\246vP\030\267\001\313"
                "\251\223\227\317\307\374s\326\026\034\323\376V\002 \000\000\000\000\020\000\000X"
                "\221\265\265\"\325\337\010m\017\360\261\020\373\331\322\033\264\374qc\2574\320"
                "\202\206\242\350F\366\276\003"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)


static const ObCryptoKey key = { .encrypt = { 1 }, .mac_k = { 2 }, .mac_r = { 3 } };

/* Blobs lie one behind the other, and the header can be built again. */
static void
check_entries (ObCrypto *crypto, GArray *entries, guint64 blobs_size, const guint8 *plain,
               gsize size)
{
  g_autoptr (GByteArray) built = ob_pack_build_header (crypto, entries);
  g_autofree guint8 *again = g_malloc (built->len);
  guint64 offset = 0;

  for (guint i = 0; i < entries->len; i++)
    {
      const ObPackEntry *entry = &g_array_index (entries, ObPackEntry, i);

      g_assert_cmpuint (entry->offset, ==, offset);
      offset += entry->length;
    }
  g_assert_cmpuint (offset, ==, blobs_size);
  g_assert_true (ob_crypto_open (crypto, built->data, built->len - 4, again));
  g_assert_cmpmem (again, built->len - 4 - OB_CRYPTO_OVERHEAD, plain, size);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (ObCrypto) crypto = ob_crypto_new (&key);
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) raw_error = NULL;
  g_autoptr (GArray) entries = NULL;
  g_autoptr (GArray) raw = NULL;
  g_autofree guint8 *sealed = g_malloc (size + OB_CRYPTO_OVERHEAD);
  guint32 blobs_size = 0;

  raw = ob_pack_parse_header (crypto, data, size, size + 4, &raw_error);
  g_assert_true (raw == NULL && raw_error != NULL);
  if (size < sizeof blobs_size)
    return 0;

  memcpy (&blobs_size, data, sizeof blobs_size);
  blobs_size = GUINT32_FROM_LE (blobs_size);
  data += sizeof blobs_size;
  size -= sizeof blobs_size;
  ob_crypto_seal (crypto, data, size, sealed);
  size += OB_CRYPTO_OVERHEAD;
  entries = ob_pack_parse_header (crypto, sealed, size, (guint64) blobs_size + size + 4, &error);
  g_assert_true ((entries == NULL) == (error != NULL));
  if (entries != NULL)
    check_entries (crypto, entries, blobs_size, data, size - OB_CRYPTO_OVERHEAD);
  return 0;
}
