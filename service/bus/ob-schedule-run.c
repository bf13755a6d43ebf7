/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-schedule-run.h"

#include <unistd.h>

#include "ob-error.h"
#include "ob-operations.h"
#include "ob-retention-job.h"
#include "ob-schedules.h"

typedef struct
{
  ObManager *manager;
  ObSchedule *schedule;
  guint n_pending; /* chains that are not at their ends */
  ObRunResult result;
  GPtrArray *again; /* names of destinations */
  char *error;      /* the first */
  ObScheduleRunEnded ended;
  gpointer user_data;
} Run;

/* What is done at a destination, in this order. */
typedef enum
{
  STEP_WORK, /* the backup, or whatever else the schedule's action is */
  STEP_RETENTION,
  STEP_VERIFY,
  STEP_DRILL,
  STEP_PRUNE, /* where that is the action */
  STEP_END,
} Step;

typedef struct
{
  Run *run;
  char *destination;
  Step step;
} Chain;

/* From good to bad: of several destinations the worst counts. */
static const guint badness[] = {
  [OB_RUN_NONE] = 0,        [OB_RUN_SUCCEEDED] = 1, [OB_RUN_PARTIAL] = 2,
  [OB_RUN_UNAVAILABLE] = 3, [OB_RUN_CANCELLED] = 4, [OB_RUN_FAILED] = 5,
};

/* internal methods */

static void
take_result (Run *run, ObRunResult result, const char *error)
{
  if (badness[result] > badness[run->result])
    run->result = result;
  if (error != NULL && run->error == NULL)
    run->error = g_strdup (error);
}

static void
end_run (Run *run)
{
  GStrv again = NULL;

  if (run->again->len > 0)
    {
      g_ptr_array_add (run->again, NULL);
      again = g_strdupv ((char **) run->again->pdata);
    }
  run->ended (run->schedule->name, run->result, again, run->error, run->user_data);
  g_ptr_array_unref (run->again);
  ob_schedule_unref (run->schedule);
  g_object_unref (run->manager);
  g_free (run->error);
  g_free (run);
}

static void
end_chain (Chain *chain)
{
  Run *run = chain->run;

  g_free (chain->destination);
  g_free (chain);
  if (--run->n_pending == 0)
    end_run (run);
}

/* What is lost with the destination's reach is tried again; so is what the service itself had no
 * room for. */
static gboolean
is_passing (const char *error_name)
{
  return g_strcmp0 (error_name, "DestinationUnavailable") == 0
         || g_strcmp0 (error_name, "Locked") == 0 || g_strcmp0 (error_name, "Busy") == 0;
}

static void
take_failure (Chain *chain, gboolean passing, const char *error)
{
  Run *run = chain->run;
  g_autofree char *text = NULL;

  if (chain->step != STEP_WORK)
    {
      text = g_strdup_printf ("What was to be done at %s after the backup failed: %s",
                              chain->destination, error);
      take_result (run, OB_RUN_PARTIAL, text);
      return;
    }
  if (passing)
    g_ptr_array_add (run->again, g_strdup (chain->destination));
  take_result (run, passing ? OB_RUN_UNAVAILABLE : OB_RUN_FAILED, error);
}

static ObJob *
make_backup (Chain *chain, ObInstance *instance, ObDestination *destination, GError **error)
{
  const ObSchedule *schedule = chain->run->schedule;
  ObBackupOptions options = { .kind = "scheduled",
                              .schedule = schedule->name,
                              .parts = ob_instance_get_parts (instance) };

  if (schedule->parts != NULL
      && !ob_parts_from_names ((const char *const *) schedule->parts, &options.parts, error))
    return NULL;
  return ob_backup_job_new (ob_manager_get_context (chain->run->manager), instance, destination,
                            &options, geteuid (), error);
}

static ObJob *
make_verify (Chain *chain, GPtrArray *destinations, GError **error)
{
  const char *const none[] = { NULL };
  ObVerifyJobOptions options = { .share = chain->run->schedule->verify_share,
                                 .seed = (guint64) g_get_real_time () };

  return ob_verify_job_new (ob_manager_get_context (chain->run->manager), destinations, none,
                            &options, geteuid (), error);
}

static ObJob *
make_drill (Chain *chain, ObInstance *instance, GPtrArray *destinations, GError **error)
{
  const char *const none[] = { NULL };
  ObDrillOptions options = { .instance = chain->run->schedule->instance };
  g_autoptr (GPtrArray) instances
    = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_instance_unref);

  g_ptr_array_add (instances, ob_instance_ref (instance));
  return ob_drill_job_new (ob_manager_get_context (chain->run->manager), instances, destinations,
                           none, &options, geteuid (), error);
}

static ObJob *
make_retention (Chain *chain, ObDestination *destination, GError **error)
{
  ObSchedule *schedule = chain->run->schedule;
  g_auto (GStrv) all = ob_schedules_list (ob_manager_get_schedules (chain->run->manager));
  ObRetentionOptions options = { .prune = schedule->prune,
                                 .seconds = schedule->prune_limit,
                                 .schedules = (const char *const *) all };

  return ob_retention_job_new (ob_manager_get_context (chain->run->manager), destination, schedule,
                               &options, geteuid (), error);
}

