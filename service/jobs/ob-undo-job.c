/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Undoing a restore is an exchange like that of the restore itself, with the former state in the
 * place of what was restored: nothing is copied, and it can be undone in its turn.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-operations.h"
#include "ob-path.h"
#include "ob-restore-exchange.h"
#include "ob-restore-previous.h"
#include "ob-restore-recover.h"
#include "ob-restore-swap.h"
#include "ob-restore-units.h"

typedef struct
{
  ObContext *context;
  ObInstance *instance;
  gboolean force;
} Data;

/* internal methods */

static void
free_data (gpointer pointer)
{
  Data *data = pointer;

  ob_instance_unref (data->instance);
  g_free (data);
}

/* The newest former state of which something is there. */
static ObRestoreJournal *
find_record (const Data *data, GError **error)
{
  const char *name = ob_instance_get_name (data->instance);
  g_autoptr (GPtrArray) files = ob_restore_journal_list_kept (data->context, name);
  g_autoptr (ObRestoreJournal) newest = NULL;

  for (guint i = 0; i < files->len; i++)
    {
      g_autoptr (ObRestoreJournal) record
        = ob_restore_journal_load (data->context, g_ptr_array_index (files, i), error);

      if (record == NULL)
        return NULL;
      if ((newest == NULL || record->kept_since >= newest->kept_since)
          && ob_restore_previous_is_there (record, data->instance))
        {
          g_clear_pointer (&newest, ob_restore_journal_free);
          newest = g_steal_pointer (&record);
        }
    }
  if (newest == NULL)
    g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                 "Of instance %s no former state is kept: nothing was restored in place, or what "
                 "was there before has been released.",
                 name);
  return g_steal_pointer (&newest);
}

static ObParts
get_parts (const ObRestoreJournal *record)
{
  ObParts parts = 0;

  for (guint i = 0; i < record->units->len; i++)
    {
      const ObRestoreUnit *unit = g_ptr_array_index (record->units, i);

      if (unit->had_former)
        parts |= unit->parts;
    }
  return parts;
}

/* The record's unit of the same directory. */
static const ObRestoreUnit *
find_unit (const ObRestoreJournal *record, const char *path)
{
  for (guint i = 0; i < record->units->len; i++)
    {
      const ObRestoreUnit *unit = g_ptr_array_index (record->units, i);

      if (g_strcmp0 (unit->path, path) == 0)
        return unit;
    }
  return NULL;
}

/* The former directory, wherever its name stands by now, is what is to be put in place. */
static gboolean
find_former (ObRestoreUnit *unit, GError **error)
{
  ob_autofd int staging = ob_restore_unit_open_staging (unit, error);
  struct stat info = { 0 };

  if (staging < 0)
    return FALSE;
  if (fstatat (staging, OB_RESTORE_PREVIOUS, &info, AT_SYMLINK_NOFOLLOW) < 0
      || !S_ISDIR (info.st_mode))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                   "The former state of %s is not in %s/%s any more; somebody has moved or removed "
                   "it.",
                   unit->path, unit->staging_parent, unit->staging_name);
      return FALSE;
    }
  unit->new_inode = info.st_ino;
  return TRUE;
}

