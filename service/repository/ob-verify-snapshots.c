/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "ob-error.h"
#include "ob-snapshot-cache.h"
#include "ob-verify-private.h"

#define DIRECTORY "snapshots/"

static gboolean
add_name (const char *name, guint64 size, gpointer user_data)
{
  g_ptr_array_add (user_data, g_strdup (name));
  return TRUE;
}

/* A snapshot as its file has it now; what lies in memory says nothing of the disk. */
static ObSnapshot *
load (ObVerify *self, const char *name, GError **error)
{
  g_autoptr (GBytes) text = ob_repository_get_unpacked (self->repository, name, OB_SNAPSHOT_MAX_SIZE,
                                                        self->cancellable, error);
  ObSnapshot *snapshot;

  if (text == NULL)
    return NULL;
  snapshot = ob_snapshot_from_json (g_bytes_get_data (text, NULL), g_bytes_get_size (text), error);
  if (snapshot != NULL)
    ob_id_from_hex (name + strlen (DIRECTORY), &snapshot->id);
  else
    g_prefix_error (error, "%s: ", name);
  return snapshot;
}

static gboolean
is_wanted (ObVerify *self, const ObSnapshot *snapshot)
{
  for (guint i = 0; self->wanted != NULL && i < self->wanted->len; i++)
    {
      const ObId *id = &g_array_index (self->wanted, ObId, i);

      if (ob_id_equal (id, &snapshot->id) || ob_id_equal (id, ob_snapshot_get_public_id (snapshot)))
        return TRUE;
    }
  return self->wanted == NULL;
}

/* Whether the file holds a snapshot that is asked for is not known where it cannot be read:
 * where one was named it is told of only if the name is its own. */
static gboolean
is_name_wanted (ObVerify *self, const char *name)
{
  ObSnapshot by_name = { 0 };

  return ob_id_from_hex (name + strlen (DIRECTORY), &by_name.id) && is_wanted (self, &by_name);
}

static gboolean
add_snapshot (ObVerify *self, const char *name, GError **error)
{
  g_autoptr (GError) failure = NULL;
  g_autoptr (ObSnapshot) snapshot = NULL;
  ObId id;

  /* What is not called like a snapshot is none; restic lets it lie, too. */
  if (!ob_id_from_hex (name + strlen (DIRECTORY), &id))
    return TRUE;
  snapshot = load (self, name, &failure);
  if (snapshot != NULL)
    {
      if (is_wanted (self, snapshot))
        g_ptr_array_add (self->snapshots, g_steal_pointer (&snapshot));
      return TRUE;
    }
  if (!ob_verify_is_damage (self, &failure, error))
    return FALSE;
  /* Deleted since it was listed. */
  if (g_error_matches (failure, OB_ERROR, OB_ERROR_NOT_FOUND) || !is_name_wanted (self, name))
    return TRUE;
  g_ptr_array_add (self->bad_snapshots, g_strdup (name));
  ob_verify_add_problem (self, OB_VERIFY_SNAPSHOT, name, "%s", failure->message);
  return TRUE;
}

static gint
compare (gconstpointer a, gconstpointer b)
{
  const ObSnapshot *x = *(const ObSnapshot *const *) a;
  const ObSnapshot *y = *(const ObSnapshot *const *) b;

  if (x->time.tv_sec != y->time.tv_sec)
    return x->time.tv_sec > y->time.tv_sec ? -1 : 1;
  return memcmp (x->id.bytes, y->id.bytes, OB_ID_SIZE);
}

gboolean
ob_verify_load_snapshots (ObVerify *self, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  if (!ob_store_list (ob_repository_get_store (self->repository), "snapshots", add_name, names,
                      self->cancellable, error))
    return FALSE;
  for (guint i = 0; i < names->len; i++)
    if (!add_snapshot (self, g_ptr_array_index (names, i), error))
      return FALSE;

  g_ptr_array_sort (self->snapshots, compare);
  self->report.snapshots = self->snapshots->len;
  if (self->wanted == NULL || self->snapshots->len + self->bad_snapshots->len > 0)
    return TRUE;
  g_set_error_literal (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                       "The backups to verify are not in the repository any more");
  return FALSE;
}
