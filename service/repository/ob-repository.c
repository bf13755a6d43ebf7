/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-repository-private.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "ob-config.h"
#include "ob-error.h"
#include "ob-index-sync.h"
#include "ob-key-search.h"
#include "ob-key.h"
#include "ob-secret.h"
#include "ob-snapshot-cache.h"
#include "ob-unpacked-file.h"
#include "ob-unpacked.h"

#define CONFIG_NAME "config"

struct _ObRepository
{
  gint ref_count; /* atomic */
  ObStore *store;
  ObCryptoKey key;
  ObConfig config;
  guint8 chunker_seed[32];
  ObIndex *index;
  ObIndexSync *index_sync;
  ObSnapshotCache *snapshots;
  GAsyncQueue *left_locks;
};

/* internal: errors */

/* Adds where the repository is to the front of an error. */
static void
prefix_store (GError **error, ObStore *store)
{
  g_autofree char *where = NULL;

  if (error == NULL || *error == NULL)
    return;

  where = ob_store_describe (store);
  g_prefix_error (error, "%s: ", where);
}

/* internal: unpacked files */

gboolean
ob_repository_put_unpacked_as (ObRepository *self, const char *directory, const void *data,
                               gsize size, ObStorePutFlags flags, ObId *id,
                               GCancellable *cancellable, GError **error)
{
  g_autoptr (GByteArray) encoded = ob_unpacked_encode (self->config.version, data, size);
  g_autoptr (GByteArray) sealed = ob_unpacked_file_seal (&self->key, encoded->data, encoded->len);

  return ob_unpacked_file_put_under_hash (self->store, directory, sealed->data, sealed->len, flags,
                                          id, cancellable, error);
}

gboolean
ob_repository_put_unpacked (ObRepository *self, const char *directory, const void *data, gsize size,
                            ObId *id, GCancellable *cancellable, GError **error)
{
  return ob_repository_put_unpacked_as (self, directory, data, size, OB_STORE_PUT_NONE, id,
                                        cancellable, error);
}

GBytes *
ob_repository_get_unpacked (ObRepository *self, const char *name, gsize max,
                            GCancellable *cancellable, GError **error)
{
  g_autoptr (GBytes) stored = NULL;
  g_autoptr (GBytes) plain = NULL;
  g_autofree char *where = NULL;
  GBytes *text;

  stored = ob_store_get (self->store, name, ob_unpacked_get_bound (max) + OB_CRYPTO_OVERHEAD,
                         cancellable, error);
  if (stored == NULL)
    return NULL;

  where = ob_store_describe (self->store);
  if (!ob_unpacked_file_has_right_name (name, stored))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
                   "The file %s of the repository in %s is damaged: its bytes are not those that "
                   "its name promises",
                   name, where);
      return NULL;
    }

  plain = ob_unpacked_file_unseal (&self->key, stored);
  if (plain == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
                   "The file %s in %s is not one of this repository: its seal does not fit the "
                   "repository's key",
                   name, where);
      return NULL;
    }

  text = ob_unpacked_decode (g_bytes_get_data (plain, NULL), g_bytes_get_size (plain), max);
  if (text == NULL)
    g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
                 "The file %s of the repository in %s is too large or not encoded as it should be",
                 name, where);
  return text;
}

/* internal: config and keys */

/* Reads and opens the config with @key. Errors: NOT_FOUND, CORRUPT, NOT_SUPPORTED. */
static gboolean
read_config (ObStore *store, const ObCryptoKey *key, ObConfig *config, GCancellable *cancellable,
             GError **error)
{
  g_autoptr (GBytes) sealed
    = ob_store_get (store, CONFIG_NAME, OB_CONFIG_MAX_SIZE, cancellable, error);

  return sealed != NULL && ob_config_unseal (sealed, key, config, error);
}

/* HMAC-SHA-256 keyed by the whole master key, so that nobody without it learns where chunks are
 * cut, not even who knows the polynomial. */
