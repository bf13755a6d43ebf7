/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-protect.h"

#include "ob-error.h"
#include "ob-pack-check.h"
#include "ob-parallel.h"

/* The store has a limit of its own. */
#define MAX_THREADS 32

typedef struct
{
  ObStore *store;
  gint64 until;
  GPtrArray *names;
  guint n_changed; /* atomic */
  GCancellable *cancellable;
} Protection;

static gboolean
add_name (const char *name, guint64 size, gpointer user_data)
{
  g_ptr_array_add (user_data, g_strdup (name));
  return TRUE;
}

/* Sentences of the store name the object, and not what that means. */
static GError *
explain (const char *name, GError *failure)
{
  g_autoptr (GError) owned = NULL;

  if (!g_error_matches (failure, OB_ERROR, OB_ERROR_NOT_FOUND))
    return failure;
  owned = failure;
  return g_error_new (OB_ERROR, OB_ERROR_CORRUPT,
                      "%s, which the backup needs, is not there; look with \"obbackupctl "
                      "verify\": %s",
                      name, owned->message);
}

static gboolean
protect (guint i, gpointer user_data, GError **error)
{
  Protection *self = user_data;
  const char *name = g_ptr_array_index (self->names, i);
  GError *failure = NULL;
  gboolean changed;

  if (!ob_store_extend_lock (self->store, name, self->until, &changed, self->cancellable, &failure))
    {
      g_propagate_error (error, explain (name, failure));
      return FALSE;
    }
  if (changed)
    g_atomic_int_inc (&self->n_changed);
  return TRUE;
}

gboolean
ob_protect (ObRepository *repository, GArray *packs, gint64 until, guint *n_changed,
            GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  Protection self = { .store = ob_repository_get_store (repository),
                      .until = until,
                      .names = names,
                      .cancellable = cancellable };
  gboolean done;

  *n_changed = 0;
  g_ptr_array_add (names, g_strdup ("config"));
  if (!ob_store_list (self.store, "keys", add_name, names, cancellable, error))
    return FALSE;
  for (guint i = 0; i < packs->len; i++)
    g_ptr_array_add (names, ob_pack_get_name (&g_array_index (packs, ObId, i)));
  done = ob_parallel_run (names->len, ob_repository_count_readers (repository, 1, MAX_THREADS),
                          protect, &self, error);
  *n_changed = self.n_changed;
  return done;
}
