/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-blob-reader.h"

#include <string.h>
#include <zstd.h>

#include "ob-error.h"
#include "ob-hasher.h"
#include "ob-tree.h"

/* Copies of one blob that are tried where the first is damaged or cannot be read. */
#define MAX_COPIES 4

/* Above this the pack's size is looked up before memory is taken. */
#define TRUSTED_LENGTH (16 * 1024 * 1024)

/* Trees are a few hundred bytes each, and those of one directory lie together: they are read a
 * block at a time. */
#define BLOCK_SIZE (128 * 1024)
#define N_BLOCKS 16

typedef struct
{
  ObId pack;
  guint64 offset;
  gsize size;          /* 0: unused, or unreadable */
  gboolean unreadable; /* as a whole: a disk may fail at one place of it */
  guint64 last_use;
  guint8 *data;
} Block;

typedef struct
{
  guint8 *data;
  gsize room;
} Buffer;

struct _ObBlobReader
{
  ObRepository *repository;
  ObCrypto *crypto;
  ZSTD_DCtx *context;
  ObHasher *hasher;
  Buffer sealed;
  Buffer plain;
  Block blocks[N_BLOCKS];
  guint64 uses;
  GError *survived; /* the first failure that was made good */
  ObId survived_pack;
};

ObBlobReader *
ob_blob_reader_new (ObRepository *repository)
{
  ObBlobReader *reader = g_new0 (ObBlobReader, 1);

  reader->repository = ob_repository_ref (repository);
  reader->crypto = ob_crypto_new (ob_repository_get_key (repository));
  reader->context = ZSTD_createDCtx ();
  if (reader->context == NULL)
    g_error ("zstd offers no context");
  reader->hasher = ob_hasher_new ();
  return reader;
}

void
ob_blob_reader_free (ObBlobReader *reader)
{
  for (guint i = 0; i < N_BLOCKS; i++)
    g_free (reader->blocks[i].data);
  g_clear_error (&reader->survived);
  g_free (reader->sealed.data);
  g_free (reader->plain.data);
  ob_hasher_free (reader->hasher);
  ZSTD_freeDCtx (reader->context);
  ob_crypto_free (reader->crypto);
  ob_repository_unref (reader->repository);
  g_free (reader);
}

static guint8 *
make_room (Buffer *buffer, gsize size)
{
  if (buffer->room < size)
    {
      g_free (buffer->data);
      buffer->data = g_malloc (size);
      buffer->room = size;
    }
  return buffer->data;
}

static void
set_corrupt (ObBlobReader *reader, GError **error, const ObId *id, const ObBlobLocation *location,
             const char *what)
{
  g_autofree char *where = ob_store_describe (ob_repository_get_store (reader->repository));
  char blob[OB_ID_HEX_SIZE];
  char pack[OB_ID_HEX_SIZE];

  ob_id_to_hex (id, blob);
  ob_id_to_hex (&location->pack, pack);
  g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
               "Blob %s in pack %s of the repository in %s is damaged: %s. Check the disk there; "
               "another backup may be whole",
               blob, pack, where, what);
}

gsize
ob_blob_location_get_plain_size (const ObBlobLocation *location)
{
  return location->plain_length != 0 ? location->plain_length
                                     : location->length - OB_CRYPTO_OVERHEAD;
}

gboolean
ob_blob_reader_locate (ObBlobReader *reader, ObBlobType type, const ObId *id,
                       ObBlobLocation *location, GError **error)
{
  if (!ob_index_lookup (ob_repository_get_index (reader->repository), type, id, location))
    {
      char hex[OB_ID_HEX_SIZE];

      ob_id_to_hex (id, hex);
      g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
                   "The %s blob %s is in no index of the repository: what it holds is lost, unless "
                   "its pack can be found again (restic repair index)",
                   type == OB_BLOB_TREE ? "tree" : "data", hex);
      return FALSE;
    }
  if (ob_index_entry_is_sound (type, location->offset, location->length, location->plain_length))
    return TRUE;
  set_corrupt (reader, error, id, location, "the index gives it a size that cannot be");
  return FALSE;
}

static char *
pack_name (const ObId *pack)
{
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (pack, hex);
  return g_strdup_printf ("data/%.2s/%s", hex, hex);
}

