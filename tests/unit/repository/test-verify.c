/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every kind of damage: that it is found, by which kind of verification, and what it is said to
 * touch. */
#include "ob-verify.h"

#include <string.h>
#include <unistd.h>

#include "ob-error.h"
#include "verify-fixture.h"

static guint64
get_stored (Pipeline *pipeline)
{
  return ob_repository_get_stored_size (pipeline->core.repository);
}

static void
assert_lost (ObVerify *verify, const ObSnapshot *snapshot, const char *lost)
{
  g_autofree char *actual = verify_get_lost (verify, ob_snapshot_get_public_id (snapshot));

  g_assert_cmpstr (actual, ==, lost);
}

static void
test_sound (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (ObVerify) structure = NULL;
  g_autoptr (ObVerify) all = NULL;
  const ObVerifyReport *report;

  verify_assert_sound (pipeline, 1);
  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  verify_assert_sound (pipeline, 0);
  verify_assert_sound (pipeline, 1);

  structure = verify_run (pipeline, 0);
  report = ob_verify_get_report (structure);
  g_assert_cmpuint (report->snapshots, ==, 1);
  g_assert_cmpuint (report->trees, ==, 4);
  g_assert_cmpuint (report->packs, ==, 2);
  g_assert_cmpuint (report->bytes_read, ==, 0);
  g_assert_cmpuint (report->unused_packs, ==, 0);

  all = verify_run (pipeline, 1);
  report = ob_verify_get_report (all);
  g_assert_cmpuint (report->packs_read, ==, 2);
  g_assert_cmpuint (report->bytes_read, ==, get_stored (pipeline));
}

/* Trees that snapshots share are visited once. */
static void
test_shared_trees (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObVerify) verify = NULL;

  verify_make_source (pipeline);
  for (guint i = 0; i < 50; i++)
    ob_snapshot_free (verify_backup (pipeline, i));
  verify = verify_run (pipeline, 0);
  g_assert_cmpuint (ob_verify_get_report (verify)->snapshots, ==, 50);
  g_assert_cmpuint (ob_verify_get_report (verify)->trees, ==, 4);
  g_assert_cmpuint (ob_verify_get_report (verify)->sound->len, ==, 50);
}

static void
test_data_blob (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) first = NULL;
  g_autoptr (ObSnapshot) second = NULL;
  g_autoptr (ObVerify) verify = NULL;
  ObBlobLocation location;

  verify_make_source (pipeline);
  first = verify_backup (pipeline, 1);
  pipeline_write (pipeline, "a/two", "other", 5);
  second = verify_backup (pipeline, 2);
  verify_locate (pipeline, first, "a/two", &location);
  verify_flip (pipeline, &location.pack, location.offset + location.length / 2);

  verify_assert_sound (pipeline, 0);
  verify = verify_run (pipeline, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_CONTENT), ==, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_BLOB), ==, 1);
  g_assert_cmpuint (ob_verify_get_report (verify)->n_problems, ==, 2);
  assert_lost (verify, first, "a/two");
  assert_lost (verify, second, "");
  g_assert_cmpuint (ob_verify_get_report (verify)->sound->len, ==, 1);
}

static void
test_header (Pipeline *pipeline, gconstpointer data)
{
  static const gint64 offsets[] = { -40, -4, -1 };

  verify_make_source (pipeline);
  ob_snapshot_free (verify_backup (pipeline, 1));
  for (guint i = 0; i < G_N_ELEMENTS (offsets); i++)
    {
      g_autoptr (ObVerify) verify = NULL;
      ObBlobLocation location;
      ObIndexPlace place;
      guint64 size;

      g_assert_true (ob_index_get_place (ob_repository_get_index (pipeline->core.repository),
                                         OB_BLOB_DATA, 0, &place));
      g_assert_true (ob_index_get_pack (ob_repository_get_index (pipeline->core.repository),
                                        place.pack, &location.pack, &size));
      verify_flip (pipeline, &location.pack, offsets[i]);
      verify_assert_sound (pipeline, 0);
      verify = verify_run (pipeline, 1);
      g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_CONTENT), ==, 1);
      g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_HEADER), ==, 1);
      g_assert_cmpuint (verify_count (verify, OB_VERIFY_BLOB), ==, 0);
      g_assert_cmpuint (ob_verify_get_report (verify)->n_losses, ==, 0);
      verify_flip (pipeline, &location.pack, offsets[i]);
    }
}

