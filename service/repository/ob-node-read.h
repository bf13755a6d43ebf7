/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nodes of what lies on this host. */
#pragma once

#include "ob-names.h"
#include "ob-node.h"

G_BEGIN_DECLS

/* The node of an entry called @name without content, target, subtree and xattrs; NULL for what
 * is not backed up (a socket). Like restic's default, its access time is its modification time,
 * so that reading does not make a new tree. Any thread. Transfer full. */
ObNode *ob_node_new_from_stat (const char *name, const struct stat *st, ObNames *names);

/* Sets owner and group names anew. TRUE where they were others before. */
gboolean ob_node_set_owner_names (ObNode *node, ObNames *names);

/* Adds the extended attributes of an open file; of what cannot be opened, through the descriptor of
 * its directory. FALSE with errno; a file system without any is no error. */
gboolean ob_node_read_xattrs (ObNode *node, int fd);
gboolean ob_node_read_xattrs_at (ObNode *node, int dirfd, const char *name);

/* Reads the target of a symbolic link. FALSE with errno. */
gboolean ob_node_read_link (ObNode *node, int dirfd, const char *name);

G_END_DECLS
