/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <string.h>

#include <glib.h>

G_BEGIN_DECLS

#define OB_ID_SIZE 32
#define OB_ID_HEX_SIZE (2 * OB_ID_SIZE + 1)

/* A SHA-256: the name of a blob (of its plain bytes) or of a file of the repository (of its
 * bytes as stored). */
typedef struct
{
  guint8 bytes[OB_ID_SIZE];
} ObId;

/* SHA-256 of @size bytes. Any thread. */
void ob_id_of (const void *data, gsize size, ObId *id);

/* 64 lower-case hexadecimal digits and a NUL into @hex. Any thread. */
void ob_id_to_hex (const ObId *id, char hex[OB_ID_HEX_SIZE]);

/* FALSE unless @hex begins with 64 hexadecimal digits that end there. Any thread. */
gboolean ob_id_from_hex (const char *hex, ObId *id);

/* The id of the file @name ("index/abcd…") of a store's directory. FALSE where it lies further
 * below ("index/old/abcd…"), has anything behind its 64 digits, or is not as ob_id_to_hex() has it:
 * such a file is none of a repository's, but somebody may have put it aside. Any thread. */
gboolean ob_id_from_name (const char *name, ObId *id);

static inline gboolean
ob_id_equal (const ObId *a, const ObId *b)
{
  return memcmp (a->bytes, b->bytes, OB_ID_SIZE) == 0;
}

/* For GHashTable: keys are ObId pointers. */
guint ob_id_hash (gconstpointer id);
gboolean ob_id_equal_func (gconstpointer a, gconstpointer b);

G_END_DECLS
