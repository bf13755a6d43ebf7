/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Repairs: what can be had stays, and what is lost is said. */
#include "ob-repair.h"

#include <string.h>

#include "fault-store.h"
#include "ob-error.h"
#include "verify-fixture.h"

/* Repairs, and sees that nothing is wrong any more, also to one who opens it anew. */
static ObVerifyRepairs
repair_all (Pipeline *pipeline)
{
  ObVerifyRepairs repairs = verify_repair (pipeline->core.repository);

  verify_assert_sound (pipeline, 1);
  pipeline_reopen (pipeline);
  verify_assert_sound (pipeline, 1);
  return repairs;
}

static gboolean
has_path (Pipeline *pipeline, const ObSnapshot *snapshot, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObNode) node = ob_reader_find (pipeline->core.repository, &snapshot->tree, path, NULL,
                                            &error);

  if (node == NULL)
    g_assert_error (error, OB_ERROR, OB_ERROR_NOT_FOUND);
  return node != NULL;
}

/* Restores all that the snapshot holds. */
static void
restore (Pipeline *pipeline, const ObSnapshot *snapshot)
{
  struct timespec when = { 0 };
  g_autoptr (ObNode) root = ob_node_new_directory ("root", &snapshot->tree, &when);

  pipeline_restore (pipeline, root, NULL);
  pipeline_clear_target (pipeline);
}

static guint
count_files (Pipeline *pipeline, const char *directory)
{
  g_autoptr (GPtrArray) names = core_fixture_list (&pipeline->core, directory);

  return names->len;
}

static void
test_nothing (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  ObVerifyRepairs repairs;
  g_autoptr (GPtrArray) before = NULL;
  g_autoptr (GPtrArray) after = NULL;

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  before = core_fixture_list (&pipeline->core, "index");
  repairs = repair_all (pipeline);
  after = core_fixture_list (&pipeline->core, "index");
  g_assert_cmpuint (repairs.index_files + repairs.packs_added + repairs.packs_replaced, ==, 0);
  g_assert_cmpstr (g_ptr_array_index (before, 0), ==, g_ptr_array_index (after, 0));
}

static void
test_data_blob (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) first = NULL;
  g_autoptr (ObSnapshot) second = NULL;
  g_autoptr (ObSnapshot) marked = NULL;
  g_autoptr (ObSnapshot) kept = NULL;
  JsonObject *lost;
  ObVerifyRepairs repairs;
  ObBlobLocation location;

  verify_make_source (pipeline);
  first = verify_backup (pipeline, 1);
  verify_locate (pipeline, first, "a/two", &location);
  pipeline_write (pipeline, "a/two", "other", 5);
  second = verify_backup (pipeline, 2);
  verify_flip (pipeline, &location.pack, location.offset + 20);

  repairs = repair_all (pipeline);
  g_assert_cmpuint (repairs.packs_replaced, ==, 1);
  g_assert_cmpuint (repairs.blobs_lost, ==, 1);
  g_assert_cmpuint (repairs.blobs_rescued, ==, 2);
  g_assert_cmpuint (repairs.snapshots_marked, ==, 1);

  marked = verify_find_snapshot (pipeline->core.repository, &first->id);
  g_assert_nonnull (marked);
  g_assert_false (ob_id_equal (&marked->id, &first->id));
  g_assert_cmpint (marked->time.tv_sec, ==, 1);
  g_assert_cmpstr (json_object_get_string_member (marked->obbackup, "result"), ==, "partial");
  lost = json_object_get_object_member (marked->obbackup, "lost");
  g_assert_cmpint (json_object_get_int_member (lost, "files"), ==, 1);
  g_assert_cmpstr (json_array_get_string_element (json_object_get_array_member (lost, "paths"), 0),
                   ==, "a/two");
  g_assert_false (has_path (pipeline, marked, "a/two"));
  g_assert_true (has_path (pipeline, marked, "a/one"));
  g_assert_true (has_path (pipeline, marked, "b/deep/three"));
  restore (pipeline, marked);

  kept = verify_find_snapshot (pipeline->core.repository, &second->id);
  g_assert_true (ob_id_equal (&kept->id, &second->id));
  restore (pipeline, kept);
  g_assert_cmpuint (count_files (pipeline, "snapshots"), ==, 2);
}

