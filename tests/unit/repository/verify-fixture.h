/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A repository with snapshots, and what tests damage in it before they verify it. */
#pragma once

#include "ob-verify-private.h"
#include "pipeline-fixture.h"

G_BEGIN_DECLS

/* Backs the source up and saves a snapshot of it, made at @when. Transfer full. */
ObSnapshot *verify_backup (Pipeline *pipeline, gint64 when);

/* Files of the source: "a/one", "a/two" (of 100 KiB each), "b/deep/three" and "empty". */
void verify_make_source (Pipeline *pipeline);

/* Verifies all with two threads; what fails fails the test. Transfer full. */
ObVerify *verify_run (Pipeline *pipeline, gdouble share);

/* How many problems of the kind there are. */
guint verify_count (ObVerify *verify, ObVerifyKind kind);

/* Fails unless there is none. */
void verify_assert_sound (Pipeline *pipeline, gdouble share);

/* The snapshot's lost files, joined by blanks; "" where it lost nothing. Transfer full. */
char *verify_get_lost (ObVerify *verify, const ObId *public_id);

/* Where the first blob of the file at @path of the snapshot lies, or a directory's tree. */
void verify_locate (Pipeline *pipeline, const ObSnapshot *snapshot, const char *path,
                    ObBlobLocation *location);

/* Changes a bit of a pack at @offset, counted from the end where it is negative. */
void verify_flip (Pipeline *pipeline, const ObId *pack, gint64 offset);

/* Leaves the first @size bytes of the pack, or makes it as long. */
void verify_resize (Pipeline *pipeline, const ObId *pack, gsize size);

/* Takes the file away. */
void verify_remove_pack (Pipeline *pipeline, const ObId *pack);

/* The name of the only file below @directory of the store. Transfer full. */
char *verify_get_only (Pipeline *pipeline, const char *directory);

/* How many problems a restore sees in the snapshot beforehand, with the repository opened anew;
 * where there is none, all of it is restored. */
guint verify_check_and_restore (Pipeline *pipeline, const ObSnapshot *snapshot);

/* Verifies all with two threads, and repairs what is wrong, under a lock of its own; what fails
 * fails the test. Returns what was done. */
ObVerifyRepairs verify_repair (ObRepository *repository);

/* The snapshot that is there now for the one that was saved as @id; NULL where none is. Transfer
 * full. */
ObSnapshot *verify_find_snapshot (ObRepository *repository, const ObId *id);

G_END_DECLS
