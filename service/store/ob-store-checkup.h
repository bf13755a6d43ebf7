/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps that try whether a store of any kind does what a repository needs. What they write is
 * called "obbackup-check-…", and is removed in each case: also when they fail, and when the check
 * is cancelled. All functions block; any thread. @needs: the step that says whether the store can
 * be reached, as in ob_checkup_begin(); where it failed, @store may be NULL. Errors of the steps:
 * what the store says. */
#pragma once

#include "ob-store.h"

G_BEGIN_DECLS

/* The longest that a step of ob_store_checkup_speed() takes, in milliseconds, beyond what removing
 * takes. */
#define OB_STORE_CHECKUP_SPEED_TIME 5000

/*   list   figure "snapshots" (u), up to 10,000 */
void ob_store_checkup_list (ObStore *store, const char *needs, ObCheckup *checkup);

/*   write    64 KiB that nobody can compress (fewer where a low rate is set); figures "bytes" (t),
 *            "milliseconds" (d)
 *   read     them again, and compares; the same figures. CORRUPT where they are others
 *   delete   them, and looks whether they are gone; figures "milliseconds" (d), "kept" (b: a
 *            version of it stays, which the destination does not let go of) */
void ob_store_checkup_write (ObStore *store, const char *needs, ObCheckup *checkup);

/*   latency   the median of a few small requests; figures "milliseconds" (d), "requests" (u) */
void ob_store_checkup_latency (ObStore *store, const char *needs, ObCheckup *checkup);

/* One object after the other, larger ones while there is time, 8 MiB at most (512 KiB where the
 * check is thrifty), which nobody can compress. The rate is that of the largest.
 *   upload     figures "mib-per-second" (d), "bytes" (t), "seconds" (d)
 *   download   the same. CORRUPT where it is not what was written */
void ob_store_checkup_speed (ObStore *store, const char *needs, ObCheckup *checkup);

/*   space   figures "free", "total" (t, bytes). These are also in *@free_bytes and *@total_bytes,
 *           G_MAXUINT64 where it is not told. FALSE where nothing could be learnt. */
gboolean ob_store_checkup_space (ObStore *store, const char *needs, guint64 *free_bytes,
                                 guint64 *total_bytes, ObCheckup *checkup);

G_END_DECLS