/* A pack that is not there is a damage of the repository. */
static void
set_pack_error (const char *name, GError *failure, GError **error)
{
  if (!g_error_matches (failure, OB_ERROR, OB_ERROR_NOT_FOUND))
    {
      g_propagate_error (error, failure);
      return;
    }
  g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
               "Pack %s is missing from the destination: what it held is lost",
               name + strlen ("data/00/"));
  g_error_free (failure);
}

/* Reads what there is of the range; -1 on error. Packs of trees are worth keeping where the store
 * is far away. */
static gssize
read_some (ObBlobReader *reader, ObBlobType type, const ObId *pack, guint64 offset, guint8 *buffer,
           gsize length, GCancellable *cancellable, GError **error)
{
  ObStore *store = ob_repository_get_store (reader->repository);
  g_autofree char *name = pack_name (pack);
  GError *failure = NULL;
  gssize n = type == OB_BLOB_TREE
               ? ob_store_read_kept (store, name, offset, buffer, length, cancellable, &failure)
               : ob_store_read (store, name, offset, buffer, length, cancellable, &failure);

  if (n < 0)
    set_pack_error (name, failure, error);
  return n;
}

static gboolean
read_range (ObBlobReader *reader, ObBlobType type, const ObId *pack, guint64 offset, guint8 *buffer,
            gsize length, GCancellable *cancellable, GError **error)
{
  gssize n = read_some (reader, type, pack, offset, buffer, length, cancellable, error);
  char hex[OB_ID_HEX_SIZE];

  if (n < 0)
    return FALSE;
  if ((gsize) n == length)
    return TRUE;
  ob_id_to_hex (pack, hex);
  g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
               "Pack %s is cut short: it ends at byte %" G_GUINT64_FORMAT
               " where the index knows %" G_GUINT64_FORMAT " bytes",
               hex, offset + (guint64) n, offset + length);
  return FALSE;
}

gboolean
ob_blob_reader_read_range (ObBlobReader *reader, const ObId *pack, guint64 offset, guint8 *buffer,
                           gsize length, GCancellable *cancellable, GError **error)
{
  return read_range (reader, OB_BLOB_DATA, pack, offset, buffer, length, cancellable, error);
}

gboolean
ob_blob_reader_is_damage (ObBlobReader *reader, const GError *failure, GCancellable *cancellable)
{
  return ob_repository_is_damage (reader->repository, failure, cancellable);
}

static gboolean
is_compressed (const ObBlobLocation *location)
{
  return location->plain_length != 0;
}

/* @sealed may be overwritten where @opened is @sealed + 16. What is not compressed is opened where
 * it is wanted: @plain is @opened then. */
static gboolean
open_in_two_steps (ObBlobReader *reader, const ObId *id, const ObBlobLocation *location,
                   const guint8 *sealed, guint8 *opened, guint8 *plain, GError **error)
{
  gsize opened_size = location->length - OB_CRYPTO_OVERHEAD;
  gsize size = ob_blob_location_get_plain_size (location);
  ObId actual;

  if (!ob_crypto_open (reader->crypto, sealed, location->length, opened))
    {
      set_corrupt (reader, error, id, location, "its message authentication code is wrong");
      return FALSE;
    }
  if (is_compressed (location)
      && ZSTD_decompressDCtx (reader->context, plain, size, opened, opened_size) != size)
    {
      set_corrupt (reader, error, id, location, "it does not uncompress to its size in the index");
      return FALSE;
    }
  ob_hasher_run (reader->hasher, plain, size, &actual);
  if (!ob_id_equal (&actual, id))
    {
      set_corrupt (reader, error, id, location, "its content does not have its SHA-256");
      return FALSE;
    }
  return TRUE;
}

static const guint8 *
open_into (ObBlobReader *reader, const ObId *id, const ObBlobLocation *location,
           const guint8 *sealed, guint8 *opened, gsize *size, GError **error)
{
  guint8 *plain = opened;

  *size = ob_blob_location_get_plain_size (location);
  if (is_compressed (location))
    plain = make_room (&reader->plain, *size);
  return open_in_two_steps (reader, id, location, sealed, opened, plain, error) ? plain : NULL;
}

const guint8 *
ob_blob_reader_open (ObBlobReader *reader, const ObId *id, const ObBlobLocation *location,
                     guint8 *sealed, gsize *size, GError **error)
{
  return open_into (reader, id, location, sealed, sealed + 16, size, error);
}

