/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the steps of a prune share. */
#pragma once

#include "ob-bitmap.h"
#include "ob-prune.h"
#include "ob-repository-private.h"
#include "ob-used-blobs.h"

G_BEGIN_DECLS

#define OB_PRUNE_MISSING G_MAXUINT64

/* Copies of one blob among which one is chosen. */
#define OB_PRUNE_MAX_COPIES 16

typedef enum
{
  OB_PACK_STAYS,
  OB_PACK_IS_REPACKED,
  OB_PACK_IS_REMOVED, /* from the index, and from the store if it is there */
} ObPackFate;

/* A pack of the index. */
typedef struct
{
  guint64 stored; /* bytes at the destination; OB_PRUNE_MISSING where it is not there */
  guint64 used;   /* bytes of the blobs that are kept in it, with their places in the header */
  guint32 n_used;
  guint8 fate;    /* ObPackFate */
} ObPrunePack;

/* One that no index names. */
typedef struct
{
  ObId id;
  guint64 size;
} ObLoosePack;

struct _ObPrunePlan
{
  ObRepository *repository;
  ObIndex *index;
  ObLock *lock;
  ObProgress *progress;
  guint generation;     /* of the index: its numbers are used here */
  guint32 n_places[2];  /* by ObBlobType */
  guint32 n_packs;
  ObBitmap *kept[2];    /* places: of each blob that is used, one; or all, where none is in a pack
                         * that is whole */
  GArray *several[2];   /* of guint32: places that are kept of blobs that have others, too */
  ObPrunePack *packs;   /* by number */
  guint32 *places;      /* all, those of a pack together; a tree's number has n_places[DATA]
                         * added */
  guint32 *first_place; /* by number of the pack, with one more behind the last */
  GArray *loose;        /* of ObLoosePack */
  GPtrArray *index_files; /* their names */
  gint64 deadline;        /* of g_get_monotonic_time(), for the copies */
  ObPruneFigures figures;
};

/* A place that belongs to a pack. */
typedef struct
{
  ObBlobType type;
  guint32 number;
  ObIndexPlace place;
} ObPrunePlace;

/* What the number of a place stands for; something that does no harm where the index was replaced,
 * as ob_prune_plan_check() tells afterwards. */
ObIndexPlace ob_prune_plan_get_place (ObPrunePlan *plan, ObBlobType type, guint32 number);

/* Whether the pack @number is there and as long as it should be. */
gboolean ob_prune_plan_is_whole (ObPrunePlan *plan, guint32 number);

/* Fills plan->kept and plan->several, and what packs and figures say of use: of each blob of @used
 * one place, in a pack to be relied on and of which most is needed. Called once, when it is known
 * which packs are there. */
void ob_prune_keep_used (ObPrunePlan *plan, const ObUsedBlobs *used);

/* Those of pack @number by offset (of ObPrunePlace); where @only_kept, those alone. Transfer
 * full. */
GArray *ob_prune_plan_get_places (ObPrunePlan *plan, guint32 number, gboolean only_kept);

/* Whether the index is still the one whose numbers the plan has: what was read by them before is
 * right then. Errors: BUSY. */
gboolean ob_prune_plan_check (ObPrunePlan *plan, GError **error);

/* What a pack has that nobody needs, in bytes; it is there. */
guint64 ob_prune_pack_get_waste (const ObPrunePack *pack);

/* Reads what is kept while another copy of it goes. *@settled: whether all that can be had. Where
 * it cannot, the packs are known to be damaged from then on, and a plan made anew keeps the other
 * copies. Blocks. Errors: CANCELLED, BUSY, those of the store that say nothing of a pack. */
gboolean ob_prune_settle_copies (ObPrunePlan *plan, gboolean *settled, GCancellable *cancellable,
                                 GError **error);

/* The steps. */
gboolean ob_prune_repack (ObPrunePlan *plan, guint64 *written, GCancellable *cancellable,
                          GError **error);
gboolean ob_prune_write_index (ObPrunePlan *plan, GCancellable *cancellable, GError **error);

G_END_DECLS
