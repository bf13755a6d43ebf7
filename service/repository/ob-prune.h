/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frees what no backup needs any more, in restic's order: what is still needed of packs that are
 * partly used is copied to new packs; an index that names what remains is written; the former
 * index files are removed; and only then the packs that no index names. A crash at any moment
 * leaves a sound repository, with some waste at worst. */
#pragma once

#include "ob-lock.h"
#include "ob-progress.h"

G_BEGIN_DECLS

/* How much waste may stay in packs that are partly used. */
typedef struct
{
  gboolean is_percent;
  double percent; /* of all that remains, 0 to 100 */
  guint64 bytes;  /* where it is none; G_MAXUINT64: any */
  gint64 time;    /* microseconds from the plan's beginning, after which no further pack is copied;
                   * 0: however long it takes */
} ObPruneLimit;

/* 5 %, as restic has it. */
#define OB_PRUNE_DEFAULT_LIMIT "5%"

/* "5%", "200M" (K, M, G, T: powers of 1024), "unlimited"; without a limit of time. Errors:
 * INVALID_ARGUMENT. */
gboolean ob_prune_limit_parse (const char *text, ObPruneLimit *limit, GError **error);

/* All sizes are bytes as stored. */
typedef struct
{
  guint64 n_backups;
  guint64 n_blobs, n_used_blobs;  /* of the index, each copy counted; and those that stay */
  guint64 n_packs, stored_bytes;  /* at the destination */
  guint64 used_bytes;
  guint64 n_removed_packs;        /* not used at all, or in no index */
  guint64 n_unindexed_packs;      /* those among them that backups left which did not end */
  guint64 n_repacked_packs;       /* partly used, written anew */
  guint64 n_postponed_packs;      /* that there was no time for: the next prune goes on with them */
  guint64 repacked_bytes;         /* that are copied for that */
  guint64 removed_blobs;
  guint64 freed_bytes;            /* less what the copies take */
  guint64 waste_bytes;            /* that stay, within the limit */
  guint64 n_locked_packs, locked_bytes; /* that nobody needs, and that stay since they are locked */
  gint64 locked_until;            /* of the first of these; seconds since the epoch, 0: none */
} ObPruneFigures;

/* What is to be done. */
typedef struct _ObPrunePlan ObPrunePlan;

/* Finds out what the backups need, and what could go; changes nothing. @lock: an exclusive one.
 * Blocks. Transfer full. Errors: CORRUPT where a backup or a pack that is needed is missing or
 * damaged: then nothing can be deleted safely; LOCKED, CANCELLED, those of the store. */
ObPrunePlan *ob_prune_plan_new (ObRepository *repository, ObLock *lock, const ObPruneLimit *limit,
                                ObProgress *progress, GCancellable *cancellable, GError **error);
void ob_prune_plan_free (ObPrunePlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObPrunePlan, ob_prune_plan_free)

/* What is to be done; after ob_prune_plan_run() what was done. */
const ObPruneFigures *ob_prune_plan_get_figures (ObPrunePlan *plan);

/* Carries the plan out, once. Blocks. *@freed_bytes: what the packs had that were removed, less
 * what was written, also on error. Errors: CORRUPT where a blob to copy is damaged: nothing is
 * removed then; LOCKED where the lock was lost, CANCELLED, those of the store. After any error
 * the repository is sound. */
gboolean ob_prune_plan_run (ObPrunePlan *plan, gint64 *freed_bytes, GCancellable *cancellable,
                            GError **error);

G_END_DECLS
