/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-key.h"

#include <string.h>

#include "cheap-key.h"
#include "core-fixture.h"
#include "ob-error.h"
#include "restic-vectors.h"

static void
assert_is (const guint8 *actual, gsize size, const char *base64)
{
  g_autofree char *text = g_base64_encode (actual, size);

  g_assert_cmpstr (text, ==, base64);
}

static void
test_restic_key (void)
{
  g_autoptr (GBytes) file = core_decode (restic_files[RESTIC_FILE_KEY].base64);
  g_autoptr (GError) error = NULL;
  ObCryptoKey master;

  g_assert_true (ob_key_file_open (g_bytes_get_data (file, NULL), g_bytes_get_size (file),
                                   RESTIC_PASSPHRASE, &master, &error));
  g_assert_no_error (error);
  assert_is (master.mac_k, sizeof master.mac_k, RESTIC_MASTER_MAC_K);
  assert_is (master.mac_r, sizeof master.mac_r, RESTIC_MASTER_MAC_R);
  assert_is (master.encrypt, sizeof master.encrypt, RESTIC_MASTER_ENCRYPT);
}

static void
test_independent_key (void)
{
  g_autoptr (GError) error = NULL;
  ObCryptoKey master;

  g_assert_true (ob_key_file_open (CHEAP_KEY, strlen (CHEAP_KEY), "cheap", &master, &error));
  g_assert_no_error (error);
  for (guint8 i = 0; i < 32; i++)
    g_assert_cmpuint (master.encrypt[i], ==, i);
  for (guint8 i = 0; i < 16; i++)
    g_assert_cmpuint (master.mac_k[i], ==, i + 1);
  /* 16 times 0x11, masked */
  assert_is (master.mac_r, sizeof master.mac_r, "ERERARAREQEQEREBEBERAQ==");
}

