/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "far-store.h"

#include <pthread.h>

#include "ob-error.h"
#include "ob-wait.h"

struct _FarStore
{
  ObStore parent_instance;

  pthread_mutex_t mutex; /* guards what follows */
  pthread_cond_t changed;
  GHashTable *objects; /* name → GBytes */
  guint n_requests, n_counted, n_waiting;
  gboolean is_broken, is_stuck;
  guint64 rate;
  gint64 locked_until; /* 0: it has no locks */
  guint n_forgotten, n_purged, n_checked;
};

G_DEFINE_FINAL_TYPE (FarStore, far_store, OB_TYPE_STORE)

/* Counts a request. Called with the mutex held. */
static gboolean
begin (FarStore *self, GError **error)
{
  self->n_requests++;
  if (self->is_broken)
    g_set_error_literal (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE, "It is far away");
  return !self->is_broken;
}

/* The object; transfer full. */
static GBytes *
look_up (FarStore *self, const char *name, GError **error)
{
  GBytes *bytes = NULL;

  pthread_mutex_lock (&self->mutex);
  if (begin (self, error))
    {
      bytes = g_hash_table_lookup (self->objects, name);
      if (bytes != NULL)
        g_bytes_ref (bytes);
      else
        g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND, "There is no %s", name);
    }
  pthread_mutex_unlock (&self->mutex);
  return bytes;
}

static gboolean
far_store_put (ObStore *store, const char *name, const struct iovec *parts, gsize n_parts,
               ObStorePutFlags flags, GCancellable *cancellable, GError **error)
{
  FarStore *self = FAR_STORE (store);
  GByteArray *all = g_byte_array_new ();
  gboolean ok;

  for (gsize i = 0; i < n_parts; i++)
    g_byte_array_append (all, parts[i].iov_base, (guint) parts[i].iov_len);
  pthread_mutex_lock (&self->mutex);
  ok = begin (self, error);
  if (ok)
    g_hash_table_insert (self->objects, g_strdup (name), g_byte_array_free_to_bytes (all));
  else
    g_byte_array_unref (all);
  pthread_mutex_unlock (&self->mutex);
  return ok;
}

static gboolean
far_store_flush (ObStore *store, GCancellable *cancellable, GError **error)
{
  return TRUE;
}

static gssize
far_store_read (ObStore *store, const char *name, guint64 offset, void *buffer, gsize size,
                GCancellable *cancellable, GError **error)
{
  g_autoptr (GBytes) bytes = look_up (FAR_STORE (store), name, error);
  gsize length;
  const guint8 *data;

  if (bytes == NULL)
    return -1;
  data = g_bytes_get_data (bytes, &length);
  if (offset >= length)
    return 0;
  size = MIN (size, length - offset);
  memcpy (buffer, data + offset, size);
  return (gssize) size;
}

static GBytes *
far_store_get (ObStore *store, const char *name, gsize max, GCancellable *cancellable,
               GError **error)
{
  FarStore *self = FAR_STORE (store);
  GBytes *bytes = look_up (self, name, error);

  pthread_mutex_lock (&self->mutex);
  self->n_waiting++;
  while (self->is_stuck)
    ob_cond_wait_slice (&self->changed, &self->mutex);
  self->n_waiting--;
  pthread_mutex_unlock (&self->mutex);
  if (bytes == NULL || g_bytes_get_size (bytes) <= max)
    return bytes;
  g_bytes_unref (bytes);
  g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT, "It is larger than may be");
  return NULL;
}

static gboolean
far_store_stat (ObStore *store, const char *name, guint64 *size, GCancellable *cancellable,
                GError **error)
{
  g_autoptr (GBytes) bytes = look_up (FAR_STORE (store), name, error);

  if (bytes != NULL)
    *size = g_bytes_get_size (bytes);
  return bytes != NULL;
}

