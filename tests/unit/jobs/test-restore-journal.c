/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-journal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broken-call.h"
#include "jobs-fixture.h"

#define BEGIN "{\"phase\":\"swapping\",\"instance\":\"ob\",\"time\":\"20261125051511\""
#define UNIT ",\"units\":[{\"part\":\"sources\",\"path\":\"/opt\","
#define OLDER                                                                                      \
  ",\"staged-database\":\"erp_moving__restoring_20261125051511\""                                  \
  ",\"kept-database\":\"erp_moving__before_20261125051511\""                                       \
  ",\"moving-database\":\"erp_moving__moving_20261125051511\""
#define STAGING "\"staging-parent\":\"/a\",\"staging-name\":\"b\""

static ObRestoreJournal *
make_journal (JobsFixture *fixture, ObInstance *instance)
{
  ObRestoreJournal *journal = ob_restore_journal_new (fixture->context, instance, "abcdef");
  ObRestoreUnit *unit
    = ob_restore_journal_add_unit (journal, OB_PART_SOURCES, "/opt/ob \"ñ\" \037");
  ObRestoreCarry *carry = g_new0 (ObRestoreCarry, 1);

  unit->parts |= OB_PART_WEBAPP;
  unit->staging_parent = g_strdup ("/opt");
  unit->staging_name = g_strdup (".obbackup");
  unit->staging_inode = G_MAXUINT64;
  unit->parent_inode = 2;
  unit->new_inode = G_MAXUINT64 - 1;
  carry->path = g_strdup ("data/attachments");
  carry->inode = 1ull << 63;
  g_ptr_array_add (unit->carries, carry);
  return journal;
}

static ObRestoreJournal *
load (JobsFixture *fixture, const char *name)
{
  g_autoptr (GError) error = NULL;
  ObRestoreJournal *journal = ob_restore_journal_load (fixture->context, name, &error);

  g_assert_no_error (error);
  return journal;
}

static gboolean
is_there (JobsFixture *fixture, const char *name)
{
  return faccessat (fixture->context->restores_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
assert_listed (GPtrArray *names, const char *expected)
{
  g_autoptr (GPtrArray) owned = names;
  g_autofree char *all = NULL;

  g_ptr_array_add (owned, NULL);
  all = g_strjoinv (" ", (GStrv) owned->pdata);
  g_assert_cmpstr (all, ==, expected);
}

static void
test_round_trip (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObInstance) instance = jobs_fixture_make_instance (fixture, "ob", "attachments");
  g_autoptr (ObRestoreJournal) journal = make_journal (fixture, instance);
  g_autoptr (ObRestoreJournal) loaded = NULL;
  g_autofree char *staging = NULL;
  const ObRestoreUnit *unit = NULL;
  const ObRestoreCarry *carry = NULL;
  g_autoptr (GError) error = NULL;
  struct stat info;

  ob_restore_journal_set_database (journal, "openbravo");
  journal->had_database = TRUE;
  ob_restore_journal_save (journal, fixture->context, &error);
  g_assert_no_error (error);
  g_assert_cmpint (fstatat (fixture->context->restores_fd, "ob.json", &info, 0), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0600);

  loaded = load (fixture, "ob.json");
  g_assert_cmpint (loaded->phase, ==, OB_RESTORE_STAGING);
  g_assert_cmpstr (loaded->instance, ==, "ob");
  g_assert_cmpstr (loaded->backup, ==, "abcdef");
  g_assert_cmpstr (loaded->time, ==, journal->time);
  g_assert_false (loaded->control);
  g_assert_cmpstr (loaded->staged_database, ==, journal->staged_database);
  g_assert_cmpstr (loaded->kept_database, ==, journal->kept_database);
  g_assert_true (loaded->had_database);
  g_assert_cmpuint (loaded->units->len, ==, 1);
  unit = g_ptr_array_index (loaded->units, 0);
  g_assert_cmpuint (unit->part, ==, OB_PART_SOURCES);
  g_assert_cmpuint (unit->parts, ==, OB_PART_SOURCES | OB_PART_WEBAPP);
  g_assert_cmpstr (unit->path, ==, "/opt/ob \"ñ\" \037");
  /* All 64 bits. */
  g_assert_cmpuint (unit->staging_inode, ==, G_MAXUINT64);
  g_assert_cmpuint (unit->parent_inode, ==, 2);
  g_assert_cmpuint (unit->new_inode, ==, G_MAXUINT64 - 1);
  staging = ob_restore_unit_get_staging (unit);
  g_assert_cmpstr (staging, ==, "/opt/.obbackup");
  g_assert_cmpuint (unit->carries->len, ==, 1);
  carry = g_ptr_array_index (unit->carries, 0);
  g_assert_cmpstr (carry->path, ==, "data/attachments");
  g_assert_cmpuint (carry->inode, ==, 1ull << 63);
}

static void
test_advance (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObInstance) instance = jobs_fixture_make_instance (fixture, "ob", "attachments");
  g_autoptr (ObRestoreJournal) journal = make_journal (fixture, instance);
  g_autoptr (GError) error = NULL;

  for (ObRestorePhase phase = OB_RESTORE_STOPPING; phase <= OB_RESTORE_SWAPPED; phase++)
    {
      g_autoptr (ObRestoreJournal) loaded = NULL;

      ob_restore_journal_advance (journal, fixture->context, phase, &error);
      g_assert_no_error (error);
      loaded = load (fixture, "ob.json");
      g_assert_cmpint (loaded->phase, ==, phase);
    }
}

