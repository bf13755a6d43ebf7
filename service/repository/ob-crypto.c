/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "ob-secret.h"

#define IV_SIZE 16
#define MAC_SIZE 16
#define POLY1305_KEY_SIZE 32

G_STATIC_ASSERT (IV_SIZE + MAC_SIZE == OB_CRYPTO_OVERHEAD);

struct _ObCrypto
{
  guint8 mac_r[16];
  EVP_CIPHER_CTX *cipher;       /* AES-256-CTR with the key set */
  EVP_CIPHER_CTX *nonce_cipher; /* AES-128-ECB with the MAC's k set */
  EVP_MAC_CTX *mac;             /* Poly1305, a new key for each message */
};

/* What fails in here fails for want of memory or of an algorithm that libcrypto always has: nothing
 * that a caller could handle. */
static void
require (int ok, const char *what)
{
  if (ok != 1)
    g_error ("libcrypto cannot %s.", what);
}

static EVP_CIPHER_CTX *
new_cipher (const EVP_CIPHER *type, const guint8 *key)
{
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new ();

  require (ctx != NULL && EVP_EncryptInit_ex2 (ctx, type, key, NULL, NULL), "set up AES");
  EVP_CIPHER_CTX_set_padding (ctx, 0);
  return ctx;
}

ObCrypto *
ob_crypto_new (const ObCryptoKey *key)
{
  ObCrypto *self = g_new0 (ObCrypto, 1);
  EVP_MAC *poly1305 = EVP_MAC_fetch (NULL, "POLY1305", NULL);

  require (poly1305 != NULL, "provide Poly1305");
  self->mac = EVP_MAC_CTX_new (poly1305);
  require (self->mac != NULL, "set up Poly1305");
  EVP_MAC_free (poly1305);

  memcpy (self->mac_r, key->mac_r, sizeof self->mac_r);
  self->cipher = new_cipher (EVP_aes_256_ctr (), key->encrypt);
  self->nonce_cipher = new_cipher (EVP_aes_128_ecb (), key->mac_k);

  return self;
}

void
ob_crypto_free (ObCrypto *self)
{
  if (self == NULL)
    return;

  /* libcrypto wipes the key schedules in its contexts itself. */
  EVP_CIPHER_CTX_free (self->cipher);
  EVP_CIPHER_CTX_free (self->nonce_cipher);
  EVP_MAC_CTX_free (self->mac);
  ob_secret_wipe (self, sizeof *self);
  g_free (self);
}

static void
run_cipher (ObCrypto *self, const guint8 *iv, const guint8 *in, gsize size, guint8 *out)
{
  require (EVP_EncryptInit_ex2 (self->cipher, NULL, NULL, iv, NULL), "set an IV");

  /* Counter mode: enciphering and deciphering are the same. Lengths are an int there. */
  while (size > 0)
    {
      int part = (int) MIN (size, 1u << 30);
      int written = 0;

      require (EVP_EncryptUpdate (self->cipher, out, &written, in, part), "run AES");
      in += part;
      out += part;
      size -= (gsize) part;
    }
}

static void
compute_mac (ObCrypto *self, const guint8 *iv, const guint8 *data, gsize size, guint8 *mac)
{
  guint8 key[POLY1305_KEY_SIZE];
  int written = 0;
  gsize mac_size = 0;

  /* r, and the enciphered nonce. */
  memcpy (key, self->mac_r, sizeof self->mac_r);
  require (EVP_EncryptUpdate (self->nonce_cipher, key + 16, &written, iv, IV_SIZE), "run AES");
  require (EVP_MAC_init (self->mac, key, sizeof key, NULL), "set a key of Poly1305");
  require (EVP_MAC_update (self->mac, data, size), "run Poly1305");
  require (EVP_MAC_final (self->mac, mac, &mac_size, MAC_SIZE), "end Poly1305");
  ob_secret_wipe (key, sizeof key);
}

void
ob_crypto_seal (ObCrypto *self, const guint8 *in, gsize size, guint8 *out)
{
  guint8 *ciphertext = out + IV_SIZE;

  ob_crypto_random (out, IV_SIZE);
  run_cipher (self, out, in, size, ciphertext);
  compute_mac (self, out, ciphertext, size, ciphertext + size);
}

gboolean
ob_crypto_open (ObCrypto *self, const guint8 *in, gsize size, guint8 *out)
{
  const guint8 *ciphertext = in + IV_SIZE;
  guint8 iv[IV_SIZE];
  guint8 mac[MAC_SIZE];
  gsize plain_size;

  if (size < OB_CRYPTO_OVERHEAD)
    return FALSE;

  plain_size = size - OB_CRYPTO_OVERHEAD;
  compute_mac (self, in, ciphertext, plain_size, mac);
  if (CRYPTO_memcmp (mac, ciphertext + plain_size, MAC_SIZE) != 0)
    return FALSE;

  memcpy (iv, in, sizeof iv);
  run_cipher (self, iv, ciphertext, plain_size, out);
  return TRUE;
}

void
ob_crypto_random (void *data, gsize size)
{
  guint8 *at = data;

  while (size > 0)
    {
      int part = (int) MIN (size, 1u << 20);

      require (RAND_bytes (at, part), "get random bytes");
      at += part;
      size -= (gsize) part;
    }
}
