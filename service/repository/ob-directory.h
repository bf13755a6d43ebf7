/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/stat.h>

#include "ob-progress.h"

G_BEGIN_DECLS

/* A directory below a root, known by its names from there, so that thousands can be held while
 * few are open. It is opened component by component, never through a symbolic link, and must be
 * the same directory each time. Reference-counted; a directory holds its parent. Any thread. */
typedef struct _ObDirectory ObDirectory;

/* The root: @fd stays the caller's and must outlive all. @path is for messages. @max_open: how many
 * descriptors are kept where nobody uses them. Transfer full. */
ObDirectory *ob_directory_new_root (int fd, const char *path, guint max_open);

/* @device and @inode: which directory it has to be; 0 and 0 for any. Transfer full. */
ObDirectory *ob_directory_new_child (ObDirectory *parent, const char *name, dev_t device,
                                     ino_t inode);
ObDirectory *ob_directory_ref (ObDirectory *directory);
void ob_directory_unref (ObDirectory *directory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObDirectory, ob_directory_unref)

/* Its descriptor, which stays open until ob_directory_release(); not to be closed. -1 with errno:
 * ESTALE where another directory has come in its place. */
int ob_directory_acquire (ObDirectory *directory);

/* As ob_directory_acquire(); @st: its state, looked up once with the check that it is the same. */
int ob_directory_acquire_with_stat (ObDirectory *directory, struct stat *st);
void ob_directory_release (ObDirectory *directory);

/* Where @name (may be NULL) in it is, for messages: valid UTF-8, the middle of it left out where
 * it is very long. Transfer full. */
char *ob_directory_describe (ObDirectory *directory, const char *name);

/* Whether there can be a @name in it, which @fd is open on. Where it was backed up a name may have
 * been longer than it may be here; that is warned of as lost. */
gboolean ob_directory_takes_name (ObDirectory *directory, int fd, const char *name,
                                  ObProgress *progress);

G_END_DECLS
