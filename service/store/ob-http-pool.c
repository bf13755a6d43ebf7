/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-http-pool.h"

#include <pthread.h>

#include "ob-wait.h"

/* Answers that are to come before one more request is allowed again. */
#define SUCCESSES 32

struct _ObHttpPool
{
  GTlsDatabase *tls;
  guint max, timeout, grace, rate;
  pthread_t watcher;

  pthread_mutex_t mutex;
  pthread_cond_t changed;
  GQueue idle;      /* of ObHttpConnection, the last used first: the others grow cold */
  GPtrArray *slots; /* that are taken */
  guint allowed;
  guint successes;
  gint64 not_before; /* monotonic */
  gboolean watched, ended;
};

/* internal methods */

/* Looks after the requests: a server that lets a byte go now and then breaks no other limit. */
static void *
watch (void *data)
{
  ObHttpPool *self = data;

  pthread_mutex_lock (&self->mutex);
  while (!self->ended)
    {
      g_autoptr (GPtrArray) late = g_ptr_array_new_with_free_func (g_object_unref);
      gint64 now = g_get_monotonic_time ();

      for (guint i = 0; i < self->slots->len; i++)
        {
          ObHttpSlot *slot = g_ptr_array_index (self->slots, i);

          if (slot->too_slow || now < slot->deadline)
            continue;
          slot->too_slow = TRUE;
          g_ptr_array_add (late, g_object_ref (slot->stop));
        }
      /* Cancelling calls others, which must not meet our lock. */
      pthread_mutex_unlock (&self->mutex);
      for (guint i = 0; i < late->len; i++)
        g_cancellable_cancel (g_ptr_array_index (late, i));
      pthread_mutex_lock (&self->mutex);
      if (!self->ended)
        ob_cond_wait_slice (&self->changed, &self->mutex);
    }
  pthread_mutex_unlock (&self->mutex);
  return NULL;
}

static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_cancellable_cancel (user_data);
}

/* With the lock held. */
static ObHttpSlot *
make_slot (ObHttpPool *self, guint64 bytes)
{
  ObHttpSlot *slot = g_new0 (ObHttpSlot, 1);

  slot->stop = g_cancellable_new ();
  slot->connection = g_queue_pop_head (&self->idle);
  slot->deadline
    = g_get_monotonic_time ()
      + (gint64) (self->grace + bytes / MAX (self->rate, 1)) * G_USEC_PER_SEC;
  g_ptr_array_add (self->slots, slot);
  if (!self->watched)
    self->watched = pthread_create (&self->watcher, NULL, watch, self) == 0;
  return slot;
}

/* public methods */

ObHttpPool *
ob_http_pool_new (GTlsDatabase *tls, guint max, guint timeout, guint grace, guint rate)
{
  ObHttpPool *self = g_new0 (ObHttpPool, 1);

  self->tls = tls != NULL ? g_object_ref (tls) : NULL;
  self->max = max;
  self->allowed = max;
  self->timeout = timeout;
  self->grace = grace;
  self->rate = rate;
  self->slots = g_ptr_array_new ();
  g_queue_init (&self->idle);
  pthread_mutex_init (&self->mutex, NULL);
  ob_cond_init (&self->changed);
  return self;
}

void
ob_http_pool_free (ObHttpPool *pool)
{
  if (pool == NULL)
    return;
  pthread_mutex_lock (&pool->mutex);
  pool->ended = TRUE;
  pthread_cond_broadcast (&pool->changed);
  pthread_mutex_unlock (&pool->mutex);
  if (pool->watched)
    pthread_join (pool->watcher, NULL);
  g_queue_clear_full (&pool->idle, (GDestroyNotify) ob_http_connection_free);
  g_ptr_array_unref (pool->slots);
  pthread_cond_destroy (&pool->changed);
  pthread_mutex_destroy (&pool->mutex);
  g_clear_object (&pool->tls);
  g_free (pool);
}

ObHttpSlot *
ob_http_pool_take (ObHttpPool *pool, guint64 bytes, GCancellable *cancellable, GError **error)
{
  ObHttpSlot *slot = NULL;

  pthread_mutex_lock (&pool->mutex);
  while (!g_cancellable_is_cancelled (cancellable)
         && (pool->slots->len >= pool->allowed || g_get_monotonic_time () < pool->not_before))
    ob_cond_wait_slice (&pool->changed, &pool->mutex);
  if (ob_check_cancelled (cancellable, error))
    slot = make_slot (pool, bytes);
  pthread_mutex_unlock (&pool->mutex);
  if (slot == NULL)
    return NULL;
  if (slot->connection == NULL)
    slot->connection = ob_http_connection_new (pool->tls, FALSE, pool->timeout);
  if (cancellable != NULL)
    {
      slot->cancellable = g_object_ref (cancellable);
      slot->handler = g_cancellable_connect (cancellable, G_CALLBACK (on_cancelled),
                                             g_object_ref (slot->stop), g_object_unref);
    }
  return slot;
}

void
ob_http_pool_give_back (ObHttpPool *pool, ObHttpSlot *slot, gboolean keep, gboolean *too_slow)
{
  if (slot->cancellable != NULL)
    g_cancellable_disconnect (slot->cancellable, slot->handler);
  if (!keep)
    g_clear_pointer (&slot->connection, ob_http_connection_free);
  pthread_mutex_lock (&pool->mutex);
  *too_slow = slot->too_slow;
  g_ptr_array_remove_fast (pool->slots, slot);
  if (slot->connection != NULL)
    g_queue_push_head (&pool->idle, slot->connection);
  pthread_cond_broadcast (&pool->changed);
  pthread_mutex_unlock (&pool->mutex);
  g_clear_object (&slot->cancellable);
  g_object_unref (slot->stop);
  g_free (slot);
}

void
ob_http_pool_slow_down (ObHttpPool *pool, guint milliseconds)
{
  gint64 until = g_get_monotonic_time () + (gint64) milliseconds * 1000;

  pthread_mutex_lock (&pool->mutex);
  /* Those that were on their way already are refused too, and say nothing new. */
  if (g_get_monotonic_time () >= pool->not_before)
    pool->allowed = MAX (pool->allowed / 2, 1);
  pool->not_before = MAX (pool->not_before, until);
  pool->successes = 0;
  pthread_mutex_unlock (&pool->mutex);
}

void
ob_http_pool_succeed (ObHttpPool *pool)
{
  pthread_mutex_lock (&pool->mutex);
  if (pool->allowed < pool->max && ++pool->successes == SUCCESSES)
    {
      pool->successes = 0;
      pool->allowed++;
      pthread_cond_broadcast (&pool->changed);
    }
  pthread_mutex_unlock (&pool->mutex);
}

guint
ob_http_pool_get_allowed (ObHttpPool *pool)
{
  guint allowed;

  pthread_mutex_lock (&pool->mutex);
  allowed = pool->allowed;
  pthread_mutex_unlock (&pool->mutex);
  return allowed;
}
