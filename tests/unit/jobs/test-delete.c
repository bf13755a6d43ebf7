/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The jobs that delete and prune, and what may be deleted. */
#include "ob-delete-check.h"

#include <string.h>

#include "jobs-fixture.h"
#include "ob-job-queue.h"
#include "ob-operations.h"
#include "ob-retention-job.h"
#include "ob-verify.h"
#include "ob-verify-record.h"

static const char *const pinned[] = { "obbackup", "instance=ob", "kind=manual", "pinned", NULL };
static const char *const of_other[] = { "obbackup", "instance=other", "kind=manual", NULL };
static const char *const foreign[] = { "mine", "instance=ob", NULL };

#define FILES (OB_PART_SOURCES | OB_PART_ATTACHMENTS)

typedef struct
{
  JobsFixture base;
  ObDestination *one, *two;
  GPtrArray *both;
  ObJobQueue *queue;
} Deletion;

static void
set_up (Deletion *deletion, gconstpointer data)
{
  jobs_fixture_set_up (&deletion->base, data);
  deletion->one = jobs_fixture_make_destination (&deletion->base, "one");
  deletion->two = jobs_fixture_make_destination (&deletion->base, "two");
  deletion->both = g_ptr_array_new ();
  g_ptr_array_add (deletion->both, deletion->one);
  g_ptr_array_add (deletion->both, deletion->two);
  deletion->queue = ob_job_queue_new (deletion->base.context);
}

static void
tear_down (Deletion *deletion, gconstpointer data)
{
  g_object_unref (deletion->queue);
  g_ptr_array_unref (deletion->both);
  ob_destination_unref (deletion->one);
  ob_destination_unref (deletion->two);
  jobs_fixture_tear_down (&deletion->base, data);
}

static char *
store (Deletion *deletion, ObDestination *destination, gint64 seconds, const char *const *tags,
       const char *result, ObParts parts)
{
  JobsBackup backup = { .seconds = seconds, .tags = tags, .result = result, .parts = parts };

  return jobs_fixture_store (&deletion->base, destination, &backup);
}

static GPtrArray *
list (Deletion *deletion)
{
  g_autoptr (GError) error = NULL;
  GPtrArray *records = ob_catalogue_list (deletion->base.context, deletion->both, NULL, NULL, NULL,
                                          &error);

  g_assert_no_error (error);
  return records;
}

/* @code negative: they may go. */
static void
assert_check (Deletion *deletion, int code, const char *words, ...) G_GNUC_NULL_TERMINATED;

static void
assert_check (Deletion *deletion, int code, const char *words, ...)
{
  g_autoptr (GPtrArray) records = list (deletion);
  g_autoptr (GPtrArray) picked = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  const char *id;
  va_list ids;

  va_start (ids, words);
  while ((id = va_arg (ids, const char *)) != NULL)
    {
      g_ptr_array_add (picked, ob_catalogue_pick (records, NULL, id, &error));
      g_assert_no_error (error);
    }
  va_end (ids);
  g_assert_cmpint (ob_delete_check (records, picked, &error), ==, code < 0);
  if (code < 0)
    g_assert_no_error (error);
  else
    {
      g_assert_error (error, OB_ERROR, code);
      g_assert_message (error, words);
    }
}

static void
test_last_good (Deletion *deletion, gconstpointer data)
{
  g_autofree char *old = store (deletion, deletion->one, 1, NULL, "complete", OB_PART_ALL);
  g_autofree char *partial = store (deletion, deletion->one, 2, NULL, "partial", OB_PART_ALL);
  g_autofree char *other = store (deletion, deletion->one, 3, of_other, "complete", OB_PART_ALL);
  g_autofree char *theirs = store (deletion, deletion->one, 4, foreign, NULL, 0);
  g_autofree char *new = NULL;

  assert_check (deletion, -1, NULL, partial, NULL);
  assert_check (deletion, -1, NULL, theirs, NULL);
  assert_check (deletion, OB_ERROR_WOULD_DELETE_LAST, "last good one of ob", old, NULL);
  assert_check (deletion, OB_ERROR_WOULD_DELETE_LAST, "last good one of other", other, NULL);
  /* The other one is somewhere else. */
  new = store (deletion, deletion->two, 5, NULL, "complete", OB_PART_ALL);
  assert_check (deletion, -1, NULL, old, NULL);
  assert_check (deletion, -1, NULL, new, NULL);
  assert_check (deletion, OB_ERROR_WOULD_DELETE_LAST, "destination two", old, new, NULL);
}

