/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* An entry of a directory. */
typedef struct
{
  guint64 inode;
  guchar type; /* DT_REG and so on of dirent.h, DT_UNKNOWN where the file system does not tell */
  char name[];
} ObListingEntry;

/* The entries of the open directory @fd but "." and "..", in the order of their inodes, in which
 * the file system finds them fastest (of ObListingEntry). Transfer full. NULL with errno. Any
 * thread. */
GPtrArray *ob_listing_read (int fd);

/* Whether @name is among the paths of @excludes (may be NULL), which are relative to its directory.
 * If not, *@below is set to those that lie below it, relative to it, or NULL (transfer full; they
 * point into the strings of @excludes). */
gboolean ob_listing_is_excluded (const GPtrArray *excludes, const char *name, GPtrArray **below);

/* The paths of a NULL-terminated list (may be NULL) without slashes in front; NULL for none.
 * Transfer full; they point into the strings of @paths. */
GPtrArray *ob_listing_make_excludes (const char *const *paths);

/* Whether the open directory is the root of a file system that holds no files of anybody: proc,
 * sysfs and their like. */
gboolean ob_listing_is_pseudo (int fd);

G_END_DECLS
