/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A deletion: under the locks of all destinations that hold one of the backups it is seen
 * whether each of them may go, and only then is the first removed. */
#include <string.h>

#include "ob-delete.h"
#include "ob-change.h"
#include "ob-delete-check.h"
#include "ob-delete-job.h"
#include "ob-error.h"
#include "ob-job-lock.h"
#include "ob-job-private.h"
#include "ob-prune-job.h"
#include "ob-retag.h"

typedef struct
{
  ObContext *context;
  GPtrArray *destinations; /* of ObDestination: all, for what else there is of an instance */
  char *only;              /* name of the one to look for the backups in, or NULL */
  GStrv ids;
  gboolean force, prune;
  guint prune_seconds;
} Data;

/* A destination that holds some of the backups. */
typedef struct
{
  ObDestination *destination; /* not owned */
  ObRepository *repository;
  ObLock *lock;
} Place;

/* internal methods */

static void
free_data (gpointer pointer)
{
  Data *data = pointer;

  g_ptr_array_unref (data->destinations);
  g_free (data->only);
  g_strfreev (data->ids);
  g_free (data);
}

static void
free_place (gpointer pointer)
{
  Place *place = pointer;

  ob_lock_release (place->lock);
  ob_repository_unref (place->repository);
  g_free (place);
}

/* The backups that are meant among @records, each once (of ObBackupRecord, transfer container). */
static GPtrArray *
pick (Data *data, GPtrArray *records, GPtrArray *problems, GError **error)
{
  g_autoptr (GPtrArray) picked = g_ptr_array_new ();

  for (char **id = data->ids; *id != NULL; id++)
    {
      g_autoptr (GError) local = NULL;
      ObBackupRecord *record = ob_catalogue_pick (records, data->only, *id, &local);

      if (record == NULL)
        {
          if (g_error_matches (local, OB_ERROR, OB_ERROR_NOT_FOUND) && problems->len > 0)
            g_prefix_error (&local, "%s ", (const char *) g_ptr_array_index (problems, 0));
          g_propagate_error (error, g_steal_pointer (&local));
          return NULL;
        }
      if (!g_ptr_array_find (picked, record, NULL))
        g_ptr_array_add (picked, record);
    }
  return g_steal_pointer (&picked);
}

static Place *
find_place (GPtrArray *places, ObDestination *destination)
{
  for (guint i = 0; i < places->len; i++)
    {
      Place *place = g_ptr_array_index (places, i);

      if (place->destination == destination)
        return place;
    }
  return NULL;
}

static gboolean
lock_place (ObJob *job, Data *data, ObDestination *destination, GPtrArray *places,
            GCancellable *cancellable, GError **error)
{
  g_autoptr (ObRepository) repository
    = ob_destination_open (destination, data->context, cancellable, error);
  ObLock *lock = NULL;
  Place *place = NULL;

  if (repository == NULL)
    return FALSE;
  lock = ob_job_lock_repository (job, data->context, repository, TRUE, cancellable, error);
  if (lock == NULL)
    return FALSE;
  place = g_new0 (Place, 1);
  place->destination = destination;
  place->lock = lock;
  place->repository = g_steal_pointer (&repository);
  g_ptr_array_add (places, place);
  return TRUE;
}

/* In an order that is everybody's, whatever the destinations are called there. */
static gboolean
lock_places (ObJob *job, Data *data, GPtrArray *picked, GPtrArray *places,
             GCancellable *cancellable, GError **error)
{
  for (guint i = 0; i < data->destinations->len; i++)
    {
      ObDestination *destination = g_ptr_array_index (data->destinations, i);
      gboolean is_needed = FALSE;

      for (guint j = 0; j < picked->len; j++)
        is_needed = is_needed
                    || ((ObBackupRecord *) g_ptr_array_index (picked, j))->destination
                         == destination;
      if (is_needed && !lock_place (job, data, destination, places, cancellable, error))
        return FALSE;
    }
  return TRUE;
}

/* The files of backups among all @snapshots: one each, or two where its label or pin was being
 * changed when the power went. */
static void
list_files (Place *place, GPtrArray *snapshots, GPtrArray *picked, GArray *files)
{
  for (guint i = 0; i < snapshots->len; i++)
    for (guint j = 0; j < picked->len; j++)
      {
        const ObSnapshot *snapshot = g_ptr_array_index (snapshots, i);
        const ObBackupRecord *record = g_ptr_array_index (picked, j);

        if (record->destination == place->destination
            && ob_id_equal (ob_snapshot_get_public_id (snapshot),
                            ob_snapshot_get_public_id (record->snapshot)))
          g_array_append_val (files, snapshot->id);
      }
}

static void
tell_removed (ObJob *job, GStrvBuilder *removed)
{
  g_auto (GStrv) ids = g_strv_builder_end (removed);

  ob_job_set_result (job, "removed", g_variant_new_strv ((const char *const *) ids, -1));
  for (char **id = ids; *id != NULL; id++)
    ob_job_log (job, "Deleted backup %s", *id);
}

