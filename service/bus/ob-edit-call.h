/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the root object's method EditBackup does once it is let through. */
#pragma once

#include "ob-manager.h"

G_BEGIN_DECLS

/* Begins the job; its path (transfer full). @dictionary: the options, a{sv}. Main context. Errors:
 * INVALID_ARGUMENT, NOT_FOUND, BUSY. */
char *ob_edit_call_edit_backup (ObManager *manager, const char *id, GVariant *dictionary, guint uid,
                                GError **error);

G_END_DECLS