static void
test_header (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (ObSnapshot) kept = NULL;
  ObVerifyRepairs repairs;
  ObBlobLocation location;

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  verify_locate (pipeline, snapshot, "a/two", &location);
  verify_flip (pipeline, &location.pack, -30);
  repairs = repair_all (pipeline);
  g_assert_cmpuint (repairs.packs_replaced, ==, 1);
  g_assert_cmpuint (repairs.blobs_rescued, ==, 3);
  g_assert_cmpuint (repairs.snapshots_marked, ==, 0);
  kept = verify_find_snapshot (pipeline->core.repository, &snapshot->id);
  g_assert_true (ob_id_equal (&kept->id, &snapshot->id));
  g_assert_cmpuint (count_files (pipeline, "data"), ==, 2);
}

static void
test_index (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (GPtrArray) names = NULL;
  ObVerifyRepairs repairs;

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  names = core_fixture_list (&pipeline->core, "index");
  core_fixture_flip (&pipeline->core, g_ptr_array_index (names, 0));
  repairs = repair_all (pipeline);
  g_assert_cmpuint (repairs.packs_added, ==, 2);
  g_assert_cmpuint (repairs.snapshots_marked, ==, 0);
  g_assert_cmpuint (count_files (pipeline, "index"), ==, 1);
  restore (pipeline, snapshot);
}

/* A copy of the index that somebody keeps in a directory below is none of ours to remove. */
static void
test_index_aside (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autofree char *aside = NULL;
  g_autoptr (GError) error = NULL;

  verify_make_source (pipeline);
  ob_snapshot_free (verify_backup (pipeline, 1));
  names = core_fixture_list (&pipeline->core, "index");
  bytes = ob_store_get (pipeline->core.store, g_ptr_array_index (names, 0), 1 << 20, NULL, &error);
  g_assert_no_error (error);
  aside = g_strconcat ("index/aside", strchr (g_ptr_array_index (names, 0), '/'), NULL);
  core_fixture_put (&pipeline->core, aside, g_bytes_get_data (bytes, NULL),
                    g_bytes_get_size (bytes));
  core_fixture_flip (&pipeline->core, g_ptr_array_index (names, 0));
  repair_all (pipeline);
  ob_store_stat (pipeline->core.store, aside, NULL, NULL, &error);
  g_assert_no_error (error);
}

/* The index of a pack that is itself damaged: what is good of it comes out. */
static void
test_index_and_pack (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (ObSnapshot) marked = NULL;
  g_autoptr (GPtrArray) names = NULL;
  ObBlobLocation location;

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  verify_locate (pipeline, snapshot, "a/two", &location);
  verify_flip (pipeline, &location.pack, location.offset + 20);
  names = core_fixture_list (&pipeline->core, "index");
  core_fixture_remove (&pipeline->core, g_ptr_array_index (names, 0));
  repair_all (pipeline);
  marked = verify_find_snapshot (pipeline->core.repository, &snapshot->id);
  g_assert_false (has_path (pipeline, marked, "a/two"));
  g_assert_true (has_path (pipeline, marked, "a/one"));
  restore (pipeline, marked);
}

static void
test_missing_pack (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (ObSnapshot) marked = NULL;
  ObVerifyRepairs repairs;
  ObBlobLocation location;

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  verify_locate (pipeline, snapshot, "a/two", &location);
  verify_remove_pack (pipeline, &location.pack);
  repairs = repair_all (pipeline);
  g_assert_cmpuint (repairs.packs_dropped, ==, 1);
  g_assert_cmpuint (repairs.blobs_lost, ==, 3);
  marked = verify_find_snapshot (pipeline->core.repository, &snapshot->id);
  g_assert_true (has_path (pipeline, marked, "empty"));
  g_assert_true (has_path (pipeline, marked, "b/deep"));
  g_assert_false (has_path (pipeline, marked, "b/deep/three"));
  restore (pipeline, marked);
}

