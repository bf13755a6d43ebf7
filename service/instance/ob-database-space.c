/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-database-restore-private.h"

#include "ob-error.h"

#include <pthread.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#define MIB ((guint64) 1024 * 1024)

struct _ObSpaceGuard
{
  GCancellable *cancellable;
  char *directory;
  GThread *thread;
  pthread_mutex_t mutex;
  pthread_cond_t cond;
  gboolean stop;
  gboolean struck;
  guint64 free_bytes, floor;
};

/* internal methods */

static gboolean
is_local (const char *host)
{
  return *host == '/' || strcmp (host, "localhost") == 0 || strcmp (host, "::1") == 0
         || g_str_has_prefix (host, "127.");
}

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
floor_of (guint64 total)
{
  return CLAMP (total / 20, 32 * MIB, 1024 * MIB);
}

static gpointer
guard_thread (gpointer data)
{
  ObSpaceGuard *self = data;
  struct timespec until;
  guint64 free_bytes, total;

  pthread_mutex_lock (&self->mutex);
  while (!self->stop && !self->struck)
    {
      if (read_space (self->directory, &free_bytes, &total) && free_bytes < floor_of (total))
        {
          self->struck = TRUE;
          self->free_bytes = free_bytes;
          self->floor = floor_of (total);
          break;
        }
      clock_gettime (CLOCK_REALTIME, &until);
      until.tv_nsec += 200 * 1000 * 1000;
      until.tv_sec += until.tv_nsec / 1000000000;
      until.tv_nsec %= 1000000000;
      pthread_cond_timedwait (&self->cond, &self->mutex, &until);
    }
  total = self->struck;
  pthread_mutex_unlock (&self->mutex);
  if (total != 0)
    g_cancellable_cancel (self->cancellable);
  return NULL;
}

/* public methods */

ObSpaceGuard *
ob_space_guard_new (const ObDatabaseConfig *config, ObRole role, GCancellable *cancellable)
{
  g_autoptr (ObPostgres) postgres = NULL;
  g_autofree char *directory = NULL;
  ObSpaceGuard *self;
  guint64 free_bytes, total;

  if (!is_local (config->host))
    return NULL;
  postgres = ob_database_connect_admin (config, cancellable, NULL);
  if (postgres != NULL)
    directory = ob_postgres_get_text (postgres, "SELECT current_setting('data_directory', true)",
                                      NULL, cancellable, NULL);
  if (directory == NULL || *directory != '/' || !read_space (directory, &free_bytes, &total))
    return NULL;

  self = g_new0 (ObSpaceGuard, 1);
  self->cancellable = g_object_ref (cancellable);
  self->directory = g_steal_pointer (&directory);
  pthread_mutex_init (&self->mutex, NULL);
  pthread_cond_init (&self->cond, NULL);
  self->thread = g_thread_new ("space-guard", guard_thread, self);
  return self;
}

gboolean
ob_space_guard_has_struck (ObSpaceGuard *self, GError **error)
{
  gboolean struck;

  if (self == NULL)
    return FALSE;
  pthread_mutex_lock (&self->mutex);
  struck = self->struck;
  pthread_mutex_unlock (&self->mutex);
  if (struck)
    g_set_error (error, OB_ERROR, OB_ERROR_NO_SPACE,
                 "The database was not filled any further: the file system of PostgreSQL (%s) has "
                 "%" G_GUINT64_FORMAT " MiB left, and %" G_GUINT64_FORMAT
                 " MiB have to stay free for the living databases; make room there and try again",
                 self->directory, self->free_bytes / MIB, self->floor / MIB);
  return struck;
}

void
ob_space_guard_free (ObSpaceGuard *self)
{
  pthread_mutex_lock (&self->mutex);
  self->stop = TRUE;
  pthread_cond_signal (&self->cond);
  pthread_mutex_unlock (&self->mutex);
  g_thread_join (self->thread);
  pthread_cond_destroy (&self->cond);
  pthread_mutex_destroy (&self->mutex);
  g_object_unref (self->cancellable);
  g_free (self->directory);
  g_free (self);
}
