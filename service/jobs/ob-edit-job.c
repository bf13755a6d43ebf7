/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A change of what a backup is called, and whether it is pinned: both are tags of its snapshot, so
 * its file is written anew, and only when that is durable the former one removed. Cut off in
 * between there are two files of one backup, which everybody takes for one; the next change or
 * deletion leaves one. What restic wrote beside a backup without what was in it is another one.
 */
#include <string.h>

#include "ob-delete.h"
#include "ob-error.h"
#include "ob-job-lock.h"
#include "ob-job-private.h"
#include "ob-label.h"
#include "ob-operations.h"
#include "ob-retag.h"

#define PINNED_TAG "pinned"

typedef struct
{
  ObContext *context;
  GPtrArray *destinations; /* of ObDestination */
  char *id;
  char *label; /* NULL: as it is */
  gboolean set_pinned, pinned;
} Data;

/* internal methods */

static void
free_data (gpointer pointer)
{
  Data *data = pointer;

  g_ptr_array_unref (data->destinations);
  g_free (data->id);
  g_free (data->label);
  g_free (data);
}

/* Whether @tag says what is changed. */
static gboolean
is_changed (const Data *data, const char *tag)
{
  return (data->set_pinned && strcmp (tag, PINNED_TAG) == 0)
         || (data->label != NULL && g_str_has_prefix (tag, OB_LABEL_TAG));
}

/* What @tag becomes; NULL where it goes. Transfer none. */
static const char *
get_successor (const Data *data, const char *tag, const char *label)
{
  if (!is_changed (data, tag))
    return tag;
  return strcmp (tag, PINNED_TAG) == 0 ? (data->pinned ? tag : NULL) : label;
}

/* The tags that the backup is to have: in the order in which they are, and each of ours once, so
 * that a change to what they say already is none. */
static GStrv
change_tags (const Data *data, const char *const *tags)
{
  g_autoptr (GPtrArray) changed = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *label = data->label != NULL && *data->label != '\0'
                             ? g_strconcat (OB_LABEL_TAG, data->label, NULL)
                             : NULL;
  const char *const wanted[]
    = { data->set_pinned && data->pinned ? PINNED_TAG : NULL, label };

  for (gsize i = 0; tags != NULL && tags[i] != NULL; i++)
    {
      const char *tag = get_successor (data, tags[i], label);
      gboolean again = is_changed (data, tags[i]) && tag != NULL
                       && g_ptr_array_find_with_equal_func (changed, tag, g_str_equal, NULL);

      if (tag != NULL && !again)
        g_ptr_array_add (changed, g_strdup (tag));
    }
  for (gsize i = 0; i < G_N_ELEMENTS (wanted); i++)
    if (wanted[i] != NULL
        && !g_ptr_array_find_with_equal_func (changed, wanted[i], g_str_equal, NULL))
      g_ptr_array_add (changed, g_strdup (wanted[i]));
  g_ptr_array_add (changed, NULL);
  return (GStrv) g_ptr_array_free (g_steal_pointer (&changed), FALSE);
}

/* The backup as it is now that nobody else can change it. Transfer full. */
static ObBackupRecord *
find_again (Data *data, const ObBackupRecord *found, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) destinations = g_ptr_array_new ();
  char hex[OB_ID_HEX_SIZE];

  g_ptr_array_add (destinations, found->destination);
  ob_id_to_hex (ob_snapshot_get_public_id (found->snapshot), hex);
  return ob_catalogue_find (data->context, destinations, hex, NULL, cancellable, error);
}

/* Among all @snapshots, the backup's files but for that of @record (of ObId): there are some where
 * an earlier change was cut off. */
static GArray *
list_leftovers (GPtrArray *snapshots, const ObBackupRecord *record)
{
  GArray *files = g_array_new (FALSE, FALSE, sizeof (ObId));

  for (guint i = 0; i < snapshots->len; i++)
    {
      const ObSnapshot *snapshot = g_ptr_array_index (snapshots, i);

      if (ob_id_equal (ob_snapshot_get_public_id (snapshot),
                       ob_snapshot_get_public_id (record->snapshot))
          && !ob_id_equal (&snapshot->id, &record->snapshot->id))
        g_array_append_val (files, snapshot->id);
    }
  return files;
}

static void
tell_result (ObJob *job, const ObBackupRecord *record, const char *const *tags, gboolean changed)
{
  g_autoptr (ObSnapshot) after = ob_snapshot_new ();
  const char *label;
  char hex[OB_ID_HEX_SIZE];

  after->tags = g_strdupv ((GStrv) tags);
  label = ob_snapshot_get_tag (after, "label");
  ob_id_to_hex (ob_snapshot_get_public_id (record->snapshot), hex);
  ob_job_set_result (job, "id", g_variant_new_string (hex));
  ob_job_set_result (job, "destination",
                     g_variant_new_string (ob_destination_get_name (record->destination)));
  ob_job_set_result (job, "pinned",
                     g_variant_new_boolean (ob_snapshot_has_tag (after, PINNED_TAG)));
  ob_job_set_result (job, "label", g_variant_new_string (label != NULL ? label : ""));
  ob_job_set_result (job, "changed", g_variant_new_boolean (changed));
  ob_job_log (job, changed ? "Changed backup %s" : "Backup %s is so already", hex);
}