static void
test_tree_blob (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (ObVerify) structure = NULL;
  g_autoptr (ObVerify) all = NULL;
  ObBlobLocation location;

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  verify_locate (pipeline, snapshot, "b", &location);
  verify_flip (pipeline, &location.pack, location.offset + 20);

  structure = verify_run (pipeline, 0);
  g_assert_cmpuint (verify_count (structure, OB_VERIFY_TREE), ==, 1);
  assert_lost (structure, snapshot, "b/");
  all = verify_run (pipeline, 1);
  g_assert_cmpuint (verify_count (all, OB_VERIFY_BLOB), ==, 1);
  g_assert_cmpuint (verify_count (all, OB_VERIFY_TREE), ==, 0);
  assert_lost (all, snapshot, "b/");
}

static void
test_root_tree (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (ObVerify) verify = NULL;
  ObBlobLocation location;

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  verify_locate (pipeline, snapshot, "", &location);
  verify_flip (pipeline, &location.pack, location.offset);
  verify = verify_run (pipeline, 1);
  assert_lost (verify, snapshot, "/");
}

/* A text that is no tree, under its right name. */
static void
test_tree_text (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_new ();
  g_autoptr (ObVerify) verify = NULL;
  g_autoptr (GError) error = NULL;

  pipeline_store_tree_text (pipeline, "{\"nodes\":[{\"name\":\"..\"}]}", &snapshot->tree);
  ob_repository_save_snapshot (pipeline->core.repository, snapshot, NULL, &error);
  g_assert_no_error (error);
  verify = verify_run (pipeline, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_TREE), ==, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_BLOB), ==, 0);
  assert_lost (verify, snapshot, "/");
}

static void
test_missing_pack (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (ObVerify) verify = NULL;
  ObBlobLocation location;

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  verify_locate (pipeline, snapshot, "a/one", &location);
  verify_remove_pack (pipeline, &location.pack);
  verify = verify_run (pipeline, 0);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_MISSING), ==, 1);
  assert_lost (verify, snapshot, "a/one a/two b/deep/three");
}

/* What lies before the cut is still there: the pack is read though nobody asked for data. */
static void
test_truncated_pack (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (ObVerify) verify = NULL;
  ObBlobLocation location, one, two;

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  verify_locate (pipeline, snapshot, "b/deep/three", &location);
  verify_locate (pipeline, snapshot, "a/one", &one);
  verify_locate (pipeline, snapshot, "a/two", &two);
  /* whichever comes last */
  if (one.offset > location.offset)
    location = one;
  if (two.offset > location.offset)
    location = two;
  verify_resize (pipeline, &location.pack, location.offset + 10);
  verify = verify_run (pipeline, 0);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_SIZE), ==, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_CONTENT), ==, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_BLOB), ==, 1);
  g_assert_cmpuint (ob_verify_get_report (verify)->n_losses, ==, 1);
  {
    const ObVerifyLoss *loss = g_ptr_array_index (ob_verify_get_report (verify)->losses, 0);

    g_assert_cmpuint (loss->n_files, ==, 1);
  }
}

