/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-key.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-host.h"
#include "ob-json-reader.h"
#include "ob-secret.h"
#include "ob-time.h"

#define SALT_SIZE 64
#define MAX_MEMORY (G_GUINT64_CONSTANT (512) << 20)
/* Memory times p: what it costs in time, here some 30 seconds. */
#define MAX_WORK (G_GUINT64_CONSTANT (8) << 30)

/* 32 MiB and a fifth of a second: about what restic settles for. */
#define OUR_N (1u << 15)
#define OUR_R 8
#define OUR_P 4

/* The master key as JSON is some 150 bytes; what is larger is none. */
#define MAX_DATA 1024

typedef struct
{
  guint64 n, r, p;
  guint8 salt[SALT_SIZE];
  gsize salt_size;
  guint8 data[MAX_DATA];
  gsize data_size;
  gboolean is_scrypt;
} KeyFile;

/* The bits that Poly1305 leaves out of r ("The Poly1305-AES message-authentication code", section
 * 2). */
static void
mask_r (guint8 r[16])
{
  for (int i = 3; i < 16; i += 4)
    r[i] &= 15;
  for (int i = 4; i < 16; i += 4)
    r[i] &= 252;
}

void
ob_key_generate (ObCryptoKey *master)
{
  ob_crypto_random (master, sizeof *master);
  mask_r (master->mac_r);
}

/* Derives the key that seals the master key. */
static gboolean
derive (const KeyFile *file, const char *passphrase, ObCryptoKey *user, GError **error)
{
  guint64 n = file->n, r = file->r, p = file->p, max_memory = MAX_MEMORY + (1 << 20);
  guint8 output[64];
  EVP_KDF *kdf = EVP_KDF_fetch (NULL, "SCRYPT", NULL);
  EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new (kdf);
  OSSL_PARAM params[] = {
    OSSL_PARAM_construct_octet_string (OSSL_KDF_PARAM_PASSWORD, (char *) passphrase,
                                       strlen (passphrase)),
    OSSL_PARAM_construct_octet_string (OSSL_KDF_PARAM_SALT, (guint8 *) file->salt,
                                       file->salt_size),
    OSSL_PARAM_construct_uint64 (OSSL_KDF_PARAM_SCRYPT_N, &n),
    OSSL_PARAM_construct_uint64 (OSSL_KDF_PARAM_SCRYPT_R, &r),
    OSSL_PARAM_construct_uint64 (OSSL_KDF_PARAM_SCRYPT_P, &p),
    OSSL_PARAM_construct_uint64 (OSSL_KDF_PARAM_SCRYPT_MAXMEM, &max_memory),
    OSSL_PARAM_construct_end (),
  };
  gboolean done = ctx != NULL && EVP_KDF_derive (ctx, output, sizeof output, params) == 1;

  EVP_KDF_CTX_free (ctx);
  EVP_KDF_free (kdf);
  if (!done)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                   "A key could not be derived from the passphrase: scrypt with "
                   "N=%" G_GUINT64_FORMAT ", r=%" G_GUINT64_FORMAT ", p=%" G_GUINT64_FORMAT
                   " failed, probably for want of memory",
                   n, r, p);
      return FALSE;
    }

  memcpy (user->encrypt, output, 32);
  memcpy (user->mac_k, output + 32, 16);
  memcpy (user->mac_r, output + 48, 16);
  mask_r (user->mac_r);
  ob_secret_wipe (output, sizeof output);
  return TRUE;
}

/* Base64 without copies of the secret left on the heap. */
static void
append_base64 (char *out, const guint8 *data, gsize size)
{
  int state = 0, save = 0;
  gsize written = g_base64_encode_step (data, size, FALSE, out, &state, &save);

  written += g_base64_encode_close (FALSE, out + written, &state, &save);
  out[written] = '\0';
}

