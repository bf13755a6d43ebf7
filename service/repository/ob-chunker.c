/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-chunker.h"

#include <string.h>

/* A hash of 64 bits that moves left by one for each byte remembers 64 of them; its highest bits
 * depend on all of those, so the masks take the highest. */
#define WINDOW 64
#define TOP_BITS(n) (~G_GUINT64_CONSTANT (0) << (64 - (n)))

#define FILE_MINIMUM (512 * 1024)
#define FILE_BITS 20

void
ob_chunker_init (ObChunker *chunker, const guint8 *seed, ObChunkSize chunks)
{
  guint8 input[33];

  memcpy (input, seed, 32);
  for (guint i = 0; i < 256 / 4; i++)
    {
      ObId digest;

      input[32] = (guint8) i;
      ob_id_of (input, sizeof input, &digest);
      memcpy (chunker->gear + 4 * i, digest.bytes, 32);
    }
  ob_chunker_set_normal (chunker, chunks == OB_CHUNKS_FILE ? FILE_BITS : OB_CHUNKER_LEAST_BITS);
  if (chunks == OB_CHUNKS_FILE)
    chunker->minimum = FILE_MINIMUM;
  ob_chunker_reset (chunker);
}

void
ob_chunker_set_normal (ObChunker *chunker, guint bits)
{
  chunker->normal = (gsize) 1 << bits;
  chunker->minimum = chunker->normal / 4;
  chunker->maximum = MIN (chunker->normal * 8, OB_CHUNKER_MAXIMUM);
  chunker->mask_before = TOP_BITS (bits + 1);
  chunker->mask_after = TOP_BITS (bits - 2);
}

void
ob_chunker_reset (ObChunker *chunker)
{
  chunker->length = 0;
  chunker->hash = 0;
}

/* Hashes from @position to @end; the position after the cut, or 0 where there is none. */
static gsize
scan (ObChunker *chunker, const guint8 *data, gsize position, gsize end, guint64 mask)
{
  const guint64 *gear = chunker->gear;
  guint64 hash = chunker->hash;

  while (position < end)
    {
      hash = (hash << 1) + gear[data[position++]];
      if ((hash & mask) == 0)
        return position;
    }
  chunker->hash = hash;
  return 0;
}

gboolean
ob_chunker_feed (ObChunker *chunker, const guint8 *data, gsize size, gsize *used)
{
  /* No boundary lies below the minimum: only the window before it needs to be hashed. */
  gsize skip = chunker->minimum - WINDOW;
  gsize length = chunker->length;
  gsize limit = MIN (size, chunker->maximum - length);
  gsize position = length < skip ? MIN (skip - length, limit) : 0;
  gsize before_minimum = length < chunker->minimum ? MIN (chunker->minimum - length, limit) : 0;
  gsize before_normal = length < chunker->normal ? MIN (chunker->normal - length, limit) : 0;
  gsize cut = 0;

  for (; position < before_minimum; position++)
    chunker->hash = (chunker->hash << 1) + chunker->gear[data[position]];

  if (position < before_normal)
    {
      cut = scan (chunker, data, position, before_normal, chunker->mask_before);
      position = before_normal;
    }
  if (cut == 0 && position < limit)
    cut = scan (chunker, data, position, limit, chunker->mask_after);
  if (cut == 0 && length + limit == chunker->maximum)
    cut = limit;

  if (cut == 0)
    {
      chunker->length += size;
      return FALSE;
    }
  *used = cut;
  ob_chunker_reset (chunker);
  return TRUE;
}
