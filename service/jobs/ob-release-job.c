/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Removing the former states that restores kept. */
#include "ob-error.h"
#include "ob-operations.h"
#include "ob-restore-previous.h"
#include "ob-restore-recover.h"

typedef struct
{
  ObContext *context;
  ObInstance *instance;
  gboolean only_due;
} Data;

/* internal methods */

static void
free_data (gpointer pointer)
{
  Data *data = pointer;

  ob_instance_unref (data->instance);
  g_free (data);
}

static guint64
get_size (const ObRestoreJournal *record)
{
  guint64 size = record->kept_size;

  for (guint i = 0; i < record->units->len; i++)
    size += ((const ObRestoreUnit *) g_ptr_array_index (record->units, i))->kept_size;
  return size;
}

/* Adds the places of @record to @places. */
static void
add_places (GVariantBuilder *places, ObRestoreJournal *record, ObInstance *instance)
{
  g_autoptr (GVariant) pairs
    = g_variant_ref_sink (ob_restore_previous_describe (record, instance));
  GVariantIter iter = { 0 };
  const char *where = NULL;

  g_variant_iter_init (&iter, pairs);
  while (g_variant_iter_next (&iter, "{&s&s}", NULL, &where))
    g_variant_builder_add (places, "s", where);
}

static gboolean
release (const Data *data, GVariantBuilder *places, guint64 *bytes, GCancellable *cancellable,
         GError **error)
{
  g_autoptr (GPtrArray) files
    = ob_restore_journal_list_kept (data->context, ob_instance_get_name (data->instance));

  for (guint i = 0; i < files->len; i++)
    {
      g_autoptr (ObRestoreJournal) record
        = ob_restore_journal_load (data->context, g_ptr_array_index (files, i), error);
      guint64 size;

      if (record == NULL)
        return FALSE;
      if (data->only_due && !ob_restore_previous_is_due (data->context, record))
        continue;
      size = get_size (record);
      add_places (places, record, data->instance);
      if (!ob_restore_previous_release (data->context, data->instance, record, cancellable, error))
        return FALSE;
      *bytes += size;
    }
  return TRUE;
}

static gboolean
run_release (ObJob *job, gpointer pointer, GCancellable *cancellable, GError **error)
{
  Data *data = pointer;
  GVariantBuilder places = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_STRING_ARRAY);
  guint64 bytes = 0;
  gboolean done;

  ob_progress_set_phase (ob_job_get_progress (job), "removing");
  done = ob_restore_settle (data->context, ob_instance_get_name (data->instance),
                            ob_job_get_progress (job), error)
         && release (data, &places, &bytes, cancellable, error);
  ob_job_set_result (job, "released", g_variant_builder_end (&places));
  ob_job_set_result (job, "bytes", g_variant_new_uint64 (bytes));
  return done;
}

/* public methods */

ObJob *
ob_release_previous_job_new (ObContext *context, ObInstance *instance, gboolean only_due,
                             guint uid)
{
  Data *data = g_new0 (Data, 1);

  data->context = context;
  data->instance = ob_instance_ref (instance);
  data->only_due = only_due;
  return ob_job_new ("release-previous", ob_instance_get_name (instance), NULL, uid, run_release,
                     data, free_data);
}

gboolean
ob_restore_has_due_previous (ObContext *context, const char *instance)
{
  g_autoptr (GPtrArray) files = ob_restore_journal_list_kept (context, instance);

  for (guint i = 0; i < files->len; i++)
    {
      g_autoptr (ObRestoreJournal) record
        = ob_restore_journal_load (context, g_ptr_array_index (files, i), NULL);

      if (record != NULL && ob_restore_previous_is_due (context, record))
        return TRUE;
    }
  return FALSE;
}
