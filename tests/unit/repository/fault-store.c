/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fault-store.h"

#include <pthread.h>

#include "ob-error.h"

struct _FaultStore
{
  ObStore parent_instance;

  ObStore *inner;
  pthread_mutex_t mutex; /* guards what follows */
  guint calls[FAULT_N_CALLS];
  gboolean armed, lasting, struck, flush_failed;
  FaultCall call;
  guint number;
  FaultKind kind;

  char *broken_name; /* set while nobody reads, and the range */
  guint64 broken_begin, broken_end;
  gint n_broken; /* atomic */

  char *spoilt_name;
  guint64 spoilt_offset;
  char *kept_name;
  char *listed_name;
  guint64 listed_size;

  FaultWatch watch; /* set while nobody reads */
  gpointer watch_data;
  FaultWatch removal_watch; /* set while nobody removes */
  gpointer removal_data;
};

G_DEFINE_TYPE (FaultStore, fault_store, OB_TYPE_STORE)

/* Counts a call, and tells whether it is to fail, and how. */
static gboolean
strikes (FaultStore *self, FaultCall call, FaultKind *kind)
{
  gboolean result;
  guint number;

  pthread_mutex_lock (&self->mutex);
  number = ++self->calls[call];
  result = self->armed && call == self->call
           && (number == self->number || (self->lasting && number > self->number));
  self->struck |= result;
  *kind = self->kind;
  pthread_mutex_unlock (&self->mutex);
  return result;
}

static gboolean
fail (FaultCall call, FaultKind kind, const char *name, GError **error)
{
  g_set_error (error, OB_ERROR,
               kind == FAULT_ENOSPC   ? OB_ERROR_NO_SPACE
               : kind == FAULT_EMFILE ? OB_ERROR_FAILED
                                      : OB_ERROR_DESTINATION_UNAVAILABLE,
               "The fault %s was asked for at the %s of %s", fault_kind_get_name (kind),
               fault_call_get_name (call), name);
  return FALSE;
}

static gboolean
fault_store_put (ObStore *store, const char *name, const struct iovec *parts, gsize n_parts,
                 ObStorePutFlags flags, GCancellable *cancellable, GError **error)
{
  FaultStore *self = FAULT_STORE (store);
  FaultKind kind;

  if (!strikes (self, FAULT_PUT, &kind))
    return ob_store_put (self->inner, name, parts, n_parts, flags, cancellable, error);
  if (kind == FAULT_LATE)
    ob_store_put (self->inner, name, parts, n_parts, flags, cancellable, NULL);
  return fail (FAULT_PUT, kind, name, error);
}

/* After one that failed nobody knows what is durable: the store is of no use for writing any
 * more. */
static gboolean
fault_store_flush (ObStore *store, GCancellable *cancellable, GError **error)
{
  FaultStore *self = FAULT_STORE (store);
  FaultKind kind;
  gboolean struck = strikes (self, FAULT_FLUSH, &kind);
  gboolean failed;

  pthread_mutex_lock (&self->mutex);
  self->flush_failed |= struck;
  failed = self->flush_failed;
  pthread_mutex_unlock (&self->mutex);
  if (struck && kind == FAULT_LATE)
    ob_store_flush (self->inner, cancellable, NULL);
  if (failed)
    return fail (FAULT_FLUSH, struck ? kind : FAULT_EIO, "what was put", error);
  return ob_store_flush (self->inner, cancellable, error);
}

static gboolean
is_broken (FaultStore *self, const char *name, guint64 offset, gsize size)
{
  return g_strcmp0 (name, self->broken_name) == 0 && offset < self->broken_end
         && offset + size > self->broken_begin;
}

