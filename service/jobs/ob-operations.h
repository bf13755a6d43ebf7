/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The jobs, one constructor each (not yet queued; transfer full; main context). They hold
 * references to what they are given. Arguments have been checked for type by the bus; for
 * meaning here. */
#pragma once

#include "ob-catalogue.h"
#include "ob-change.h"
#include "ob-destination.h"
#include "ob-instance.h"
#include "ob-job.h"
#include "ob-number.h"

G_BEGIN_DECLS

typedef struct
{
  ObParts parts;     /* those that the instance has */
  const char *kind;  /* "manual" */
  const char *schedule; /* that makes it; NULL for none */
  const char *label; /* NULL or a line of at most 200 characters */
  ObJobFunc after;   /* called in the job's thread when all is stored; NULL for nothing */
  gpointer after_data; /* transfer full, also on error */
  GDestroyNotify after_free;
} ObBackupOptions;

/* Errors: INVALID_ARGUMENT (label, parts that the instance does not have). */
ObJob *ob_backup_job_new (ObContext *context, ObInstance *instance, ObDestination *destination,
                          const ObBackupOptions *options, guint uid, GError **error);

typedef struct
{
  ObParts parts;        /* 0: all that the backup holds */
  int directory;        /* -1, or a descriptor of an empty directory; duplicated */
  const char *database; /* NULL, or name of a new database */
  ObNumber number;      /* in place: whether the database keeps its number */
  gboolean force;       /* in place: end sessions of bbdd.user that outlive the application's
                         * stop */
  gboolean original_settings; /* restored properties stay as they are in the backup */
  const char *const *files; /* with @directory: only these, "PART/PATH"; NULL: whole parts */
  gboolean plan;        /* in place: only tell what would be done */
  const char *change;   /* in place: the id of the change that it rolls back; NULL for none */
  gboolean stopped;     /* in place: the application is stopped already */
} ObRestoreOptions;

/* @instance may be NULL where only @directory is asked for. @id as ob_catalogue_find() takes it;
 * @destinations: of ObDestination. */
ObJob *ob_restore_job_new (ObContext *context, ObInstance *instance, GPtrArray *destinations,
                           const char *id, const ObRestoreOptions *options, guint uid,
                           GError **error);

/* A backup, after which @change, which has been written down, is open, and the application is
 * stopped if @stop. Where it fails the change is dropped. @options: kind and after are set here. */
ObJob *ob_begin_change_job_new (ObContext *context, ObInstance *instance,
                                ObDestination *destination, const ObBackupOptions *options,
                                const ObChange *change, gboolean stop, guint uid, GError **error);

/* After the end of any job: a change whose backup was not made is none, and is dropped. Main
 * context. */
void ob_change_take_job (ObContext *context, ObJob *job);

/* Ends the open @change: starts the application that was stopped for it, and, where it has not
 * @succeeded, restores its backup before. Its result tells "age" (t), "gained" (a{st}) and all
 * that Restore's does. Errors: BUSY where it is old and the application has been in use, unless
 * @force. */
ObJob *ob_end_change_job_new (ObContext *context, ObInstance *instance, GPtrArray *destinations,
                              const ObChange *change, gboolean succeeded, gboolean force, guint uid,
                              GError **error);

/* Brings back the state before the last restore in place; what lives is kept in its turn. */
ObJob *ob_undo_restore_job_new (ObContext *context, ObInstance *instance, gboolean force,
                                guint uid);

/* Removes the former states that restores of @instance kept; with @only_due those alone whose
 * time is up. Its result has "released" (as: where they were) and "bytes" (t). */
ObJob *ob_release_previous_job_new (ObContext *context, ObInstance *instance, gboolean only_due,
                                    guint uid);

/* Whether an instance has a former state whose time is up. Blocks for a moment; any thread. */
gboolean ob_restore_has_due_previous (ObContext *context, const char *instance);

typedef struct
{
  const char *instance; /* only its backups; NULL: all */
  gdouble share;        /* of the stored bytes that are read: 0 none, 1 all */
  guint64 seed;         /* chooses which, where it is neither */
  gboolean repair;      /* reads all; for whole destinations only */
} ObVerifyJobOptions;

/* @ids: as ob_catalogue_find() takes them, NULL-terminated; none: all backups of the
 * destinations (of ObDestination). Damage that is found is the job's error CORRUPT; its result
 * tells what. Errors: INVALID_ARGUMENT. */
