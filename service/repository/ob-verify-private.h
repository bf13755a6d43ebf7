/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of a verification share. */
#pragma once

#include <pthread.h>

#include "ob-bitmap.h"
#include "ob-blob-reader.h"
#include "ob-node.h"
#include "ob-pack-check.h"
#include "ob-verify.h"
#include "ob-wait.h"

G_BEGIN_DECLS

#define OB_VERIFY_NOT_THERE G_MAXUINT64

/* In places: a number of the trees' places. */
#define OB_VERIFY_TREE_PLACE (1u << 31)

/* Before what ends a repair. What failed once is read again by the next one. */
#define OB_VERIFY_STRICT_ADVICE                                                                    \
  "What is lost cannot be told, so no backup was changed; repair once more (obbackupctl verify "   \
  "--repair). "

/* A pack that no index lists. */
typedef struct
{
  ObId id;
  guint64 size;
} ObUnusedPack;

struct _ObVerify
{
  ObRepository *repository;
  ObIndex *index;
  ObProgress *progress;
  GCancellable *cancellable; /* while it runs */
  GArray *wanted;            /* of ObId: the snapshots asked for; NULL: all */
  gdouble share;
  guint64 seed;
  guint n_threads;
  gboolean strict; /* for a repair, which drops what is lost. By then all that the index lists has
                    * been read and found good: what is not had is an error, and no finding */
  ObVerifyReport report;

  GPtrArray *snapshots;     /* of ObSnapshot, newest first */
  GPtrArray *bad_snapshots; /* of names in the store */
  GPtrArray *bad_indexes;   /* of ObIndexDamage */

  /* What the index held when it was read; what others add meanwhile is not looked at. */
  guint generation;
  guint32 n_places[2];
  guint32 n_packs;
  guint64 *stored;      /* of each pack: its bytes on the store */
  guint32 *first_place; /* of each pack, in places; one more at the end */
  guint32 *places;      /* numbers of all places, those of a pack together */
  GArray *unused;       /* of ObUnusedPack */
  ObBitmap *selected;   /* packs that are looked at; NULL: all */
  ObBitmap *must_read;  /* packs whose content decides what is lost */

  pthread_mutex_t mutex; /* guards what follows, and the problems, while threads read */
  ObBitmap *bad_places[2];
  ObBitmap *bad_packs; /* not what they should be: a repair replaces them */
  GHashTable *missing; /* of ObId: blobs told of; bounded */

  /* Of trees, by the number of their first place. */
  ObBitmap *seen;
  ObBitmap *dirty; /* something in it or below is lost */
};

/* Adds a problem, within the bound. Any thread. */
void ob_verify_add_problem (ObVerify *verify, ObVerifyKind kind, const char *object,
                            const char *format, ...) G_GNUC_PRINTF (4, 5);

/* Whether the failure to read something tells of that thing alone: the store still answers. Then
 * @failure stays the caller's; else it is moved to @error and the result is FALSE. */
gboolean ob_verify_is_damage (ObVerify *verify, GError **failure, GError **error);

/* The same of a pack or a tree, which counts as lost from then on; where the verification is strict
 * that is an error. */
gboolean ob_verify_is_loss (ObVerify *verify, GError **failure, GError **error);

/* --- ob-verify-packs.c: what there is --- */

/* Sorts the places by pack, 4 bytes for each, in two steps: makes room in places, and fills it.
 * Others may renew the index in between. */
void ob_verify_count_places (ObVerify *verify);
void ob_verify_put_places (ObVerify *verify);

/* Lists the store's packs beside those of the index. */
gboolean ob_verify_list_packs (ObVerify *verify, GError **error);

/* Tells of packs that are missing or have the wrong size; where the verification is strict that is
 * an error. */
gboolean ob_verify_compare_packs (ObVerify *verify, GError **error);

/* Lists in the report the damaged packs; after the walk. */
void ob_verify_list_damaged (ObVerify *verify);

/* What the index has in a pack: of ObPackEntry, by offset. Transfer full. */
GArray *ob_verify_get_listed (ObVerify *verify, guint32 pack);

/* The same without those that were not found good. */
GArray *ob_verify_get_sound (ObVerify *verify, guint32 pack);

gboolean ob_verify_is_selected (ObVerify *verify, guint32 pack);

/* --- ob-verify-data.c: reading packs --- */

gboolean ob_verify_read_packs (ObVerify *verify, GError **error);

/* --- ob-verify-trees.c: snapshots, trees and what they lost --- */

typedef enum
{
  OB_TREE_SOUND,
  OB_TREE_DIRTY, /* it can be read; something in it or below is lost */
  OB_TREE_LOST,
} ObTreeState;

/* Before the packs are listed: sets selected, where snapshots were asked for. */
gboolean ob_verify_select_packs (ObVerify *verify, GError **error);

/* Walks all trees and tells what snapshots lost. */
gboolean ob_verify_walk (ObVerify *verify, GError **error);

/* After the walk. */
ObTreeState ob_verify_get_tree_state (ObVerify *verify, const ObId *tree);

/* Whether every blob of a file can be had. */
gboolean ob_verify_has_content (ObVerify *verify, const ObNode *node);

/* --- ob-verify-snapshots.c --- */

/* The snapshot as its file @name in the store has it now. Transfer full. Errors: CORRUPT, those of
 * the store. */
ObSnapshot *ob_verify_load_snapshot (ObVerify *verify, const char *name, GError **error);

/* Reads all snapshot files anew. */
gboolean ob_verify_load_snapshots (ObVerify *verify, GError **error);

G_END_DECLS
