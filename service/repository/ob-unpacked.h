/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The encoding inside index, lock and snapshot files (restic, doc/design.rst, "Unpacked Data
 * Format"): in format version 2 a byte 2 and the JSON text compressed with zstd, in version 1, and
 * still allowed in 2, the bare JSON text. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Encodes @text for format @version. Transfer full. Any thread. */
GByteArray *ob_unpacked_encode (guint version, const void *text, gsize size);

/* The JSON text back, of at most @max bytes; NULL where it is larger or is not of this encoding.
 * Transfer full. Any thread. */
GBytes *ob_unpacked_decode (const void *data, gsize size, gsize max);

/* The most bytes that a text of @max bytes can have once it is encoded. */
gsize ob_unpacked_get_bound (gsize max);

G_END_DECLS
