/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The job that labels and pins backups, and what a change that was cut off leaves. */
#include <string.h>

#include "jobs-fixture.h"
#include "ob-job-queue.h"
#include "ob-label.h"
#include "ob-lock.h"
#include "ob-operations.h"
#include "ob-retag.h"

#define KEEP NULL

typedef struct
{
  JobsFixture base;
  ObDestination *one, *two;
  GPtrArray *both;
  ObJobQueue *queue;
} Edit;

static void
set_up (Edit *edit, gconstpointer data)
{
  jobs_fixture_set_up (&edit->base, data);
  edit->one = jobs_fixture_make_destination (&edit->base, "one");
  edit->two = jobs_fixture_make_destination (&edit->base, "two");
  edit->both = g_ptr_array_new ();
  g_ptr_array_add (edit->both, edit->one);
  g_ptr_array_add (edit->both, edit->two);
  edit->queue = ob_job_queue_new (edit->base.context);
}

static void
tear_down (Edit *edit, gconstpointer data)
{
  g_object_unref (edit->queue);
  g_ptr_array_unref (edit->both);
  ob_destination_unref (edit->one);
  ob_destination_unref (edit->two);
  jobs_fixture_tear_down (&edit->base, data);
}

static char *
store (Edit *edit, ObDestination *destination, const char *const *tags)
{
  JobsBackup backup
    = { .seconds = 1, .tags = tags, .result = "complete", .parts = OB_PART_SOURCES };

  return jobs_fixture_store (&edit->base, destination, &backup);
}

/* The names of the snapshot files, transfer full: of char *. */
static GPtrArray *
list_files (Edit *edit, const char *destination)
{
  g_autofree char *name = g_build_filename (destination, "snapshots", NULL);
  g_autofree char *path = fixture_path (&edit->base.base, name);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) directory = g_dir_open (path, 0, &error);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  const char *found;

  g_assert_no_error (error);
  while ((found = g_dir_read_name (directory)) != NULL)
    g_ptr_array_add (names, g_strdup (found));
  return names;
}

static guint
count_files (Edit *edit, const char *destination)
{
  g_autoptr (GPtrArray) names = list_files (edit, destination);

  return names->len;
}

/* The backup as it is listed. Transfer full. */
static ObBackupRecord *
find (Edit *edit, const char *id)
{
  g_autoptr (GError) error = NULL;
  ObBackupRecord *record
    = ob_catalogue_find (edit->base.context, edit->both, id, NULL, NULL, &error);

  g_assert_no_error (error);
  return record;
}

/* @expected: its tags, with "|" between them. What else is ours is as it was. */
static void
assert_tags (Edit *edit, const char *id, const char *expected)
{
  g_autoptr (ObBackupRecord) record = find (edit, id);
  g_autofree char *tags
    = record->snapshot->tags != NULL ? g_strjoinv ("|", record->snapshot->tags) : g_strdup ("");
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (ob_snapshot_get_public_id (record->snapshot), hex);
  g_assert_cmpstr (hex, ==, id);
  g_assert_cmpstr (tags, ==, expected);
  g_assert_cmpint (record->snapshot->time.tv_sec, ==, 1);
  g_assert_cmpstr (record->snapshot->hostname, ==, "erp");
  g_assert_cmpstr (json_object_get_string_member (record->snapshot->obbackup, "result"), ==,
                   "complete");
}

/* Runs it to its end. Transfer full. */
static ObJob *
run (Edit *edit, ObJob *job)
{
  g_autoptr (GError) error = NULL;

  ob_job_queue_add (edit->queue, job, &error);
  g_assert_no_error (error);
  while (!ob_job_state_is_final (ob_job_get_state (job)))
    g_main_context_iteration (NULL, TRUE);
  return job;
}

static ObJob *
begin (Edit *edit, const char *id, const char *label, int pinned)
{
  ObEditOptions options = { .label = label, .set_pinned = pinned >= 0, .pinned = pinned > 0 };
  g_autoptr (GError) error = NULL;
  ObJob *job = ob_edit_job_new (edit->base.context, edit->both, id, &options, 0, &error);

  g_assert_no_error (error);
  return run (edit, job);
}

/* @pinned negative: as it is. Whether the job says that something was changed. */
static gboolean
change (Edit *edit, const char *id, const char *label, int pinned)
{
  g_autoptr (ObJob) job = begin (edit, id, label, pinned);
  g_autoptr (GVariant) result = ob_job_dup_result (job);
  gboolean changed = FALSE;

  if (ob_job_get_state (job) != OB_JOB_SUCCEEDED)
    g_error ("%s", ob_job_get_error_message (job));
  g_assert_true (g_variant_lookup (result, "changed", "b", &changed));
  return changed;
}

