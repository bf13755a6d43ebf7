/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Repairs: what can be had stays, what is lost is said, and a crash at any moment leaves a
 * repository that can be repaired. */
#include "ob-repair.h"

#include <string.h>

#include "crash-store.h"
#include "fault-store.h"
#include "ob-error.h"
#include "verify-fixture.h"

static ObVerifyRepairs
repair (ObRepository *repository)
{
  ObVerifyOptions options = { .share = 1, .n_threads = 2 };
  g_autoptr (GError) error = NULL;
  g_autoptr (ObLock) lock = ob_lock_acquire (repository, TRUE, NULL, &error);
  g_autoptr (ObVerify) verify = ob_verify_new (repository, &options, NULL);
  ObVerifyRepairs repairs;

  g_assert_no_error (error);
  ob_verify_run (verify, NULL, &error);
  g_assert_no_error (error);
  ob_verify_repair (verify, lock, &repairs, NULL, &error);
  g_assert_no_error (error);
  return repairs;
}

/* Repairs, and sees that nothing is wrong any more, also to one who opens it anew. */
static ObVerifyRepairs
repair_all (Pipeline *pipeline)
{
  ObVerifyRepairs repairs = repair (pipeline->core.repository);

  verify_assert_sound (pipeline, 1);
  pipeline_reopen (pipeline);
  verify_assert_sound (pipeline, 1);
  return repairs;
}

/* The snapshot that is there now for the one that was saved as @id. Transfer full. */
static ObSnapshot *
find_snapshot (ObRepository *repository, const ObId *id)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) snapshots = ob_repository_list_snapshots (repository, NULL, NULL, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < snapshots->len; i++)
    if (ob_id_equal (ob_snapshot_get_public_id (g_ptr_array_index (snapshots, i)), id))
      return g_ptr_array_steal_index (snapshots, i);
  return NULL;
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

  marked = find_snapshot (pipeline->core.repository, &first->id);
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

  kept = find_snapshot (pipeline->core.repository, &second->id);
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
  kept = find_snapshot (pipeline->core.repository, &snapshot->id);
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
  marked = find_snapshot (pipeline->core.repository, &snapshot->id);
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
  marked = find_snapshot (pipeline->core.repository, &snapshot->id);
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
  marked = find_snapshot (pipeline->core.repository, &first->id);
  other = find_snapshot (pipeline->core.repository, &second->id);
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
  marked = find_snapshot (pipeline->core.repository, &snapshot->id);
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
  kept = find_snapshot (pipeline->core.repository, &snapshot->id);
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
      g_autoptr (ObSnapshot) now = find_snapshot (pipeline->core.repository, &snapshot->id);
      ObBlobLocation location;

      verify_locate (pipeline, now, paths[i], &location);
      verify_flip (pipeline, &location.pack, location.offset);
      repair_all (pipeline);
    }
  marked = find_snapshot (pipeline->core.repository, &snapshot->id);
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

/* --- crashes --- */

typedef struct
{
  CoreFixture core; /* of a store in memory */
  ObId snapshots[2];
} Crash;

static void
store_backup (Crash *crash, guint number, const char *common)
{
  g_autoptr (ObWriter) writer = ob_writer_new (crash->core.repository, 1, NULL);
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_new ();
  g_autoptr (GError) error = NULL;
  struct timespec when = { 0 };

  for (guint i = 0; i < 4; i++)
    {
      g_autofree char *name = g_strdup_printf ("file%u", i);
      g_autofree char *text = g_strdup_printf ("%s %u %u", common, i, i < 2 ? 0 : number);
      g_autoptr (GArray) content = NULL;

      ob_writer_add_bytes (writer, text, strlen (text), &content, &error);
      g_assert_no_error (error);
      g_ptr_array_add (nodes, ob_node_new_file (name, strlen (text), content, &when));
    }
  ob_writer_add_tree (writer, nodes, &snapshot->tree, &error);
  g_assert_no_error (error);
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
  snapshot->time.tv_sec = number;
  ob_repository_save_snapshot (crash->core.repository, snapshot, NULL, &error);
  g_assert_no_error (error);
  crash->snapshots[number] = snapshot->id;
}

