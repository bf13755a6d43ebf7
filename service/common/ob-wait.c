/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-wait.h"

#include <time.h>

#include "ob-error.h"

#define SLICE_NS (100 * 1000 * 1000)

struct _ObFirstError
{
  GError *error; /* atomic: set once, not changed from then on */
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
  return g_new0 (ObFirstError, 1);
}

void
ob_first_error_free (ObFirstError *first)
{
  g_clear_error (&first->error);
  g_free (first);
}

void
ob_first_error_take (ObFirstError *first, GError *failure)
{
  if (!g_atomic_pointer_compare_and_exchange (&first->error, NULL, failure))
    g_error_free (failure);
}

gboolean
ob_first_error_is_set (ObFirstError *first)
{
  return g_atomic_pointer_get (&first->error) != NULL;
}

gboolean
ob_first_error_check (ObFirstError *first, GError **error)
{
  const GError *failure = g_atomic_pointer_get (&first->error);

  if (failure == NULL)
    return TRUE;

  g_propagate_error (error, g_error_copy (failure));
  return FALSE;
}
