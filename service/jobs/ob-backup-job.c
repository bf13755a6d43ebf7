/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A backup, in the order that keeps it safe: lock, see that the repository is the right one,
 * index; the database's snapshot, its streams; the trees; manifest and RESTORE.txt; packs and
 * index on the disk; and, last, the snapshot file, which makes all of it a backup. Before that
 * nothing is visible.
 */
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "ob-adopt.h"
#include "ob-backup-run.h"
#include "ob-distrust.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-job-lock.h"
#include "ob-job-private.h"
#include "ob-label.h"
#include "ob-operations.h"
#include "ob-present-packs.h"
#include "ob-protect.h"
#include "ob-restore-note.h"
#include "ob-restore-recover.h"
#include "ob-wait.h"

#define SECONDS_A_DAY (24 * 60 * 60)

typedef struct
{
  ObContext *context;
  ObInstance *instance;
  ObDestination *destination;
  ObParts parts;
  char *kind, *label, *schedule;
  ObJobFunc after;
  gpointer after_data;
  GDestroyNotify after_free;
} Data;

/* internal methods */

static void
free_data (gpointer pointer)
{
  Data *data = pointer;

  ob_instance_unref (data->instance);
  ob_destination_unref (data->destination);
  g_free (data->kind);
  g_free (data->label);
  g_free (data->schedule);
  if (data->after_free != NULL)
    data->after_free (data->after_data);
  g_free (data);
}

static void
warn_of_changed_properties (ObBackupRun *run)
{
  g_autoptr (GPtrArray) differences
    = ob_instance_compare_properties (run->instance, run->cancellable);

  for (guint i = 0; differences != NULL && i < differences->len; i++)
    ob_progress_warn (run->progress, FALSE, "%s", (char *) g_ptr_array_index (differences, i));
}

/* The earlier backups of this installation, newest first: what is as it was there is not read. */
static gboolean
list_earlier (ObBackupRun *run, GError **error)
{
  g_autofree char *tag = g_strconcat ("instance=", ob_instance_get_name (run->instance), NULL);
  g_autoptr (GPtrArray) problems = NULL;

  run->snapshots
    = ob_repository_list_snapshots (run->repository, &problems, run->cancellable, error);
  if (run->snapshots == NULL)
    return FALSE;
  for (guint i = 0; problems != NULL && i < problems->len; i++)
    ob_progress_warn (run->progress, FALSE, "An earlier backup at the destination is damaged: %s",
                      (char *) g_ptr_array_index (problems, i));
  for (guint i = run->snapshots->len; i > 0; i--)
    {
      const ObSnapshot *snapshot = g_ptr_array_index (run->snapshots, i - 1);

      if (!ob_snapshot_has_tag (snapshot, "obbackup") || !ob_snapshot_has_tag (snapshot, tag))
        g_ptr_array_remove_index (run->snapshots, i - 1);
    }
  return TRUE;
}

static gboolean
add_file (ObBackupRun *run, const char *name, const char *text, GError **error)
{
  g_autoptr (GArray) content = NULL;
  struct timespec now = { 0 };
  gsize size = strlen (text);

  if (!ob_writer_add_bytes (run->writer, text, size, &content, error))
    return FALSE;
  clock_gettime (CLOCK_REALTIME, &now);
  g_ptr_array_add (run->nodes, ob_node_new_file (name, size, content, &now));
  return TRUE;
}

/* The backup's own files and the root directory. */
static gboolean
add_root (ObBackupRun *run, ObId *tree, GError **error)
{
  ObManifest *manifest = run->manifest;
  g_autofree char *text = NULL;
  g_autofree char *note = NULL;

  g_ptr_array_unref (manifest->warnings);
  manifest->warnings = ob_job_dup_warnings (run->job, &manifest->partial);
  manifest->seconds
    = (g_get_monotonic_time () - run->began + G_USEC_PER_SEC / 2) / G_USEC_PER_SEC;
  text = ob_manifest_to_json (manifest);
  note = ob_restore_note_write (manifest);
  return add_file (run, OB_MANIFEST_FILE, text, error)
         && add_file (run, OB_RESTORE_NOTE_FILE, note, error)
         && ob_writer_add_tree (run->writer, run->nodes, tree, error);
}

static GStrv
list_paths (const ObManifest *manifest)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  if (manifest->parts & OB_PART_DATABASE)
    g_strv_builder_add (builder, "/database");
  for (guint i = 0; i < manifest->trees->len; i++)
    g_strv_builder_add (builder,
                        ((ObManifestTree *) g_ptr_array_index (manifest->trees, i))->path);
  return g_strv_builder_end (builder);
}

