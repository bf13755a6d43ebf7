/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-cache-packs.h"

#include <pthread.h>

#include "ob-wait.h"

#define MAX_FETCHES 2

typedef struct
{
  gboolean is_fetched;  /* somebody reads the whole of it now */
  gboolean was_fetched; /* it was read as a whole: not again */
  gboolean is_checked;  /* the copy in this state is what it should be */
  ObCopyState state;
} Pack;

struct _ObCachePacks
{
  pthread_mutex_t mutex; /* guards what follows */
  pthread_cond_t fetched;
  GHashTable *packs; /* name → Pack */
  guint n_fetches;
};

/* internal methods */

/* Called with the mutex held. */
static Pack *
get_pack (ObCachePacks *self, const char *name)
{
  Pack *pack = g_hash_table_lookup (self->packs, name);

  if (pack == NULL)
    {
      pack = g_new0 (Pack, 1);
      g_hash_table_insert (self->packs, g_strdup (name), pack);
    }
  return pack;
}

/* public methods */

ObCopyState
ob_copy_state_get (const struct stat *info)
{
  return (ObCopyState){ info->st_dev, info->st_ino, info->st_size, info->st_mtim };
}

gboolean
ob_copy_state_equal (const ObCopyState *a, const ObCopyState *b)
{
  return a->device == b->device && a->inode == b->inode && a->size == b->size
         && a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

ObCachePacks *
ob_cache_packs_new (void)
{
  ObCachePacks *self = g_new0 (ObCachePacks, 1);

  pthread_mutex_init (&self->mutex, NULL);
  ob_cond_init (&self->fetched);
  self->packs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return self;
}

void
ob_cache_packs_free (ObCachePacks *packs)
{
  if (packs == NULL)
    return;
  g_hash_table_unref (packs->packs);
  pthread_cond_destroy (&packs->fetched);
  pthread_mutex_destroy (&packs->mutex);
  g_free (packs);
}

gboolean
ob_cache_packs_is_checked (ObCachePacks *packs, const char *name, const ObCopyState *state)
{
  const Pack *pack;
  gboolean result;

  pthread_mutex_lock (&packs->mutex);
  pack = get_pack (packs, name);
  result = pack->is_checked && ob_copy_state_equal (&pack->state, state);
  pthread_mutex_unlock (&packs->mutex);
  return result;
}

void
ob_cache_packs_set_checked (ObCachePacks *packs, const char *name, const ObCopyState *state)
{
  Pack *pack;

  pthread_mutex_lock (&packs->mutex);
  pack = get_pack (packs, name);
  pack->is_checked = TRUE;
  pack->state = *state;
  pthread_mutex_unlock (&packs->mutex);
}

gboolean
ob_cache_packs_begin_fetch (ObCachePacks *packs, const char *name, gboolean *is_ours,
                            GCancellable *cancellable, GError **error)
{
  Pack *pack;
  gboolean ok = TRUE;

  pthread_mutex_lock (&packs->mutex);
  pack = get_pack (packs, name);
  while (!pack->was_fetched && (pack->is_fetched || packs->n_fetches >= MAX_FETCHES) && ok)
    {
      ob_cond_wait_slice (&packs->fetched, &packs->mutex);
      ok = ob_check_cancelled (cancellable, error);
    }
  *is_ours = ok && !pack->was_fetched;
  if (*is_ours)
    {
      pack->is_fetched = TRUE;
      packs->n_fetches++;
    }
  pthread_mutex_unlock (&packs->mutex);
  return ok;
}

void
ob_cache_packs_end_fetch (ObCachePacks *packs, const char *name, gboolean done)
{
  Pack *pack;

  pthread_mutex_lock (&packs->mutex);
  pack = get_pack (packs, name);
  pack->is_fetched = FALSE;
  pack->was_fetched = done;
  packs->n_fetches--;
  pthread_cond_broadcast (&packs->fetched);
  pthread_mutex_unlock (&packs->mutex);
}

void
ob_cache_packs_give_up (ObCachePacks *packs, const char *name)
{
  pthread_mutex_lock (&packs->mutex);
  get_pack (packs, name)->was_fetched = TRUE;
  pthread_mutex_unlock (&packs->mutex);
}
