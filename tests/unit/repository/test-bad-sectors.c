/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A disk that cannot give some of its sectors: all that lies in others is had. */
#include <string.h>

#include "fault-store.h"
#include "ob-blob-runs.h"
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

/* The three data blobs of the source, in the order of their pack; of ObWantedBlob. */
static GArray *
list_blobs (Disk *self)
{
  static const char *const paths[] = { "a/one", "a/two", "b/deep/three" };
  GArray *wanted = g_array_new (FALSE, TRUE, sizeof (ObWantedBlob));

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (ObNode) node = ob_reader_find (self->pipeline->core.repository,
                                                &self->snapshot->tree, paths[i], NULL, &error);
      ObWantedBlob blob = { 0 };

      g_assert_no_error (error);
      g_assert_cmpuint (node->content->len, ==, 1);
      blob.id = g_array_index (node->content, ObId, 0);
      verify_locate (self->pipeline, self->snapshot, paths[i], &blob.location);
      g_array_append_val (wanted, blob);
    }
  g_array_sort (wanted, ob_wanted_blob_compare);
  return wanted;
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

/* The same of a tree, when data is not looked at. */
static void
test_verify_trees (Pipeline *pipeline, gconstpointer data)
{
  ObVerifyOptions options = { .n_threads = 1 };
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
  g_assert_cmpuint (ob_verify_get_report (verify)->sound->len, ==, 1);
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

/* Each read in a dead zone takes many seconds: few of its sectors are tried, and what lies behind
 * it is had. */
static void
test_verify_dead_zone (Pipeline *pipeline, gconstpointer data)
{
  g_auto (Disk) disk = { 0 };
  g_autoptr (ObVerify) verify = NULL;
  g_autoptr (GArray) blobs = NULL;
  const ObWantedBlob *last;
  g_autofree char *name = NULL;

  disk_init (&disk, pipeline);
  blobs = list_blobs (&disk);
  last = &g_array_index (blobs, ObWantedBlob, blobs->len - 1);
  name = ob_pack_get_name (&last->location.pack);
  g_assert_cmpuint (last->location.offset, >, 192 * 1024);
  fault_store_break (FAULT_STORE (disk.store), name, 0, 192 * 1024);
  verify = disk_verify (&disk);
  g_assert_cmpuint (fault_store_get_n_broken (FAULT_STORE (disk.store)), <, 22);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_READ), ==, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_BLOB), ==, 2);
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
  g_assert_cmpuint (fault_store_get_n_broken (FAULT_STORE (disk.store)), <, 28);
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

