/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The paths of an installation come from a file that the application's user writes, and are worked
 * on by root. So they are settled once, when somebody with the right to configure adds the
 * installation, and frozen without a symbolic link in them; whoever opens one later does so with
 * ob_path_open(), which follows none.
 *
 * A link such as /opt/openbravo → /srv/ob is followed at that one time if only root could have made
 * or changed it: each directory from "/" to the one that holds it belongs to root and is writable
 * by nobody else. Any other link is refused by name: its owner could lead root astray.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The canonical path that @path leads to, without symbolic links. What does not exist yet keeps its
 * name, and *@exists (may be NULL) is then FALSE. Transfer full. Any thread, blocks.
 * Errors: INVALID_ARGUMENT (relative, "..", control characters, a link that somebody other than
 * root can change: it is named), FAILED. */
char *ob_instance_path_resolve (const char *path, gboolean *exists, GError **error);

/* Whether a part of an installation can be the canonical @path: not a directory of the system, nor
 * one that holds such, nor one of @reserved, in it or around it (NULL: the service's own
 * directories; else NULL-terminated, in addition to them). @what names it in the error, as in "The
 * sources". Any thread. Errors: INVALID_ARGUMENT. */
gboolean ob_instance_path_check_part (const char *path, const char *what,
                                      const char *const *reserved, GError **error);

/* Whether nobody but root can change what @path names, by writing to it or by replacing it or a
 * directory or link on the way. For programs that are to run as root. Any thread, blocks.
 * Errors: NOT_FOUND; INVALID_ARGUMENT naming the component. */
gboolean ob_instance_path_check_roots_own (const char *path, GError **error);

G_END_DECLS
