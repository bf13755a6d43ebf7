/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-destination-private.h"
#include "ob-error.h"
#include "ob-job-private.h"
#include "ob-operations.h"
#include "ob-secret.h"

typedef struct
{
  ObContext *context;
  ObDestination *destination;
  ObPlace *place;
  char *passphrase;
  gboolean sets_limit;
  char *limit; /* of the bandwidth; NULL: none */
  ObDestination *updated;
} Data;

/* internal methods */

static Data *
make_data (ObContext *context, ObDestination *destination)
{
  Data *data = g_new0 (Data, 1);

  data->context = context;
  data->destination = ob_destination_ref (destination);
  return data;
}

static void
free_data (gpointer pointer)
{
  Data *data = pointer;

  ob_destination_unref (data->destination);
  g_clear_pointer (&data->updated, ob_destination_unref);
  g_clear_pointer (&data->place, ob_place_unref);
  ob_secret_clear (&data->passphrase);
  g_free (data->limit);
  g_free (data);
}

static void
set_space (ObJob *job, guint64 free_bytes, guint64 total_bytes)
{
  ob_job_set_space (job, free_bytes, total_bytes);
  ob_job_set_result (job, "free", g_variant_new_uint64 (free_bytes));
  ob_job_set_result (job, "total", g_variant_new_uint64 (total_bytes));
}

/* Tries to write, and tells what space there is. */
static gboolean
check (ObJob *job, Data *data, ObDestination *destination, GCancellable *cancellable,
       GError **error)
{
  guint64 free_bytes = 0;
  guint64 total_bytes = 0;

  ob_progress_set_phase (ob_job_get_progress (job), "checking");
  if (!ob_destination_check (destination, data->context, &free_bytes, &total_bytes, cancellable,
                             error))
    return FALSE;
  set_space (job, free_bytes, total_bytes);
  return TRUE;
}

static gboolean
run_add (ObJob *job, gpointer pointer, GCancellable *cancellable, GError **error)
{
  Data *data = pointer;
  g_autoptr (GError) local = NULL;
  gboolean created = FALSE;
  gboolean generated = FALSE;

  ob_progress_set_phase (ob_job_get_progress (job), "setting up");
  ob_job_watch (job, data->destination);
  if (!ob_destination_set_up (data->destination, data->context, &created, &generated, cancellable,
                              error))
    return FALSE;
  ob_job_set_result (job, "created", g_variant_new_boolean (created));
  ob_job_set_result (job, "passphrase-generated", g_variant_new_boolean (generated));
  if (ob_destination_get_no_passphrase (data->destination))
    ob_progress_warn (ob_job_get_progress (job), FALSE,
                      "The repository has the empty passphrase: whoever can read its files can "
                      "read the backups.");
  /* It is configured now, whatever its disk says. */
  if (!check (job, data, data->destination, cancellable, &local))
    ob_progress_warn (ob_job_get_progress (job), FALSE, "%s", local->message);
  return TRUE;
}

static gboolean
run_update (ObJob *job, gpointer pointer, GCancellable *cancellable, GError **error)
{
  Data *data = pointer;
  g_autoptr (GError) local = NULL;

  ob_progress_set_phase (ob_job_get_progress (job), "trying");
  ob_job_watch (job, data->destination);
  data->updated = ob_destination_update (data->destination, data->context, data->place,
                                         data->passphrase, cancellable, error);
  if (data->updated == NULL)
    return FALSE;
  if (data->sets_limit)
    {
      if (!ob_destination_set_bandwidth_limit (data->updated, data->limit, error)
          || !ob_destination_save (data->updated, data->context, error))
        return FALSE;
      /* What was kept open goes by the former limit. */
      ob_destination_close (data->updated);
    }
  if (!check (job, data, data->updated, cancellable, &local))
    ob_progress_warn (ob_job_get_progress (job), FALSE, "%s", local->message);
  return TRUE;
}

/* What is told of a step while the job runs: its name as phase, and then a line of the log. */
static void
on_step (const char *name, GVariant *step, gpointer user_data)
{
  ObJob *job = user_data;
  const char *status = "", *text = "";

  if (step == NULL)
    {
      ob_progress_set_phase (ob_job_get_progress (job), name);
      return;
    }
  g_variant_lookup (step, "status", "&s", &status);
  g_variant_lookup (step, "text", "&s", &text);
  ob_job_log (job, "Step %s: %s: %s", name, status, text);
}

static gboolean
run_check (ObJob *job, gpointer pointer, GCancellable *cancellable, GError **error)
{
  Data *data = pointer;
  g_autoptr (ObCheckup) checkup = ob_checkup_new (on_step, job, cancellable);
  g_autoptr (GVariant) steps = NULL;
  guint64 free_bytes = G_MAXUINT64;
  guint64 total_bytes = G_MAXUINT64;

  ob_job_watch (job, data->destination);
  if (ob_destination_checkup (data->destination, data->context, &free_bytes, &total_bytes, checkup))
    set_space (job, free_bytes, total_bytes);
  steps = ob_checkup_dup_steps (checkup);
  ob_job_set_result (job, "steps", steps);
  return ob_checkup_conclude (checkup, error);
}

/* public methods */

ObJob *
ob_add_destination_job_new (ObContext *context, ObDestination *destination, guint uid)
{
  return ob_job_new ("add-destination", NULL, ob_destination_get_name (destination), uid, run_add,
                     make_data (context, destination), free_data);
}

ObJob *
ob_update_destination_job_new (ObContext *context, ObDestination *destination, ObPlace *place,
                               const char *passphrase, guint uid)
{
  Data *data = make_data (context, destination);

  data->place = place != NULL ? ob_place_ref (place) : NULL;
  data->passphrase = g_strdup (passphrase);
  return ob_job_new ("update-destination", NULL, ob_destination_get_name (destination), uid,
                     run_update, data, free_data);
}

void
ob_update_destination_job_set_limit (ObJob *job, const char *limit)
{
  Data *data = ob_job_get_data (job, run_update);

  data->sets_limit = TRUE;
  data->limit = g_strdup (limit);
}

ObJob *
ob_check_destination_job_new (ObContext *context, ObDestination *destination, guint uid)
{
  return ob_job_new ("check-destination", NULL, ob_destination_get_name (destination), uid,
                     run_check, make_data (context, destination), free_data);
}

ObDestination *
ob_update_destination_job_get_destination (ObJob *job)
{
  Data *data = ob_job_get_data (job, run_update);

  return data != NULL && data->updated != NULL ? ob_destination_ref (data->updated) : NULL;
}