static GStrv
list_tags (const ObManifest *manifest)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autofree char *instance
    = g_strconcat ("instance=", ob_instance_get_name (manifest->instance), NULL);
  g_autofree char *kind = g_strconcat ("kind=", manifest->kind, NULL);

  g_strv_builder_add_many (builder, "obbackup", instance, kind, NULL);
  if (manifest->schedule != NULL)
    {
      g_autofree char *schedule = g_strconcat ("schedule=", manifest->schedule, NULL);

      g_strv_builder_add (builder, schedule);
    }
  if (manifest->label != NULL)
    {
      g_autofree char *label = g_strconcat (OB_LABEL_TAG, manifest->label, NULL);

      g_strv_builder_add (builder, label);
    }
  return g_strv_builder_end (builder);
}

static ObSnapshot *
build_snapshot (ObBackupRun *run, const ObId *tree)
{
  ObSnapshot *snapshot = ob_snapshot_new ();
  ObWriterStats stats = { 0 };

  ob_writer_get_stats (run->writer, &stats);
  snapshot->tree = *tree;
  snapshot->time = run->manifest->start;
  g_strfreev (snapshot->paths);
  snapshot->paths = list_paths (run->manifest);
  g_strfreev (snapshot->tags);
  snapshot->tags = list_tags (run->manifest);
  g_free (snapshot->hostname);
  snapshot->hostname = g_strdup (g_get_host_name ());
  g_free (snapshot->username);
  snapshot->username = g_strdup (g_get_user_name ());
  snapshot->uid = getuid ();
  snapshot->gid = getgid ();
  g_free (snapshot->program_version);
  snapshot->program_version = g_strdup ("obbackup " OB_VERSION);
  snapshot->obbackup = ob_manifest_summarize (run->manifest, stats.stored_bytes);
  if (run->snapshots->len > 0)
    {
      const ObSnapshot *parent = g_ptr_array_index (run->snapshots, 0);

      snapshot->has_parent = TRUE;
      snapshot->parent = parent->id;
    }
  return snapshot;
}

static void
tell_result (ObBackupRun *run, const ObSnapshot *snapshot)
{
  ObBackupRecord record = { run->destination, (ObSnapshot *) snapshot };
  g_autoptr (GVariant) result = ob_backup_record_describe (&record);
  GVariantIter iter = { 0 };
  const char *key = NULL;
  GVariant *value = NULL;
  guint64 free_bytes = 0;
  guint64 total_bytes = 0;

  g_variant_iter_init (&iter, result);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    if (strcmp (key, "warnings") != 0)
      ob_job_set_result (run->job, key, value);
  ob_job_set_result (run->job, "seconds",
                     g_variant_new_double ((double) (g_get_monotonic_time () - run->began)
                                           / G_USEC_PER_SEC));
  if (ob_store_space (ob_repository_get_store (run->repository), &free_bytes, &total_bytes, NULL,
                      NULL))
    ob_job_set_space (run->job, free_bytes, total_bytes);
}

/* Where what is stored is locked, what the backup uses of earlier ones has to be as long as it is
 * itself. */
static gboolean
protect (ObBackupRun *run, GError **error)
{
  guint days = ob_store_get_lock_days (ob_repository_get_store (run->repository));
  gint64 until = run->manifest->start.tv_sec + (gint64) days * SECONDS_A_DAY;
  g_autoptr (GArray) packs = NULL;
  guint n_changed;

  if (days == 0)
    return TRUE;
  ob_progress_set_phase (run->progress, "locking");
  packs = ob_writer_list_reused (run->writer);
  if (!ob_protect (run->repository, packs, until, &n_changed, run->cancellable, error))
    return FALSE;
  ob_job_log (run->job, "Locked for %u days; %u objects of earlier backups for longer", days,
              n_changed);
  ob_job_set_result (run->job, "locked-until", g_variant_new_uint64 ((guint64) until));
  ob_job_set_result (run->job, "lock-extended", g_variant_new_uint64 (n_changed));
  return TRUE;
}

/* A verification that ran beside this backup tells of its damage too late for it. */
static void
look_for_new_damage (ObBackupRun *run)
{
  if (ob_distrust_damaged (run->context, run->repository) > run->n_damaged)
    ob_progress_warn (run->progress, FALSE,
                      "While this backup was made, a verification found damage at destination %s, "
                      "which the backup may stand on. Back up once more: the next one stores what "
                      "it needs of that again",
                      ob_destination_get_name (run->destination));
}