static gboolean
far_store_list (ObStore *store, const char *directory, ObStoreListFunc func, gpointer user_data,
                GCancellable *cancellable, GError **error)
{
  FarStore *self = FAR_STORE (store);
  g_autofree char *prefix = g_strconcat (directory, "/", NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer name;
  gboolean ok;

  pthread_mutex_lock (&self->mutex);
  ok = begin (self, error);
  g_hash_table_iter_init (&iter, self->objects);
  while (ok && g_hash_table_iter_next (&iter, &name, NULL))
    if (g_str_has_prefix (name, prefix))
      g_ptr_array_add (names, g_strdup (name));
  pthread_mutex_unlock (&self->mutex);
  for (guint i = 0; i < names->len; i++)
    if (!func (g_ptr_array_index (names, i), 1, user_data))
      break;
  return ok;
}

static gboolean
far_store_remove (ObStore *store, const char *name, GCancellable *cancellable, GError **error)
{
  FarStore *self = FAR_STORE (store);
  gboolean ok;

  pthread_mutex_lock (&self->mutex);
  ok = begin (self, error);
  if (ok)
    g_hash_table_remove (self->objects, name);
  pthread_mutex_unlock (&self->mutex);
  return ok;
}

static gboolean
far_store_space (ObStore *store, guint64 *free_bytes, guint64 *total_bytes,
                 GCancellable *cancellable, GError **error)
{
  *free_bytes = *total_bytes = G_MAXUINT64;
  return TRUE;
}

static gboolean
far_store_prepare (ObStore *store, GCancellable *cancellable, GError **error)
{
  return TRUE;
}

static char *
far_store_describe (ObStore *store)
{
  return g_strdup ("far:away");
}

static gboolean
far_store_has_failed (ObStore *store)
{
  return FAR_STORE (store)->is_broken;
}

static gboolean
far_store_is_consistent (ObStore *store)
{
  return TRUE;
}

static void
far_store_set_rate (ObStore *store, guint64 rate)
{
  FAR_STORE (store)->rate = rate;
}

static guint64
far_store_get_requests (ObStore *store)
{
  FarStore *self = FAR_STORE (store);
  guint64 n;

  pthread_mutex_lock (&self->mutex);
  n = self->n_requests;
  pthread_mutex_unlock (&self->mutex);
  return n;
}

static guint
far_store_get_reads_at_once (ObStore *store)
{
  return 7;
}

static char *
far_store_get_waiting (ObStore *store, gint64 *since)
{
  *since = 42;
  return g_strdup ("far: it is far away");
}

static guint
far_store_get_lock_days (ObStore *store)
{
  return 9;
}

static gboolean
far_store_can_lock (ObStore *store, gboolean *can, GCancellable *cancellable, GError **error)
{
  *can = FAR_STORE (store)->locked_until != 0;
  return TRUE;
}

static gboolean
far_store_get_lock (ObStore *store, const char *name, gint64 *until, GCancellable *cancellable,
                    GError **error)
{
  *until = FAR_STORE (store)->locked_until;
  return TRUE;
}

static gboolean
far_store_extend_lock (ObStore *store, const char *name, gint64 until, gboolean *changed,
                       GCancellable *cancellable, GError **error)
{
  *changed = ob_store_stat (store, name, NULL, cancellable, error);
  if (!*changed)
    return FALSE;
  FAR_STORE (store)->locked_until = until;
  return TRUE;
}

static void
far_store_forget (ObStore *store, const char *name)
{
  FAR_STORE (store)->n_forgotten++;
}

static gboolean
far_store_purge (ObStore *store, const char *name, GCancellable *cancellable, GError **error)
{
  FAR_STORE (store)->n_purged++;
  return TRUE;
}

static void
far_store_checkup (ObStore *store, ObCheckup *checkup)
{
  FAR_STORE (store)->n_checked++;
}

static void
far_store_finalize (GObject *object)
{
  FarStore *self = FAR_STORE (object);

  g_hash_table_unref (self->objects);
  pthread_cond_destroy (&self->changed);
  pthread_mutex_destroy (&self->mutex);
  G_OBJECT_CLASS (far_store_parent_class)->finalize (object);
}

static void
far_store_class_init (FarStoreClass *klass)
{
  ObStoreClass *store_class = OB_STORE_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = far_store_finalize;
  store_class->put = far_store_put;
  store_class->flush = far_store_flush;
  store_class->read = far_store_read;
  store_class->get = far_store_get;
  store_class->stat = far_store_stat;
  store_class->list = far_store_list;
  store_class->remove = far_store_remove;
  store_class->space = far_store_space;
  store_class->prepare = far_store_prepare;
  store_class->describe = far_store_describe;
  store_class->has_failed = far_store_has_failed;
  store_class->is_consistent = far_store_is_consistent;
  store_class->set_rate = far_store_set_rate;
  store_class->get_requests = far_store_get_requests;
  store_class->get_reads_at_once = far_store_get_reads_at_once;
  store_class->get_waiting = far_store_get_waiting;
  store_class->get_lock_days = far_store_get_lock_days;
  store_class->can_lock = far_store_can_lock;
  store_class->get_lock = far_store_get_lock;
  store_class->extend_lock = far_store_extend_lock;
  store_class->forget = far_store_forget;
  store_class->purge = far_store_purge;
  store_class->checkup = far_store_checkup;
}

static void
far_store_init (FarStore *self)
{
  pthread_mutex_init (&self->mutex, NULL);
  ob_cond_init (&self->changed);
  self->objects
    = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
}

ObStore *
far_store_new (void)
{
  return g_object_new (FAR_TYPE_STORE, NULL);
}

guint
far_store_count (FarStore *store)
{
  guint n;

  pthread_mutex_lock (&store->mutex);
  n = store->n_requests - store->n_counted;
  store->n_counted = store->n_requests;
  pthread_mutex_unlock (&store->mutex);
  return n;
}

void
far_store_set_broken (FarStore *store, gboolean broken)
{
  pthread_mutex_lock (&store->mutex);
  store->is_broken = broken;
  pthread_mutex_unlock (&store->mutex);
}

void
far_store_set_stuck (FarStore *store, gboolean stuck)
{
  pthread_mutex_lock (&store->mutex);
  store->is_stuck = stuck;
  pthread_cond_broadcast (&store->changed);
  pthread_mutex_unlock (&store->mutex);
}

gboolean
far_store_is_waiting (FarStore *store)
{
  gboolean result;

  pthread_mutex_lock (&store->mutex);
  result = store->n_waiting > 0;
  pthread_mutex_unlock (&store->mutex);
  return result;
}

void
far_store_set_locked_until (FarStore *store, gint64 until)
{
  store->locked_until = until;
}

guint
far_store_count_forgotten (FarStore *store)
{
  return store->n_forgotten;
}

guint
far_store_count_purged (FarStore *store)
{
  return store->n_purged;
}

guint
far_store_count_checked (FarStore *store)
{
  return store->n_checked;
}

guint64
far_store_get_rate (FarStore *store)
{
  return store->rate;
}
