/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-fd-cache.h"

#include <pthread.h>
#include <stdatomic.h>

#include "ob-fd.h"

struct _ObSharedFd
{
  atomic_int references;
  int fd;
  char *name;
};

struct _ObFdCache
{
  pthread_mutex_t lock;
  guint max;
  guint64 generation;
  GQueue files; /* of ObSharedFd, the latest used first; few, so that a search is a walk */
};

static ObSharedFd *
shared_fd_new (const char *name, int fd)
{
  ObSharedFd *self = g_new0 (ObSharedFd, 1);

  atomic_init (&self->references, 1);
  self->fd = fd;
  self->name = g_strdup (name);
  return self;
}

static ObSharedFd *
shared_fd_ref (ObSharedFd *self)
{
  atomic_fetch_add (&self->references, 1);
  return self;
}

int
ob_shared_fd_get (ObSharedFd *shared)
{
  return shared->fd;
}

void
ob_shared_fd_unref (ObSharedFd *shared)
{
  if (atomic_fetch_sub (&shared->references, 1) != 1)
    return;
  ob_fd_clear (&shared->fd);
  g_free (shared->name);
  g_free (shared);
}

ObFdCache *
ob_fd_cache_new (guint max)
{
  ObFdCache *self = g_new0 (ObFdCache, 1);

  pthread_mutex_init (&self->lock, NULL);
  self->max = max;
  g_queue_init (&self->files);
  return self;
}

void
ob_fd_cache_free (ObFdCache *cache)
{
  if (cache == NULL)
    return;
  g_queue_clear_full (&cache->files, (GDestroyNotify) ob_shared_fd_unref);
  pthread_mutex_destroy (&cache->lock);
  g_free (cache);
}

static GList *
find (ObFdCache *self, const char *name)
{
  for (GList *link = self->files.head; link != NULL; link = link->next)
    if (g_str_equal (((ObSharedFd *) link->data)->name, name))
      return link;
  return NULL;
}

ObSharedFd *
ob_fd_cache_lookup (ObFdCache *cache, const char *name, guint64 *generation)
{
  ObSharedFd *found = NULL;
  GList *link;

  pthread_mutex_lock (&cache->lock);
  *generation = cache->generation;
  link = find (cache, name);
  if (link != NULL)
    {
      found = shared_fd_ref (link->data);
      g_queue_unlink (&cache->files, link);
      g_queue_push_head_link (&cache->files, link);
    }
  pthread_mutex_unlock (&cache->lock);
  return found;
}

ObSharedFd *
ob_fd_cache_add (ObFdCache *cache, const char *name, int fd, guint64 generation)
{
  ObSharedFd *added = shared_fd_new (name, fd);
  ObSharedFd *oldest = NULL;

  pthread_mutex_lock (&cache->lock);
  if (cache->generation == generation && find (cache, name) == NULL)
    {
      g_queue_push_head (&cache->files, shared_fd_ref (added));
      if (cache->files.length > cache->max)
        oldest = g_queue_pop_tail (&cache->files);
    }
  pthread_mutex_unlock (&cache->lock);
  g_clear_pointer (&oldest, ob_shared_fd_unref);
  return added;
}

void
ob_fd_cache_forget (ObFdCache *cache, const char *name)
{
  ObSharedFd *forgotten = NULL;
  GList *link;

  pthread_mutex_lock (&cache->lock);
  cache->generation++;
  link = find (cache, name);
  if (link != NULL)
    {
      forgotten = link->data;
      g_queue_delete_link (&cache->files, link);
    }
  pthread_mutex_unlock (&cache->lock);
  g_clear_pointer (&forgotten, ob_shared_fd_unref);
}
