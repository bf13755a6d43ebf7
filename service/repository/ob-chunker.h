/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-writer.h"

G_BEGIN_DECLS

/* Cuts a stream into chunks where its content says so (the gear hash of FastCDC, Xia et al.,
 * USENIX ATC 2016, with two masks), so that an insertion moves few boundaries. The gear table
 * comes from the repository's secret, so that lengths of chunks tell nothing of known content.
 * Where chunks are cut is the writer's choice in restic's format. */
typedef struct
{
  guint64 gear[256];
  gsize minimum, normal, maximum; /* bytes */
  guint64 mask_before, mask_after; /* of the normal size: strict, then lax */
  gsize length;                   /* of the current chunk so far */
  guint64 hash;
} ObChunker;

/* The largest chunk that any setting makes. */
#define OB_CHUNKER_MAXIMUM (4 * 1024 * 1024)

/* The normal size of chunks of a database's streams, as a power of two: at their beginning, and
 * where they are longest. A night changes rows in scattered places. Of 200 MB of rows, 0.2 %
 * updated and 0.5 % new each night, 30 nights took of what they took in restic: with chunks of
 * 8 KiB 0.36, of 16 KiB 0.50, 32 KiB 0.69, 64 KiB 0.85, from 128 KiB on 0.96 and more
 * (tests/bench/nights). */
#define OB_CHUNKER_LEAST_BITS 13
#define OB_CHUNKER_MOST_BITS 21

/* @seed: 32 bytes. */
void ob_chunker_init (ObChunker *chunker, const guint8 *seed, ObChunkSize chunks);

/* Between two chunks: from now on their normal size is 1 << @bits (OB_CHUNKER_LEAST_BITS to
 * OB_CHUNKER_MOST_BITS), the least a quarter of it, the largest eight times as much. */
void ob_chunker_set_normal (ObChunker *chunker, guint bits);

/* Takes further bytes of the current chunk. TRUE where the chunk ends within them: then *@used
 * tells how many of them belong to it (1 to @size), and the next chunk begins. FALSE: all belong
 * to it. */
gboolean ob_chunker_feed (ObChunker *chunker, const guint8 *data, gsize size, gsize *used);

/* Forgets the current chunk: what is fed next begins one. */
void ob_chunker_reset (ObChunker *chunker);

G_END_DECLS