static gboolean
plan_units (ObRestoreTask *task, const ObRestoreJournal *record, ObRestoreJournal *journal,
            GError **error)
{
  ObParts parts = get_parts (record);

  if (parts != 0
      && !ob_restore_units_plan (journal, task->instance, task->context, parts, FALSE, error))
    return FALSE;
  for (guint i = 0; i < journal->units->len; i++)
    {
      ObRestoreUnit *unit = g_ptr_array_index (journal->units, i);
      const ObRestoreUnit *former = find_unit (record, unit->path);

      if (former == NULL)
        {
          g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                       "The paths of instance %s have changed since the restore (%s); what was "
                       "there before has to be moved back by hand.",
                       journal->instance, unit->path);
          return FALSE;
        }
      g_free (unit->staging_parent);
      g_free (unit->staging_name);
      unit->staging_parent = g_strdup (former->staging_parent);
      unit->staging_name = g_strdup (former->staging_name);
      unit->staging_inode = former->staging_inode;
      if (!find_former (unit, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
plan_database (ObRestoreTask *task, const ObRestoreJournal *record, ObRestoreJournal *journal,
               GError **error)
{
  const ObDatabaseConfig *config = ob_instance_get_database (task->instance);
  gboolean exists = FALSE;

  if (journal->staged_database == NULL)
    return TRUE;
  if (!ob_database_exists (config, journal->staged_database, &exists, task->cancellable, error))
    return FALSE;
  if (!exists)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                   "The former database %s is not on the server any more; somebody has dropped or "
                   "renamed it.",
                   journal->staged_database);
      return FALSE;
    }
  if (record->oid == 0)
    return TRUE;
  /* The number went to what was restored, and goes back. */
  return ob_database_get_oid (config, config->name, &journal->oid, task->cancellable, error);
}

/* What was there before is named as what is to be put in place. */
static gboolean
turn_units (ObRestoreJournal *journal, GError **error)
{
  for (guint i = 0; i < journal->units->len; i++)
    {
      const ObRestoreUnit *unit = g_ptr_array_index (journal->units, i);

      if (!ob_restore_unit_turn (unit, TRUE, error))
        return FALSE;
    }
  return TRUE;
}

static void
tell_result (ObRestoreTask *task, const ObRestoreJournal *journal, gint64 began)
{
  GVariantBuilder names = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_STRING_ARRAY);
  ObParts parts = get_parts (journal) | (journal->staged_database != NULL ? OB_PART_DATABASE : 0);

  for (ObParts part = OB_PART_DATABASE; part < OB_PART_ALL; part <<= 1)
    if (parts & part)
      g_variant_builder_add (&names, "s", ob_part_get_name (part));
  ob_job_set_result (task->job, "parts", g_variant_builder_end (&names));
  ob_job_set_result (task->job, "seconds",
                     g_variant_new_double ((double) (g_get_monotonic_time () - began)
                                           / G_USEC_PER_SEC));
}

static gboolean
undo (ObRestoreTask *task, const ObRestoreJournal *record, GError **error)
{
  g_autoptr (ObRestoreJournal) journal
    = ob_restore_journal_new_undo (task->context, task->instance, record);
  GError *failure = NULL;

  if (!plan_units (task, record, journal, error) || !plan_database (task, record, journal, error)
      || !ob_instance_save (task->instance, task->context->restores_fd, error)
      || !ob_restore_journal_save (journal, task->context, error))
    {
      ob_restore_journal_remove (journal, task->context, NULL);
      return FALSE;
    }
  if (!turn_units (journal, &failure))
    return ob_restore_task_give_up (task, journal, failure, error);
  if (!ob_restore_task_exchange (task, journal, error))
    return FALSE;
  tell_result (task, journal, task->began);
  return TRUE;
}

static gboolean
run_undo (ObJob *job, gpointer pointer, GCancellable *cancellable, GError **error)
{
  Data *data = pointer;
  ObRestoreTask task = { .context = data->context,
                         .instance = data->instance,
                         .job = job,
                         .progress = ob_job_get_progress (job),
                         .cancellable = cancellable,
                         .force = data->force,
                         .began = g_get_monotonic_time () };
  g_autoptr (ObRestoreJournal) record = NULL;

  ob_progress_set_phase (task.progress, "preparing");
  if (!ob_restore_settle (data->context, ob_instance_get_name (data->instance), task.progress,
                          error))
    return FALSE;
  record = find_record (data, error);
  return record != NULL && undo (&task, record, error);
}

/* public methods */

ObJob *
ob_undo_restore_job_new (ObContext *context, ObInstance *instance, gboolean force, guint uid)
{
  Data *data = g_new0 (Data, 1);

  data->context = context;
  data->instance = ob_instance_ref (instance);
  data->force = force;
  return ob_job_new ("undo-restore", ob_instance_get_name (instance), NULL, uid, run_undo, data,
                     free_data);
}
