/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-snapshot-cache.h"

#include <pthread.h>
#include <string.h>

#include "ob-error.h"
#include "ob-parallel.h"

#define DIRECTORY "snapshots/"
#define MAX_THREADS 32

struct _ObSnapshotCache
{
  pthread_mutex_t mutex; /* guards what follows */
  GHashTable *texts;     /* of the sound ones: name → GBytes */
};

ObSnapshotCache *
ob_snapshot_cache_new (void)
{
  ObSnapshotCache *self = g_new0 (ObSnapshotCache, 1);

  pthread_mutex_init (&self->mutex, NULL);
  self->texts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                       (GDestroyNotify) g_bytes_unref);
  return self;
}

void
ob_snapshot_cache_free (ObSnapshotCache *self)
{
  if (self == NULL)
    return;

  g_hash_table_unref (self->texts);
  pthread_mutex_destroy (&self->mutex);
  g_free (self);
}

/* What is not called like a snapshot is none; restic lets it lie, too. */
static gboolean
add_name (const char *name, guint64 size, gpointer user_data)
{
  ObId id;

  if (ob_id_from_name (name, &id))
    g_hash_table_add (user_data, g_strdup (name));
  return TRUE;
}

static gboolean
is_gone (gpointer name, gpointer text, gpointer names)
{
  return !g_hash_table_contains (names, name);
}

/* Forgets what is not in @names any more. */
static void
forget_others (ObSnapshotCache *self, GHashTable *names)
{
  pthread_mutex_lock (&self->mutex);
  g_hash_table_foreach_remove (self->texts, is_gone, names);
  pthread_mutex_unlock (&self->mutex);
}

static GBytes *
look_up (ObSnapshotCache *self, const char *name)
{
  GBytes *text;

  pthread_mutex_lock (&self->mutex);
  text = g_hash_table_lookup (self->texts, name);
  if (text != NULL)
    g_bytes_ref (text);
  pthread_mutex_unlock (&self->mutex);
  return text;
}

static void
remember (ObSnapshotCache *self, const char *name, GBytes *text)
{
  pthread_mutex_lock (&self->mutex);
  g_hash_table_insert (self->texts, g_strdup (name), g_bytes_ref (text));
  pthread_mutex_unlock (&self->mutex);
}

static ObSnapshot *
load (ObSnapshotCache *self, ObRepository *repository, const char *name, GCancellable *cancellable,
      GError **error)
{
  g_autoptr (GBytes) text = look_up (self, name);
  gboolean was_known = text != NULL;
  g_autoptr (ObSnapshot) snapshot = NULL;

  if (!was_known)
    text = ob_repository_get_unpacked (repository, name, OB_SNAPSHOT_MAX_SIZE, cancellable, error);
  if (text == NULL)
    return NULL;

  snapshot = ob_snapshot_from_json (g_bytes_get_data (text, NULL), g_bytes_get_size (text), error);
  if (snapshot == NULL || !ob_id_from_hex (name + strlen (DIRECTORY), &snapshot->id))
    {
      g_prefix_error (error, "%s: ", name);
      return NULL;
    }

  if (!was_known)
    remember (self, name, text);
  return g_steal_pointer (&snapshot);
}

typedef struct
{
  ObSnapshotCache *cache;
  ObRepository *repository;
  GPtrArray *names;
  GCancellable *cancellable;
} Fetching;

/* What is wrong with one is told by who takes it. */
static gboolean
fetch (guint i, gpointer user_data, GError **error)
{
  Fetching *self = user_data;
  g_autoptr (GError) local = NULL;
  g_autoptr (ObSnapshot) snapshot = load (self->cache, self->repository,
                                          g_ptr_array_index (self->names, i), self->cancellable,
                                          &local);

  if (snapshot != NULL || g_error_matches (local, OB_ERROR, OB_ERROR_CORRUPT)
      || g_error_matches (local, OB_ERROR, OB_ERROR_NOT_FOUND))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

/* From far away they come several at once. */
static gboolean
fetch_all (ObSnapshotCache *self, ObRepository *repository, GHashTable *names,
           GCancellable *cancellable, GError **error)
{
  guint n_readers = ob_repository_count_readers (repository, 1, MAX_THREADS);
  g_autoptr (GPtrArray) missing = g_ptr_array_new ();
  Fetching fetching = { self, repository, missing, cancellable };
  GHashTableIter iter;
  gpointer name;

  if (n_readers == 1)
    return TRUE;
  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    {
      g_autoptr (GBytes) text = look_up (self, name);

      if (text == NULL)
        g_ptr_array_add (missing, name);
    }
  return ob_parallel_run (missing->len, n_readers, fetch, &fetching, error);
}

/* One that does not open is a problem; one that has gone since it was listed is nothing; a store
 * that does not answer is an error. */
static gboolean
add_snapshot (ObSnapshotCache *self, ObRepository *repository, const char *name,
              GPtrArray *snapshots, GPtrArray *problems, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  ObSnapshot *snapshot = load (self, repository, name, cancellable, &local_error);

  if (snapshot != NULL)
    g_ptr_array_add (snapshots, snapshot);
  else if (g_error_matches (local_error, OB_ERROR, OB_ERROR_CORRUPT))
    g_ptr_array_add (problems, g_strdup (local_error->message));
  else if (!g_error_matches (local_error, OB_ERROR, OB_ERROR_NOT_FOUND))
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  return TRUE;
}

/* Newest first; of the same time, by id, so that the order never changes. */
static gint
compare (gconstpointer a, gconstpointer b)
{
  const ObSnapshot *x = *(const ObSnapshot *const *) a;
  const ObSnapshot *y = *(const ObSnapshot *const *) b;

  if (x->time.tv_sec != y->time.tv_sec)
    return x->time.tv_sec > y->time.tv_sec ? -1 : 1;
  if (x->time.tv_nsec != y->time.tv_nsec)
    return x->time.tv_nsec > y->time.tv_nsec ? -1 : 1;
  return memcmp (x->id.bytes, y->id.bytes, OB_ID_SIZE);
}

GPtrArray *
ob_snapshot_cache_list (ObSnapshotCache *self, ObRepository *repository, GPtrArray **problems,
                        GCancellable *cancellable, GError **error)
{
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GPtrArray) snapshots = NULL;
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer name;

  snapshots = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_snapshot_free);
  if (!ob_store_list (ob_repository_get_store (repository), "snapshots", add_name, names,
                      cancellable, error))
    return NULL;

  forget_others (self, names);
  if (!fetch_all (self, repository, names, cancellable, error))
    return NULL;
  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    if (!add_snapshot (self, repository, name, snapshots, found, cancellable, error))
      return NULL;

  g_ptr_array_sort (snapshots, compare);
  ob_snapshot_settle_ids (snapshots);
  if (problems != NULL)
    *problems = g_steal_pointer (&found);
  return g_steal_pointer (&snapshots);
}
