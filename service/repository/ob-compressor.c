/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-compressor.h"

#include <zstd.h>

/* For large blobs the least at which an Openbravo's files take no more than in restic. For small
 * ones, as a database's dump is cut into, more than level 1 takes a third more time and, of
 * rows, even more room. */
#define LEVEL 3
#define SMALL_LEVEL 1
#define SMALL (64 * 1024)

/* A blob is taken for one that nothing can be gained from where the bytes of these samples are as
 * even as those of what was compressed or enciphered before, and one of them compresses to nothing
 * less. Small ones are simply tried. */
#define SAMPLE 4096
#define N_SAMPLES 4
#define SMALLEST_SAMPLED (64 * 1024)
#define LARGER_SAMPLE (16 * 1024)

struct _ObCompressor
{
  ZSTD_CCtx *context;
  guint8 *buffer;
  gsize room;
};

ObCompressor *
ob_compressor_new (void)
{
  ObCompressor *compressor = g_new0 (ObCompressor, 1);

  compressor->context = ZSTD_createCCtx ();
  if (compressor->context == NULL)
    g_error ("zstd offers no context");
  ZSTD_CCtx_setParameter (compressor->context, ZSTD_c_checksumFlag, 0);
  return compressor;
}

void
ob_compressor_free (ObCompressor *compressor)
{
  ZSTD_freeCCtx (compressor->context);
  g_free (compressor->buffer);
  g_free (compressor);
}

/* Whether the sum of the squared counts of all byte values is within a tenth of what it is where
 * all are equally frequent (chance alone makes 1.6 % of 16 KiB). */
static gboolean
looks_even (const guint8 *data, gsize size)
{
  const gsize step = (size - SAMPLE) / (N_SAMPLES - 1);
  const guint64 n = N_SAMPLES * SAMPLE;
  guint32 counts[4][256] = { 0 };
  guint64 sum = 0;

  for (guint i = 0; i < N_SAMPLES; i++)
    for (const guint8 *p = data + i * step, *end = p + SAMPLE; p < end; p += 4)
      for (guint lane = 0; lane < 4; lane++)
        counts[lane][p[lane]]++;
  for (guint i = 0; i < 256; i++)
    {
      guint64 count = (guint64) counts[0][i] + counts[1][i] + counts[2][i] + counts[3][i];

      sum += count * count;
    }
  return sum * 256 * 10 < n * n * 11;
}

/* Compresses into the buffer; the size. */
static gsize
compress (ObCompressor *compressor, const guint8 *data, gsize size)
{
  int level = size < SMALL ? SMALL_LEVEL : LEVEL;
  gsize result;

  ZSTD_CCtx_setParameter (compressor->context, ZSTD_c_compressionLevel, level);
  result
    = ZSTD_compress2 (compressor->context, compressor->buffer, compressor->room, data, size);

  if (ZSTD_isError (result))
    g_error ("zstd failed: %s", ZSTD_getErrorName (result));
  return result;
}

static gboolean
is_incompressible (ObCompressor *compressor, const guint8 *data, gsize size)
{
  return size >= SMALLEST_SAMPLED && looks_even (data, size)
         && compress (compressor, data + (size - LARGER_SAMPLE) / 2, LARGER_SAMPLE)
              > LARGER_SAMPLE - LARGER_SAMPLE / 64;
}

gboolean
ob_compressor_run (ObCompressor *compressor, const guint8 *data, gsize size, const guint8 **out,
                   gsize *out_size)
{
  gsize bound = ZSTD_compressBound (size);
  gsize result;

  if (compressor->room < bound)
    {
      g_free (compressor->buffer);
      compressor->buffer = g_malloc (bound);
      compressor->room = bound;
    }
  if (is_incompressible (compressor, data, size))
    return FALSE;
  result = compress (compressor, data, size);
  if (result >= size)
    return FALSE;
  *out = compressor->buffer;
  *out_size = result;
  return TRUE;
}
