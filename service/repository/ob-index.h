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

/* Where the blob is: of several places the one known first, of those whose packs are not known to be
 * gone if there are such. Any thread. FALSE where it is not known. */
gboolean ob_index_lookup (ObIndex *index, ObBlobType type, const ObId *id,
                          ObBlobLocation *location);

/* Up to @max places where the blob is, the first as ob_index_lookup() gives it: another copy may be
 * sound where one is damaged. Returns how many there are in @locations. Any thread. */
gsize ob_index_lookup_all (ObIndex *index, ObBlobType type, const ObId *id,
                           ObBlobLocation *locations, gsize max);

/* Whether one can build on the blob: a place is known whose pack is not known to be gone. Any
 * thread. */
gboolean ob_index_has (ObIndex *index, ObBlobType type, const ObId *id);

/* Tells of the first packs, by their numbers, which are there as they should be (a bit of @there,
 * which has one for each of these packs); what was told before of these holds no more. *@n_gone: how
 * many are not. FALSE where @generation is not that of the index any more: nothing is changed. Any
 * thread. */
gboolean ob_index_set_there (ObIndex *index, guint generation, const ObBitmap *there,
                             guint32 *n_gone);

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
 * ob_index_replace(), which changes the generation. */
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

/* Gives @index the content of @other, which is left empty. Any thread; @other must be the caller's
 * alone. */
void ob_index_replace (ObIndex *index, ObIndex *other);

G_END_DECLS
