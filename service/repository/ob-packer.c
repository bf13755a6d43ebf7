/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-packer.h"

#include "ob-deadline.h"
#include "ob-hasher.h"
#include "ob-pack.h"
#include "ob-unsaved-packs.h"

#define N_TYPES 2
#define N_BUFFERS 2 /* a type */

/* restic's own default for data; trees are few and are read one by one. */
static const gsize capacities[N_TYPES] = {
  [OB_BLOB_DATA] = 16 * 1024 * 1024,
  [OB_BLOB_TREE] = 4 * 1024 * 1024,
};

#define PAGE 4096

/* For the index of what is stored when a backup is broken off: somebody may wait for its end. */
#define KEEP_MS (10 * 1000)

/* An entry of the header at most, and the header's own overhead with the length behind it. */
#define HEADER_ENTRY 41
#define HEADER_OVERHEAD (OB_CRYPTO_OVERHEAD + 4)

typedef struct _Pack Pack;

struct _Pack
{
  ObBlobType type;
  guint8 *data;
  gsize capacity;
  gsize used;
  guint unsealed; /* slots given out and not yet committed */
  gboolean closed;
  gboolean single; /* made for one large blob, not reused */
  GArray *entries; /* of ObPackEntry */
  Pack *next;
};

struct _ObPacker
{
  ObRepository *repository;
  ObFirstError *first_error;
  GCancellable *cancellable;
  ObCrypto *crypto; /* of the thread */
  ObHasher *hasher; /* of the thread */
  pthread_t thread;
  gboolean thread_runs;

  pthread_mutex_t mutex;
  pthread_cond_t freed; /* a buffer, or the pipeline stopped */
  pthread_cond_t ready; /* a pack to store, or the end */
  Pack *current[N_TYPES];
  Pack *free[N_TYPES];
  guint allocated[N_TYPES];
  Pack *first, *last; /* sealed and closed, in the order to store */
  gboolean finishing;
  gboolean stopped;
  gboolean keeps;
  ObLock *lock; /* NULL: nobody else is there */
  guint64 stored_bytes;
  GHashTable *stored; /* of ObId: packs */
  GHashTable *claimed[N_TYPES]; /* of ObId: on their way, in no saved index yet */
  ObUnsavedPacks *unsaved;      /* of the thread */
};

static void
pack_free (Pack *pack)
{
  if (pack == NULL)
    return;
  g_aligned_free (pack->data);
  g_clear_pointer (&pack->entries, g_array_unref);
  g_free (pack);
}

static Pack *
pack_new (ObBlobType type, gsize capacity)
{
  Pack *pack = g_new0 (Pack, 1);

  pack->type = type;
  pack->capacity = capacity;
  /* Aligned as a store needs it to hand it to the disk as it is. */
  pack->data = g_aligned_alloc (capacity, 1, PAGE);
  pack->entries = g_array_new (FALSE, FALSE, sizeof (ObPackEntry));
  return pack;
}

/* --- storing: in the packer's thread --- */

/* Adds the header and stores the pack under its hash. */
static gboolean
store_pack (ObPacker *packer, Pack *pack, ObId *id, GError **error)
{
  g_autoptr (GByteArray) header = ob_pack_build_header (packer->crypto, pack->entries);
  struct iovec parts[] = { { pack->data, pack->used }, { header->data, header->len } };
  g_autofree char *name = NULL;
  char hex[OB_ID_HEX_SIZE];
  /* Each backup reads the trees of the one before. */
  ObStorePutFlags keep = pack->type == OB_BLOB_TREE ? OB_STORE_PUT_KEEP : OB_STORE_PUT_NONE;

  ob_hasher_update (packer->hasher, pack->data, pack->used);
  ob_hasher_update (packer->hasher, header->data, header->len);
  ob_hasher_finish (packer->hasher, id);
  ob_id_to_hex (id, hex);
  name = g_strdup_printf ("data/%.2s/%s", hex, hex);
  if (!ob_store_put (ob_repository_get_store (packer->repository), name, parts,
                     G_N_ELEMENTS (parts), OB_STORE_PUT_DEFERRED | keep, packer->cancellable,
                     error))
    return FALSE;

  pthread_mutex_lock (&packer->mutex);
  packer->stored_bytes += pack->used + header->len;
  g_hash_table_add (packer->stored, g_memdup2 (id, sizeof *id));
  pthread_mutex_unlock (&packer->mutex);
  return TRUE;
}

