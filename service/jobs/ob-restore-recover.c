/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-recover.h"

#include <fcntl.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-operations.h"
#include "ob-restore-previous.h"
#include "ob-restore-stopped.h"
#include "ob-restore-swap.h"

/* internal methods */

/* Every part by itself: one that cannot be brought back is no reason to leave the others exchanged;
 * all of those are named. */
static gboolean
put_back (ObRestoreJournal *journal, ObInstance *instance, ObProgress *progress, GError **error)
{
  g_autoptr (GString) problems = g_string_new (NULL);
  ObDatabaseExchange exchange = ob_restore_journal_get_exchange (journal);
  g_autoptr (GError) local = NULL;

  if (journal->staged_database != NULL
      && !ob_database_exchange_back (ob_instance_get_database (instance), &exchange, progress,
                                     &local))
    g_string_append (problems, local->message);
  for (guint i = journal->units->len; i > 0; i--)
    {
      const ObRestoreUnit *unit = g_ptr_array_index (journal->units, i - 1);
      g_autoptr (GError) unit_error = NULL;

      if (!ob_restore_unit_swap_back (unit, &unit_error))
        g_string_append_printf (problems, "%s%s: %s", problems->len > 0 ? " " : "", unit->path,
                                unit_error->message);
    }
  if (problems->len == 0)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
               "Some parts are still exchanged; put things right there, and check the instance to "
               "try again. %s",
               problems->str);
  return FALSE;
}

/* The former state, which was to be put in place, is kept again under its name. */
static void
keep_again (ObRestoreJournal *journal, ObProgress *progress)
{
  for (guint i = 0; i < journal->units->len; i++)
    {
      const ObRestoreUnit *unit = g_ptr_array_index (journal->units, i);
      g_autoptr (GError) error = NULL;

      if (!ob_restore_unit_turn (unit, FALSE, &error))
        ob_progress_warn (progress, FALSE, "The former state of %s is not in %s/%s any more: %s",
                          unit->path, unit->staging_parent, unit->staging_name, error->message);
    }
}

static gboolean
drop_staged_database (ObRestoreJournal *journal, ObInstance *instance, GError **error)
{
  if (journal->staged_database == NULL
      || ob_database_drop (ob_instance_get_database (instance), journal->staged_database, NULL,
                           error))
    return TRUE;
  g_prefix_error (error, "The database %s of the restore may be left; drop it by hand: ",
                  journal->staged_database);
  return FALSE;
}

/* What cannot be removed is in nobody's way but that of the disk. */
static void
discard (ObRestoreJournal *journal, ObInstance *instance, ObProgress *progress)
{
  g_autoptr (GError) drop_error = NULL;

  if (journal->undo)
    {
      keep_again (journal, progress);
      return;
    }
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
  if (!drop_staged_database (journal, instance, &drop_error))
    ob_progress_warn (progress, FALSE, "%s", drop_error->message);
}

/* Nothing is known of an application of which another process was to take care: the host may have
 * started it meanwhile, or a stop command may still be at work. It must not run while we exchange
 * what it lives from; and one that does not run may refuse to be stopped. */
static void
stop_again (ObInstance *instance, ObContext *context, ObProgress *progress)
{
  g_autoptr (GError) error = NULL;

  if (!ob_application_stop (instance, context->command_timeout, NULL, &error))
    ob_progress_warn (progress, FALSE, "%s", error->message);
}

/* Starts the application as it was. */
static void
start_former (ObRestoreJournal *journal, ObInstance *instance, ObContext *context,
              ObProgress *progress)
{
  g_autoptr (GError) error = NULL;

  if (!journal->control)
    return;
  if (ob_application_start_surely (instance, context->command_timeout, &error))
    {
      ob_restore_stopped_clear (context, journal->instance);
      return;
    }
  ob_progress_warn (progress, FALSE, "%s", error->message);
  ob_restore_stopped_set (context, journal->instance, error->message);
}

