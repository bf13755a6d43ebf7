/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names that are set apart: of something that is being added, or being changed while no job may
 * work on it. Main context. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _ObHolds ObHolds;

/* Transfer full. */
ObHolds *ob_holds_new (void);
void ob_holds_free (ObHolds *holds);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObHolds, ob_holds_free)

void ob_holds_add (ObHolds *holds, const char *folder, const char *name);
void ob_holds_remove (ObHolds *holds, const char *folder, const char *name);
gboolean ob_holds_contain (ObHolds *holds, const char *folder, const char *name);

/* Whether it is not held. Errors: BUSY. */
gboolean ob_holds_check (ObHolds *holds, const char *folder, const char *name, GError **error);

G_END_DECLS
