/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Changes the values of keys in an Openbravo.properties and keeps every other byte of it: comments,
 * order, line ends, separators, continued lines and values that were written without escapes.
 *
 * A value is written so that java.util.Properties, and ob-properties.h, read it as it was meant:
 * backslashes are doubled and what is not ASCII becomes \uXXXX, so it does not matter in which
 * encoding another tool reads the file. "=" and ":" stay raw where they cannot end a key, as
 * Openbravo writes them. A key that is there several times gets the value at each place: the last
 * one is what counts, but no earlier one shall go on naming another database.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  OB_PROPERTIES_EDIT_PRESENT, /* only keys that the file has: for an override */
  OB_PROPERTIES_EDIT_ALL,     /* keys that it lacks are added at its end */
} ObPropertiesEditMode;

/* The @size bytes at @data with the @settings (key → value, both UTF-8; keys of [A-Za-z0-9._-]).
 * @label names the file in errors, which never hold a value. The result is parsed again before it
 * is given out. Transfer full. Any thread.
 * Errors: INVALID_ARGUMENT (not a properties file, or too large with the new values), FAILED. */
GBytes *ob_properties_edit (const char *data, gsize size, GHashTable *settings,
                            ObPropertiesEditMode mode, const char *label, GError **error);

/* Edits the regular file @name below @dirfd as a whole or not at all; its owner, group and mode
 * stay. A file that says what is wanted is not written. Blocks.
 * Errors: NOT_FOUND, NO_SPACE, and those of ob_properties_edit(). */
gboolean ob_properties_edit_file_at (int dirfd, const char *name, GHashTable *settings,
                                     ObPropertiesEditMode mode, const char *label,
                                     GError **error);

G_END_DECLS