static gssize
fault_store_read (ObStore *store, const char *name, guint64 offset, void *buffer, gsize size,
                  GCancellable *cancellable, GError **error)
{
  FaultStore *self = FAULT_STORE (store);
  FaultKind kind;
  gssize n;

  if (self->watch != NULL)
    self->watch (name, self->watch_data);
  if (g_strcmp0 (name, self->kept_name) == 0)
    return ob_store_read (self->inner, name, offset, buffer, size, cancellable, error);
  if (is_broken (self, name, offset, size))
    {
      g_atomic_int_inc (&self->n_broken);
      fail (FAULT_READ, FAULT_EIO, name, error);
      return -1;
    }
  if (strikes (self, FAULT_READ, &kind))
    {
      if (kind != FAULT_SHORT)
        {
          fail (FAULT_READ, kind, name, error);
          return -1;
        }
      size /= 2;
    }
  n = ob_store_read (self->inner, name, offset, buffer, size, cancellable, error);
  if (g_strcmp0 (name, self->spoilt_name) == 0 && offset <= self->spoilt_offset
      && (gint64) self->spoilt_offset < (gint64) offset + n)
    ((guint8 *) buffer)[self->spoilt_offset - offset] ^= 1;
  return n;
}

static gboolean
fault_store_stat (ObStore *store, const char *name, guint64 *size, GCancellable *cancellable,
                  GError **error)
{
  FaultStore *self = FAULT_STORE (store);
  FaultKind kind;

  if (strikes (self, FAULT_STAT, &kind))
    return fail (FAULT_STAT, kind, name, error);
  return ob_store_stat (self->inner, name, size, cancellable, error);
}

typedef struct
{
  ObStoreListFunc func;
  gpointer user_data;
  guint left; /* so many are still told */
  FaultStore *store;
} Listing;

static gboolean
tell_some (const char *name, guint64 size, gpointer user_data)
{
  Listing *listing = user_data;

  return listing->left-- > 0 && listing->func (name, size, listing->user_data);
}

static gboolean
tell_otherwise (const char *name, guint64 size, gpointer user_data)
{
  Listing *listing = user_data;

  if (g_str_equal (name, listing->store->listed_name))
    size = listing->store->listed_size;
  return size == FAULT_UNLISTED || listing->func (name, size, listing->user_data);
}

static gboolean
fault_store_list (ObStore *store, const char *directory, ObStoreListFunc func, gpointer user_data,
                  GCancellable *cancellable, GError **error)
{
  FaultStore *self = FAULT_STORE (store);
  Listing listing = { .func = func, .user_data = user_data, .left = 1, .store = self };
  FaultKind kind;

  if (!strikes (self, FAULT_LIST, &kind))
    return self->listed_name == NULL
             ? ob_store_list (self->inner, directory, func, user_data, cancellable, error)
             : ob_store_list (self->inner, directory, tell_otherwise, &listing, cancellable, error);
  if (kind == FAULT_LATE)
    ob_store_list (self->inner, directory, tell_some, &listing, cancellable, NULL);
  return fail (FAULT_LIST, kind, directory, error);
}

static gboolean
fault_store_remove (ObStore *store, const char *name, GCancellable *cancellable, GError **error)
{
  FaultStore *self = FAULT_STORE (store);
  FaultKind kind;

  if (self->removal_watch != NULL)
    self->removal_watch (name, self->removal_data);
  if (!strikes (self, FAULT_REMOVE, &kind))
    return ob_store_remove (self->inner, name, cancellable, error);
  if (kind == FAULT_LATE)
    ob_store_remove (self->inner, name, cancellable, NULL);
  return fail (FAULT_REMOVE, kind, name, error);
}

static gboolean
fault_store_prepare (ObStore *store, GCancellable *cancellable, GError **error)
{
  return ob_store_prepare (FAULT_STORE (store)->inner, cancellable, error);
}

static char *
fault_store_describe (ObStore *store)
{
  return ob_store_describe (FAULT_STORE (store)->inner);
}

static gboolean
fault_store_has_failed (ObStore *store)
{
  FaultStore *self = FAULT_STORE (store);
  gboolean failed;

  pthread_mutex_lock (&self->mutex);
  failed = self->flush_failed;
  pthread_mutex_unlock (&self->mutex);
  return failed || ob_store_has_failed (self->inner);
}

static void
fault_store_forget (ObStore *store, const char *name)
{
  FaultStore *self = FAULT_STORE (store);

  if (g_strcmp0 (name, self->kept_name) == 0)
    g_clear_pointer (&self->kept_name, g_free);
}

