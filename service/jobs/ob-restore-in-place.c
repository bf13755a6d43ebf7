/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A restore in the place of what lives. All of it is restored and checked beside the living
 * state; then the application is stopped, directories and database are exchanged, and it is
 * started again. The journal is on the disk before each step (ob-restore-recover.h has the rule
 * that ends a restore which was interrupted).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-path.h"
#include "ob-restore-exchange.h"
#include "ob-restore-settings.h"
#include "ob-restore-swap.h"
#include "ob-restore-task.h"
#include "ob-restore-units.h"
#include "ob-space-guard.h"
#include "ob-sync.h"

/* internal methods */

/* Writes down what will be done, with the instance's configuration as it is now. */
static gboolean
begin (ObRestoreTask *task, ObRestoreJournal *journal, GError **error)
{
  const ObDatabaseConfig *config = ob_instance_get_database (task->instance);

  if (task->parts & OB_PART_DATABASE)
    {
      ob_restore_journal_set_database (journal, config->name);
      if (!ob_restore_task_choose_number (task, journal, error))
        return FALSE;
    }
  return ob_restore_units_plan (journal, task->instance, task->context, task->parts, FALSE,
                                error)
         && ob_instance_save (task->instance, task->context->restores_fd, error)
         && ob_restore_journal_save (journal, task->context, error);
}

/* A part that lies in the unit's directory, by its path below it. */
static const char *
get_relative_path (ObRestoreTask *task, const ObRestoreUnit *unit, ObParts part)
{
  const char *path = ob_instance_get_path (task->instance, part);
  const char *relative = NULL;

  return path != NULL && ob_path_is_below (path, unit->path, &relative) ? relative : "";
}

static gboolean
stage_nested (ObRestoreTask *task, const ObRestoreUnit *unit, int fd, GError **error)
{
  for (ObParts part = OB_PART_SOURCES; part < OB_PART_ALL; part <<= 1)
    {
      const char *relative = get_relative_path (task, unit, part);
      ob_autofd int nested = -1;

      if ((unit->parts & part) == 0 || *relative == '\0')
        continue;
      nested = ob_restore_unit_make_nested (fd, relative, error);
      if (nested < 0
          || !ob_restore_task_tree (task, part, nested,
                                    ob_instance_get_path (task->instance, part), error))
        return FALSE;
    }
  for (guint i = 0; i < unit->carries->len; i++)
    {
      const ObRestoreCarry *carry = g_ptr_array_index (unit->carries, i);

      if (carry->inode != 0 && !ob_restore_unit_make_room (fd, carry->path, error))
        return FALSE;
    }
  return TRUE;
}

static void
on_cancelled (GCancellable *cancellable, gpointer inner)
{
  g_cancellable_cancel (inner);
}

/* Fills "new" (@fd), while a guard sees to it that the application, which lives on the same
 * disk, can go on writing. */
static gboolean
fill_unit (ObRestoreTask *task, const ObRestoreUnit *unit, int fd, GError **error)
{
  g_autoptr (GCancellable) inner = g_cancellable_new ();
  GCancellable *outer = task->cancellable;
  gulong handler
    = g_cancellable_connect (outer, G_CALLBACK (on_cancelled), inner, NULL);
  g_autoptr (ObSpaceGuard) guard
    = ob_space_guard_new (unit->staging_parent, OB_RESTORE_LEAST_FREE, OB_RESTORE_MOST_FREE, inner);
  g_autoptr (GError) local = NULL;
  gboolean filled = FALSE;

  task->cancellable = inner;
  filled = ob_restore_task_tree (task, unit->part, fd, unit->path, &local)
           && stage_nested (task, unit, fd, &local);
  task->cancellable = outer;
  g_cancellable_disconnect (outer, handler);
  if (!filled && !ob_space_guard_has_struck (guard, unit->path, error))
    g_propagate_error (error, g_steal_pointer (&local));
  return filled;
}

/* The living installation's connection and paths stay. */
static gboolean
settle_unit (ObRestoreTask *task, const ObRestoreUnit *unit, int fd, GError **error)
{
  for (ObParts part = OB_PART_SOURCES; !task->original_settings && part < OB_PART_ALL; part <<= 1)
    {
      const char *relative = get_relative_path (task, unit, part);
      ob_autofd int inner = -1;

      if ((unit->parts & part) == 0)
        continue;
      inner = ob_path_open_at (fd, *relative != '\0' ? relative : ".", O_RDONLY | O_DIRECTORY,
                               error);
      if (inner < 0 || !ob_restore_task_settle (task, part, inner, NULL, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
stage_unit (ObRestoreTask *task, ObRestoreJournal *journal, ObRestoreUnit *unit, GError **error)
{
  ob_autofd int fd = ob_restore_unit_make_staging (unit, error);

  return fd >= 0 && ob_restore_journal_save (journal, task->context, error)
         && fill_unit (task, unit, fd, error) && settle_unit (task, unit, fd, error);
}

/* A power cut after the exchange must not find empty files. Each file system once. */
static gboolean
sync_units (ObRestoreTask *task, ObRestoreJournal *journal, GError **error)
{
  g_autoptr (GArray) done = g_array_new (FALSE, FALSE, sizeof (dev_t));

  ob_progress_set_phase (task->progress, "writing to disk");
  for (guint i = 0; i < journal->units->len; i++)
    {
      const ObRestoreUnit *unit = g_ptr_array_index (journal->units, i);
      ob_autofd int fd = ob_restore_unit_open_staging (unit, error);
      struct stat info = { 0 };
      gboolean is_done = FALSE;

      if (fd < 0)
        return FALSE;
      if (fstat (fd, &info) < 0)
        return ob_set_error_errno (error, errno, "%s cannot be looked at", unit->staging_parent);
      for (guint n = 0; n < done->len; n++)
        is_done = is_done || g_array_index (done, dev_t, n) == info.st_dev;
      if (!is_done && !ob_sync_file_system (fd, task->cancellable, error))
        {
          g_prefix_error (error, "%s: ", unit->path);
          return FALSE;
        }
      g_array_append_val (done, info.st_dev);
    }
  return TRUE;
}

static gboolean
stage (ObRestoreTask *task, ObRestoreJournal *journal, GError **error)
{
  for (guint i = 0; i < journal->units->len; i++)
    if (!stage_unit (task, journal, g_ptr_array_index (journal->units, i), error))
      return FALSE;
  if (journal->staged_database != NULL
      && !ob_restore_task_database (task, journal->staged_database, error))
    return FALSE;
  return sync_units (task, journal, error);
}

/* methods of this room */

gboolean
ob_restore_task_in_place (ObRestoreTask *task, GError **error)
{
  g_autofree char *id = g_malloc (OB_ID_HEX_SIZE);
  g_autoptr (ObRestoreJournal) journal = NULL;
  GError *failure = NULL;

  ob_id_to_hex (ob_snapshot_get_public_id (task->record->snapshot), id);
  journal = ob_restore_journal_new (task->context, task->instance, id);
  journal->lossy = task->lossy;
  journal->change = g_strdup (task->change);
  if (!begin (task, journal, error))
    {
      ob_restore_units_remove_parents (journal);
      ob_restore_journal_remove (journal, task->context, NULL);
      return FALSE;
    }
  if (stage (task, journal, &failure))
    return ob_restore_task_exchange (task, journal, error);
  return ob_restore_task_give_up (task, journal, failure, error);
}
