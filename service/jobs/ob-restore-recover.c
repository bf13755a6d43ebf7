/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-recover.h"

#include <fcntl.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-operations.h"
#include "ob-restore-swap.h"

/* internal methods */

/* Directories first, since only they can be half exchanged: the database's two renames are one
 * transaction, and it comes last. One that cannot be brought back is no reason to leave the others
 * exchanged; all of those are named. */
static gboolean
swap_back (ObRestoreJournal *journal, GError **error)
{
  g_autoptr (GString) problems = g_string_new (NULL);

  for (guint i = journal->units->len; i > 0; i--)
    {
      const ObRestoreUnit *unit = g_ptr_array_index (journal->units, i - 1);
      g_autoptr (GError) local = NULL;

      if (!ob_restore_unit_swap_back (unit, &local))
        g_string_append_printf (problems, "%s%s: %s", problems->len > 0 ? " " : "", unit->path,
                                local->message);
    }
  if (problems->len == 0)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
               "Some directories are still exchanged; put things right there, and check the "
               "instance to try again. %s",
               problems->str);
  return FALSE;
}

/* What cannot be removed is in nobody's way but that of the disk. */
static void
discard (ObRestoreJournal *journal, ObInstance *instance, ObProgress *progress)
{
  for (guint i = 0; i < journal->units->len; i++)
    {
      const ObRestoreUnit *unit = g_ptr_array_index (journal->units, i);
      g_autofree char *staging = ob_restore_unit_get_staging (unit);
      g_autoptr (GError) error = NULL;

      if (!ob_restore_unit_discard (unit, &error))
        ob_progress_warn (progress, FALSE,
                          "The directory %s of the restore is left; look at it and remove it by "
                          "hand: %s",
                          staging, error->message);
    }
  if (journal->staged_database != NULL)
    {
      g_autoptr (GError) error = NULL;

      if (!ob_database_drop (ob_instance_get_database (instance), journal->staged_database, NULL,
                             &error))
        ob_progress_warn (progress, FALSE,
                          "The database %s of the restore may be left; drop it by hand: %s",
                          journal->staged_database, error->message);
    }
}

static gboolean
take_back (ObRestoreJournal *journal, ObInstance *instance, ObContext *context,
           ObProgress *progress, GError **error)
{
  g_autoptr (GError) start_error = NULL;
  gboolean is_back = journal->phase != OB_RESTORE_SWAPPING || swap_back (journal, error);

  /* Also where a directory is still exchanged: the others may be all that the application needs. */
  if (journal->phase != OB_RESTORE_STAGING && journal->control
      && !ob_application_start (instance, context->command_timeout, NULL, &start_error))
    ob_progress_warn (progress, FALSE, "%s", start_error->message);
  if (!is_back)
    return FALSE;
  /* Nothing that lives is touched any more: another try would not start it again. */
  if (journal->phase != OB_RESTORE_STAGING
      && !ob_restore_journal_advance (journal, context, OB_RESTORE_STAGING, error))
    return FALSE;
  discard (journal, instance, progress);
  return ob_restore_journal_remove (journal, context, error);
}

/* Whether the two renames of the database have been committed. Where there was one before, its new
 * name is the proof: somebody may have dropped the staged one by hand. */
static gboolean
is_database_swapped (ObRestoreJournal *journal, ObInstance *instance, gboolean *swapped,
                     GError **error)
{
  const ObDatabaseConfig *config = ob_instance_get_database (instance);
  gboolean staged_exists = FALSE;
  gboolean living_exists = FALSE;
  gboolean kept_exists = FALSE;

  *swapped = FALSE;
  if (journal->staged_database == NULL)
    return TRUE;
  if (!ob_database_exists (config, journal->staged_database, &staged_exists, NULL, error)
      || !ob_database_exists (config, config->name, &living_exists, NULL, error)
      || !ob_database_exists (config, journal->kept_database, &kept_exists, NULL, error))
    return FALSE;
  *swapped = !staged_exists && living_exists && (kept_exists || !journal->had_database);
  return TRUE;
}

static gboolean
finish_swap (ObRestoreJournal *journal, ObInstance *instance, ObContext *context, GError **error)
{
  for (guint i = 0; i < journal->units->len; i++)
    if (!ob_restore_unit_swap (g_ptr_array_index (journal->units, i), error))
      return FALSE;
  /* A full disk of ours is no reason to leave the application stopped. */
  ob_restore_journal_advance (journal, context, OB_RESTORE_SWAPPED, NULL);
  return ob_restore_complete (journal, instance, context, error);
}

