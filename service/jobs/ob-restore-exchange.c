/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-exchange.h"

#include "ob-database-survey.h"
#include "ob-error.h"
#include "ob-manifest.h"
#include "ob-restore-previous.h"
#include "ob-restore-rates.h"
#include "ob-restore-recover.h"
#include "ob-restore-stopped.h"
#include "ob-restore-swap.h"
#include "ob-restore-units.h"

/* How long an application that was stopped may take until its sessions are gone: microseconds
 * between two looks, and how many. */
#define LOOK_INTERVAL (G_USEC_PER_SEC / 5)
#define LOOKS 50

/* internal methods */

/* Also where a change keeps it stopped: somebody may have started it since, as a host does when it
 * starts. To be stopped twice it may refuse. */
static gboolean
stop_surely (ObRestoreTask *task, GError **error)
{
  g_autoptr (GError) local = NULL;

  if (ob_application_stop (task->instance, task->context->command_timeout, task->cancellable,
                           &local))
    return TRUE;
  if (task->stopped && !g_error_matches (local, OB_ERROR, OB_ERROR_CANCELLED))
    {
      ob_job_log (task->job, "The application was stopped for the change, and not once more: %s",
                  local->message);
      return TRUE;
    }
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static gboolean
stop_application (ObRestoreTask *task, ObRestoreJournal *journal, GError **error)
{
  journal->stopped_at = g_get_monotonic_time ();
  if (!journal->control)
    {
      ob_progress_warn (task->progress, FALSE,
                        "The application was not stopped, since neither a unit nor commands are "
                        "configured; restart it by hand.");
      return TRUE;
    }
  ob_progress_set_phase (task->progress, "stopping");
  return ob_restore_journal_advance (journal, task->context, OB_RESTORE_STOPPING, error)
         && stop_surely (task, error);
}

/* An application that goes on writing would write into what is taken away. */
static gboolean
check_sessions (ObRestoreTask *task, ObRestoreJournal *journal, GError **error)
{
  const ObDatabaseConfig *config = ob_instance_get_database (task->instance);
  g_autofree char *sessions = NULL;

  if (journal->staged_database == NULL)
    return TRUE;
  for (guint i = 0; i < LOOKS; i++)
    {
      g_clear_pointer (&sessions, g_free);
      if (!ob_database_find_sessions (config, &sessions, task->cancellable, error))
        return FALSE;
      if (sessions == NULL)
        return TRUE;
      if (task->force)
        {
          ob_job_log (task->job, "Connected as %s, and ended by force: %s", config->user, sessions);
          return TRUE;
        }
      g_usleep (LOOK_INTERVAL);
    }
  g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
               "%s, but somebody is still connected to the database %s as %s: %s. Stop what that "
               "is, or restore with --force, which ends these sessions.",
               journal->control ? "The application was stopped"
                                : "The application cannot be stopped from here",
               config->name, config->user, sessions);
  return FALSE;
}

static gboolean
exchange (ObRestoreTask *task, ObRestoreJournal *journal, GError **error)
{
  const ObDatabaseConfig *config = ob_instance_get_database (task->instance);
  ObDatabaseExchange databases = { 0 };
  gint64 began = 0;
  guint n_ended = 0;

  ob_progress_set_phase (task->progress, "exchanging");
  if (!ob_job_set_cancelable (task->job, FALSE))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CANCELLED, "Cancelled.");
      return FALSE;
    }
  if ((journal->staged_database != NULL
       && !ob_database_exists (config, config->name, &journal->had_database, NULL, error))
      || !ob_restore_journal_advance (journal, task->context, OB_RESTORE_SWAPPING, error))
    return FALSE;
  for (guint i = 0; i < journal->units->len; i++)
    if (!ob_restore_unit_swap (g_ptr_array_index (journal->units, i), error))
      return FALSE;
  if (journal->staged_database == NULL)
    return ob_restore_journal_advance (journal, task->context, OB_RESTORE_SWAPPED, error);
  databases = ob_restore_journal_get_exchange (journal);
  began = g_get_monotonic_time ();
  if (!ob_database_exchange (config, &databases, &n_ended, task->progress, NULL, error))
    return FALSE;
  if (n_ended > 0)
    ob_job_log (task->job, "%u sessions on the database were ended", n_ended);
  if (journal->oid != 0)
    journal->copy_seconds = (double) (g_get_monotonic_time () - began) / G_USEC_PER_SEC;
  return ob_restore_journal_advance (journal, task->context, OB_RESTORE_SWAPPED, error);
}

