/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-protect.h"

#include <pthread.h>

#include "ob-error.h"
#include "ob-pack-check.h"
#include "ob-wait.h"

/* Each waits for an answer most of the time; the store has a limit of its own. */
#define N_THREADS 8

typedef struct
{
  ObStore *store;
  gint64 until;
  GPtrArray *names;
  guint next;      /* atomic */
  guint n_changed; /* atomic */
  ObFirstError *first_error;
  GCancellable *cancellable;
} Protection;

static gboolean
add_name (const char *name, guint64 size, gpointer user_data)
{
  g_ptr_array_add (user_data, g_strdup (name));
  return TRUE;
}

/* Sentences of the store name the object, and not what that means. */
static void
fail (Protection *self, const char *name, GError *failure)
{
  if (g_error_matches (failure, OB_ERROR, OB_ERROR_NOT_FOUND))
    {
      g_autoptr (GError) owned = failure;

      failure = g_error_new (OB_ERROR, OB_ERROR_CORRUPT,
                             "%s, which the backup needs, is not there; look with \"obbackupctl "
                             "verify\": %s",
                             name, owned->message);
    }
  ob_first_error_take (self->first_error, failure);
}

static void *
run (void *data)
{
  Protection *self = data;
  guint i;

  while ((i = g_atomic_int_add (&self->next, 1)) < self->names->len
         && !ob_first_error_is_set (self->first_error))
    {
      const char *name = g_ptr_array_index (self->names, i);
      GError *failure = NULL;
      gboolean changed;

      if (!ob_store_extend_lock (self->store, name, self->until, &changed, self->cancellable,
                                 &failure))
        fail (self, name, failure);
      else if (changed)
        g_atomic_int_inc (&self->n_changed);
    }
  return NULL;
}

static void
run_all (Protection *self)
{
  pthread_t threads[N_THREADS];
  guint n = 0;

  while (n < MIN (N_THREADS, self->names->len)
         && pthread_create (&threads[n], NULL, run, self) == 0)
    n++;
  if (n == 0)
    run (self);
  for (guint i = 0; i < n; i++)
    pthread_join (threads[i], NULL);
}

gboolean
ob_protect (ObRepository *repository, GArray *packs, gint64 until, guint *n_changed,
            GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (ObFirstError) first_error = ob_first_error_new ();
  Protection self = { .store = ob_repository_get_store (repository),
                      .until = until,
                      .names = names,
                      .first_error = first_error,
                      .cancellable = cancellable };

  *n_changed = 0;
  g_ptr_array_add (names, g_strdup ("config"));
  if (!ob_store_list (self.store, "keys", add_name, names, cancellable, error))
    return FALSE;
  for (guint i = 0; i < packs->len; i++)
    g_ptr_array_add (names, ob_pack_get_name (&g_array_index (packs, ObId, i)));
  run_all (&self);
  *n_changed = self.n_changed;
  return ob_first_error_check (first_error, error);
}
