/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-context.h"
#include "ob-id.h"

G_BEGIN_DECLS

/* How much of the stored data a verification has read. */
typedef enum
{
  OB_VERIFIED_STRUCTURE,
  OB_VERIFIED_SAMPLE,
  OB_VERIFIED_DATA,
} ObVerifiedDepth;

/* "structure", "sample", "data". Transfer none. */
const char *ob_verified_depth_get_name (ObVerifiedDepth depth);

/* When a backup was verified last, and how that ended. */
typedef struct
{
  gint64 time; /* seconds since the epoch; 0: never */
  gboolean sound;
  ObVerifiedDepth depth; /* of that verification; of a damage: the one that found it */
  gint64 read;           /* when all of its data was last read and found sound; 0: never */
  gint64 proven;         /* when a drill last restored it, or could not; 0: never */
  gboolean proof;        /* whether that drill proved it */
} ObVerified;

/* What is remembered of the verifications of one repository: STATE/verified/REPOSITORY.json,
 * which may be lost without harm. For one thread at a time. */
typedef struct _ObVerifyRecord ObVerifyRecord;

/* Keeps other jobs from changing records, from before one is loaded until it was saved: a
 * descriptor to close then; -1 where it cannot be had, which is no reason not to go on. Blocks;
 * any thread. */
int ob_verify_record_lock (ObContext *context);

/* An empty one where there is none or it cannot be read. Blocks. Transfer full. */
ObVerifyRecord *ob_verify_record_load (ObContext *context, const char *repository);
void ob_verify_record_free (ObVerifyRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObVerifyRecord, ob_verify_record_free)

/* FALSE where nothing is known of it; what no verification, but a drill has seen, has a time of 0.
 * @id: as ob_snapshot_get_public_id(); NULL: the whole repository, when all of its backups were
 * verified at once. */
gboolean ob_verify_record_get (ObVerifyRecord *record, const ObId *id, ObVerified *verified);

/* Takes a verification in. A damage stays until a verification that has seen as much finds none:
 * one that reads less does not see it, nor may a sample, which reads other packs than another. */
void ob_verify_record_add (ObVerifyRecord *record, const ObId *id, gint64 time, gboolean sound,
                           ObVerifiedDepth depth);

/* Takes in what a drill that ended at @time learnt of a backup. */
void ob_verify_record_prove (ObVerifyRecord *record, const ObId *id, gint64 time, gboolean proof);

/* Forgets all backups that were neither verified nor tried by a drill at @time or later: those that
 * are gone, when a verification of all backups that began then has ended. */
void ob_verify_record_forget_older (ObVerifyRecord *record, gint64 time);

/* The packs that verifications found damaged and that nobody is known to have mended: nothing is to
 * be built on them. NULL: there are more of them than are kept, so none is to be relied on. Of
 * ObId, transfer none, until the next change. */
const GArray *ob_verify_record_get_damaged (ObVerifyRecord *record);

/* Replaces them; of more than OB_VERIFY_RECORD_MAX_PACKS, and for NULL, it is kept that there are
 * too many. @packs: of ObId. */
#define OB_VERIFY_RECORD_MAX_PACKS 65536
void ob_verify_record_set_damaged (ObVerifyRecord *record, const GArray *packs);

/* Blocks. */
gboolean ob_verify_record_save (ObVerifyRecord *record, ObContext *context, GError **error);

G_END_DECLS
