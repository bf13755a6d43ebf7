/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A disk that cannot give some of its sectors: all that lies in others is had. */
#include <string.h>

#include "fault-store.h"
#include "ob-error.h"
#include "verify-fixture.h"

/* The repository of a pipeline on such a disk. */
typedef struct
{
  Pipeline *pipeline;
  ObStore *store; /* a FaultStore */
  ObRepository *repository;
  ObSnapshot *snapshot; /* of verify_make_source() */
} Disk;

static void
disk_init (Disk *self, Pipeline *pipeline)
{
  g_autoptr (GError) error = NULL;

  verify_make_source (pipeline);
  self->pipeline = pipeline;
  self->snapshot = verify_backup (pipeline, 1);
  self->store = fault_store_new (pipeline->core.store);
  self->repository = ob_repository_open (self->store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
}

static void
disk_clear (Disk *self)
{
  ob_repository_unref (self->repository);
  g_object_unref (self->store);
  ob_snapshot_free (self->snapshot);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Disk, disk_clear)

/* The @size bytes at @offset in the first blob of the path cannot be read any more; counted from
 * the end of its pack where @offset is negative. With a @size of 0 the whole pack. */
static void
disk_break (Disk *self, const char *path, gint64 offset, guint64 size)
{
  ObIndex *index = ob_repository_get_index (self->pipeline->core.repository);
  g_autofree char *name = NULL;
  ObBlobLocation location;
  guint64 pack_size;

  verify_locate (self->pipeline, self->snapshot, path, &location);
  name = ob_pack_get_name (&location.pack);
  g_assert_true (ob_index_get_pack_size (index, &location.pack, &pack_size));
  fault_store_break (FAULT_STORE (self->store), name,
                     size == 0    ? 0
                     : offset < 0 ? pack_size - (guint64) -offset
                                  : location.offset + (guint64) offset,
                     size == 0 ? pack_size : size);
}

static ObVerify *
disk_verify (Disk *self)
{
  ObVerifyOptions options = { .share = 1, .n_threads = 2 };
  ObVerify *verify = ob_verify_new (self->repository, &options, NULL);
  g_autoptr (GError) error = NULL;

  ob_verify_run (verify, NULL, &error);
  g_assert_no_error (error);
  return verify;
}

static void
assert_lost (Disk *self, ObVerify *verify, const char *lost)
{
  g_autofree char *actual = verify_get_lost (verify, &self->snapshot->id);

  g_assert_cmpstr (actual, ==, lost);
}

/* The repair is made on such a disk, and seen from one that gives all. Transfer full. */
static ObSnapshot *
repair (Disk *self, ObVerifyRepairs *repairs)
{
  ObSnapshot *left;

  *repairs = verify_repair (self->repository);
  g_assert_cmpuint (fault_store_get_n_broken (FAULT_STORE (self->store)), >, 0);
  pipeline_reopen (self->pipeline);
  verify_assert_sound (self->pipeline, 1);
  left = verify_find_snapshot (self->pipeline->core.repository, &self->snapshot->id);
  g_assert_nonnull (left);
  return left;
}

static guint
count_packs (Pipeline *pipeline)
{
  g_autoptr (GPtrArray) names = core_fixture_list (&pipeline->core, "data");

  return names->len;
}

static void
test_verify (Pipeline *pipeline, gconstpointer data)
{
  g_auto (Disk) disk = { 0 };
  g_autoptr (ObVerify) verify = NULL;

  disk_init (&disk, pipeline);
  disk_break (&disk, "a/two", 50 * 1024, 1);
  verify = disk_verify (&disk);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_READ), ==, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_BLOB), ==, 1);
  g_assert_cmpuint (ob_verify_get_report (verify)->n_problems, ==, 2);
  g_assert_cmpuint (ob_verify_get_report (verify)->damaged_packs->len, ==, 1);
  assert_lost (&disk, verify, "a/two");
}

static void
fail_once (const char *name, gpointer user_data)
{
  Disk *self = user_data;

  if (!g_str_has_prefix (name, "data/"))
    return;
  fault_store_watch_reads (FAULT_STORE (self->store), NULL, NULL);
  fault_store_arm (FAULT_STORE (self->store), FAULT_READ, 1, FAULT_EIO, FALSE);
}

/* It is told of, but nothing is lost. */
static void
test_verify_second_try (Pipeline *pipeline, gconstpointer data)
{
  ObVerifyOptions options = { .share = 1, .n_threads = 1 };
  g_auto (Disk) disk = { 0 };
  g_autoptr (ObVerify) verify = NULL;
  g_autoptr (GError) error = NULL;

  disk_init (&disk, pipeline);
  verify = ob_verify_new (disk.repository, &options, NULL);
  fault_store_watch_reads (FAULT_STORE (disk.store), fail_once, &disk);
  ob_verify_run (verify, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_READ), ==, 1);
  g_assert_cmpuint (ob_verify_get_report (verify)->n_problems, ==, 1);
  g_assert_cmpuint (ob_verify_get_report (verify)->n_losses, ==, 0);
  g_assert_cmpuint (ob_verify_get_report (verify)->damaged_packs->len, ==, 0);
}

/* Without a header the index tells what is in the pack. */
static void
test_verify_header (Pipeline *pipeline, gconstpointer data)
{
  g_auto (Disk) disk = { 0 };
  g_autoptr (ObVerify) verify = NULL;

  disk_init (&disk, pipeline);
  disk_break (&disk, "a/two", -10, 10);
  verify = disk_verify (&disk);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_READ), ==, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_HEADER), ==, 1);
  g_assert_cmpuint (ob_verify_get_report (verify)->n_losses, ==, 0);
}

