/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-retention-job.h"

#include <string.h>

#include "ob-change.h"
#include "ob-delete-job.h"
#include "ob-error.h"
#include "ob-job-private.h"
#include "ob-manifest.h"

typedef struct
{
  ObContext *context;
  GPtrArray *destinations; /* of ObDestination: the one */
  ObSchedule *schedule;
  GStrv others; /* names of the other schedules */
  ObRetentionOptions options;
} Data;

/* internal methods */

static void
free_data (gpointer pointer)
{
  Data *data = pointer;

  g_ptr_array_unref (data->destinations);
  ob_schedule_unref (data->schedule);
  g_strfreev (data->others);
  g_free (data);
}

static void
free_verdict (gpointer verdict)
{
  ob_retention_verdict_free (verdict);
}

/* A backup that a verification found damaged is none to count on. One that a drill could not
 * restore takes no good one's place, but stays as long as the rules keep it: a check that is wrong
 * itself must not cost the backups of a week. */
static ObRetentionResult
get_result (const ObBackupRecord *record)
{
  if (ob_backup_record_is_damaged (record))
    return OB_RETENTION_FAILED;
  return ob_backup_record_is_complete (record) && !ob_backup_record_has_failed (record)
           ? OB_RETENTION_GOOD
           : OB_RETENTION_PARTIAL;
}

static char *
find_need (ObContext *context, const ObBackupRecord *record)
{
  g_autofree char *instance = NULL;
  char id[OB_ID_HEX_SIZE];

  ob_id_to_hex (ob_snapshot_get_public_id (record->snapshot), id);
  return ob_change_needs (context, id, &instance)
           ? g_strdup_printf ("the open change of %s", instance)
           : NULL;
}

static void
describe_one (GVariantBuilder *builder, const ObBackupRecord *record,
              const ObRetentionVerdict *verdict)
{
  const ObSnapshot *snapshot = record->snapshot;
  const char *kind = ob_snapshot_get_tag (snapshot, "kind");
  const char *label = ob_snapshot_get_tag (snapshot, "label");
  g_autofree char *valid = label != NULL ? g_utf8_make_valid (label, -1) : NULL;
  char id[OB_ID_HEX_SIZE];

  ob_id_to_hex (ob_snapshot_get_public_id (snapshot), id);
  g_variant_builder_open (builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (builder, "{sv}", "id", g_variant_new_string (id));
  g_variant_builder_add (builder, "{sv}", "time",
                         g_variant_new_uint64 ((guint64) MAX (snapshot->time.tv_sec, 0)));
  if (kind != NULL && g_utf8_validate (kind, -1, NULL))
    g_variant_builder_add (builder, "{sv}", "kind", g_variant_new_string (kind));
  if (valid != NULL)
    g_variant_builder_add (builder, "{sv}", "label", g_variant_new_string (valid));
  g_variant_builder_add (builder, "{sv}", "keep", g_variant_new_boolean (verdict->keep));
  g_variant_builder_add (builder, "{sv}", "reasons",
                         g_variant_new_strv ((const char *const *) verdict->reasons, -1));
  g_variant_builder_close (builder);
}

/* A backup that the destination keeps locked stays, whatever the rules say. */
static gboolean
spare_locked (ObRepository *repository, const ObBackupRecord *record, ObRetentionVerdict *verdict,
              GCancellable *cancellable, GError **error)
{
  g_autoptr (GStrvBuilder) reasons = g_strv_builder_new ();
  g_autofree char *name = NULL;
  g_autofree char *when = NULL;
  g_autofree char *reason = NULL;
  char id[OB_ID_HEX_SIZE];
  gint64 until;

  ob_id_to_hex (&record->snapshot->id, id);
  name = g_strconcat ("snapshots/", id, NULL);
  if (!ob_store_get_lock (ob_repository_get_store (repository), name, &until, cancellable, error))
    return FALSE;
  if (until == 0)
    return TRUE;
  when = ob_store_format_lock (until);
  reason = g_strconcat ("locked until ", when, NULL);
  g_strv_builder_add (reasons, reason);
  g_strfreev (verdict->reasons);
  verdict->reasons = g_strv_builder_end (reasons);
  verdict->keep = TRUE;
  return TRUE;
}

static gboolean
spare_all_locked (const Data *data, GPtrArray *records, GPtrArray *verdicts,
                  GCancellable *cancellable, GError **error)
{
  g_autoptr (ObRepository) repository = NULL;

  for (guint i = 0; i < records->len; i++)
    {
      ObBackupRecord *record = g_ptr_array_index (records, i);
      ObRetentionVerdict *verdict = g_ptr_array_index (verdicts, i);

      if (verdict->keep)
        continue;
      if (repository == NULL)
        repository = ob_destination_open (record->destination, data->context, cancellable, error);
      if (repository == NULL
          || !spare_locked (repository, record, verdict, cancellable, error))
        return FALSE;
    }
  return TRUE;
}

/* Tells all, and gives the ids of those that go. */
static GStrv
tell (ObJob *job, const Data *data, GPtrArray *records, GPtrArray *verdicts)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  g_autoptr (GStrvBuilder) going = g_strv_builder_new ();
  g_autofree char *rules = ob_retention_to_string (data->schedule->retention);

  for (guint i = 0; i < records->len; i++)
    {
      const ObBackupRecord *record = g_ptr_array_index (records, i);
      const ObRetentionVerdict *verdict = g_ptr_array_index (verdicts, i);
      char id[OB_ID_HEX_SIZE];

      describe_one (&builder, record, verdict);
      if (verdict->keep)
        continue;
      ob_id_to_hex (ob_snapshot_get_public_id (record->snapshot), id);
      g_strv_builder_add (going, id);
    }
  ob_job_set_result (job, "backups", g_variant_builder_end (&builder));
  ob_job_set_result (job, "rules", g_variant_new_string (rules));
  ob_job_set_result (job, "plan", g_variant_new_boolean (data->options.plan));
  return g_strv_builder_end (going);
}

