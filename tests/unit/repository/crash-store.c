/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crash-store.h"

#include <pthread.h>
#include <string.h>

#include "ob-error.h"

/* One put or removal. */
typedef struct
{
  char *name;
  GBytes *bytes; /* NULL: removed */
  guint durable; /* the number of changes by which it was so; G_MAXUINT: it is not yet */
} Change;

struct _CrashStore
{
  ObStore parent_instance;

  pthread_mutex_t mutex;
  GPtrArray *changes;  /* of Change */
  GHashTable *objects; /* name → GBytes: what a reader sees */
  GHashTable *hidden;  /* the same, of what was put deferred and not flushed */
};

G_DEFINE_TYPE (CrashStore, crash_store, OB_TYPE_STORE)

static void
change_free (gpointer data)
{
  Change *change = data;

  g_free (change->name);
  g_clear_pointer (&change->bytes, g_bytes_unref);
  g_free (change);
}

/* Called with the mutex held. */
static void
record (CrashStore *self, const char *name, GBytes *bytes, gboolean durable)
{
  Change *change = g_new0 (Change, 1);

  change->name = g_strdup (name);
  change->bytes = bytes != NULL ? g_bytes_ref (bytes) : NULL;
  g_ptr_array_add (self->changes, change);
  change->durable = durable ? self->changes->len : G_MAXUINT;
}

static gboolean
crash_store_put (ObStore *store, const char *name, const struct iovec *parts, gsize n_parts,
                 ObStorePutFlags flags, GCancellable *cancellable, GError **error)
{
  CrashStore *self = CRASH_STORE (store);
  gboolean deferred = (flags & OB_STORE_PUT_DEFERRED) != 0;
  g_autoptr (GByteArray) array = g_byte_array_new ();
  GBytes *bytes;

  for (gsize i = 0; i < n_parts; i++)
    g_byte_array_append (array, parts[i].iov_base, (guint) parts[i].iov_len);
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&array));
  pthread_mutex_lock (&self->mutex);
  record (self, name, bytes, !deferred);
  g_hash_table_insert (deferred ? self->hidden : self->objects, g_strdup (name), bytes);
  pthread_mutex_unlock (&self->mutex);
  return TRUE;
}

static gboolean
crash_store_flush (ObStore *store, GCancellable *cancellable, GError **error)
{
  CrashStore *self = CRASH_STORE (store);
  GHashTableIter iter;
  gpointer name, bytes;

  pthread_mutex_lock (&self->mutex);
  g_hash_table_iter_init (&iter, self->hidden);
  while (g_hash_table_iter_next (&iter, &name, &bytes))
    {
      g_hash_table_insert (self->objects, name, bytes);
      g_hash_table_iter_steal (&iter);
    }
  for (guint i = 0; i < self->changes->len; i++)
    {
      Change *change = g_ptr_array_index (self->changes, i);

      change->durable = MIN (change->durable, self->changes->len);
    }
  pthread_mutex_unlock (&self->mutex);
  return TRUE;
}

/* Transfer full; NULL with NOT_FOUND. */
static GBytes *
get (CrashStore *self, const char *name, GError **error)
{
  GBytes *bytes;

  pthread_mutex_lock (&self->mutex);
  bytes = g_hash_table_lookup (self->objects, name);
  if (bytes != NULL)
    g_bytes_ref (bytes);
  pthread_mutex_unlock (&self->mutex);
  if (bytes == NULL)
    g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND, "There is no %s", name);
  return bytes;
}

static gssize
crash_store_read (ObStore *store, const char *name, guint64 offset, void *buffer, gsize size,
                  GCancellable *cancellable, GError **error)
{
  g_autoptr (GBytes) bytes = get (CRASH_STORE (store), name, error);
  gsize has;
  const guint8 *data;

  if (bytes == NULL)
    return -1;
  data = g_bytes_get_data (bytes, &has);
  if (offset >= has)
    return 0;
  size = MIN (size, has - offset);
  memcpy (buffer, data + offset, size);
  return (gssize) size;
}

