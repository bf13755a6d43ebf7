/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-parallel.h"

#include "ob-wait.h"

#define MAX_THREADS 64

typedef struct
{
  guint n_items;
  gint next; /* atomic */
  ObParallelFunc func;
  gpointer user_data;
  ObFirstError *first_error;
} Work;

static void *
run (void *data)
{
  Work *work = data;
  guint i;

  while (!ob_first_error_is_set (work->first_error)
         && (i = (guint) g_atomic_int_add (&work->next, 1)) < work->n_items)
    {
      GError *error = NULL;

      if (!work->func (i, work->user_data, &error))
        ob_first_error_take (work->first_error, error);
    }
  return NULL;
}

gboolean
ob_parallel_run (guint n_items, guint n_threads, ObParallelFunc func, gpointer user_data,
                 GError **error)
{
  g_autoptr (ObFirstError) first_error = ob_first_error_new ();
  Work work = { n_items, 0, func, user_data, first_error };
  guint wanted = MIN (MIN (n_items, n_threads), MAX_THREADS);
  pthread_t threads[MAX_THREADS];
  guint n = 0;

  while (wanted > 1 && n < wanted && pthread_create (&threads[n], NULL, run, &work) == 0)
    n++;
  if (n == 0)
    run (&work);
  for (guint i = 0; i < n; i++)
    pthread_join (threads[i], NULL);
  return ob_first_error_check (first_error, error);
}
