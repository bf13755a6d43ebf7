/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-pack.h"

#include <string.h>

#include "core-fixture.h"
#include "ob-error.h"
#include "restic-vectors.h"

static ObCrypto *
new_crypto (void)
{
  ObCryptoKey key;

  ob_crypto_random (&key, sizeof key);
  return ob_crypto_new (&key);
}

static ObCrypto *
new_restic_crypto (void)
{
  g_autoptr (GBytes) encrypt = core_decode (RESTIC_MASTER_ENCRYPT);
  g_autoptr (GBytes) k = core_decode (RESTIC_MASTER_MAC_K);
  g_autoptr (GBytes) r = core_decode (RESTIC_MASTER_MAC_R);
  ObCryptoKey key;

  memcpy (key.encrypt, g_bytes_get_data (encrypt, NULL), sizeof key.encrypt);
  memcpy (key.mac_k, g_bytes_get_data (k, NULL), sizeof key.mac_k);
  memcpy (key.mac_r, g_bytes_get_data (r, NULL), sizeof key.mac_r);
  return ob_crypto_new (&key);
}

static void
assert_restic_pack (guint file, ObBlobType type, const char *blob, guint length,
                    guint plain_length)
{
  g_autoptr (ObCrypto) crypto = new_restic_crypto ();
  g_autoptr (GBytes) pack = core_decode (restic_files[file].base64);
  g_autoptr (GArray) entries = NULL;
  g_autoptr (GError) error = NULL;
  gsize size;
  const guint8 *data = g_bytes_get_data (pack, &size);
  const ObPackEntry *entry;
  char hex[OB_ID_HEX_SIZE];

  entries = ob_pack_parse_header (crypto, data + length, size - length - 4, size, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (entries->len, ==, 1);
  entry = &g_array_index (entries, ObPackEntry, 0);
  ob_id_to_hex (&entry->id, hex);
  g_assert_cmpstr (hex, ==, blob);
  g_assert_cmpint (entry->type, ==, type);
  g_assert_cmpuint (entry->offset, ==, 0);
  g_assert_cmpuint (entry->length, ==, length);
  g_assert_cmpuint (entry->plain_length, ==, plain_length);
}

static void
test_restic_packs (void)
{
  assert_restic_pack (RESTIC_FILE_DATA_PACK, OB_BLOB_DATA, RESTIC_DATA_BLOB, RESTIC_DATA_LENGTH, 6);
  assert_restic_pack (RESTIC_FILE_TREE_PACK, OB_BLOB_TREE, RESTIC_TREE_BLOB, RESTIC_TREE_LENGTH,
                      RESTIC_TREE_PLAIN_LENGTH);
}

/* A plausible pack of @n blobs; the bytes that they take in @size. */
static GArray *
make_entries (guint n, guint64 *size)
{
  GArray *entries = g_array_new (FALSE, FALSE, sizeof (ObPackEntry));

  *size = 0;
  for (guint i = 0; i < n; i++)
    {
      ObPackEntry entry = { .type = i % 3 == 0 ? OB_BLOB_TREE : OB_BLOB_DATA,
                            .offset = (guint32) *size,
                            .length = 40 + i,
                            .plain_length = i % 2 == 0 ? 0 : 100 + i };

      ob_id_of (&i, sizeof i, &entry.id);
      g_array_append_val (entries, entry);
      *size += entry.length;
    }
  return entries;
}

static void
test_round_trip (void)
{
  g_autoptr (ObCrypto) crypto = new_crypto ();
  g_autoptr (GError) error = NULL;
  guint64 size;
  g_autoptr (GArray) entries = make_entries (100, &size);
  g_autoptr (GByteArray) header = ob_pack_build_header (crypto, entries);
  g_autoptr (GArray) back = NULL;
  gsize expected = OB_CRYPTO_OVERHEAD + 4;

  for (guint i = 0; i < entries->len; i++)
    expected += ob_pack_get_entry_size (g_array_index (entries, ObPackEntry, i).plain_length);
  g_assert_cmpuint (header->len, ==, expected);
  /* its length without these four bytes, little endian */
  g_assert_cmpuint (header->data[expected - 4] | header->data[expected - 3] << 8, ==, expected - 4);
  g_assert_cmpuint (header->data[expected - 2] | header->data[expected - 1] << 8, ==, 0);

  back = ob_pack_parse_header (crypto, header->data, header->len - 4, size + header->len, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (back->len, ==, entries->len);
  for (guint i = 0; i < back->len; i++)
    {
      const ObPackEntry *a = &g_array_index (entries, ObPackEntry, i);
      const ObPackEntry *b = &g_array_index (back, ObPackEntry, i);

      g_assert_true (a->type == b->type && ob_id_equal (&a->id, &b->id) && a->offset == b->offset
                     && a->length == b->length && a->plain_length == b->plain_length);
    }
}

static void
assert_corrupt (ObCrypto *crypto, const guint8 *sealed, gsize size, guint64 pack_size)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (ob_pack_parse_header (crypto, sealed, size, pack_size, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
}

static void
test_bounds (void)
{
  g_autoptr (ObCrypto) crypto = new_crypto ();
  guint64 size;
  g_autoptr (GArray) entries = make_entries (3, &size);
  g_autoptr (GByteArray) header = ob_pack_build_header (crypto, entries);
  g_autoptr (GArray) none = g_array_new (FALSE, FALSE, sizeof (ObPackEntry));
  g_autoptr (GByteArray) empty = ob_pack_build_header (crypto, none);
  g_autofree guint8 *large = g_malloc0 (16 * 1024 * 1024 + 1);

  assert_corrupt (crypto, header->data, header->len - 4, size + header->len - 1);
  assert_corrupt (crypto, header->data, header->len - 4, size + header->len + 1);
  assert_corrupt (crypto, header->data, header->len - 4, 0);
  assert_corrupt (crypto, header->data, header->len - 5, size + header->len - 1);
  assert_corrupt (crypto, header->data, 0, 4);
  assert_corrupt (crypto, header->data, 31, 35);
  assert_corrupt (crypto, empty->data, empty->len - 4, empty->len);
  assert_corrupt (crypto, large, 16 * 1024 * 1024 + 1, 32 * 1024 * 1024);
  header->data[20] ^= 1;
  assert_corrupt (crypto, header->data, header->len - 4, size + header->len);
}

/* Seals a damaged header again, so that the parser behind the MAC sees it. */
static void
test_mutations (void)
{
  g_autoptr (ObCrypto) crypto = new_crypto ();
  guint64 size;
  g_autoptr (GArray) entries = make_entries (6, &size);
  g_autoptr (GByteArray) header = ob_pack_build_header (crypto, entries);
  g_autofree guint8 *plain = g_malloc (header->len);
  gsize plain_size = header->len - 4 - OB_CRYPTO_OVERHEAD;

  g_assert_true (ob_crypto_open (crypto, header->data, header->len - 4, plain));
  for (guint i = 0; i < 50000; i++)
    {
      g_autoptr (GBytes) mutated = core_mutate (plain, plain_size);
      g_autoptr (GArray) back = NULL;
      g_autoptr (GError) error = NULL;
      gsize n = g_bytes_get_size (mutated);
      g_autofree guint8 *sealed = g_malloc (n + OB_CRYPTO_OVERHEAD);
      guint64 pack_size = size + n + OB_CRYPTO_OVERHEAD + 4, offset = 0;

      ob_crypto_seal (crypto, g_bytes_get_data (mutated, NULL), n, sealed);
      back = ob_pack_parse_header (crypto, sealed, n + OB_CRYPTO_OVERHEAD, pack_size, &error);
      g_assert_true ((back == NULL) == (error != NULL));
      for (guint j = 0; back != NULL && j < back->len; j++)
        {
          const ObPackEntry *entry = &g_array_index (back, ObPackEntry, j);

          g_assert_cmpuint (entry->offset, ==, offset);
          offset += entry->length;
        }
      if (back != NULL)
        g_assert_cmpuint (offset, ==, size);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pack/restic-packs", test_restic_packs);
  g_test_add_func ("/pack/round-trip", test_round_trip);
  g_test_add_func ("/pack/bounds", test_bounds);
  g_test_add_func ("/pack/mutations", test_mutations);
  return g_test_run ();
}
