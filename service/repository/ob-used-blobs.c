/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-used-blobs.h"

#include "ob-blob-reader.h"
#include "ob-error.h"
#include "ob-node.h"
#include "ob-wait.h"

/* One walk. */
typedef struct
{
  ObIndex *index;
  ObBlobReader *reader;
  ObUsedBlobs *used;
  GArray *to_visit; /* of guint32: numbers of trees */
  GCancellable *cancellable;
} Walk;

void
ob_used_blobs_free (ObUsedBlobs *self)
{
  if (self == NULL)
    return;

  g_free (self->bits[OB_BLOB_DATA]);
  g_free (self->bits[OB_BLOB_TREE]);
  g_free (self);
}

static ObUsedBlobs *
used_blobs_new (ObIndex *index)
{
  ObUsedBlobs *self = g_new0 (ObUsedBlobs, 1);

  for (guint type = OB_BLOB_DATA; type <= OB_BLOB_TREE; type++)
    self->bits[type] = ob_bitmap_new (ob_index_get_n_places (index, type));
  return self;
}

/* Marks a blob; a tree that was not marked before is still to be visited. */
static gboolean
use (Walk *walk, ObBlobType type, const ObId *id, GError **error)
{
  ObBitmap *bits = walk->used->bits[type];
  guint32 number;

  if (ob_index_find (walk->index, type, id, &number, 1) == 0)
    {
      char hex[OB_ID_HEX_SIZE];

      ob_id_to_hex (id, hex);
      g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT, "the %s blob %s is in no index",
                   type == OB_BLOB_TREE ? "tree" : "data", hex);
      return FALSE;
    }
  if (type == OB_BLOB_TREE && !ob_bitmap_test (bits, number))
    g_array_append_val (walk->to_visit, number);
  ob_bitmap_set (bits, number);
  return TRUE;
}

static gboolean
use_node (Walk *walk, const ObNode *node, GError **error)
{
  for (guint i = 0; node->content != NULL && i < node->content->len; i++)
    if (!use (walk, OB_BLOB_DATA, &g_array_index (node->content, ObId, i), error))
      return FALSE;
  return node->type != OB_NODE_DIRECTORY || use (walk, OB_BLOB_TREE, &node->subtree, error);
}

static gboolean
visit (Walk *walk, guint32 number, GError **error)
{
  g_autoptr (GPtrArray) nodes = NULL;
  ObIndexPlace place;

  if (!ob_index_get_place (walk->index, OB_BLOB_TREE, number, &place))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_BUSY,
                           "The index was replaced while it was in use; try again");
      return FALSE;
    }
  nodes = ob_blob_reader_load_tree (walk->reader, &place.id, walk->cancellable, error);
  if (nodes == NULL)
    return FALSE;

  for (guint i = 0; i < nodes->len; i++)
    if (!use_node (walk, g_ptr_array_index (nodes, i), error))
      return FALSE;
  return ob_check_cancelled (walk->cancellable, error);
}

static gboolean
walk_snapshot (Walk *walk, const ObSnapshot *snapshot, GError **error)
{
  gboolean done = use (walk, OB_BLOB_TREE, &snapshot->tree, error);

  while (done && walk->to_visit->len > 0)
    {
      guint32 number = g_array_index (walk->to_visit, guint32, walk->to_visit->len - 1);

      g_array_set_size (walk->to_visit, walk->to_visit->len - 1);
      done = visit (walk, number, error);
    }
  return done;
}

/* Says of which backup a damage is. */
static void
take_failure (const ObSnapshot *snapshot, GError *failure, GError **error)
{
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (ob_snapshot_get_public_id (snapshot), hex);
  if (g_error_matches (failure, OB_ERROR, OB_ERROR_CORRUPT))
    g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
                 "Backup %.8s is damaged, so what it needs cannot be told and nothing was changed "
                 "(%s). Look with `obbackupctl verify`, and mend or delete that backup first",
                 hex, failure->message);
  else
    g_propagate_error (error, g_error_copy (failure));
  g_error_free (failure);
}

ObUsedBlobs *
ob_used_blobs_find (ObRepository *repository, GPtrArray *snapshots, GCancellable *cancellable,
                    GError **error)
{
  ObIndex *index = ob_repository_get_index (repository);
  g_autoptr (ObUsedBlobs) used = used_blobs_new (index);
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (repository);
  g_autoptr (GArray) to_visit = g_array_new (FALSE, FALSE, sizeof (guint32));
  Walk walk = { .index = index,
                .reader = reader,
                .used = used,
                .to_visit = to_visit,
                .cancellable = cancellable };

  for (guint i = 0; i < snapshots->len; i++)
    {
      const ObSnapshot *snapshot = g_ptr_array_index (snapshots, i);
      GError *failure = NULL;

      if (!walk_snapshot (&walk, snapshot, &failure))
        {
          take_failure (snapshot, failure, error);
          return NULL;
        }
    }
  return g_steal_pointer (&used);
}