static void
assert_fails (Edit *edit, const char *id, const char *name, const char *words)
{
  g_autoptr (ObJob) job = begin (edit, id, "x", -1);

  g_assert_cmpint (ob_job_get_state (job), ==, OB_JOB_FAILED);
  g_assert_cmpstr (ob_job_get_error_name (job), ==, name);
  g_assert_nonnull (strstr (ob_job_get_error_message (job), words));
}

#define OURS "obbackup|instance=ob|kind=manual"

static void
test_edit (Edit *edit, gconstpointer data)
{
  g_autofree char *id = store (edit, edit->one, NULL);
  g_autofree char *other = store (edit, edit->two, NULL);
  g_autofree char *beginning = g_strndup (id, 12);

  g_assert_true (change (edit, beginning, KEEP, 1));
  assert_tags (edit, id, OURS "|pinned");
  g_assert_true (change (edit, id, "before \"X\", pinned", -1));
  assert_tags (edit, id, OURS "|pinned|label=before \"X\", pinned");
  g_assert_true (change (edit, id, "pinned", 0));
  assert_tags (edit, id, OURS "|label=pinned");
  g_assert_true (change (edit, id, "", -1));
  assert_tags (edit, id, OURS);
  assert_tags (edit, other, OURS);
  g_assert_cmpuint (count_files (edit, "one"), ==, 1);
  g_assert_cmpuint (count_files (edit, "two"), ==, 1);
}

/* What changes nothing writes nothing. */
static void
test_nothing (Edit *edit, gconstpointer data)
{
  g_autofree char *id = store (edit, edit->one, NULL);
  g_autoptr (GPtrArray) before = NULL;
  g_autoptr (GPtrArray) after = NULL;

  g_assert_false (change (edit, id, "", 0));
  g_assert_true (change (edit, id, "a", 1));
  before = list_files (edit, "one");
  g_assert_false (change (edit, id, "a", -1));
  g_assert_false (change (edit, id, KEEP, 1));
  g_assert_false (change (edit, id, "a", 1));
  after = list_files (edit, "one");
  g_assert_cmpuint (after->len, ==, 1);
  g_assert_cmpstr (g_ptr_array_index (before, 0), ==, g_ptr_array_index (after, 0));
}

/* Tags of other programs stay where they are; of ours each is there once. */
static void
test_foreign (Edit *edit, gconstpointer data)
{
  static const char *const tags[] = { "label=old", "x", "pinned", "label=older", "pinned", NULL };
  static const char *const none[] = { NULL };
  g_autofree char *id = store (edit, edit->one, tags);
  g_autofree char *bare = store (edit, edit->two, none);
  g_autoptr (ObBackupRecord) record = NULL;
  g_autoptr (GVariant) description = NULL;
  const char *label = NULL;

  g_assert_true (change (edit, id, "old", -1));
  assert_tags (edit, id, "label=old|x|pinned|pinned");
  g_assert_true (change (edit, id, "new", 1));
  assert_tags (edit, id, "label=new|x|pinned");
  g_assert_true (change (edit, id, "", 0));
  assert_tags (edit, id, "x");
  g_assert_true (change (edit, bare, "mine", 1));
  assert_tags (edit, bare, "pinned|label=mine");
  record = find (edit, bare);
  description = ob_backup_record_describe (record);
  g_assert_true (g_variant_lookup (description, "label", "&s", &label));
  g_assert_cmpstr (label, ==, "mine");
  g_assert_true (change (edit, bare, "", 0));
  assert_tags (edit, bare, "");
}

/* As far as a change comes that is cut off before the former file is removed. */
static void
cut_off (Edit *edit, const char *id, const char *const *tags)
{
  g_autoptr (ObBackupRecord) record = find (edit, id);
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository
    = ob_destination_open (record->destination, edit->base.context, NULL, &error);
  g_autoptr (ObLock) lock = NULL;
  ObId file;

  g_assert_no_error (error);
  lock = ob_lock_acquire (repository, TRUE, NULL, &error);
  g_assert_no_error (error);
  ob_retag_snapshot (repository, lock, record->snapshot, tags, &file, NULL, &error);
  g_assert_no_error (error);
}

/* However often the names of the files are drawn, the newer one is what is seen; whatever is done
 * next leaves one file. */