/* A step that could not be written down is not made. */
static void
test_full (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObInstance) instance = NULL;
  g_autoptr (ObRestoreJournal) journal = NULL;
  g_autoptr (ObRestoreJournal) loaded = NULL;
  g_autofree char *path = fixture_path (&fixture->base, "full");
  g_autoptr (GError) error = NULL;
  ObContext context;

  if (!fixture_begin_mounts (&fixture->base))
    return;
  instance = jobs_fixture_make_instance (fixture, "ob", "attachments");
  journal = make_journal (fixture, instance);
  fixture_mount_tmpfs (&fixture->base, "full", "nr_inodes=3");
  context = *fixture->context;
  context.restores_fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ob_restore_journal_save (journal, &context, &error);
  g_assert_no_error (error);
  fixture_write (&fixture->base, "full/other", "");

  g_assert_false (
    ob_restore_journal_advance (journal, &context, OB_RESTORE_SWAPPING, &error));
  g_assert_ob_error (error, OB_ERROR_NO_SPACE);
  g_assert_cmpint (journal->phase, ==, OB_RESTORE_STAGING);
  loaded = ob_restore_journal_load (&context, "ob.json", NULL);
  g_assert_cmpint (loaded->phase, ==, OB_RESTORE_STAGING);
  close (context.restores_fd);
}

static void
test_keep (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObInstance) instance = jobs_fixture_make_instance (fixture, "ob", "attachments");
  g_autoptr (ObInstance) other = jobs_fixture_make_instance (fixture, "ob-2", "attachments");
  g_autoptr (ObRestoreJournal) journal = make_journal (fixture, instance);
  g_autoptr (ObRestoreJournal) running = make_journal (fixture, other);
  g_autofree char *record = g_strdup_printf ("ob.%s.json", journal->time);
  g_autoptr (ObRestoreJournal) kept = NULL;
  g_autoptr (ObInstance) loaded = NULL;
  g_autoptr (GError) error = NULL;

  ob_instance_save (instance, fixture->context->restores_fd, &error);
  g_assert_no_error (error);
  ob_restore_journal_save (journal, fixture->context, &error);
  ob_restore_journal_save (running, fixture->context, &error);
  g_assert_no_error (error);
  loaded = ob_restore_journal_load_instance (journal, fixture->context, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ob_instance_get_name (loaded), ==, "ob");
  assert_listed (ob_restore_journal_list (fixture->context), "ob-2.json ob.json");
  assert_listed (ob_restore_journal_list_kept (fixture->context, "ob"), "");

  ob_restore_journal_keep (journal, fixture->context, &error);
  g_assert_no_error (error);
  g_assert_false (is_there (fixture, "ob.json"));
  g_assert_false (is_there (fixture, "ob.conf"));
  assert_listed (ob_restore_journal_list (fixture->context), "ob-2.json");
  assert_listed (ob_restore_journal_list_kept (fixture->context, "ob"), record);
  assert_listed (ob_restore_journal_list_kept (fixture->context, NULL), record);
  assert_listed (ob_restore_journal_list_kept (fixture->context, "ob-2"), "");
  kept = load (fixture, record);
  g_assert_cmpint (kept->phase, ==, OB_RESTORE_DONE);

  ob_restore_journal_remove (running, fixture->context, &error);
  g_assert_no_error (error);
  assert_listed (ob_restore_journal_list (fixture->context), "");
  ob_restore_journal_remove (running, fixture->context, &error);
  g_assert_no_error (error);
}

