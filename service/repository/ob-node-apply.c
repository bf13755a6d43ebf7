/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-node-apply.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ob-tree.h"

static void
warn (const ObNodeApply *apply, ObDirectory *directory, const char *name, gboolean lost,
      const char *what)
{
  int errnum = errno;
  g_autofree char *where = ob_directory_describe (directory, name);
  g_autofree char *shown = g_filename_display_name (what);

  ob_progress_warn (apply->progress, lost, "The %s of “%s” could not be set: %s", shown, where,
                    g_strerror (errnum));
}

static void
get_owner (const ObNodeApply *apply, const ObNode *node, uid_t *uid, gid_t *gid)
{
  *uid = node->uid;
  *gid = node->gid;
  if (!apply->owners_by_name)
    return;
  if (node->user != NULL)
    ob_names_find_user (apply->names, node->user, uid);
  if (node->group != NULL)
    ob_names_find_group (apply->names, node->group, gid);
}

/* fd, or path where fd is -1. */
static void
set_xattrs (const ObNodeApply *apply, const ObNode *node, int fd, const char *path,
            ObDirectory *directory, const char *name)
{
  for (guint i = 0; node->xattrs != NULL && i < node->xattrs->len; i++)
    {
      const ObXattr *xattr = &g_array_index (node->xattrs, ObXattr, i);
      int result = fd >= 0 ? fsetxattr (fd, xattr->name, xattr->value, xattr->size, 0)
                           : lsetxattr (path, xattr->name, xattr->value, xattr->size, 0);

      if (result != 0)
        {
          g_autofree char *what = g_strdup_printf ("extended attribute %s", xattr->name);

          warn (apply, directory, name, FALSE, what);
        }
    }
}

/* The owner first, since a new owner takes setuid bits and capabilities away; times last. */
void
ob_node_apply (const ObNodeApply *apply, const ObNode *node, int fd, ObDirectory *directory,
               const char *name)
{
  const struct timespec times[] = { node->atime, node->mtime };
  uid_t uid;
  gid_t gid;

  get_owner (apply, node, &uid, &gid);
  if (fchown (fd, uid, gid) != 0)
    warn (apply, directory, name, TRUE, "owner");
  if (fchmod (fd, node->mode) != 0)
    warn (apply, directory, name, TRUE, "mode");
  set_xattrs (apply, node, fd, NULL, directory, name);
  if (futimens (fd, times) != 0)
    warn (apply, directory, name, TRUE, "time");
}

void
ob_node_apply_at (const ObNodeApply *apply, const ObNode *node, int dirfd, ObDirectory *directory)
{
  const struct timespec times[] = { node->atime, node->mtime };
  const char *name = node->name;
  char path[64 + OB_TREE_MAX_NAME];
  uid_t uid;
  gid_t gid;

  get_owner (apply, node, &uid, &gid);
  if (fchownat (dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW) != 0)
    warn (apply, directory, name, TRUE, "owner");
  if (node->type != OB_NODE_SYMLINK
      && fchmodat (dirfd, name, node->mode, AT_SYMLINK_NOFOLLOW) != 0)
    warn (apply, directory, name, TRUE, "mode");
  g_snprintf (path, sizeof path, "/proc/self/fd/%d/%s", dirfd, name);
  set_xattrs (apply, node, -1, path, directory, name);
  if (utimensat (dirfd, name, times, AT_SYMLINK_NOFOLLOW) != 0)
    warn (apply, directory, name, TRUE, "time");
}
