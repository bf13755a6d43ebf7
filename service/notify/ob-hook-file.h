/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which files of a directory are hooks, and whether they may be run. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Hooks of a directory that are run. */
#define OB_HOOK_FILE_MAX 64

/* Whether a file of this name can be a hook: not one that begins with ".", ends in "~" or ".bak",
 * or that a package manager or an editor put aside (a last part of .dpkg-…, .rpm…, .ucf-… or .swp).
 * Any thread. */
gboolean ob_hook_file_is_name (const char *name);

/* The names of the hooks in @directory, sorted bytewise: regular files that somebody may execute,
 * and symbolic links to such, or to nothing. No more than OB_HOOK_FILE_MAX; *@more says whether
 * there are. A missing directory has none. Transfer full. Any thread. Errors: FAILED. */
GPtrArray *ob_hook_file_list (const char *directory, gboolean *more, GError **error);

/* The canonical path of the hook @name in the absolute @directory, to be executed; symbolic links
 * are followed once, here. Transfer full. Any thread.
 *
 * SECURITY: the service runs it with its own rights, so nobody but root and the service's own user
 * may have a say in what it is: the directory, the file, each symbolic link and each directory on
 * the way belong to one of these, and nobody else can write to them. A directory on the way in
 * which only the owner of a file can rename it (the sticky bit, /tmp) may be written to by others;
 * the directory of hooks may not. What passes this can be exchanged afterwards only by those who
 * may.
 *
 * Errors: NOT_FOUND (it is gone, leads nowhere, or is not executable any more); NOT_AUTHORIZED
 * (what is not safe, why, and what to do); FAILED. */
char *ob_hook_file_resolve (const char *directory, const char *name, GError **error);

G_END_DECLS