/* A pack that cannot be read at all is told of once. */
static void
test_verify_whole_pack (Pipeline *pipeline, gconstpointer data)
{
  g_auto (Disk) disk = { 0 };
  g_autoptr (ObVerify) verify = NULL;

  disk_init (&disk, pipeline);
  disk_break (&disk, "a/two", 0, 0);
  verify = disk_verify (&disk);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_READ), ==, 1);
  g_assert_cmpuint (ob_verify_get_report (verify)->n_problems, ==, 1);
  assert_lost (&disk, verify, "a/one a/two b/deep/three");
}

static void
take_away (const char *name, gpointer user_data)
{
  Disk *self = user_data;

  if (!g_str_has_prefix (name, "data/"))
    return;
  fault_store_watch_reads (FAULT_STORE (self->store), NULL, NULL);
  fault_store_arm (FAULT_STORE (self->store), FAULT_READ, 1, FAULT_EIO, TRUE);
}

/* Where the whole disk is gone that is no damage, and one does not go on. */
static void
test_verify_gone (Pipeline *pipeline, gconstpointer data)
{
  ObVerifyOptions options = { .share = 1, .n_threads = 1 };
  g_auto (Disk) disk = { 0 };
  g_autoptr (ObVerify) verify = NULL;
  g_autoptr (GError) error = NULL;

  disk_init (&disk, pipeline);
  verify = ob_verify_new (disk.repository, &options, NULL);
  fault_store_watch_reads (FAULT_STORE (disk.store), take_away, &disk);
  g_assert_false (ob_verify_run (verify, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_nonnull (strstr (error->message, "data/"));
  g_assert_cmpuint (fault_store_get_n_calls (FAULT_STORE (disk.store), FAULT_READ), <, 6);
}

static void
test_repair (Pipeline *pipeline, gconstpointer data)
{
  g_auto (Disk) disk = { 0 };
  g_autoptr (ObSnapshot) left = NULL;
  ObVerifyRepairs repairs;

  disk_init (&disk, pipeline);
  disk_break (&disk, "a/two", 50 * 1024, 1);
  left = repair (&disk, &repairs);
  g_assert_cmpuint (repairs.packs_replaced, ==, 1);
  g_assert_cmpuint (repairs.packs_dropped, ==, 0);
  g_assert_cmpuint (repairs.blobs_rescued, ==, 2);
  g_assert_cmpuint (repairs.blobs_lost, ==, 1);
  g_assert_cmpuint (repairs.snapshots_marked, ==, 1);
  g_assert_cmpint (json_object_get_int_member (
                     json_object_get_object_member (left->obbackup, "lost"), "files"),
                   ==, 1);
  g_assert_cmpuint (verify_check_and_restore (pipeline, left), ==, 0);
  /* The pack lies there still, beside that of the others and those of the trees. */
  g_assert_cmpuint (count_packs (pipeline), ==, 4);
}

static void
test_repair_header (Pipeline *pipeline, gconstpointer data)
{
  g_auto (Disk) disk = { 0 };
  g_autoptr (ObSnapshot) left = NULL;
  ObVerifyRepairs repairs;

  disk_init (&disk, pipeline);
  disk_break (&disk, "a/two", -10, 10);
  left = repair (&disk, &repairs);
  g_assert_cmpuint (repairs.blobs_rescued, ==, 3);
  g_assert_cmpuint (repairs.blobs_lost, ==, 0);
  g_assert_true (ob_id_equal (&left->id, &disk.snapshot->id));
  g_assert_cmpuint (verify_check_and_restore (pipeline, left), ==, 0);
}

typedef struct
{
  FaultStore *store;
  char *pack;
} Lack;

static void
lack_descriptors (const char *name, gpointer user_data)
{
  Lack *self = user_data;

  if (g_str_equal (name, self->pack))
    fault_store_arm (self->store, FAULT_READ, 1, FAULT_EMFILE, FALSE);
}

/* What this host lacks is no fault of a pack. */
static void
test_repair_without_descriptors (Pipeline *pipeline, gconstpointer data)
{
  g_auto (Disk) disk = { 0 };
  g_autoptr (ObLock) lock = NULL;
  g_autoptr (ObVerify) verify = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL;
  ObVerifyRepairs repairs;
  ObBlobLocation location;
  Lack lack = { 0 };

  disk_init (&disk, pipeline);
  verify_locate (pipeline, disk.snapshot, "a/two", &location);
  name = ob_pack_get_name (&location.pack);
  lack = (Lack){ FAULT_STORE (disk.store), name };
  verify_flip (pipeline, &location.pack, location.offset + 20);
  lock = ob_lock_acquire (disk.repository, TRUE, NULL, &error);
  g_assert_no_error (error);
  verify = disk_verify (&disk);
  fault_store_watch_reads (FAULT_STORE (disk.store), lack_descriptors, &lack);
  g_assert_false (ob_verify_repair (verify, lock, &repairs, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_FAILED);
  g_assert_cmpuint (count_packs (pipeline), ==, 2);
}

#define ADD(name, function)                                                                        \
  g_test_add ("/bad-sectors/" name, Pipeline, NULL, pipeline_set_up, function, pipeline_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("verify", test_verify);
  ADD ("verify-second-try", test_verify_second_try);
  ADD ("verify-header", test_verify_header);
  ADD ("verify-whole-pack", test_verify_whole_pack);
  ADD ("verify-gone", test_verify_gone);
  ADD ("repair", test_repair);
  ADD ("repair-header", test_repair_header);
  ADD ("repair-without-descriptors", test_repair_without_descriptors);
  return g_test_run ();
}
