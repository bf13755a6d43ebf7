/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-cache-directory.h"
#include "ob-store.h"

G_BEGIN_DECLS

#define OB_TYPE_CACHE_STORE (ob_cache_store_get_type ())
G_DECLARE_FINAL_TYPE (ObCacheStore, ob_cache_store, OB, CACHE_STORE, ObStore)

/* A store that is far away, with copies here of what is read each time: the files of an index,
 * of snapshots and of keys, when they are read as a whole (ob_store_get()) or put, and the packs
 * that ob_store_read_kept() or OB_STORE_PUT_KEEP name. All of them are named by the SHA-256 of
 * their content, so a copy is what the far store has, or is thrown away: a copy of a whole
 * object is hashed each time, that of a pack once, and again where its file has changed.
 * Everything else is asked of the far store: all lists (what is no longer in one is dropped here
 * too), whether an object is there, the config, locks, and what ob_store_read() reads.
 *
 * So an object that was removed elsewhere is read from its copy only by who has not listed since;
 * the same who would have read it a moment earlier. Who has to know what the far store really holds
 * does not go through this one. A pack is read as a whole once only: where no copy of it stays, it
 * is read in pieces from then on.
 *
 * @origin: the far store; copies are under its description, so that all who use the same place
 * share them. Transfer full. Any thread. */
ObStore *ob_cache_store_new (ObStore *origin, ObCacheDirectory *directory);

/* Removes the copies of the place that describes itself so. Blocks. Any thread. */
void ob_cache_store_forget (const char *description, ObCacheDirectory *directory);

G_END_DECLS