static void
test_list_others (JobsFixture *fixture, gconstpointer data)
{
  static const char *const names[] = { "a.json",     "b.conf",   ".json",   ".c.json.1234",
                                       "a.1.2.json", "a.1.json", "-d.json", "e.jsonx" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename ("state/restores", names[i], NULL);

      fixture_write (&fixture->base, path, "");
    }
  assert_listed (ob_restore_journal_list (fixture->context), "a.json");
  assert_listed (ob_restore_journal_list_kept (fixture->context, NULL), "a.1.json");
}

static void
test_damaged (JobsFixture *fixture, gconstpointer data)
{
  static const char *const texts[] = {
    "",
    "[]",
    "{}",
    "{\"phase\":\"swapping\"}",
    "{\"phase\":\"later\",\"instance\":\"ob\",\"time\":\"20261125051511\"}",
    "{\"phase\":\"swapping\",\"instance\":\"../ob\",\"time\":\"20261125051511\"}",
    BEGIN ",\"units\":[7]}",
    BEGIN ",\"units\":[{\"part\":\"sources\"}]}",
    BEGIN ",\"units\":[{\"part\":\"sources\","
    "\"path\":\"opt\",\"staging-parent\":\"/a\",\"staging-name\":\"b\"}]}",
    BEGIN ",\"units\":[{\"part\":\"files\","
    "\"path\":\"/opt\",\"staging-parent\":\"/a\",\"staging-name\":\"b\"}]}",
    BEGIN ",\"units\":[{\"part\":\"sources\","
    "\"path\":\"/opt\",\"staging-parent\":\"/a\",\"staging-name\":\"b\",\"carries\":[1]}]}",
    BEGIN,
    BEGIN ",\"oid\":1,\"staged-database\":\"a\",\"kept-database\":\"b\",\"moving-database\":\"c\"}",
    /* What would lead elsewhere. */
    "{\"phase\":\"swapping\",\"instance\":\"ob\",\"time\":\"../../../../x\"}",
    BEGIN UNIT "\"staging-parent\":\"a\",\"staging-name\":\"b\"}]}",
    BEGIN UNIT "\"staging-parent\":\"/a\",\"staging-name\":\"..\"}]}",
    BEGIN UNIT "\"staging-parent\":\"/a\",\"staging-name\":\"b/c\"}]}",
    BEGIN UNIT STAGING ",\"carries\":[{\"path\":\"\"}]}]}",
    BEGIN UNIT STAGING ",\"carries\":[{\"path\":\"/x\"}]}]}",
    BEGIN UNIT STAGING ",\"carries\":[{\"path\":\"a/../../x\"}]}]}",
  };
  g_autofree char *deep = g_strnfill (512 * 1024, '[');
  g_autoptr (GError) too_deep = NULL;
  g_autoptr (ObRestoreJournal) journal = NULL;
  g_autoptr (GError) missing = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      fixture_write (&fixture->base, "state/restores/ob.json", texts[i]);
      g_assert_null (ob_restore_journal_load (fixture->context, "ob.json", &error));
      g_assert_ob_error (error, OB_ERROR_CORRUPT);
      g_assert_message (error, "restores/ob.json");
    }
  g_assert_null (ob_restore_journal_load (fixture->context, "none.json", &missing));
  g_assert_ob_error (missing, OB_ERROR_NOT_FOUND);
  fixture_write (&fixture->base, "state/restores/ob.json", deep);
  g_assert_null (ob_restore_journal_load (fixture->context, "ob.json", &too_deep));
  g_assert_ob_error (too_deep, OB_ERROR_CORRUPT);
  /* A member of another kind is as if it were not there. */
  fixture_write (&fixture->base, "state/restores/ob.json", BEGIN ",\"control\":{}}");
  journal = load (fixture, "ob.json");
  g_assert_false (journal->control);
}

