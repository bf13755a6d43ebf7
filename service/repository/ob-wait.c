/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-wait.h"

#include <time.h>

#include "ob-error.h"

#define SLICE_NS (100 * 1000 * 1000)

struct _ObFirstError
{
  pthread_mutex_t mutex;
  gint is_set; /* atomic */
  GError *error;
};

void
ob_cond_init (pthread_cond_t *cond)
{
  pthread_condattr_t attributes;

  pthread_condattr_init (&attributes);
  pthread_condattr_setclock (&attributes, CLOCK_MONOTONIC);
  pthread_cond_init (cond, &attributes);
  pthread_condattr_destroy (&attributes);
}

void
ob_cond_wait_slice (pthread_cond_t *cond, pthread_mutex_t *mutex)
{
  struct timespec until;

  clock_gettime (CLOCK_MONOTONIC, &until);
  until.tv_nsec += SLICE_NS;
  if (until.tv_nsec >= 1000 * 1000 * 1000)
    {
      until.tv_nsec -= 1000 * 1000 * 1000;
      until.tv_sec++;
    }
  pthread_cond_timedwait (cond, mutex, &until);
}

gboolean
ob_check_cancelled (GCancellable *cancellable, GError **error)
{
  if (!g_cancellable_is_cancelled (cancellable))
    return TRUE;

  g_set_error_literal (error, OB_ERROR, OB_ERROR_CANCELLED, "The operation was cancelled");
  return FALSE;
}

ObFirstError *
ob_first_error_new (void)
{
  ObFirstError *first = g_new0 (ObFirstError, 1);

  pthread_mutex_init (&first->mutex, NULL);
  return first;
}

void
ob_first_error_free (ObFirstError *first)
{
  pthread_mutex_destroy (&first->mutex);
  g_clear_error (&first->error);
  g_free (first);
}

void
ob_first_error_take (ObFirstError *first, GError *failure)
{
  pthread_mutex_lock (&first->mutex);
  if (first->error == NULL)
    {
      first->error = g_steal_pointer (&failure);
      g_atomic_int_set (&first->is_set, TRUE);
    }
  pthread_mutex_unlock (&first->mutex);
  g_clear_error (&failure);
}

gboolean
ob_first_error_is_set (ObFirstError *first)
{
  return g_atomic_int_get (&first->is_set);
}

gboolean
ob_first_error_check (ObFirstError *first, GError **error)
{
  if (!ob_first_error_is_set (first))
    return TRUE;

  pthread_mutex_lock (&first->mutex);
  g_propagate_error (error, g_error_copy (first->error));
  pthread_mutex_unlock (&first->mutex);
  return FALSE;
}