static void
test_trees (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) first = NULL;
  g_autoptr (ObSnapshot) second = NULL;
  g_autoptr (ObSnapshot) marked = NULL;
  g_autoptr (ObSnapshot) other = NULL;
  ObVerifyRepairs repairs;
  ObBlobLocation location;

  verify_make_source (pipeline);
  first = verify_backup (pipeline, 1);
  pipeline_write (pipeline, "new", "new", 3);
  second = verify_backup (pipeline, 2);
  verify_locate (pipeline, first, "b/deep", &location);
  verify_flip (pipeline, &location.pack, location.offset + 20);
  repairs = repair_all (pipeline);
  g_assert_cmpuint (repairs.snapshots_marked, ==, 2);
  marked = verify_find_snapshot (pipeline->core.repository, &first->id);
  other = verify_find_snapshot (pipeline->core.repository, &second->id);
  g_assert_true (has_path (pipeline, marked, "b"));
  g_assert_false (has_path (pipeline, marked, "b/deep"));
  g_assert_true (has_path (pipeline, marked, "a/one"));
  g_assert_true (has_path (pipeline, other, "new"));
  restore (pipeline, marked);
  restore (pipeline, other);
}

/* Nothing is left of it, but it is still there, and says so. */
static void
test_root (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (ObSnapshot) marked = NULL;
  ObBlobLocation location;

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  verify_locate (pipeline, snapshot, "", &location);
  verify_flip (pipeline, &location.pack, location.offset);
  repair_all (pipeline);
  marked = verify_find_snapshot (pipeline->core.repository, &snapshot->id);
  g_assert_nonnull (marked);
  restore (pipeline, marked);
}

static void
test_snapshot_file (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (GPtrArray) names = NULL;
  ObVerifyRepairs repairs;

  verify_make_source (pipeline);
  ob_snapshot_free (verify_backup (pipeline, 1));
  names = core_fixture_list (&pipeline->core, "snapshots");
  snapshot = verify_backup (pipeline, 2);
  core_fixture_flip (&pipeline->core, g_ptr_array_index (names, 0));
  repairs = repair_all (pipeline);
  g_assert_cmpuint (repairs.snapshots_dropped, ==, 1);
  g_assert_cmpuint (count_files (pipeline, "snapshots"), ==, 1);
}