static void
recycle (ObPacker *packer, Pack *pack)
{
  pack->entries = g_array_new (FALSE, FALSE, sizeof (ObPackEntry));
  pack->used = 0;
  pack->closed = FALSE;
  pthread_mutex_lock (&packer->mutex);
  if (pack->single)
    pack_free (pack);
  else
    {
      pack->next = packer->free[pack->type];
      packer->free[pack->type] = pack;
    }
  pthread_cond_broadcast (&packer->freed);
  pthread_mutex_unlock (&packer->mutex);
}

static void
forget_claim (gpointer data, gpointer user_data)
{
  const ObPackEntry *entry = data;
  ObPacker *packer = user_data;

  g_hash_table_remove (packer->claimed[entry->type], &entry->id);
}

static gboolean
confirm_lock (ObPacker *packer, GCancellable *cancellable, GError **error)
{
  ObLock *lock;

  pthread_mutex_lock (&packer->mutex);
  lock = packer->lock;
  pthread_mutex_unlock (&packer->mutex);
  return lock == NULL || ob_lock_confirm (lock, cancellable, error);
}

/* Packs durable, then the index that names them, and only then are the blobs taken from the claimed
 * ones: at any moment a blob is in one of the two. */
static gboolean
save_index (ObPacker *packer, GError **error)
{
  if (!confirm_lock (packer, packer->cancellable, error)
      || !ob_unsaved_packs_save (packer->unsaved, packer->repository, packer->cancellable, error))
    return FALSE;

  pthread_mutex_lock (&packer->mutex);
  ob_unsaved_packs_foreach (packer->unsaved, forget_claim, packer);
  pthread_mutex_unlock (&packer->mutex);
  ob_unsaved_packs_clear (packer->unsaved);
  return TRUE;
}

/* What broke it off is told already, and more important than what goes wrong here. */
static void
save_index_in_time (ObPacker *packer)
{
  ObStore *store = ob_repository_get_store (packer->repository);
  g_autoptr (ObDeadline) deadline = NULL;
  gint64 since;
  g_autofree char *waiting = ob_store_get_waiting (store, &since);
  g_autoptr (GError) error = NULL;

  if (waiting != NULL || ob_store_has_failed (store))
    return;
  deadline = ob_deadline_new (KEEP_MS, NULL);
  if (!confirm_lock (packer, ob_deadline_get_cancellable (deadline), &error)
      || !ob_unsaved_packs_save (packer->unsaved, packer->repository,
                                 ob_deadline_get_cancellable (deadline), &error))
    g_info ("What was stored before the end is in no index: %s", error->message);
}

static gboolean
store_and_recycle (ObPacker *packer, Pack *pack, GError **error)
{
  ObId id;
  gboolean ok = store_pack (packer, pack, &id, error);

  if (ok)
    ob_unsaved_packs_take (packer->unsaved, &id, g_steal_pointer (&pack->entries));
  else
    g_clear_pointer (&pack->entries, g_array_unref);
  recycle (packer, pack);
  return ok && (!ob_unsaved_packs_is_due (packer->unsaved) || save_index (packer, error));
}

/* The next sealed pack; NULL at the end. */
static Pack *
next_pack (ObPacker *packer)
{
  Pack *pack;

  pthread_mutex_lock (&packer->mutex);
  while (packer->first == NULL && !packer->finishing && !packer->stopped)
    ob_cond_wait_slice (&packer->ready, &packer->mutex);
  pack = packer->stopped ? NULL : packer->first;
  if (pack != NULL)
    {
      packer->first = pack->next;
      if (packer->first == NULL)
        packer->last = NULL;
      pack->next = NULL;
    }
  pthread_mutex_unlock (&packer->mutex);
  return pack;
}

static void *
run_thread (void *data)
{
  ObPacker *packer = data;
  g_autoptr (GError) error = NULL;
  gboolean ok = TRUE;
  gboolean keeps;
  Pack *pack;

  while (ok && (pack = next_pack (packer)) != NULL)
    ok = store_and_recycle (packer, pack, &error);

  pthread_mutex_lock (&packer->mutex);
  ok = ok && packer->finishing && !packer->stopped;
  keeps = packer->keeps;
  pthread_mutex_unlock (&packer->mutex);
  if (ok)
    save_index (packer, &error);
  else if (keeps)
    save_index_in_time (packer);
  if (error != NULL)
    {
      ob_first_error_take (packer->first_error, g_steal_pointer (&error));
      ob_packer_stop (packer);
    }
  return NULL;
}

/* --- filling: in any thread --- */