/* A backup that needs nothing behind the cut is whole, and one that does is none. */
static void
test_before_the_cut (Pipeline *pipeline, gconstpointer data)
{
  static const char *const names[] = { "a/one", "a/two", "b/deep/three" };
  g_autoptr (ObSnapshot) all = NULL;
  g_autoptr (ObSnapshot) without = NULL;
  ObBlobLocation last = { 0 };
  guint64 size;
  guint which = 0;

  verify_make_source (pipeline);
  all = verify_backup (pipeline, 1);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      ObBlobLocation location;

      verify_locate (pipeline, all, names[i], &location);
      if (location.offset < last.offset)
        continue;
      last = location;
      which = i;
    }
  g_assert_cmpint (unlinkat (pipeline->source_fd, names[which], 0), ==, 0);
  without = verify_backup (pipeline, 2);

  g_assert_true (ob_index_get_pack_size (ob_repository_get_index (pipeline->core.repository),
                                         &last.pack, &size));
  verify_resize (pipeline, &last.pack, size - 5);
  g_assert_cmpuint (verify_check_and_restore (pipeline, all), ==, 0);
  verify_resize (pipeline, &last.pack, last.offset + 10);
  g_assert_cmpuint (verify_check_and_restore (pipeline, without), ==, 0);
  g_assert_cmpuint (verify_check_and_restore (pipeline, all), ==, 1);
  /* As long as it was, but not what it was: that of the two is seen, too. */
  verify_resize (pipeline, &last.pack, size + 1);
  verify_flip (pipeline, &last.pack, 50);
  g_assert_cmpuint (verify_check_and_restore (pipeline, without), >, 0);
}

static void
test_empty_pack (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (ObVerify) verify = NULL;
  ObBlobLocation location;

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  verify_locate (pipeline, snapshot, "a/one", &location);
  verify_resize (pipeline, &location.pack, 0);
  verify = verify_run (pipeline, 0);
  assert_lost (verify, snapshot, "a/one a/two b/deep/three");
}

static void
test_longer_pack (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (ObVerify) verify = NULL;
  ObBlobLocation location;

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  verify_locate (pipeline, snapshot, "a/one", &location);
  verify_resize (pipeline, &location.pack, 1 << 20);
  verify = verify_run (pipeline, 0);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_SIZE), ==, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_CONTENT), ==, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_HEADER), ==, 1);
  g_assert_cmpuint (ob_verify_get_report (verify)->n_losses, ==, 0);
}

/* No damage: what a crash leaves. */
static void
test_unused_pack (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (ObVerify) verify = NULL;

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  core_fixture_put (&pipeline->core,
                    "data/ab/"
                    "ab00000000000000000000000000000000000000000000000000000000000000",
                    "rubbish", 7);
  core_fixture_put (&pipeline->core, "data/ab/something", "else", 4);
  verify_assert_sound (pipeline, 1);
  verify = verify_run (pipeline, 0);
  g_assert_cmpuint (ob_verify_get_report (verify)->unused_packs, ==, 1);
  g_assert_cmpuint (ob_verify_get_report (verify)->unused_bytes, ==, 7);
}

/* A sound pack under the name of another. */
static void
test_wrong_name (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) first = NULL;
  g_autoptr (ObSnapshot) second = NULL;
  g_autoptr (ObVerify) verify = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *from = NULL;
  g_autofree char *to = NULL;
  ObBlobLocation location;

  verify_make_source (pipeline);
  first = verify_backup (pipeline, 1);
  verify_locate (pipeline, first, "a/one", &location);
  to = ob_pack_get_name (&location.pack);
  pipeline_write (pipeline, "new", "something new", 13);
  second = verify_backup (pipeline, 2);
  verify_locate (pipeline, second, "new", &location);
  from = ob_pack_get_name (&location.pack);
  bytes = ob_store_get (pipeline->core.store, from, 1 << 20, NULL, &error);
  g_assert_no_error (error);
  core_fixture_put (&pipeline->core, to, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));

  verify = verify_run (pipeline, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_CONTENT), ==, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_HEADER), ==, 1);
  assert_lost (verify, first, "a/one a/two b/deep/three");
  assert_lost (verify, second, "a/one a/two b/deep/three");
}

/* Found though the service has read the file before it was damaged. */
static void
test_index_file (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (ObVerify) verify = NULL;
  g_autofree char *name = NULL;

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  name = verify_get_only (pipeline, "index");
  core_fixture_flip (&pipeline->core, name);
  verify = verify_run (pipeline, 0);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_INDEX_FILE), ==, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_BLOB_MISSING), ==, 1);
  g_assert_cmpuint (ob_verify_get_report (verify)->unused_packs, ==, 2);
  assert_lost (verify, snapshot, "/");
}

