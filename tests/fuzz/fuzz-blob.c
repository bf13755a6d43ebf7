/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A blob of a pack: four bytes that say how large the index calls it, 0 for uncompressed, then what
 * its seal holds. */
#include "ob-blob-reader.h"

#include <string.h>

#include "driver.h"
#include "fuzz-directory.h"
#include "ob-crypto.h"
#include "ob-error.h"
#include "ob-local-store.h"

#define MAX_PLAIN (1024 * 1024)

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("\0\0\0\0hello"),
  /* {"version":2} */
  OB_FUZZ_SEED ("\x0d\0\0\0\x28\xb5\x2f\xfd\x20\x0d\x69\x00\x00{\"version\":2}"),
  OB_FUZZ_SEED ("\x0d\0\0\0\x28\xb5\x2f\xfd\x00\x58\x69\x00\x00{\"version\":2}"),
  OB_FUZZ_SEED ("\0\0\x01\0\x28\xb5\x2f\xfd\xa0\x00\x00\x01\x00\x03\x00\x08\x00"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

/* One for the whole program. */
static ObRepository *
get_repository (void)
{
  static ObRepository *repository;
  g_autoptr (GError) error = NULL;
  g_autoptr (ObStore) store = NULL;

  if (repository != NULL)
    return repository;
  store = ob_local_store_new (fuzz_directory_get_path (), FALSE, &error);
  g_assert_no_error (error);
  repository = ob_repository_create (store, "passphrase", NULL, &error);
  g_assert_no_error (error);
  return repository;
}

/* The blob under this name: only what has its SHA-256 comes out. */
static void
open_as (ObBlobReader *reader, const ObId *id, const ObBlobLocation *location, const guint8 *sealed)
{
  g_autofree guint8 *copy = g_memdup2 (sealed, location->length);
  g_autoptr (GError) error = NULL;
  gsize size = 0;
  const guint8 *plain = ob_blob_reader_open (reader, id, location, copy, &size, &error);
  ObId actual;

  g_assert_true ((plain == NULL) == (error != NULL));
  if (plain == NULL)
    {
      g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
      return;
    }
  g_assert_cmpuint (size, ==, ob_blob_location_get_plain_size (location));
  ob_id_of (plain, size, &actual);
  g_assert_true (ob_id_equal (&actual, id));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (get_repository ());
  g_autoptr (ObCrypto) crypto = ob_crypto_new (ob_repository_get_key (get_repository ()));
  g_autofree guint8 *sealed = g_malloc (size + OB_CRYPTO_OVERHEAD);
  ObBlobLocation location = { 0 };
  guint32 plain_length = 0;
  ObId id;

  if (size < sizeof plain_length)
    return 0;
  memcpy (&plain_length, data, sizeof plain_length);
  data += sizeof plain_length;
  size -= sizeof plain_length;
  location.length = (guint32) size + OB_CRYPTO_OVERHEAD;
  location.plain_length = GUINT32_FROM_LE (plain_length) % (MAX_PLAIN + 1);
  ob_crypto_seal (crypto, data, size, sealed);
  ob_id_of (data, size, &id);
  open_as (reader, &id, &location, sealed);

  sealed[size / 2] ^= 1;
  open_as (reader, &id, &location, sealed);
  return 0;
}
