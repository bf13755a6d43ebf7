/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a repository would grow by, were its streams cut into chunks of other sizes. Reads one
 * stream after another from its standard input, each as blocks with their length (a guint32 in
 * the host's byte order) before them and ended by an empty block. After each it prints a line of
 * JSON with an object for each size: what was new in the stream, as a pack and its index would
 * store it.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ob-chunker.h"
#include "ob-compressor.h"
#include "ob-crypto.h"
#include "ob-hasher.h"

#define SMALLEST_BITS 13 /* 8 KiB */
#define N_SIZES 8        /* up to 1 MiB */
#define MAX_BLOCK (1024 * 1024)

/* Beside its sealed bytes a blob takes an entry of the pack's header, and some 60 bytes of a
 * compressed index file (measured on a repository of 250,000 blobs). */
#define ENTRIES (41 + 60)

typedef struct
{
  guint bits; /* of the normal size */
  ObChunker chunker;
  ObHasher *hasher;
  ObCompressor *compressor;
  GHashTable *known; /* of ObId */
  GByteArray *chunk;
  guint64 chunks, new_chunks, stored; /* of the current stream */
  double seconds;
} Size;

static double
get_seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void
size_init (Size *self, guint bits)
{
  static const guint8 seed[32] = { 1 };

  self->bits = bits;
  ob_chunker_init (&self->chunker, seed, OB_CHUNKS_STREAM);
  ob_chunker_set_normal (&self->chunker, bits);
  self->hasher = ob_hasher_new ();
  self->compressor = ob_compressor_new ();
  self->known = g_hash_table_new_full (ob_id_hash, ob_id_equal_func, g_free, NULL);
  self->chunk = g_byte_array_new ();
}

static void
end_chunk (Size *self)
{
  const guint8 *out = NULL;
  gsize out_size = self->chunk->len;
  ObId id;

  if (self->chunk->len == 0)
    return;
  ob_hasher_run (self->hasher, self->chunk->data, self->chunk->len, &id);
  self->chunks++;
  if (!g_hash_table_contains (self->known, &id))
    {
      g_hash_table_add (self->known, g_memdup2 (&id, sizeof id));
      ob_compressor_run (self->compressor, self->chunk->data, self->chunk->len, TRUE, &out,
                         &out_size);
      self->new_chunks++;
      self->stored += out_size + OB_CRYPTO_OVERHEAD + ENTRIES;
    }
  g_byte_array_set_size (self->chunk, 0);
}

static void
take (Size *self, const guint8 *data, gsize size)
{
  double began = get_seconds ();
  gsize used;

  while (size > 0 && ob_chunker_feed (&self->chunker, data, size, &used))
    {
      g_byte_array_append (self->chunk, data, (guint) used);
      end_chunk (self);
      data += used;
      size -= used;
    }
  g_byte_array_append (self->chunk, data, (guint) size);
  self->seconds += get_seconds () - began;
}

static void
end_stream (Size *self, gboolean last)
{
  end_chunk (self);
  ob_chunker_reset (&self->chunker);
  printf ("{\"size\": %u, \"chunks\": %" G_GUINT64_FORMAT ", \"new\": %" G_GUINT64_FORMAT
          ", \"stored\": %" G_GUINT64_FORMAT ", \"seconds\": %.2f}%s",
          1u << self->bits, self->chunks, self->new_chunks, self->stored, self->seconds,
          last ? "]\n" : ", ");
  self->chunks = self->new_chunks = self->stored = 0;
  self->seconds = 0;
}

int
main (void)
{
  g_autofree guint8 *block = g_malloc (MAX_BLOCK);
  Size sizes[N_SIZES] = { 0 };
  guint32 length;

  for (guint i = 0; i < N_SIZES; i++)
    size_init (&sizes[i], SMALLEST_BITS + i);
  while (fread (&length, sizeof length, 1, stdin) == 1)
    {
      if (length > MAX_BLOCK || fread (block, 1, length, stdin) != length)
        g_error ("The input is not a row of streams");
      if (length == 0)
        printf ("[");
      for (guint i = 0; i < N_SIZES; i++)
        if (length > 0)
          take (&sizes[i], block, length);
        else
          end_stream (&sizes[i], i == N_SIZES - 1);
      fflush (stdout);
    }
  return 0;
}
