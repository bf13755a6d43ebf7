/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The latest files read, kept open: a restore reads thousands of ranges from few packs. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _ObFdCache ObFdCache;

/* An open file that somebody may still be reading when the cache lets it go. */
typedef struct _ObSharedFd ObSharedFd;

/* Keeps at most @max files open, beside those in use. Transfer full. All functions: any thread. */
ObFdCache *ob_fd_cache_new (guint max);
void ob_fd_cache_free (ObFdCache *cache);

/* The file @name where it is open (transfer full), else NULL; then *@generation is for
 * ob_fd_cache_add(). */
ObSharedFd *ob_fd_cache_lookup (ObFdCache *cache, const char *name, guint64 *generation);

/* Takes @fd as the file @name. Where a file was forgotten since @generation it may be that one, and
 * is then not kept. Transfer full. */
ObSharedFd *ob_fd_cache_add (ObFdCache *cache, const char *name, int fd, guint64 generation);

/* Drops @name: the file was replaced or removed. */
void ob_fd_cache_forget (ObFdCache *cache, const char *name);

/* The descriptor, for pread(2); valid while the reference is held. */
int ob_shared_fd_get (ObSharedFd *shared);
void ob_shared_fd_unref (ObSharedFd *shared);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObSharedFd, ob_shared_fd_unref)

G_END_DECLS