static void
derive_chunker_seed (ObRepository *self)
{
  static const char label[] = "obbackup chunker gear table 1";
  guint8 message[sizeof label + 8];
  guint64 polynomial = GUINT64_TO_LE (self->config.chunker_polynomial);
  unsigned int size = sizeof self->chunker_seed;

  memcpy (message, label, sizeof label);
  memcpy (message + sizeof label, &polynomial, sizeof polynomial);
  if (HMAC (EVP_sha256 (), &self->key, sizeof self->key, message, sizeof message,
            self->chunker_seed, &size)
      == NULL)
    g_error ("libcrypto cannot run HMAC.");
}

static ObRepository *
new_repository (ObStore *store, const ObCryptoKey *key, const ObConfig *config)
{
  ObRepository *self = g_new0 (ObRepository, 1);

  self->ref_count = 1;
  self->store = g_object_ref (store);
  self->key = *key;
  self->config = *config;
  self->index = ob_index_new ();
  self->index_sync = ob_index_sync_new (self->index);
  self->snapshots = ob_snapshot_cache_new ();
  self->left_locks = g_async_queue_new_full (g_free);
  derive_chunker_seed (self);
  return self;
}

static gboolean
add_name (const char *name, guint64 size, gpointer user_data)
{
  g_ptr_array_add (user_data, g_strdup (name));
  return TRUE;
}

/* The names below @directory. Transfer full; NULL on error. */
static GPtrArray *
list_names (ObStore *store, const char *directory, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  if (!ob_store_list (store, directory, add_name, names, cancellable, error))
    return NULL;
  return g_steal_pointer (&names);
}

static gboolean
put_key (ObStore *store, const ObCryptoKey *key, const char *passphrase, ObId *id,
         GCancellable *cancellable, GError **error)
{
  g_autofree char *text = ob_key_file_build (key, passphrase, error);

  return text != NULL
         && ob_unpacked_file_put_under_hash (store, "keys", text, strlen (text), OB_STORE_PUT_NONE,
                                             id, cancellable, error);
}

/* creating */

/* Fails where the store holds a repository or a part of one. */
static gboolean
check_is_empty (ObStore *store, GCancellable *cancellable, GError **error)
{
  static const char *const directories[] = { "keys", "snapshots", "index", "data" };
  g_autoptr (GError) local_error = NULL;
  g_autofree char *where = ob_store_describe (store);

  if (ob_store_stat (store, CONFIG_NAME, NULL, cancellable, &local_error))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_EXISTS, "There is a repository in %s already", where);
      return FALSE;
    }
  if (!g_error_matches (local_error, OB_ERROR, OB_ERROR_NOT_FOUND))
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }

  for (gsize i = 0; i < G_N_ELEMENTS (directories); i++)
    {
      g_autoptr (GPtrArray) names = list_names (store, directories[i], cancellable, error);

      if (names == NULL)
        return FALSE;
      if (names->len > 0)
        {
          g_set_error (error, OB_ERROR, OB_ERROR_EXISTS,
                       "There are parts of a repository in %s (%s), though its config file is "
                       "missing. Choose an empty place",
                       where, (const char *) g_ptr_array_index (names, 0));
          return FALSE;
        }
    }
  return TRUE;
}

/* The config comes last: without it there is no repository. */
static gboolean
write_new (ObStore *store, const ObCryptoKey *key, const ObConfig *config, const char *passphrase,
           GCancellable *cancellable, GError **error)
{
  g_autofree char *text = ob_config_to_json (config);
  g_autoptr (GByteArray) sealed = ob_unpacked_file_seal (key, text, strlen (text));
  g_autofree char *key_name = NULL;
  char hex[OB_ID_HEX_SIZE];
  ObId key_id;

  if (!ob_store_prepare (store, cancellable, error)
      || !put_key (store, key, passphrase, &key_id, cancellable, error))
    return FALSE;
  if (ob_store_flush (store, cancellable, error)
      && ob_unpacked_file_put (store, CONFIG_NAME, sealed->data, sealed->len, OB_STORE_PUT_NEW,
                               cancellable, error))
    return ob_store_flush (store, cancellable, error);

  /* A key without a config would be in the way of the next try. */
  ob_id_to_hex (&key_id, hex);
  key_name = g_strconcat ("keys/", hex, NULL);
  ob_store_hide (store, key_name, NULL, NULL);
  return FALSE;
}

