/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies of objects of remote repositories in a directory of this host, within a limit of bytes
 * for all of them. Nothing depends on it: whatever happens to the directory, the worst is that a
 * copy is not there. What a copy holds may be anything, so whoever reads one checks it. */
#pragma once

#include <glib.h>
#include <sys/stat.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/* Reference-counted. All functions: any thread; those that take a @place block shortly. */
typedef struct _ObCacheDirectory ObCacheDirectory;

/* @path: absolute; it is made when it is needed. Copies are in PATH/repositories/PLACE/KIND/NAME,
 * mode 0600, with directories of mode 0700. @limit: bytes, 0 for no copies. Touches nothing.
 * Transfer full. */
ObCacheDirectory *ob_cache_directory_new (const char *path, guint64 limit);
ObCacheDirectory *ob_cache_directory_ref (ObCacheDirectory *directory);
void ob_cache_directory_unref (ObCacheDirectory *directory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObCacheDirectory, ob_cache_directory_unref)

/* Counts from the next copy on, or the next ob_cache_directory_trim(). */
void ob_cache_directory_set_limit (ObCacheDirectory *directory, guint64 limit);
guint64 ob_cache_directory_get_limit (ObCacheDirectory *directory);

/* Names of places are words of [0-9a-z]; @name is that of an object ("data/ab/abcd…"), of which the
 * first component (KIND) and the last are taken. */

/* Keeps a copy of the parts one behind another, as a whole or not at all; what has been used
 * longest ago makes room for it. Whether it is kept: not where it is more than a quarter of the
 * limit, nor where it would leave the file system with less than a twentieth (or 1 GiB) free,
 * and not where that fails; the log tells why, once an hour at most. */
gboolean ob_cache_directory_put (ObCacheDirectory *directory, const char *place, const char *name,
                                 const struct iovec *parts, gsize n_parts);

/* Opens a copy, a regular file, for reading; it counts as used now. @info: its state. -1 where
 * there is none. */
int ob_cache_directory_open (ObCacheDirectory *directory, const char *place, const char *name,
                             struct stat *info);

/* Whether there was something, and it is gone. */
gboolean ob_cache_directory_remove (ObCacheDirectory *directory, const char *place,
                                    const char *name);

/* The copies of a kind: a set of the last components of their names. Transfer full. */
GHashTable *ob_cache_directory_list (ObCacheDirectory *directory, const char *place,
                                     const char *kind);

/* Removes all copies of a place. */
void ob_cache_directory_forget (ObCacheDirectory *directory, const char *place);

/* Counts what is there and removes as much as is above the limit, where that is not known already;
 * and what a service that was killed left half written. Blocks. */
void ob_cache_directory_trim (ObCacheDirectory *directory);

G_END_DECLS
