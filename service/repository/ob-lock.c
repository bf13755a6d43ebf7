/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-lock-private.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "ob-error.h"
#include "ob-lock-file.h"
#include "ob-repository-private.h"

#define DIRECTORY "locks"

/* Between two tries to get the lock. */
#define MIN_PAUSE_MS 300
#define MAX_PAUSE_MS 1200

/* To remove a lock file, and between two of them; microseconds. */
#define REMOVE_TRIES 3
#define REMOVE_WAIT (200 * 1000)

static const ObLockTimes default_times = {
  .settle_ms = 200,
  .refresh_ms = 5 * 60 * 1000,
  .retry_ms = 30 * 1000,
  .valid_ms = 22 * 60 * 1000 + 30 * 1000,
  .confirm_ms = 5 * 60 * 1000 + 30 * 1000,
};

struct _ObLock
{
  ObRepository *repository;
  ObLockTimes times;
  ObLockFile *file;          /* the refresh thread's alone once that runs */
  GCancellable *cancellable; /* of the refresh thread's own calls */
  gboolean met_leftover;     /* fixed when it is taken */
  pthread_t thread;

  pthread_mutex_t mutex; /* guards what follows */
  pthread_cond_t changed;
  gboolean is_released;
  gboolean is_lost;
  ObId id;            /* of the file that holds it */
  gint64 refreshed;   /* CLOCK_BOOTTIME, which goes on while the machine sleeps; ms */
  gint64 confirmed;   /* when its file was last seen to be there; the same clock */
};

static gint64
get_clock_ms (clockid_t clock)
{
  struct timespec now;

  clock_gettime (clock, &now);
  return (gint64) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static char *
get_file_name (const ObId *id)
{
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (id, hex);
  return g_strconcat (DIRECTORY "/", hex, NULL);
}

static gboolean
remove_file (ObRepository *repository, const ObId *id, GError **error)
{
  g_autofree char *name = get_file_name (id);

  return ob_store_remove (ob_repository_get_store (repository), name, NULL, error);
}

/* As remove_file(), but where that fails the next lock does it. */
static void
remove_or_leave (ObRepository *repository, const ObId *id)
{
  if (!remove_file (repository, id, NULL))
    g_async_queue_push (ob_repository_get_left_locks (repository), get_file_name (id));
}

/* As remove_file(), and again after a moment: a file that stays keeps everybody out for half an
 * hour, and us too. Where the store is out of reach the next lock removes it. */
static gboolean
remove_surely (ObRepository *repository, const ObId *id, GError **error)
{
  for (guint i = 1; i < REMOVE_TRIES; i++)
    {
      if (remove_file (repository, id, NULL))
        return TRUE;
      g_usleep (REMOVE_WAIT);
    }
  if (remove_file (repository, id, error))
    return TRUE;
  g_async_queue_push (ob_repository_get_left_locks (repository), get_file_name (id));
  return FALSE;
}

/* *@leftover: set where there was one. */
static void
remove_left (ObRepository *repository, gboolean *leftover, GCancellable *cancellable)
{
  GAsyncQueue *left = ob_repository_get_left_locks (repository);
  ObStore *store = ob_repository_get_store (repository);
  char *name;

  while ((name = g_async_queue_try_pop (left)) != NULL)
    {
      if (!ob_store_remove (store, name, cancellable, NULL))
        {
          g_async_queue_push (left, name);
          return;
        }
      *leftover = TRUE;
      g_free (name);
    }
}

static gboolean
write_file (ObRepository *repository, const ObLockFile *file, ObId *id, GCancellable *cancellable,
            GError **error)
{
  g_autofree char *text = ob_lock_file_to_json (file);

  return ob_repository_put_unpacked (repository, DIRECTORY, text, strlen (text), id, cancellable,
                                     error);
}

/* internal: the locks of others */

static gboolean
add_name (const char *name, guint64 size, gpointer user_data)
{
  ObId id;

  /* A store that does not write as a whole may leave an empty file behind; restic ignores it too,
   * and what is not called like a lock. */
  if (size > 0 && ob_id_from_name (name, &id))
    g_ptr_array_add (user_data, g_strdup (name));
  return TRUE;
}

static gboolean
fail_locked (const ObLockFile *other, const struct timespec *now, ObRepository *repository,
             GError **error)
{
  g_autofree char *where = ob_store_describe (ob_repository_get_store (repository));
  g_autofree char *holder = ob_lock_file_describe_holder (other);
  g_autofree char *age = ob_lock_file_describe_age (other, now);

  g_set_error (error, OB_ERROR, OB_ERROR_LOCKED,
               "The repository in %s is locked%s by %s since %s. Try again when that is done",
               where, other->exclusive ? " exclusively" : "", holder, age);
  return FALSE;
}

/* Looks at one lock file of another: removes it where it is stale (and sets *@leftover), fails
 * where it is in the way. */
static gboolean
check_other (ObRepository *repository, const char *name, gboolean exclusive, gboolean *leftover,
             GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autoptr (GBytes) text = NULL;
  g_autoptr (ObLockFile) other = NULL;
  struct timespec now;

  text = ob_repository_get_unpacked (repository, name, OB_LOCK_FILE_MAX_SIZE, cancellable,
                                     &local_error);
  /* Its holder has released it meanwhile. */
  if (g_error_matches (local_error, OB_ERROR, OB_ERROR_NOT_FOUND))
    return TRUE;

  if (text != NULL)
    other = ob_lock_file_from_json (g_bytes_get_data (text, NULL), g_bytes_get_size (text),
                                    &local_error);
  if (other == NULL)
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&local_error),
                                  "Whether the repository is locked cannot be told from the file "
                                  "%s (where nothing else uses the repository, `restic unlock "
                                  "--remove-all` removes it): ",
                                  name);
      return FALSE;
    }

  clock_gettime (CLOCK_REALTIME, &now);
  if (ob_lock_file_is_stale (other, &now))
    {
      g_autofree char *holder = ob_lock_file_describe_holder (other);

      g_debug ("Removing the stale lock of %s.", holder);
      *leftover = TRUE;
      return ob_store_remove (ob_repository_get_store (repository), name, cancellable, error);
    }

  return (!exclusive && !other->exclusive) || fail_locked (other, &now, repository, error);
}

