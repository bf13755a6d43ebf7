/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-hard-links.h"
#include "ob-io.h"

/* Places of a batch: enough that blobs of one pack come together, few enough for the memory. */
#define BATCH_PLACES 16384

/* A directory on the way down. */
typedef struct
{
  ObRestoreDirectory *directory; /* held */
  const ObPathSelection *selection; /* of what is in it; NULL: everything */
  GPtrArray *children;           /* of ObNode: directories still to be made */
} Frame;

/* A further name of a file, to be made when all files are there. */
typedef struct
{
  ObRestoreDirectory *directory; /* held */
  char *name;
  const ObHardLink *target;
} Link;

typedef struct
{
  ObRestore *restore;
  ObBlobReader *reader;
  GArray *frames; /* of Frame */
  ObRestoreBatch *batch;
  ObHardLinks *hard_links;
  GArray *links; /* of Link */
} Plan;

/* Always FALSE. */
static gboolean
fail_errno (Plan *plan, ObDirectory *directory, const char *name, const char *what)
{
  int errnum = errno;
  g_autofree char *where = ob_directory_describe (directory, name);
  GError *error = NULL;

  ob_set_error_errno (&error, errnum, "“%s” cannot be %s", where, what);
  ob_first_error_take (plan->restore->first_error, error);
  return FALSE;
}

/* Adds a place to the batch, and hands the batch on when it is full. */
static gboolean
add_place (Plan *plan, const ObRestorePlace *place)
{
  ObRestoreBatch *full = plan->batch;

  g_array_append_vals (full->places, place, 1);
  if (full->places->len < BATCH_PLACES)
    return TRUE;
  plan->batch = ob_restore_batch_new ();
  return ob_restore_submit (plan->restore, full);
}

/* Where each blob is, and how large the file becomes. NULL on error. */
static GArray *
locate (Plan *plan, ObDirectory *directory, const ObNode *node, guint64 *size)
{
  guint n = node->content != NULL ? node->content->len : 0;
  g_autoptr (GArray) blobs = g_array_sized_new (FALSE, FALSE, sizeof (ObWantedBlob), n);
  GError *error = NULL;

  *size = 0;
  for (guint i = 0; i < n; i++)
    {
      ObWantedBlob blob = { .id = g_array_index (node->content, ObId, i) };

      if (!ob_blob_reader_locate (plan->reader, OB_BLOB_DATA, &blob.id, &blob.location, &error))
        {
          g_autofree char *where = ob_directory_describe (directory, node->name);

          g_prefix_error (&error, "“%s” cannot be restored: ", where);
          ob_first_error_take (plan->restore->first_error, error);
          return NULL;
        }
      *size += ob_blob_location_get_plain_size (&blob.location);
      g_array_append_val (blobs, blob);
    }
  return g_steal_pointer (&blobs);
}

static gboolean
plan_content (Plan *plan, ObRestoreDirectory *directory, ObNode *node)
{
  guint64 size;
  g_autoptr (GArray) blobs = locate (plan, directory->directory, node, &size);
  guint64 offset = 0;
  ObRestoreFile *file;

  if (blobs == NULL)
    {
      ob_node_free (node);
      return FALSE;
    }
  if (size != node->size)
    {
      g_autofree char *where = ob_directory_describe (directory->directory, node->name);

      ob_progress_warn (plan->restore->progress, TRUE,
                        "“%s” has %" G_GUINT64_FORMAT " bytes in the backup, not the "
                        "%" G_GUINT64_FORMAT " that it had",
                        where, size, node->size);
    }
  plan->restore->stats->bytes += size;
  file = ob_restore_file_new (plan->restore, directory, node, blobs->len);
  if (file == NULL)
    return !ob_first_error_is_set (plan->restore->first_error);

  file->size = size;
  for (guint i = 0; i < blobs->len; i++)
    {
      ObRestorePlace place
        = { .blob = g_array_index (blobs, ObWantedBlob, i), .file = file, .offset = offset };

      offset += ob_blob_location_get_plain_size (&place.blob.location);
      if (!add_place (plan, &place))
        return FALSE;
    }
  return TRUE;
}

/* Where @node is another name of what is planned already, notes the link to be made at the end, and
 * takes the node. */
