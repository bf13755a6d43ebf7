/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Key files, and the master key that is sealed in one. */
#include "ob-key.h"

#include <openssl/evp.h>
#include <string.h>

#include "driver.h"
#include "ob-json-reader.h"

#define PASSPHRASE "correct horse"
#define SALT "salt"
#define CHEAP 4096 /* N times r times p */

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("{\"created\":\"2026-11-25T05:15:11.05778Z\",\"username\":\"root\",\"hostname\":"
                "\"vm\",\"kdf\":\"scrypt\",\"N\":16,\"r\":1,\"p\":1,\"salt\":\"AAECAwQFBgcICQoLDA"
                "0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==\",\"data"
                "\":\"/jKb2r9wb/86zuV3JCVUXDI+6Y96K+MNrCh2zKgnzJB2ycEvifqN/PPeTb3ajvm+hkmR/RJ7OYP"
                "e6lE4h0MMsIFAsWpJmHq+fLzoHbtUyUFpIk0n8MwMAW4u4y+DuBTLlTOuywCTe+KIQKkhIYfhA7+iSY2"
                "wbQCiRzQTMQYMynBxFIPdRA0zXIaYcmQag/9JSa6r1IzrTSWP7uqv9HXyZjmw==\"}"),
  OB_FUZZ_SEED ("{\"mac\":{\"k\":\"Gxpx/p//X3pRc331NkGgkw==\",\"r\":\"K+ZmD+iQzgJgOvQHrLKiBQ==\"}"
                ",\"encrypt\":\"LLpf990G73+zMM/kVawGg5Q8uIZOSkrPF+kkySni9as=\"}"),
  OB_FUZZ_SEED ("{\"kdf\":\"scrypt\",\"N\":2,\"r\":1,\"p\":1,\"salt\":\"AA==\",\"data\":\"AAAAAAA"
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)


/* Whether trying a passphrase takes no time to speak of. */
static gboolean
is_cheap (const void *data, gsize size)
{
  ObJsonReader reader = { 0 };
  ObJsonSlice name = { 0 };
  guint64 cost = 1;

  ob_json_reader_init (&reader, data, size);
  ob_json_reader_begin_object (&reader);
  while (ob_json_reader_next_member (&reader, &name))
    {
      guint64 number = 1;

      if (name.size != 1 || strchr ("Nrp", *name.data) == NULL)
        ob_json_reader_skip (&reader);
      else if (ob_json_reader_read_uint (&reader, CHEAP, &number))
        cost = MIN (cost * MAX (number, 1), CHEAP);
    }
  return cost < CHEAP;
}

static void
open_file (const void *text, gsize size)
{
  static const guint8 zero[16];
  ObCryptoKey master = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean opened = ob_key_file_open (text, size, PASSPHRASE, &master, &error);

  g_assert_true (opened == (error == NULL));
  if (opened)
    {
      g_assert_true (memcmp (master.mac_k, zero, sizeof zero) != 0);
      g_assert_true (memcmp (master.mac_r, zero, sizeof zero) != 0);
    }
}

/* The text of a key file whose master key is said by @data. Transfer full. */
static char *
seal (const guint8 *data, gsize size)
{
  guint8 derived[64];
  ObCryptoKey user = { 0 };
  g_autoptr (ObCrypto) crypto = NULL;
  g_autofree guint8 *sealed = g_malloc (size + OB_CRYPTO_OVERHEAD);
  g_autofree char *base64 = NULL;
  g_autofree char *salt = g_base64_encode ((const guint8 *) SALT, strlen (SALT));

  g_assert_cmpint (EVP_PBE_scrypt (PASSPHRASE, strlen (PASSPHRASE), (const guint8 *) SALT,
                                   strlen (SALT), 2, 1, 1, 0, derived, sizeof derived),
                   ==, 1);
  memcpy (user.encrypt, derived, 32);
  memcpy (user.mac_k, derived + 32, 16);
  memcpy (user.mac_r, derived + 48, 16);
  for (int i = 0; i < 16; i++)
    user.mac_r[i] &= i % 4 == 3 ? 15 : i % 4 == 0 && i > 0 ? 252 : 255;
  crypto = ob_crypto_new (&user);
  ob_crypto_seal (crypto, data, size, sealed);
  base64 = g_base64_encode (sealed, size + OB_CRYPTO_OVERHEAD);
  return g_strdup_printf (
    "{\"kdf\":\"scrypt\",\"N\":2,\"r\":1,\"p\":1,\"salt\":\"%s\",\"data\":\"%s\"}", salt, base64);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *file = NULL;

  if (is_cheap (data, size))
    open_file (data, size);
  file = seal (data, size);
  open_file (file, strlen (file));
  return 0;
}
