/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store in memory that counts what it is asked for, as a server would. */
#pragma once

#include "ob-store.h"

G_BEGIN_DECLS

#define FAR_TYPE_STORE (far_store_get_type ())
G_DECLARE_FINAL_TYPE (FarStore, far_store, FAR, STORE, ObStore)

ObStore *far_store_new (void);

/* Requests since the last call. Any thread. */
guint far_store_count (FarStore *store);

/* Every call fails from now on, or no longer. */
void far_store_set_broken (FarStore *store, gboolean broken);

/* Calls of get wait from now on, or no longer. */
void far_store_set_stuck (FarStore *store, gboolean stuck);
gboolean far_store_is_waiting (FarStore *store);

/* Whatever is there is locked until then (seconds since the epoch), or 0: nothing can be. Seven may
 * read at once; nine days are what it locks for; it always waits, since 42. Of what is not there no
 * lock can be extended. */
void far_store_set_locked_until (FarStore *store, gint64 until);

/* How often ob_store_forget(), ob_store_purge() and ob_store_checkup() were called. */
guint far_store_count_forgotten (FarStore *store);
guint far_store_count_purged (FarStore *store);
guint far_store_count_checked (FarStore *store);

/* What ob_store_set_rate() said last. */
guint64 far_store_get_rate (FarStore *store);

G_END_DECLS