gboolean
ob_blob_reader_open_to (ObBlobReader *reader, const ObId *id, const ObBlobLocation *location,
                        guint8 *sealed, guint8 *plain, GError **error)
{
  return open_in_two_steps (reader, id, location, sealed,
                            is_compressed (location) ? sealed + 16 : plain, plain, error);
}

static gboolean
check_large (ObBlobReader *reader, const ObId *id, const ObBlobLocation *location,
             GCancellable *cancellable, GError **error)
{
  g_autofree char *name = pack_name (&location->pack);
  GError *failure = NULL;
  guint64 pack_size;

  if (location->length <= TRUSTED_LENGTH)
    return TRUE;
  if (!ob_store_stat (ob_repository_get_store (reader->repository), name, &pack_size, cancellable,
                      &failure))
    {
      set_pack_error (name, failure, error);
      return FALSE;
    }
  if ((guint64) location->offset + location->length <= pack_size)
    return TRUE;
  set_corrupt (reader, error, id, location, "the index gives it more bytes than the pack has");
  return FALSE;
}

/* What is damaged is not noted: that can be seen again. */
static void
survive (ObBlobReader *reader, const GError *failure, const ObId *pack)
{
  if (reader->survived != NULL || g_error_matches (failure, OB_ERROR, OB_ERROR_CORRUPT))
    return;
  reader->survived = g_error_copy (failure);
  reader->survived_pack = *pack;
}

const GError *
ob_blob_reader_get_survived (ObBlobReader *reader, ObId *pack)
{
  *pack = reader->survived_pack;
  return reader->survived;
}

/* Where the block of a small tree begins: one that lies across the end of its block has a block from
 * its own beginning. */
static guint64
get_block_offset (const ObBlobLocation *location)
{
  guint64 begin = location->offset / BLOCK_SIZE * BLOCK_SIZE;

  return (guint64) location->offset + location->length > begin + BLOCK_SIZE ? location->offset
                                                                            : begin;
}

static gboolean
block_serves (const Block *block, const ObBlobLocation *location)
{
  if (!ob_id_equal (&block->pack, &location->pack))
    return FALSE;
  if (block->unreadable)
    return block->offset == get_block_offset (location);
  return block->size > 0 && block->offset <= location->offset
         && (guint64) location->offset + location->length <= block->offset + block->size;
}

/* The block that holds the whole of a small tree, read if it must be. One that cannot be read is
 * kept as such, so that not every tree in it tries again. NULL on error. */
static const Block *
get_block (ObBlobReader *reader, const ObBlobLocation *location, GCancellable *cancellable,
           GError **error)
{
  Block *oldest = &reader->blocks[0];
  g_autoptr (GError) failure = NULL;
  gssize n;

  for (guint i = 0; i < N_BLOCKS; i++)
    {
      Block *block = &reader->blocks[i];

      if (block_serves (block, location))
        {
          block->last_use = ++reader->uses;
          return block;
        }
      if (block->last_use < oldest->last_use)
        oldest = block;
    }

  if (oldest->data == NULL)
    oldest->data = g_malloc (BLOCK_SIZE);
  oldest->size = 0;
  oldest->unreadable = FALSE;
  oldest->pack = location->pack;
  oldest->offset = get_block_offset (location);
  n = read_some (reader, OB_BLOB_TREE, &location->pack, oldest->offset, oldest->data, BLOCK_SIZE,
                 cancellable, &failure);
  if (n < 0
      && (g_error_matches (failure, OB_ERROR, OB_ERROR_CORRUPT)
          || !ob_blob_reader_is_damage (reader, failure, cancellable)))
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return NULL;
    }
  if (n < 0)
    survive (reader, failure, &location->pack);
  oldest->size = (gsize) MAX (n, 0);
  oldest->unreadable = n < 0;
  oldest->last_use = ++reader->uses;
  return oldest;
}

/* A blob where it lies, and no byte beside it. */
static const guint8 *
load_exactly (ObBlobReader *reader, ObBlobType type, const ObId *id,
              const ObBlobLocation *location, gsize *size, GCancellable *cancellable,
              GError **error)
{
  guint8 *sealed = make_room (&reader->sealed, location->length);

  if (!read_range (reader, type, &location->pack, location->offset, sealed, location->length,
                   cancellable, error))
    return NULL;
  return ob_blob_reader_open (reader, id, location, sealed, size, error);
}

