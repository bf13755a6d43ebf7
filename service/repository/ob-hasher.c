/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-hasher.h"

#include <openssl/evp.h>

struct _ObHasher
{
  EVP_MD *digest;
  EVP_MD_CTX *context;
};

static void
begin (ObHasher *hasher)
{
  if (EVP_DigestInit_ex (hasher->context, hasher->digest, NULL) != 1)
    g_error ("SHA-256 cannot be started");
}

ObHasher *
ob_hasher_new (void)
{
  ObHasher *hasher = g_new0 (ObHasher, 1);

  hasher->digest = EVP_MD_fetch (NULL, "SHA256", NULL);
  hasher->context = EVP_MD_CTX_new ();
  if (hasher->digest == NULL || hasher->context == NULL)
    g_error ("OpenSSL offers no SHA-256");
  begin (hasher);
  return hasher;
}

void
ob_hasher_free (ObHasher *hasher)
{
  EVP_MD_CTX_free (hasher->context);
  EVP_MD_free (hasher->digest);
  g_free (hasher);
}

void
ob_hasher_update (ObHasher *hasher, const void *data, gsize size)
{
  if (EVP_DigestUpdate (hasher->context, data, size) != 1)
    g_error ("SHA-256 failed");
}

void
ob_hasher_finish (ObHasher *hasher, ObId *id)
{
  if (EVP_DigestFinal_ex (hasher->context, id->bytes, NULL) != 1)
    g_error ("SHA-256 failed");
  begin (hasher);
}

void
ob_hasher_run (ObHasher *hasher, const void *data, gsize size, ObId *id)
{
  ob_hasher_update (hasher, data, size);
  ob_hasher_finish (hasher, id);
}
