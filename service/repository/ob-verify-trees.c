/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The trees of all snapshots: each is read once, whatever number of snapshots share it. A bit by
 * the number of its first place says that it was seen, another that something in it or below is
 * lost.
 */
#include <string.h>

#include "ob-error.h"
#include "ob-verify-private.h"

/* Copies of one blob that are looked for. */
#define MAX_COPIES 8

/* What is lost of one snapshot is listed no further: the list would take for ever where a large
 * directory is lost in thousands of them. */
#define MAX_COUNTED 100000

/* A tree that is being walked. */
typedef struct
{
  guint32 number;
  gboolean dirty;
  GArray *children; /* of ObId */
  guint next;
} Frame;

typedef struct
{
  ObVerify *verify;
  ObBlobReader *reader;
  GArray *stack; /* of Frame */
  /* For the list of what one snapshot lost. */
  ObVerifyLoss *loss;
} Walk;

/* internal methods: blobs */

/* Whether one of the places is sound; *@first is the number of the first place. What came into the
 * index since is taken for sound: it was just written. */
static gboolean
find_sound (ObVerify *self, ObBlobType type, const ObId *id, guint32 *first, gboolean *known)
{
  guint32 numbers[MAX_COPIES];
  gsize n = ob_index_find (self->index, type, id, numbers, MAX_COPIES);

  *known = n > 0;
  *first = n > 0 ? numbers[0] : 0;
  for (gsize i = 0; i < n; i++)
    if (!ob_bitmap_test (self->bad_places[type], numbers[i]))
      return TRUE;
  return FALSE;
}

/* Many files and trees may refer to one missing blob; it is told of once. */
static void
tell_missing (ObVerify *self, ObBlobType type, const ObId *id)
{
  char hex[OB_ID_HEX_SIZE];

  if (g_hash_table_size (self->missing) >= OB_VERIFY_MAX_PROBLEMS
      || g_hash_table_contains (self->missing, id))
    return;
  g_hash_table_add (self->missing, g_memdup2 (id, sizeof *id));
  ob_id_to_hex (id, hex);
  ob_verify_add_problem (self, OB_VERIFY_BLOB_MISSING, hex, "%s %s is in no index",
                         type == OB_BLOB_TREE ? "Tree" : "Blob", hex);
}

static gboolean
check_content (ObVerify *self, const ObNode *node)
{
  gboolean whole = TRUE;

  for (guint i = 0; node->content != NULL && i < node->content->len; i++)
    {
      const ObId *id = &g_array_index (node->content, ObId, i);
      gboolean known;
      guint32 first;

      if (find_sound (self, OB_BLOB_DATA, id, &first, &known))
        continue;
      whole = FALSE;
      if (!known)
        tell_missing (self, OB_BLOB_DATA, id);
    }
  return whole;
}

/* No copy of the tree can be read. */
static void
set_tree_bad (ObVerify *self, const ObId *id)
{
  guint32 numbers[MAX_COPIES];
  gsize n = ob_index_find (self->index, OB_BLOB_TREE, id, numbers, MAX_COPIES);

  for (gsize i = 0; i < n; i++)
    ob_bitmap_set (self->bad_places[OB_BLOB_TREE], numbers[i]);
}

/* internal methods: the walk */

static void
frame_clear (gpointer data)
{
  Frame *frame = data;

  g_array_unref (frame->children);
}

/* The nodes of a tree; NULL without an error where it is damaged, which is told of. One that makes
 * no sense was written so, and never will. */
static GPtrArray *
load_tree (Walk *walk, const ObId *id, GError **error)
{
  ObVerify *self = walk->verify;
  g_autoptr (GError) failure = NULL;
  gboolean was_read;
  GPtrArray *nodes
    = ob_blob_reader_try_tree (walk->reader, id, &was_read, self->cancellable, &failure);
  char hex[OB_ID_HEX_SIZE];

  if (nodes != NULL || (!was_read && !ob_verify_is_loss (self, &failure, error)))
    return nodes;
  ob_id_to_hex (id, hex);
  set_tree_bad (self, id);
  ob_verify_add_problem (self, OB_VERIFY_TREE, hex, "%s", failure->message);
  return NULL;
}