static void
test_cut_off (Edit *edit, gconstpointer data)
{
  static const char *const tags[] = { "obbackup", "instance=ob", "kind=manual", "pinned", NULL };
  static const char *const again[]
    = { "obbackup", "instance=ob", "kind=manual", "pinned", "label=a", NULL };

  for (int i = 0; i < 12; i++)
    {
      g_autofree char *id = store (edit, edit->one, NULL);

      cut_off (edit, id, tags);
      g_assert_cmpuint (count_files (edit, "one"), ==, i + 2);
      assert_tags (edit, id, OURS "|pinned");
      if (i % 3 == 0)
        g_assert_false (change (edit, id, KEEP, 1));
      else if (i % 3 == 1)
        g_assert_true (change (edit, id, KEEP, 0));
      else
        g_assert_true (change (edit, id, "b", -1));
      assert_tags (edit, id,
                   i % 3 == 0   ? OURS "|pinned"
                   : i % 3 == 1 ? OURS
                                : OURS "|pinned|label=b");
      g_assert_cmpuint (count_files (edit, "one"), ==, i + 1);

      /* A second change, of which nobody can tell which file is the newer. */
      cut_off (edit, id, again);
      change (edit, id, "a", 1);
      assert_tags (edit, id, OURS "|pinned|label=a");
      g_assert_cmpuint (count_files (edit, "one"), ==, i + 1);
    }
}

static void
test_cut_off_and_deleted (Edit *edit, gconstpointer data)
{
  static const char *const tags[] = { "obbackup", "instance=ob", "pinned", NULL };
  g_autofree char *id = store (edit, edit->one, NULL);
  const char *const ids[] = { id, NULL };
  ObDeleteOptions options = { .force = TRUE };
  g_autoptr (ObJob) job = NULL;
  g_autoptr (GError) error = NULL;

  cut_off (edit, id, tags);
  g_assert_cmpuint (count_files (edit, "one"), ==, 2);
  job = run (edit, ob_delete_job_new (edit->base.context, edit->both, ids, &options, 0, &error));
  g_assert_cmpint (ob_job_get_state (job), ==, OB_JOB_SUCCEEDED);
  g_assert_cmpuint (count_files (edit, "one"), ==, 0);
}

/* As `restic rewrite` leaves it without --forget: beside the backup, whose file it names as the
 * original, another one of a part of what is in it. The id of that: transfer full. */
