/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-holds.h"

#include "ob-error.h"

struct _ObHolds
{
  GHashTable *keys; /* "FOLDER/NAME" */
};

/* internal methods */

static char *
get_key (const char *folder, const char *name)
{
  return g_strconcat (folder, "/", name, NULL);
}

/* public methods */

ObHolds *
ob_holds_new (void)
{
  ObHolds *self = g_new0 (ObHolds, 1);

  self->keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return self;
}

void
ob_holds_free (ObHolds *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->keys);
  g_free (self);
}

void
ob_holds_add (ObHolds *self, const char *folder, const char *name)
{
  g_hash_table_add (self->keys, get_key (folder, name));
}

void
ob_holds_remove (ObHolds *self, const char *folder, const char *name)
{
  g_autofree char *key = get_key (folder, name);

  g_hash_table_remove (self->keys, key);
}

gboolean
ob_holds_contain (ObHolds *self, const char *folder, const char *name)
{
  g_autofree char *key = get_key (folder, name);

  return g_hash_table_contains (self->keys, key);
}

gboolean
ob_holds_check (ObHolds *self, const char *folder, const char *name, GError **error)
{
  g_autofree char *key = get_key (folder, name);

  if (!g_hash_table_contains (self->keys, key))
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_BUSY, "%s is being changed; try again in a moment", key);
  return FALSE;
}
