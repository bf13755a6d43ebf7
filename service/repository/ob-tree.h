/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A directory as restic stores it: a JSON object of nodes (restic, doc/design.rst, "Trees and
 * Data"; the members are those of restic's internal/data/node.go). Any thread. */
#pragma once

#include "ob-node.h"

G_BEGIN_DECLS

/* The text of a tree of these nodes (of ObNode), which are sorted here. Errors: INVALID_ARGUMENT
 * where two have the same name or one has none that a file can have. Transfer full. */
GString *ob_tree_to_json (GPtrArray *nodes, GError **error);

/* Reads a tree, as restic 0.14 and later and ob_tree_to_json() write it; members that are not
 * known are skipped. The result is sorted by name. Sockets and other nodes that are never
 * restored are left out. Errors: CORRUPT: not such a text, names that no file can have, doubled
 * names, texts with a NUL. Array of ObNode, transfer full. */
GPtrArray *ob_tree_from_json (const char *text, gsize size, GError **error);

/* The longest name of a file: what FUSE takes at most. Those of Linux's own file systems have 255
 * bytes, but a share of a Windows server or an NTFS has 255 units of UTF-16, up to 765 bytes. */
#define OB_TREE_MAX_NAME 1024

/* Whether a file can have this name: not empty, ".", "..", none with a '/', none above
 * OB_TREE_MAX_NAME bytes. */
gboolean ob_tree_name_is_valid (const char *name, gsize size);

/* Where the node called @name is in a sorted array; FALSE where there is none. */
gboolean ob_tree_search (GPtrArray *nodes, const char *name, guint *position);

/* The node called @name in a sorted array, or NULL. Transfer none. */
ObNode *ob_tree_find (GPtrArray *nodes, const char *name);

G_END_DECLS
