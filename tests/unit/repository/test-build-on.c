/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Backups after packs were lost or damaged: nothing is built on these, and what is stored again
 * instead stays. */
#include <unistd.h>

#include "ob-damaged-packs.h"
#include "ob-error.h"
#include "ob-present-packs.h"
#include "prune-fixture.h"
#include "verify-fixture.h"

/* A pack on which the second backup would build, that of @path, comes to harm: what was in it is
 * stored again, which makes the first one whole, too. */
static void
check_build_on (Pipeline *pipeline, void (*harm) (Pipeline *pipeline, const ObId *pack),
                const char *path)
{
  g_autoptr (ObNode) node = pipeline_backup (pipeline, NULL, NULL, NULL);
  g_autoptr (ObNode) again = NULL;
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_new ();
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (ObVerify) verify = NULL;
  g_autoptr (GError) error = NULL;
  ObFileRestoreStats stats;
  ObBlobLocation location;
  guint n_gone;

  snapshot->tree = node->subtree;
  ob_repository_save_snapshot (pipeline->core.repository, snapshot, NULL, &error);
  g_assert_no_error (error);
  ob_present_packs_find (pipeline->core.repository, &n_gone, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_gone, ==, 0);

  verify_locate (pipeline, snapshot, path, &location);
  harm (pipeline, &location.pack);
  ob_reader_check_tree (pipeline->core.repository, &snapshot->tree, problems, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (problems->len, >, 0);
  ob_present_packs_find (pipeline->core.repository, &n_gone, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_gone, ==, 1);
  again = pipeline_backup (pipeline, node, NULL, NULL);
  g_assert_true (ob_id_equal (&again->subtree, &node->subtree));

  /* Whichever of the copies is known first. */
  for (guint i = 0; i < 4; i++)
    {
      pipeline_reopen (pipeline);
      g_ptr_array_set_size (problems, 0);
      ob_reader_check_tree (pipeline->core.repository, &snapshot->tree, problems, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (problems->len, ==, 0);
      pipeline_clear_target (pipeline);
      pipeline_restore (pipeline, again, &stats);
    }
  verify = verify_run (pipeline, 1);
  g_assert_cmpuint (ob_verify_get_report (verify)->n_losses, ==, 0);
  g_assert_cmpuint (ob_verify_get_report (verify)->n_problems, >, 0);
}

static void
halve_pack (Pipeline *pipeline, const ObId *pack)
{
  verify_resize (pipeline, pack, 100);
}

static void
test_build_on_missing (Pipeline *pipeline, gconstpointer path)
{
  verify_make_source (pipeline);
  check_build_on (pipeline, verify_remove_pack, path);
}

/* Somebody looks into a pack, or does not trust it any more. */
static void
rename_pack (Pipeline *pipeline, const ObId *pack, const char *directory, const char *suffix)
{
  g_autofree char *name = ob_pack_get_name (pack);
  g_autofree char *aside = g_strconcat (directory, name + strlen ("data/"), suffix, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes
    = ob_store_get (pipeline->core.store, name, 64 * 1024 * 1024, NULL, &error);

  g_assert_no_error (error);
  core_fixture_put (&pipeline->core, aside, g_bytes_get_data (bytes, NULL),
                    g_bytes_get_size (bytes));
  core_fixture_remove (&pipeline->core, name);
}

static void
put_aside (Pipeline *pipeline, const ObId *pack)
{
  rename_pack (pipeline, pack, "data/", ".damaged");
}

static void
put_elsewhere (Pipeline *pipeline, const ObId *pack)
{
  rename_pack (pipeline, pack, "data/aside/", "");
}

static void
test_build_on_renamed (Pipeline *pipeline, gconstpointer path)
{
  verify_make_source (pipeline);
  check_build_on (pipeline, put_aside, path);
}

static void
test_build_on_moved (Pipeline *pipeline, gconstpointer path)
{
  verify_make_source (pipeline);
  check_build_on (pipeline, put_elsewhere, path);
}

static void
test_build_on_cut (Pipeline *pipeline, gconstpointer path)
{
  verify_make_source (pipeline);
  check_build_on (pipeline, halve_pack, path);
}

/* A backup of the source, of which @path's blob, at @location, is damaged then. Transfer full. */
static ObNode *
back_up_and_damage (Pipeline *pipeline, const char *path, ObSnapshot *snapshot,
                    ObBlobLocation *location)
{
  g_autoptr (GError) error = NULL;
  ObNode *node;

  verify_make_source (pipeline);
  node = pipeline_backup (pipeline, NULL, NULL, NULL);
  snapshot->tree = node->subtree;
  ob_repository_save_snapshot (pipeline->core.repository, snapshot, NULL, &error);
  g_assert_no_error (error);
  verify_locate (pipeline, snapshot, path, location);
  verify_flip (pipeline, &location->pack, location->offset + 20);
  return node;
}

/* Adds a directory with one small file. The packs of earlier backups that it uses: of ObId,
 * transfer full. */
static GArray *
add_small_directory (ObRepository *repository)
{
  g_autoptr (ObWriter) writer = ob_writer_new (repository, 1, NULL);
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autoptr (GArray) content = NULL;
  g_autoptr (GArray) reused = NULL;
  g_autoptr (GError) error = NULL;
  const struct timespec when = { .tv_sec = 1 };
  ObId tree;

  ob_writer_set_collects (writer);
  ob_writer_add_bytes (writer, "small", 5, &content, &error);
  g_assert_no_error (error);
  g_ptr_array_add (nodes, ob_node_new_file ("small", 5, content, &when));
  ob_writer_add_tree (writer, nodes, &tree, &error);
  g_assert_no_error (error);
  reused = ob_writer_list_reused (writer);
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
  return g_steal_pointer (&reused);
}

/* Where what is stored is locked, the packs that a backup uses are locked for longer; those that
 * are gone are not among them, though what takes their place is not in the index yet. */
static void
test_reused (Pipeline *pipeline, gconstpointer data)
{
  ObRepository *repository = pipeline->core.repository;
  g_autoptr (GArray) first = add_small_directory (repository);
  g_autoptr (GArray) second = add_small_directory (repository);
  g_autoptr (GArray) third = NULL;
  g_autoptr (GError) error = NULL;
  guint n_gone;

  g_assert_cmpuint (first->len, ==, 0);
  g_assert_cmpuint (second->len, ==, 2);
  for (guint i = 0; i < second->len; i++)
    verify_remove_pack (pipeline, &g_array_index (second, ObId, i));
  ob_present_packs_find (repository, &n_gone, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_gone, ==, 2);
  third = add_small_directory (repository);
  g_assert_cmpuint (third->len, ==, 0);
}

/* A blob of @path's is damaged, which only reading shows: a backup that knows of it stores it
 * again, and a prune that does keeps that copy and not the damaged one. */
static void
test_build_on_damaged (Pipeline *pipeline, gconstpointer path)
{
  g_autoptr (ObNode) node = NULL;
  g_autoptr (ObNode) again = NULL;
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_new ();
  g_autoptr (ObVerify) before = NULL;
  const GArray *damaged = NULL;
  ObBlobLocation location;
  ObPruneFigures figures;

  node = back_up_and_damage (pipeline, path, snapshot, &location);
  before = verify_run (pipeline, 1);
  damaged = ob_verify_get_report (before)->damaged_packs;
  g_assert_cmpuint (damaged->len, ==, 1);
  g_assert_true (ob_id_equal (&g_array_index (damaged, ObId, 0), &location.pack));

  g_assert_cmpuint (ob_damaged_packs_tell (pipeline->core.repository, damaged), ==, 1);
  again = pipeline_backup (pipeline, node, NULL, NULL);
  g_assert_true (ob_id_equal (&again->subtree, &node->subtree));
  g_assert_cmpuint (verify_check_and_restore (pipeline, snapshot), ==, 0);

  g_assert_cmpuint (ob_damaged_packs_tell (pipeline->core.repository, damaged), ==, 1);
  prune_run (pipeline->core.repository, "0", &figures);
  g_assert_cmpuint (verify_check_and_restore (pipeline, snapshot), ==, 0);
  verify_assert_sound (pipeline, 1);
}

/* A prune that does not know of the damage, on another host, sees it before it gives the other copy
 * up, whichever of the two it would have kept. */
static void
test_prune_unaware (Pipeline *pipeline, gconstpointer path)
{
  g_autoptr (ObNode) node = NULL;
  g_autoptr (ObNode) again = NULL;
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_new ();
  g_autoptr (GArray) damaged = g_array_new (FALSE, FALSE, sizeof (ObId));
  ObBlobLocation location;
  ObPruneFigures figures;

  node = back_up_and_damage (pipeline, path, snapshot, &location);
  g_array_append_val (damaged, location.pack);
  ob_damaged_packs_tell (pipeline->core.repository, damaged);
  again = pipeline_backup (pipeline, node, NULL, NULL);

  pipeline_reopen (pipeline);
  prune_run (pipeline->core.repository, "0", &figures);
  g_assert_cmpuint (figures.n_removed_packs, ==, 1);
  g_assert_cmpuint (verify_check_and_restore (pipeline, snapshot), ==, 0);
  verify_assert_sound (pipeline, 1);
}

/* Both packs that hold a blob are damaged, each in another place: only together they are whole, and
 * a prune takes neither away, whether it knows of the second damage or not. */
static void
test_prune_both_damaged (Pipeline *pipeline, gconstpointer is_known)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (ObNode) again = NULL;
  g_autoptr (GArray) damaged = g_array_new (FALSE, FALSE, sizeof (ObId));
  ObBlobLocation first, second;
  ObPruneFigures figures;

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  verify_locate (pipeline, snapshot, "a/one", &first);
  verify_flip (pipeline, &first.pack, first.offset + 20);
  g_array_append_val (damaged, first.pack);
  ob_damaged_packs_tell (pipeline->core.repository, damaged);
  again = pipeline_backup (pipeline, NULL, NULL, NULL);
  verify_locate (pipeline, snapshot, "a/two", &second);
  g_assert_false (ob_id_equal (&second.pack, &first.pack));
  verify_flip (pipeline, &second.pack, second.offset + 20);
  if (is_known != NULL)
    g_array_append_val (damaged, second.pack);

  pipeline_reopen (pipeline);
  ob_damaged_packs_tell (pipeline->core.repository, damaged);
  prune_run (pipeline->core.repository, "0", &figures);
  g_assert_cmpuint (figures.n_removed_packs, ==, 0);
  g_assert_cmpuint (verify_check_and_restore (pipeline, snapshot), ==, 0);
}

/* Where blobs that nothing else has are in a damaged pack, it stays as it is until a repair; that
 * does not keep a prune from its work. */
static void
test_prune_beside_damaged (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) first = NULL;
  g_autoptr (ObVerify) verify = NULL;
  const GArray *damaged = NULL;
  ObBlobLocation location;
  ObPruneFigures figures;

  verify_make_source (pipeline);
  first = verify_backup (pipeline, 1);
  verify_locate (pipeline, first, "a/two", &location);
  verify_flip (pipeline, &location.pack, location.offset + 20);
  verify = verify_run (pipeline, 1);
  damaged = ob_verify_get_report (verify)->damaged_packs;
  ob_damaged_packs_tell (pipeline->core.repository, damaged);
  g_assert_cmpint (unlinkat (pipeline->source_fd, "a/two", 0), ==, 0);
  ob_snapshot_free (verify_backup (pipeline, 2));
  prune_run (pipeline->core.repository, "0", &figures);
  g_assert_cmpuint (figures.n_repacked_packs, ==, 0);
  g_assert_cmpuint (figures.waste_bytes, >, 0);
}

/* Told of once, and forgotten when the index has them no more. */
static void
test_merge_damaged (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (GArray) packs = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (GArray) former = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (ObSnapshot) snapshot = NULL;
  ObBlobLocation files, trees;
  const ObId gone = { .bytes = { 7 } };

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  verify_locate (pipeline, snapshot, "a/one", &files);
  verify_locate (pipeline, snapshot, "a", &trees);
  g_array_append_val (packs, files.pack);
  g_array_append_val (former, files.pack);
  g_array_append_val (former, gone);
  g_array_append_val (former, trees.pack);
  ob_damaged_packs_merge (pipeline->core.repository, packs, former);
  g_assert_cmpuint (packs->len, ==, 2);
  g_assert_true (ob_id_equal (&g_array_index (packs, ObId, 1), &trees.pack));
  g_assert_cmpuint (ob_damaged_packs_tell (pipeline->core.repository, NULL), ==, 2);
}

#define ADD_FOR(name, function, data)                                                              \
  g_test_add ("/build-on/" name, Pipeline, data, pipeline_set_up, function, pipeline_tear_down)
#define ADD(name, function) ADD_FOR (name, function, NULL)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD_FOR ("missing-data", test_build_on_missing, "a/one");
  ADD_FOR ("missing-trees", test_build_on_missing, "a");
  ADD_FOR ("renamed-data", test_build_on_renamed, "a/one");
  ADD_FOR ("renamed-trees", test_build_on_renamed, "a");
  ADD_FOR ("moved-data", test_build_on_moved, "a/one");
  ADD_FOR ("cut-data", test_build_on_cut, "a/one");
  ADD_FOR ("cut-trees", test_build_on_cut, "a");
  ADD ("reused", test_reused);
  ADD_FOR ("damaged-data", test_build_on_damaged, "a/one");
  ADD_FOR ("damaged-trees", test_build_on_damaged, "a");
  ADD_FOR ("prune-unaware-data", test_prune_unaware, "a/one");
  ADD_FOR ("prune-unaware-trees", test_prune_unaware, "a");
  ADD_FOR ("prune-both-damaged", test_prune_both_damaged, NULL);
  ADD_FOR ("prune-both-known", test_prune_both_damaged, "known");
  ADD ("prune-beside-damaged", test_prune_beside_damaged);
  ADD ("merge-damaged", test_merge_damaged);
  return g_test_run ();
}