/* @own is left out where it is given. */
static gboolean
check_others (ObRepository *repository, gboolean exclusive, const ObId *own, gboolean *leftover,
              GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *own_name = own == NULL ? NULL : get_file_name (own);

  if (!ob_store_list (ob_repository_get_store (repository), DIRECTORY, add_name, names, cancellable,
                      error))
    return FALSE;

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);

      if (g_strcmp0 (name, own_name) != 0
          && !check_other (repository, name, exclusive, leftover, cancellable, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
wait_ms (guint ms, GCancellable *cancellable, GError **error)
{
  GPollFD poll_fd;

  if (g_cancellable_make_pollfd (cancellable, &poll_fd))
    {
      g_poll (&poll_fd, 1, (gint) ms);
      g_cancellable_release_fd (cancellable);
    }
  else
    g_usleep ((gulong) ms * 1000);

  if (!g_cancellable_is_cancelled (cancellable))
    return TRUE;
  g_set_error_literal (error, OB_ERROR, OB_ERROR_CANCELLED,
                       "It was cancelled while it waited for the repository's lock");
  return FALSE;
}

/* internal: the refresh thread */

static gboolean
has_file (ObLock *self, const ObId *id, GCancellable *cancellable, GError **error)
{
  g_autofree char *name = get_file_name (id);

  return ob_store_stat (ob_repository_get_store (self->repository), name, NULL, cancellable, error);
}

/* Whether the file that holds the lock is still there. What cannot be told is taken for yes: if the
 * store does not answer, the new file will not be written either. */
static gboolean
is_still_there (ObLock *self)
{
  g_autoptr (GError) error = NULL;

  return has_file (self, &self->id, self->cancellable, &error)
         || !g_error_matches (error, OB_ERROR, OB_ERROR_NOT_FOUND);
}

static gboolean
is_late (ObLock *self)
{
  return get_clock_ms (CLOCK_BOOTTIME) - self->refreshed > self->times.valid_ms;
}

static void
lose (ObLock *self)
{
  g_warning ("The lock of the repository was removed by somebody else.");
  pthread_mutex_lock (&self->mutex);
  self->is_lost = TRUE;
  pthread_mutex_unlock (&self->mutex);
}

/* Writes a new lock file, then removes the old one. Somebody may have taken the old one for
 * stale (a machine that slept, a store that was out of reach): then the lock is lost, whatever
 * is written now. Where that could just be happening, it looks twice, as restic does. FALSE: try
 * again soon. */
static gboolean
refresh (ObLock *self)
{
  g_autoptr (GError) error = NULL;
  gint64 now = get_clock_ms (CLOCK_BOOTTIME);
  gboolean late = is_late (self);
  ObId old = self->id, id;

  if (!is_still_there (self))
    {
      lose (self);
      return TRUE;
    }

  clock_gettime (CLOCK_REALTIME, &self->file->time);
  if (!write_file (self->repository, self->file, &id, self->cancellable, &error))
    {
      if (!g_cancellable_is_cancelled (self->cancellable))
        g_warning ("The lock of the repository could not be refreshed: %s.", error->message);
      /* It may have been written before the call failed. */
      remove_or_leave (self->repository, &id);
      return FALSE;
    }

  if (late && (!wait_ms (self->times.settle_ms, self->cancellable, NULL) || !is_still_there (self)))
    {
      remove_or_leave (self->repository, &id);
      lose (self);
      return TRUE;
    }

  pthread_mutex_lock (&self->mutex);
  self->id = id;
  self->refreshed = now;
  self->confirmed = now;
  pthread_mutex_unlock (&self->mutex);

  /* What is left behind is stale in half an hour. */
  remove_surely (self->repository, &old, NULL);
  return TRUE;
}

/* Waits until @ms have passed (FALSE) or the lock is released (TRUE). */
static gboolean
wait_for_release (ObLock *self, guint ms)
{
  gint64 end = get_clock_ms (CLOCK_MONOTONIC) + ms;
  struct timespec deadline = { .tv_sec = end / 1000, .tv_nsec = end % 1000 * 1000000 };
  gboolean is_released;
  int result = 0;

  pthread_mutex_lock (&self->mutex);
  while (!self->is_released && result == 0)
    result = pthread_cond_timedwait (&self->changed, &self->mutex, &deadline);
  is_released = self->is_released;
  pthread_mutex_unlock (&self->mutex);

  return is_released;
}

static gboolean
has_lost (ObLock *self)
{
  gboolean is_lost;

  pthread_mutex_lock (&self->mutex);
  is_lost = self->is_lost;
  pthread_mutex_unlock (&self->mutex);
  return is_lost;
}

static void *
run_refresh (void *data)
{
  ObLock *self = data;
  guint ms = self->times.refresh_ms;

  while (!wait_for_release (self, ms) && !has_lost (self))
    ms = refresh (self) ? self->times.refresh_ms : self->times.retry_ms;
  return NULL;
}

/* public methods */

static void
free_lock (ObLock *self)
{
  ob_lock_file_free (self->file);
  g_object_unref (self->cancellable);
  pthread_cond_destroy (&self->changed);
  pthread_mutex_destroy (&self->mutex);
  ob_repository_unref (self->repository);
  g_free (self);
}

static ObLock *
new_lock (ObRepository *repository, gboolean exclusive, const ObLockTimes *times)
{
  ObLock *self = g_new0 (ObLock, 1);
  pthread_condattr_t attributes;

  self->repository = ob_repository_ref (repository);
  self->times = *times;
  self->file = ob_lock_file_new (exclusive);
  self->cancellable = g_cancellable_new ();
  self->refreshed = get_clock_ms (CLOCK_BOOTTIME);
  self->confirmed = self->refreshed;
  pthread_mutex_init (&self->mutex, NULL);
  pthread_condattr_init (&attributes);
  pthread_condattr_setclock (&attributes, CLOCK_MONOTONIC);
  pthread_cond_init (&self->changed, &attributes);
  pthread_condattr_destroy (&attributes);
  return self;
}

static gboolean
start_thread (ObLock *self, GError **error)
{
  int result = pthread_create (&self->thread, NULL, run_refresh, self);

  if (result != 0)
    g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                 "A thread that refreshes the repository's lock could not be started: %s",
                 g_strerror (result));
  return result == 0;
}

ObLock *
ob_lock_acquire_with_times (ObRepository *repository, gboolean exclusive, const ObLockTimes *times,
                            GCancellable *cancellable, GError **error)
{
  gboolean leftover = FALSE;
  ObLock *self;

  remove_left (repository, &leftover, cancellable);
  if (!check_others (repository, exclusive, NULL, &leftover, cancellable, error))
    return NULL;

  self = new_lock (repository, exclusive, times);
  self->met_leftover = leftover;
  if (write_file (repository, self->file, &self->id, cancellable, error)
      && wait_ms (times->settle_ms, cancellable, error)
      && check_others (repository, exclusive, &self->id, &self->met_leftover, cancellable, error)
      && start_thread (self, error))
    return self;

  remove_or_leave (repository, &self->id);
  free_lock (self);
  return NULL;
}

ObLock *
ob_lock_acquire (ObRepository *repository, gboolean exclusive, GCancellable *cancellable,
                 GError **error)
{
  ObLockTimes times = default_times;

  /* Of two who write at the same moment one sees the other at the latest when it looks again. */
  if (ob_store_is_consistent (ob_repository_get_store (repository)))
    times.settle_ms = 0;
  return ob_lock_acquire_with_times (repository, exclusive, &times, cancellable, error);
}

/* What we held ourselves when the machine went down is in the way for a while after it is up again:
 * a backup that was missed meanwhile is made just then. */
gint64
ob_lock_get_patience (guint seconds, gint64 uptime_ms)
{
  gint64 patience = (gint64) seconds * 1000;
  gint64 unsettled = (OB_LOCK_FILE_SETTLED_SECONDS + 1) * 1000 - uptime_ms;

  return seconds < OB_LOCK_PATIENT_SECONDS ? patience : MAX (patience, unsettled);
}

ObLock *
ob_lock_acquire_within (ObRepository *repository, gboolean exclusive, guint seconds,
                        ObLockWaitFunc waits, gpointer user_data, GCancellable *cancellable,
                        GError **error)
{
  gint64 patience = ob_lock_get_patience (seconds, get_clock_ms (CLOCK_BOOTTIME));
  gint64 end = get_clock_ms (CLOCK_MONOTONIC) + patience;
  gboolean has_told = FALSE;

  while (TRUE)
    {
      g_autoptr (GError) local_error = NULL;
      ObLock *self = ob_lock_acquire (repository, exclusive, cancellable, &local_error);
      /* By chance, so that two who met do not meet again. */
      gint64 pause = g_random_int_range (MIN_PAUSE_MS, MAX_PAUSE_MS);

      if (self != NULL)
        return self;
      if (!g_error_matches (local_error, OB_ERROR, OB_ERROR_LOCKED)
          || get_clock_ms (CLOCK_MONOTONIC) + pause > end)
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return NULL;
        }
      if (waits != NULL && !has_told)
        waits (local_error->message, user_data);
      has_told = TRUE;
      if (!wait_ms ((guint) pause, cancellable, error))
        return NULL;
    }
}