static gdouble
divide (guint64 bytes, gdouble seconds)
{
  return seconds > 0 ? (gdouble) bytes / seconds : 0;
}

static void
note_rates (ObRestoreTask *task, const ObRestoreJournal *journal, gdouble downtime)
{
  ObRestoreRates rates = { .files = divide (task->file_bytes, task->file_seconds),
                           .database = divide (task->database_bytes, task->database_seconds),
                           .copy = divide (2 * journal->kept_size, journal->copy_seconds) };

  if (journal->control)
    rates.pause = MAX (downtime - journal->copy_seconds, 0.1);
  ob_restore_rates_note (task->context, journal->instance, &rates);
}

static void
tell_result (ObRestoreTask *task, ObRestoreJournal *journal)
{
  double downtime = (double) (journal->well_at - journal->stopped_at) / G_USEC_PER_SEC;

  if (journal->control && journal->well_at != 0)
    ob_job_set_result (task->job, "downtime", g_variant_new_double (downtime));
  if (journal->well_at != 0)
    note_rates (task, journal, downtime);
  ob_job_set_result (task->job, "previous",
                     ob_restore_previous_describe (journal, task->instance));
}

/* Whether one of the two databases has an activation key. */
static gboolean
has_key (ObRestoreTask *task)
{
  JsonObject *facts = task->manifest != NULL
                        ? ob_manifest_get_object (task->manifest, "database")
                        : NULL;
  gboolean living = FALSE;

  if (facts != NULL && json_object_get_boolean_member_with_default (facts, "activation_key", FALSE))
    return TRUE;
  return ob_database_has_activation_key (ob_instance_get_database (task->instance), &living,
                                         task->cancellable, NULL)
         && living;
}

/* methods of this room */

gboolean
ob_restore_task_choose_number (ObRestoreTask *task, ObRestoreJournal *journal, GError **error)
{
  const ObDatabaseConfig *config = ob_instance_get_database (task->instance);
  gboolean key = has_key (task);
  g_autofree char *why = NULL;
  guint32 oid = 0;

  journal->oid = 0;
  if (!ob_database_get_oid (config, config->name, &oid, task->cancellable, error))
    return FALSE;
  if (oid == 0 && key)
    why = g_strdup_printf ("There is no database %s whose number it could get.", config->name);
  if (oid != 0
      && (task->number == OB_NUMBER_KEEP || (task->number == OB_NUMBER_DEFAULT && key)))
    {
      if (!ob_database_can_keep_oid (config, &why, task->cancellable, error))
        return FALSE;
      if (why == NULL)
        {
          journal->oid = oid;
          return TRUE;
        }
      if (task->number == OB_NUMBER_KEEP)
        {
          g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                       "The database's number cannot be kept: %s", why);
          return FALSE;
        }
    }
  if (key)
    ob_progress_warn (task->progress, FALSE,
                      "The installation has an activation key, which Openbravo binds to the "
                      "database's number (OID); the restored database has another one, so the key "
                      "has to be activated again.%s%s",
                      why != NULL ? " " : "", why != NULL ? why : "");
  return TRUE;
}

gboolean
ob_restore_task_exchange (ObRestoreTask *task, ObRestoreJournal *journal, GError **error)
{
  GError *failure = NULL;
  gboolean done;

  if (!stop_application (task, journal, &failure) || !check_sessions (task, journal, &failure)
      || !exchange (task, journal, &failure))
    return ob_restore_task_give_up (task, journal, failure, error);
  done = ob_restore_finish (journal, task->instance, task->context, task->progress, error);
  if (journal->phase == OB_RESTORE_DONE)
    tell_result (task, journal);
  return done;
}

gboolean
ob_restore_task_give_up (ObRestoreTask *task, ObRestoreJournal *journal, GError *failure,
                         GError **error)
{
  g_autoptr (GError) local = NULL;

  ob_job_set_cancelable (task->job, FALSE);
  if (ob_restore_resolve (journal, task->instance, task->context, task->progress, &local)
      && journal->phase == OB_RESTORE_DONE)
    {
      g_error_free (failure);
      tell_result (task, journal);
      return TRUE;
    }
  ob_restore_units_remove_parents (journal);
  if (local != NULL)
    ob_progress_warn (task->progress, FALSE,
                      "The restore could not be cleared up, which will be tried again before the "
                      "next job and when the service starts: %s",
                      local->message);
  g_propagate_error (error, failure);
  return FALSE;
}