ObPacker *
ob_packer_new (ObRepository *repository, ObFirstError *first_error, GCancellable *cancellable)
{
  ObPacker *packer = g_new0 (ObPacker, 1);
  GError *failure = NULL;

  packer->repository = ob_repository_ref (repository);
  packer->first_error = first_error;
  packer->cancellable = cancellable != NULL ? g_object_ref (cancellable) : NULL;
  packer->crypto = ob_crypto_new (ob_repository_get_key (repository));
  packer->hasher = ob_hasher_new ();
  packer->unsaved = ob_unsaved_packs_new ();
  packer->stored = g_hash_table_new_full (ob_id_hash, ob_id_equal_func, g_free, NULL);
  pthread_mutex_init (&packer->mutex, NULL);
  ob_cond_init (&packer->freed);
  ob_cond_init (&packer->ready);
  for (guint i = 0; i < N_TYPES; i++)
    packer->claimed[i]
      = g_hash_table_new_full (ob_id_hash, ob_id_equal_func, g_free, NULL);
  /* Before the first pack is stored, which no index could tell of. */
  packer->stopped = !ob_repository_check_writable (repository, &failure);
  if (packer->stopped)
    ob_first_error_take (first_error, failure);
  packer->thread_runs = pthread_create (&packer->thread, NULL, run_thread, packer) == 0;
  if (!packer->thread_runs)
    g_error ("No thread can be started");
  return packer;
}

void
ob_packer_set_keeps (ObPacker *packer, gboolean keeps)
{
  pthread_mutex_lock (&packer->mutex);
  packer->keeps = keeps;
  pthread_mutex_unlock (&packer->mutex);
}

void
ob_packer_set_lock (ObPacker *packer, ObLock *lock)
{
  pthread_mutex_lock (&packer->mutex);
  packer->lock = lock;
  pthread_mutex_unlock (&packer->mutex);
}

static void
free_list (Pack *pack)
{
  while (pack != NULL)
    {
      Pack *next = pack->next;

      pack_free (pack);
      pack = next;
    }
}

static void
join_thread (ObPacker *packer)
{
  if (packer->thread_runs)
    pthread_join (packer->thread, NULL);
  packer->thread_runs = FALSE;
}

void
ob_packer_free (ObPacker *packer)
{
  ob_packer_stop (packer);
  join_thread (packer);
  for (guint i = 0; i < N_TYPES; i++)
    {
      pack_free (packer->current[i]);
      free_list (packer->free[i]);
      g_hash_table_unref (packer->claimed[i]);
    }
  free_list (packer->first);
  ob_unsaved_packs_free (packer->unsaved);
  g_hash_table_unref (packer->stored);
  pthread_mutex_destroy (&packer->mutex);
  pthread_cond_destroy (&packer->freed);
  pthread_cond_destroy (&packer->ready);
  ob_hasher_free (packer->hasher);
  ob_crypto_free (packer->crypto);
  g_clear_object (&packer->cancellable);
  ob_repository_unref (packer->repository);
  g_free (packer);
}

gboolean
ob_packer_claim (ObPacker *packer, ObBlobType type, const ObId *id)
{
  ObIndex *index = ob_repository_get_index (packer->repository);
  GHashTable *claimed = packer->claimed[type];
  gboolean is_new;

  if (ob_index_has (index, type, id))
    return FALSE;

  /* The index is asked again behind the lock: a blob goes from the claimed ones into the index. */
  pthread_mutex_lock (&packer->mutex);
  is_new = !g_hash_table_contains (claimed, id) && !ob_index_has (index, type, id);
  if (is_new)
    g_hash_table_add (claimed, g_memdup2 (id, sizeof *id));
  pthread_mutex_unlock (&packer->mutex);
  return is_new;
}

/* Hands a pack that is closed and sealed to the thread. Called with the mutex held. */
static void
enqueue_if_complete (ObPacker *packer, Pack *pack)
{
  if (!pack->closed || pack->unsealed > 0)
    return;
  pack->next = NULL;
  if (packer->last != NULL)
    packer->last->next = pack;
  else
    packer->first = pack;
  packer->last = pack;
  pthread_cond_signal (&packer->ready);
}

static void
close_current (ObPacker *packer, ObBlobType type)
{
  Pack *pack = packer->current[type];

  if (pack == NULL)
    return;
  packer->current[type] = NULL;
  pack->closed = TRUE;
  enqueue_if_complete (packer, pack);
}

static gboolean
has_room (const Pack *pack, gsize length)
{
  return pack->used + length + HEADER_OVERHEAD + HEADER_ENTRY * (gsize) (pack->entries->len + 1)
         <= pack->capacity;
}