ObJob *ob_verify_job_new (ObContext *context, GPtrArray *destinations, const char *const *ids,
                          const ObVerifyJobOptions *options, guint uid, GError **error);

typedef struct
{
  const char *instance; /* only its backups; NULL: of all */
} ObDrillOptions;

/* Restores each backup into a scratch database and a scratch directory, compares what came out
 * with what the backup says, runs the instance's checks, and removes all of it. @ids: as
 * ob_catalogue_find() takes them; none, or "latest": the newest backup of each instance.
 * @instances: of ObInstance; backups of others cannot be drilled. @destinations: of
 * ObDestination. What the backup is to blame for is the job's error CORRUPT. Errors:
 * INVALID_ARGUMENT, NOT_FOUND. */
ObJob *ob_drill_job_new (ObContext *context, GPtrArray *instances, GPtrArray *destinations,
                         const char *const *ids, const ObDrillOptions *options, guint uid,
                         GError **error);

typedef struct
{
  const char *destination; /* to look for the backups in; NULL: all */
  gboolean force;          /* also the last good one, and pinned ones */
  gboolean prune;          /* free what they took at once */
  guint prune_seconds;     /* for that; 0: as long as it takes */
} ObDeleteOptions;

/* @ids as ob_catalogue_find() takes them, but not "latest"; @destinations: all that are known (of
 * ObDestination). Its result has "removed" (as), also where
 * it failed. Errors: INVALID_ARGUMENT. */
ObJob *ob_delete_job_new (ObContext *context, GPtrArray *destinations, const char *const *ids,
                          const ObDeleteOptions *options, guint uid, GError **error);

typedef struct
{
  const char *label;   /* NULL: as it is; "": none; else as ob_label_check() takes it */
  gboolean set_pinned; /* whether @pinned counts */
  gboolean pinned;
} ObEditOptions;

/* Changes what a backup is called, and whether it is pinned, also of one that another tool wrote;
 * its id stays. @id as ob_catalogue_find() takes it, but not "latest"; @destinations: to look for
 * it in (of ObDestination). Its result has "id", "destination", "label" (s), "pinned" (b): as they
 * are then, and "changed" (b). Errors: INVALID_ARGUMENT. */
ObJob *ob_edit_job_new (ObContext *context, GPtrArray *destinations, const char *id,
                        const ObEditOptions *options, guint uid, GError **error);

typedef struct
{
  gboolean plan;          /* only tell */
  const char *max_unused; /* as ob_prune_limit_parse() takes it; NULL: the default */
  guint seconds;          /* for copies of what is still needed; 0: as long as they take */
} ObPruneOptions;

/* Errors: INVALID_ARGUMENT. */
ObJob *ob_prune_job_new (ObContext *context, ObDestination *destination,
                         const ObPruneOptions *options, guint uid, GError **error);

ObJob *ob_add_destination_job_new (ObContext *context, ObDestination *destination, guint uid);
ObJob *ob_update_destination_job_new (ObContext *context, ObDestination *destination,
                                      ObPlace *place, const char *passphrase, guint uid);
ObJob *ob_check_destination_job_new (ObContext *context, ObDestination *destination, guint uid);
ObJob *ob_check_instance_job_new (ObContext *context, ObInstance *instance, guint uid);

/* The update also sets the limit of its bandwidth, as ob_destination_set_bandwidth_limit() takes
 * it; before it is queued. */
void ob_update_destination_job_set_limit (ObJob *job, const char *limit);

/* After success of the update job: the destination to use from now on. Transfer full; NULL
 * before. */
ObDestination *ob_update_destination_job_get_destination (ObJob *job);
/* After a check or any job that looked: free and total bytes; FALSE where it never knew. */
gboolean ob_job_get_space (ObJob *job, guint64 *free_bytes, guint64 *total_bytes);

/* At the start of the service: finishes or takes back what an interrupted restore left (journals in
 * STATE/restores), clears its staging. Instances are loaded from the configuration by name. What it
 * did: a sentence each, for the log. Blocks; before the bus name is taken, or in a thread. */
GPtrArray *ob_restore_recover (ObContext *context);

/* At the start of the service: removes what drills left that were cut off. What it did, or could
 * not do: a sentence each. Blocks, any thread. Array of char *, transfer full. */
GPtrArray *ob_drill_recover (ObContext *context);

/* The former states that restores of this instance left: array of a{ss} ("part", "where", "size" in
 * bytes as text where known). aa{ss}, transfer full, not floating. */
GVariant *ob_restore_list_previous (ObContext *context, const char *instance);

G_END_DECLS
