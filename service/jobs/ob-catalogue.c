/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-catalogue.h"

#include <string.h>

#include "ob-error.h"
#include "ob-manifest.h"

#define MIN_ID_LENGTH 4

/* internal methods */

static void
add_problem (GPtrArray **problems, const char *destination, const char *message)
{
  if (problems != NULL && *problems != NULL)
    g_ptr_array_add (*problems, g_strdup_printf ("Destination %s: %s", destination, message));
}

/* `restic tag` drops our object from the snapshot file; the manifest has it still. What restic
 * wrote beside a backup has that one's manifest, but no more than a part of its files. */
static void
complete_summary (ObContext *context, ObBackupRecord *record, GCancellable *cancellable)
{
  g_autofree char *text = NULL;
  g_autoptr (JsonObject) manifest = NULL;
  gboolean was_rewritten = ob_snapshot_was_rewritten (record->snapshot);

  if (record->snapshot->obbackup != NULL || ob_backup_record_is_foreign (record))
    return;
  text = ob_backup_record_load_manifest (record, context, cancellable, NULL);
  if (text != NULL)
    manifest = ob_manifest_parse (text, strlen (text), NULL);
  if (manifest == NULL)
    return;
  record->snapshot->obbackup = ob_manifest_get_summary (manifest);
  if (was_rewritten)
    json_object_set_string_member (record->snapshot->obbackup, "result", "partial");
}

static gboolean
matches (const ObBackupRecord *record, const ObBackupFilter *filter)
{
  const ObSnapshot *snapshot = record->snapshot;
  gboolean foreign = ob_backup_record_is_foreign (record);
  const char *kind = foreign ? "foreign" : ob_snapshot_get_tag (snapshot, "kind");
  const char *instance = foreign ? NULL : ob_snapshot_get_tag (snapshot, "instance");

  if (filter == NULL)
    return TRUE;
  if (filter->instance != NULL && g_strcmp0 (instance, filter->instance) != 0)
    return FALSE;
  if (filter->kind != NULL && g_strcmp0 (kind, filter->kind) != 0)
    return FALSE;
  if (filter->since != 0 && snapshot->time.tv_sec < filter->since)
    return FALSE;
  return filter->until == 0 || snapshot->time.tv_sec < filter->until;
}

static gint
compare_times (gconstpointer a, gconstpointer b)
{
  const struct timespec *left = &(*(ObBackupRecord *const *) a)->snapshot->time;
  const struct timespec *right = &(*(ObBackupRecord *const *) b)->snapshot->time;

  if (left->tv_sec != right->tv_sec)
    return left->tv_sec < right->tv_sec ? 1 : -1;
  return left->tv_nsec < right->tv_nsec ? 1 : left->tv_nsec > right->tv_nsec ? -1 : 0;
}

/* A backup whose label or pin was being changed when the power went may be there twice. */
static ObBackupRecord *
find_known (GPtrArray *records, const ObBackupRecord *record)
{
  const ObId *id = ob_snapshot_get_public_id (record->snapshot);

  for (guint i = 0; i < records->len; i++)
    {
      ObBackupRecord *other = g_ptr_array_index (records, i);

      if (other->destination == record->destination
          && ob_id_equal (ob_snapshot_get_public_id (other->snapshot), id))
        return other;
    }
  return NULL;
}

/* Of two files of one backup the one that names the first version is the newer. Where both do, both
 * were changed, nobody can tell, and either is sound. */
static gboolean
is_newer (const ObBackupRecord *record, const ObBackupRecord *known)
{
  return record->snapshot->has_original && !known->snapshot->has_original;
}

