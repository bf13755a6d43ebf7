/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-cache-store.h"

#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "ob-aws-signature.h"
#include "ob-cache-packs.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"

#define PACKS "data"
/* Packs of ours that hold trees have 4 MiB, those of restic 16 to 20, if nobody chose otherwise. */
#define MAX_PACK (32 * 1024 * 1024)
#define HASH_LENGTH 64
#define PLACE_LENGTH 32
#define ROOM (128 * 1024)

struct _ObCacheStore
{
  ObStore parent_instance;

  ObStore *origin;
  ObCacheDirectory *directory;
  char *place;
  ObCachePacks *packs;
};

G_DEFINE_FINAL_TYPE (ObCacheStore, ob_cache_store, OB_TYPE_STORE)

/* internal methods: names */

static const char *
get_base (const char *name)
{
  const char *slash = strrchr (name, '/');

  return slash != NULL ? slash + 1 : name;
}

static gboolean
is_hash (const char *base)
{
  return strlen (base) == HASH_LENGTH && strspn (base, "0123456789abcdef") == HASH_LENGTH;
}

static gboolean
is_pack (const char *name)
{
  return g_str_has_prefix (name, PACKS "/") && is_hash (get_base (name));
}

/* Whether it is a file that is read as a whole, each time. Locks are not: whether one is there
 * matters more than what it says. */
static gboolean
is_small (const char *name)
{
  static const char *const kinds[] = { "index/", "snapshots/", "keys/" };

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_str_has_prefix (name, kinds[i]))
      return is_hash (name + strlen (kinds[i]));
  return FALSE;
}

/* The name of the directory for a place that describes itself so. Transfer full. */
static char *
make_place (const char *description)
{
  const struct iovec part = { (void *) description, strlen (description) };
  char hash[OB_AWS_HASH_SIZE];

  ob_aws_hash (&part, 1, hash);
  return g_strndup (hash, PLACE_LENGTH);
}

static gboolean
has_right_hash (const char *name, const void *data, gsize size)
{
  const struct iovec part = { (void *) data, size };
  char hash[OB_AWS_HASH_SIZE];

  ob_aws_hash (&part, 1, hash);
  return strcmp (hash, get_base (name)) == 0;
}

/* internal methods: copies of whole objects */

/* A copy of at most @max bytes; NULL where there is none that is sound. */
static GBytes *
read_copy (ObCacheStore *self, const char *name, gsize max)
{
  g_autofree guint8 *data = NULL;
  struct stat info;
  ob_autofd int fd = ob_cache_directory_open (self->directory, self->place, name, &info);
  gsize size;

  if (fd < 0)
    return NULL;
  size = (gsize) info.st_size;
  data = (guint64) info.st_size <= max ? g_try_malloc (MAX (size, 1)) : NULL;
  if (data != NULL && ob_read_full (fd, data, size) == (gssize) size
      && has_right_hash (name, data, size))
    return g_bytes_new_take (g_steal_pointer (&data), size);
  g_debug ("The copy of %s in the cache is damaged; it is read anew.", name);
  ob_cache_directory_remove (self->directory, self->place, name);
  return NULL;
}

static void
keep (ObCacheStore *self, const char *name, GBytes *bytes)
{
  const struct iovec part = { (void *) g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes) };

  if (has_right_hash (name, part.iov_base, part.iov_len))
    ob_cache_directory_put (self->directory, self->place, name, &part, 1);
}

/* internal methods: copies of packs */

/* Whether the open file has the hash that its name promises. */
static gboolean
check_file (int fd, const char *name)
{
  g_autofree guint8 *room = g_malloc (ROOM);
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  guint8 hash[EVP_MAX_MD_SIZE];
  char hex[HASH_LENGTH + 1];
  gssize n;

  if (context == NULL || EVP_DigestInit_ex (context, EVP_sha256 (), NULL) != 1)
    g_error ("libcrypto cannot run SHA-256.");
  while ((n = ob_read_full (fd, room, ROOM)) > 0)
    EVP_DigestUpdate (context, room, (gsize) n);
  EVP_DigestFinal_ex (context, hash, NULL);
  EVP_MD_CTX_free (context);
  for (guint i = 0; i < HASH_LENGTH / 2; i++)
    g_snprintf (hex + 2 * i, 3, "%02x", hash[i]);
  return n == 0 && strcmp (hex, get_base (name)) == 0;
}

static gssize
read_at (int fd, guint64 offset, void *buffer, gsize size)
{
  return lseek (fd, (off_t) offset, SEEK_SET) < 0 ? -1 : ob_read_full (fd, buffer, size);
}

