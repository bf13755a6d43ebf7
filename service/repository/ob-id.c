/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-id.h"

#include <openssl/sha.h>

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

/* The value of a hexadecimal digit plus one; 0 for all else. A table, since loading an index is
 * mostly this. */
static const guint8 digit_values[256] = {
  ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
  ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

gboolean
ob_id_from_hex (const char *hex, ObId *id)
{
  for (gsize i = 0; i < OB_ID_SIZE; i++)
    {
      guint high = digit_values[(guchar) hex[2 * i]];
      guint low = high == 0 ? 0 : digit_values[(guchar) hex[2 * i + 1]];

      if (low == 0)
        return FALSE;
      id->bytes[i] = (guint8) ((high - 1) << 4 | (low - 1));
    }

  return digit_values[(guchar) hex[2 * OB_ID_SIZE]] == 0;
}

gboolean
ob_id_from_name (const char *name, ObId *id)
{
  const char *slash = strchr (name, '/');
  char hex[OB_ID_HEX_SIZE];

  if (slash == NULL || !ob_id_from_hex (slash + 1, id))
    return FALSE;
  ob_id_to_hex (id, hex);
  return strcmp (hex, slash + 1) == 0;
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