/* What a verification found of a backup. */
static void
verify (Deletion *deletion, ObDestination *destination, const char *id, gboolean sound)
{
  g_autoptr (ObVerifyRecord) record = ob_verify_record_load (
    deletion->base.context, ob_destination_get_repository_id (destination));
  g_autoptr (GError) error = NULL;
  ObId public_id;

  g_assert_true (ob_id_from_hex (id, &public_id));
  ob_verify_record_add (record, &public_id, 1000, sound, OB_VERIFIED_DATA);
  ob_verify_record_save (record, deletion->base.context, &error);
  g_assert_no_error (error);
}

/* One that is known to be damaged is none that one could go back to; nor is one that a repair found
 * to lack files, which its tag tells when another program has dropped the rest. */
static void
test_last_sound (Deletion *deletion, gconstpointer data)
{
  static const char *const incomplete[]
    = { "obbackup", "instance=ob", "kind=manual", OB_VERIFY_INCOMPLETE_TAG, NULL };
  g_autofree char *old = store (deletion, deletion->one, 1, NULL, "complete", OB_PART_ALL);
  g_autofree char *lacking = store (deletion, deletion->one, 2, incomplete, "complete",
                                    OB_PART_ALL);
  g_autofree char *new = NULL;

  assert_check (deletion, OB_ERROR_WOULD_DELETE_LAST, "last good one of ob", old, NULL);
  assert_check (deletion, -1, NULL, lacking, NULL);
  new = store (deletion, deletion->one, 3, NULL, "complete", OB_PART_ALL);
  verify (deletion, deletion->one, new, FALSE);
  assert_check (deletion, OB_ERROR_WOULD_DELETE_LAST, "last good one of ob", old, NULL);
  assert_check (deletion, -1, NULL, new, NULL);
  verify (deletion, deletion->one, new, TRUE);
  assert_check (deletion, -1, NULL, old, NULL);
}

/* What a drill learnt of a backup. */
static void
drill (Deletion *deletion, ObDestination *destination, const char *id, gboolean proof)
{
  g_autoptr (ObVerifyRecord) record = ob_verify_record_load (
    deletion->base.context, ob_destination_get_repository_id (destination));
  g_autoptr (GError) error = NULL;
  ObId public_id;

  g_assert_true (ob_id_from_hex (id, &public_id));
  ob_verify_record_prove (record, &public_id, 1000, proof);
  ob_verify_record_save (record, deletion->base.context, &error);
  g_assert_no_error (error);
}

/* One that could not be restored is none that one could go back to, until it could. */
static void
test_last_restorable (Deletion *deletion, gconstpointer data)
{
  g_autofree char *old = store (deletion, deletion->one, 1, NULL, "complete", OB_PART_ALL);
  g_autofree char *new = store (deletion, deletion->one, 2, NULL, "complete", OB_PART_ALL);

  assert_check (deletion, -1, NULL, old, NULL);
  drill (deletion, deletion->one, new, FALSE);
  assert_check (deletion, OB_ERROR_WOULD_DELETE_LAST, "last good one of ob", old, NULL);
  assert_check (deletion, -1, NULL, new, NULL);
  drill (deletion, deletion->one, new, TRUE);
  assert_check (deletion, -1, NULL, old, NULL);
}

/* The reasons of a verdict on backup @id, joined by blanks; "" where it goes. Transfer full. */
static char *
judge (Deletion *deletion, const ObSchedule *schedule, const char *id)
{
  g_autoptr (GPtrArray) records = list (deletion);
  g_autoptr (GPtrArray) verdicts
    = ob_retention_judge (deletion->base.context, schedule, records);

  for (guint i = 0; i < records->len; i++)
    {
      const ObBackupRecord *record = g_ptr_array_index (records, i);
      const ObRetentionVerdict *verdict = g_ptr_array_index (verdicts, i);
      char hex[OB_ID_HEX_SIZE];

      ob_id_to_hex (ob_snapshot_get_public_id (record->snapshot), hex);
      if (strcmp (hex, id) == 0)
        return verdict->keep ? g_strjoinv (" ", verdict->reasons) : g_strdup ("");
    }
  g_assert_not_reached ();
}