/* @deeds gets a sentence on what was done. */
static gboolean
recover (ObContext *context, const char *file, ObProgress *progress, GPtrArray *deeds,
         GError **error)
{
  g_autoptr (ObRestoreJournal) journal = ob_restore_journal_load (context, file, error);
  g_autoptr (ObInstance) instance = NULL;
  gboolean finished = FALSE;

  if (journal == NULL)
    return FALSE;
  instance = ob_restore_journal_load_instance (journal, context, error);
  if (instance == NULL || !ob_restore_resolve (journal, instance, context, progress, &finished, error))
    {
      g_prefix_error (error, "The interrupted restore of instance %s: ", journal->instance);
      return FALSE;
    }
  g_ptr_array_add (deeds, g_strdup_printf (finished
                                             ? "The interrupted restore of instance %s is finished"
                                             : "The interrupted restore of instance %s is taken "
                                               "back: the installation is as it was before",
                                           journal->instance));
  return TRUE;
}

static gboolean
is_there (ObContext *context, const char *file)
{
  return faccessat (context->restores_fd, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
on_warning (const char *message, gboolean lost, gpointer user_data)
{
  g_ptr_array_add (user_data, g_strdup (message));
}

/* methods of this room */

gboolean
ob_restore_resolve (ObRestoreJournal *journal, ObInstance *instance, ObContext *context,
                    ObProgress *progress, gboolean *finished, GError **error)
{
  *finished = journal->phase == OB_RESTORE_SWAPPED;
  if (journal->phase == OB_RESTORE_SWAPPING
      && !is_database_swapped (journal, instance, finished, error))
    return FALSE;
  if (!*finished)
    return take_back (journal, instance, context, progress, error);
  if (journal->phase == OB_RESTORE_SWAPPING)
    return finish_swap (journal, instance, context, error);
  return ob_restore_complete (journal, instance, context, error);
}

gboolean
ob_restore_complete (ObRestoreJournal *journal, ObInstance *instance, ObContext *context,
                     GError **error)
{
  g_autoptr (GError) start_error = NULL;
  gboolean started = TRUE;

  if (journal->control)
    started = ob_application_start (instance, context->command_timeout, NULL, &start_error);
  for (guint i = 0; i < journal->units->len; i++)
    ob_restore_unit_tidy (g_ptr_array_index (journal->units, i));
  if (!ob_restore_journal_keep (journal, context, error))
    return FALSE;
  if (started)
    return TRUE;
  g_propagate_prefixed_error (error, g_steal_pointer (&start_error),
                              "The backup is restored and in place, but the application has to be "
                              "started by hand: ");
  return FALSE;
}

gboolean
ob_restore_settle (ObContext *context, const char *instance, ObProgress *progress, GError **error)
{
  g_autofree char *file = g_strconcat (instance, ".json", NULL);
  g_autoptr (GPtrArray) deeds = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) local = NULL;
  gboolean recovered = FALSE;

  if (!is_there (context, file))
    return TRUE;
  recovered = recover (context, file, progress, deeds, &local);
  for (guint i = 0; i < deeds->len; i++)
    ob_progress_warn (progress, FALSE, "%s", (const char *) g_ptr_array_index (deeds, i));
  if (recovered)
    return TRUE;
  /* Only the application could not be started: the restore itself is over then. */
  if (!is_there (context, file))
    {
      ob_progress_warn (progress, FALSE, "%s", local->message);
      return TRUE;
    }
  g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
               "An interrupted restore of instance %s has to be cleared up first, and that fails: "
               "%s",
               instance, local->message);
  return FALSE;
}

/* public methods */

GPtrArray *
ob_restore_recover (ObContext *context)
{
  GPtrArray *deeds = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (ObProgress) progress = ob_progress_new (NULL, on_warning, deeds);
  g_autoptr (GPtrArray) files = ob_restore_journal_list (context);

  for (guint i = 0; i < files->len; i++)
    {
      g_autoptr (GError) error = NULL;

      if (!recover (context, g_ptr_array_index (files, i), progress, deeds, &error))
        g_ptr_array_add (deeds, g_steal_pointer (&error->message));
    }
  return deeds;
}
