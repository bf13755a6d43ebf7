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

/* What lies in memory says nothing of the disk. */
ObSnapshot *
ob_verify_load_snapshot (ObVerify *self, const char *name, GError **error)
{
  g_autoptr (GBytes) text = ob_repository_get_unpacked (
    self->repository, name, OB_SNAPSHOT_MAX_SIZE, self->cancellable, error);
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

static gboolean
is_name_wanted (ObVerify *self, const char *name)
{
  ObSnapshot by_name = { 0 };

  return ob_id_from_hex (name + strlen (DIRECTORY), &by_name.id) && is_wanted (self, &by_name);
}

static void
add_bad (ObVerify *self, const char *name, const char *message)
{
  g_ptr_array_add (self->bad_snapshots, g_strdup (name));
  self->report.unreadable++;
  ob_verify_add_problem (self, OB_VERIFY_SNAPSHOT, name, "%s", message);
}

/* @suspects gets name and message of one that cannot be read, and is none that is asked for by its
 * name. */
static gboolean
add_snapshot (ObVerify *self, const char *name, GPtrArray *suspects, GError **error)
{
  g_autoptr (GError) failure = NULL;
  g_autoptr (ObSnapshot) snapshot = NULL;
  ObId id;

  /* What is not called like a snapshot is none; restic lets it lie, too. */
  if (!ob_id_from_name (name, &id))
    return TRUE;
  snapshot = ob_verify_load_snapshot (self, name, &failure);
  if (snapshot != NULL)
    {
      g_ptr_array_add (self->snapshots, g_steal_pointer (&snapshot));
      return TRUE;
    }
  if (!ob_verify_is_damage (self, &failure, error))
    return FALSE;
  /* Deleted since it was listed. */
  if (g_error_matches (failure, OB_ERROR, OB_ERROR_NOT_FOUND))
    return TRUE;
  if (is_name_wanted (self, name))
    add_bad (self, name, failure->message);
  else
    {
      g_ptr_array_add (suspects, g_strdup (name));
      g_ptr_array_add (suspects, g_strdup (failure->message));
    }
  return TRUE;
}

/* Whose a file is can be told only when all are known. */
static void
drop_unwanted (ObVerify *self)
{
  ob_snapshot_settle_ids (self->snapshots);
  for (guint i = self->snapshots->len; i > 0; i--)
    if (!is_wanted (self, g_ptr_array_index (self->snapshots, i - 1)))
      g_ptr_array_remove_index (self->snapshots, i - 1);
}

/* Whether there is a file of each backup that is asked for, in whatever state. */
static gboolean
has_all_wanted (ObVerify *self)
{
  for (guint i = 0; self->wanted != NULL && i < self->wanted->len; i++)
    {
      const ObId *id = &g_array_index (self->wanted, ObId, i);
      char hex[OB_ID_HEX_SIZE];
      gboolean found = FALSE;

      ob_id_to_hex (id, hex);
      for (guint j = 0; !found && j < self->snapshots->len; j++)
        {
          const ObSnapshot *snapshot = g_ptr_array_index (self->snapshots, j);

          found = ob_id_equal (id, &snapshot->id)
                  || ob_id_equal (id, ob_snapshot_get_public_id (snapshot));
        }
      for (guint j = 0; !found && j < self->bad_snapshots->len; j++)
        found = g_str_has_suffix (g_ptr_array_index (self->bad_snapshots, j), hex);
      if (!found)
        return FALSE;
    }
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
  g_autoptr (GPtrArray) suspects = g_ptr_array_new_with_free_func (g_free);

  if (!ob_store_list (ob_repository_get_store (self->repository), "snapshots", add_name, names,
                      self->cancellable, error))
    return FALSE;
  for (guint i = 0; i < names->len; i++)
    if (!add_snapshot (self, g_ptr_array_index (names, i), suspects, error))
      return FALSE;
  drop_unwanted (self);
  /* A backup whose label was changed lies in a file of another name: any that cannot be read may be
   * the one that is not found. */
  if (!has_all_wanted (self))
    for (guint i = 0; i < suspects->len; i += 2)
      add_bad (self, g_ptr_array_index (suspects, i), g_ptr_array_index (suspects, i + 1));

  g_ptr_array_sort (self->snapshots, compare);
  self->report.snapshots = self->snapshots->len;
  if (self->wanted == NULL || self->snapshots->len + self->bad_snapshots->len > 0)
    return TRUE;
  g_set_error_literal (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                       "The backups to verify are not in the repository any more");
  return FALSE;
}
