/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Configuration files: key files in directories that root alone writes. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Loads @name below @dirfd (at most 1 MiB). Transfer full. Any thread.
 * Errors: NOT_FOUND; INVALID_ARGUMENT with line or key where it does not parse. */
GKeyFile *ob_keyfile_load_at (int dirfd, const char *name, GError **error);

/* Replaces @name below @dirfd, mode 0600, atomically. Any thread. */
gboolean ob_keyfile_save_at (int dirfd, const char *name, GKeyFile *file, GError **error);

/* Transfer full. Any thread. */
GKeyFile *ob_keyfile_copy (GKeyFile *file);

/* The names (without ".conf") of all in @dirfd whose names are those of key files, sorted; also of
 * what is no file, so that whoever loads it can tell of it. Transfer full. Any thread. */
char **ob_keyfile_list (int dirfd, GError **error);

G_END_DECLS