static gboolean
list_destination (ObContext *context, ObDestination *destination, const ObBackupFilter *filter,
                  GPtrArray *records, GPtrArray **problems, GCancellable *cancellable,
                  GError **error)
{
  guint64 requests = ob_destination_get_requests (destination);
  g_autoptr (ObRepository) repository
    = ob_destination_open (destination, context, cancellable, error);
  g_autoptr (GPtrArray) damaged = NULL;
  g_autoptr (GPtrArray) snapshots = NULL;
  g_autoptr (ObVerifyRecord) verified = NULL;

  if (repository == NULL)
    return FALSE;
  verified = ob_verify_record_load (context, ob_repository_get_id (repository));
  snapshots = ob_repository_list_snapshots (repository, &damaged, cancellable, error);
  if (snapshots == NULL)
    return FALSE;
  for (guint i = 0; damaged != NULL && i < damaged->len; i++)
    add_problem (problems, ob_destination_get_name (destination),
                 g_ptr_array_index (damaged, i));

  while (snapshots->len > 0)
    {
      g_autoptr (ObBackupRecord) record = g_new0 (ObBackupRecord, 1);
      ObBackupRecord *known = NULL;

      record->destination = ob_destination_ref (destination);
      record->snapshot = g_ptr_array_steal_index (snapshots, 0);
      if (!matches (record, filter))
        continue;
      known = find_known (records, record);
      if (known != NULL && !is_newer (record, known))
        continue;
      complete_summary (context, record, cancellable);
      if (known != NULL)
        {
          ob_snapshot_free (known->snapshot);
          known->snapshot = g_steal_pointer (&record->snapshot);
          continue;
        }
      ob_verify_record_get (verified, ob_snapshot_get_public_id (record->snapshot),
                            &record->verified);
      g_ptr_array_add (records, g_steal_pointer (&record));
    }
  if (!ob_place_is_local (ob_destination_get_place (destination)))
    g_debug ("Destination %s: its backups were listed by %" G_GUINT64_FORMAT " requests.",
             ob_destination_get_name (destination),
             ob_destination_get_requests (destination) - requests);
  return TRUE;
}

/* Lists what can be listed; *@first is the error of the first destination that could not be. */
static GPtrArray *
list (ObContext *context, GPtrArray *destinations, const ObBackupFilter *filter,
      GPtrArray **problems, GError **first, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) records
    = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_backup_record_free);

  for (guint i = 0; i < destinations->len; i++)
    {
      ObDestination *destination = g_ptr_array_index (destinations, i);
      g_autoptr (GError) local = NULL;

      if (list_destination (context, destination, filter, records, problems, cancellable, &local))
        continue;
      if (g_cancellable_is_cancelled (cancellable))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return NULL;
        }
      add_problem (problems, ob_destination_get_name (destination), local->message);
      if (first != NULL && *first == NULL)
        *first = g_steal_pointer (&local);
    }
  g_ptr_array_sort (records, compare_times);
  return g_steal_pointer (&records);
}

/* The newest whole backup with the parts; where there is none, the newest with a loss. */
static guint
find_latest (GPtrArray *records, ObParts parts)
{
  guint partial = records->len;

  for (guint i = 0; i < records->len; i++)
    {
      const ObBackupRecord *record = g_ptr_array_index (records, i);
      JsonObject *summary = record->snapshot->obbackup;

      if (ob_backup_record_is_foreign (record) || summary == NULL
          || (ob_manifest_get_parts (summary) & parts) != parts)
        continue;
      if (ob_backup_record_is_complete (record))
        return i;
      if (partial == records->len)
        partial = i;
    }
  return partial;
}

static gboolean
has_id (const ObBackupRecord *record, const char *beginning)
{
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (ob_snapshot_get_public_id (record->snapshot), hex);
  if (g_str_has_prefix (hex, beginning))
    return TRUE;
  ob_id_to_hex (&record->snapshot->id, hex);
  return g_str_has_prefix (hex, beginning);
}

/* Its index; the length where there is none, one more where there are several. @destination:
 * NULL for any. */
static guint
find_id (GPtrArray *records, const char *destination, const char *beginning)
{
  guint found = records->len;

  for (guint i = 0; i < records->len; i++)
    {
      const ObBackupRecord *record = g_ptr_array_index (records, i);

      if (!has_id (record, beginning)
          || (destination != NULL
              && strcmp (ob_destination_get_name (record->destination), destination) != 0))
        continue;
      if (found != records->len)
        return records->len + 1;
      found = i;
    }
  return found;
}