static void
test_snapshot_file (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) first = NULL;
  g_autoptr (ObSnapshot) second = NULL;
  g_autoptr (ObVerify) verify = NULL;
  g_autofree char *name = NULL;

  verify_make_source (pipeline);
  first = verify_backup (pipeline, 1);
  name = verify_get_only (pipeline, "snapshots");
  second = verify_backup (pipeline, 2);
  core_fixture_flip (&pipeline->core, name);
  core_fixture_put (&pipeline->core, "snapshots/README", "x", 1);
  verify = verify_run (pipeline, 0);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_SNAPSHOT), ==, 1);
  g_assert_cmpuint (ob_verify_get_report (verify)->n_problems, ==, 1);
  g_assert_cmpuint (ob_verify_get_report (verify)->sound->len, ==, 1);
}

/* Another copy is as good. */
static void
test_second_copy (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autofree guint8 *bytes = make_random (100 * 1024, 1);
  g_autofree char *index = NULL;
  ObBlobLocation copies[3];
  ObId id;

  verify_make_source (pipeline);
  snapshot = verify_backup (pipeline, 1);
  /* Stored once more by somebody who does not know of it: the index is out of the way. */
  index = verify_get_only (pipeline, "index");
  {
    g_autoptr (GError) error = NULL;
    g_autoptr (GBytes) text = ob_store_get (pipeline->core.store, index, 1 << 20, NULL, &error);

    g_assert_no_error (error);
    core_fixture_remove (&pipeline->core, index);
    pipeline_reopen (pipeline);
    g_array_unref (pipeline_store (pipeline, bytes, 100 * 1024));
    core_fixture_put (&pipeline->core, index, g_bytes_get_data (text, NULL),
                      g_bytes_get_size (text));
  }
  pipeline_reopen (pipeline);
  /* Whichever of the two is damaged. */
  ob_id_of (bytes, 100 * 1024, &id);
  g_assert_cmpuint (ob_index_lookup_all (ob_repository_get_index (pipeline->core.repository),
                                         OB_BLOB_DATA, &id, copies, 3),
                    ==, 2);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (ObVerify) verify = NULL;

      verify_flip (pipeline, &copies[i].pack, copies[i].offset + 50);
      verify = verify_run (pipeline, 1);
      g_assert_cmpuint (verify_count (verify, OB_VERIFY_BLOB), ==, 1);
      assert_lost (verify, snapshot, "");
      verify_flip (pipeline, &copies[i].pack, copies[i].offset + 50);
    }
}