static gboolean
remove_going (ObJob *job, Data *data, const char *const *going, GCancellable *cancellable,
              GError **error)
{
  const char *const none[] = { NULL };
  ObDeleteOptions options
    = { .prune = data->options.prune, .prune_seconds = data->options.seconds };

  if (*going != NULL)
    return ob_delete_job_run (job, data->context, data->destinations, going, &options, cancellable,
                              error);
  ob_job_set_result (job, "removed", g_variant_new_strv (none, -1));
  return TRUE;
}

/* Leaves out what another schedule made that there is. */
static void
drop_others (const Data *data, GPtrArray *records)
{
  for (guint i = records->len; i > 0; i--)
    {
      const ObBackupRecord *record = g_ptr_array_index (records, i - 1);
      const char *schedule = ob_snapshot_get_tag (record->snapshot, "schedule");

      if (schedule != NULL && g_strv_contains ((const char *const *) data->others, schedule))
        g_ptr_array_remove_index (records, i - 1);
    }
}

static gboolean
run_retention (ObJob *job, gpointer pointer, GCancellable *cancellable, GError **error)
{
  Data *data = pointer;
  ObBackupFilter filter = { .instance = data->schedule->instance };
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) records = NULL;
  g_autoptr (GPtrArray) verdicts = NULL;
  g_auto (GStrv) going = NULL;

  ob_progress_set_phase (ob_job_get_progress (job), "choosing");
  ob_job_watch_all (job, data->destinations);
  records = ob_catalogue_list (data->context, data->destinations, &filter, &problems, cancellable,
                               error);
  if (records == NULL)
    return FALSE;
  /* What cannot be read may be what another backup is to be kept for. */
  if (problems->len > 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
                   "%s So nothing is removed; look with \"obbackupctl verify\".",
                   (const char *) g_ptr_array_index (problems, 0));
      return FALSE;
    }
  drop_others (data, records);
  verdicts = ob_retention_judge (data->context, data->schedule, records);
  if (!spare_all_locked (data, records, verdicts, cancellable, error))
    return FALSE;
  going = tell (job, data, records, verdicts);
  return data->options.plan
         || remove_going (job, data, (const char *const *) going, cancellable, error);
}

static ObParts
get_parts (const ObBackupRecord *record)
{
  return record->snapshot->obbackup != NULL ? ob_manifest_get_parts (record->snapshot->obbackup)
                                            : 0;
}