/* Seals the JSON text of the master key into file->data. */
static void
seal_master (KeyFile *file, const ObCryptoKey *master, const ObCryptoKey *user)
{
  g_autoptr (ObCrypto) crypto = ob_crypto_new (user);
  char k[32], r[32], encrypt[64], json[256];
  int size;

  append_base64 (k, master->mac_k, sizeof master->mac_k);
  append_base64 (r, master->mac_r, sizeof master->mac_r);
  append_base64 (encrypt, master->encrypt, sizeof master->encrypt);
  size = g_snprintf (json, sizeof json,
                     "{\"mac\":{\"k\":\"%s\",\"r\":\"%s\"},\"encrypt\":\"%s\"}", k, r, encrypt);

  ob_crypto_seal (crypto, (const guint8 *) json, (gsize) size, file->data);
  file->data_size = (gsize) size + OB_CRYPTO_OVERHEAD;
  ob_secret_wipe (k, sizeof k);
  ob_secret_wipe (r, sizeof r);
  ob_secret_wipe (encrypt, sizeof encrypt);
  ob_secret_wipe (json, sizeof json);
}

static char *
key_file_to_json (const KeyFile *file)
{
  g_autoptr (GString) text = g_string_new ("{\"created\":");
  g_autofree char *salt = g_base64_encode (file->salt, file->salt_size);
  g_autofree char *data = g_base64_encode (file->data, file->data_size);
  g_autofree char *hostname = ob_host_get_name ();
  g_autofree char *username = ob_host_get_user_name ();
  g_autofree char *created = NULL;
  struct timespec now;

  clock_gettime (CLOCK_REALTIME, &now);
  created = ob_time_format (&now);

  ob_json_append_string (text, created);
  g_string_append (text, ",\"username\":");
  ob_json_append_string (text, username);
  g_string_append (text, ",\"hostname\":");
  ob_json_append_string (text, hostname);
  g_string_append_printf (text,
                          ",\"kdf\":\"scrypt\",\"N\":%" G_GUINT64_FORMAT ",\"r\":%" G_GUINT64_FORMAT
                          ",\"p\":%" G_GUINT64_FORMAT ",\"salt\":\"%s\",\"data\":\"%s\"}",
                          file->n, file->r, file->p, salt, data);

  return g_string_free (g_steal_pointer (&text), FALSE);
}

char *
ob_key_file_build (const ObCryptoKey *master, const char *passphrase, GError **error)
{
  KeyFile file = { .n = OUR_N, .r = OUR_R, .p = OUR_P, .salt_size = SALT_SIZE };
  ObCryptoKey user;

  ob_crypto_random (file.salt, sizeof file.salt);
  if (!derive (&file, passphrase, &user, error))
    return NULL;

  seal_master (&file, master, &user);
  ob_secret_wipe (&user, sizeof user);
  return key_file_to_json (&file);
}

static gboolean
parse_key_file (const void *text, gsize size, KeyFile *file)
{
  ObJsonReader reader;
  ObJsonSlice name, kdf;

  memset (file, 0, sizeof *file);
  ob_json_reader_init (&reader, text, size);
  ob_json_reader_begin_object (&reader);
  while (ob_json_reader_next_member (&reader, &name))
    {
      if (ob_json_slice_is (&name, "kdf"))
        file->is_scrypt = ob_json_reader_read_string (&reader, &kdf)
                          && ob_json_slice_is (&kdf, "scrypt");
      else if (ob_json_slice_is (&name, "N"))
        ob_json_reader_read_uint (&reader, G_MAXUINT32, &file->n);
      else if (ob_json_slice_is (&name, "r"))
        ob_json_reader_read_uint (&reader, G_MAXUINT16, &file->r);
      else if (ob_json_slice_is (&name, "p"))
        ob_json_reader_read_uint (&reader, G_MAXUINT16, &file->p);
      else if (ob_json_slice_is (&name, "salt"))
        ob_json_reader_read_base64 (&reader, 1, sizeof file->salt, file->salt, &file->salt_size);
      else if (ob_json_slice_is (&name, "data"))
        ob_json_reader_read_base64 (&reader, OB_CRYPTO_OVERHEAD, sizeof file->data, file->data,
                                    &file->data_size);
      else
        ob_json_reader_skip (&reader);
    }

  return ob_json_reader_finish (&reader) && file->salt_size > 0 && file->data_size > 0;
}

