/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening paths that an ordinary user may have a hand in, without being led astray. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Opens the absolute @path with open(2) @flags (O_CLOEXEC and O_NOFOLLOW are added), component by
 * component, refusing a symbolic link anywhere in it (openat2 with RESOLVE_NO_SYMLINKS where the
 * kernel has it). A file that the flags make gets mode 0600. Any thread. Errors: NOT_FOUND;
 * INVALID_ARGUMENT where the path is not absolute, holds "..", or meets a symbolic link, which is
 * named; FAILED. -1 on error. */
int ob_path_open (const char *path, int flags, GError **error);

/* As ob_path_open(), below @dirfd, @path relative ("." is @dirfd itself). */
int ob_path_open_at (int dirfd, const char *path, int flags, GError **error);

/* As ob_path_open_at() for a @path known to be relative, canonical and not empty, but with errno
 * for those who make their own message: ELOOP or ENOTDIR where it meets a symbolic link. Any
 * thread. */
int ob_path_try_open_at (int dirfd, const char *path, int flags);

/* Opens the directory that holds the absolute @path, and gives its last component in @name
 * (transfer full). For rename and mkdir beside a thing. Any thread. */
int ob_path_open_parent (const char *path, char **name, GError **error);

/* @path made canonical as text alone: absolute, no "//", "/./", no trailing "/". NULL where it is
 * relative or holds "..". Transfer full. Any thread. */
char *ob_path_normalize (const char *path);

/* Whether the canonical @path is @ancestor or lies below it; *@relative is then the rest, "" for
 * the same (points into @path, may be NULL). Any thread. */
gboolean ob_path_is_below (const char *path, const char *ancestor, const char **relative);

/* Whether @name can name an instance, destination or schedule: 1 to 63 of [A-Za-z0-9_-], beginning
 * with a letter or digit. Any thread. */
gboolean ob_name_is_valid (const char *name);

G_END_DECLS
