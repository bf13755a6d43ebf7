/* SPDX-License-Identifier: GPL-3.0-or-later */
/* File descriptors that clients send: what they are is checked before they are used. */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* Longest passphrase, in bytes. */
#define OB_DESCRIPTOR_MAX_SECRET 1024

/* Whether the client opened @fd for reading, as a pipe or a regular file. Any thread. Errors:
 * INVALID_ARGUMENT with @name of the argument. */
gboolean ob_descriptor_check_source (int fd, const char *name, GError **error);

/* Whether the client opened @fd for writing: a pipe, a socket, a terminal or a regular file. */
gboolean ob_descriptor_check_sink (int fd, const char *name, GError **error);

/* Whether @fd is a directory, opened as such (not with O_PATH alone), on a file system that can be
 * written, and owned by @uid where that is not root: what root restores there must not give
 * somebody a file in a place where he could not have made it himself. */
gboolean ob_descriptor_check_directory (int fd, uid_t uid, const char *name, GError **error);

/* Writes @size bytes, at most PIPE_BUF (4096), to a client's descriptor, waiting for him at most
 * @seconds. Blocks. Any thread. Errors: FAILED. */
gboolean ob_descriptor_write (int fd, const void *data, gsize size, guint seconds, GError **error);

/* Reads a passphrase to the end of a client's descriptor (duplicated) in a thread, waiting for him
 * at most @seconds. @source is kept alive until then. Main context. */
void ob_descriptor_read_secret (int fd, guint seconds, gpointer source,
                                GAsyncReadyCallback callback, gpointer user_data);
/* Transfer full (ob_secret_free()). Errors: INVALID_ARGUMENT where it is empty, too long, has a NUL
 * in it or did not come in time. */
char *ob_descriptor_read_secret_finish (GAsyncResult *result, GError **error);

G_END_DECLS