ObRepository *
ob_repository_create (ObStore *store, const char *passphrase, GCancellable *cancellable,
                      GError **error)
{
  g_autoptr (ObRepository) self = NULL;
  ObCryptoKey key;
  ObConfig config;

  if (!check_is_empty (store, cancellable, error))
    return NULL;

  ob_key_generate (&key);
  ob_config_generate (&config);
  self = new_repository (store, &key, &config);
  ob_secret_wipe (&key, sizeof key);

  if (!write_new (store, &self->key, &config, passphrase, cancellable, error))
    return NULL;
  /* Somebody else may have made one at the same moment. */
  if (!ob_repository_confirm (self, cancellable, error))
    return NULL;
  return g_steal_pointer (&self);
}

/* opening */

ObRepository *
ob_repository_open (ObStore *store, const char *passphrase, GCancellable *cancellable,
                    GError **error)
{
  g_autoptr (GBytes) sealed = NULL;
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GError) local_error = NULL;
  ObRepository *self;
  ObCryptoKey key;
  ObConfig config;

  sealed = ob_store_get (store, CONFIG_NAME, OB_CONFIG_MAX_SIZE, cancellable, &local_error);
  if (sealed == NULL)
    {
      g_autofree char *where = ob_store_describe (store);

      if (g_error_matches (local_error, OB_ERROR, OB_ERROR_NOT_FOUND))
        g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                     "There is no repository in %s: it has no config file", where);
      else
        g_propagate_error (error, g_steal_pointer (&local_error));
      return NULL;
    }

  names = list_names (store, "keys", cancellable, error);
  if (names == NULL)
    return NULL;

  if (!ob_key_search (store, names, sealed, passphrase, &key, &config, cancellable, error))
    {
      prefix_store (error, store);
      return NULL;
    }

  self = new_repository (store, &key, &config);
  ob_secret_wipe (&key, sizeof key);
  return self;
}

/* public methods */

ObRepository *
ob_repository_ref (ObRepository *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
ob_repository_unref (ObRepository *self)
{
  if (self == NULL || !g_atomic_int_dec_and_test (&self->ref_count))
    return;

  ob_snapshot_cache_free (self->snapshots);
  g_async_queue_unref (self->left_locks);
  ob_index_sync_free (self->index_sync);
  ob_index_free (self->index);
  g_object_unref (self->store);
  ob_secret_wipe (self, sizeof *self);
  g_free (self);
}

const char *
ob_repository_get_id (ObRepository *self)
{
  return self->config.id;
}

ObStore *
ob_repository_get_store (ObRepository *self)
{
  return self->store;
}

const ObCryptoKey *
ob_repository_get_key (ObRepository *self)
{
  return &self->key;
}

ObIndex *
ob_repository_get_index (ObRepository *self)
{
  return self->index;
}

const guint8 *
ob_repository_get_chunker_seed (ObRepository *self)
{
  return self->chunker_seed;
}

GAsyncQueue *
ob_repository_get_left_locks (ObRepository *repository)
{
  return repository->left_locks;
}

void
ob_repository_share_left_locks (ObRepository *self, GAsyncQueue *left)
{
  char *name;

  if (self->left_locks == left)
    return;
  while ((name = g_async_queue_try_pop (self->left_locks)) != NULL)
    g_async_queue_push (left, name);
  g_async_queue_unref (self->left_locks);
  self->left_locks = g_async_queue_ref (left);
}

guint
ob_repository_get_version (ObRepository *self)
{
  return self->config.version;
}

gboolean
ob_repository_confirm (ObRepository *self, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autofree char *where = NULL;
  ObConfig config;

  /* Opening it has just put the file into the page cache, which answers for a disk that is gone. */
  ob_store_forget (self->store, CONFIG_NAME);
  if (read_config (self->store, &self->key, &config, cancellable, &local_error)
      && g_str_equal (config.id, self->config.id))
    return TRUE;

  where = ob_store_describe (self->store);
  if (g_error_matches (local_error, OB_ERROR, OB_ERROR_NOT_FOUND))
    g_set_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
                 "The repository that should be in %s is missing: the disk may not be mounted",
                 where);
  else if (local_error == NULL || g_error_matches (local_error, OB_ERROR, OB_ERROR_CORRUPT)
           || g_error_matches (local_error, OB_ERROR, OB_ERROR_NOT_SUPPORTED))
    g_set_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
                 "The repository in %s is not the one that should be there, or its config file is "
                 "damaged: another disk may be mounted",
                 where);
  else
    g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

