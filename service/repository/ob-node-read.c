/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-node-read.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ob-tree.h"

/* The kernel's own limit on an attribute's value, and on a list of names. */
#define MAX_XATTR 65536

static gboolean
type_of (mode_t mode, ObNodeType *type)
{
  switch (mode & S_IFMT)
    {
    case S_IFREG:
      *type = OB_NODE_FILE;
      return TRUE;
    case S_IFDIR:
      *type = OB_NODE_DIRECTORY;
      return TRUE;
    case S_IFLNK:
      *type = OB_NODE_SYMLINK;
      return TRUE;
    case S_IFIFO:
      *type = OB_NODE_FIFO;
      return TRUE;
    case S_IFCHR:
      *type = OB_NODE_CHARACTER_DEVICE;
      return TRUE;
    case S_IFBLK:
      *type = OB_NODE_BLOCK_DEVICE;
      return TRUE;
    default:
      return FALSE;
    }
}

gboolean
ob_node_set_owner_names (ObNode *node, ObNames *names)
{
  const char *user = ob_names_get_user (names, node->uid);
  const char *group = ob_names_get_group (names, node->gid);
  gboolean changed = FALSE;

  if (g_strcmp0 (user, node->user) != 0)
    {
      g_free (node->user);
      node->user = g_strdup (user);
      changed = TRUE;
    }
  if (g_strcmp0 (group, node->group) != 0)
    {
      g_free (node->group);
      node->group = g_strdup (group);
      changed = TRUE;
    }
  return changed;
}

ObNode *
ob_node_new_from_stat (const char *name, const struct stat *st, ObNames *names)
{
  ObNodeType type;
  ObNode *node;

  if (!type_of (st->st_mode, &type))
    return NULL;

  node = g_new0 (ObNode, 1);
  node->type = type;
  node->name = g_strdup (name);
  node->mode = st->st_mode & 07777;
  node->mtime = node->atime = st->st_mtim;
  node->ctime = st->st_ctim;
  node->uid = st->st_uid;
  node->gid = st->st_gid;
  ob_node_set_owner_names (node, names);
  node->inode = st->st_ino;
  if (type != OB_NODE_DIRECTORY)
    {
      node->links = st->st_nlink;
      if (st->st_nlink > 1)
        node->device_id = st->st_dev;
    }
  if (type == OB_NODE_FILE)
    node->size = (guint64) st->st_size;
  if (type == OB_NODE_CHARACTER_DEVICE || type == OB_NODE_BLOCK_DEVICE)
    node->device = st->st_rdev;
  return node;
}

/* fd, or path where fd is -1. */
static gssize
list (int fd, const char *path, char *room, gsize size)
{
  return fd >= 0 ? flistxattr (fd, room, size) : llistxattr (path, room, size);
}

static gssize
get (int fd, const char *path, const char *name, void *room, gsize size)
{
  return fd >= 0 ? fgetxattr (fd, name, room, size) : lgetxattr (path, name, room, size);
}

static gboolean
read_xattrs (ObNode *node, int fd, const char *path)
{
  char small[1024];
  g_autofree char *large = NULL;
  g_autofree guint8 *value = NULL;
  char *names = small;
  gssize size = list (fd, path, small, sizeof small);

  g_clear_pointer (&node->xattrs, g_array_unref);
  if (size < 0 && errno == ERANGE)
    {
      names = large = g_malloc (MAX_XATTR);
      size = list (fd, path, large, MAX_XATTR);
    }
  if (size < 0)
    return errno == ENOTSUP || errno == ENOSYS;
  if (size == 0)
    return TRUE;

  value = g_malloc (MAX_XATTR);
  for (const char *name = names; name < names + size; name += strlen (name) + 1)
    {
      gssize n = get (fd, path, name, value, MAX_XATTR);

      if (n >= 0)
        ob_node_add_xattr (node, name, value, (gsize) n);
      else if (errno != ENODATA && errno != ENOTSUP)
        return FALSE;
    }
  return TRUE;
}

gboolean
ob_node_read_xattrs (ObNode *node, int fd)
{
  return read_xattrs (node, fd, NULL);
}

gboolean
ob_node_read_xattrs_at (ObNode *node, int dirfd, const char *name)
{
  char path[64 + OB_TREE_MAX_NAME];

  g_snprintf (path, sizeof path, "/proc/self/fd/%d/%s", dirfd, name);
  return read_xattrs (node, -1, path);
}

gboolean
ob_node_read_link (ObNode *node, int dirfd, const char *name)
{
  char target[PATH_MAX + 1];
  gssize n = readlinkat (dirfd, name, target, sizeof target);

  if (n < 0)
    return FALSE;
  if (n == sizeof target)
    {
      errno = ENAMETOOLONG;
      return FALSE;
    }
  g_free (node->link_target);
  node->link_target = g_strndup (target, (gsize) n);
  return TRUE;
}
