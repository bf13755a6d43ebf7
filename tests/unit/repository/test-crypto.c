/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-crypto.h"

#include <string.h>

#include "ob-id.h"

static gsize
from_hex (const char *hex, guint8 *data)
{
  gsize size = strlen (hex) / 2;

  for (gsize i = 0; i < size; i++)
    data[i]
      = (guint8) (g_ascii_xdigit_value (hex[2 * i]) << 4 | g_ascii_xdigit_value (hex[2 * i + 1]));
  return size;
}

typedef struct
{
  const char *message, *r, *k, *nonce, *mac;
} MacVector;

/* "The Poly1305-AES message-authentication code", appendix B: the message stands for the
 * ciphertext, so only the MAC is looked at. */
static void
test_mac_vectors (void)
{
  static const MacVector vectors[] = {
    { "f3f6", "851fc40c3467ac0be05cc20404f3f700", "ec074c835580741701425b623235add6",
      "fb447350c4e868c52ac3275cf9d4327e", "f4c633c3044fc145f84f335cb81953de" },
    { "", "a0f3080000f46400d0c7e9076c834403", "75deaa25c09f208e1dc4ce6b5cad3fbf",
      "61ee09218d29b0aaed7e154a2c5509cc", "dd3fab2251f11ac759f0887129cc2ee7" },
    { "663cea190ffb83d89593f3f476b6bc24d7e679107ea26adb8caf6652d0656136",
      "48443d0bb0d21109c89a100b5ce2c208", "6acb5f61a7176dd320c5c1eb2edcdc74",
      "ae212a55399729595dea458bc621ff0e", "0ee1c16bb73f0f4fd19881753c01cdbe" },
    { "ab0812724a7f1e342742cbed374d94d136c6b8795d45b3819830f2c04491faf0990c62e48b8018b2c3e4a0fa3134"
      "cb67fa83e158c994d961c4cb21095c1bf9",
      "12976a08c4426d0ce8a82407c4f48207", "e1a5668a4d5b66a5f68cc5424ed5982d",
      "9ae831e743978d3a23527c7128149e3a", "5154ad0d2cb26e01274fc51148491f1b" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      ObCryptoKey key = { 0 };
      g_autoptr (ObCrypto) crypto = NULL;
      guint8 sealed[128], plain[128];
      gsize size;

      from_hex (vectors[i].k, key.mac_k);
      from_hex (vectors[i].r, key.mac_r);
      size = from_hex (vectors[i].nonce, sealed);
      size += from_hex (vectors[i].message, sealed + size);
      size += from_hex (vectors[i].mac, sealed + size);

      crypto = ob_crypto_new (&key);
      g_assert_true (ob_crypto_open (crypto, sealed, size, plain));
    }
}

/* restic's own test value. */
static void
test_known_text (void)
{
  static const char text[] = "Dies ist ein Test!";
  ObCryptoKey key;
  g_autoptr (ObCrypto) crypto = NULL;
  guint8 sealed[128], plain[128];
  gsize size;

  from_hex ("303e8687b1d7db18421bdc6bb8588ccadac4d59ee87b8ff70c44e635790cafef", key.encrypt);
  from_hex ("ef4d8824cb80b2bcc5fbff8a9b12a42c", key.mac_k);
  from_hex ("cc8d4b948ee0ebfe1d415de921d10353", key.mac_r);
  size = from_hex ("69fb41c62d12def4593bd71757138606338f621aeaeb39da0fe4f99233f8037a54ea63338a813bc"
                   "f3f75d8c3cc75dddf8750",
                   sealed);

  crypto = ob_crypto_new (&key);
  g_assert_true (ob_crypto_open (crypto, sealed, size, plain));
  g_assert_cmpmem (plain, size - OB_CRYPTO_OVERHEAD, text, strlen (text));
}

static void
random_key (ObCryptoKey *key)
{
  ob_crypto_random (key, sizeof *key);
}

static void
test_round_trip (void)
{
  static const gsize sizes[] = { 0, 1, 15, 16, 17, 31, 4096, (1 << 20) + 3 };
  ObCryptoKey key;
  g_autoptr (ObCrypto) crypto = NULL;

  random_key (&key);
  crypto = ob_crypto_new (&key);
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      gsize size = sizes[i];
      g_autofree guint8 *text = g_malloc (size + 1);
      g_autofree guint8 *sealed = g_malloc (size + OB_CRYPTO_OVERHEAD);
      g_autofree guint8 *back = g_malloc (size + 1);

      ob_crypto_random (text, size);
      ob_crypto_seal (crypto, text, size, sealed);
      g_assert_true (ob_crypto_open (crypto, sealed, size + OB_CRYPTO_OVERHEAD, back));
      g_assert_cmpmem (back, size, text, size);

      /* in place, both ways */
      memcpy (sealed + 16, text, size);
      ob_crypto_seal (crypto, sealed + 16, size, sealed);
      g_assert_true (size < 16 || memcmp (sealed + 16, text, size) != 0);
      g_assert_true (ob_crypto_open (crypto, sealed, size + OB_CRYPTO_OVERHEAD, sealed + 16));
      g_assert_cmpmem (sealed + 16, size, text, size);
    }
}

