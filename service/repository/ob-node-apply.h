/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gives what was restored its owner, mode, attributes and times. */
#pragma once

#include "ob-directory.h"
#include "ob-names.h"
#include "ob-node.h"
#include "ob-progress.h"

G_BEGIN_DECLS

typedef struct
{
  ObNames *names;
  gboolean owners_by_name; /* by number where the host does not know the name */
  ObProgress *progress;    /* for warnings */
} ObNodeApply;

/* To an open file or directory; @name (NULL for the directory itself) and @directory are for
 * messages. What cannot be set is a warning. Any thread. */
void ob_node_apply (const ObNodeApply *apply, const ObNode *node, int fd, ObDirectory *directory,
                    const char *name);

/* To the link, device or fifo @name in the open directory @dirfd. */
void ob_node_apply_at (const ObNodeApply *apply, const ObNode *node, int dirfd,
                       ObDirectory *directory);

G_END_DECLS
