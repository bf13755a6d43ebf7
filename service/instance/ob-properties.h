/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Openbravo.properties, read as the running application reads it: by the rules of
 * java.util.Properties.load(InputStream), which are ISO-8859-1, "#" and "!" comments, lines
 * continued by an odd number of backslashes at their end, "=", ":" or blanks between key and value,
 * and the escapes \t \n \r \f \uXXXX, where any other backslash just goes away.
 *
 * Openbravo's own setup writes values into the file as they were typed, without escaping them. What
 * the application makes of such a value is what counts, since that is the password or the path it
 * works with: a raw "pa\ss" is "pass" to Openbravo and to us, a raw "jdbc:postgresql://…" stands as
 * it is because only the first separator ends a key. A "\u" that is not followed by four
 * hexadecimal digits stops Openbravo from starting, and is an error here that names its line.
 *
 * Ant replaces ${name} by the value of that key when it builds; the server process does not. Paths
 * and names may therefore be asked for with ob_properties_expand(); passwords never are.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The largest file that is read, in bytes. */
#define OB_PROPERTIES_MAX_SIZE (1024 * 1024)

/* Keys and values of one file, or of one file and its override. Used by one thread at a time. */
typedef struct _ObProperties ObProperties;

/* Parses @size bytes at @data; @label names them in errors. Transfer full. Any thread.
 * Errors: INVALID_ARGUMENT (too large, binary, a malformed \uXXXX escape), with the line. */
ObProperties *ob_properties_parse (const char *data, gsize size, const char *label,
                                   GError **error);

/* Reads the file @path (canonical, absolute, no symbolic link in it), then the override
 * MACHINE.Openbravo.properties beside it where there is one, which wins key by key. @machine is the
 * machine.name that the application is started with; NULL stands for the host's name, as in
 * Openbravo's ConfigParameters. Transfer full. Blocks.
 * Errors: NOT_FOUND, INVALID_ARGUMENT, FAILED. */
ObProperties *ob_properties_load (const char *path, const char *machine, GError **error);

/* Wipes all values. */
void ob_properties_free (ObProperties *properties);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObProperties, ob_properties_free)

/* The path of the override that was read, or NULL. Transfer none. */
const char *ob_properties_get_override (ObProperties *properties);

/* The value of @key, UTF-8, as the application sees it; NULL where the key is missing or its value
 * is empty. Transfer none. */
const char *ob_properties_get (ObProperties *properties, const char *key);

/* Whether the value of @key is written with a backslash before a letter or digit (but \uXXXX): then
 * what was meant may be another text than what it means. */
gboolean ob_properties_has_odd_escape (ObProperties *properties, const char *key);

/* As ob_properties_get(), with each ${name} replaced whose name is a key (others stay as they are,
 * as in Ant). Transfer full; NULL without @error where the key is missing or empty.
 * Errors: INVALID_ARGUMENT where a value refers to itself, or would grow beyond 64 KiB. */
char *ob_properties_expand (ObProperties *properties, const char *key, GError **error);

G_END_DECLS
