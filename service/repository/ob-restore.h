/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the planner and the workers of one restore share. */
#pragma once

#include "ob-path-selection.h"
#include "ob-blob-runs.h"
#include "ob-directory.h"
#include "ob-file-restore.h"
#include "ob-node-apply.h"
#include "ob-wait.h"

G_BEGIN_DECLS

typedef struct _ObRestore ObRestore;

/* A directory being restored: it gets its metadata when all that is below it is done. */
typedef struct _ObRestoreDirectory
{
  struct _ObRestoreDirectory *parent;
  ObDirectory *directory;
  ObNode *node;
  gint holds; /* atomic */
} ObRestoreDirectory;

/* A regular file being restored. */
typedef struct
{
  ObRestoreDirectory *directory; /* held */
  ObNode *node;
  pthread_mutex_t mutex; /* of all below */
  int fd;                /* or -1 */
  gboolean created;
  guint users;           /* who write now */
  guint remaining;       /* places not yet written */
  guint64 size;          /* of its blobs together */
  guint64 end;           /* of what was written */
} ObRestoreFile;

/* Where a blob goes. */
typedef struct
{
  ObWantedBlob blob;
  ObRestoreFile *file;
  guint64 offset;
} ObRestorePlace;

/* What workers write at a time, in the order of the packs. */
typedef struct
{
  GArray *places; /* of ObRestorePlace, sorted */
  GArray *wanted; /* of ObWantedBlob: each blob once */
  GArray *first;  /* of guint: a wanted blob's first place; one more at the end */
} ObRestoreBatch;

struct _ObRestore
{
  ObRepository *repository;
  ObProgress *progress;
  GCancellable *cancellable;
  ObFirstError *first_error;
  ObNodeApply apply;
  const ObPathSelection *selection; /* NULL: everything */
  ObFileRestoreStats *stats; /* the planner's, but for what the mutex guards */

  pthread_mutex_t mutex; /* of all below */
  pthread_cond_t changed;
  ObRestoreBatch *batch; /* the workers', or NULL */
  guint next;            /* of its wanted blobs */
  guint active;          /* workers at a run of it */
  gboolean planned;      /* no further batches come */
  guint open_files;
  GHashTable *unfinished; /* of ObRestoreFile */
};

/* The directory's node is taken (transfer full); the caller holds it. */
ObRestoreDirectory *ob_restore_directory_new (ObRestoreDirectory *parent, ObDirectory *directory,
                                              ObNode *node);
void ob_restore_directory_hold (ObRestoreDirectory *self);
void ob_restore_directory_release (ObRestore *restore, ObRestoreDirectory *self);

/* A file with @n_places places to be written; takes the node. With none it is made at once and the
 * result is NULL. */
ObRestoreFile *ob_restore_file_new (ObRestore *restore, ObRestoreDirectory *directory, ObNode *node,
                                    guint n_places);

/* Writes a blob into its place; with the last one the file gets its metadata and is freed. */
gboolean ob_restore_file_write (ObRestore *restore, ObRestoreFile *file, guint64 offset,
                                const guint8 *data, gsize size, GError **error);

/* After a failure. */
void ob_restore_file_abandon (ObRestore *restore, ObRestoreFile *file);

ObRestoreBatch *ob_restore_batch_new (void);
void ob_restore_batch_free (ObRestoreBatch *batch);

/* Waits until the workers are free and hands them the batch (transfer full). FALSE where the
 * restore has failed. */
gboolean ob_restore_submit (ObRestore *restore, ObRestoreBatch *batch);

/* Waits until the workers have done what they were given. */
gboolean ob_restore_wait (ObRestore *restore);

/* A worker's thread; @data is the ObRestore. */
void *ob_restore_run_worker (void *data);

/* Walks the tree of @node (which is copied where it is needed) and has it all restored below @root.
 * Errors go to the first error. */
void ob_restore_plan (ObRestore *restore, ObDirectory *root, const ObNode *node);

G_END_DECLS
