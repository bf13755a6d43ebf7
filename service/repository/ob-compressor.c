/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-compressor.h"

#include <zstd.h>

/* Large blobs of files: level 2 with the matches of level 3 (of five bytes, found through a table
 * that still fits into the second-level cache). A quarter faster than level 3 for half a hundredth
 * more room, and less room than restic takes. */
#define LARGE_LEVEL 2
#define LARGE_HASH_LOG 16
#define LARGE_MIN_MATCH 5

/* Small blobs: those of files lose nothing by the level that makes them smallest. Of a database's
 * rows more than level 1 takes a third more time and even more room. */
#define SMALL (64 * 1024)
#define SMALL_LEVEL 3
#define ROWS_LEVEL 1

/* A blob is taken for one that nothing can be gained from where the bytes of these samples are as
 * even as those of what was compressed or enciphered before, and one of them compresses to nothing
 * less. Small ones are simply tried. */
#define SAMPLE 4096
#define N_SAMPLES 4
#define SMALLEST_SAMPLED (64 * 1024)
#define LARGER_SAMPLE (16 * 1024)

/* zstd gives memory back where the blobs of a while needed less than a third of it, and asks for it
 * again with the next larger one: blobs of about the same size share a context. */
static const gsize class_ends[] = { 4 * 1024, 16 * 1024, SMALL, G_MAXSIZE };

struct _ObCompressor
{
  ZSTD_CCtx *contexts[G_N_ELEMENTS (class_ends)];
  guint8 *buffer;
  gsize room;
};

static void
set_parameter (ZSTD_CCtx *context, ZSTD_cParameter parameter, int value)
{
  gsize result = ZSTD_CCtx_setParameter (context, parameter, value);

  if (ZSTD_isError (result))
    g_error ("zstd takes no such parameter: %s", ZSTD_getErrorName (result));
}

ObCompressor *
ob_compressor_new (void)
{
  ObCompressor *compressor = g_new0 (ObCompressor, 1);

  for (gsize i = 0; i < G_N_ELEMENTS (class_ends); i++)
    {
      compressor->contexts[i] = ZSTD_createCCtx ();
      if (compressor->contexts[i] == NULL)
        g_error ("zstd offers no context");
      set_parameter (compressor->contexts[i], ZSTD_c_checksumFlag, 0);
    }
  return compressor;
}

void
ob_compressor_free (ObCompressor *compressor)
{
  for (gsize i = 0; i < G_N_ELEMENTS (class_ends); i++)
    ZSTD_freeCCtx (compressor->contexts[i]);
  g_free (compressor->buffer);
  g_free (compressor);
}

/* The context for a blob of this size and kind. */
static ZSTD_CCtx *
get_context (ObCompressor *compressor, gsize size, gboolean is_of_database)
{
  gboolean is_small = size < SMALL;
  ZSTD_CCtx *context;
  gsize i = 0;

  while (size >= class_ends[i])
    i++;
  context = compressor->contexts[i];
  set_parameter (context, ZSTD_c_compressionLevel,
                 is_of_database ? ROWS_LEVEL : is_small ? SMALL_LEVEL : LARGE_LEVEL);
  /* 0: as the level says */
  set_parameter (context, ZSTD_c_hashLog, is_of_database || is_small ? 0 : LARGE_HASH_LOG);
  set_parameter (context, ZSTD_c_minMatch, is_of_database || is_small ? 0 : LARGE_MIN_MATCH);
  return context;
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
compress (ObCompressor *compressor, ZSTD_CCtx *context, const guint8 *data, gsize size)
{
  gsize result = ZSTD_compress2 (context, compressor->buffer, compressor->room, data, size);

  if (ZSTD_isError (result))
    g_error ("zstd failed: %s", ZSTD_getErrorName (result));
  return result;
}

static gboolean
is_incompressible (ObCompressor *compressor, ZSTD_CCtx *context, const guint8 *data, gsize size)
{
  return size >= SMALLEST_SAMPLED && looks_even (data, size)
         && compress (compressor, context, data + (size - LARGER_SAMPLE) / 2, LARGER_SAMPLE)
              > LARGER_SAMPLE - LARGER_SAMPLE / 64;
}

gboolean
ob_compressor_run (ObCompressor *compressor, const guint8 *data, gsize size,
                   gboolean is_of_database, const guint8 **out, gsize *out_size)
{
  ZSTD_CCtx *context = get_context (compressor, size, is_of_database);
  gsize bound = ZSTD_compressBound (size);
  gsize result;

  if (compressor->room < bound)
    {
      g_free (compressor->buffer);
      compressor->buffer = g_malloc (bound);
      compressor->room = bound;
    }
  if (is_incompressible (compressor, context, data, size))
    return FALSE;
  result = compress (compressor, context, data, size);
  if (result >= size)
    return FALSE;
  *out = compressor->buffer;
  *out_size = result;
  return TRUE;
}
