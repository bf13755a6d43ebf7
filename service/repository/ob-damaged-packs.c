/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-damaged-packs.h"

#include "ob-repository-private.h"

/* Transfer full. */
static GArray *
list_all (ObIndex *index)
{
  guint32 n = ob_index_get_n_packs (index);
  GArray *packs = g_array_sized_new (FALSE, FALSE, sizeof (ObId), n);

  for (guint32 i = 0; i < n; i++)
    {
      guint64 size;
      ObId id;

      if (ob_index_get_pack (index, i, &id, &size))
        g_array_append_val (packs, id);
    }
  return packs;
}

guint
ob_damaged_packs_tell (ObRepository *repository, const GArray *packs)
{
  ObIndex *index = ob_repository_get_index (repository);
  g_autoptr (GArray) all = packs == NULL ? list_all (index) : NULL;

  return ob_index_set_damaged (index, packs != NULL ? packs : all);
}

void
ob_damaged_packs_merge (ObRepository *repository, GArray *packs, const GArray *former)
{
  ObIndex *index = ob_repository_get_index (repository);
  g_autoptr (GHashTable) known = g_hash_table_new_full (ob_id_hash, ob_id_equal_func, g_free, NULL);

  for (guint i = 0; i < packs->len; i++)
    g_hash_table_add (known, g_memdup2 (&g_array_index (packs, ObId, i), sizeof (ObId)));
  for (guint i = 0; i < former->len; i++)
    {
      const ObId *id = &g_array_index (former, ObId, i);
      guint32 number;

      if (!g_hash_table_contains (known, id) && ob_index_find_pack (index, id, &number))
        g_array_append_vals (packs, id, 1);
    }
}