static void
test_build (void)
{
  ObCryptoKey master, back;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  ob_key_generate (&master);
  text = ob_key_file_build (&master, "grün", &error);
  g_assert_no_error (error);
  g_assert_nonnull (strstr (text, "\"kdf\":\"scrypt\",\"N\":32768,\"r\":8,\"p\":4,"));

  g_assert_true (ob_key_file_open (text, strlen (text), "grün", &back, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (&back, sizeof back, &master, sizeof master);

  g_assert_false (ob_key_file_open (text, strlen (text), "grun", &back, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_WRONG_PASSPHRASE);
}

static void
test_empty_passphrase (void)
{
  ObCryptoKey master, back;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  ob_key_generate (&master);
  text = ob_key_file_build (&master, "", &error);
  g_assert_no_error (error);
  g_assert_true (ob_key_file_open (text, strlen (text), "", &back, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (&back, sizeof back, &master, sizeof master);
}

typedef struct
{
  const char *from, *to;
  int code;
} Change;

/* What must not be tried, and what must not be taken for a wrong passphrase. */
static void
test_bounds (void)
{
  static const Change changes[] = {
    { "\"N\":16", "\"N\":0", OB_ERROR_CORRUPT },
    { "\"N\":16", "\"N\":1", OB_ERROR_CORRUPT },
    { "\"N\":16", "\"N\":24", OB_ERROR_CORRUPT },
    { "\"N\":16", "\"N\":-16", OB_ERROR_CORRUPT },
    { "\"N\":16", "\"N\":16.0", OB_ERROR_CORRUPT },
    { "\"N\":16", "\"N\":99999999999999999999", OB_ERROR_CORRUPT },
    { "\"N\":16", "\"M\":16", OB_ERROR_CORRUPT },
    { "\"r\":1", "\"r\":0", OB_ERROR_CORRUPT },
    { "\"p\":1", "\"p\":0", OB_ERROR_CORRUPT },
    { "\"p\":1", "\"p\":70000", OB_ERROR_CORRUPT },
    { "\"N\":16", "\"N\":2147483648", OB_ERROR_NOT_SUPPORTED },
    { "\"N\":16,\"r\":1", "\"N\":1048576,\"r\":8", OB_ERROR_NOT_SUPPORTED },
    { "\"N\":16,\"r\":1,\"p\":1", "\"N\":524288,\"r\":8,\"p\":17", OB_ERROR_NOT_SUPPORTED },
    { "\"r\":1,\"p\":1", "\"r\":65535,\"p\":65535", OB_ERROR_NOT_SUPPORTED },
    { "scrypt", "argon2", OB_ERROR_NOT_SUPPORTED },
    { "\"kdf\":\"scrypt\",", "", OB_ERROR_NOT_SUPPORTED },
    { "\"salt\"", "\"pepper\"", OB_ERROR_CORRUPT },
    { "\"data\":\"", "\"data\":\"A", OB_ERROR_CORRUPT },
    { CHEAP_DATA, "AAAA", OB_ERROR_CORRUPT },
    { CHEAP_DATA, "", OB_ERROR_CORRUPT },
    { "}", "", OB_ERROR_CORRUPT },
    { "}", "}}", OB_ERROR_CORRUPT },
    { "\"N\":16", "\"N\":32", OB_ERROR_WRONG_PASSPHRASE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      g_autoptr (GString) text = g_string_new (CHEAP_KEY);
      g_autoptr (GError) error = NULL;
      ObCryptoKey master;

      g_assert_cmpuint (g_string_replace (text, changes[i].from, changes[i].to, 1), ==, 1);
      g_assert_false (ob_key_file_open (text->str, text->len, "cheap", &master, &error));
      g_assert_error (error, OB_ERROR, changes[i].code);
    }
}

/* What scrypt makes of "cheap" here, computed by Python's hashlib.scrypt. */
static const ObCryptoKey cheap_user_key = {
  .encrypt = { 0x8f, 0x13, 0x99, 0x80, 0x2a, 0x93, 0xa2, 0xc6, 0x2f, 0xa9, 0xdf,
               0x1e, 0x4c, 0x27, 0x51, 0x0c, 0xdd, 0xda, 0x9d, 0x12, 0xf6, 0xe2,
               0xd3, 0x93, 0x09, 0x7d, 0x06, 0x7e, 0x45, 0xb3, 0x45, 0x9f },
  .mac_k = { 0x1c, 0x27, 0x50, 0xf8, 0xe9, 0x7d, 0x16, 0xcd, 0xb0, 0x26, 0xbd, 0xa6, 0xc7, 0x1a,
             0x10, 0xa9 },
  .mac_r = { 0x90, 0x23, 0x7e, 0xde, 0x0d, 0x5b, 0xd6, 0xfc, 0x7c, 0xdb, 0x16, 0x39, 0x1d, 0xa3,
             0x77, 0x25 },
};

/* Opens a key file that holds @content in place of the master key. */
static gboolean
open_content (const char *content, GError **error)
{
  g_autoptr (ObCrypto) crypto = NULL;
  g_autofree char *data = NULL;
  g_autofree char *text = NULL;
  ObCryptoKey user = cheap_user_key, master;
  guint8 sealed[512];

  for (int i = 3; i < 16; i += 4)
    user.mac_r[i] &= 15;
  for (int i = 4; i < 16; i += 4)
    user.mac_r[i] &= 252;

  g_assert_cmpuint (strlen (content) + OB_CRYPTO_OVERHEAD, <=, sizeof sealed);
  crypto = ob_crypto_new (&user);
  ob_crypto_seal (crypto, (const guint8 *) content, strlen (content), sealed);
  data = g_base64_encode (sealed, strlen (content) + OB_CRYPTO_OVERHEAD);
  text = g_strconcat ("{\"kdf\":\"scrypt\",\"N\":16,\"r\":1,\"p\":1,\"salt\":\"" CHEAP_SALT
                      "\",\"data\":\"",
                      data, "\"}", NULL);
  return ob_key_file_open (text, strlen (text), "cheap", &master, error);
}

#define ZERO_16 "AAAAAAAAAAAAAAAAAAAAAA=="
#define ONES_16 "AQEBAQEBAQEBAQEBAQEBAQ=="
#define ZERO_32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define ONES_32 "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

/* A file that opens and holds no key. */
static void
test_content (void)
{
  static const char *const broken[] = {
    "",
    "{}",
    "null",
    "{\"mac\":null,\"encrypt\":\"" ONES_32 "\"}",
    "{\"mac\":{\"k\":\"" ONES_16 "\"},\"encrypt\":\"" ONES_32 "\"}",
    "{\"mac\":{\"k\":\"" ONES_16 "\",\"r\":\"" ONES_16 "\"}}",
    "{\"mac\":{\"k\":\"" ONES_16 "\",\"r\":\"" ONES_16 "\"},\"encrypt\":\"" ONES_16 "\"}",
    "{\"mac\":{\"k\":\"" ONES_32 "\",\"r\":\"" ONES_16 "\"},\"encrypt\":\"" ONES_32 "\"}",
    "{\"mac\":{\"k\":\"" ZERO_16 "\",\"r\":\"" ONES_16 "\"},\"encrypt\":\"" ONES_32 "\"}",
    "{\"mac\":{\"k\":\"" ONES_16 "\",\"r\":\"" ZERO_16 "\"},\"encrypt\":\"" ONES_32 "\"}",
    "{\"mac\":{\"k\":\"" ONES_16 "\",\"r\":\"" ONES_16 "\"},\"encrypt\":\"" ZERO_32 "\"}",
  };
  g_autoptr (GError) sound_error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (broken); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (open_content (broken[i], &error));
      g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
    }

  open_content ("{\"mac\":{\"k\":\"" ONES_16 "\",\"r\":\"" ONES_16 "\"},"
                "\"encrypt\":\"" ONES_32 "\"}",
                &sound_error);
  g_assert_no_error (sound_error);
}

static void
test_mutations (void)
{
  for (guint i = 0; i < 20000; i++)
    {
      g_autoptr (GBytes) text = core_mutate (CHEAP_KEY, strlen (CHEAP_KEY));
      g_autoptr (GError) error = NULL;
      ObCryptoKey master;
      gboolean opened = ob_key_file_open (g_bytes_get_data (text, NULL), g_bytes_get_size (text),
                                          "cheap", &master, &error);

      g_assert_true (opened == (error == NULL));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/key/restic-key", test_restic_key);
  g_test_add_func ("/key/independent-key", test_independent_key);
  g_test_add_func ("/key/build", test_build);
  g_test_add_func ("/key/empty-passphrase", test_empty_passphrase);
  g_test_add_func ("/key/bounds", test_bounds);
  g_test_add_func ("/key/content", test_content);
  g_test_add_func ("/key/mutations", test_mutations);
  return g_test_run ();
}