/* @texts keeps what the item refers to. */
static ObRetentionItem
make_item (ObContext *context, const ObBackupRecord *record, GPtrArray *texts)
{
  char *id = g_malloc (OB_ID_HEX_SIZE);
  char *need = find_need (context, record);

  ob_id_to_hex (ob_snapshot_get_public_id (record->snapshot), id);
  g_ptr_array_add (texts, id);
  if (need != NULL)
    g_ptr_array_add (texts, need);
  return (ObRetentionItem){ .id = id,
                            .time = record->snapshot->time.tv_sec,
                            .kind = ob_snapshot_get_tag (record->snapshot, "kind"),
                            .result = get_result (record),
                            .parts = get_parts (record),
                            .pinned = ob_snapshot_has_tag (record->snapshot, "pinned"),
                            .needed_by = need };
}

/* Those that hold the parts of the record @first, which is the first of them: their verdicts go
 * to their places. */
static void
judge_alike (ObContext *context, const ObSchedule *schedule, GPtrArray *records, guint first,
             GPtrArray *verdicts)
{
  ObParts parts = get_parts (g_ptr_array_index (records, first));
  g_autoptr (GArray) items = g_array_new (FALSE, FALSE, sizeof (ObRetentionItem));
  g_autoptr (GArray) places = g_array_new (FALSE, FALSE, sizeof (guint));
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GTimeZone) zone = ob_schedule_new_zone (schedule);
  g_autoptr (GPtrArray) judged = NULL;

  for (guint i = first; i < records->len; i++)
    {
      const ObBackupRecord *record = g_ptr_array_index (records, i);
      ObRetentionItem item;

      if (get_parts (record) != parts)
        continue;
      item = make_item (context, record, texts);
      g_array_append_val (items, item);
      g_array_append_val (places, i);
    }
  judged
    = ob_retention_apply (schedule->retention, (const ObRetentionItem *) (gpointer) items->data,
                          items->len, zone, g_get_real_time () / G_USEC_PER_SEC);
  g_ptr_array_set_free_func (judged, NULL);
  for (guint i = 0; i < judged->len; i++)
    g_ptr_array_index (verdicts, g_array_index (places, guint, i)) = g_ptr_array_index (judged, i);
}

static GStrv
list_others (const char *const *names, const char *own)
{
  g_autoptr (GStrvBuilder) others = g_strv_builder_new ();

  for (gsize i = 0; names != NULL && names[i] != NULL; i++)
    if (strcmp (names[i], own) != 0)
      g_strv_builder_add (others, names[i]);
  return g_strv_builder_end (others);
}

/* public methods */

GPtrArray *
ob_retention_judge (ObContext *context, const ObSchedule *schedule, GPtrArray *records)
{
  GPtrArray *verdicts = g_ptr_array_new_with_free_func (free_verdict);

  g_ptr_array_set_size (verdicts, (gint) records->len);
  for (guint i = 0; i < records->len; i++)
    if (g_ptr_array_index (verdicts, i) == NULL)
      judge_alike (context, schedule, records, i, verdicts);
  return verdicts;
}

ObJob *
ob_retention_job_new (ObContext *context, ObDestination *destination, ObSchedule *schedule,
                      const ObRetentionOptions *options, guint uid, GError **error)
{
  Data *data = NULL;
  ObJob *job = NULL;

  if (schedule->retention == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "Schedule %s has no rules about what is kept, so all is; give it some with "
                   "\"obbackupctl schedule edit %s --keep-daily 7\", for example.",
                   schedule->name, schedule->name);
      return NULL;
    }
  data = g_new0 (Data, 1);
  data->context = context;
  data->destinations = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_destination_unref);
  g_ptr_array_add (data->destinations, ob_destination_ref (destination));
  data->schedule = ob_schedule_ref (schedule);
  data->others = list_others (options->schedules, schedule->name);
  data->options = *options;
  data->options.schedules = NULL;
  job = ob_job_new ("retention", NULL, ob_destination_get_name (destination), uid, run_retention,
                    data, free_data);
  if (!options->plan)
    ob_job_set_alone (job);
  return job;
}