gboolean
ob_lock_has_met_leftover (ObLock *self)
{
  return self->met_leftover;
}

gboolean
ob_lock_check (ObLock *self, GError **error)
{
  g_autofree char *where = NULL;

  if (ob_lock_is_valid (self))
    return TRUE;
  where = ob_store_describe (ob_repository_get_store (self->repository));
  g_set_error (error, OB_ERROR, OB_ERROR_LOCKED,
               "The lock of the repository in %s could not be kept, so somebody else may be at "
               "work on it. What was done so far is sound; begin again, and where it happens again "
               "compare the clocks of the hosts that use the repository",
               where);
  return FALSE;
}

static ObId
get_id (ObLock *self)
{
  ObId id;

  pthread_mutex_lock (&self->mutex);
  id = self->id;
  pthread_mutex_unlock (&self->mutex);
  return id;
}

static void
set_confirmed (ObLock *self, gint64 when)
{
  pthread_mutex_lock (&self->mutex);
  self->confirmed = MAX (self->confirmed, when);
  pthread_mutex_unlock (&self->mutex);
}

gboolean
ob_lock_confirm (ObLock *self, GCancellable *cancellable, GError **error)
{
  gint64 now = get_clock_ms (CLOCK_BOOTTIME);
  ObId id = get_id (self);

  while (ob_lock_check (self, error))
    {
      g_autoptr (GError) local_error = NULL;
      ObId looked_at = id;

      if (has_file (self, &id, cancellable, &local_error))
        {
          set_confirmed (self, now);
          return TRUE;
        }
      if (!g_error_matches (local_error, OB_ERROR, OB_ERROR_NOT_FOUND))
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
      /* A refresh puts another file in its place. */
      id = get_id (self);
      if (ob_id_equal (&id, &looked_at))
        lose (self);
    }
  return FALSE;
}

