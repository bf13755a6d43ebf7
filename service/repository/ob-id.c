/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-id.h"

#include <openssl/sha.h>
#include <string.h>

G_STATIC_ASSERT (OB_ID_SIZE == SHA256_DIGEST_LENGTH);

void
ob_id_of (const void *data, gsize size, ObId *id)
{
  SHA256 (data, size, id->bytes);
}

void
ob_id_to_hex (const ObId *id, char hex[OB_ID_HEX_SIZE])
{
  static const char digits[] = "0123456789abcdef";

  for (gsize i = 0; i < OB_ID_SIZE; i++)
    {
      hex[2 * i] = digits[id->bytes[i] >> 4];
      hex[2 * i + 1] = digits[id->bytes[i] & 15];
    }
  hex[2 * OB_ID_SIZE] = '\0';
}

gboolean
ob_id_from_hex (const char *hex, ObId *id)
{
  for (gsize i = 0; i < OB_ID_SIZE; i++)
    {
      int high = g_ascii_xdigit_value (hex[2 * i]);
      int low = high < 0 ? -1 : g_ascii_xdigit_value (hex[2 * i + 1]);

      if (low < 0)
        return FALSE;
      id->bytes[i] = (guint8) (high << 4 | low);
    }

  return !g_ascii_isxdigit (hex[2 * OB_ID_SIZE]);
}

gboolean
ob_id_equal (const ObId *a, const ObId *b)
{
  return memcmp (a->bytes, b->bytes, OB_ID_SIZE) == 0;
}

guint
ob_id_hash (gconstpointer id)
{
  guint hash;

  /* The bytes of a SHA-256 are as good a hash as any. */
  memcpy (&hash, ((const ObId *) id)->bytes, sizeof hash);
  return hash;
}

gboolean
ob_id_equal_func (gconstpointer a, gconstpointer b)
{
  return ob_id_equal (a, b);
}