gboolean
ob_repository_is_damage (ObRepository *self, const GError *failure, GCancellable *cancellable)
{
  return g_error_matches (failure, OB_ERROR, OB_ERROR_CORRUPT)
         || g_error_matches (failure, OB_ERROR, OB_ERROR_NOT_FOUND)
         || (!g_error_matches (failure, OB_ERROR, OB_ERROR_CANCELLED)
             && ob_repository_confirm (self, cancellable, NULL));
}

gboolean
ob_repository_add_key (ObRepository *self, const char *passphrase, GCancellable *cancellable,
                       GError **error)
{
  ObId id;

  return put_key (self->store, &self->key, passphrase, &id, cancellable, error)
         && ob_store_flush (self->store, cancellable, error);
}

gboolean
ob_repository_load_index (ObRepository *self, GCancellable *cancellable, GError **error)
{
  return ob_index_sync_load (self->index_sync, self, cancellable, error);
}

gboolean
ob_repository_check_index (ObRepository *self, GPtrArray *damaged, GCancellable *cancellable,
                           GError **error)
{
  return ob_index_sync_check (self->index_sync, self, damaged, cancellable, error);
}

gboolean
ob_repository_has_lost_index (ObRepository *self, gboolean *lost, GCancellable *cancellable,
                              GError **error)
{
  return ob_index_sync_has_lost (self->index_sync, self, lost, cancellable, error);
}

/* Version 1 has no compressed blobs; nothing of ours goes in there. */
guint
ob_repository_count_readers (ObRepository *repository, guint n_workers, guint max)
{
  return CLAMP (MAX (n_workers, ob_store_get_reads_at_once (repository->store)), 1, max);
}

gboolean
ob_repository_check_writable (ObRepository *self, GError **error)
{
  g_autofree char *where = NULL;

  if (self->config.version >= 2)
    return TRUE;

  where = ob_store_describe (self->store);
  g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
               "The repository in %s has format version 1, which is only read. `restic migrate "
               "upgrade_repo_v2` makes it version 2",
               where);
  return FALSE;
}

gboolean
ob_repository_save_index (ObRepository *self, const ObId *packs, GArray *const *entries,
                          gsize n_packs, GCancellable *cancellable, GError **error)
{
  return ob_repository_check_writable (self, error)
         && ob_index_sync_save (self->index_sync, self, packs, entries, n_packs, cancellable,
                                error);
}

GPtrArray *
ob_repository_list_snapshots (ObRepository *self, GPtrArray **problems, GCancellable *cancellable,
                              GError **error)
{
  return ob_snapshot_cache_list (self->snapshots, self, problems, cancellable, error);
}

gboolean
ob_repository_save_snapshot (ObRepository *self, ObSnapshot *snapshot, GCancellable *cancellable,
                             GError **error)
{
  g_autofree char *text = ob_snapshot_to_json (snapshot);

  return ob_repository_check_writable (self, error)
         && ob_store_flush (self->store, cancellable, error)
         && ob_repository_put_unpacked (self, "snapshots", text, strlen (text), &snapshot->id,
                                        cancellable, error)
         && ob_store_flush (self->store, cancellable, error);
}

guint64
ob_repository_get_stored_size (ObRepository *self)
{
  return ob_index_get_stored_size (self->index);
}
