/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-catalogue.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs-fixture.h"

typedef struct
{
  JobsFixture base;
  ObDestination *one, *two;
  GPtrArray *both;
} Catalogue;

static void
catalogue_set_up (Catalogue *catalogue, gconstpointer data)
{
  jobs_fixture_set_up (&catalogue->base, data);
  catalogue->one = jobs_fixture_make_destination (&catalogue->base, "one");
  catalogue->two = jobs_fixture_make_destination (&catalogue->base, "two");
  catalogue->both = g_ptr_array_new ();
  g_ptr_array_add (catalogue->both, catalogue->one);
  g_ptr_array_add (catalogue->both, catalogue->two);
}

static void
catalogue_tear_down (Catalogue *catalogue, gconstpointer data)
{
  g_ptr_array_unref (catalogue->both);
  ob_destination_unref (catalogue->one);
  ob_destination_unref (catalogue->two);
  jobs_fixture_tear_down (&catalogue->base, data);
}

static char *
store (Catalogue *catalogue, ObDestination *destination, JobsBackup backup)
{
  return jobs_fixture_store (&catalogue->base, destination, &backup);
}

static char *
get_id (const ObBackupRecord *record)
{
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (ob_snapshot_get_public_id (record->snapshot), hex);
  return g_strdup (hex);
}

static ObBackupRecord *
find (Catalogue *catalogue, const char *id, const ObBackupFilter *filter)
{
  g_autoptr (GError) error = NULL;
  ObBackupRecord *record = ob_catalogue_find (catalogue->base.context, catalogue->both, id, filter,
                                              NULL, &error);

  g_assert_no_error (error);
  return record;
}

static void
assert_found (Catalogue *catalogue, const char *id, const ObBackupFilter *filter,
              const char *expected)
{
  g_autoptr (ObBackupRecord) record = find (catalogue, id, filter);
  g_autofree char *found = get_id (record);

  g_assert_cmpstr (found, ==, expected);
}

static void
assert_not_found (Catalogue *catalogue, const char *id, const ObBackupFilter *filter, ObError code,
                  const char *words)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (ob_catalogue_find (catalogue->base.context, catalogue->both, id, filter, NULL,
                                    &error));
  g_assert_error (error, OB_ERROR, (int) code);
  g_assert_message (error, words);
}

/* The times of what is listed, with a blank between. */
static void
assert_listed (Catalogue *catalogue, const ObBackupFilter *filter, const char *times)
{
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GString) found = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) records = ob_catalogue_list (catalogue->base.context, catalogue->both,
                                                     filter, &problems, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (problems->len, ==, 0);
  for (guint i = 0; i < records->len; i++)
    {
      const ObBackupRecord *record = g_ptr_array_index (records, i);

      g_string_append_printf (found, "%s%d", i > 0 ? " " : "", (int) record->snapshot->time.tv_sec);
    }
  g_assert_cmpstr (found->str, ==, times);
}

static void
test_list (Catalogue *catalogue, gconstpointer data)
{
  const char *const scheduled[] = { "obbackup", "instance=other", "kind=scheduled", NULL };
  const char *const foreign[] = { "mine", "kind=manual", "instance=ob", NULL };

  assert_listed (catalogue, NULL, "");
  g_free (store (catalogue, catalogue->one, (JobsBackup){ .seconds = 100, .result = "complete" }));
  g_free (store (catalogue, catalogue->two, (JobsBackup){ .seconds = 200, .result = "partial" }));
  g_free (store (catalogue, catalogue->one,
                 (JobsBackup){ .seconds = 300, .tags = scheduled, .result = "complete" }));
  g_free (store (catalogue, catalogue->one, (JobsBackup){ .seconds = 400, .tags = foreign }));

  assert_listed (catalogue, NULL, "400 300 200 100");
  assert_listed (catalogue, &(ObBackupFilter){ .instance = "ob" }, "200 100");
  assert_listed (catalogue, &(ObBackupFilter){ .instance = "other" }, "300");
  assert_listed (catalogue, &(ObBackupFilter){ .instance = "o" }, "");
  assert_listed (catalogue, &(ObBackupFilter){ .kind = "manual" }, "200 100");
  assert_listed (catalogue, &(ObBackupFilter){ .kind = "scheduled" }, "300");
  assert_listed (catalogue, &(ObBackupFilter){ .kind = "foreign" }, "400");
  assert_listed (catalogue, &(ObBackupFilter){ .since = 200 }, "400 300 200");
  assert_listed (catalogue, &(ObBackupFilter){ .until = 200 }, "100");
  assert_listed (catalogue, &(ObBackupFilter){ .since = 200, .until = 400 }, "300 200");
  assert_listed (catalogue, &(ObBackupFilter){ .limit = 2 }, "400 300");
  assert_listed (catalogue, &(ObBackupFilter){ .limit = 9 }, "400 300 200 100");
}