/* The same when the page cache still answers for the file by which the repository is known. */
static void
test_gone_but_kept (Pipeline *pipeline, gconstpointer data)
{
  g_auto (Disk) disk = { 0 };
  g_autoptr (GError) error = NULL;

  disk_init (&disk, pipeline);
  fault_store_keep (FAULT_STORE (disk.store), "config");
  fault_store_arm (FAULT_STORE (disk.store), FAULT_READ, 1, FAULT_EIO, TRUE);
  g_assert_false (ob_repository_confirm (disk.repository, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE);
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

static gboolean
count (guint number, const guint8 *data, gsize size, gpointer user_data, GError **error)
{
  guint *n = user_data;

  g_assert_cmpuint (number, ==, (*n)++);
  g_assert_cmpuint (size, ==, 100 * 1024);
  return TRUE;
}

/* Reads the blobs as one run, in both ways. Returns how many came. */
static guint
read_run (Disk *self, GArray *blobs, GError **error)
{
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (self->repository);
  const ObWantedBlob *wanted = (const ObWantedBlob *) (gpointer) blobs->data;
  const ObBlobLocation *last = &wanted[blobs->len - 1].location;
  gsize length = last->offset + last->length - wanted[0].location.offset;
  g_autofree guint8 *buffer = g_malloc (length);
  g_autofree guint8 *plain = g_malloc (blobs->len * 100 * 1024);
  g_autoptr (GError) failure = NULL;
  guint n = 0;
  gboolean ok = ob_blob_run_read (reader, wanted, blobs->len, buffer, length, count, &n, NULL,
                                  error);

  g_assert_true (ok
                 == ob_blob_run_read_all (reader, wanted, blobs->len, buffer, length, plain, NULL,
                                          &failure));
  return n;
}

/* A run reads over what lies between the blobs, but nobody needs that. */
static void
test_gap (Pipeline *pipeline, gconstpointer data)
{
  g_auto (Disk) disk = { 0 };
  g_autoptr (GArray) blobs = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL;
  ObBlobLocation between;

  disk_init (&disk, pipeline);
  blobs = list_blobs (&disk);
  between = g_array_index (blobs, ObWantedBlob, 1).location;
  name = ob_pack_get_name (&between.pack);
  fault_store_break (FAULT_STORE (disk.store), name, between.offset + 5000, 1);
  ob_repository_load_index (disk.repository, NULL, &error);
  g_assert_no_error (error);

  g_assert_cmpuint (read_run (&disk, blobs, &error), ==, 1);
  g_assert_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_clear_error (&error);
  g_array_remove_index (blobs, 1);
  g_assert_cmpuint (read_run (&disk, blobs, &error), ==, 2);
  g_assert_no_error (error);
}

/* All reads fail: one looks whether the repository is there at all, and does not go on. */
static void
test_gap_gone (Pipeline *pipeline, gconstpointer data)
{
  g_auto (Disk) disk = { 0 };
  g_autoptr (GArray) blobs = NULL;
  g_autoptr (GError) error = NULL;

  disk_init (&disk, pipeline);
  blobs = list_blobs (&disk);
  ob_repository_load_index (disk.repository, NULL, &error);
  g_assert_no_error (error);
  fault_store_arm (FAULT_STORE (disk.store), FAULT_READ, 1, FAULT_EIO, TRUE);
  g_assert_cmpuint (read_run (&disk, blobs, &error), ==, 0);
  g_assert_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_nonnull (strstr (error->message, "data/"));
  g_assert_cmpuint (fault_store_get_n_calls (FAULT_STORE (disk.store), FAULT_READ), <=, 4);
}

/* Trees are read many at once, but one that is not needed does no harm to the others. */
static void
test_trees (Pipeline *pipeline, gconstpointer data)
{
  static const char *const sound[] = { "a/one", "a/two", "empty", "b/deep" };
  g_auto (Disk) disk = { 0 };
  g_autoptr (ObBlobReader) reader = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (ObNode) a = NULL;
  g_autoptr (ObNode) deep = NULL;

  disk_init (&disk, pipeline);
  disk_break (&disk, "b/deep", 30, 1);
  ob_repository_load_index (disk.repository, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (sound); i++)
    {
      g_autoptr (ObNode) found
        = ob_reader_find (disk.repository, &disk.snapshot->tree, sound[i], NULL, &error);

      g_assert_no_error (error);
    }

  /* The block that holds all of them is tried once. */
  a = ob_reader_find (pipeline->core.repository, &disk.snapshot->tree, "a", NULL, &error);
  g_assert_no_error (error);
  reader = ob_blob_reader_new (disk.repository);
  for (guint i = 0; i < 2; i++)
    {
      guint n = fault_store_get_n_broken (FAULT_STORE (disk.store));
      g_autoptr (GPtrArray) nodes
        = ob_blob_reader_load_tree (reader, i == 0 ? &disk.snapshot->tree : &a->subtree, NULL,
                                    &error);

      g_assert_no_error (error);
      g_assert_cmpuint (fault_store_get_n_broken (FAULT_STORE (disk.store)), ==, n + 1 - i);
    }

  deep = ob_reader_find (pipeline->core.repository, &disk.snapshot->tree, "b/deep", NULL, &error);
  g_assert_no_error (error);
  g_assert_null (ob_blob_reader_load_tree (reader, &deep->subtree, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE);
}

/* Somebody who did not know of the first copy, or knew that it cannot be read, stored another one:
 * @path lies twice, and the copy that comes first is on a bad sector. */
static void
test_other_copy (Pipeline *pipeline, gconstpointer path)
{
  g_autoptr (ObRepository) ignorant = ob_repository_ref (pipeline->core.repository);
  g_auto (Disk) disk = { 0 };
  g_autoptr (ObSnapshot) copy = NULL;
  g_autoptr (GError) error = NULL;

  pipeline_reopen (pipeline);
  disk_init (&disk, pipeline);
  ob_repository_unref (pipeline->core.repository);
  pipeline->core.repository = ob_repository_ref (ignorant);
  copy = verify_backup (pipeline, 2);
  g_assert_true (ob_id_equal (&copy->tree, &disk.snapshot->tree));
  g_assert_cmpuint (count_packs (pipeline), ==, 4);

  ob_repository_load_index (disk.repository, NULL, &error);
  g_assert_no_error (error);
  ob_repository_unref (pipeline->core.repository);
  pipeline->core.repository = ob_repository_ref (disk.repository);
  disk_break (&disk, path, 0, 0);
  {
    g_autoptr (ObNode) root
      = ob_node_new_directory ("root", &copy->tree, &(struct timespec){ 0 });

    pipeline_restore (pipeline, root, NULL);
  }
  g_assert_cmpuint (fault_store_get_n_broken (FAULT_STORE (disk.store)), >, 0);
}

#define ADD_FOR(name, function, data)                                                              \
  g_test_add ("/bad-sectors/" name, Pipeline, data, pipeline_set_up, function, pipeline_tear_down)
#define ADD(name, function) ADD_FOR (name, function, NULL)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("verify", test_verify);
  ADD ("verify-second-try", test_verify_second_try);
  ADD ("verify-trees", test_verify_trees);
  ADD ("verify-header", test_verify_header);
  ADD ("verify-dead-zone", test_verify_dead_zone);
  ADD ("verify-whole-pack", test_verify_whole_pack);
  ADD ("verify-gone", test_verify_gone);
  ADD ("gone-but-kept", test_gone_but_kept);
  ADD ("repair", test_repair);
  ADD ("repair-header", test_repair_header);
  ADD ("repair-without-descriptors", test_repair_without_descriptors);
  ADD ("gap", test_gap);
  ADD ("gap-gone", test_gap_gone);
  ADD ("trees", test_trees);
  ADD_FOR ("other-copy-of-data", test_other_copy, "a/two");
  ADD_FOR ("other-copy-of-trees", test_other_copy, "");
  return g_test_run ();
}