/* Everything is stored; from here on it becomes a backup. */
static gboolean
publish (ObBackupRun *run, ObLock *lock, GError **error)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  ObId tree = { 0 };

  ob_progress_set_phase (run->progress, "finishing");
  if (run->manifest->parts == 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                   "Nothing of instance %s could be read, so there is no backup; see the warnings.",
                   ob_instance_get_name (run->instance));
      return FALSE;
    }
  look_for_new_damage (run);
  if (!add_root (run, &tree, error) || !ob_writer_finish (run->writer, error)
      || !protect (run, error))
    return FALSE;
  /* Somebody else may have cleaned up meanwhile. */
  if (!ob_lock_confirm (lock, run->cancellable, error))
    return FALSE;
  snapshot = build_snapshot (run, &tree);
  if (!ob_job_set_cancelable (run->job, FALSE))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CANCELLED, "Cancelled.");
      return FALSE;
    }
  if (!ob_repository_save_snapshot (run->repository, snapshot, NULL, error))
    return FALSE;
  tell_result (run, snapshot);
  return TRUE;
}

/* What somebody removed from the destination, or its disk lost, is not built on; nor is what a
 * verification has found damaged. */
static gboolean
look_for_packs (ObBackupRun *run, GError **error)
{
  guint n_gone;

  if (!ob_present_packs_find (run->repository, &n_gone, run->cancellable, error))
    return FALSE;
  if (n_gone > 0)
    ob_progress_warn (run->progress, FALSE,
                      "%u pack%s of earlier backups %s missing or damaged at destination %s. What "
                      "this backup needs of them is stored again; `obbackupctl verify` tells which "
                      "backups lost something",
                      n_gone, n_gone == 1 ? "" : "s", n_gone == 1 ? "is" : "are",
                      ob_destination_get_name (run->destination));
  run->n_damaged = ob_distrust_damaged (run->context, run->repository);
  if (run->n_damaged > 0)
    ob_progress_warn (run->progress, FALSE,
                      "%u pack%s of earlier backups at destination %s %s found damaged when it was "
                      "verified. What this backup needs of them is stored again; `obbackupctl "
                      "verify --repair` saves what can be saved of the others",
                      run->n_damaged, run->n_damaged == 1 ? "" : "s",
                      ob_destination_get_name (run->destination),
                      run->n_damaged == 1 ? "was" : "were");
  return TRUE;
}

static gboolean
store (ObBackupRun *run, ObLock *lock, GError **error)
{
  g_autoptr (ObWriter) writer = NULL;
  g_autoptr (ObBackupTrees) trees = NULL;

  if (!ob_repository_load_index (run->repository, run->cancellable, error)
      || !look_for_packs (run, error) || !list_earlier (run, error))
    return FALSE;
  warn_of_changed_properties (run);
  writer = ob_writer_new (run->repository, run->context->n_threads, run->cancellable);
  run->writer = writer;
  ob_writer_set_lock (writer, lock);
  if (ob_store_get_lock_days (ob_repository_get_store (run->repository)) > 0)
    ob_writer_set_collects (writer);
  clock_gettime (CLOCK_REALTIME, &run->manifest->start);
  trees = ob_backup_trees_open (run);
  if ((run->parts & OB_PART_DATABASE) && !ob_backup_run_database (run, error))
    return FALSE;
  return ob_backup_trees_store (trees, run, error) && publish (run, lock, error);
}

/* What a backup left that was cut off, its service killed or its destination gone, is used by this
 * one. Only as long as nobody else is there: to others such packs may be their own. What goes wrong
 * is of no harm: all of it is stored again then. */
static gboolean
take_up (ObBackupRun *run, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (ObLock) lock = ob_lock_acquire (run->repository, TRUE, run->cancellable, &local);
  ObAdopted adopted = { 0 };
  g_autofree char *size = NULL;

  if (lock != NULL)
    ob_adopt_packs (run->repository, lock, &adopted, run->cancellable, &local);
  if (local != NULL)
    ob_job_log (run->job, "What a backup left that was cut off is not used: %s", local->message);
  if (adopted.n_packs > 0)
    {
      size = g_format_size_full (adopted.bytes, G_FORMAT_SIZE_IEC_UNITS);
      ob_job_log (run->job, "Going on with %" G_GUINT64_FORMAT " packs (%s) that a backup left "
                  "which was cut off", adopted.n_packs, size);
    }
  ob_job_set_result (run->job, "taken-up", g_variant_new_uint64 (adopted.bytes));
  return ob_check_cancelled (run->cancellable, error);
}

