/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-unpacked-file.h"

#include <string.h>

GByteArray *
ob_unpacked_file_seal (const ObCryptoKey *key, const void *data, gsize size)
{
  g_autoptr (ObCrypto) crypto = ob_crypto_new (key);
  GByteArray *sealed = g_byte_array_new ();

  g_byte_array_set_size (sealed, (guint) (size + OB_CRYPTO_OVERHEAD));
  ob_crypto_seal (crypto, data, size, sealed->data);
  return sealed;
}

GBytes *
ob_unpacked_file_unseal (const ObCryptoKey *key, GBytes *sealed)
{
  g_autoptr (ObCrypto) crypto = ob_crypto_new (key);
  g_autofree guint8 *plain = NULL;
  gsize size;
  const guint8 *data = g_bytes_get_data (sealed, &size);

  if (size < OB_CRYPTO_OVERHEAD)
    return NULL;

  plain = g_malloc (size - OB_CRYPTO_OVERHEAD + 1);
  if (!ob_crypto_open (crypto, data, size, plain))
    return NULL;
  return g_bytes_new_take (g_steal_pointer (&plain), size - OB_CRYPTO_OVERHEAD);
}

gboolean
ob_unpacked_file_put (ObStore *store, const char *name, const void *data, gsize size,
                      ObStorePutFlags flags, GCancellable *cancellable, GError **error)
{
  struct iovec part = { .iov_base = (void *) data, .iov_len = size };

  return ob_store_put (store, name, &part, 1, flags, cancellable, error);
}

gboolean
ob_unpacked_file_put_under_hash (ObStore *store, const char *directory, const void *data,
                                 gsize size, ObStorePutFlags flags, ObId *id,
                                 GCancellable *cancellable, GError **error)
{
  g_autofree char *name = NULL;
  char hex[OB_ID_HEX_SIZE];

  ob_id_of (data, size, id);
  ob_id_to_hex (id, hex);
  name = g_strconcat (directory, "/", hex, NULL);
  return ob_unpacked_file_put (store, name, data, size, flags, cancellable, error);
}

gboolean
ob_unpacked_file_has_right_name (const char *name, GBytes *stored)
{
  ObId wanted, actual;

  ob_id_of (g_bytes_get_data (stored, NULL), g_bytes_get_size (stored), &actual);
  return ob_id_from_name (name, &wanted) && ob_id_equal (&wanted, &actual);
}
