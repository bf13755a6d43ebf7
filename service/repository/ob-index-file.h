/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text of an index file (restic, doc/design.rst, "Indexing"). */
#pragma once

#include "ob-repository-private.h"

G_BEGIN_DECLS

/* The largest text that is read. restic keeps its own near 10 MB, and lets one grow to some 90 MB
 * where packs have very many blobs. */
#define OB_INDEX_FILE_MAX_SIZE (256 * 1024 * 1024)

/* Takes all that the text lists into @index; nothing where it is not sound. "supersedes" has no
 * meaning any more. Errors: CORRUPT. */
gboolean ob_index_file_parse (const void *text, gsize size, ObIndex *index, GError **error);

/* The text for packs @first to @end - 1. Transfer full. */
GString *ob_index_file_build (const ObId *packs, GArray *const *entries, gsize first, gsize end);

G_END_DECLS
