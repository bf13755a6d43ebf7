/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small helpers over read(2), write(2) and friends: whole transfers, whole files, whole trees. */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* Sets @error from @errnum: the formatted text, a colon, strerror. The code follows @errnum:
 * ENOSPC and EDQUOT NO_SPACE, ENOENT and ENOTDIR NOT_FOUND, EEXIST EXISTS, all others FAILED.
 * Any thread. Always FALSE. */
gboolean ob_set_error_errno (GError **error, int errnum, const char *format, ...)
  G_GNUC_PRINTF (3, 4);

/* Reads until @size bytes or the end of the file; the count, or -1 with errno set. Any thread. */
gssize ob_read_full (int fd, void *buffer, gsize size);

/* Writes all of it, or returns FALSE with errno set. Any thread. */
gboolean ob_write_full (int fd, const void *buffer, gsize size);

/* Reads a whole regular file below @dirfd, of at most @max bytes, without following a symbolic
 * link in its last component. NUL-terminated beyond its size. Transfer full. Any thread.
 * Errors: NOT_FOUND, INVALID_ARGUMENT (not a regular file, larger than @max), FAILED. */
GBytes *ob_read_file_at (int dirfd, const char *name, gsize max, GError **error);

/* Puts @size bytes of @data in place of the file @name below @dirfd as a whole or not at all:
 * temporary name, fsync, rename, fsync of the directory. @mode is exact whatever the umask.
 * Any thread. */
gboolean ob_replace_file_at (int dirfd, const char *name, const void *data, gsize size, mode_t mode,
                             GError **error);

/* Removes the file @name from the directory @dirfd for good: no power loss brings it back. A
 * missing one is no error, and that it is missing is made durable. Any thread. */
gboolean ob_remove_file_at (int dirfd, const char *name, GError **error);

/* Removes from the directory @dirfd what ob_replace_file_at() left where the program was killed in
 * it: a file called ".NAME." and eight hexadecimal digits. To be called while nobody writes there.
 * How many they were; what cannot be removed is left. Any thread. */
guint ob_remove_temporaries_at (int dirfd);

/* Removes a file, or a directory with all below it, that is @name below @dirfd. Never follows a
 * symbolic link and never leaves the file system of @name (a mount point below is an error).
 * A missing one is no error. Any thread. */
gboolean ob_remove_tree_at (int dirfd, const char *name, GCancellable *cancellable, GError **error);

/* mkdir -p with @mode for what it makes, and opens the directory (O_DIRECTORY|O_CLOEXEC). Follows
 * symbolic links: only for directories of our own that root named. Any thread. */
int ob_make_directories (const char *path, mode_t mode, GError **error);

G_END_DECLS