static const guint8 *
load_small_tree (ObBlobReader *reader, const ObId *id, const ObBlobLocation *location, gsize *size,
                 GCancellable *cancellable, GError **error)
{
  const Block *block = get_block (reader, location, cancellable, error);
  gsize within;

  if (block == NULL)
    return NULL;
  if (block->unreadable)
    return load_exactly (reader, OB_BLOB_TREE, id, location, size, cancellable, error);
  within = location->offset - block->offset;
  if (within + location->length > block->size)
    {
      set_corrupt (reader, error, id, location, "the pack is cut short");
      return NULL;
    }
  return open_into (reader, id, location, block->data + within,
                    make_room (&reader->sealed, location->length), size, error);
}

static const guint8 *
load_from (ObBlobReader *reader, ObBlobType type, const ObId *id, const ObBlobLocation *location,
           gsize *size, GCancellable *cancellable, GError **error)
{
  if (type == OB_BLOB_TREE && location->length <= BLOCK_SIZE)
    return load_small_tree (reader, id, location, size, cancellable, error);
  return check_large (reader, id, location, cancellable, error)
           ? load_exactly (reader, type, id, location, size, cancellable, error)
           : NULL;
}

/* Drops what was read of a pack here and in a cache between; whether there was a cache. */
static gboolean
distrust (ObBlobReader *reader, const ObId *pack)
{
  g_autofree char *name = pack_name (pack);

  for (guint i = 0; i < N_BLOCKS; i++)
    if (ob_id_equal (&reader->blocks[i].pack, pack))
      {
        reader->blocks[i].size = 0;
        reader->blocks[i].unreadable = FALSE;
      }
  return ob_store_distrust (ob_repository_get_store (reader->repository), name);
}

/* As load_from(), once more where it was a copy of the pack that is damaged. */
static const guint8 *
load_surely (ObBlobReader *reader, ObBlobType type, const ObId *id, const ObBlobLocation *location,
             gsize *size, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) failure = NULL;
  const guint8 *plain = load_from (reader, type, id, location, size, cancellable, &failure);

  if (plain != NULL)
    return plain;
  if (type == OB_BLOB_TREE && g_error_matches (failure, OB_ERROR, OB_ERROR_CORRUPT)
      && distrust (reader, &location->pack))
    return load_from (reader, type, id, location, size, cancellable, error);
  g_propagate_error (error, g_steal_pointer (&failure));
  return NULL;
}

const guint8 *
ob_blob_reader_load (ObBlobReader *reader, ObBlobType type, const ObId *id, gsize *size,
                     GCancellable *cancellable, GError **error)
{
  ObBlobLocation locations[MAX_COPIES];
  ObIndex *index = ob_repository_get_index (reader->repository);
  g_autoptr (GError) first = NULL;
  const guint8 *plain;
  gsize n;

  if (!ob_blob_reader_locate (reader, type, id, &locations[0], error))
    return NULL;
  plain = load_surely (reader, type, id, &locations[0], size, cancellable, &first);
  if (plain != NULL)
    return plain;

  /* Another copy may be sound. */
  n = ob_index_lookup_all (index, type, id, locations, MAX_COPIES);
  if (n > 1 && !ob_blob_reader_is_damage (reader, first, cancellable))
    n = 0;
  for (gsize i = 1; i < n && plain == NULL; i++)
    plain = load_surely (reader, type, id, &locations[i], size, cancellable, NULL);
  if (plain == NULL)
    g_propagate_error (error, g_steal_pointer (&first));
  else
    survive (reader, first, &locations[0].pack);
  return plain;
}

GPtrArray *
ob_blob_reader_try_tree (ObBlobReader *reader, const ObId *id, gboolean *was_read,
                         GCancellable *cancellable, GError **error)
{
  gsize size;
  const guint8 *text
    = ob_blob_reader_load (reader, OB_BLOB_TREE, id, &size, cancellable, error);
  GPtrArray *nodes;
  char hex[OB_ID_HEX_SIZE];

  *was_read = text != NULL;
  if (text == NULL)
    return NULL;
  nodes = ob_tree_from_json ((const char *) text, size, error);
  if (nodes == NULL)
    {
      ob_id_to_hex (id, hex);
      g_prefix_error (error, "Tree %s: ", hex);
    }
  return nodes;
}

GPtrArray *
ob_blob_reader_load_tree (ObBlobReader *reader, const ObId *id, GCancellable *cancellable,
                          GError **error)
{
  gboolean was_read;

  return ob_blob_reader_try_tree (reader, id, &was_read, cancellable, error);
}