static gboolean
plan_link (Plan *plan, ObRestoreDirectory *directory, ObNode *node)
{
  const ObHardLink *target = ob_hard_links_find (plan->hard_links, directory->directory, node);

  if (target == NULL)
    return FALSE;
  ob_restore_directory_hold (directory);
  g_array_append_vals (plan->links,
                       &(Link){ .directory = directory, .name = g_strdup (node->name),
                                .target = target },
                       1);
  ob_node_free (node);
  return TRUE;
}

static gboolean
plan_file (Plan *plan, ObRestoreDirectory *directory, ObNode *node)
{
  plan->restore->stats->files++;
  return plan_link (plan, directory, node) || plan_content (plan, directory, node);
}

static int
make_other (const ObNode *node, int dirfd)
{
  switch (node->type)
    {
    case OB_NODE_SYMLINK:
      return symlinkat (node->link_target, dirfd, node->name);
    case OB_NODE_FIFO:
      return mkfifoat (dirfd, node->name, 0600);
    case OB_NODE_CHARACTER_DEVICE:
      return mknodat (dirfd, node->name, S_IFCHR | 0600, node->device);
    default:
      return mknodat (dirfd, node->name, S_IFBLK | 0600, node->device);
    }
}

/* A link, a device, a fifo. A host that forbids to make devices is no reason to give up. */
static gboolean
restore_other (Plan *plan, ObRestoreDirectory *directory, ObNode *node, int dirfd)
{
  g_autoptr (ObNode) owned = NULL;

  if (plan_link (plan, directory, node))
    return TRUE;
  owned = node;
  if (make_other (node, dirfd) == 0)
    {
      ob_node_apply_at (&plan->restore->apply, node, dirfd, directory->directory);
      return TRUE;
    }
  if (errno == EPERM)
    {
      g_autofree char *where = ob_directory_describe (directory->directory, node->name);

      ob_progress_warn (plan->restore->progress, TRUE,
                        "“%s” is a device, and this host does not allow to make it", where);
      return TRUE;
    }
  return fail_errno (plan, directory->directory, node->name, "made");
}

/* Takes the nodes of a directory; directories among them are left for later. */
static gboolean
plan_nodes (Plan *plan, Frame *frame, GPtrArray *nodes, int dirfd)
{
  gboolean ok = TRUE;

  for (guint i = 0; i < nodes->len && ok; i++)
    {
      ObNode *node = g_steal_pointer (&nodes->pdata[i]);
      const ObPathSelection *below = NULL;

      if (!ob_path_selection_has (frame->selection, node->name, &below)
          || !ob_directory_takes_name (frame->directory->directory, dirfd, node->name,
                                       plan->restore->progress))
        ob_node_free (node);
      else if (node->type == OB_NODE_DIRECTORY)
        g_ptr_array_add (frame->children, node);
      else if (node->type == OB_NODE_FILE)
        ok = plan_file (plan, frame->directory, node);
      else
        ok = restore_other (plan, frame->directory, node, dirfd);
    }
  return ok && !ob_first_error_is_set (plan->restore->first_error);
}

/* Loads the tree of a directory that was made, and plans what is in it. */
static gboolean
enter (Plan *plan, ObRestoreDirectory *parent, ObDirectory *directory, ObNode *node,
       const ObPathSelection *selection)
{
  ObRestore *restore = plan->restore;
  GError *error = NULL;
  g_autoptr (GPtrArray) nodes
    = ob_blob_reader_load_tree (plan->reader, &node->subtree, restore->cancellable, &error);
  Frame frame = { .directory = ob_restore_directory_new (parent, directory, node),
                  .selection = selection,
                  .children = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free) };
  gboolean ok;
  int fd;

  g_array_append_val (plan->frames, frame);
  restore->stats->directories++;
  if (nodes == NULL)
    {
      g_autofree char *where = ob_directory_describe (directory, NULL);

      g_prefix_error (&error, "“%s” cannot be restored: ", where);
      ob_first_error_take (restore->first_error, error);
      return FALSE;
    }
  fd = ob_directory_acquire (directory);
  if (fd < 0)
    return fail_errno (plan, directory, NULL, "opened");
  ok = plan_nodes (plan, &frame, nodes, fd);
  ob_directory_release (directory);
  return ok;
}

