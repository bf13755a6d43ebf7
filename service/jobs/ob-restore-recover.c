/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-recover.h"

#include <fcntl.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-operations.h"
#include "ob-restore-swap.h"

/* internal methods */

/* Directories first, since only they can be half exchanged: the database's two renames are one
 * transaction, and it comes last. */
static gboolean
swap_back (ObRestoreJournal *journal, GError **error)
{
  for (guint i = journal->units->len; i > 0; i--)
    if (!ob_restore_unit_swap_back (g_ptr_array_index (journal->units, i - 1), error))
      return FALSE;
  return TRUE;
}

static gboolean
discard (ObRestoreJournal *journal, ObInstance *instance, GError **error)
{
  for (guint i = 0; i < journal->units->len; i++)
    if (!ob_restore_unit_discard (g_ptr_array_index (journal->units, i), error))
      return FALSE;
  return journal->staged_database == NULL
         || ob_database_drop (ob_instance_get_database (instance), journal->staged_database, NULL,
                              error);
}

static gboolean
take_back (ObRestoreJournal *journal, ObInstance *instance, ObContext *context,
           ObProgress *progress, GError **error)
{
  g_autoptr (GError) start_error = NULL;

  if (journal->phase == OB_RESTORE_SWAPPING && !swap_back (journal, error))
    return FALSE;
  if (journal->phase != OB_RESTORE_STAGING)
    {
      if (journal->control
          && !ob_application_start (instance, context->command_timeout, NULL, &start_error))
        ob_progress_warn (progress, FALSE, "%s", start_error->message);
      /* Nothing that lives is touched any more: another try would not start it again. */
      if (!ob_restore_journal_advance (journal, context, OB_RESTORE_STAGING, error))
        return FALSE;
    }
  return discard (journal, instance, error) && ob_restore_journal_remove (journal, context, error);
}

/* Whether the two renames of the database have been committed. */
static gboolean
is_database_swapped (ObRestoreJournal *journal, ObInstance *instance, gboolean *swapped,
                     GError **error)
{
  const ObDatabaseConfig *config = ob_instance_get_database (instance);
  gboolean staged_exists = FALSE;
  gboolean living_exists = FALSE;

  *swapped = FALSE;
  if (journal->staged_database == NULL)
    return TRUE;
  if (!ob_database_exists (config, journal->staged_database, &staged_exists, NULL, error)
      || !ob_database_exists (config, config->name, &living_exists, NULL, error))
    return FALSE;
  *swapped = !staged_exists && living_exists;
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
ob_restore_settle (ObContext *context, const char *instance, GError **error)
{
  g_autofree char *file = g_strconcat (instance, ".json", NULL);
  g_autoptr (GPtrArray) deeds = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (ObProgress) progress = ob_progress_new (NULL, on_warning, deeds);
  g_autoptr (GError) local = NULL;

  /* Also where only the application could not be started: the restore itself is over then. */
  if (!is_there (context, file) || recover (context, file, progress, deeds, &local)
      || !is_there (context, file))
    return TRUE;
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
