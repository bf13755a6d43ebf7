/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an index holds: the places of blobs, the packs they lie in, and what is known against these.
 * Only for ob-index.c, whose lock is held meanwhile: for reading where the content is const, else
 * for writing. */
#pragma once

#include "ob-bitmap.h"
#include "ob-index-table.h"
#include "ob-index.h"

G_BEGIN_DECLS

/* A place of a blob. */
typedef struct
{
  ObId id;
  guint32 pack; /* its number */
  guint32 offset;
  guint32 length;
  guint32 plain_length;
} ObIndexEntry;

/* Why nothing is to be built on a pack. */
typedef enum
{
  OB_INDEX_GONE,    /* it is missing, or not as long as it should be */
  OB_INDEX_DAMAGED, /* somebody has found it so */
  OB_INDEX_N_DOUBTS,
} ObIndexDoubt;

typedef struct
{
  ObId id;
  guint64 size;  /* bytes, header included */
  guint8 doubts; /* a bit for each */
} ObIndexPack;

/* Tables and figures are to be read; all is changed by the functions below alone. */
typedef struct
{
  ObIndexTable blobs[2]; /* of ObIndexEntry, by ObBlobType */
  ObIndexTable packs;    /* of ObIndexPack */
  guint32 last_pack;     /* number of the one that was asked for last */
  guint32 n_doubted[OB_INDEX_N_DOUBTS]; /* of the packs */
  guint64 stored_size;                  /* bytes of all packs */
  GHashTable *damaged;  /* of ObId: packs that are, known here or not; NULL: none */
  ObBitmap *renewed[2]; /* of the places that were there when a renewal began; NULL without one */
} ObIndexContent;

/* @content is all zero before. */
void ob_index_content_init (ObIndexContent *content);
void ob_index_content_clear (ObIndexContent *content);

/* Adds a place, and its pack where that is not known; what is known already is not kept twice, but
 * is current for a renewal. */
void ob_index_content_add (ObIndexContent *content, ObBlobType type, const ObId *id,
                           const ObBlobLocation *location);

/* Where @entry, one of its own, says that the blob is. */
ObBlobLocation ob_index_content_locate (const ObIndexContent *content, const ObIndexEntry *entry);

/* Adds to @locations, of which there are @n, the places of a blob whose packs are @doubted or not,
 * up to @max in all. Returns how many there are then. */
gsize ob_index_content_lookup (const ObIndexContent *content, ObBlobType type, const ObId *id,
                               gboolean doubted, ObBlobLocation *locations, gsize n, gsize max);

/* The number of the pack; FALSE where it is not known. */
gboolean ob_index_content_find_pack (const ObIndexContent *content, const ObId *id,
                                     guint32 *number);

/* Whether anything is known against any of the packs. */
gboolean ob_index_content_has_doubts (const ObIndexContent *content);

/* Says or takes back the doubt about the pack of this number. */
void ob_index_content_set_doubt (ObIndexContent *content, guint32 number, ObIndexDoubt doubt,
                                 gboolean is_set);

/* Which packs are damaged (of ObId), those that are added later among them, and no others.
 * @damaged: transfer full. */
void ob_index_content_set_damaged (ObIndexContent *content, GHashTable *damaged);

/* As ob_index_begin_renewal() and ob_index_end_renewal(). */
void ob_index_content_begin_renewal (ObIndexContent *content);
void ob_index_content_end_renewal (ObIndexContent *content, gboolean complete);

/* Bytes of memory that it takes beside the struct, those of a renewal among them. */
gsize ob_index_content_get_memory_size (const ObIndexContent *content);

G_END_DECLS