/* @or_latest: what may be given instead, for the message. */
static gboolean
check_id (const char *id, const char *or_latest, char **lower, GError **error)
{
  gsize length = strlen (id);

  *lower = g_ascii_strdown (id, -1);
  if (length >= MIN_ID_LENGTH && length < OB_ID_HEX_SIZE
      && strspn (*lower, "0123456789abcdef") == length)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "\"%.80s\" cannot be the id of a backup: give at least the first %d of its "
               "hexadecimal digits%s.",
               id, MIN_ID_LENGTH, or_latest);
  return FALSE;
}

static void
set_not_found (const char *id, const ObBackupFilter *filter, GError **error)
{
  const char *of = filter != NULL && filter->instance != NULL ? " of instance " : "";
  const char *instance = filter != NULL && filter->instance != NULL ? filter->instance : "";
  g_autofree char *parts = NULL;

  if (strcmp (id, "latest") != 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND, "There is no backup %.80s%s%s.", id, of,
                   instance);
      return;
    }
  if (filter != NULL && filter->parts != 0)
    parts = ob_parts_to_text (filter->parts);
  g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND, "There is no backup%s%s%s%s.", of, instance,
               parts != NULL ? " that holds " : "", parts != NULL ? parts : "");
}

static void
set_ambiguous (const char *id, GError **error)
{
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "Several backups have an id that begins with %s; give more of it, or the "
               "destination.",
               id);
}

/* public methods */

GPtrArray *
ob_catalogue_list (ObContext *context, GPtrArray *destinations, const ObBackupFilter *filter,
                   GPtrArray **problems, GCancellable *cancellable, GError **error)
{
  GPtrArray *records = NULL;

  if (problems != NULL)
    *problems = g_ptr_array_new_with_free_func (g_free);
  records = list (context, destinations, filter, problems, NULL, cancellable, error);
  if (records != NULL && filter != NULL && filter->limit > 0 && records->len > filter->limit)
    g_ptr_array_set_size (records, (gint) filter->limit);
  if (records == NULL && problems != NULL)
    g_clear_pointer (problems, g_ptr_array_unref);
  return records;
}

ObBackupRecord *
ob_catalogue_find (ObContext *context, GPtrArray *destinations, const char *id,
                   const ObBackupFilter *filter, GCancellable *cancellable, GError **error)
{
  gboolean latest = strcmp (id, "latest") == 0;
  g_autofree char *beginning = NULL;
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) records = NULL;
  g_autoptr (GError) first = NULL;
  g_autoptr (GError) unknown = NULL;
  guint index = 0;

  if (!latest && !check_id (id, ", or \"latest\"", &beginning, error))
    return NULL;
  records = list (context, destinations, filter, &problems, &first, cancellable, error);
  if (records == NULL)
    return NULL;
  index = latest ? find_latest (records, filter != NULL ? filter->parts : 0)
                 : find_id (records, NULL, beginning);
  if (index < records->len)
    return g_ptr_array_steal_index (records, index);

  if (index > records->len)
    set_ambiguous (id, error);
  else if (destinations->len == 0)
    g_set_error_literal (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                         "No place for backups is known here, so there is none; tell where they "
                         "are with `obbackupctl destination add`.");
  else if (first != NULL)
    g_propagate_error (error, g_steal_pointer (&first));
  else
    {
      set_not_found (id, filter, &unknown);
      /* It may be one whose file cannot be read. */
      if (problems->len > 0)
        g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                     "%s Not everything there could be read, though (`obbackupctl verify` tells "
                     "more): %s",
                     unknown->message, (const char *) g_ptr_array_index (problems, 0));
      else
        g_propagate_error (error, g_steal_pointer (&unknown));
    }
  return NULL;
}

ObBackupRecord *
ob_catalogue_pick (GPtrArray *records, const char *destination, const char *id, GError **error)
{
  g_autofree char *beginning = NULL;
  guint index = 0;

  if (!check_id (id, "", &beginning, error))
    return NULL;
  index = find_id (records, destination, beginning);
  if (index < records->len)
    return g_ptr_array_index (records, index);
  if (index > records->len)
    set_ambiguous (id, error);
  else
    set_not_found (id, NULL, error);
  return NULL;
}

gboolean
ob_catalogue_check_id (const char *id, GError **error)
{
  g_autofree char *lower = NULL;

  return check_id (id, "", &lower, error);
}