/* Only what the snapshots asked for need is looked at. */
static void
test_named (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) first = NULL;
  g_autoptr (ObSnapshot) second = NULL;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (ObVerify) one = NULL;
  g_autoptr (ObVerify) none = NULL;
  g_autoptr (GError) error = NULL;
  ObVerifyOptions options = { .snapshots = ids, .share = 1, .n_threads = 2 };
  ObBlobLocation location;

  verify_make_source (pipeline);
  first = verify_backup (pipeline, 1);
  pipeline_write (pipeline, "new", "something new", 13);
  second = verify_backup (pipeline, 2);
  verify_locate (pipeline, second, "new", &location);
  verify_flip (pipeline, &location.pack, location.offset + 20);

  g_array_append_val (ids, first->id);
  one = ob_verify_new (pipeline->core.repository, &options, NULL);
  ob_verify_run (one, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (ob_verify_get_report (one)->n_problems, ==, 0);
  g_assert_cmpuint (ob_verify_get_report (one)->snapshots, ==, 1);
  g_assert_cmpuint (ob_verify_get_report (one)->packs_read, ==, 2);

  /* It may lie in a file of another name. */
  g_array_index (ids, ObId, 0).bytes[0] ^= 1;
  {
    g_autofree char *name = NULL;
    g_autoptr (ObVerify) suspected = ob_verify_new (pipeline->core.repository, &options, NULL);
    char hex[OB_ID_HEX_SIZE];

    ob_id_to_hex (&second->id, hex);
    name = g_strconcat ("snapshots/", hex, NULL);
    core_fixture_flip (&pipeline->core, name);
    g_array_append_val (ids, first->id);
    ob_verify_run (suspected, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (verify_count (suspected, OB_VERIFY_SNAPSHOT), ==, 1);
    g_assert_cmpuint (ob_verify_get_report (suspected)->unreadable, ==, 1);
    core_fixture_flip (&pipeline->core, name);
    g_array_set_size (ids, 1);
  }
  none = ob_verify_new (pipeline->core.repository, &options, NULL);
  g_assert_false (ob_verify_run (none, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_NOT_FOUND);
}

/* Where there is a file of the name that is asked for, what else cannot be read is nobody's
 * suspicion. */
static void
test_named_unreadable (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) first = NULL;
  g_autoptr (ObSnapshot) second = NULL;
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (ObVerify) verify = NULL;
  g_autoptr (GError) error = NULL;
  ObVerifyOptions options = { .snapshots = ids, .share = 0, .n_threads = 2 };
  const ObVerifyProblem *problem;
  char hex[OB_ID_HEX_SIZE];

  verify_make_source (pipeline);
  first = verify_backup (pipeline, 1);
  second = verify_backup (pipeline, 2);
  names = core_fixture_list (&pipeline->core, "snapshots");
  for (guint i = 0; i < names->len; i++)
    core_fixture_flip (&pipeline->core, g_ptr_array_index (names, i));
  g_array_append_val (ids, first->id);
  verify = ob_verify_new (pipeline->core.repository, &options, NULL);
  ob_verify_run (verify, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (ob_verify_get_report (verify)->n_problems, ==, 1);
  problem = g_ptr_array_index (ob_verify_get_report (verify)->problems, 0);
  ob_id_to_hex (&first->id, hex);
  g_assert_true (g_str_has_suffix (problem->object, hex));
}

/* A large directory is lost in many snapshots: the lists stay short, and say how much there is. */
static void
test_bounds (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = NULL;
  g_autoptr (ObVerify) verify = NULL;
  const ObVerifyLoss *loss;
  ObBlobLocation location;

  for (guint i = 0; i < 3000; i++)
    {
      g_autofree char *name = g_strdup_printf ("file%u", i);

      pipeline_write (pipeline, name, name, strlen (name));
    }
  snapshot = verify_backup (pipeline, 1);
  verify_locate (pipeline, snapshot, "file0", &location);
  verify_resize (pipeline, &location.pack, 0);
  verify = verify_run (pipeline, 1);
  loss = g_ptr_array_index (ob_verify_get_report (verify)->losses, 0);
  g_assert_cmpuint (loss->files->len, ==, OB_VERIFY_MAX_FILES);
  g_assert_cmpuint (loss->n_files, ==, 3000);
  g_assert_false (loss->more);
  g_assert_cmpuint (ob_verify_get_report (verify)->problems->len, <=, OB_VERIFY_MAX_PROBLEMS);
}

#define ADD(name, function)                                                                        \
  g_test_add ("/verify/" name, Pipeline, NULL, pipeline_set_up, function, pipeline_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("sound", test_sound);
  ADD ("shared-trees", test_shared_trees);
  ADD ("data-blob", test_data_blob);
  ADD ("header", test_header);
  ADD ("tree-blob", test_tree_blob);
  ADD ("root-tree", test_root_tree);
  ADD ("tree-text", test_tree_text);
  ADD ("missing-pack", test_missing_pack);
  ADD ("truncated-pack", test_truncated_pack);
  ADD ("before-the-cut", test_before_the_cut);
  ADD ("empty-pack", test_empty_pack);
  ADD ("longer-pack", test_longer_pack);
  ADD ("unused-pack", test_unused_pack);
  ADD ("wrong-name", test_wrong_name);
  ADD ("index-file", test_index_file);
  ADD ("snapshot-file", test_snapshot_file);
  ADD ("second-copy", test_second_copy);
  ADD ("named", test_named);
  ADD ("named-unreadable", test_named_unreadable);
  ADD ("bounds", test_bounds);
  return g_test_run ();
}