static void
test_latest (Catalogue *catalogue, gconstpointer data)
{
  const char *const foreign[] = { "mine", NULL };
  const ObParts files = OB_PART_SOURCES | OB_PART_ATTACHMENTS;
  g_autofree char *old = NULL;
  g_autofree char *whole = NULL;
  g_autofree char *database = NULL;
  g_autofree char *partial = NULL;

  assert_not_found (catalogue, "latest", NULL, OB_ERROR_NOT_FOUND, "no backup");
  old = store (catalogue, catalogue->one,
               (JobsBackup){ .seconds = 100, .result = "partial", .parts = OB_PART_WEBAPP });
  whole = store (catalogue, catalogue->one,
                 (JobsBackup){ .seconds = 200, .result = "complete",
                               .parts = files | OB_PART_DATABASE });
  database
    = store (catalogue, catalogue->two,
             (JobsBackup){ .seconds = 300, .result = "complete", .parts = OB_PART_DATABASE });
  partial = store (catalogue, catalogue->two,
                   (JobsBackup){ .seconds = 400, .result = "partial",
                                 .parts = files | OB_PART_DATABASE });
  g_free (store (catalogue, catalogue->one, (JobsBackup){ .seconds = 500, .tags = foreign }));

  /* Whole ones go first, then the age; what another tool wrote has no parts. */
  assert_found (catalogue, "latest", NULL, database);
  assert_found (catalogue, "latest", &(ObBackupFilter){ .parts = files }, whole);
  assert_found (catalogue, "latest", &(ObBackupFilter){ .parts = files, .since = 300 }, partial);
  assert_found (catalogue, "latest", &(ObBackupFilter){ .parts = OB_PART_WEBAPP }, old);
  assert_not_found (catalogue, "latest",
                    &(ObBackupFilter){ .instance = "ob", .parts = OB_PART_REPRINTABLES },
                    OB_ERROR_NOT_FOUND, "of instance ob that holds reprintables");
  assert_not_found (catalogue, "latest", &(ObBackupFilter){ .instance = "other" },
                    OB_ERROR_NOT_FOUND, "of instance other");
}

static void
test_by_id (Catalogue *catalogue, gconstpointer data)
{
  g_autofree char *id = store (catalogue, catalogue->one, (JobsBackup){ .seconds = 100 });
  g_autofree char *beginning = g_strndup (id, 8);
  g_autofree char *upper = g_ascii_strup (beginning, -1);
  g_autofree char *longer = g_strconcat (id, "0", NULL);
  g_autofree char *other = g_strdup (beginning);

  assert_found (catalogue, id, NULL, id);
  assert_found (catalogue, beginning, NULL, id);
  assert_found (catalogue, upper, NULL, id);
  other[7] = other[7] == '0' ? '1' : '0';
  assert_not_found (catalogue, other, NULL, OB_ERROR_NOT_FOUND, other);
  assert_not_found (catalogue, "", NULL, OB_ERROR_INVALID_ARGUMENT, "latest");
  assert_not_found (catalogue, "abc", NULL, OB_ERROR_INVALID_ARGUMENT, "first 4");
  assert_not_found (catalogue, "../../x", NULL, OB_ERROR_INVALID_ARGUMENT, "latest");
  assert_not_found (catalogue, longer, NULL, OB_ERROR_INVALID_ARGUMENT, "latest");
}

