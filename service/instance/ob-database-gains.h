/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was entered into a database since a backup of it. */
#pragma once

#include "ob-database.h"

G_BEGIN_DECLS

/* The tables of @facts (as ob_database_dump_describe() gave them) that have more rows now:
 * "schema.name" → guint64 *, transfer full; counted as bbdd.user, what that cannot read or is
 * gone is left out. *@in_use: rows came into tables that people's work fills: all but
 * Openbravo's own dictionary, whose names begin with "ad_", and of that the sessions. Blocks for
 * a minute at most; what could not be counted until then is left out. NULL on error. */
GHashTable *ob_database_count_gains (const ObDatabaseConfig *config, JsonObject *facts,
                                     gboolean *in_use, GCancellable *cancellable, GError **error);

G_END_DECLS