gboolean
ob_lock_confirm_again (ObLock *self, GCancellable *cancellable, GError **error)
{
  gboolean is_due;

  pthread_mutex_lock (&self->mutex);
  is_due = get_clock_ms (CLOCK_BOOTTIME) - self->confirmed >= self->times.confirm_ms;
  pthread_mutex_unlock (&self->mutex);
  return is_due ? ob_lock_confirm (self, cancellable, error) : ob_lock_check (self, error);
}

gboolean
ob_lock_is_valid (ObLock *self)
{
  gboolean is_valid;

  pthread_mutex_lock (&self->mutex);
  is_valid = !self->is_lost && !is_late (self);
  pthread_mutex_unlock (&self->mutex);
  return is_valid;
}

void
ob_lock_release (ObLock *self)
{
  g_autoptr (GError) error = NULL;

  if (self == NULL)
    return;

  pthread_mutex_lock (&self->mutex);
  self->is_released = TRUE;
  pthread_cond_signal (&self->changed);
  pthread_mutex_unlock (&self->mutex);
  g_cancellable_cancel (self->cancellable);
  pthread_join (self->thread, NULL);

  if (!remove_surely (self->repository, &self->id, &error))
    g_warning ("The lock of the repository could not be removed: %s.", error->message);
  free_lock (self);
}
