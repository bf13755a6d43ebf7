/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-catalogue.h"

G_BEGIN_DECLS

/* Whether these backups may go without force. @records: all that are known, at all destinations
 * that answer; @picked: those among them that are to be deleted (of ObBackupRecord). For each
 * instance and each of its parts a whole backup has to stay, if there is one now, and at least
 * some backup. One that is known to be damaged, or that a drill could not restore, is no whole one.
 * Errors: WOULD_DELETE_LAST naming it; INVALID_ARGUMENT for one that is pinned. Any thread. */
gboolean ob_delete_check (GPtrArray *records, GPtrArray *picked, GError **error);

/* For each instance of which one of @picked is: when the newest whole backup was made that
 * stays, 0 where there is none. a{st}, floating. Any thread. */
GVariant *ob_delete_list_remaining (GPtrArray *records, GPtrArray *picked);

G_END_DECLS
