/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-drill-steps.h"

#include "ob-drill-scratch.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-file-compare.h"
#include "ob-manifest.h"
#include "ob-space-guard.h"
#include "ob-sync.h"

/* What stays free on the file system of the directory, as on that of the database. */
#define LEAST_FREE ((guint64) 32 * 1024 * 1024)
#define MOST_FREE ((guint64) 1024 * 1024 * 1024)

/* Of one check. */
#define CHECK_SECONDS 300

/* internal methods: before anything is made */

static ObNode *
find_tree (ObRestoreTask *task, ObParts part, GError **error)
{
  return ob_reader_find (task->repository, &task->record->snapshot->tree, ob_part_get_name (part),
                         task->cancellable, error);
}

/* Whether there is room for the database, and for the largest directory. What is compared is added
 * to the job's total, beside what is restored. */
static gboolean
check_space (ObRestoreTask *task, GError **error)
{
  JsonObject *facts = ob_manifest_get_object (task->manifest, "database");
  guint64 largest = 0;

  if ((task->parts & OB_PART_DATABASE) && facts != NULL
      && !ob_database_check_space (ob_instance_get_database (task->instance),
                                   ob_manifest_get_string (facts, "tablespace"),
                                   ob_manifest_get_number (facts, "size"), task->cancellable,
                                   error))
    return FALSE;
  for (ObParts part = OB_PART_SOURCES; part < OB_PART_ALL; part <<= 1)
    {
      g_autoptr (ObNode) node = NULL;
      guint64 bytes = 0;

      if ((task->parts & part) == 0)
        continue;
      node = find_tree (task, part, error);
      if (node == NULL
          || !ob_file_restore_estimate (task->repository, node, &bytes, task->cancellable, error))
        return FALSE;
      ob_progress_add_total (task->progress, bytes);
      largest = MAX (largest, bytes);
    }
  return ob_space_check (task->context->drill_path, LEAST_FREE, MOST_FREE, largest,
                         "The directory for drills", error);
}

/* internal methods: the database */

static gboolean
run_checks (ObRestoreTask *task, ObDrillScratch *scratch, GPtrArray **checks, GError **error)
{
  g_autofree char *complaint = NULL;

  ob_progress_set_phase (task->progress, "running checks");
  *checks = ob_database_run_checks (ob_instance_get_database (task->instance),
                                    ob_drill_scratch_get_database (scratch),
                                    ob_instance_get_check_sql (task->instance), CHECK_SECONDS,
                                    task->cancellable, error);
  if (*checks == NULL)
    return FALSE;
  complaint = ob_drill_result_blame_check (*checks);
  if (complaint != NULL)
    g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT, complaint);
  return complaint == NULL;
}

/* What pg_restore and the server say of a backup that does not go in has no code of its own; but a
 * server that went away, or a disk that is full, has the same. */
static void
settle_failure (ObRestoreTask *task, ObDrillScratch *scratch, gboolean *blame, GError **error)
{
  g_autoptr (GError) gone = NULL;
  gboolean exists;

  if (!g_error_matches (*error, OB_ERROR, OB_ERROR_FAILED)
      || ob_drill_result_blames_host ((*error)->message))
    return;
  *blame = ob_database_exists (ob_instance_get_database (task->instance),
                               ob_drill_scratch_get_database (scratch), &exists, task->cancellable,
                               &gone);
  if (*blame)
    return;
  g_clear_error (error);
  g_propagate_error (error, g_steal_pointer (&gone));
}

