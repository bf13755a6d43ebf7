/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-unpacked.h"

#include <string.h>
#include <zstd.h>

#define ENCODING_ZSTD 2
#define LEVEL 3

typedef ZSTD_DCtx Decompressor;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Decompressor, ZSTD_freeDCtx)

gsize
ob_unpacked_get_bound (gsize max)
{
  return 1 + ZSTD_compressBound (max);
}

GByteArray *
ob_unpacked_encode (guint version, const void *text, gsize size)
{
  GByteArray *encoded = g_byte_array_new ();
  gsize written;

  if (version < 2)
    return g_byte_array_append (encoded, text, (guint) size);

  g_byte_array_set_size (encoded, (guint) ob_unpacked_get_bound (size));
  encoded->data[0] = ENCODING_ZSTD;
  written = ZSTD_compress (encoded->data + 1, encoded->len - 1, text, size, LEVEL);
  if (ZSTD_isError (written))
    g_error ("zstd cannot compress: %s.", ZSTD_getErrorName (written));
  return g_byte_array_set_size (encoded, (guint) (1 + written));
}

/* A frame that does not tell its size, as a writer that streams makes them. */
static GBytes *
decompress_stream (const void *data, gsize size, gsize max)
{
  g_autoptr (Decompressor) context = ZSTD_createDCtx ();
  g_autoptr (GByteArray) text = g_byte_array_new ();
  ZSTD_inBuffer input = { .src = data, .size = size };
  ZSTD_outBuffer output = { 0 };
  gsize left = 1;

  g_assert (context != NULL);
  while (left != 0)
    {
      gsize step = MIN (max - text->len, MAX (64 * 1024, text->len));

      g_byte_array_set_size (text, (guint) (text->len + step));
      output = (ZSTD_outBuffer){ .dst = text->data, .size = text->len, .pos = output.pos };
      left = ZSTD_decompressStream (context, &output, &input);
      if (ZSTD_isError (left) || (left != 0 && output.pos < output.size))
        return NULL;
      if (left != 0 && output.pos == max)
        return NULL;
    }
  if (input.pos != input.size)
    return NULL;

  g_byte_array_set_size (text, (guint) output.pos);
  return g_byte_array_free_to_bytes (g_steal_pointer (&text));
}

static GBytes *
decompress (const void *data, gsize size, gsize max)
{
  unsigned long long plain_size = ZSTD_getFrameContentSize (data, size);
  g_autofree guint8 *text = NULL;

  if (plain_size == ZSTD_CONTENTSIZE_UNKNOWN)
    return decompress_stream (data, size, max);
  /* ZSTD_CONTENTSIZE_ERROR is a very large number too. */
  if (plain_size > max)
    return NULL;

  text = g_malloc (plain_size + 1);
  if (ZSTD_decompress (text, plain_size, data, size) != plain_size)
    return NULL;
  return g_bytes_new_take (g_steal_pointer (&text), plain_size);
}

GBytes *
ob_unpacked_decode (const void *data, gsize size, gsize max)
{
  const guint8 *bytes = data;

  if (size == 0 || size > G_MAXUINT32)
    return NULL;
  if (bytes[0] == ENCODING_ZSTD)
    return decompress (bytes + 1, size - 1, MIN (max, G_MAXUINT32 / 2));
  if ((bytes[0] == '{' || bytes[0] == '[') && size <= max)
    return g_bytes_new (data, size);
  return NULL;
}