/* From here on the way leads back, whatever happens. Up to "swapping" it does so by the rule. */
static gboolean
turn_back (ObRestoreJournal *journal, ObInstance *instance, ObContext *context,
           ObProgress *progress, GError **error)
{
  g_autoptr (GError) stop_error = NULL;
  g_autoptr (GError) local = NULL;

  if (journal->phase == OB_RESTORE_SWAPPED && journal->control
      && !ob_application_stop (instance, context->command_timeout, NULL, &stop_error))
    ob_progress_warn (progress, FALSE, "%s", stop_error->message);
  if (ob_restore_journal_advance (journal, context, OB_RESTORE_RETURNING, &local)
      || journal->phase == OB_RESTORE_SWAPPING)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static gboolean
take_back (ObRestoreJournal *journal, ObInstance *instance, ObContext *context,
           ObProgress *progress, GError **error)
{
  gboolean may_be_exchanged
    = journal->phase >= OB_RESTORE_SWAPPING && journal->phase <= OB_RESTORE_RETURNING;
  gboolean is_back = TRUE;

  if (may_be_exchanged)
    is_back = (journal->phase == OB_RESTORE_RETURNING
               || turn_back (journal, instance, context, progress, error))
              && put_back (journal, instance, progress, error)
              && ob_restore_journal_advance (journal, context, OB_RESTORE_RETURNED, error);
  /* Also where a part is still exchanged: the others may be all that the application needs. */
  if (journal->phase != OB_RESTORE_STAGING)
    start_former (journal, instance, context, progress);
  if (!is_back)
    return FALSE;
  /* Nothing that lives is touched any more: another try would not start it again. */
  if (journal->phase != OB_RESTORE_STAGING
      && !ob_restore_journal_advance (journal, context, OB_RESTORE_STAGING, error))
    return FALSE;
  discard (journal, instance, progress);
  return ob_restore_journal_remove (journal, context, error);
}

static gboolean
is_past (ObRestoreJournal *journal, ObInstance *instance, gboolean *past, GError **error)
{
  ObDatabaseExchange exchange = ob_restore_journal_get_exchange (journal);

  *past = FALSE;
  return journal->staged_database == NULL
         || ob_database_exchange_is_past (ob_instance_get_database (instance), &exchange, past,
                                          error);
}

/* Does what is left of the exchange. */
static gboolean
finish_exchange (ObRestoreJournal *journal, ObInstance *instance, ObContext *context,
                 ObProgress *progress, GError **error)
{
  ObDatabaseExchange exchange = ob_restore_journal_get_exchange (journal);
  guint n_ended = 0;

  for (guint i = 0; i < journal->units->len; i++)
    if (!ob_restore_unit_swap (g_ptr_array_index (journal->units, i), error))
      return FALSE;
  if (journal->oid != 0
      && !ob_database_exchange (ob_instance_get_database (instance), &exchange, &n_ended, progress,
                                NULL, error))
    return FALSE;
  /* A full disk of ours is no reason to leave the application stopped. */
  if (!ob_restore_journal_advance (journal, context, OB_RESTORE_SWAPPED, NULL))
    journal->phase = OB_RESTORE_SWAPPED;
  return TRUE;
}

/* Where we were cut off after its start it runs, and is left alone if it is well. That a command
 * refuses to start it once more says nothing of what was restored. */
static gboolean
start_application (ObRestoreJournal *journal, ObInstance *instance, ObContext *context,
                   GError **error)
{
  if (!journal->resumed)
    return ob_application_start (instance, context->command_timeout, NULL, error);
  return ob_application_is_seen_well (instance, NULL)
         || ob_application_start_surely (instance, context->command_timeout, error);
}

static gboolean
start_and_wait (ObRestoreJournal *journal, ObInstance *instance, ObContext *context,
                ObProgress *progress, GError **error)
{
  if (!journal->control)
    return TRUE;
  ob_progress_set_phase (progress, "starting");
  if (!start_application (journal, instance, context, error))
    return FALSE;
  ob_progress_set_phase (progress, "waiting for the application");
  return ob_application_wait_healthy (instance, NULL, error);
}

/* The record of the former state; what is not needed for a way back any more is removed, so from the
 * first step on there is none. */
static gboolean
keep (ObRestoreJournal *journal, ObInstance *instance, ObContext *context, ObProgress *progress,
      GError **error)
{
  g_autoptr (GError) drop_error = NULL;

  if (!ob_restore_journal_advance (journal, context, OB_RESTORE_DONE, error))
    return FALSE;
  for (guint i = 0; i < journal->units->len; i++)
    ob_restore_unit_tidy (g_ptr_array_index (journal->units, i));
  if (journal->oid != 0 && !drop_staged_database (journal, instance, &drop_error))
    {
      /* The journal alone knows of it, and nobody may read what the service says at its start. */
      if (journal->resumed)
        {
          g_propagate_error (error, g_steal_pointer (&drop_error));
          return FALSE;
        }
      ob_progress_warn (progress, FALSE, "%s", drop_error->message);
    }
  ob_restore_previous_measure (journal, instance);
  return ob_restore_journal_keep (journal, context, error);
}

/* The application does not come up with what is in place, and it is not taken back by itself. */
static gboolean
stay (ObRestoreJournal *journal, ObInstance *instance, ObContext *context, ObProgress *progress,
      GError *unwell, GError **error)
{
  if (ob_restore_journal_has_former (journal))
    g_prefix_error (&unwell,
                    "The backup is restored and in place, but the application does not run with it "
                    "at the moment. Somebody may have worked with it since, so it is not taken "
                    "back; what was before is kept, and \"obbackupctl undo-restore %s\" puts it in "
                    "place: ",
                    journal->instance);
  else
    g_prefix_error (&unwell, "The backup is restored and in place, but the application does not "
                             "run with it, and there was no state before to go back to: ");
  ob_restore_stopped_set (context, journal->instance, unwell->message);
  if (!keep (journal, instance, context, progress, NULL))
    ob_progress_warn (progress, FALSE, "What is kept of it could not be written down");
  g_propagate_error (error, unwell);
  return FALSE;
}

/* @deeds gets a sentence on what was done. */
static gboolean
recover (ObContext *context, const char *file, ObProgress *progress, GPtrArray *deeds,
         GError **error)
{
  g_autoptr (ObRestoreJournal) journal = ob_restore_journal_load (context, file, error);
  g_autoptr (ObInstance) instance = NULL;

  if (journal == NULL)
    return FALSE;
  journal->resumed = TRUE;
  instance = ob_restore_journal_load_instance (journal, context, error);
  if (instance == NULL || !ob_restore_resolve (journal, instance, context, progress, error))
    {
      g_prefix_error (error, "The interrupted restore of instance %s: ", journal->instance);
      return FALSE;
    }
  g_ptr_array_add (deeds, g_strdup_printf (journal->phase == OB_RESTORE_DONE
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
                    ObProgress *progress, GError **error)
{
  gboolean forwards = journal->phase == OB_RESTORE_SWAPPED;

  if (journal->phase == OB_RESTORE_DONE)
    return keep (journal, instance, context, progress, error);
  journal->lived = journal->resumed && forwards && !journal->undo;
  if (journal->resumed && journal->control
      && (journal->phase == OB_RESTORE_STOPPING || journal->phase == OB_RESTORE_SWAPPING
          || journal->phase == OB_RESTORE_RETURNING))
    stop_again (instance, context, progress);
  if (journal->phase == OB_RESTORE_SWAPPING)
    {
      if (!is_past (journal, instance, &forwards, error))
        return FALSE;
      if (forwards && !finish_exchange (journal, instance, context, progress, error))
        return FALSE;
    }
  return forwards ? ob_restore_finish (journal, instance, context, progress, error)
                  : take_back (journal, instance, context, progress, error);
}

gboolean
ob_restore_finish (ObRestoreJournal *journal, ObInstance *instance, ObContext *context,
                   ObProgress *progress, GError **error)
{
  g_autoptr (GError) back_error = NULL;
  GError *unwell = NULL;

  if (start_and_wait (journal, instance, context, progress, &unwell))
    {
      journal->well_at = g_get_monotonic_time ();
      journal->whole = journal->control && !journal->lossy;
      ob_restore_stopped_clear (context, journal->instance);
      if (keep (journal, instance, context, progress, error))
        return TRUE;
      g_prefix_error (error, "All is restored and in place, but that cannot be written down, which "
                             "is tried again before the next job and when the service starts: ");
      return FALSE;
    }
  if (journal->lived || !ob_restore_journal_has_former (journal))
    return stay (journal, instance, context, progress, unwell, error);
  ob_progress_set_phase (progress, "taking back");
  if (take_back (journal, instance, context, progress, &back_error))
    g_prefix_error (&unwell, "The application did not come up with what was restored, so all was "
                             "put back as it was: ");
  else
    g_prefix_error (&unwell, "The application did not come up with what was restored, and it could "
                             "not be put back as it was, which is tried again before the next job "
                             "and when the service starts (%s): ",
                    back_error->message);
  g_propagate_error (error, unwell);
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
