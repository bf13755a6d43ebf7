/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Snapshots that lost something: their trees are written again without what cannot be had, so that
 * any program restores the rest, and the snapshot says what is missing.
 */
#include <string.h>

#include "ob-error.h"
#include "ob-repair.h"
#include "ob-snapshot-cache.h"
#include "ob-writer.h"

/* A tree that is being written again. */
typedef struct
{
  ObId id;
  GPtrArray *nodes; /* of ObNode: what remains */
  guint next;
} Frame;

typedef struct
{
  ObRepair *repair;
  ObBlobReader *reader;
  ObWriter *writer;
  GHashTable *done; /* of ObId: the former tree → the new one (ObId) */
  GArray *stack;    /* of Frame */
} Work;

static void
frame_clear (gpointer data)
{
  Frame *frame = data;

  g_ptr_array_unref (frame->nodes);
}

/* Takes what is lost out of the nodes; what is sound or only dirty stays. */
static void
drop_lost (ObVerify *verify, GPtrArray *nodes)
{
  for (guint i = nodes->len; i > 0; i--)
    {
      const ObNode *node = g_ptr_array_index (nodes, i - 1);
      gboolean lost = node->type == OB_NODE_FILE ? !ob_verify_has_content (verify, node)
                      : node->type == OB_NODE_DIRECTORY
                        ? ob_verify_get_tree_state (verify, &node->subtree) == OB_TREE_LOST
                        : FALSE;

      if (lost)
        g_ptr_array_remove_index (nodes, i - 1);
    }
}

static gboolean
push (Work *work, const ObId *id, GError **error)
{
  Frame frame = { .id = *id };

  frame.nodes
    = ob_blob_reader_load_tree (work->reader, id, work->repair->cancellable, error);
  if (frame.nodes == NULL)
    return FALSE;
  drop_lost (work->repair->verify, frame.nodes);
  g_array_append_val (work->stack, frame);
  return TRUE;
}

/* Goes on with the tree on top: down into the next directory that lost something, or up. */
static gboolean
step (Work *work, GError **error)
{
  Frame *frame = &g_array_index (work->stack, Frame, work->stack->len - 1);
  ObId *written;

  for (; frame->next < frame->nodes->len; frame->next++)
    {
      ObNode *node = g_ptr_array_index (frame->nodes, frame->next);
      const ObId *known;

      if (node->type != OB_NODE_DIRECTORY
          || ob_verify_get_tree_state (work->repair->verify, &node->subtree) != OB_TREE_DIRTY)
        continue;
      known = g_hash_table_lookup (work->done, &node->subtree);
      if (known == NULL)
        {
          ObId subtree = node->subtree;

          return push (work, &subtree, error);
        }
      node->subtree = *known;
    }

  written = g_new (ObId, 1);
  if (!ob_writer_add_tree (work->writer, frame->nodes, written, error))
    {
      g_free (written);
      return FALSE;
    }
  g_hash_table_insert (work->done, g_memdup2 (&frame->id, sizeof frame->id), written);
  g_array_set_size (work->stack, work->stack->len - 1);
  return TRUE;
}

/* *@tree: what is left of the snapshot's tree; an empty one where that is all lost. */
static gboolean
rewrite_tree (Work *work, const ObId *root, ObId *tree, GError **error)
{
  const ObId *written;

  if (ob_verify_get_tree_state (work->repair->verify, root) == OB_TREE_LOST)
    {
      g_autoptr (GPtrArray) none = g_ptr_array_new ();

      return ob_writer_add_tree (work->writer, none, tree, error);
    }
  if (g_hash_table_lookup (work->done, root) == NULL && !push (work, root, error))
    return FALSE;
  while (work->stack->len > 0)
    if (!ob_check_cancelled (work->repair->cancellable, error) || !step (work, error))
      return FALSE;
  written = g_hash_table_lookup (work->done, root);
  *tree = *written;
  return TRUE;
}

static char *
get_name (const ObId *id)
{
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (id, hex);
  return g_strconcat ("snapshots/", hex, NULL);
}

/* The marked one is durable before the former one goes. */
static gboolean
replace_snapshot (Work *work, const ObVerifyLoss *loss, const ObId *tree, GError **error)
{
  ObRepository *repository = work->repair->repository;
  ObStore *store = ob_repository_get_store (repository);
  GCancellable *cancellable = work->repair->cancellable;
  g_autofree char *name = get_name (&loss->snapshot->id);
  g_autoptr (GBytes) former
    = ob_repository_get_unpacked (repository, name, OB_SNAPSHOT_MAX_SIZE, cancellable, error);
  g_autofree char *text = NULL;
  ObId id;

  if (former == NULL)
    return FALSE;
  text = ob_repair_mark_snapshot (g_bytes_get_data (former, NULL), g_bytes_get_size (former), tree,
                                  loss, error);
  if (text == NULL || !ob_repair_check_lock (work->repair, error)
      || !ob_repository_put_unpacked (repository, "snapshots", text, strlen (text), &id,
                                      cancellable, error)
      || !ob_store_flush (store, cancellable, error)
      || !ob_store_hide (store, name, cancellable, error)
      || !ob_store_flush (store, cancellable, error))
    return FALSE;
  work->repair->repairs->snapshots_marked++;
  return TRUE;
}

static gboolean
run (Work *work, GError **error)
{
  GPtrArray *losses = work->repair->verify->report.losses;
  g_autofree ObId *trees = g_new (ObId, losses->len + 1);

  for (guint i = 0; i < losses->len; i++)
    {
      const ObVerifyLoss *loss = g_ptr_array_index (losses, i);

      if (!rewrite_tree (work, &loss->snapshot->tree, &trees[i], error))
        return FALSE;
    }
  if (!ob_writer_finish (work->writer, error))
    return FALSE;
  for (guint i = 0; i < losses->len; i++)
    if (!replace_snapshot (work, g_ptr_array_index (losses, i), &trees[i], error))
      return FALSE;
  return TRUE;
}

/* For the parts */

gboolean
ob_repair_snapshots (ObRepair *repair, GError **error)
{
  g_autoptr (ObBlobReader) reader = NULL;
  g_autoptr (ObWriter) writer = NULL;
  g_autoptr (GHashTable) done = NULL;
  g_autoptr (GArray) stack = NULL;
  Work work = { .repair = repair };

  if (repair->verify->report.losses->len == 0)
    return TRUE;
  work.reader = reader = ob_blob_reader_new (repair->repository);
  work.writer = writer = ob_writer_new (repair->repository, 1, repair->cancellable);
  ob_writer_set_lock (writer, repair->lock);
  work.done = done = g_hash_table_new_full (ob_id_hash, ob_id_equal_func, g_free, g_free);
  work.stack = stack = g_array_new (FALSE, FALSE, sizeof (Frame));
  g_array_set_clear_func (stack, frame_clear);
  return run (&work, error);
}