static gboolean
drill_database (ObRestoreTask *task, ObDrillScratch *scratch, GPtrArray **checks, gboolean *blame,
                GError **error)
{
  g_autoptr (GError) local = NULL;

  if (!ob_restore_task_database (task, ob_drill_scratch_get_database (scratch), &local))
    {
      settle_failure (task, scratch, blame, &local);
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  ob_job_log (task->job, "Database %s: %" G_GUINT64_FORMAT " rows, counted again in each table",
              ob_drill_scratch_get_database (scratch), task->rows);
  /* Its room is free before the files come. */
  return run_checks (task, scratch, checks, error)
         && ob_drill_scratch_drop_database (scratch, error);
}

/* internal methods: the files */

static gboolean
compare_tree (ObRestoreTask *task, ObParts part, int fd, const char *path, GError **error)
{
  g_autoptr (ObNode) node = find_tree (task, part, error);
  ObFileRestoreStats stats = { 0 };

  if (node == NULL)
    return FALSE;
  ob_progress_set_phase (task->progress, "syncing");
  if (!ob_sync_file_system (fd, task->cancellable, error))
    return FALSE;
  ob_progress_set_phase (task->progress, "comparing files");
  if (!ob_file_compare_run (task->repository, node, fd, path, task->progress, &stats,
                            task->cancellable, error))
    return FALSE;
  ob_job_log (task->job, "%s: %" G_GUINT64_FORMAT " files read again, %" G_GUINT64_FORMAT " bytes",
              ob_part_get_name (part), stats.files, stats.bytes);
  return TRUE;
}

static gboolean
drill_tree (ObRestoreTask *task, ObDrillScratch *scratch, ObParts part, GError **error)
{
  const char *name = ob_part_get_name (part);
  ob_autofd int fd = ob_drill_scratch_make_directory (scratch, name, error);

  if (fd < 0 || !ob_restore_task_tree (task, part, fd, name, error)
      || !compare_tree (task, part, fd, name, error))
    return FALSE;
  ob_fd_clear (&fd);
  return ob_drill_scratch_remove_files (scratch, error);
}

static void
on_cancelled (GCancellable *cancellable, gpointer inner)
{
  g_cancellable_cancel (inner);
}

/* With an eye on the free space, which somebody else may take meanwhile. */
static gboolean
drill_trees (ObRestoreTask *outer, ObDrillScratch *scratch, GError **error)
{
  g_autoptr (GCancellable) inner = g_cancellable_new ();
  g_autoptr (GError) local = NULL;
  g_autoptr (ObSpaceGuard) guard
    = ob_space_guard_new (outer->context->drill_path, LEAST_FREE, MOST_FREE, inner);
  gulong handler
    = g_cancellable_connect (outer->cancellable, G_CALLBACK (on_cancelled), inner, NULL);
  ObRestoreTask task = *outer;
  gboolean ok = TRUE;

  task.cancellable = inner;
  for (ObParts part = OB_PART_SOURCES; ok && part < OB_PART_ALL; part <<= 1)
    if (task.parts & part)
      ok = drill_tree (&task, scratch, part, &local);
  g_cancellable_disconnect (outer->cancellable, handler);
  outer->files = task.files;
  outer->bytes = task.bytes;
  if (!ok && !ob_space_guard_has_struck (guard, "The directory for drills", error))
    g_propagate_error (error, g_steal_pointer (&local));
  return ok;
}

static gboolean
drill (ObRestoreTask *task, ObDrillScratch *scratch, GPtrArray **checks, gboolean *blame,
       GError **error)
{
  return check_space (task, error)
         && ((task->parts & OB_PART_DATABASE) == 0
             || drill_database (task, scratch, checks, blame, error))
         && drill_trees (task, scratch, error);
}

/* methods of this room */

gboolean
ob_drill_run (ObRestoreTask *task, GPtrArray **checks, gboolean *blame, GError **error)
{
  g_autoptr (ObDrillScratch) scratch = NULL;
  g_autoptr (GError) local = NULL;
  g_autoptr (GError) left = NULL;

  *blame = FALSE;
  task->scratch = TRUE;
  if (ob_restore_task_check_repository (task, &local) && ob_restore_task_estimate (task, &local))
    scratch = ob_drill_scratch_new (task->context, task->instance,
                                    (task->parts & OB_PART_DATABASE) != 0, &local);
  if (scratch != NULL)
    {
      drill (task, scratch, checks, blame, &local);
      ob_progress_set_phase (task->progress, "cleaning up");
      if (!ob_drill_scratch_remove (scratch, &left))
        ob_progress_warn (task->progress, FALSE,
                          "What the drill made is not all removed (%s); the next drill, or the "
                          "next start of the service, tries again: %s",
                          ob_drill_scratch_get_path (scratch), left->message);
    }
  if (local == NULL)
    return TRUE;
  *blame = *blame || g_error_matches (local, OB_ERROR, OB_ERROR_CORRUPT)
           || g_error_matches (local, OB_ERROR, OB_ERROR_INCOMPLETE);
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}