static void
push_frame (Walk *walk, guint32 number, GPtrArray *nodes)
{
  Frame frame = { .number = number, .children = g_array_new (FALSE, FALSE, sizeof (ObId)) };

  for (guint i = 0; i < nodes->len; i++)
    {
      const ObNode *node = g_ptr_array_index (nodes, i);

      if (node->type == OB_NODE_DIRECTORY)
        g_array_append_val (frame.children, node->subtree);
      else if (node->type == OB_NODE_FILE && !check_content (walk->verify, node))
        frame.dirty = TRUE;
    }
  g_array_append_val (walk->stack, frame);
}

/* Begins with a tree that was not seen. *@dirty: what is known of it already, where nothing was put
 * on the stack. */
static gboolean
enter (Walk *walk, const ObId *id, gboolean *dirty, GError **error)
{
  ObVerify *self = walk->verify;
  g_autoptr (GPtrArray) nodes = NULL;
  g_autoptr (GError) failure = NULL;
  gboolean known;
  guint32 number;

  *dirty = FALSE;
  if (!find_sound (self, OB_BLOB_TREE, id, &number, &known))
    {
      if (!known)
        tell_missing (self, OB_BLOB_TREE, id);
      *dirty = TRUE;
      return TRUE;
    }
  if (ob_bitmap_test (self->seen, number))
    {
      *dirty = ob_bitmap_test (self->dirty, number);
      return TRUE;
    }
  ob_bitmap_set (self->seen, number);
  self->report.trees++;
  nodes = load_tree (walk, id, &failure);
  if (nodes != NULL)
    push_frame (walk, number, nodes);
  else if (failure != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  else
    *dirty = TRUE;
  return TRUE;
}

static void
leave (Walk *walk)
{
  Frame *frame = &g_array_index (walk->stack, Frame, walk->stack->len - 1);
  gboolean dirty = frame->dirty;

  if (dirty)
    ob_bitmap_set (walk->verify->dirty, frame->number);
  g_array_set_size (walk->stack, walk->stack->len - 1);
  if (dirty && walk->stack->len > 0)
    g_array_index (walk->stack, Frame, walk->stack->len - 1).dirty = TRUE;
}

/* Walks what is below the root and was not seen; *@dirty: something of it is lost. */
static gboolean
walk_root (Walk *walk, const ObId *root, gboolean *dirty, GError **error)
{
  if (!enter (walk, root, dirty, error))
    return FALSE;
  while (walk->stack->len > 0)
    {
      Frame *frame = &g_array_index (walk->stack, Frame, walk->stack->len - 1);
      guint depth = walk->stack->len;
      gboolean child_dirty;
      ObId child;

      if (frame->next == frame->children->len)
        {
          *dirty = frame->dirty;
          leave (walk);
          continue;
        }
      child = g_array_index (frame->children, ObId, frame->next++);
      if (!ob_check_cancelled (walk->verify->cancellable, error)
          || !enter (walk, &child, &child_dirty, error))
        return FALSE;
      if (child_dirty)
        g_array_index (walk->stack, Frame, depth - 1).dirty = TRUE;
    }
  return TRUE;
}

/* internal methods: what a snapshot lost */

static void
add_lost (ObVerifyLoss *loss, const char *path, const char *name, gboolean directory)
{
  if (loss->n_files++ < OB_VERIFY_MAX_FILES)
    g_ptr_array_add (loss->files, g_strdup_printf ("%s%s%s", path, name, directory ? "/" : ""));
}

/* A directory whose content is to be listed. */
typedef struct
{
  ObId id;
  char *path; /* with a '/' at the end, or "" */
} Place;

static void
place_free (gpointer data)
{
  Place *place = data;

  g_free (place->path);
  g_free (place);
}

static void
push_place (GPtrArray *places, const ObId *id, char *path)
{
  Place *place = g_new0 (Place, 1);

  place->id = *id;
  place->path = path;
  g_ptr_array_add (places, place);
}

/* The last one is taken next: those from @first on are to come in the order they were put. */
static void
reverse_places (GPtrArray *places, guint first)
{
  for (guint i = first, j = places->len; i + 1 < j; i++)
    {
      gpointer place = places->pdata[i];

      places->pdata[i] = places->pdata[--j];
      places->pdata[j] = place;
    }
}

static void
list_node (Walk *walk, const Place *place, const ObNode *node, GPtrArray *places)
{
  ObVerify *self = walk->verify;

  if (node->type == OB_NODE_FILE && !ob_verify_has_content (self, node))
    add_lost (walk->loss, place->path, node->name, FALSE);
  if (node->type != OB_NODE_DIRECTORY)
    return;
  switch (ob_verify_get_tree_state (self, &node->subtree))
    {
    case OB_TREE_LOST:
      add_lost (walk->loss, place->path, node->name, TRUE);
      break;
    case OB_TREE_DIRTY:
      push_place (places, &node->subtree, g_strdup_printf ("%s%s/", place->path, node->name));
      break;
    default:
      break;
    }
}

/* Only dirty trees are read again. */
static gboolean
list_losses (Walk *walk, const ObId *root, GError **error)
{
  g_autoptr (GPtrArray) places = g_ptr_array_new_with_free_func (place_free);

  if (ob_verify_get_tree_state (walk->verify, root) == OB_TREE_LOST)
    {
      add_lost (walk->loss, "", "", TRUE);
      return TRUE;
    }
  push_place (places, root, g_strdup (""));
  while (places->len > 0 && !walk->loss->more)
    {
      Place *place = g_ptr_array_steal_index (places, places->len - 1);
      g_autoptr (GPtrArray) nodes
        = ob_check_cancelled (walk->verify->cancellable, error)
            ? ob_blob_reader_load_tree (walk->reader, &place->id, walk->verify->cancellable, error)
            : NULL;
      guint first = places->len;

      for (guint i = 0; nodes != NULL && i < nodes->len; i++)
        list_node (walk, place, g_ptr_array_index (nodes, i), places);
      reverse_places (places, first);
      place_free (place);
      if (nodes == NULL)
        return FALSE;
      walk->loss->more = walk->loss->n_files >= MAX_COUNTED;
    }
  return TRUE;
}

static gboolean
tell_loss (Walk *walk, ObSnapshot *snapshot, GError **error)
{
  ObVerifyReport *report = &walk->verify->report;
  ObVerifyLoss *loss;

  if (report->n_losses++ >= OB_VERIFY_MAX_LOSSES)
    return TRUE;
  loss = g_new0 (ObVerifyLoss, 1);
  loss->snapshot = snapshot;
  loss->files = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (report->losses, loss);
  walk->loss = loss;
  return list_losses (walk, &snapshot->tree, error);
}

/* What was read at a second try is no loss, but the disk that gave it so is no sound one. */
static void
tell_survived (ObVerify *self, ObBlobReader *reader)
{
  ObId pack;
  const GError *failure = ob_blob_reader_get_survived (reader, &pack);
  g_autofree char *name = failure != NULL ? ob_pack_get_name (&pack) : NULL;

  if (failure != NULL)
    ob_verify_add_problem (self, OB_VERIFY_PACK_READ, name,
                           "Pack %s could be read only at a second try: %s",
                           name + strlen ("data/00/"), failure->message);
}

/* internal methods: the packs of some snapshots */

static void
select_blob (ObVerify *self, ObBlobType type, const ObId *id)
{
  guint32 numbers[MAX_COPIES];
  gsize n = ob_index_find (self->index, type, id, numbers, MAX_COPIES);
  ObIndexPlace place;

  for (gsize i = 0; i < n; i++)
    if (ob_index_get_place (self->index, type, numbers[i], &place))
      ob_bitmap_set (self->selected, place.pack);
}

/* What cannot be read here is told of by the walk that follows. */
static gboolean
select_tree (ObVerify *self, ObBlobReader *reader, const ObId *id, ObBitmap *seen, GArray *to_visit,
             GError **error)
{
  g_autoptr (GError) failure = NULL;
  g_autoptr (GPtrArray) nodes = NULL;
  guint32 number;

  select_blob (self, OB_BLOB_TREE, id);
  if (ob_index_find (self->index, OB_BLOB_TREE, id, &number, 1) == 0
      || ob_bitmap_test (seen, number))
    return TRUE;
  ob_bitmap_set (seen, number);
  nodes = ob_blob_reader_load_tree (reader, id, self->cancellable, &failure);
  if (nodes == NULL)
    return ob_verify_is_damage (self, &failure, error);
  for (guint i = 0; i < nodes->len; i++)
    {
      const ObNode *node = g_ptr_array_index (nodes, i);

      if (node->type == OB_NODE_DIRECTORY)
        g_array_append_val (to_visit, node->subtree);
      for (guint j = 0; node->content != NULL && j < node->content->len; j++)
        select_blob (self, OB_BLOB_DATA, &g_array_index (node->content, ObId, j));
    }
  return ob_check_cancelled (self->cancellable, error);
}

/* For the parts */

gboolean
ob_verify_select_packs (ObVerify *self, GError **error)
{
  g_autoptr (ObBlobReader) reader = NULL;
  g_autoptr (GArray) to_visit = NULL;
  g_autofree ObBitmap *seen = NULL;

  if (self->wanted == NULL)
    return TRUE;
  reader = ob_blob_reader_new (self->repository);
  to_visit = g_array_new (FALSE, FALSE, sizeof (ObId));
  seen = ob_bitmap_new (self->n_places[OB_BLOB_TREE]);
  self->selected = ob_bitmap_new (self->n_packs);
  for (guint i = 0; i < self->snapshots->len; i++)
    g_array_append_val (to_visit,
                        ((const ObSnapshot *) g_ptr_array_index (self->snapshots, i))->tree);
  while (to_visit->len > 0)
    {
      ObId id = g_array_index (to_visit, ObId, to_visit->len - 1);

      g_array_set_size (to_visit, to_visit->len - 1);
      if (!select_tree (self, reader, &id, seen, to_visit, error))
        return FALSE;
    }
  tell_survived (self, reader);
  return TRUE;
}

ObTreeState
ob_verify_get_tree_state (ObVerify *self, const ObId *tree)
{
  gboolean known;
  guint32 number;

  if (!find_sound (self, OB_BLOB_TREE, tree, &number, &known))
    return OB_TREE_LOST;
  return ob_bitmap_test (self->dirty, number) ? OB_TREE_DIRTY : OB_TREE_SOUND;
}

gboolean
ob_verify_has_content (ObVerify *self, const ObNode *node)
{
  for (guint i = 0; node->content != NULL && i < node->content->len; i++)
    {
      gboolean known;
      guint32 first;

      if (!find_sound (self, OB_BLOB_DATA, &g_array_index (node->content, ObId, i), &first, &known))
        return FALSE;
    }
  return TRUE;
}

gboolean
ob_verify_walk (ObVerify *self, GError **error)
{
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (self->repository);
  g_autoptr (GArray) stack = g_array_new (FALSE, FALSE, sizeof (Frame));
  Walk walk = { .verify = self, .reader = reader, .stack = stack };

  g_array_set_clear_func (stack, frame_clear);
  for (guint i = 0; i < self->snapshots->len; i++)
    {
      ObSnapshot *snapshot = g_ptr_array_index (self->snapshots, i);
      gboolean dirty;

      if (!walk_root (&walk, &snapshot->tree, &dirty, error))
        return FALSE;
      if (!dirty)
        g_ptr_array_add (self->report.sound, snapshot);
      else if (!tell_loss (&walk, snapshot, error))
        return FALSE;
    }
  tell_survived (self, reader);
  return TRUE;
}