/* Whether the backup is there no more; what is not certain counts as there. */
static gboolean
has_gone (Place *place, const ObBackupRecord *record)
{
  g_autoptr (GPtrArray) snapshots
    = ob_repository_list_snapshots (place->repository, NULL, NULL, NULL);

  for (guint i = 0; snapshots != NULL && i < snapshots->len; i++)
    if (ob_id_equal (ob_snapshot_get_public_id (g_ptr_array_index (snapshots, i)),
                     ob_snapshot_get_public_id (record->snapshot)))
      return FALSE;
  return snapshots != NULL;
}

static gboolean
delete_at (Place *place, GPtrArray *picked, GStrvBuilder *removed, GCancellable *cancellable,
           GError **error)
{
  g_autoptr (GPtrArray) snapshots
    = ob_repository_list_snapshots (place->repository, NULL, cancellable, error);
  g_autoptr (GArray) files = g_array_new (FALSE, FALSE, sizeof (ObId));
  guint n_removed = 0;
  gboolean done = FALSE;

  if (snapshots == NULL)
    return FALSE;
  list_files (place, snapshots, picked, files);
  if (!ob_retag_apart (place->repository, place->lock, snapshots, files, cancellable, error))
    return FALSE;
  done = ob_delete_snapshots (place->repository, place->lock, files, &n_removed, cancellable,
                              error);
  for (guint i = 0; i < picked->len && n_removed > 0; i++)
    {
      const ObBackupRecord *record = g_ptr_array_index (picked, i);
      char hex[OB_ID_HEX_SIZE];

      if (record->destination != place->destination || (!done && !has_gone (place, record)))
        continue;
      ob_id_to_hex (ob_snapshot_get_public_id (record->snapshot), hex);
      g_strv_builder_add (removed, hex);
    }
  return done;
}

static gboolean
delete_all (ObJob *job, GPtrArray *places, GPtrArray *picked, GCancellable *cancellable,
            GError **error)
{
  g_autoptr (GStrvBuilder) removed = g_strv_builder_new ();
  gboolean done = TRUE;

  ob_progress_set_phase (ob_job_get_progress (job), "deleting");
  for (guint i = 0; done && i < places->len; i++)
    done = delete_at (g_ptr_array_index (places, i), picked, removed, cancellable, error);
  tell_removed (job, removed);
  return done;
}

static gboolean
prune_all (ObJob *job, ObContext *context, GPtrArray *places, guint seconds,
           GCancellable *cancellable, GError **error)
{
  ObPruneLimit limit;

  if (!ob_prune_limit_parse (OB_PRUNE_DEFAULT_LIMIT, &limit, error))
    return FALSE;
  limit.time = seconds * G_USEC_PER_SEC;
  for (guint i = 0; i < places->len; i++)
    {
      Place *place = g_ptr_array_index (places, i);

      if (!ob_prune_job_run (job, context, place->repository, place->lock, &limit, FALSE,
                             cancellable, error))
        {
          g_prefix_error (error,
                          "The backups are deleted, but what they took could not be freed: ");
          return FALSE;
        }
    }
  return TRUE;
}

