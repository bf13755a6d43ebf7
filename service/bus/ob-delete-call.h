/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the root object's methods Delete and Prune do once they are let through. */
#pragma once

#include "ob-manager.h"

G_BEGIN_DECLS

/* Begins the job; its path (transfer full). @dictionary: the options, a{sv}. Main context. Errors:
 * INVALID_ARGUMENT, NOT_FOUND, BUSY. */
char *ob_delete_call_delete (ObManager *manager, const char *const *ids, GVariant *dictionary,
                             guint uid, GError **error);
char *ob_delete_call_prune (ObManager *manager, const char *name, GVariant *dictionary, guint uid,
                            GError **error);

G_END_DECLS