/* Retention keeps the last that could be restored, and loses none for a drill that failed: the
 * checks may be wrong themselves. */
static void
test_retention (Deletion *deletion, gconstpointer data)
{
  static const char *const scheduled[] = { "obbackup", "instance=ob", "kind=scheduled", NULL };
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRetention) retention = NULL;
  ObSchedule schedule = { 0 };
  g_autofree char *old = store (deletion, deletion->one, 1, scheduled, "complete", OB_PART_ALL);
  g_autofree char *new = store (deletion, deletion->one, 2, scheduled, "complete", OB_PART_ALL);
  g_autofree char *before = NULL;
  g_autofree char *kept = NULL;
  g_autofree char *failed = NULL;

  g_key_file_set_string (file, "keep", "keep-last", "1");
  retention = ob_retention_new_from_key_file (file, "keep", &error);
  g_assert_no_error (error);
  schedule.retention = retention;
  before = judge (deletion, &schedule, old);
  g_assert_cmpstr (before, ==, "");
  drill (deletion, deletion->one, new, FALSE);
  kept = judge (deletion, &schedule, old);
  g_assert_nonnull (strstr (kept, "last good backup"));
  failed = judge (deletion, &schedule, new);
  g_assert_nonnull (strstr (failed, "last"));
  g_assert_null (strstr (failed, "good"));
}

static void
test_last_of_a_part (Deletion *deletion, gconstpointer data)
{
  g_autofree char *whole = store (deletion, deletion->one, 1, NULL, "complete",
                                  FILES | OB_PART_DATABASE);
  g_autofree char *files = store (deletion, deletion->one, 2, NULL, "complete", FILES);
  g_autofree char *database = NULL;

  assert_check (deletion, -1, NULL, files, NULL);
  assert_check (deletion, OB_ERROR_WOULD_DELETE_LAST, "that holds database", whole, NULL);
  database = store (deletion, deletion->one, 3, NULL, "complete", OB_PART_DATABASE);
  assert_check (deletion, -1, NULL, whole, NULL);
  assert_check (deletion, OB_ERROR_WOULD_DELETE_LAST, "that holds database", whole, database, NULL);
}

/* Where none is whole, the last that there is. */
static void
test_last_partial (Deletion *deletion, gconstpointer data)
{
  g_autofree char *first = store (deletion, deletion->one, 1, NULL, "partial", FILES);
  g_autofree char *second = store (deletion, deletion->one, 2, NULL, NULL, 0);

  assert_check (deletion, -1, NULL, first, NULL);
  assert_check (deletion, -1, NULL, second, NULL);
  assert_check (deletion, OB_ERROR_WOULD_DELETE_LAST, "last one of ob", first, second, NULL);
}

static void
test_pinned (Deletion *deletion, gconstpointer data)
{
  g_autofree char *held = store (deletion, deletion->one, 1, pinned, "complete", FILES);
  g_autofree char *other = store (deletion, deletion->one, 2, NULL, "complete", FILES);

  assert_check (deletion, OB_ERROR_INVALID_ARGUMENT, "pinned", held, NULL);
  assert_check (deletion, -1, NULL, other, NULL);
}