/* What an open change would go back to stays. */
static gboolean
check_changes (ObContext *context, GPtrArray *picked, GError **error)
{
  for (guint i = 0; i < picked->len; i++)
    {
      const ObBackupRecord *record = g_ptr_array_index (picked, i);
      g_autofree char *instance = NULL;
      char id[OB_ID_HEX_SIZE];

      ob_id_to_hex (ob_snapshot_get_public_id (record->snapshot), id);
      if (!ob_change_needs (context, id, &instance))
        continue;
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "Backup %.8s is what the open change of %s goes back to; end that first "
                   "(obbackupctl change list), or delete the backup by force",
                   id, instance);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_file_lock (Place *place, const ObBackupRecord *record, const ObId *file,
                 GCancellable *cancellable, GError **error)
{
  g_autofree char *name = NULL;
  g_autofree char *when = NULL;
  char hex[OB_ID_HEX_SIZE];
  gint64 until;

  ob_id_to_hex (file, hex);
  name = g_strconcat ("snapshots/", hex, NULL);
  if (!ob_store_get_lock (ob_repository_get_store (place->repository), name, &until, cancellable,
                          error))
    return FALSE;
  if (until == 0)
    return TRUE;
  when = ob_store_format_lock (until);
  ob_id_to_hex (ob_snapshot_get_public_id (record->snapshot), hex);
  g_set_error (error, OB_ERROR, OB_ERROR_LOCKED,
               "Backup %.8s at destination %s is locked until %s: nobody can delete it before, not "
               "even by force. Nothing was deleted",
               hex, ob_destination_get_name (place->destination), when);
  return FALSE;
}

/* None of them may be locked, where the destination locks what is stored. */
static gboolean
check_locks (GPtrArray *places, GPtrArray *picked, GCancellable *cancellable, GError **error)
{
  for (guint i = 0; i < picked->len; i++)
    {
      ObBackupRecord *record = g_ptr_array_index (picked, i);
      Place *place = find_place (places, record->destination);
      g_autoptr (GPtrArray) one = g_ptr_array_new ();
      g_autoptr (GArray) files = g_array_new (FALSE, FALSE, sizeof (ObId));
      g_autoptr (GPtrArray) snapshots
        = ob_repository_list_snapshots (place->repository, NULL, cancellable, error);

      if (snapshots == NULL)
        return FALSE;
      g_ptr_array_add (one, record);
      list_files (place, snapshots, one, files);
      for (guint j = 0; j < files->len; j++)
        if (!check_file_lock (place, record, &g_array_index (files, ObId, j), cancellable, error))
          return FALSE;
    }
  return TRUE;
}

/* Looks again, now that nobody else can delete. */
static gboolean
delete_locked (ObJob *job, Data *data, GPtrArray *places, GCancellable *cancellable,
               GError **error)
{
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) records = ob_catalogue_list (data->context, data->destinations, NULL,
                                                     &problems, cancellable, error);
  g_autoptr (GPtrArray) picked
    = records != NULL ? pick (data, records, problems, error) : NULL;

  if (picked == NULL)
    return FALSE;
  for (guint i = 0; i < picked->len; i++)
    {
      ObBackupRecord *record = g_ptr_array_index (picked, i);

      if (find_place (places, record->destination) == NULL)
        {
          g_set_error_literal (error, OB_ERROR, OB_ERROR_BUSY,
                               "The backups were changed by somebody else meanwhile; try again");
          return FALSE;
        }
    }
  if (!data->force
      && (!ob_delete_check (records, picked, error)
          || !check_changes (data->context, picked, error)))
    return FALSE;
  if (!check_locks (places, picked, cancellable, error)
      || !delete_all (job, places, picked, cancellable, error))
    return FALSE;
  ob_job_set_result (job, "remaining", ob_delete_list_remaining (records, picked));
  return !data->prune
         || prune_all (job, data->context, places, data->prune_seconds, cancellable, error);
}

static gboolean
run_delete (ObJob *job, gpointer pointer, GCancellable *cancellable, GError **error)
{
  Data *data = pointer;
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) records = NULL;
  g_autoptr (GPtrArray) picked = NULL;
  g_autoptr (GPtrArray) places = g_ptr_array_new_with_free_func (free_place);

  ob_progress_set_phase (ob_job_get_progress (job), "preparing");
  ob_job_watch_all (job, data->destinations);
  records = ob_catalogue_list (data->context, data->destinations, NULL, &problems, cancellable,
                               error);
  picked = records != NULL ? pick (data, records, problems, error) : NULL;
  return picked != NULL && lock_places (job, data, picked, places, cancellable, error)
         && delete_locked (job, data, places, cancellable, error);
}

static gpointer
copy_destination (gconstpointer destination, gpointer user_data)
{
  return ob_destination_ref ((ObDestination *) destination);
}

static gint
compare_repositories (gconstpointer a, gconstpointer b)
{
  return strcmp (ob_destination_get_repository_id (*(ObDestination *const *) a),
                 ob_destination_get_repository_id (*(ObDestination *const *) b));
}

static Data *
data_new (ObContext *context, GPtrArray *destinations, const char *const *ids,
          const ObDeleteOptions *options)
{
  Data *data = g_new0 (Data, 1);

  data->context = context;
  data->destinations = g_ptr_array_copy (destinations, copy_destination, NULL);
  g_ptr_array_set_free_func (data->destinations, (GDestroyNotify) ob_destination_unref);
  g_ptr_array_sort (data->destinations, compare_repositories);
  data->only = g_strdup (options->destination);
  data->ids = g_strdupv ((char **) ids);
  data->force = options->force;
  data->prune = options->prune;
  data->prune_seconds = options->prune_seconds;
  return data;
}

/* public methods */

gboolean
ob_delete_job_run (ObJob *job, ObContext *context, GPtrArray *destinations, const char *const *ids,
                   const ObDeleteOptions *options, GCancellable *cancellable, GError **error)
{
  Data *data = data_new (context, destinations, ids, options);
  gboolean done = run_delete (job, data, cancellable, error);

  free_data (data);
  return done;
}

ObJob *
ob_delete_job_new (ObContext *context, GPtrArray *destinations, const char *const *ids,
                   const ObDeleteOptions *options, guint uid, GError **error)
{
  const char *name = options->destination;
  Data *data = NULL;
  ObJob *job = NULL;

  if (*ids == NULL)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "Say which backups to delete");
      return NULL;
    }
  for (const char *const *id = ids; *id != NULL; id++)
    if (!ob_catalogue_check_id (*id, error))
      return NULL;
  if (name == NULL && destinations->len == 1)
    name = ob_destination_get_name (g_ptr_array_index (destinations, 0));

  data = data_new (context, destinations, ids, options);
  job = ob_job_new ("delete", NULL, name, uid, run_delete, data, free_data);
  ob_job_set_alone (job);
  return job;
}
