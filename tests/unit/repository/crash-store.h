/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store in memory that can tell what would be left of it, had the power failed at any moment:
 * what was made durable by then, and by chance some of the rest. */
#pragma once

#include "ob-store.h"

G_BEGIN_DECLS

#define CRASH_TYPE_STORE (crash_store_get_type ())
G_DECLARE_FINAL_TYPE (CrashStore, crash_store, CRASH, STORE, ObStore)

/* Transfer full. */
ObStore *crash_store_new (void);

/* How many changes there were. Any thread. */
guint crash_store_get_n_changes (CrashStore *self);

/* What would be left after the first @n_changes. Transfer full. */
ObStore *crash_store_cut (CrashStore *self, guint n_changes, GRand *rand);

G_END_DECLS
