/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A bit for each number below a fixed one, at first clear: what is known of millions of blobs takes
 * little memory that way. For one thread at a time. */
typedef struct
{
  guint32 n_bits;
  guint8 bytes[];
} ObBitmap;

/* Bytes of memory that one takes. */
static inline gsize
ob_bitmap_get_size (guint32 n_bits)
{
  return sizeof (ObBitmap) + (gsize) n_bits / 8 + 1;
}

/* Free it with g_free(). */
static inline ObBitmap *
ob_bitmap_new (guint32 n_bits)
{
  ObBitmap *bitmap = g_malloc0 (ob_bitmap_get_size (n_bits));

  bitmap->n_bits = n_bits;
  return bitmap;
}

/* FALSE for a number that is not below the size. */
static inline gboolean
ob_bitmap_test (const ObBitmap *bitmap, guint32 number)
{
  return number < bitmap->n_bits && (bitmap->bytes[number / 8] >> number % 8 & 1) != 0;
}

static inline void
ob_bitmap_set (ObBitmap *bitmap, guint32 number)
{
  if (number < bitmap->n_bits)
    bitmap->bytes[number / 8] |= (guint8) (1u << number % 8);
}

G_END_DECLS