/* A file may have the very text of a directory's tree, and so a blob of the same id. */
static void
test_same_id (Pipeline *pipeline, gconstpointer data)
{
  static const char text[] = "{\"nodes\":[]}\n";
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_new ();
  g_autoptr (GArray) content = pipeline_store (pipeline, text, strlen (text));
  g_autoptr (GError) error = NULL;
  ObIndex *index = ob_repository_get_index (pipeline->core.repository);
  ObBlobLocation of_data, of_tree;

  pipeline_store_tree_text (pipeline, text, &snapshot->tree);
  g_assert_true (ob_id_equal (&g_array_index (content, ObId, 0), &snapshot->tree));
  ob_repository_save_snapshot (pipeline->core.repository, snapshot, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (ob_index_lookup (index, OB_BLOB_DATA, &snapshot->tree, &of_data));
  g_assert_true (ob_index_lookup (index, OB_BLOB_TREE, &snapshot->tree, &of_tree));
  verify_flip (pipeline, &of_data.pack, -30);
  verify_flip (pipeline, &of_tree.pack, -30);
  g_assert_cmpuint (repair_all (pipeline).blobs_rescued, ==, 2);
  index = ob_repository_get_index (pipeline->core.repository);
  g_assert_true (ob_index_lookup (index, OB_BLOB_DATA, &snapshot->tree, &of_data));
  g_assert_true (ob_index_lookup (index, OB_BLOB_TREE, &snapshot->tree, &of_tree));
}

/* A disk may fail to read one file, and only once. That is no reason to remove a backup; an index
 * is written anew from the packs. */
static void
check_unreadable (Pipeline *pipeline, guint read, ObVerifyKind kind)
{
  ObVerifyOptions options = { .share = 1, .n_threads = 2 };
  g_autoptr (ObStore) store = fault_store_new (pipeline->core.store);
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository = ob_repository_open (store, CORE_PASSPHRASE, NULL, &error);
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (ObSnapshot) kept = NULL;

  g_assert_no_error (error);
  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  {
    g_autoptr (ObLock) lock = ob_lock_acquire (repository, TRUE, NULL, &error);
    g_autoptr (ObVerify) verify = ob_verify_new (repository, &options, NULL);
    ObVerifyRepairs repairs;

    g_assert_no_error (error);
    fault_store_arm (FAULT_STORE (store), FAULT_READ, read, FAULT_EIO, FALSE);
    ob_verify_run (verify, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (verify_count (verify, kind), ==, 1);
    ob_verify_repair (verify, lock, &repairs, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (repairs.snapshots_dropped + repairs.snapshots_marked, ==, 0);
  }
  pipeline_reopen (pipeline);
  verify_assert_sound (pipeline, 1);
  kept = verify_find_snapshot (pipeline->core.repository, &snapshot->id);
  g_assert_nonnull (kept);
  restore (pipeline, kept);
}

static void
test_unreadable_snapshot (Pipeline *pipeline, gconstpointer data)
{
  check_unreadable (pipeline, 1, OB_VERIFY_SNAPSHOT);
}

static void
test_unreadable_index (Pipeline *pipeline, gconstpointer data)
{
  check_unreadable (pipeline, 2, OB_VERIFY_INDEX_FILE);
}

/* The disk fails at some reads of such an object, after so many that it gave. */
typedef struct
{
  FaultStore *store;
  const char *prefix;
  guint n_left, n_failures;
} Stumble;

static void
stumble (const char *name, gpointer user_data)
{
  Stumble *self = user_data;

  if (!g_str_has_prefix (name, self->prefix))
    return;
  if (self->n_left > 0)
    self->n_left--;
  else if (self->n_failures > 0)
    {
      self->n_failures--;
      fault_store_arm (self->store, FAULT_READ, 1, FAULT_EIO, FALSE);
    }
}

/* The same when it is looked at what the backups lost: nothing of them is taken for lost. */
static void
check_stumbling (Pipeline *pipeline, const char *directory, guint n_left, guint n_failures)
{
  ObVerifyOptions options = { .share = 1, .n_threads = 2 };
  g_autoptr (ObStore) store = fault_store_new (pipeline->core.store);
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository = ob_repository_open (store, CORE_PASSPHRASE, NULL, &error);
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (ObSnapshot) marked = NULL;
  g_autofree char *trees = NULL;
  Stumble stumbling = { FAULT_STORE (store), directory, n_left, n_failures };
  ObBlobLocation location;

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  verify_locate (pipeline, snapshot, "", &location);
  trees = ob_pack_get_name (&location.pack);
  if (directory == NULL)
    stumbling.prefix = trees;
  verify_locate (pipeline, snapshot, "a/two", &location);
  verify_flip (pipeline, &location.pack, location.offset + 20);
  {
    g_autoptr (ObLock) lock = ob_lock_acquire (repository, TRUE, NULL, &error);
    g_autoptr (ObVerify) verify = ob_verify_new (repository, &options, NULL);
    ObVerifyRepairs repairs;

    g_assert_no_error (error);
    ob_verify_run (verify, NULL, &error);
    g_assert_no_error (error);
    fault_store_watch_reads (FAULT_STORE (store), stumble, &stumbling);
    g_assert_false (ob_verify_repair (verify, lock, &repairs, NULL, &error));
    fault_store_watch_reads (FAULT_STORE (store), NULL, NULL);
    g_assert_cmpuint (stumbling.n_failures, ==, 0);
    g_assert_nonnull (strstr (error->message, "no backup was changed"));
    g_assert_cmpuint (repairs.snapshots_dropped + repairs.snapshots_marked, ==, 0);
  }
  pipeline_reopen (pipeline);
  repair_all (pipeline);
  marked = verify_find_snapshot (pipeline->core.repository, &snapshot->id);
  g_assert_false (has_path (pipeline, marked, "a/two"));
  g_assert_true (has_path (pipeline, marked, "a/one"));
  g_assert_true (has_path (pipeline, marked, "b/deep/three"));
}

/* It is read with those beside it, and then alone. */
static void
test_stumbling_tree (Pipeline *pipeline, gconstpointer data)
{
  check_stumbling (pipeline, NULL, 0, 2);
}

/* Both of its files were read once since they were written. */
static void
test_stumbling_index (Pipeline *pipeline, gconstpointer data)
{
  check_stumbling (pipeline, "index/", 2, 1);
}

/* The second repair adds to the mark of the first. */
static void
test_twice (Pipeline *pipeline, gconstpointer data)
{
  static const char *const paths[] = { "a/one", "b/deep/three" };
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (ObSnapshot) marked = NULL;
  JsonObject *lost;

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr (ObSnapshot) now = verify_find_snapshot (pipeline->core.repository, &snapshot->id);
      ObBlobLocation location;

      verify_locate (pipeline, now, paths[i], &location);
      verify_flip (pipeline, &location.pack, location.offset);
      repair_all (pipeline);
    }
  marked = verify_find_snapshot (pipeline->core.repository, &snapshot->id);
  lost = json_object_get_object_member (marked->obbackup, "lost");
  g_assert_cmpint (json_object_get_int_member (lost, "files"), ==, 2);
  g_assert_true (has_path (pipeline, marked, "a/two"));
  g_assert_cmpuint (count_files (pipeline, "snapshots"), ==, 1);
}

/* Members that we do not know stay in the file. */
static void
test_mark (void)
{
  static const char text[]
    = "{\"time\":\"2026-11-28T12:00:00Z\",\"tree\":"
      "\"1111111111111111111111111111111111111111111111111111111111111111\","
      "\"paths\":[\"/x\"],\"excludes\":[\"*.o\"],\"summary\":{\"n\":3}}";
  g_autoptr (GError) error = NULL;
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_from_json (text, strlen (text), &error);
  g_autoptr (GPtrArray) files = g_ptr_array_new ();
  g_autoptr (ObSnapshot) again = NULL;
  g_autofree char *marked = NULL;
  ObVerifyLoss loss = { .snapshot = snapshot, .files = files, .n_files = 5 };
  ObId tree = { .bytes = { 7 } };

  g_assert_no_error (error);
  snapshot->id.bytes[0] = 9;
  g_ptr_array_add (files, (gpointer) "x/y\xff");
  marked = ob_repair_mark_snapshot (text, strlen (text), &tree, &loss, &error);
  g_assert_no_error (error);
  g_assert_nonnull (strstr (marked, "\"excludes\":[\"*.o\"]"));
  g_assert_nonnull (strstr (marked, "\"summary\":{\"n\":3}"));
  again = ob_snapshot_from_json (marked, strlen (marked), &error);
  g_assert_no_error (error);
  g_assert_true (ob_id_equal (&again->tree, &tree));
  g_assert_cmpstr (json_object_get_string_member (
                     json_object_get_object_member (again->obbackup, "lost"), "replaces"),
                   ==, "0900000000000000000000000000000000000000000000000000000000000000");
  g_assert_true (again->has_original);
  g_assert_true (ob_id_equal (&again->original, &snapshot->id));

  g_assert_null (ob_repair_mark_snapshot ("[]", 2, &tree, &loss, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
}

/* Somebody took the lock away: nothing is removed. */
static void
test_lock (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (GPtrArray) locks = NULL;
  g_autoptr (GError) error = NULL;

  verify_make_source (pipeline);
  ob_snapshot_free (verify_backup (pipeline, 1));
  {
    g_autoptr (ObLock) lock = ob_lock_acquire (pipeline->core.repository, FALSE, NULL, &error);
    g_autoptr (ObLock) second = NULL;

    g_assert_no_error (error);
    second = ob_lock_acquire (pipeline->core.repository, TRUE, NULL, &error);
    g_assert_null (second);
    g_assert_error (error, OB_ERROR, OB_ERROR_LOCKED);
  }
}

#define ADD(name, function)                                                                        \
  g_test_add ("/repair/" name, Pipeline, NULL, pipeline_set_up, function, pipeline_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("nothing", test_nothing);
  ADD ("data-blob", test_data_blob);
  ADD ("header", test_header);
  ADD ("index", test_index);
  ADD ("index-aside", test_index_aside);
  ADD ("index-and-pack", test_index_and_pack);
  ADD ("missing-pack", test_missing_pack);
  ADD ("trees", test_trees);
  ADD ("root", test_root);
  ADD ("snapshot-file", test_snapshot_file);
  ADD ("same-id", test_same_id);
  ADD ("unreadable-snapshot", test_unreadable_snapshot);
  ADD ("unreadable-index", test_unreadable_index);
  ADD ("stumbling-tree", test_stumbling_tree);
  ADD ("stumbling-index", test_stumbling_index);
  ADD ("twice", test_twice);
  ADD ("lock", test_lock);
  g_test_add_func ("/repair/mark", test_mark);
  return g_test_run ();
}
