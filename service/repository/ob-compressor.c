/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-compressor.h"

#include <zstd.h>

/* Measured on an Openbravo installation: level 3 costs a third more time for 8 % fewer bytes. */
#define LEVEL 1

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
  ZSTD_CCtx_setParameter (compressor->context, ZSTD_c_compressionLevel, LEVEL);
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
  result = ZSTD_compress2 (compressor->context, compressor->buffer, bound, data, size);
  if (ZSTD_isError (result))
    g_error ("zstd failed: %s", ZSTD_getErrorName (result));
  if (result >= size)
    return FALSE;
  *out = compressor->buffer;
  *out_size = result;
  return TRUE;
}
