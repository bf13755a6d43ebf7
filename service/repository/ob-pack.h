/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The header at the end of a pack (restic, doc/design.rst, "Pack Format"). */
#pragma once

#include "ob-repository-private.h"

G_BEGIN_DECLS

/* The sealed header with its length behind it, for these entries (of ObPackEntry) in order.
 * Transfer full. */
GByteArray *ob_pack_build_header (ObCrypto *crypto, GArray *entries);

/* Reads a header back (without the trailing length), offsets counted from 0. @pack_size bounds
 * every entry. Transfer full; NULL with CORRUPT. */
GArray *ob_pack_parse_header (ObCrypto *crypto, const guint8 *sealed, gsize size,
                              guint64 pack_size, GError **error);

/* The id in "data/ab/abcd…"; FALSE where the name is none of a pack. Any thread. */
gboolean ob_pack_parse_name (const char *name, ObId *id);

/* That name. Transfer full. */
char *ob_pack_get_name (const ObId *pack);

/* The bytes that a blob takes in a header; @plain_length as in ObBlobLocation. */
gsize ob_pack_get_entry_size (guint32 plain_length);

/* By offset, for g_array_sort(). */
gint ob_pack_entry_compare (gconstpointer a, gconstpointer b);

gboolean ob_pack_entry_equal (const ObPackEntry *a, const ObPackEntry *b);

/* @entries: of ObPackEntry, by offset. */
gboolean ob_pack_entry_is_among (GArray *entries, const ObPackEntry *entry);

G_END_DECLS
