/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-node.h"

#include <string.h>

static ObNode *
new_node (ObNodeType type, const char *name, mode_t mode, const struct timespec *when)
{
  ObNode *node = g_new0 (ObNode, 1);

  node->type = type;
  node->name = g_strdup (name);
  node->mode = mode;
  node->mtime = node->atime = node->ctime = *when;
  node->user = g_strdup ("root");
  node->group = g_strdup ("root");
  node->links = type == OB_NODE_FILE ? 1 : 0;
  return node;
}

ObNode *
ob_node_new_file (const char *name, guint64 size, GArray *content, const struct timespec *when)
{
  ObNode *node = new_node (OB_NODE_FILE, name, 0600, when);

  node->size = size;
  node->content = g_array_sized_new (FALSE, FALSE, sizeof (ObId), content->len);
  if (content->len > 0)
    g_array_append_vals (node->content, content->data, content->len);
  return node;
}

ObNode *
ob_node_new_directory (const char *name, const ObId *subtree, const struct timespec *when)
{
  ObNode *node = new_node (OB_NODE_DIRECTORY, name, 0700, when);

  node->subtree = *subtree;
  return node;
}

ObNode *
ob_node_copy (const ObNode *node)
{
  ObNode *copy = g_memdup2 (node, sizeof *node);

  copy->name = g_strdup (node->name);
  copy->user = g_strdup (node->user);
  copy->group = g_strdup (node->group);
  copy->link_target = g_strdup (node->link_target);
  if (node->xattrs != NULL)
    g_array_ref (node->xattrs);
  if (node->content != NULL)
    g_array_ref (node->content);
  return copy;
}

static gboolean
is_same_time (const struct timespec *a, const struct timespec *b)
{
  return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static gboolean
is_same_list (const GArray *a, const GArray *b, gsize element_size)
{
  guint length = a != NULL ? a->len : 0;

  return length == (b != NULL ? b->len : 0)
         && (length == 0 || memcmp (a->data, b->data, length * element_size) == 0);
}

static gboolean
has_same_xattrs (const GArray *a, const GArray *b)
{
  guint length = a != NULL ? a->len : 0;

  if (length != (b != NULL ? b->len : 0))
    return FALSE;
  for (guint i = 0; i < length; i++)
    {
      const ObXattr *first = &g_array_index (a, ObXattr, i);
      const ObXattr *second = &g_array_index (b, ObXattr, i);

      if (strcmp (first->name, second->name) != 0 || first->size != second->size
          || (first->size > 0 && memcmp (first->value, second->value, first->size) != 0))
        return FALSE;
    }
  return TRUE;
}

gboolean
ob_node_is_equal (const ObNode *a, const ObNode *b)
{
  return a->type == b->type && strcmp (a->name, b->name) == 0 && a->mode == b->mode
         && is_same_time (&a->mtime, &b->mtime) && is_same_time (&a->atime, &b->atime)
         && is_same_time (&a->ctime, &b->ctime) && a->uid == b->uid && a->gid == b->gid
         && g_strcmp0 (a->user, b->user) == 0 && g_strcmp0 (a->group, b->group) == 0
         && a->inode == b->inode && a->device_id == b->device_id && a->links == b->links
         && a->size == b->size && a->device == b->device
         && g_strcmp0 (a->link_target, b->link_target) == 0
         && has_same_xattrs (a->xattrs, b->xattrs)
         && is_same_list (a->content, b->content, sizeof (ObId))
         && (a->type != OB_NODE_DIRECTORY || ob_id_equal (&a->subtree, &b->subtree));
}

void
ob_node_free (ObNode *node)
{
  if (node == NULL)
    return;

  g_free (node->name);
  g_free (node->user);
  g_free (node->group);
  g_free (node->link_target);
  g_clear_pointer (&node->xattrs, g_array_unref);
  g_clear_pointer (&node->content, g_array_unref);
  g_free (node);
}

static void
clear_xattr (gpointer data)
{
  ObXattr *xattr = data;

  g_free (xattr->name);
  g_free (xattr->value);
}

void
ob_node_add_xattr (ObNode *node, const char *name, const void *value, gsize size)
{
  ObXattr xattr = { g_strdup (name), g_memdup2 (value, size), size };

  if (node->xattrs == NULL)
    {
      node->xattrs = g_array_new (FALSE, FALSE, sizeof (ObXattr));
      g_array_set_clear_func (node->xattrs, clear_xattr);
    }
  g_array_append_val (node->xattrs, xattr);
}
