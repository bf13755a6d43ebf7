/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-lock.h"
#include "ob-progress.h"
#include "ob-repository.h"

G_BEGIN_DECLS

/* Looks whether a repository holds what its snapshots promise. What is found is no error: it is
 * told in a report, and the verification goes on. */
typedef struct _ObVerify ObVerify;

typedef struct
{
  const GArray *snapshots; /* of ObId, as ob_snapshot_get_public_id() or as the file is called;
                            * NULL: all, and with them whatever else the store holds */
  gdouble share;           /* of the packs' bytes that are read whole: 0 none, 1 all */
  guint64 seed;            /* of the choice where it is neither */
  guint n_threads;
} ObVerifyOptions;

typedef enum
{
  OB_VERIFY_INDEX_FILE,   /* cannot be read */
  OB_VERIFY_SNAPSHOT,     /* cannot be read */
  OB_VERIFY_PACK_MISSING, /* is in the index and not in the store */
  OB_VERIFY_PACK_SIZE,    /* has another size than the index knows */
  OB_VERIFY_PACK_CONTENT, /* its bytes are not those that its name promises */
  OB_VERIFY_PACK_HEADER,  /* cannot be read, or is not what the index says */
  OB_VERIFY_PACK_READ,    /* the store cannot give its bytes */
  OB_VERIFY_BLOB,         /* cannot be opened, or is something else */
  OB_VERIFY_BLOB_MISSING, /* is in no index */
  OB_VERIFY_TREE,         /* its text makes no sense */
} ObVerifyKind;

/* "index", "snapshot", "pack-missing"… Transfer none. */
const char *ob_verify_kind_get_name (ObVerifyKind kind);

typedef struct
{
  ObVerifyKind kind;
  char *object;  /* a name in the store, or the id of a blob */
  char *message; /* a sentence */
} ObVerifyProblem;

/* A snapshot that lost something. */
typedef struct
{
  ObSnapshot *snapshot;
  GPtrArray *files; /* paths as they are in it, without a leading '/'; with a '/' at the end a whole
                     * directory. At most OB_VERIFY_MAX_FILES */
  guint64 n_files;  /* all of them */
  gboolean more;    /* …and even more, which were not counted */
} ObVerifyLoss;

/* What a repair tags snapshots with that lost something. */
#define OB_VERIFY_INCOMPLETE_TAG "incomplete"

#define OB_VERIFY_MAX_PROBLEMS 1000
#define OB_VERIFY_MAX_FILES 200
#define OB_VERIFY_MAX_LOSSES 5000

typedef struct
{
  guint64 snapshots, trees, blobs, packs; /* looked at */
  guint64 packs_read, bytes_read;
  guint64 unused_packs, unused_bytes; /* packs that no index lists: what a crash or a backup that
                                       * runs leaves, no damage */
  GPtrArray *problems;                /* of ObVerifyProblem */
  guint64 n_problems;                 /* all of them */
  GPtrArray *losses;                  /* of ObVerifyLoss, newest first */
  guint64 n_losses;
  guint64 unreadable;                 /* snapshot files that cannot be read: whole backups */
  GPtrArray *sound;                   /* of ObSnapshot: those that lost nothing */
  GArray *damaged_packs; /* of ObId: those that are as long as they should be, and yet hold blobs
                          * that cannot be had from them */
} ObVerifyReport;

/* Copies what @options points to. Transfer full. */
ObVerify *ob_verify_new (ObRepository *repository, const ObVerifyOptions *options,
                         ObProgress *progress);
void ob_verify_free (ObVerify *verify);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObVerify, ob_verify_free)

/* Does it; to be called once. Needs no lock: where another removes things meanwhile it begins anew,
 * and fails with BUSY after three times. Blocks, job threads. Errors: those of the store,
 * CANCELLED, BUSY, NOT_FOUND (a snapshot asked for). */
gboolean ob_verify_run (ObVerify *verify, GCancellable *cancellable, GError **error);

/* Valid as long as @verify is; after ob_verify_run(). */
const ObVerifyReport *ob_verify_get_report (ObVerify *verify);

typedef struct
{
  guint64 packs_added;      /* to the index, that were not in it */
  guint64 packs_replaced;   /* what could be read of them is in new packs */
  guint64 packs_dropped;    /* from the index: missing, or nothing in them can be read */
  guint64 blobs_rescued;
  guint64 blobs_lost;
  guint64 index_files;      /* written */
  guint64 snapshots_marked; /* rewritten as incomplete */
  guint64 snapshots_dropped;
} ObVerifyRepairs;

/* Repairs what a run over the whole repository with all data found: see docs/architecture.md.
 * @lock: exclusive, held since before the run. Nothing is removed before what replaces it is
 * durable: a crash at any moment leaves a repository that can be repaired again. Writes nothing
 * where there was nothing to repair. Errors: those of the store, LOCKED where the lock was lost,
 * NOT_SUPPORTED for version 1. */
gboolean ob_verify_repair (ObVerify *verify, ObLock *lock, ObVerifyRepairs *repairs,
                           GCancellable *cancellable, GError **error);

G_END_DECLS