static gboolean
crash_store_stat (ObStore *store, const char *name, guint64 *size, GCancellable *cancellable,
                  GError **error)
{
  g_autoptr (GBytes) bytes = get (CRASH_STORE (store), name, error);

  if (bytes == NULL)
    return FALSE;
  *size = g_bytes_get_size (bytes);
  return TRUE;
}

static gboolean
crash_store_list (ObStore *store, const char *directory, ObStoreListFunc func, gpointer user_data,
                  GCancellable *cancellable, GError **error)
{
  CrashStore *self = CRASH_STORE (store);
  g_autofree char *prefix = g_strconcat (directory, "/", NULL);
  GHashTableIter iter;
  gpointer name, bytes;

  pthread_mutex_lock (&self->mutex);
  g_hash_table_iter_init (&iter, self->objects);
  while (g_hash_table_iter_next (&iter, &name, &bytes))
    if (g_str_has_prefix (name, prefix) && !func (name, g_bytes_get_size (bytes), user_data))
      break;
  pthread_mutex_unlock (&self->mutex);
  return TRUE;
}

static gboolean
crash_store_remove (ObStore *store, const char *name, GCancellable *cancellable, GError **error)
{
  CrashStore *self = CRASH_STORE (store);

  pthread_mutex_lock (&self->mutex);
  record (self, name, NULL, FALSE);
  g_hash_table_remove (self->objects, name);
  pthread_mutex_unlock (&self->mutex);
  return TRUE;
}

static gboolean
crash_store_prepare (ObStore *store, GCancellable *cancellable, GError **error)
{
  return TRUE;
}

static char *
crash_store_describe (ObStore *store)
{
  return g_strdup ("memory");
}

static void
crash_store_finalize (GObject *object)
{
  CrashStore *self = CRASH_STORE (object);

  g_ptr_array_unref (self->changes);
  g_hash_table_unref (self->objects);
  g_hash_table_unref (self->hidden);
  pthread_mutex_destroy (&self->mutex);
  G_OBJECT_CLASS (crash_store_parent_class)->finalize (object);
}

static void
crash_store_class_init (CrashStoreClass *klass)
{
  ObStoreClass *store_class = OB_STORE_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = crash_store_finalize;
  store_class->put = crash_store_put;
  store_class->flush = crash_store_flush;
  store_class->read = crash_store_read;
  store_class->stat = crash_store_stat;
  store_class->list = crash_store_list;
  store_class->remove = crash_store_remove;
  store_class->prepare = crash_store_prepare;
  store_class->describe = crash_store_describe;
}

static void
crash_store_init (CrashStore *self)
{
  pthread_mutex_init (&self->mutex, NULL);
  self->changes = g_ptr_array_new_with_free_func (change_free);
  self->objects
    = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  self->hidden
    = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
}

ObStore *
crash_store_new (void)
{
  return g_object_new (CRASH_TYPE_STORE, NULL);
}

guint
crash_store_get_n_changes (CrashStore *self)
{
  guint n;

  pthread_mutex_lock (&self->mutex);
  n = self->changes->len;
  pthread_mutex_unlock (&self->mutex);
  return n;
}

ObStore *
crash_store_cut (CrashStore *self, guint n_changes, GRand *rand)
{
  CrashStore *left = CRASH_STORE (crash_store_new ());

  pthread_mutex_lock (&self->mutex);
  for (guint i = 0; i < n_changes; i++)
    {
      const Change *change = g_ptr_array_index (self->changes, i);

      if (change->durable > n_changes && g_rand_boolean (rand))
        continue;
      if (change->bytes != NULL)
        g_hash_table_insert (left->objects, g_strdup (change->name), g_bytes_ref (change->bytes));
      else
        g_hash_table_remove (left->objects, change->name);
    }
  pthread_mutex_unlock (&self->mutex);
  return OB_STORE (left);
}