/* As ob_store_read(), from a copy; -1 where there is none that is sound. */
static gssize
read_from_copy (ObCacheStore *self, const char *name, guint64 offset, void *buffer, gsize size)
{
  struct stat info;
  ob_autofd int fd = ob_cache_directory_open (self->directory, self->place, name, &info);
  ObCopyState state, after;
  gssize n = -1;

  if (fd < 0)
    return -1;
  state = ob_copy_state_get (&info);
  if (!ob_cache_packs_is_checked (self->packs, name, &state))
    {
      if (info.st_size > MAX_PACK || !check_file (fd, name))
        {
          g_debug ("The copy of %s in the cache is damaged; it is read anew.", name);
          ob_cache_directory_remove (self->directory, self->place, name);
          return -1;
        }
      ob_cache_packs_set_checked (self->packs, name, &state);
    }
  if (offset >= (guint64) info.st_size)
    n = 0;
  else
    n = read_at (fd, offset, buffer, MIN (size, (guint64) info.st_size - offset));
  /* Somebody may have done something to it in the middle of that. */
  if (fstat (fd, &info) < 0)
    return -1;
  after = ob_copy_state_get (&info);
  return ob_copy_state_equal (&state, &after) ? n : -1;
}

/* Reads a whole pack, and keeps it where it is what its name promises: whatever is in a damaged one
 * is judged by who reads it. *@is_large: it is more than is read at once, which is no error. */
static GBytes *
fetch (ObCacheStore *self, const char *name, gboolean *is_large, GCancellable *cancellable,
       GError **error)
{
  g_autoptr (GError) local = NULL;
  GBytes *bytes = ob_store_get (self->origin, name, MAX_PACK, cancellable, &local);

  *is_large = g_error_matches (local, OB_ERROR, OB_ERROR_CORRUPT);
  if (bytes != NULL)
    keep (self, name, bytes);
  else if (!*is_large)
    g_propagate_error (error, g_steal_pointer (&local));
  return bytes;
}

static gssize
copy_range (GBytes *bytes, guint64 offset, void *buffer, gsize size)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (bytes, &length);
  gsize n = offset < length ? MIN (size, length - (gsize) offset) : 0;

  if (n > 0)
    memcpy (buffer, data + offset, n);
  return (gssize) n;
}

/* virtual functions */

static gboolean
ob_cache_store_put (ObStore *store, const char *name, const struct iovec *parts, gsize n_parts,
                    ObStorePutFlags flags, GCancellable *cancellable, GError **error)
{
  ObCacheStore *self = OB_CACHE_STORE (store);

  if (!ob_store_put (self->origin, name, parts, n_parts, flags, cancellable, error))
    return FALSE;
  if (is_small (name) || (is_pack (name) && (flags & OB_STORE_PUT_KEEP) != 0))
    ob_cache_directory_put (self->directory, self->place, name, parts, n_parts);
  return TRUE;
}

static gboolean
ob_cache_store_flush (ObStore *store, GCancellable *cancellable, GError **error)
{
  return ob_store_flush (OB_CACHE_STORE (store)->origin, cancellable, error);
}

static gssize
ob_cache_store_read (ObStore *store, const char *name, guint64 offset, void *buffer, gsize size,
                     GCancellable *cancellable, GError **error)
{
  return ob_store_read (OB_CACHE_STORE (store)->origin, name, offset, buffer, size, cancellable,
                        error);
}

static gssize
ob_cache_store_read_kept (ObStore *store, const char *name, guint64 offset, void *buffer,
                          gsize size, GCancellable *cancellable, GError **error)
{
  ObCacheStore *self = OB_CACHE_STORE (store);
  gssize n = is_pack (name) ? read_from_copy (self, name, offset, buffer, size) : -1;
  g_autoptr (GBytes) bytes = NULL;
  gboolean is_ours = FALSE;
  gboolean is_large = FALSE;

  if (n >= 0)
    return n;
  if (is_pack (name)
      && !ob_cache_packs_begin_fetch (self->packs, name, &is_ours, cancellable, error))
    return -1;
  if (is_ours)
    {
      bytes = fetch (self, name, &is_large, cancellable, error);
      ob_cache_packs_end_fetch (self->packs, name, bytes != NULL || is_large);
      if (bytes != NULL)
        return copy_range (bytes, offset, buffer, size);
      if (!is_large)
        return -1;
    }
  /* Somebody else may have fetched it while we waited. */
  else if (is_pack (name) && (n = read_from_copy (self, name, offset, buffer, size)) >= 0)
    return n;
  return ob_store_read_kept (self->origin, name, offset, buffer, size, cancellable, error);
}