/* Makes a pack current, waiting for one of the buffers. Called with the mutex held. */
static gboolean
open_pack (ObPacker *packer, ObBlobType type)
{
  while (packer->current[type] == NULL && !packer->stopped)
    {
      if (packer->free[type] != NULL)
        {
          packer->current[type] = packer->free[type];
          packer->free[type] = packer->current[type]->next;
          packer->current[type]->next = NULL;
        }
      else if (packer->allocated[type] < N_BUFFERS)
        {
          packer->allocated[type]++;
          packer->current[type] = pack_new (type, capacities[type]);
        }
      else
        {
          ob_cond_wait_slice (&packer->freed, &packer->mutex);
          if (g_cancellable_is_cancelled (packer->cancellable))
            return FALSE;
        }
    }
  return !packer->stopped;
}

/* A blob that would not fit into an empty pack gets one to itself. */
static Pack *
pack_for (ObPacker *packer, ObBlobType type, gsize length)
{
  gsize alone = length + HEADER_OVERHEAD + HEADER_ENTRY;
  Pack *pack;

  if (alone > capacities[type])
    {
      pack = pack_new (type, alone);
      pack->single = TRUE;
      pack->closed = TRUE;
      return pack;
    }
  if (packer->current[type] != NULL && !has_room (packer->current[type], length))
    close_current (packer, type);
  /* While one waits for a buffer another thread may open a pack and fill it. */
  while (open_pack (packer, type))
    {
      if (has_room (packer->current[type], length))
        return packer->current[type];
      close_current (packer, type);
    }
  return NULL;
}

gboolean
ob_packer_reserve (ObPacker *packer, ObBlobType type, const ObId *id, gsize length,
                   gsize plain_length, ObPackSlot *slot)
{
  Pack *pack;

  pthread_mutex_lock (&packer->mutex);
  pack = packer->stopped ? NULL : pack_for (packer, type, length);
  if (pack != NULL)
    {
      ObPackEntry entry = { .type = type,
                            .id = *id,
                            .offset = (guint32) pack->used,
                            .length = (guint32) length,
                            .plain_length = (guint32) plain_length };

      slot->pack = pack;
      slot->at = pack->data + pack->used;
      pack->used += length;
      pack->unsealed++;
      g_array_append_val (pack->entries, entry);
    }
  pthread_mutex_unlock (&packer->mutex);

  if (pack == NULL && g_cancellable_is_cancelled (packer->cancellable))
    {
      GError *cancelled = NULL;

      ob_check_cancelled (packer->cancellable, &cancelled);
      ob_first_error_take (packer->first_error, cancelled);
    }
  return pack != NULL;
}

void
ob_packer_commit (ObPacker *packer, ObPackSlot *slot)
{
  Pack *pack = slot->pack;

  pthread_mutex_lock (&packer->mutex);
  pack->unsealed--;
  enqueue_if_complete (packer, pack);
  pthread_mutex_unlock (&packer->mutex);
}

gboolean
ob_packer_finish (ObPacker *packer)
{
  gboolean stopped;

  pthread_mutex_lock (&packer->mutex);
  for (guint i = 0; i < N_TYPES; i++)
    close_current (packer, i);
  packer->finishing = TRUE;
  pthread_cond_broadcast (&packer->ready);
  pthread_mutex_unlock (&packer->mutex);

  join_thread (packer);
  /* One that was stopped has not stored all, whether somebody told why or not. */
  pthread_mutex_lock (&packer->mutex);
  stopped = packer->stopped;
  pthread_mutex_unlock (&packer->mutex);
  return !stopped && !ob_first_error_is_set (packer->first_error);
}

void
ob_packer_stop (ObPacker *packer)
{
  pthread_mutex_lock (&packer->mutex);
  packer->stopped = TRUE;
  pthread_cond_broadcast (&packer->freed);
  pthread_cond_broadcast (&packer->ready);
  pthread_mutex_unlock (&packer->mutex);
}

gboolean
ob_packer_has_stored (ObPacker *packer, const ObId *pack)
{
  gboolean has;

  pthread_mutex_lock (&packer->mutex);
  has = g_hash_table_contains (packer->stored, pack);
  pthread_mutex_unlock (&packer->mutex);
  return has;
}

guint64
ob_packer_get_stored_bytes (ObPacker *packer)
{
  guint64 bytes;

  pthread_mutex_lock (&packer->mutex);
  bytes = packer->stored_bytes;
  pthread_mutex_unlock (&packer->mutex);
  return bytes;
}

G_STATIC_ASSERT (OB_BLOB_TREE < N_TYPES);
