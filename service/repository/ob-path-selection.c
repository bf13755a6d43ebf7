/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-path-selection.h"

#include <string.h>

#include "ob-error.h"
#include "ob-tree.h"

struct _ObPathSelection
{
  gboolean whole;
  GHashTable *names; /* char * → ObPathSelection */
};

/* public methods */

ObPathSelection *
ob_path_selection_new (void)
{
  ObPathSelection *self = g_new0 (ObPathSelection, 1);

  self->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                       (GDestroyNotify) ob_path_selection_free);
  return self;
}

void
ob_path_selection_free (ObPathSelection *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->names);
  g_free (self);
}

gboolean
ob_path_selection_add (ObPathSelection *self, const char *path, GError **error)
{
  g_auto (GStrv) names = g_strsplit (path, "/", -1);

  for (gsize i = 0; names[i] != NULL; i++)
    if (!ob_tree_name_is_valid (names[i], strlen (names[i])))
      {
        g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                     "\"%s\" cannot be a path in a backup: write it like \"modules/org.example\", "
                     "without \"..\" and with no \"/\" too many.",
                     path);
        return FALSE;
      }
  for (gsize i = 0; names[i] != NULL; i++)
    {
      ObPathSelection *below = g_hash_table_lookup (self->names, names[i]);

      if (below == NULL)
        {
          below = ob_path_selection_new ();
          g_hash_table_insert (self->names, g_strdup (names[i]), below);
        }
      self = below;
    }
  self->whole = TRUE;
  return TRUE;
}

gboolean
ob_path_selection_has (const ObPathSelection *self, const char *name,
                       const ObPathSelection **below)
{
  *below = NULL;
  if (self == NULL || self->whole)
    return TRUE;
  *below = g_hash_table_lookup (self->names, name);
  return *below != NULL;
}
