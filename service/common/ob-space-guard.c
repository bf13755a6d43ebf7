/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-space-guard.h"

#include <pthread.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "ob-error.h"
#include "ob-wait.h"

#define MIB ((guint64) 1024 * 1024)
#define INTERVAL_NSEC (200 * 1000 * 1000)

struct _ObSpaceGuard
{
  GCancellable *cancellable;
  char *directory;
  guint64 least, most;
  GThread *thread;

  pthread_mutex_t mutex; /* of all below */
  pthread_cond_t changed;
  gboolean stop;
  gboolean struck;
  guint64 free_bytes, floor;
};

/* internal methods */

static gboolean
read_space (const char *directory, guint64 *free_bytes, guint64 *total)
{
  struct statvfs space;

  if (statvfs (directory, &space) < 0)
    return FALSE;
  *free_bytes = (guint64) space.f_bavail * space.f_frsize;
  *total = (guint64) space.f_blocks * space.f_frsize;
  return TRUE;
}

static guint64
get_floor (guint64 total, guint64 least, guint64 most)
{
  return CLAMP (total / 20, least, most);
}

static gboolean
is_below_floor (ObSpaceGuard *self)
{
  guint64 total = 0;

  if (!read_space (self->directory, &self->free_bytes, &total))
    return FALSE;
  self->floor = get_floor (total, self->least, self->most);
  return self->free_bytes < self->floor;
}

static void
wait_a_moment (ObSpaceGuard *self)
{
  struct timespec until;

  clock_gettime (CLOCK_MONOTONIC, &until);
  until.tv_nsec += INTERVAL_NSEC;
  until.tv_sec += until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  pthread_cond_timedwait (&self->changed, &self->mutex, &until);
}

static gpointer
watch (gpointer data)
{
  ObSpaceGuard *self = data;
  gboolean struck = FALSE;

  pthread_mutex_lock (&self->mutex);
  while (!self->stop && !self->struck)
    {
      self->struck = is_below_floor (self);
      if (!self->struck)
        wait_a_moment (self);
    }
  struck = self->struck;
  pthread_mutex_unlock (&self->mutex);
  if (struck)
    g_cancellable_cancel (self->cancellable);
  return NULL;
}

/* public methods */

gboolean
ob_space_get_room (const char *directory, guint64 least, guint64 most, guint64 *room)
{
  guint64 free_bytes, total, floor;

  if (!read_space (directory, &free_bytes, &total))
    return FALSE;
  floor = get_floor (total, least, most);
  *room = free_bytes > floor ? free_bytes - floor : 0;
  return TRUE;
}

gboolean
ob_space_check (const char *directory, guint64 least, guint64 most, guint64 needed,
                const char *what, GError **error)
{
  guint64 free_bytes, total, floor;

  if (!read_space (directory, &free_bytes, &total))
    return TRUE;
  floor = get_floor (total, least, most);
  if (free_bytes >= floor && free_bytes - floor >= needed)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_NO_SPACE,
               "%s would need %" G_GUINT64_FORMAT " MiB on the file system of %s, which has %"
               G_GUINT64_FORMAT " MiB left, and %" G_GUINT64_FORMAT
               " MiB of them have to stay free for what lives on it; make space there and try "
               "again",
               what, needed / MIB + 1, directory, free_bytes / MIB, floor / MIB);
  return FALSE;
}

ObSpaceGuard *
ob_space_guard_new (const char *directory, guint64 least, guint64 most, GCancellable *cancellable)
{
  guint64 free_bytes = 0;
  guint64 total = 0;
  ObSpaceGuard *self = NULL;

  if (!read_space (directory, &free_bytes, &total))
    return NULL;
  self = g_new0 (ObSpaceGuard, 1);
  self->cancellable = g_object_ref (cancellable);
  self->directory = g_strdup (directory);
  self->least = least;
  self->most = most;
  pthread_mutex_init (&self->mutex, NULL);
  ob_cond_init (&self->changed);
  self->thread = g_thread_new ("space-guard", watch, self);
  return self;
}

gboolean
ob_space_guard_has_struck (ObSpaceGuard *self, const char *what, GError **error)
{
  gboolean struck = FALSE;

  if (self == NULL)
    return FALSE;
  pthread_mutex_lock (&self->mutex);
  struck = self->struck;
  pthread_mutex_unlock (&self->mutex);
  if (struck)
    g_set_error (error, OB_ERROR, OB_ERROR_NO_SPACE,
                 "%s was not filled any further: the file system of %s has %" G_GUINT64_FORMAT
                 " MiB left, and %" G_GUINT64_FORMAT
                 " MiB have to stay free for what lives on it; make space there and try again",
                 what, self->directory, self->free_bytes / MIB, self->floor / MIB);
  return struck;
}

void
ob_space_guard_free (ObSpaceGuard *self)
{
  if (self == NULL)
    return;
  pthread_mutex_lock (&self->mutex);
  self->stop = TRUE;
  pthread_cond_signal (&self->changed);
  pthread_mutex_unlock (&self->mutex);
  g_thread_join (self->thread);
  pthread_cond_destroy (&self->changed);
  pthread_mutex_destroy (&self->mutex);
  g_object_unref (self->cancellable);
  g_free (self->directory);
  g_free (self);
}
