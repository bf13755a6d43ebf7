/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-chunker.h"

#include <string.h>

/* A hash of 64 bits that moves left by one for each byte remembers 64 of them; its highest bits
 * depend on all of those, so the masks take the highest. */
#define WINDOW 64
#define TOP_BITS(n) (~G_GUINT64_CONSTANT (0) << (64 - (n)))

/* A night of a database changes rows in scattered places. Of 200 MB of rows, 0.2 % updated and
 * 0.5 % new each night, 30 nights took of what they took in restic: with chunks of 8 KiB 0.36,
 * of 16 KiB 0.50, 32 KiB 0.69, 64 KiB 0.85, from 128 KiB on 0.96 and more (tests/bench/nights). */
static const struct
{
  gsize minimum, normal, maximum;
  guint bits_before, bits_after;
} settings[] = {
  [OB_CHUNKS_FILE] = { 512 * 1024, 1024 * 1024, OB_CHUNKER_MAXIMUM, 21, 18 },
  [OB_CHUNKS_STREAM] = { 2 * 1024, 8 * 1024, 64 * 1024, 14, 11 },
};

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
  chunker->minimum = settings[chunks].minimum;
  chunker->normal = settings[chunks].normal;
  chunker->maximum = settings[chunks].maximum;
  chunker->mask_before = TOP_BITS (settings[chunks].bits_before);
  chunker->mask_after = TOP_BITS (settings[chunks].bits_after);
  ob_chunker_reset (chunker);
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