static void
fault_store_finalize (GObject *object)
{
  FaultStore *self = FAULT_STORE (object);

  g_object_unref (self->inner);
  g_free (self->broken_name);
  g_free (self->spoilt_name);
  g_free (self->kept_name);
  g_free (self->listed_name);
  pthread_mutex_destroy (&self->mutex);
  G_OBJECT_CLASS (fault_store_parent_class)->finalize (object);
}

static void
fault_store_class_init (FaultStoreClass *klass)
{
  ObStoreClass *store_class = OB_STORE_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = fault_store_finalize;
  store_class->put = fault_store_put;
  store_class->flush = fault_store_flush;
  store_class->read = fault_store_read;
  store_class->stat = fault_store_stat;
  store_class->list = fault_store_list;
  store_class->remove = fault_store_remove;
  store_class->prepare = fault_store_prepare;
  store_class->describe = fault_store_describe;
  store_class->has_failed = fault_store_has_failed;
  store_class->forget = fault_store_forget;
}

static void
fault_store_init (FaultStore *self)
{
  pthread_mutex_init (&self->mutex, NULL);
}

ObStore *
fault_store_new (ObStore *inner)
{
  FaultStore *self = g_object_new (FAULT_TYPE_STORE, NULL);

  self->inner = g_object_ref (inner);
  return OB_STORE (self);
}

void
fault_store_arm (FaultStore *self, FaultCall call, guint number, FaultKind kind, gboolean lasting)
{
  fault_store_disarm (self);
  pthread_mutex_lock (&self->mutex);
  self->armed = TRUE;
  self->lasting = lasting;
  self->call = call;
  self->number = number;
  self->kind = kind;
  pthread_mutex_unlock (&self->mutex);
}

void
fault_store_disarm (FaultStore *self)
{
  pthread_mutex_lock (&self->mutex);
  self->armed = self->struck = FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (self->calls); i++)
    self->calls[i] = 0;
  pthread_mutex_unlock (&self->mutex);
}

guint
fault_store_get_n_calls (FaultStore *self, FaultCall call)
{
  guint n;

  pthread_mutex_lock (&self->mutex);
  n = self->calls[call];
  pthread_mutex_unlock (&self->mutex);
  return n;
}

gboolean
fault_store_has_struck (FaultStore *self)
{
  gboolean struck;

  pthread_mutex_lock (&self->mutex);
  struck = self->struck;
  pthread_mutex_unlock (&self->mutex);
  return struck;
}

void
fault_store_break (FaultStore *self, const char *name, guint64 offset, guint64 size)
{
  g_free (self->broken_name);
  self->broken_name = g_strdup (name);
  self->broken_begin = offset;
  self->broken_end = offset + size;
}

void
fault_store_spoil (FaultStore *self, const char *name, guint64 offset)
{
  g_free (self->spoilt_name);
  self->spoilt_name = g_strdup (name);
  self->spoilt_offset = offset;
}

void
fault_store_keep (FaultStore *self, const char *name)
{
  g_free (self->kept_name);
  self->kept_name = g_strdup (name);
}

void
fault_store_list_as (FaultStore *self, const char *name, guint64 size)
{
  g_free (self->listed_name);
  self->listed_name = g_strdup (name);
  self->listed_size = size;
}

guint
fault_store_get_n_broken (FaultStore *self)
{
  return (guint) g_atomic_int_get (&self->n_broken);
}

void
fault_store_watch_reads (FaultStore *self, FaultWatch watch, gpointer user_data)
{
  self->watch = watch;
  self->watch_data = user_data;
}

void
fault_store_watch_removals (FaultStore *self, FaultWatch watch, gpointer user_data)
{
  self->removal_watch = watch;
  self->removal_data = user_data;
}

const char *
fault_call_get_name (FaultCall call)
{
  static const char *const names[] = { "put", "flush", "read", "stat", "list", "remove" };

  return names[call];
}

const char *
fault_kind_get_name (FaultKind kind)
{
  static const char *const names[] = { "EIO", "ENOSPC", "late", "EMFILE", "short" };

  return names[kind];
}
