/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file of a local store while it is being written: it has a temporary name beside its own. */
#pragma once

#include <glib.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

G_BEGIN_DECLS

typedef struct _ObLocalFile ObLocalFile;

/* Whether @name is one of a file still being written, by us or by restic: its local backend, which
 * the names are after, takes no notice of them either (restic, internal/backend/local/local.go). */
gboolean ob_local_file_is_temporary (const char *name);

/* Makes the file that is to become @name ("data/ab/abcd…") below @root_fd, and the directories
 * of it that are missing. No symbolic link is followed. NULL with errno set. Transfer full. Not
 * thread-safe, as all that follows; those that return gboolean set errno on FALSE. */
ObLocalFile *ob_local_file_new (int root_fd, const char *name, mode_t file_mode, mode_t dir_mode);

gboolean ob_local_file_write (ObLocalFile *file, const struct iovec *parts, gsize n_parts);

/* Tells the kernel to begin writing to the disk, and returns at once. */
void ob_local_file_start_sync (ObLocalFile *file);

/* The three steps to durability, in this order. The last one counts for all files of the directory
 * that were published before. */
gboolean ob_local_file_sync (ObLocalFile *file);
gboolean ob_local_file_publish (ObLocalFile *file);
gboolean ob_local_file_sync_directory (ObLocalFile *file);

/* What it is to become, and the directory of that ("." for the top). Transfer none. */
const char *ob_local_file_get_name (ObLocalFile *file);
const char *ob_local_file_get_directory (ObLocalFile *file);

/* When it was written by the clock of its file system, in seconds since the epoch. */
gint64 ob_local_file_get_time (ObLocalFile *file);

/* Removes it where it was not published. */
void ob_local_file_free (ObLocalFile *file);

/* Makes the directory @name below @root_fd where it is missing, and those above it; with @durable
 * it is so at once. FALSE with errno set. */
gboolean ob_local_file_make_directory (int root_fd, const char *name, mode_t mode,
                                       gboolean durable);

/* fsync(2), but TRUE where the file system knows no such thing. */
gboolean ob_local_file_sync_fd (int fd);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObLocalFile, ob_local_file_free)

G_END_DECLS