/* Transfer full. */
static ObLock *
lock_repository (ObBackupRun *run, GError **error)
{
  g_autoptr (ObLock) lock = ob_job_lock_repository (run->job, run->context, run->repository, FALSE,
                                                    run->cancellable, error);

  if (lock == NULL || !ob_lock_has_met_leftover (lock))
    return g_steal_pointer (&lock);
  g_clear_pointer (&lock, ob_lock_release);
  if (!take_up (run, error))
    return NULL;
  return ob_job_lock_repository (run->job, run->context, run->repository, FALSE, run->cancellable,
                                 error);
}

/* @before: how many there were when the job began. */
static void
tell_requests (ObBackupRun *run, guint64 before)
{
  if (!ob_place_is_local (ob_destination_get_place (run->destination)))
    ob_job_set_result (
      run->job, "requests",
      g_variant_new_uint64 (ob_destination_get_requests (run->destination) - before));
}

static gboolean
run_backup (ObJob *job, gpointer pointer, GCancellable *cancellable, GError **error)
{
  Data *data = pointer;
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (ObLock) lock = NULL;
  g_autoptr (ObManifest) manifest = ob_manifest_new ();
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  ObBackupRun run = { .context = data->context,
                      .instance = data->instance,
                      .destination = data->destination,
                      .job = job,
                      .progress = ob_job_get_progress (job),
                      .cancellable = cancellable,
                      .began = g_get_monotonic_time (),
                      .parts = data->parts,
                      .manifest = manifest,
                      .nodes = nodes,
                      .attachments_list = -1 };
  guint64 requests = ob_destination_get_requests (data->destination);
  gboolean stored = FALSE;

  ob_progress_set_phase (run.progress, "preparing");
  manifest->instance = ob_instance_ref (data->instance);
  manifest->kind = g_strdup (data->kind);
  manifest->label = g_strdup (data->label);
  manifest->schedule = g_strdup (data->schedule);
  if (!ob_restore_settle (data->context, ob_instance_get_name (data->instance), run.progress,
                          error))
    return FALSE;
  ob_job_watch (job, data->destination);
  repository = ob_destination_open (data->destination, data->context, cancellable, error);
  if (repository == NULL)
    return FALSE;
  run.repository = repository;
  lock = lock_repository (&run, error);
  if (lock == NULL)
    return FALSE;
  stored = store (&run, lock, error);
  g_clear_pointer (&run.snapshots, g_ptr_array_unref);
  ob_fd_clear (&run.attachments_list);
  if (stored && data->after != NULL)
    stored = data->after (job, data->after_data, cancellable, error);
  /* Its release is one more. */
  g_clear_pointer (&lock, ob_lock_release);
  tell_requests (&run, requests);
  return stored;
}

static gboolean
check_kind (const char *kind, GError **error)
{
  static const char *const kinds[] = { "manual", "scheduled", "automatic", NULL };

  if (g_strv_contains (kinds, kind))
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "There is no kind of backup \"%s\"; there are manual, scheduled and automatic.",
               kind);
  return FALSE;
}

static gboolean
check_parts (ObInstance *instance, ObParts parts, GError **error)
{
  ObParts there = ob_instance_get_parts (instance);
  g_autofree char *missing = ob_parts_to_text (parts & ~there);
  g_autofree char *present = ob_parts_to_text (there);

  if ((parts & ~there) == 0)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT, "Instance %s has no %s; it has %s.",
               ob_instance_get_name (instance), missing, present);
  return FALSE;
}

/* public methods */

ObJob *
ob_backup_job_new (ObContext *context, ObInstance *instance, ObDestination *destination,
                   const ObBackupOptions *options, guint uid, GError **error)
{
  ObParts parts = options->parts != 0 ? options->parts : ob_instance_get_parts (instance);
  Data *data = NULL;
  ObJob *job = NULL;

  if ((options->label != NULL && !ob_label_check (options->label, error))
      || !check_kind (options->kind, error)
      || !check_parts (instance, parts, error))
    {
      if (options->after_free != NULL)
        options->after_free (options->after_data);
      return NULL;
    }
  data = g_new0 (Data, 1);
  data->context = context;
  data->instance = ob_instance_ref (instance);
  data->destination = ob_destination_ref (destination);
  data->parts = parts;
  data->kind = g_strdup (options->kind);
  data->label = g_strdup (options->label);
  data->schedule = g_strdup (options->schedule);
  data->after = options->after;
  data->after_data = options->after_data;
  data->after_free = options->after_free;
  job = ob_job_new ("backup", ob_instance_get_name (instance),
                    ob_destination_get_name (destination), uid, run_backup, data, free_data);
  if (options->label != NULL)
    ob_job_set_result (job, "label", g_variant_new_string (options->label));
  return job;
}