static char *
rewrite (Edit *edit, const char *id)
{
  static const char *const tags[] = { "obbackup", "instance=ob", "kind=manual", "rewrite", NULL };
  g_autoptr (ObBackupRecord) former = find (edit, id);
  g_autoptr (GPtrArray) records = NULL;
  g_autoptr (GError) error = NULL;
  JobsBackup stripped
    = { .seconds = 1, .tags = tags, .manifest = "{}", .original = &former->snapshot->id };
  char hex[OB_ID_HEX_SIZE] = "";

  g_free (jobs_fixture_store (&edit->base, edit->one, &stripped));
  records = ob_catalogue_list (edit->base.context, edit->both, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (records->len, ==, 2);
  for (guint i = 0; i < records->len; i++)
    {
      const ObBackupRecord *record = g_ptr_array_index (records, i);
      const ObId *found = ob_snapshot_get_public_id (record->snapshot);

      if (!ob_id_equal (found, ob_snapshot_get_public_id (former->snapshot)))
        ob_id_to_hex (found, hex);
    }
  g_assert_cmpstr (hex, !=, "");
  return g_strdup (hex);
}

static void
assert_rewritten (Edit *edit, const char *id, const char *label)
{
  g_autoptr (ObBackupRecord) record = find (edit, id);
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (ob_snapshot_get_public_id (record->snapshot), hex);
  g_assert_cmpstr (hex, ==, id);
  g_assert_true (ob_snapshot_has_tag (record->snapshot, "rewrite"));
  g_assert_cmpstr (ob_snapshot_get_tag (record->snapshot, "label"), ==, label);
}

static void
delete (Edit *edit, const char *id)
{
  const char *const ids[] = { id, NULL };
  ObDeleteOptions options = { .force = TRUE };
  g_autoptr (ObJob) job
    = run (edit, ob_delete_job_new (edit->base.context, edit->both, ids, &options, 0, NULL));

  g_assert_cmpint (ob_job_get_state (job), ==, OB_JOB_SUCCEEDED);
}

/* They are two backups, each with an id of its own that stays, and neither goes with the other. */
static void
test_rewritten (Edit *edit, gconstpointer data)
{
  g_autofree char *id = store (edit, edit->one, NULL);
  g_autofree char *other = rewrite (edit, id);

  assert_tags (edit, id, OURS);
  g_assert_false (change (edit, id, "", -1));
  g_assert_cmpuint (count_files (edit, "one"), ==, 2);
  g_assert_true (change (edit, id, "whole", 1));
  g_assert_true (change (edit, other, "stripped", -1));
  g_assert_true (change (edit, id, KEEP, 0));
  g_assert_cmpuint (count_files (edit, "one"), ==, 2);
  assert_tags (edit, id, OURS "|label=whole");
  assert_rewritten (edit, other, "stripped");
  delete (edit, other);
  assert_tags (edit, id, OURS "|label=whole");
  g_assert_cmpuint (count_files (edit, "one"), ==, 1);
}

/* The file that restic named is replaced by the next change, which leaves the other its id. */
static void
test_rewritten_in_between (Edit *edit, gconstpointer data)
{
  g_autofree char *id = store (edit, edit->one, NULL);
  g_autofree char *other = NULL;

  g_assert_true (change (edit, id, "first", -1));
  other = rewrite (edit, id);
  g_assert_true (change (edit, id, "second", -1));
  g_assert_cmpuint (count_files (edit, "one"), ==, 2);
  assert_tags (edit, id, OURS "|label=second");
  assert_rewritten (edit, other, NULL);
  delete (edit, id);
  assert_rewritten (edit, other, NULL);
}

/* What is deleted does not come back as what restic made of it. */
static void
test_rewritten_and_deleted (Edit *edit, gconstpointer data)
{
  g_autofree char *id = store (edit, edit->one, NULL);
  g_autofree char *other = rewrite (edit, id);

  delete (edit, id);
  g_assert_cmpuint (count_files (edit, "one"), ==, 1);
  assert_fails (edit, id, "NotFound", "no backup");
  assert_rewritten (edit, other, NULL);
}

static void
test_not_found (Edit *edit, gconstpointer data)
{
  ObId first, second;
  JobsBackup backup = { .seconds = 1, .result = "complete", .original = &first };
  g_autofree char *one = NULL;
  g_autofree char *two = NULL;

  assert_fails (edit, "00000000", "NotFound", "no backup 00000000");
  memset (first.bytes, 0xab, OB_ID_SIZE);
  second = first;
  second.bytes[OB_ID_SIZE - 1] = 0;
  one = jobs_fixture_store (&edit->base, edit->one, &backup);
  backup.original = &second;
  two = jobs_fixture_store (&edit->base, edit->one, &backup);
  assert_fails (edit, "abab", "InvalidArgument", "Several backups");
  g_assert_true (change (edit, two, "x", -1));
  assert_tags (edit, one, OURS);

  /* The same id at two destinations. */
  g_free (two);
  two = jobs_fixture_store (&edit->base, edit->two, &backup);
  assert_fails (edit, two, "InvalidArgument", "or the destination");
  g_assert_cmpuint (count_files (edit, "one") + count_files (edit, "two"), ==, 3);
}

static void
assert_refused (Edit *edit, const char *id, const char *label, gboolean set_pinned)
{
  ObEditOptions options = { .label = label, .set_pinned = set_pinned };
  g_autoptr (GError) error = NULL;

  g_assert_null (ob_edit_job_new (edit->base.context, edit->both, id, &options, 0, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
}

static void
test_arguments (Edit *edit, gconstpointer data)
{
  static const char *const labels[] = { "a\nb", "\x1b[2J", "\xff", "a\u2028b", "\xc2\x85", "\t" };
  g_autofree char *longest = g_strnfill (OB_LABEL_MAX, 'x');
  g_autofree char *longer = g_strconcat (longest, "x", NULL);
  g_autofree char *id = store (edit, edit->one, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (labels); i++)
    assert_refused (edit, id, labels[i], FALSE);
  assert_refused (edit, id, longer, FALSE);
  assert_refused (edit, id, NULL, FALSE);
  assert_refused (edit, "latest", "x", FALSE);
  assert_refused (edit, "abc", NULL, TRUE);
  assert_refused (edit, "xyzxyz", NULL, TRUE);
  g_assert_true (change (edit, id, longest, -1));
}

static void
add (const char *path, void (*test) (Edit *, gconstpointer))
{
  g_test_add (path, Edit, NULL, set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  jobs_fixture_quiet_log ();
  add ("/edit/edit", test_edit);
  add ("/edit/nothing", test_nothing);
  add ("/edit/foreign", test_foreign);
  add ("/edit/cut-off", test_cut_off);
  add ("/edit/cut-off-and-deleted", test_cut_off_and_deleted);
  add ("/edit/rewritten", test_rewritten);
  add ("/edit/rewritten-in-between", test_rewritten_in_between);
  add ("/edit/rewritten-and-deleted", test_rewritten_and_deleted);
  add ("/edit/not-found", test_not_found);
  add ("/edit/arguments", test_arguments);
  return g_test_run ();
}