/* Makes a directory below @parent. */
static gboolean
make_directory (Plan *plan, ObRestoreDirectory *parent, const char *name)
{
  int fd = ob_directory_acquire (parent->directory);
  gboolean ok = fd >= 0 && mkdirat (fd, name, 0700) == 0;

  if (!ok)
    fail_errno (plan, parent->directory, name, "made");
  if (fd >= 0)
    ob_directory_release (parent->directory);
  return ok;
}

/* Goes into the next directory below the frame on top, or back up from it. */
static gboolean
step (Plan *plan)
{
  Frame *frame = &g_array_index (plan->frames, Frame, plan->frames->len - 1);
  ObRestoreDirectory *parent = frame->directory;
  const ObPathSelection *below = NULL;
  g_autoptr (ObDirectory) child = NULL;
  ObNode *node;

  if (frame->children->len == 0)
    {
      g_ptr_array_unref (frame->children);
      g_array_set_size (plan->frames, plan->frames->len - 1);
      ob_restore_directory_release (plan->restore, parent);
      return TRUE;
    }
  node = g_ptr_array_steal_index_fast (frame->children, frame->children->len - 1);
  if (!make_directory (plan, parent, node->name))
    {
      ob_node_free (node);
      return FALSE;
    }
  child = ob_directory_new_child (parent->directory, node->name, 0, 0);
  ob_path_selection_has (frame->selection, node->name, &below);
  return enter (plan, parent, child, node, below);
}

static void
make_link (Plan *plan, const Link *link)
{
  ObDirectory *target_directory = ob_hard_link_get_directory (link->target);
  ObDirectory *directory = link->directory->directory;
  int from = ob_directory_acquire (target_directory);
  int to = from >= 0 ? ob_directory_acquire (directory) : -1;

  if (to < 0 || linkat (from, ob_hard_link_get_name (link->target), to, link->name, 0) != 0)
    fail_errno (plan, directory, link->name, "linked to its other name");
  if (to >= 0)
    ob_directory_release (directory);
  if (from >= 0)
    ob_directory_release (target_directory);
}

/* Makes the links, if all went well so far, and lets go of their directories. */
static void
finish_links (Plan *plan)
{
  for (guint i = 0; i < plan->links->len; i++)
    {
      Link *link = &g_array_index (plan->links, Link, i);

      if (!ob_first_error_is_set (plan->restore->first_error))
        make_link (plan, link);
      ob_restore_directory_release (plan->restore, link->directory);
      g_free (link->name);
    }
}

static void
drop_frames (Plan *plan)
{
  for (guint i = plan->frames->len; i > 0; i--)
    {
      Frame *frame = &g_array_index (plan->frames, Frame, i - 1);

      g_ptr_array_unref (frame->children);
      ob_restore_directory_release (plan->restore, frame->directory);
    }
}

void
ob_restore_plan (ObRestore *restore, ObDirectory *root, const ObNode *node)
{
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (restore->repository);
  g_autoptr (GArray) frames = g_array_new (FALSE, FALSE, sizeof (Frame));
  g_autoptr (GArray) links = g_array_new (FALSE, FALSE, sizeof (Link));
  g_autoptr (ObHardLinks) hard_links = ob_hard_links_new ();
  Plan plan = { .restore = restore,
                .reader = reader,
                .frames = frames,
                .batch = ob_restore_batch_new (),
                .hard_links = hard_links,
                .links = links };
  gboolean ok = enter (&plan, NULL, root, ob_node_copy (node), restore->selection);
  GError *error = NULL;

  while (ok && frames->len > 0)
    {
      ok = step (&plan) && !ob_first_error_is_set (restore->first_error);
      if (ok && !ob_check_cancelled (restore->cancellable, &error))
        {
          ob_first_error_take (restore->first_error, error);
          ok = FALSE;
        }
    }
  if (ok && ob_restore_submit (restore, g_steal_pointer (&plan.batch)))
    ob_restore_wait (restore);
  drop_frames (&plan);
  finish_links (&plan);
  ob_restore_batch_free (plan.batch);
}
