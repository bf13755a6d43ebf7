/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The options of a method, a{sv}, and the secrets of one, a{sh}. Nothing in them is ignored: an
 * unknown key, a wrong type, a key twice or a value out of bounds is refused. */
#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

#include "ob-instance.h"

G_BEGIN_DECLS

/* Bounds: entries of a dictionary, bytes of a string, strings of an array. */
#define OB_OPTIONS_MAX_ENTRIES 64
#define OB_OPTIONS_MAX_STRING 4096
#define OB_OPTIONS_MAX_STRINGS 256

/* One option that a method knows; an array of them ends with { NULL }. */
typedef struct
{
  const char *name;
  const char *type; /* "s", "as", "b", "d", "t", "u" or "h" */
  gboolean required;
  gboolean may_be_empty; /* of "s": "" is a value too */
} ObOptionSpec;

typedef struct _ObOptions ObOptions;

/* Reads @dictionary (a{sv} or a{sh}), whose "h" values are indexes into @fds (may be NULL). Keeps
 * references to both. Transfer full. Any thread. Errors: INVALID_ARGUMENT naming the option, and
 * the known ones where it is not one of them. */
ObOptions *ob_options_read (GVariant *dictionary, const ObOptionSpec *specs, GUnixFDList *fds,
                            GError **error);

/* TRUE where @dictionary holds nothing, for methods that know no option yet. Errors:
 * INVALID_ARGUMENT. */
gboolean ob_options_read_none (GVariant *dictionary, GError **error);

void ob_options_free (ObOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObOptions, ob_options_free)

/* The value of an option of the spec; NULL, FALSE, 0 where it was not given. Strings and arrays
 * belong to @options. Any thread. */
const char *ob_options_get_string (ObOptions *options, const char *name);
const char *const *ob_options_get_strings (ObOptions *options, const char *name);
/* "parts" of the spec; 0 where it was not given. Errors: INVALID_ARGUMENT. */
gboolean ob_options_get_parts (ObOptions *options, ObParts *parts, GError **error);
gboolean ob_options_get_boolean (ObOptions *options, const char *name);
/* Whether the option was given. */
gboolean ob_options_has (ObOptions *options, const char *name);
gdouble ob_options_get_double (ObOptions *options, const char *name);
guint64 ob_options_get_uint64 (ObOptions *options, const char *name);
guint ob_options_get_uint (ObOptions *options, const char *name);
/* A descriptor, -1 where it was not given. It belongs to @options. */
int ob_options_get_fd (ObOptions *options, const char *name);

/* The descriptor that the argument @handle of a method stands for; it belongs to @fds. Any thread.
 * Errors: INVALID_ARGUMENT; then -1. */
int ob_options_peek_handle (gint32 handle, GUnixFDList *fds, const char *name, GError **error);

/* Whether an argument can be the id of a backup, or "latest"; which one it is, the catalogue knows.
 * Any thread. Errors: INVALID_ARGUMENT. */
gboolean ob_options_check_id (const char *id, GError **error);

/* The same for a list, of none to OB_OPTIONS_MAX_STRINGS. */
gboolean ob_options_check_ids (const char *const *ids, GError **error);

G_END_DECLS
