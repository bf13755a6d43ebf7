/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which paths of a tree are wanted: files, and directories with all that is below them. Where
 * NULL is taken for one, everything is. Built by one thread, then read by any. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _ObPathSelection ObPathSelection;

/* Nothing is wanted yet. Transfer full. */
ObPathSelection *ob_path_selection_new (void);
void ob_path_selection_free (ObPathSelection *selection);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObPathSelection, ob_path_selection_free)

/* Adds "modules/org.x", a path below the root of the tree; "" for all of it. Errors:
 * INVALID_ARGUMENT where a component is empty, ".", ".." or too long. */
gboolean ob_path_selection_add (ObPathSelection *selection, const char *path, GError **error);

/* Whether the entry @name of the directory that @selection is of is wanted, or something below it:
 * *@below is the selection of that. */
gboolean ob_path_selection_has (const ObPathSelection *selection, const char *name,
                                const ObPathSelection **below);

G_END_DECLS