/* One repository under two names: what is seen twice is there once. */
static void
test_same_repository (Deletion *deletion, gconstpointer data)
{
  g_autofree char *only = store (deletion, deletion->one, 1, NULL, "complete", FILES);
  g_autoptr (GError) error = NULL;
  g_autoptr (ObDestination) again
    = jobs_new_destination ("again", ob_destination_get_path (deletion->one), JOBS_PASSPHRASE,
                            FALSE, &error);
  g_autoptr (GPtrArray) records = NULL;
  g_autoptr (GPtrArray) picked = g_ptr_array_new ();
  gboolean created, generated;

  g_assert_no_error (error);
  ob_destination_set_up (again, deletion->base.context, &created, &generated, NULL, &error);
  g_assert_no_error (error);
  g_ptr_array_add (deletion->both, again);
  records = list (deletion);
  g_assert_cmpuint (records->len, ==, 2);
  g_assert_null (ob_catalogue_pick (records, NULL, only, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_ptr_array_add (picked, ob_catalogue_pick (records, "again", only, &error));
  g_assert_no_error (error);
  g_assert_false (ob_delete_check (records, picked, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_WOULD_DELETE_LAST);
}

/* The job's end. */
static GVariant *
run (Deletion *deletion, ObJob *job, ObJobState state)
{
  g_autoptr (ObJob) owned = job;
  g_autoptr (GError) error = NULL;

  ob_job_queue_add (deletion->queue, job, &error);
  g_assert_no_error (error);
  while (!ob_job_state_is_final (ob_job_get_state (job)))
    g_main_context_iteration (NULL, TRUE);
  if (ob_job_get_state (job) != state)
    g_error ("%s: %s", ob_job_state_get_name (ob_job_get_state (job)),
             ob_job_get_error_message (job));
  return ob_job_dup_result (job);
}

static GVariant *
run_delete (Deletion *deletion, const char *const *ids, const ObDeleteOptions *options,
            ObJobState state)
{
  g_autoptr (GError) error = NULL;
  ObJob *job = ob_delete_job_new (deletion->base.context, deletion->both, ids, options, 0, &error);

  g_assert_no_error (error);
  return run (deletion, job, state);
}

static void
assert_n_backups (Deletion *deletion, guint n)
{
  g_autoptr (GPtrArray) records = list (deletion);

  g_assert_cmpuint (records->len, ==, n);
}

static guint64
get_remaining (GVariant *result)
{
  g_autoptr (GVariant) remaining
    = g_variant_lookup_value (result, "remaining", G_VARIANT_TYPE ("a{st}"));
  guint64 time = G_MAXUINT64;

  g_assert_true (g_variant_lookup (remaining, "ob", "t", &time));
  return time;
}

/* At two destinations, one of the ids twice and short. */
static void
test_delete (Deletion *deletion, gconstpointer data)
{
  g_autofree char *first = store (deletion, deletion->one, 1, NULL, "complete", FILES);
  g_autofree char *second = store (deletion, deletion->two, 2, NULL, "complete", FILES);
  g_autofree char *third = store (deletion, deletion->two, 3, NULL, "complete", FILES);
  g_autofree char *beginning = g_strndup (first, 10);
  const char *const ids[] = { beginning, second, first, NULL };
  const char *const rest[] = { third, NULL };
  ObDeleteOptions options = { .prune = TRUE };
  g_autofree const char **removed = NULL;
  g_autoptr (GVariant) result = run_delete (deletion, ids, &options, OB_JOB_SUCCEEDED);
  g_autoptr (GVariant) refused = NULL;
  g_autoptr (GVariant) forced = NULL;

  g_assert_true (g_variant_lookup (result, "removed", "^a&s", &removed));
  g_assert_cmpuint (g_strv_length ((char **) removed), ==, 2);
  g_assert_true (g_strv_contains (removed, first));
  g_assert_true (g_strv_contains (removed, second));
  assert_n_backups (deletion, 1);
  g_assert_cmpuint (get_remaining (result), ==, 3);

  refused = run_delete (deletion, rest, &options, OB_JOB_FAILED);
  g_assert_false (g_variant_lookup (refused, "removed", "^a&s", NULL));
  assert_n_backups (deletion, 1);
  options.force = TRUE;
  forced = run_delete (deletion, rest, &options, OB_JOB_SUCCEEDED);
  assert_n_backups (deletion, 0);
  g_assert_cmpuint (get_remaining (forced), ==, 0);
}

/* If one of them cannot be found, none is deleted. */
static void
test_all_or_none (Deletion *deletion, gconstpointer data)
{
  g_autofree char *first = store (deletion, deletion->one, 1, NULL, "complete", FILES);
  g_autofree char *second = store (deletion, deletion->one, 2, NULL, "complete", FILES);
  const char *const ids[] = { first, "00000000", NULL };
  const char *const elsewhere[] = { first, NULL };
  ObDeleteOptions options = { .destination = "two" };
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GVariant) not_there = run_delete (deletion, elsewhere, &options, OB_JOB_FAILED);

  options.destination = NULL;
  result = run_delete (deletion, ids, &options, OB_JOB_FAILED);
  assert_n_backups (deletion, 2);
}

/* A backup whose label was being changed when the power went is there twice: both go. */
static void
test_twice (Deletion *deletion, gconstpointer data)
{
  g_autofree char *first = store (deletion, deletion->one, 1, NULL, "complete", FILES);
  g_autofree char *other = store (deletion, deletion->one, 2, NULL, "complete", FILES);
  g_autofree char *second = NULL;
  const char *const ids[] = { first, NULL };
  const ObDeleteOptions options = { 0 };
  JobsBackup relabelled = { .seconds = 1, .result = "complete", .parts = FILES };
  g_autoptr (GVariant) result = NULL;
  ObId original;

  g_assert_true (ob_id_from_hex (first, &original));
  relabelled.original = &original;
  second = jobs_fixture_store (&deletion->base, deletion->one, &relabelled);
  g_assert_cmpstr (second, ==, first);
  result = run_delete (deletion, ids, &options, OB_JOB_SUCCEEDED);
  assert_n_backups (deletion, 1);
}

static void
test_arguments (Deletion *deletion, gconstpointer data)
{
  static const char *const bad[] = { "latest", "abc", "", "xyzxyzxyz", "12345678 " };
  const char *const none[] = { NULL };
  const ObDeleteOptions options = { 0 };
  const ObPruneOptions limits = { .max_unused = "much" };
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      const char *const ids[] = { bad[i], NULL };
      g_autoptr (GError) bad_error = NULL;

      g_assert_null (ob_delete_job_new (deletion->base.context, deletion->both, ids, &options, 0,
                                        &bad_error));
      g_assert_error (bad_error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
    }
  g_assert_null (ob_delete_job_new (deletion->base.context, deletion->both, none, &options, 0,
                                    &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_null (ob_prune_job_new (deletion->base.context, deletion->one, &limits, 0, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
}

static void
test_prune (Deletion *deletion, gconstpointer data)
{
  g_autofree char *first
    = jobs_fixture_store (&deletion->base, deletion->one,
                          &(JobsBackup){ .seconds = 1, .result = "complete", .manifest = "{}" });
  g_autofree char *second = store (deletion, deletion->one, 2, NULL, "complete", 0);
  const char *const ids[] = { first, NULL };
  const ObDeleteOptions delete_options = { .force = TRUE };
  ObPruneOptions options = { .plan = TRUE, .max_unused = "0%" };
  g_autoptr (GVariant) deleted = run_delete (deletion, ids, &delete_options, OB_JOB_SUCCEEDED);
  g_autoptr (GVariant) planned = NULL;
  g_autoptr (GVariant) pruned = NULL;
  guint64 would = 0, did = 0;
  gboolean plan = FALSE;

  planned = run (deletion,
                 ob_prune_job_new (deletion->base.context, deletion->one, &options, 0, NULL),
                 OB_JOB_SUCCEEDED);
  g_assert_true (g_variant_lookup (planned, "plan", "b", &plan) && plan);
  g_assert_true (g_variant_lookup (planned, "freed", "t", &would));
  options.plan = FALSE;
  pruned = run (deletion,
                ob_prune_job_new (deletion->base.context, deletion->one, &options, 0, NULL),
                OB_JOB_SUCCEEDED);
  g_assert_true (g_variant_lookup (pruned, "plan", "b", &plan) && !plan);
  g_assert_true (g_variant_lookup (pruned, "freed", "t", &did));
  g_assert_cmpuint (would, ==, did);
  g_assert_cmpuint (did, >, 0);
}

static void
add (const char *path, void (*test) (Deletion *, gconstpointer))
{
  g_test_add (path, Deletion, NULL, set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  jobs_fixture_quiet_log ();
  add ("/delete/last-good", test_last_good);
  add ("/delete/last-sound", test_last_sound);
  add ("/delete/last-restorable", test_last_restorable);
  add ("/delete/retention", test_retention);
  add ("/delete/last-of-a-part", test_last_of_a_part);
  add ("/delete/last-partial", test_last_partial);
  add ("/delete/pinned", test_pinned);
  add ("/delete/same-repository", test_same_repository);
  add ("/delete/delete", test_delete);
  add ("/delete/all-or-none", test_all_or_none);
  add ("/delete/twice", test_twice);
  add ("/delete/arguments", test_arguments);
  add ("/delete/prune", test_prune);
  return g_test_run ();
}