/* Damages the first blob of backup 0, which backup 1 has, too. */
static void
damage (Crash *crash)
{
  ObIndexPlace place;
  g_autofree char *name = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autofree guint8 *copy = NULL;
  g_autoptr (GError) error = NULL;
  struct iovec part;
  guint64 size;
  ObId pack;

  g_assert_true (ob_index_get_place (ob_repository_get_index (crash->core.repository), OB_BLOB_DATA, 0,
                                     &place));
  g_assert_true (
    ob_index_get_pack (ob_repository_get_index (crash->core.repository), place.pack, &pack, &size));
  name = ob_pack_get_name (&pack);
  bytes = ob_store_get (crash->core.store, name, 1 << 20, NULL, &error);
  g_assert_no_error (error);
  copy = g_memdup2 (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  copy[place.offset + 20] ^= 1;
  part = (struct iovec){ copy, g_bytes_get_size (bytes) };
  ob_store_put (crash->core.store, name, &part, 1, OB_STORE_PUT_NONE, NULL, &error);
  g_assert_no_error (error);
  ob_store_flush (crash->core.store, NULL, &error);
  g_assert_no_error (error);
}

static guint
count_nodes (ObRepository *repository, const ObSnapshot *snapshot)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) nodes = ob_reader_load_tree (repository, &snapshot->tree, NULL, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < nodes->len; i++)
    {
      g_autoptr (GBytes) bytes
        = ob_reader_load_file (repository, g_ptr_array_index (nodes, i), 1 << 20, NULL, &error);

      g_assert_no_error (error);
    }
  return nodes->len;
}

/* Whatever the moment, who opens the repository without a repair finds all that is not lost. */
static void
check_before (ObRepository *repository, guint moment)
{
  ObVerifyOptions options = { .share = 1, .n_threads = 1 };
  g_autoptr (ObVerify) verify = ob_verify_new (repository, &options, NULL);
  const ObVerifyReport *report = ob_verify_get_report (verify);
  g_autoptr (GError) error = NULL;

  ob_verify_run (verify, NULL, &error);
  g_assert_no_error (error);
  if (verify_count (verify, OB_VERIFY_PACK_MISSING) > 0)
    g_error ("After %u changes the index lists a pack that is not there", moment);
  for (guint i = 0; i < report->losses->len; i++)
    {
      const ObVerifyLoss *loss = g_ptr_array_index (report->losses, i);

      if (loss->n_files != 1 || strcmp (g_ptr_array_index (loss->files, 0), "file0") != 0)
        g_error ("After %u changes more than the damaged file is lost", moment);
    }
}

/* A repair of what a crash left of the first one ends it: nothing but the one file is lost. */
static void
check_left (Crash *crash, ObStore *left, guint moment)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository = ob_repository_open (left, CORE_PASSPHRASE, NULL, &error);
  ObVerifyOptions options = { .share = 1, .n_threads = 1 };
  g_autoptr (ObVerify) again = NULL;

  g_assert_no_error (error);
  core_store_clear (left, "locks");
  check_before (repository, moment);
  repair (repository);
  again = ob_verify_new (repository, &options, NULL);
  ob_verify_run (again, NULL, &error);
  g_assert_no_error (error);
  if (ob_verify_get_report (again)->n_problems > 0)
    g_error ("After %u changes: %s", moment,
             ((ObVerifyProblem *) g_ptr_array_index (ob_verify_get_report (again)->problems, 0))
               ->message);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (ObSnapshot) snapshot = find_snapshot (repository, &crash->snapshots[i]);

      if (snapshot == NULL || count_nodes (repository, snapshot) != 3
          || snapshot->obbackup == NULL)
        g_error ("After %u changes backup %u is not what it should be", moment, i);
    }
}

static void
test_crash (void)
{
  Crash crash = { .core = { .store = crash_store_new () } };
  CrashStore *store = CRASH_STORE (crash.core.store);
  GRand *rand = g_rand_new_with_seed ((guint32) g_test_rand_int ());
  g_autoptr (GError) error = NULL;
  ObConfig config;
  guint from, to;

  ob_config_generate (&config);
  core_fixture_put_repository (&crash.core, &config);
  crash.core.repository = ob_repository_open (crash.core.store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  ob_repository_load_index (crash.core.repository, NULL, &error);
  g_assert_no_error (error);
  store_backup (&crash, 0, "text");
  store_backup (&crash, 1, "text");
  damage (&crash);

  from = crash_store_get_n_changes (store);
  repair (crash.core.repository);
  to = crash_store_get_n_changes (store);
  g_assert_cmpuint (to, >, from + 10);
  for (guint n = from; n <= to; n++)
    {
      g_autoptr (ObStore) left = crash_store_cut (store, n, rand);

      check_left (&crash, left, n);
    }
  g_rand_free (rand);
  ob_repository_unref (crash.core.repository);
  g_object_unref (crash.core.store);
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
  ADD ("index-and-pack", test_index_and_pack);
  ADD ("missing-pack", test_missing_pack);
  ADD ("trees", test_trees);
  ADD ("root", test_root);
  ADD ("snapshot-file", test_snapshot_file);
  ADD ("same-id", test_same_id);
  ADD ("unreadable-snapshot", test_unreadable_snapshot);
  ADD ("unreadable-index", test_unreadable_index);
  ADD ("twice", test_twice);
  ADD ("lock", test_lock);
  g_test_add_func ("/repair/mark", test_mark);
  g_test_add_func ("/repair/crash", test_crash);
  return g_test_run ();
}
