/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a cache knows of the copies of packs while it runs: which are right, which somebody reads
 * now, and which not to read as a whole again. */
#pragma once

#include <gio/gio.h>
#include <sys/stat.h>

G_BEGIN_DECLS

/* Which file, in which state: anything done to its content shows in it. */
typedef struct
{
  dev_t device;
  ino_t inode;
  off_t size;
  struct timespec changed;
} ObCopyState;

ObCopyState ob_copy_state_get (const struct stat *info);
gboolean ob_copy_state_equal (const ObCopyState *a, const ObCopyState *b);

/* All functions: any thread. */
typedef struct _ObCachePacks ObCachePacks;

/* Transfer full. */
ObCachePacks *ob_cache_packs_new (void);
void ob_cache_packs_free (ObCachePacks *packs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObCachePacks, ob_cache_packs_free)

/* Whether the copy in this state was found to be what the pack's name promises. */
gboolean ob_cache_packs_is_checked (ObCachePacks *packs, const char *name,
                                    const ObCopyState *state);
void ob_cache_packs_set_checked (ObCachePacks *packs, const char *name, const ObCopyState *state);

/* Waits for one's turn: a pack is read as a whole by one alone, and few packs at once, since
 * each is in memory meanwhile. *@is_ours: to read it, and call ob_cache_packs_end_fetch() then;
 * FALSE where it was read before, or is not to be. Blocks. Errors: CANCELLED. */
gboolean ob_cache_packs_begin_fetch (ObCachePacks *packs, const char *name, gboolean *is_ours,
                                     GCancellable *cancellable, GError **error);

/* @done: it makes no sense to try again. */
void ob_cache_packs_end_fetch (ObCachePacks *packs, const char *name, gboolean done);

/* The pack is not to be read as a whole any more. */
void ob_cache_packs_give_up (ObCachePacks *packs, const char *name);

G_END_DECLS