static void
test_nonces_differ (void)
{
  ObCryptoKey key;
  g_autoptr (ObCrypto) crypto = NULL;
  guint8 first[OB_CRYPTO_OVERHEAD + 4], second[OB_CRYPTO_OVERHEAD + 4];

  random_key (&key);
  crypto = ob_crypto_new (&key);
  ob_crypto_seal (crypto, (const guint8 *) "text", 4, first);
  ob_crypto_seal (crypto, (const guint8 *) "text", 4, second);
  g_assert_true (memcmp (first, second, 16) != 0);
  g_assert_true (memcmp (first + 16, second + 16, 4) != 0);
}

static void
test_tampering (void)
{
  ObCryptoKey key, other_key;
  g_autoptr (ObCrypto) crypto = NULL;
  g_autoptr (ObCrypto) other = NULL;
  guint8 sealed[OB_CRYPTO_OVERHEAD + 5], plain[64];

  random_key (&key);
  random_key (&other_key);
  crypto = ob_crypto_new (&key);
  other = ob_crypto_new (&other_key);
  ob_crypto_seal (crypto, (const guint8 *) "hello", 5, sealed);

  for (gsize i = 0; i < 8 * sizeof sealed; i++)
    {
      sealed[i / 8] ^= (guint8) (1 << i % 8);
      g_assert_false (ob_crypto_open (crypto, sealed, sizeof sealed, plain));
      sealed[i / 8] ^= (guint8) (1 << i % 8);
    }
  for (gsize size = 0; size < sizeof sealed; size++)
    g_assert_false (ob_crypto_open (crypto, sealed, size, plain));
  g_assert_false (ob_crypto_open (other, sealed, sizeof sealed, plain));
  g_assert_true (ob_crypto_open (crypto, sealed, sizeof sealed, plain));
}

static void
test_id (void)
{
  static const char hex_of_nothing[]
    = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  char hex[OB_ID_HEX_SIZE];
  ObId id, back;

  ob_id_of ("", 0, &id);
  ob_id_to_hex (&id, hex);
  g_assert_cmpstr (hex, ==, hex_of_nothing);
  g_assert_true (ob_id_from_hex (hex, &back));
  g_assert_true (ob_id_equal (&id, &back));
  g_assert_cmpuint (ob_id_hash (&id), ==, ob_id_hash (&back));

  ob_id_of ("a", 1, &back);
  g_assert_false (ob_id_equal (&id, &back));
  g_assert_false (ob_id_equal_func (&id, &back));

  for (gsize i = 0; i < 64; i++)
    {
      char broken[OB_ID_HEX_SIZE];

      memcpy (broken, hex, sizeof hex);
      broken[i] = 'g';
      g_assert_false (ob_id_from_hex (broken, &back));
      broken[i] = '\0';
      g_assert_false (ob_id_from_hex (broken, &back));
    }
  g_assert_false (
    ob_id_from_hex ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8550", &back));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/crypto/mac-vectors", test_mac_vectors);
  g_test_add_func ("/crypto/known-text", test_known_text);
  g_test_add_func ("/crypto/round-trip", test_round_trip);
  g_test_add_func ("/crypto/nonces-differ", test_nonces_differ);
  g_test_add_func ("/crypto/tampering", test_tampering);
  g_test_add_func ("/crypto/id", test_id);
  return g_test_run ();
}