static gboolean
ob_cache_store_distrust (ObStore *store, const char *name)
{
  ObCacheStore *self = OB_CACHE_STORE (store);

  if (!is_pack (name))
    return FALSE;
  ob_cache_packs_give_up (self->packs, name);
  return ob_cache_directory_remove (self->directory, self->place, name);
}

static GBytes *
ob_cache_store_get (ObStore *store, const char *name, gsize max, GCancellable *cancellable,
                    GError **error)
{
  ObCacheStore *self = OB_CACHE_STORE (store);
  GBytes *bytes = is_small (name) ? read_copy (self, name, max) : NULL;

  if (bytes != NULL)
    return bytes;
  bytes = ob_store_get (self->origin, name, max, cancellable, error);
  if (bytes != NULL && is_small (name))
    keep (self, name, bytes);
  return bytes;
}

static gboolean
ob_cache_store_stat (ObStore *store, const char *name, guint64 *size, GCancellable *cancellable,
                     GError **error)
{
  return ob_store_stat (OB_CACHE_STORE (store)->origin, name, size, cancellable, error);
}

typedef struct
{
  ObStoreListFunc func;
  gpointer user_data;
  GHashTable *gone; /* the copies that were not listed so far */
  gboolean is_whole;
} Listing;

static gboolean
on_listed (const char *name, guint64 size, gpointer user_data)
{
  Listing *listing = user_data;

  g_hash_table_remove (listing->gone, get_base (name));
  listing->is_whole = listing->func (name, size, listing->user_data);
  return listing->is_whole;
}

static gboolean
ob_cache_store_list (ObStore *store, const char *directory, ObStoreListFunc func,
                     gpointer user_data, GCancellable *cancellable, GError **error)
{
  ObCacheStore *self = OB_CACHE_STORE (store);
  g_autoptr (GHashTable) gone = ob_cache_directory_list (self->directory, self->place, directory);
  Listing listing = { func, user_data, gone, TRUE };
  GHashTableIter iter;
  gpointer base;

  if (!ob_store_list (self->origin, directory, on_listed, &listing, cancellable, error))
    return FALSE;
  g_hash_table_iter_init (&iter, gone);
  while (listing.is_whole && g_hash_table_iter_next (&iter, &base, NULL))
    {
      g_autofree char *name = g_strconcat (directory, "/", (const char *) base, NULL);

      ob_cache_directory_remove (self->directory, self->place, name);
    }
  return TRUE;
}

static gboolean
ob_cache_store_remove (ObStore *store, const char *name, GCancellable *cancellable, GError **error)
{
  ObCacheStore *self = OB_CACHE_STORE (store);
  gboolean done = ob_store_hide (self->origin, name, cancellable, error);

  if (is_small (name) || is_pack (name))
    ob_cache_directory_remove (self->directory, self->place, name);
  return done;
}

static gboolean
ob_cache_store_space (ObStore *store, guint64 *free_bytes, guint64 *total_bytes,
                      GCancellable *cancellable, GError **error)
{
  return ob_store_space (OB_CACHE_STORE (store)->origin, free_bytes, total_bytes, cancellable,
                         error);
}

static gboolean
ob_cache_store_prepare (ObStore *store, GCancellable *cancellable, GError **error)
{
  return ob_store_prepare (OB_CACHE_STORE (store)->origin, cancellable, error);
}

static char *
ob_cache_store_describe (ObStore *store)
{
  return ob_store_describe (OB_CACHE_STORE (store)->origin);
}

static gboolean
ob_cache_store_has_failed (ObStore *store)
{
  return ob_store_has_failed (OB_CACHE_STORE (store)->origin);
}

static gboolean
ob_cache_store_is_consistent (ObStore *store)
{
  return ob_store_is_consistent (OB_CACHE_STORE (store)->origin);
}

static guint
ob_cache_store_get_reads_at_once (ObStore *store)
{
  return ob_store_get_reads_at_once (OB_CACHE_STORE (store)->origin);
}

static guint
ob_cache_store_get_lock_days (ObStore *store)
{
  return ob_store_get_lock_days (OB_CACHE_STORE (store)->origin);
}

static gboolean
ob_cache_store_can_lock (ObStore *store, gboolean *can, GCancellable *cancellable, GError **error)
{
  ObStore *origin = OB_CACHE_STORE (store)->origin;

  *can = FALSE;
  return OB_STORE_GET_CLASS (origin)->can_lock == NULL
         || OB_STORE_GET_CLASS (origin)->can_lock (origin, can, cancellable, error);
}