/* Two whose ids begin with the same: made so by the id that they keep from their first version. */
static void
test_ambiguous (Catalogue *catalogue, gconstpointer data)
{
  ObId first = { .bytes = { 0xab, 0xcd, 0xef, 1 } };
  ObId second = { .bytes = { 0xab, 0xcd, 0xef, 2 } };
  g_autofree char *one
    = store (catalogue, catalogue->one, (JobsBackup){ .seconds = 100, .original = &first });
  g_autofree char *two
    = store (catalogue, catalogue->two, (JobsBackup){ .seconds = 200, .original = &second });

  g_assert_true (g_str_has_prefix (one, "abcdef01"));
  assert_not_found (catalogue, "abcdef", NULL, OB_ERROR_INVALID_ARGUMENT, "Several");
  assert_found (catalogue, "abcdef01", NULL, one);
  assert_found (catalogue, "ABCDEF02", NULL, two);
  assert_found (catalogue, "abcdef", &(ObBackupFilter){ .since = 200 }, two);
}

/* The label of a backup was being changed when the power went: it is there twice, and is one. */
static void
test_twice (Catalogue *catalogue, gconstpointer data)
{
  g_autofree char *first = store (catalogue, catalogue->one, (JobsBackup){ .seconds = 100 });
  g_autofree char *second = NULL;
  ObId original;

  g_assert_true (ob_id_from_hex (first, &original));
  second = store (catalogue, catalogue->one, (JobsBackup){ .seconds = 100, .original = &original });
  g_assert_cmpstr (second, ==, first);
  assert_listed (catalogue, NULL, "100");
  assert_found (catalogue, first, NULL, first);
}

/* `restic tag` drops what we note in the snapshot file; the manifest has it still. */
static void
test_dropped_summary (Catalogue *catalogue, gconstpointer data)
{
  g_autofree char *id
    = store (catalogue, catalogue->one,
             (JobsBackup){ .seconds = 100,
                           .manifest = "{\"format\":1,\"result\":\"complete\","
                                       "\"parts\":[\"sources\"],\"size\":77,\"database\":{}}" });
  g_autofree char *broken
    = store (catalogue, catalogue->one, (JobsBackup){ .seconds = 200, .manifest = "{{{{" });
  g_autoptr (ObBackupRecord) record = find (catalogue, id, NULL);
  g_autoptr (ObBackupRecord) none = find (catalogue, broken, NULL);
  g_autoptr (GVariant) description = ob_backup_record_describe (record);
  g_autofree char *manifest = NULL;
  g_autoptr (GError) error = NULL;
  guint64 size = 0;

  g_assert_true (g_variant_lookup (description, "size", "t", &size));
  g_assert_cmpuint (size, ==, 77);
  g_assert_null (none->snapshot->obbackup);
  assert_found (catalogue, "latest", &(ObBackupFilter){ .parts = OB_PART_SOURCES }, id);
  manifest
    = ob_backup_record_load_manifest (record, catalogue->base.context, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_prefix (manifest, "{\"format\":1"));
}