/* From the first write on it goes to its end, whoever cancels it. */
static gboolean
write_tags (ObJob *job, ObRepository *repository, ObLock *lock, const ObBackupRecord *record,
            const char *const *tags, GPtrArray *snapshots, gboolean *changed, GError **error)
{
  ObSnapshot *snapshot = record->snapshot;
  g_autoptr (GArray) leftovers = list_leftovers (snapshots, record);
  guint n_removed = 0;
  ObId id;

  *changed = snapshot->tags != NULL ? !g_strv_equal ((const char *const *) snapshot->tags, tags)
                                    : *tags != NULL;
  if (!*changed && leftovers->len == 0)
    return TRUE;
  if (!ob_job_set_cancelable (job, FALSE))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CANCELLED, "Cancelled.");
      return FALSE;
    }
  ob_progress_set_phase (ob_job_get_progress (job), "writing");
  if (*changed)
    {
      if (!ob_retag_snapshot (repository, lock, snapshot, tags, &id, NULL, error))
        return FALSE;
      g_array_append_val (leftovers, snapshot->id);
    }
  if (ob_retag_apart (repository, lock, snapshots, leftovers, NULL, error)
      && ob_delete_replaced (repository, lock, leftovers, &n_removed, NULL, error))
    return TRUE;
  g_prefix_error (error, "The backup is changed, but its former record could not be removed, which "
                         "the next change of it does: ");
  return FALSE;
}

static gboolean
edit_locked (ObJob *job, Data *data, const ObBackupRecord *found, ObRepository *repository,
             ObLock *lock, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObBackupRecord) record = find_again (data, found, cancellable, error);
  g_autoptr (GPtrArray) snapshots = NULL;
  g_auto (GStrv) tags = NULL;
  gboolean changed = FALSE;

  if (record == NULL)
    return FALSE;
  snapshots = ob_repository_list_snapshots (repository, NULL, cancellable, error);
  if (snapshots == NULL)
    return FALSE;
  tags = change_tags (data, (const char *const *) record->snapshot->tags);
  if (!write_tags (job, repository, lock, record, (const char *const *) tags, snapshots, &changed,
                   error))
    return FALSE;
  tell_result (job, record, (const char *const *) tags, changed);
  return TRUE;
}

static gboolean
run_edit (ObJob *job, gpointer pointer, GCancellable *cancellable, GError **error)
{
  Data *data = pointer;
  g_autoptr (ObBackupRecord) found = NULL;
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (ObLock) lock = NULL;

  ob_progress_set_phase (ob_job_get_progress (job), "preparing");
  ob_job_watch_all (job, data->destinations);
  found = ob_catalogue_find (data->context, data->destinations, data->id, NULL, cancellable, error);
  if (found == NULL)
    return FALSE;
  ob_job_watch (job, found->destination);
  repository = ob_destination_open (found->destination, data->context, cancellable, error);
  if (repository == NULL)
    return FALSE;
  lock = ob_job_lock_repository (job, data->context, repository, TRUE, cancellable, error);
  return lock != NULL
         && edit_locked (job, data, found, repository, lock, cancellable, error);
}

static gboolean
check_options (const char *id, const ObEditOptions *options, GError **error)
{
  if (!ob_catalogue_check_id (id, error))
    return FALSE;
  if (options->label != NULL && *options->label != '\0' && !ob_label_check (options->label, error))
    return FALSE;
  if (options->label != NULL || options->set_pinned)
    return TRUE;
  g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                       "Say what to change of the backup: its label, or whether it is pinned");
  return FALSE;
}

static gpointer
copy_destination (gconstpointer destination, gpointer user_data)
{
  return ob_destination_ref ((ObDestination *) destination);
}

/* public methods */

ObJob *
ob_edit_job_new (ObContext *context, GPtrArray *destinations, const char *id,
                 const ObEditOptions *options, guint uid, GError **error)
{
  const char *name = NULL;
  Data *data = NULL;
  ObJob *job = NULL;

  if (!check_options (id, options, error))
    return NULL;
  if (destinations->len == 1)
    name = ob_destination_get_name (g_ptr_array_index (destinations, 0));

  data = g_new0 (Data, 1);
  data->context = context;
  data->destinations = g_ptr_array_copy (destinations, copy_destination, NULL);
  g_ptr_array_set_free_func (data->destinations, (GDestroyNotify) ob_destination_unref);
  data->id = g_strdup (id);
  data->label = g_strdup (options->label);
  data->set_pinned = options->set_pinned;
  data->pinned = options->pinned;
  job = ob_job_new ("edit", NULL, name, uid, run_edit, data, free_data);
  ob_job_set_alone (job);
  return job;
}
