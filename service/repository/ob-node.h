/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/stat.h>
#include <time.h>

#include "ob-id.h"

G_BEGIN_DECLS

typedef enum
{
  OB_NODE_FILE,
  OB_NODE_DIRECTORY,
  OB_NODE_SYMLINK,
  OB_NODE_FIFO,
  OB_NODE_CHARACTER_DEVICE,
  OB_NODE_BLOCK_DEVICE,
} ObNodeType;

typedef struct
{
  char *name;     /* of an extended attribute, as listxattr(2) gives it */
  guint8 *value;
  gsize size;
} ObXattr;

/* An entry of a tree (restic, doc/design.rst, "Trees and Data"; names with any bytes are quoted in
 * the JSON the way Go's strconv.Quote does). */
typedef struct
{
  ObNodeType type;
  char *name;             /* any bytes but '/' and NUL */
  mode_t mode;            /* permission bits with setuid, setgid, sticky; no type */
  struct timespec mtime, atime, ctime;
  uid_t uid;
  gid_t gid;
  char *user, *group;     /* may be NULL */
  guint64 inode, device_id;
  guint64 links;
  guint64 size;           /* of a file, bytes */
  guint64 device;         /* of a device node */
  char *link_target;      /* of a symbolic link, any bytes */
  GArray *xattrs;         /* of ObXattr; NULL for none */
  GArray *content;        /* of ObId: a file's blobs in order */
  ObId subtree;           /* of a directory */
} ObNode;

/* An owner of root, mode 0600 file or 0700 directory, with @when for its times. @content is copied.
 * Transfer full. */
ObNode *ob_node_new_file (const char *name, guint64 size, GArray *content,
                          const struct timespec *when);
ObNode *ob_node_new_directory (const char *name, const ObId *subtree, const struct timespec *when);

/* Transfer full; lists are shared with @node, which must not change them any more. */
ObNode *ob_node_copy (const ObNode *node);

/* Whether a tree would hold the same of both. */
gboolean ob_node_is_equal (const ObNode *a, const ObNode *b);

/* Adds an extended attribute; @name and @value (may be NULL where @size is 0) are copied. */
void ob_node_add_xattr (ObNode *node, const char *name, const void *value, gsize size);

void ob_node_free (ObNode *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObNode, ob_node_free)

G_END_DECLS
