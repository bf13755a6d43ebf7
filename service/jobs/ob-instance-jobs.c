/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-database-survey.h"
#include "ob-error.h"
#include "ob-operations.h"
#include "ob-restore-recover.h"
#include "ob-restore-stopped.h"

typedef struct
{
  ObContext *context;
  ObInstance *instance;
} Data;

/* internal methods */

static void
free_data (gpointer pointer)
{
  Data *data = pointer;

  ob_instance_unref (data->instance);
  g_free (data);
}

/* Of an application of which nothing else can be seen: whether it is connected. */
static gboolean
is_connected (ObInstance *instance, GCancellable *cancellable)
{
  g_autofree char *sessions = NULL;

  return !ob_application_can_be_seen (instance)
         && ob_database_find_sessions (ob_instance_get_database (instance), &sessions, cancellable,
                                       NULL)
         && sessions != NULL;
}

/* Somebody may have started the application meanwhile. */
static void
look_at_application (const Data *data, GCancellable *cancellable)
{
  const char *name = ob_instance_get_name (data->instance);
  g_autofree char *stopped = ob_restore_stopped_get (data->context, name);

  if (stopped != NULL
      && (ob_application_is_seen_well (data->instance, cancellable)
          || is_connected (data->instance, cancellable)))
    ob_restore_stopped_clear (data->context, name);
}

static gboolean
run_check (ObJob *job, gpointer pointer, GCancellable *cancellable, GError **error)
{
  Data *data = pointer;
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) differences = NULL;
  g_autoptr (GError) local = NULL;

  ob_progress_set_phase (ob_job_get_progress (job), "checking");
  problems = ob_instance_check (data->instance, cancellable);
  differences = ob_instance_compare_properties (data->instance, cancellable);
  if (g_cancellable_is_cancelled (cancellable))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CANCELLED, "Cancelled.");
      return FALSE;
    }
  g_ptr_array_extend_and_steal (problems, g_steal_pointer (&differences));
  if (!ob_restore_settle (data->context, ob_instance_get_name (data->instance),
                          ob_job_get_progress (job), &local))
    g_ptr_array_add (problems, g_strdup (local->message));
  look_at_application (data, cancellable);
  for (guint i = 0; i < problems->len; i++)
    {
      char *text = g_ptr_array_index (problems, i);

      problems->pdata[i] = g_utf8_make_valid (text, -1);
      g_free (text);
    }
  ob_job_set_result (job, "problems",
                     g_variant_new_strv ((const char *const *) problems->pdata,
                                         (gssize) problems->len));
  return TRUE;
}

/* public methods */

ObJob *
ob_check_instance_job_new (ObContext *context, ObInstance *instance, guint uid)
{
  Data *data = g_new0 (Data, 1);

  data->context = context;
  data->instance = ob_instance_ref (instance);
  return ob_job_new ("check-instance", ob_instance_get_name (instance), NULL, uid, run_check, data,
                     free_data);
}