static gboolean
ob_cache_store_get_lock (ObStore *store, const char *name, gint64 *until,
                         GCancellable *cancellable, GError **error)
{
  return ob_store_get_lock (OB_CACHE_STORE (store)->origin, name, until, cancellable, error);
}

static gboolean
ob_cache_store_extend_lock (ObStore *store, const char *name, gint64 until, gboolean *changed,
                            GCancellable *cancellable, GError **error)
{
  return ob_store_extend_lock (OB_CACHE_STORE (store)->origin, name, until, changed, cancellable,
                               error);
}

static char *
ob_cache_store_get_waiting (ObStore *store, gint64 *since)
{
  return ob_store_get_waiting (OB_CACHE_STORE (store)->origin, since);
}

static void
ob_cache_store_forget_read (ObStore *store, const char *name)
{
  ob_store_forget (OB_CACHE_STORE (store)->origin, name);
}

static gboolean
ob_cache_store_purge (ObStore *store, const char *name, GCancellable *cancellable, GError **error)
{
  return ob_store_purge (OB_CACHE_STORE (store)->origin, name, cancellable, error);
}

static void
ob_cache_store_checkup (ObStore *store, ObCheckup *checkup)
{
  ob_store_checkup (OB_CACHE_STORE (store)->origin, checkup);
}

/* What is read from a copy goes nowhere. */
static void
ob_cache_store_set_rate (ObStore *store, guint64 rate)
{
  ob_store_set_rate (OB_CACHE_STORE (store)->origin, rate);
}

static guint64
ob_cache_store_get_requests (ObStore *store)
{
  return ob_store_get_requests (OB_CACHE_STORE (store)->origin);
}

static void
ob_cache_store_finalize (GObject *object)
{
  ObCacheStore *self = OB_CACHE_STORE (object);

  g_clear_object (&self->origin);
  ob_cache_directory_unref (self->directory);
  g_free (self->place);
  ob_cache_packs_free (self->packs);
  G_OBJECT_CLASS (ob_cache_store_parent_class)->finalize (object);
}

static void
ob_cache_store_class_init (ObCacheStoreClass *klass)
{
  ObStoreClass *store_class = OB_STORE_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = ob_cache_store_finalize;
  store_class->put = ob_cache_store_put;
  store_class->flush = ob_cache_store_flush;
  store_class->read = ob_cache_store_read;
  store_class->read_kept = ob_cache_store_read_kept;
  store_class->distrust = ob_cache_store_distrust;
  store_class->get = ob_cache_store_get;
  store_class->stat = ob_cache_store_stat;
  store_class->list = ob_cache_store_list;
  store_class->remove = ob_cache_store_remove;
  store_class->space = ob_cache_store_space;
  store_class->prepare = ob_cache_store_prepare;
  store_class->describe = ob_cache_store_describe;
  store_class->has_failed = ob_cache_store_has_failed;
  store_class->is_consistent = ob_cache_store_is_consistent;
  store_class->get_reads_at_once = ob_cache_store_get_reads_at_once;
  store_class->get_lock_days = ob_cache_store_get_lock_days;
  store_class->can_lock = ob_cache_store_can_lock;
  store_class->get_lock = ob_cache_store_get_lock;
  store_class->extend_lock = ob_cache_store_extend_lock;
  store_class->get_waiting = ob_cache_store_get_waiting;
  store_class->forget = ob_cache_store_forget_read;
  store_class->purge = ob_cache_store_purge;
  store_class->checkup = ob_cache_store_checkup;
  store_class->set_rate = ob_cache_store_set_rate;
  store_class->get_requests = ob_cache_store_get_requests;
}

static void
ob_cache_store_init (ObCacheStore *self)
{
  self->packs = ob_cache_packs_new ();
}

/* public methods */

ObStore *
ob_cache_store_new (ObStore *origin, ObCacheDirectory *directory)
{
  ObCacheStore *self = g_object_new (OB_TYPE_CACHE_STORE, NULL);
  g_autofree char *description = ob_store_describe (origin);

  self->origin = g_object_ref (origin);
  self->directory = ob_cache_directory_ref (directory);
  self->place = make_place (description);
  return OB_STORE (self);
}

void
ob_cache_store_forget (const char *description, ObCacheDirectory *directory)
{
  g_autofree char *place = make_place (description);

  ob_cache_directory_forget (directory, place);
}