/* Two restores in the same second leave nothing of the same name. */
static void
test_same_second (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObInstance) instance = jobs_fixture_make_instance (fixture, "ob", "attachments");
  g_autoptr (GHashTable) times = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (ObRestoreJournal) journal
        = ob_restore_journal_new (fixture->context, instance, "a");
      g_autoptr (GError) error = NULL;

      g_assert_true (g_hash_table_add (times, g_strdup (journal->time)));
      ob_restore_journal_keep (journal, fixture->context, &error);
      g_assert_no_error (error);
    }
}

/* Names of databases have at most 63 bytes, and what tells them apart is at their end. */
static void
test_database_names (JobsFixture *fixture, gconstpointer data)
{
  static const char *const names[] = {
    "openbravo",
    "a23456789b123456789c123456789d123456789e123456789f123456789g123",
    "ñññññññññññññññññññññññññññññññ",
    "a漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢漢",
  };
  g_autoptr (ObInstance) instance = jobs_fixture_make_instance (fixture, "ob", "attachments");

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (ObRestoreJournal) journal
        = ob_restore_journal_new (fixture->context, instance, "a");
      g_autofree char *restoring = NULL;
      g_autofree char *before = NULL;
      g_autofree char *doomed = NULL;

      ob_restore_journal_set_database (journal, names[i]);
      restoring = g_strdup_printf ("_restoring_%s", journal->time);
      before = g_strdup_printf ("_before_%s", journal->time);
      g_assert_true (g_str_has_suffix (journal->staged_database, restoring));
      g_assert_true (g_str_has_suffix (journal->kept_database, before));
      g_assert_cmpuint (strlen (journal->staged_database), <=, 63);
      g_assert_cmpuint (strlen (journal->kept_database), <=, 63);
      g_assert_true (g_utf8_validate (journal->staged_database, -1, NULL));
      g_assert_true (g_utf8_validate (journal->kept_database, -1, NULL));
      g_assert_true (strncmp (journal->kept_database, names[i], 8) == 0);
      doomed = g_strdup_printf ("_doomed_%s", journal->time);
      g_assert_true (g_str_has_suffix (journal->doomed_database, doomed));
      g_assert_cmpuint (strlen (journal->doomed_database), <=, 63);
      g_assert_true (g_utf8_validate (journal->doomed_database, -1, NULL));
    }
}

/* A restore that a version began which had no name for what is to be dropped. */
static void
test_older (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObRestoreJournal) journal = NULL;

  fixture_write (&fixture->base, "state/restores/ob.json", BEGIN OLDER ",\"oid\":16384}");
  journal = load (fixture, "ob.json");
  g_assert_cmpstr (ob_restore_journal_get_exchange (journal).doomed, ==,
                   "erp_moving__doomed_20261125051511");
}

/* A journal that a power loss may bring back is not removed: what is over would begin anew. */
static void
test_not_durable (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObInstance) instance = NULL;
  g_autoptr (ObRestoreJournal) journal = NULL;
  g_autoptr (GError) kept = NULL;
  g_autoptr (GError) error = NULL;

  if (!broken_call_begin_process ())
    return;
  instance = jobs_fixture_make_instance (fixture, "ob", "attachments");
  journal = make_journal (fixture, instance);
  ob_restore_journal_save (journal, fixture->context, &error);
  g_assert_no_error (error);
  broken_call (SYS_fsync, EIO);
  g_assert_false (ob_restore_journal_remove (journal, fixture->context, &error));
  g_assert_message (error, "durable");
  g_assert_false (ob_restore_journal_forget (journal, fixture->context, &kept));
  g_assert_message (kept, "durable");
}

#define ADD(path, func)                                                                            \
  g_test_add (path, JobsFixture, NULL, jobs_fixture_set_up, func, jobs_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/restore-journal/round-trip", test_round_trip);
  ADD ("/restore-journal/advance", test_advance);
  ADD ("/restore-journal/full", test_full);
  ADD ("/restore-journal/keep", test_keep);
  ADD ("/restore-journal/not-durable", test_not_durable);
  ADD ("/restore-journal/same-second", test_same_second);
  ADD ("/restore-journal/list-others", test_list_others);
  ADD ("/restore-journal/damaged", test_damaged);
  ADD ("/restore-journal/database-names", test_database_names);
  ADD ("/restore-journal/older", test_older);
  return g_test_run ();
}