/* What restic wrote beside a backup, with that one's manifest: it is none to count on. */
static void
check_rewritten (Catalogue *catalogue, const char *const *tags)
{
  g_autofree char *id
    = store (catalogue, catalogue->one,
             (JobsBackup){ .seconds = 100, .result = "complete", .parts = OB_PART_SOURCES });
  g_autofree char *newer = NULL;
  g_autoptr (GPtrArray) records = NULL;
  g_autoptr (GError) error = NULL;
  ObId original;

  g_assert_true (ob_id_from_hex (id, &original));
  newer = store (catalogue, catalogue->one,
                 (JobsBackup){ .seconds = 101,
                               .tags = tags,
                               .original = &original,
                               .manifest = "{\"format\":1,\"result\":\"complete\","
                                           "\"parts\":[\"sources\"],\"database\":{}}" });
  records = ob_catalogue_list (catalogue->base.context, catalogue->both, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (records->len, ==, 2);
  g_assert_false (ob_backup_record_is_complete (g_ptr_array_index (records, 0)));
  g_assert_true (ob_backup_record_is_complete (g_ptr_array_index (records, 1)));
  assert_found (catalogue, "latest", &(ObBackupFilter){ .parts = OB_PART_SOURCES }, id);
}

static void
test_rewritten (Catalogue *catalogue, gconstpointer data)
{
  check_rewritten (catalogue, (const char *const[]){ "obbackup", "instance=ob", "kind=manual",
                                                     "rewrite", NULL });
}

static void
test_apart (Catalogue *catalogue, gconstpointer data)
{
  check_rewritten (catalogue, NULL);
}

/* The one beside which it was written has gone since. */
static void
test_rewritten_alone (Catalogue *catalogue, gconstpointer data)
{
  const char *const tags[] = { "obbackup", "instance=ob", "kind=manual", "repaired", NULL };
  ObId original = { .bytes = { 7 } };
  g_autofree char *id
    = store (catalogue, catalogue->one,
             (JobsBackup){ .seconds = 100,
                           .tags = tags,
                           .original = &original,
                           .manifest = "{\"format\":1,\"result\":\"complete\","
                                       "\"parts\":[\"sources\"],\"database\":{}}" });
  g_autoptr (ObBackupRecord) record = find (catalogue, id, NULL);

  g_assert_nonnull (record->snapshot->obbackup);
  g_assert_false (ob_backup_record_is_complete (record));
}

static void
test_describe (Catalogue *catalogue, gconstpointer data)
{
  const char *const tags[] = { "obbackup", "instance=ob", "kind=automatic", "pinned",
                               "label=kind=manual", NULL };
  const char *const foreign[] = { "instance=ob", "label=mine", "pinned", NULL };
  g_autofree char *id = store (
    catalogue, catalogue->one,
    (JobsBackup){ .seconds = 100, .tags = tags, .result = "partial", .parts = OB_PART_DATABASE });
  g_autofree char *other
    = store (catalogue, catalogue->two, (JobsBackup){ .seconds = 200, .tags = foreign });
  g_autoptr (ObBackupRecord) record = find (catalogue, id, NULL);
  g_autoptr (ObBackupRecord) foreign_record = find (catalogue, other, NULL);
  g_autoptr (GVariant) ours = ob_backup_record_describe (record);
  g_autoptr (GVariant) theirs = ob_backup_record_describe (foreign_record);
  g_autofree char *text = g_variant_print (ours, FALSE);
  g_autofree char *other_text = g_variant_print (theirs, FALSE);
  g_autofree char *manifest = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (g_variant_is_floating (ours));
  g_assert_nonnull (strstr (text, id));
  g_assert_nonnull (strstr (text, "'kind': <'automatic'>"));
  g_assert_nonnull (strstr (text, "'label': <'kind=manual'>"));
  g_assert_nonnull (strstr (text, "'pinned': <true>"));
  g_assert_nonnull (strstr (text, "'destination': <'one'>"));
  g_assert_nonnull (strstr (text, "'parts': <['database']>"));
  g_assert_nonnull (strstr (text, "'result': <'partial'>"));
  g_assert_nonnull (strstr (text, "'time': <"));

  g_assert_false (ob_backup_record_is_foreign (record));
  g_assert_true (ob_backup_record_is_foreign (foreign_record));
  g_assert_nonnull (strstr (other_text, "'kind': <'foreign'>"));
  g_assert_nonnull (strstr (other_text, "'label': <'mine'>"));
  g_assert_nonnull (strstr (other_text, "'pinned': <true>"));
  g_assert_null (strstr (other_text, "'instance'"));
  manifest
    = ob_backup_record_load_manifest (foreign_record, catalogue->base.context, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (manifest);
}

/* A snapshot file that does not open is told, and hides nothing else. */
static void
test_damaged (Catalogue *catalogue, gconstpointer data)
{
  g_autofree char *good = store (catalogue, catalogue->one, (JobsBackup){ .seconds = 100 });
  g_autofree char *bad = store (catalogue, catalogue->one, (JobsBackup){ .seconds = 200 });
  g_autofree char *name = g_build_filename ("one/snapshots", bad, NULL);
  g_autofree char *path = fixture_path (&catalogue->base.base, name);
  g_autoptr (GPtrArray) destinations = g_ptr_array_new_with_free_func (
    (GDestroyNotify) ob_destination_unref);
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) records = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (chmod (path, 0600), ==, 0);
  g_assert_cmpint (truncate (path, 40), ==, 0);
  g_ptr_array_add (destinations, ob_destination_load (catalogue->base.context, "one", &error));
  g_assert_no_error (error);
  records
    = ob_catalogue_list (catalogue->base.context, destinations, NULL, &problems, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (records->len, ==, 1);
  g_assert_cmpuint (problems->len, ==, 1);
  g_assert_nonnull (strstr (g_ptr_array_index (problems, 0), "Destination one: "));
  g_assert_nonnull (strstr (g_ptr_array_index (problems, 0), bad));

  /* Who asks for it learns that it may be there. */
  g_assert_null (
    ob_catalogue_find (catalogue->base.context, destinations, bad, NULL, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_NOT_FOUND);
  g_assert_message (error, "could be read");
}

/* One destination is not there: the others are listed, and a backup that is not found is told by
 * the reason, since it may be on that one. */
static void
test_unavailable (Catalogue *catalogue, gconstpointer data)
{
  g_autofree char *id = store (catalogue, catalogue->one, (JobsBackup){ .seconds = 100 });
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) records = NULL;
  g_autoptr (GCancellable) cancelled = g_cancellable_new ();
  g_autoptr (GPtrArray) none = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) cancel_error = NULL;
  int fd = catalogue->base.base.fd;

  g_assert_cmpint (renameat (fd, "two", fd, "away"), ==, 0);
  records = ob_catalogue_list (catalogue->base.context, catalogue->both, NULL, &problems, NULL,
                               &error);
  g_assert_no_error (error);
  g_assert_cmpuint (records->len, ==, 1);
  g_assert_cmpuint (problems->len, ==, 1);
  g_assert_true (g_str_has_prefix (g_ptr_array_index (problems, 0), "Destination two: "));
  assert_found (catalogue, id, NULL, id);
  assert_not_found (catalogue, "0000000000", NULL, OB_ERROR_DESTINATION_UNAVAILABLE, "two");

  g_cancellable_cancel (cancelled);
  g_assert_null (ob_catalogue_list (catalogue->base.context, catalogue->both, NULL, &none,
                                    cancelled, &cancel_error));
  g_assert_nonnull (cancel_error);
  g_assert_null (none);
}

#define ADD(path, func)                                                                            \
  g_test_add (path, Catalogue, NULL, catalogue_set_up, func, catalogue_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/catalogue/list", test_list);
  ADD ("/catalogue/latest", test_latest);
  ADD ("/catalogue/by-id", test_by_id);
  ADD ("/catalogue/ambiguous", test_ambiguous);
  ADD ("/catalogue/twice", test_twice);
  ADD ("/catalogue/dropped-summary", test_dropped_summary);
  ADD ("/catalogue/rewritten", test_rewritten);
  ADD ("/catalogue/apart", test_apart);
  ADD ("/catalogue/rewritten-alone", test_rewritten_alone);
  ADD ("/catalogue/describe", test_describe);
  ADD ("/catalogue/damaged", test_damaged);
  ADD ("/catalogue/unavailable", test_unavailable);
  return g_test_run ();
}
