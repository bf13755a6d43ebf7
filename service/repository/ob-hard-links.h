/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-directory.h"
#include "ob-node.h"

G_BEGIN_DECLS

/* The files of a restore that had several names: which of them was restored first. For one
 * thread. */
typedef struct _ObHardLinks ObHardLinks;
typedef struct _ObHardLink ObHardLink;

ObHardLinks *ob_hard_links_new (void);
void ob_hard_links_free (ObHardLinks *links);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObHardLinks, ob_hard_links_free)

/* The name under which the file of @node is restored already; NULL where it had one name only, or
 * where this is the first: then it is remembered. Another content, type, target or device number
 * under the same inode (backups of several hosts may have that) is another file. Transfer none:
 * valid as long as @links. */
const ObHardLink *ob_hard_links_find (ObHardLinks *links, ObDirectory *directory,
                                      const ObNode *node);

/* Transfer none. */
ObDirectory *ob_hard_link_get_directory (const ObHardLink *link);
const char *ob_hard_link_get_name (const ObHardLink *link);

G_END_DECLS
