/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-unsaved-packs.h"

#define DUE_PACKS 32
#define DUE_ENTRIES 30000
#define DUE_SECONDS 180

struct _ObUnsavedPacks
{
  GArray *ids;        /* of ObId */
  GPtrArray *entries; /* of GArray of ObPackEntry */
  guint n_entries;
  gint64 since; /* monotonic time, us */
};

ObUnsavedPacks *
ob_unsaved_packs_new (void)
{
  ObUnsavedPacks *unsaved = g_new0 (ObUnsavedPacks, 1);

  unsaved->ids = g_array_new (FALSE, FALSE, sizeof (ObId));
  unsaved->entries = g_ptr_array_new_with_free_func ((GDestroyNotify) g_array_unref);
  unsaved->since = g_get_monotonic_time ();
  return unsaved;
}

void
ob_unsaved_packs_free (ObUnsavedPacks *unsaved)
{
  g_array_unref (unsaved->ids);
  g_ptr_array_unref (unsaved->entries);
  g_free (unsaved);
}

void
ob_unsaved_packs_take (ObUnsavedPacks *unsaved, const ObId *pack, GArray *entries)
{
  g_array_append_vals (unsaved->ids, pack, 1);
  unsaved->n_entries += entries->len;
  g_ptr_array_add (unsaved->entries, entries);
}

gboolean
ob_unsaved_packs_is_due (const ObUnsavedPacks *unsaved)
{
  return unsaved->ids->len >= DUE_PACKS || unsaved->n_entries >= DUE_ENTRIES
         || g_get_monotonic_time () - unsaved->since >= DUE_SECONDS * G_TIME_SPAN_SECOND;
}

gboolean
ob_unsaved_packs_save (ObUnsavedPacks *unsaved, ObRepository *repository,
                       GCancellable *cancellable, GError **error)
{
  if (unsaved->ids->len == 0)
    return TRUE;
  return ob_store_flush (ob_repository_get_store (repository), cancellable, error)
         && ob_repository_save_index (repository, (const ObId *) (gpointer) unsaved->ids->data,
                                      (GArray *const *) unsaved->entries->pdata,
                                      unsaved->ids->len, cancellable, error);
}

void
ob_unsaved_packs_foreach (const ObUnsavedPacks *unsaved, GFunc func, gpointer user_data)
{
  for (guint i = 0; i < unsaved->entries->len; i++)
    {
      GArray *entries = g_ptr_array_index (unsaved->entries, i);

      for (guint j = 0; j < entries->len; j++)
        func (&g_array_index (entries, ObPackEntry, j), user_data);
    }
}

void
ob_unsaved_packs_clear (ObUnsavedPacks *unsaved)
{
  g_array_set_size (unsaved->ids, 0);
  g_ptr_array_set_size (unsaved->entries, 0);
  unsaved->n_entries = 0;
  unsaved->since = g_get_monotonic_time ();
}
