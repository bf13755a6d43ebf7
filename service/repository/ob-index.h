/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The index in memory: which blob lies where in which pack. Compact, since a repository may have
 * millions: at most 64 bytes a blob. */
#pragma once

#include "ob-bitmap.h"
#include "ob-id.h"

G_BEGIN_DECLS

typedef enum
{
  OB_BLOB_DATA,
  OB_BLOB_TREE,
} ObBlobType;

typedef struct
{
  ObId pack;
  guint32 offset;       /* in the pack */
  guint32 length;       /* as stored, with overhead */
  guint32 plain_length; /* uncompressed; 0 where it is stored uncompressed */
} ObBlobLocation;

/* What a blob may have at most, plain: a reader never allocates more for one. */
#define OB_BLOB_MAX_DATA_SIZE (64 * 1024 * 1024)
#define OB_BLOB_MAX_TREE_SIZE (256 * 1024 * 1024)

/* Whether such a blob can be: sealed, within 4 GiB of the pack, not above the sizes above. */
gboolean ob_index_entry_is_sound (ObBlobType type, guint64 offset, guint64 length,
                                  guint64 plain_length);

typedef struct _ObIndex ObIndex;

ObIndex *ob_index_new (void);
void ob_index_free (ObIndex *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObIndex, ob_index_free)

/* Where the blob is: of several places the one known first, of those whose packs are not known to
 * be gone or damaged if there are such. Any thread. FALSE where it is not known. */
gboolean ob_index_lookup (ObIndex *index, ObBlobType type, const ObId *id,
                          ObBlobLocation *location);

/* Up to @max places where the blob is, the first as ob_index_lookup() gives it: another copy may be
 * sound where one is damaged. Returns how many there are in @locations. Any thread. */
gsize ob_index_lookup_all (ObIndex *index, ObBlobType type, const ObId *id,
                           ObBlobLocation *locations, gsize max);

/* Whether one can build on the blob: a place is known whose pack is not known to be gone or
 * damaged. Any thread. */
gboolean ob_index_has (ObIndex *index, ObBlobType type, const ObId *id);

/* Tells of the first packs, by their numbers, which are there as they should be (a bit of @there,
 * which has one for each of these packs); what was told before of these holds no more. *@n_gone:
 * how many are not. FALSE where @generation is not that of the index any more: nothing is changed.
 * Any thread. */
gboolean ob_index_set_there (ObIndex *index, guint generation, const ObBitmap *there,
                             guint32 *n_gone);

/* Tells which packs somebody has found damaged (of ObId), whatever their sizes, those that come
 * into the index later among them; what was told before holds no more. Returns how many are in it
 * now. Any thread. */
guint32 ob_index_set_damaged (ObIndex *index, const GArray *packs);

/* Whether the pack of this number is one of them. Any thread. */
gboolean ob_index_is_damaged (ObIndex *index, guint32 pack);

/* A blob that a finished pack holds, and that an index file on the store lists: other jobs build on
 * it at once. A place that is known already is not kept twice. Any thread. */
void ob_index_add (ObIndex *index, ObBlobType type, const ObId *id,
                   const ObBlobLocation *location);

/* Calls @function for each place of each blob, in the order they came in, data before trees. It
 * must not call the index back. Any thread. */
typedef void (*ObIndexFunc) (ObBlobType type, const ObId *id, const ObBlobLocation *location,
                             gpointer user_data);
void ob_index_foreach (ObIndex *index, ObIndexFunc function, gpointer user_data);

/* A place of a blob. Places of a type, and packs, are numbered from 0 in the order they came in, so
 * what is found out about one can be kept in a bit or an array. Numbers stay what they are until
 * ob_index_end_renewal(), which changes the generation. */
typedef struct
{
  ObId id;
  guint32 pack; /* its number */
  guint32 offset, length, plain_length;
} ObIndexPlace;

/* Up to @max numbers of the places of a blob, in the order of ob_index_lookup_all(). Returns how
 * many there are in @numbers. Any thread. */
gsize ob_index_find (ObIndex *index, ObBlobType type, const ObId *id, guint32 *numbers, gsize max);
gboolean ob_index_find_pack (ObIndex *index, const ObId *id, guint32 *number);

/* What has the number; FALSE where nothing has it. @size: as ob_index_get_pack_size(). Any
 * thread. */
gboolean ob_index_get_place (ObIndex *index, ObBlobType type, guint32 number, ObIndexPlace *place);
gboolean ob_index_get_pack (ObIndex *index, guint32 number, ObId *id, guint64 *size);

guint32 ob_index_get_n_places (ObIndex *index, ObBlobType type);
guint32 ob_index_get_n_packs (ObIndex *index);
guint ob_index_get_generation (ObIndex *index);

/* Blobs of all types. Any thread. */
guint64 ob_index_get_n_blobs (ObIndex *index);

/* Bytes of the pack on the store, header included; FALSE where no index file lists it. Any
 * thread. */
gboolean ob_index_get_pack_size (ObIndex *index, const ObId *pack, guint64 *size);

/* Bytes of all packs together. Any thread. */
guint64 ob_index_get_stored_size (ObIndex *index);

/* Bytes of memory that it takes. Any thread. */
gsize ob_index_get_memory_size (ObIndex *index);

/* How an index forgets: a renewal begins, all that is still true is added again, and what was not
 * is forgotten at its end. Until then all that was known can be looked up, and what is new as well.
 * It needs a bit for each blob beside the index. Any thread; one renewal at a time, and none is
 * begun before the former has ended. */
void ob_index_begin_renewal (ObIndex *index);

/* @complete: whether all was added. FALSE: nothing is forgotten, and what is new stays. TRUE:
 * places and packs get new numbers, in the same order; lookups wait meanwhile, some 0.2 s for a
 * million blobs. Any thread. */
void ob_index_end_renewal (ObIndex *index, gboolean complete);

G_END_DECLS