static gboolean
check_cost (const KeyFile *file, GError **error)
{
  guint64 memory;

  if (!file->is_scrypt)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                           "The key is not derived by scrypt, the only way this program knows");
      return FALSE;
    }
  if (file->n < 2 || (file->n & (file->n - 1)) != 0 || file->r < 1 || file->p < 1)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT,
                           "The parameters of scrypt do not make sense");
      return FALSE;
    }

  /* 32 + 16 + 7 bits at most. */
  memory = 128 * file->n * file->r;
  if (memory > MAX_MEMORY || 128 * file->r * file->p > MAX_MEMORY || memory > MAX_WORK / file->p)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                           "Deriving the key would take more memory (512 MiB) or time than this "
                           "program spends on it");
      return FALSE;
    }
  return TRUE;
}

static gboolean
is_zero (const guint8 *data, gsize size)
{
  guint8 bits = 0;

  for (gsize i = 0; i < size; i++)
    bits |= data[i];
  return bits == 0;
}

static gboolean
parse_mac (ObJsonReader *reader, ObCryptoKey *master)
{
  ObJsonSlice name;
  gsize k_size = 0, r_size = 0;

  ob_json_reader_begin_object (reader);
  while (ob_json_reader_next_member (reader, &name))
    {
      if (ob_json_slice_is (&name, "k"))
        ob_json_reader_read_base64 (reader, 16, 16, master->mac_k, &k_size);
      else if (ob_json_slice_is (&name, "r"))
        ob_json_reader_read_base64 (reader, 16, 16, master->mac_r, &r_size);
      else
        ob_json_reader_skip (reader);
    }
  return k_size > 0 && r_size > 0;
}

static gboolean
parse_master (const void *text, gsize size, ObCryptoKey *master)
{
  ObJsonReader reader;
  ObJsonSlice name;
  gsize encrypt_size = 0;
  gboolean has_mac = FALSE;

  ob_json_reader_init (&reader, text, size);
  ob_json_reader_begin_object (&reader);
  while (ob_json_reader_next_member (&reader, &name))
    {
      if (ob_json_slice_is (&name, "mac"))
        has_mac = parse_mac (&reader, master);
      else if (ob_json_slice_is (&name, "encrypt"))
        ob_json_reader_read_base64 (&reader, 32, 32, master->encrypt, &encrypt_size);
      else
        ob_json_reader_skip (&reader);
    }
  mask_r (master->mac_r);

  return ob_json_reader_finish (&reader) && has_mac && encrypt_size > 0
         && !is_zero (master->encrypt, sizeof master->encrypt)
         && !is_zero (master->mac_k, sizeof master->mac_k)
         && !is_zero (master->mac_r, sizeof master->mac_r);
}

static gboolean
open_master (const KeyFile *file, const ObCryptoKey *user, ObCryptoKey *master, GError **error)
{
  g_autoptr (ObCrypto) crypto = ob_crypto_new (user);
  guint8 json[MAX_DATA];
  gboolean understood;

  if (!ob_crypto_open (crypto, file->data, file->data_size, json))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_WRONG_PASSPHRASE,
                           "The passphrase does not open this key");
      return FALSE;
    }

  understood = parse_master (json, file->data_size - OB_CRYPTO_OVERHEAD, master);
  ob_secret_wipe (json, sizeof json);
  if (!understood)
    {
      ob_secret_wipe (master, sizeof *master);
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT,
                           "The master key in the key file does not make sense");
    }
  return understood;
}

gboolean
ob_key_file_open (const void *text, gsize size, const char *passphrase, ObCryptoKey *master,
                  GError **error)
{
  KeyFile file;
  ObCryptoKey user;
  gboolean opened;

  if (!parse_key_file (text, size, &file))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT, "The key file does not make sense");
      return FALSE;
    }
  if (!check_cost (&file, error) || !derive (&file, passphrase, &user, error))
    return FALSE;

  opened = open_master (&file, &user, master, error);
  ob_secret_wipe (&user, sizeof user);
  return opened;
}
