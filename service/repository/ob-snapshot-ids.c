/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which snapshot files are versions of one backup. A change of tags, ours and restic's, writes the
 * file anew and removes the former one; so does our repair. Cut off in between both are there, and
 * are one backup. `restic rewrite` and `restic repair snapshots` name the former one as the
 * original, too, but leave it where it is: these are two, and neither may go for the other.
 */
#include <string.h>

#include "ob-snapshot.h"

/* What these commands of restic's add where the former one is to stay. */
static const char *const beside_tags[] = { "rewrite", "repaired" };

/* internal methods */

/* A change of tags leaves all of this. */
static gboolean
has_equal_content (const ObSnapshot *a, const ObSnapshot *b)
{
  return ob_id_equal (&a->tree, &b->tree) && a->time.tv_sec == b->time.tv_sec
         && a->time.tv_nsec == b->time.tv_nsec && g_strcmp0 (a->hostname, b->hostname) == 0;
}

/* Our repair says so; restic takes our object away from whatever it writes. */
static gboolean
was_repaired (const ObSnapshot *self)
{
  return self->obbackup != NULL && json_object_has_member (self->obbackup, "lost");
}

/* The repair says of which file, too: of what `restic tag` wrote before, nothing else tells that it
 * is the same backup. */
static gboolean
replaces (const ObSnapshot *self, const ObSnapshot *other)
{
  JsonNode *lost = was_repaired (self) ? json_object_get_member (self->obbackup, "lost") : NULL;
  JsonNode *file = lost != NULL && JSON_NODE_HOLDS_OBJECT (lost)
                     ? json_object_get_member (json_node_get_object (lost), "replaces")
                     : NULL;
  ObId id;

  return file != NULL && json_node_get_value_type (file) == G_TYPE_STRING
         && ob_id_from_hex (json_node_get_string (file), &id) && ob_id_equal (&id, &other->id);
}

/* @first: the one that has the id by right. */
static gboolean
is_version (const ObSnapshot *self, const ObSnapshot *first)
{
  return self == first || has_equal_content (self, first) || replaces (self, first)
         || replaces (first, self)
         || (was_repaired (self) && (!first->has_original || first->obbackup != NULL))
         || (was_repaired (first) && self->obbackup != NULL);
}

/* How likely it is that restic wrote it beside another one. */
static guint
rate (const ObSnapshot *self)
{
  if (self->obbackup != NULL)
    return 0;
  for (gsize i = 0; i < G_N_ELEMENTS (beside_tags); i++)
    if (ob_snapshot_has_tag (self, beside_tags[i]))
      return 2;
  return 1;
}

/* Which of two that name the same original has its id by right, where that is gone. */
static gboolean
goes_first (const ObSnapshot *self, const ObSnapshot *other)
{
  guint left = rate (self);
  guint right = rate (other);

  return left != right ? left < right : memcmp (self->id.bytes, other->id.bytes, OB_ID_SIZE) < 0;
}

/* A file that is apart is the first version of a backup of its own, whatever it names. */
static void
settle_versions_of_apart (GPtrArray *snapshots, GHashTable *files)
{
  g_autoptr (GPtrArray) versions = g_ptr_array_new ();

  for (guint i = 0; i < snapshots->len; i++)
    {
      ObSnapshot *snapshot = g_ptr_array_index (snapshots, i);
      const ObSnapshot *first
        = snapshot->is_apart ? g_hash_table_lookup (files, &snapshot->original) : NULL;

      if (first != NULL && first->is_apart
          && (has_equal_content (snapshot, first) || replaces (snapshot, first)))
        g_ptr_array_add (versions, snapshot);
    }
  for (guint i = 0; i < versions->len; i++)
    ((ObSnapshot *) g_ptr_array_index (versions, i))->is_apart = FALSE;
}

/* public methods */

gboolean
ob_snapshot_was_rewritten (const ObSnapshot *self)
{
  return self->obbackup == NULL && (self->is_apart || rate (self) == 2);
}

void
ob_snapshot_settle_ids (GPtrArray *snapshots)
{
  g_autoptr (GHashTable) files = g_hash_table_new (ob_id_hash, ob_id_equal_func);
  g_autoptr (GHashTable) heirs = g_hash_table_new (ob_id_hash, ob_id_equal_func);

  for (guint i = 0; i < snapshots->len; i++)
    {
      ObSnapshot *snapshot = g_ptr_array_index (snapshots, i);
      const ObSnapshot *heir = NULL;

      g_hash_table_insert (files, &snapshot->id, snapshot);
      if (!snapshot->has_original)
        continue;
      heir = g_hash_table_lookup (heirs, &snapshot->original);
      if (heir == NULL || goes_first (snapshot, heir))
        g_hash_table_replace (heirs, &snapshot->original, snapshot);
    }
  for (guint i = 0; i < snapshots->len; i++)
    {
      ObSnapshot *snapshot = g_ptr_array_index (snapshots, i);
      const ObSnapshot *first = NULL;

      if (!snapshot->has_original)
        continue;
      first = g_hash_table_lookup (files, &snapshot->original);
      /* One that is called by an original itself was never the first version of anything. */
      if (first != NULL)
        snapshot->is_apart = first->has_original || !is_version (snapshot, first);
      else
        snapshot->is_apart
          = !is_version (snapshot, g_hash_table_lookup (heirs, &snapshot->original));
    }
  settle_versions_of_apart (snapshots, files);
}
