/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A repository in a store that can be cut off after any change, with a model of what its backups
 * hold, for the tests of deleting and pruning. */
#pragma once

#include "crash-store.h"
#include "ob-delete.h"
#include "ob-lock-private.h"
#include "ob-prune.h"
#include "pipeline-fixture.h"

#define N_FILES 12
#define MAX_SNAPSHOTS 12

/* What a snapshot should hold: content number of each file, from which its bytes follow. */
typedef struct
{
  ObId id;
  guint32 contents[N_FILES];
} Model;

typedef struct
{
  CoreFixture core;
  CrashStore *crash_store;
  GArray *models; /* of Model */
  GRand *rand;
  guint32 next_content;
} Prune;

void prune_set_up (Prune *prune, gconstpointer data);
void prune_tear_down (Prune *prune, gconstpointer data);
/* A backup in which some files are other than in one before. */
void prune_back_up (Prune *prune);
/* One that does not come to its end: its packs are in no index. */
void prune_give_up (Prune *prune);
/* A backup, one that has most of its files, and the first deleted: its pack is partly used. */
void prune_make_waste (Prune *prune);
void prune_delete_some (Prune *prune, guint n);
/* Any but the last, whose packs stay partly used if it is one of prune_make_waste(). */
void prune_delete_older (Prune *prune, guint n);
/* *@figures: the plan's; it is carried out at once. */
gboolean prune_run_with (ObRepository *repository, const char *limit_text, ObPruneFigures *figures,
                         gint64 *freed, ObProgress *progress, GCancellable *cancellable,
                         GError **error);
void prune_run (ObRepository *repository, const char *limit, ObPruneFigures *figures);
/* Every snapshot of @models is there and reads as it was written. */
void prune_assert_whole (ObRepository *repository, GArray *models);
/* No index file names a pack that is not there: the next backup would build on it. */
void prune_assert_index_sound (ObRepository *repository, ObStore *store);
/* The index, read anew, names the packs of the store and no others; no blob is there twice. */
void prune_assert_tidy (ObStore *store);
/* Of the ids, their sizes (GSIZE_TO_POINTER). Transfer full. */
GHashTable *prune_list_packs (ObStore *store);
const ObSnapshot *prune_find_snapshot (GPtrArray *snapshots, const ObId *id);
void prune_save (ObRepository *repository, Model *model);
/* An exclusive one that does not wait. Transfer full. */
ObLock *prune_lock (ObRepository *repository);