static ObJob *
make_prune (Chain *chain, ObDestination *destination, GError **error)
{
  ObPruneOptions options = { .seconds = chain->run->schedule->prune_limit };

  return ob_prune_job_new (ob_manager_get_context (chain->run->manager), destination, &options,
                           geteuid (), error);
}

/* The job of the chain's step; its names are looked up now, since they may have been removed. */
static ObJob *
make_job (Chain *chain, GError **error)
{
  ObManager *manager = chain->run->manager;
  ObInstance *instance = ob_manager_find_instance (manager, chain->run->schedule->instance, error);
  ObDestination *destination
    = instance != NULL ? ob_manager_find_destination (manager, chain->destination, error) : NULL;
  g_autoptr (GPtrArray) destinations
    = destination != NULL ? ob_manager_select_destinations (manager, chain->destination, error)
                          : NULL;

  if (destinations == NULL)
    return NULL;
  switch (chain->step)
    {
    case STEP_RETENTION:
      return make_retention (chain, destination, error);
    case STEP_VERIFY:
      return make_verify (chain, destinations, error);
    case STEP_DRILL:
      return make_drill (chain, instance, destinations, error);
    case STEP_PRUNE:
      return make_prune (chain, destination, error);
    default:
      break;
    }
  switch (chain->run->schedule->action)
    {
    case OB_SCHEDULE_VERIFY:
      return make_verify (chain, destinations, error);
    case OB_SCHEDULE_DRILL:
      return make_drill (chain, instance, destinations, error);
    case OB_SCHEDULE_PRUNE:
      return chain->run->schedule->retention != NULL ? make_retention (chain, destination, error)
                                                     : make_prune (chain, destination, error);
    default:
      return make_backup (chain, instance, destination, error);
    }
}

/* Whether the schedule has this step after its backup, or after its retention. */
static gboolean
has_step (const ObSchedule *schedule, Step step)
{
  if (schedule->action == OB_SCHEDULE_PRUNE)
    return step == STEP_PRUNE && schedule->retention != NULL;
  if (schedule->action != OB_SCHEDULE_BACKUP)
    return FALSE;
  return (step == STEP_RETENTION && schedule->retention != NULL)
         || (step == STEP_VERIFY && schedule->verify_share > 0)
         || (step == STEP_DRILL && schedule->drill);
}

static void on_job_finished (ObJob *job, gpointer user_data);

/* The path of the job of the chain's step; NULL where it could not be begun. */
static char *
start_step (Chain *chain)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObJob) job = make_job (chain, &error);
  char *path = NULL;

  if (job != NULL)
    {
      ob_job_set_result (job, "schedule", g_variant_new_string (chain->run->schedule->name));
      path = ob_manager_start_job (chain->run->manager, g_object_ref (job), &error);
    }
  if (path != NULL)
    g_signal_connect (job, "finished", G_CALLBACK (on_job_finished), chain);
  else
    take_failure (chain, g_error_matches (error, OB_ERROR, OB_ERROR_BUSY), error->message);
  return path;
}

/* A step that fails does not keep the next from being tried: without the retention the backup is
 * worth a verification all the same. */
static void
go_on (Chain *chain)
{
  g_autofree char *path = NULL;

  while (path == NULL && ++chain->step < STEP_END)
    if (has_step (chain->run->schedule, chain->step))
      path = start_step (chain);
  if (path == NULL)
    end_chain (chain);
}

static void
on_job_finished (ObJob *job, gpointer user_data)
{
  Chain *chain = user_data;
  gboolean ends = TRUE;

  g_signal_handlers_disconnect_by_data (job, chain);
  switch (ob_job_get_state (job))
    {
    case OB_JOB_SUCCEEDED:
      take_result (chain->run, OB_RUN_SUCCEEDED, NULL);
      ends = FALSE;
      break;
    case OB_JOB_PARTIAL:
      take_result (chain->run, OB_RUN_PARTIAL, "The backup lacks data; its warnings say which");
      ends = FALSE;
      break;
    case OB_JOB_CANCELLED:
      take_result (chain->run, OB_RUN_CANCELLED, "It was cancelled");
      break;
    default:
      take_failure (chain, is_passing (ob_job_get_error_name (job)),
                    ob_job_get_error_message (job));
      ends = chain->step == STEP_WORK;
      break;
    }
  if (ends)
    end_chain (chain);
  else
    go_on (chain);
}

/* public methods */

GStrv
ob_schedule_run_begin (ObManager *manager, ObSchedule *schedule, const char *const *destinations,
                       ObScheduleRunEnded ended, gpointer user_data)
{
  g_autoptr (GStrvBuilder) paths = g_strv_builder_new ();
  Run *run = g_new0 (Run, 1);

  run->manager = g_object_ref (manager);
  run->schedule = ob_schedule_ref (schedule);
  run->again = g_ptr_array_new_with_free_func (g_free);
  run->ended = ended;
  run->user_data = user_data;
  run->n_pending = 1; /* until all chains are begun */
  for (const char *const *name = destinations; *name != NULL; name++)
    {
      Chain *chain = g_new0 (Chain, 1);
      g_autofree char *path = NULL;

      chain->run = run;
      chain->destination = g_strdup (*name);
      run->n_pending++;
      path = start_step (chain);
      if (path != NULL)
        g_strv_builder_add (paths, path);
      else
        end_chain (chain);
    }
  if (--run->n_pending == 0)
    end_run (run);
  return g_strv_builder_end (paths);
}
