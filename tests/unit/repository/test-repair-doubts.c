/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store that gives other answers at a repair than at the verification before it: what only one of
 * them says is lost is not taken for lost. */
#include <string.h>

#include "fault-store.h"
#include "ob-error.h"
#include "ob-repair.h"
#include "verify-fixture.h"

typedef struct
{
  Pipeline *pipeline;
  ObStore *store; /* a FaultStore */
  ObRepository *repository;
  ObSnapshot *snapshot; /* of verify_make_source() */
  char *pack;           /* that of its files */
  char *trees;          /* that of its trees */
  ObLock *lock;
  ObVerify *verify;
  ObVerifyRepairs repairs;
} Doubt;

static void
doubt_init (Doubt *self, Pipeline *pipeline)
{
  g_autoptr (GError) error = NULL;
  ObBlobLocation location;

  verify_make_source (pipeline);
  self->pipeline = pipeline;
  self->snapshot = verify_backup (pipeline, 1);
  self->store = fault_store_new (pipeline->core.store);
  self->repository = ob_repository_open (self->store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  verify_locate (pipeline, self->snapshot, "a/two", &location);
  self->pack = ob_pack_get_name (&location.pack);
  verify_locate (pipeline, self->snapshot, "", &location);
  self->trees = ob_pack_get_name (&location.pack);
}

static void
doubt_clear (Doubt *self)
{
  g_clear_pointer (&self->verify, ob_verify_free);
  g_clear_pointer (&self->lock, ob_lock_release);
  ob_repository_unref (self->repository);
  g_object_unref (self->store);
  ob_snapshot_free (self->snapshot);
  g_free (self->pack);
  g_free (self->trees);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Doubt, doubt_clear)

static void
doubt_verify (Doubt *self)
{
  ObVerifyOptions options = { .share = 1, .n_threads = 1 };
  g_autoptr (GError) error = NULL;

  self->lock = ob_lock_acquire (self->repository, TRUE, NULL, &error);
  g_assert_no_error (error);
  self->verify = ob_verify_new (self->repository, &options, NULL);
  ob_verify_run (self->verify, NULL, &error);
  g_assert_no_error (error);
}

static gboolean
doubt_repair (Doubt *self, GError **error)
{
  return ob_verify_repair (self->verify, self->lock, &self->repairs, NULL, error);
}

/* The repair ends, saying @reason, and leaves the backups as they are. */
static void
assert_gives_up (Doubt *self, const char *reason)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (doubt_repair (self, &error));
  g_assert_nonnull (strstr (error->message, reason));
  g_assert_nonnull (strstr (error->message, "no backup was changed"));
  g_assert_cmpuint (self->repairs.snapshots_marked + self->repairs.snapshots_dropped, ==, 0);
  g_clear_pointer (&self->lock, ob_lock_release);
}

/* With a store that says what there is @lost is lost, and nothing else. */
static void
assert_only_lost (Doubt *self, const char *lost)
{
  static const char *const paths[] = { "a/one", "a/two", "b/deep/three" };
  g_autoptr (ObSnapshot) left = NULL;

  pipeline_reopen (self->pipeline);
  verify_repair (self->pipeline->core.repository);
  left = verify_find_snapshot (self->pipeline->core.repository, &self->snapshot->id);
  g_assert_nonnull (left);
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr (ObNode) node = ob_reader_find (self->pipeline->core.repository, &left->tree,
                                                paths[i], NULL, NULL);

      g_assert_true ((node == NULL) == (g_strcmp0 (paths[i], lost) == 0));
    }
  g_assert_cmpuint (verify_check_and_restore (self->pipeline, left), ==, 0);
}

static void
damage (Doubt *self, const char *path)
{
  ObBlobLocation location;

  verify_locate (self->pipeline, self->snapshot, path, &location);
  verify_flip (self->pipeline, &location.pack, location.offset + 20);
}

static guint64
get_offset (Doubt *self, const char *path)
{
  ObBlobLocation location;

  verify_locate (self->pipeline, self->snapshot, path, &location);
  return location.offset + 20;
}

static void
fail_once (const char *name, gpointer user_data)
{
  Doubt *self = user_data;

  if (!g_str_equal (name, self->pack))
    return;
  fault_store_watch_reads (FAULT_STORE (self->store), NULL, NULL);
  fault_store_arm (FAULT_STORE (self->store), FAULT_READ, 1, FAULT_EIO, FALSE);
}

/* What was read at a second try is good: there is no reason to read it a third time. */
static void
test_second_try (Pipeline *pipeline, gconstpointer data)
{
  g_auto (Doubt) doubt = { 0 };
  g_autoptr (GError) error = NULL;

  doubt_init (&doubt, pipeline);
  fault_store_watch_reads (FAULT_STORE (doubt.store), fail_once, &doubt);
  doubt_verify (&doubt);
  g_assert_cmpuint (verify_count (doubt.verify, OB_VERIFY_PACK_READ), ==, 1);
  fault_store_break (FAULT_STORE (doubt.store), doubt.pack, get_offset (&doubt, "a/two"), 1);
  doubt_repair (&doubt, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (doubt.repairs.packs_replaced + doubt.repairs.blobs_lost, ==, 0);
  g_assert_cmpuint (doubt.repairs.snapshots_marked, ==, 0);
  g_assert_cmpuint (fault_store_get_n_broken (FAULT_STORE (doubt.store)), ==, 0);
  g_clear_pointer (&doubt.lock, ob_lock_release);
  assert_only_lost (&doubt, NULL);
}

/* One blob is damaged; another one of the pack, which was good, comes wrong. */
static void
test_other_blob (Pipeline *pipeline, gconstpointer data)
{
  g_auto (Doubt) doubt = { 0 };

  doubt_init (&doubt, pipeline);
  damage (&doubt, "a/two");
  doubt_verify (&doubt);
  fault_store_spoil (FAULT_STORE (doubt.store), doubt.pack, get_offset (&doubt, "a/one"));
  assert_gives_up (&doubt, "differently twice");
  g_assert_true (ob_store_stat (pipeline->core.store, doubt.pack, NULL, NULL, NULL));
  assert_only_lost (&doubt, "a/two");
}

/* The whole pack cannot be read any more. */
static void
test_whole_pack (Pipeline *pipeline, gconstpointer data)
{
  g_auto (Doubt) doubt = { 0 };

  doubt_init (&doubt, pipeline);
  damage (&doubt, "a/two");
  doubt_verify (&doubt);
  fault_store_break (FAULT_STORE (doubt.store), doubt.pack, 0, G_MAXUINT32);
  assert_gives_up (&doubt, "differently twice");
  g_assert_true (ob_store_stat (pipeline->core.store, doubt.pack, NULL, NULL, NULL));
  assert_only_lost (&doubt, "a/two");
}

/* Two were damaged, and one of them is good now: the other may be so another time. */
static void
test_better (Pipeline *pipeline, gconstpointer data)
{
  g_auto (Doubt) doubt = { 0 };
  g_autoptr (GError) error = NULL;

  doubt_init (&doubt, pipeline);
  damage (&doubt, "a/two");
  fault_store_spoil (FAULT_STORE (doubt.store), doubt.pack, get_offset (&doubt, "a/one"));
  doubt_verify (&doubt);
  fault_store_spoil (FAULT_STORE (doubt.store), NULL, 0);
  doubt_repair (&doubt, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (doubt.repairs.blobs_lost, ==, 1);
  g_assert_true (ob_store_stat (pipeline->core.store, doubt.pack, NULL, NULL, &error));
  g_clear_pointer (&doubt.lock, ob_lock_release);
  assert_only_lost (&doubt, "a/two");
}

/* When it is looked at what the backups lost, a tree comes wrong. */
static void
test_wrong_tree (Pipeline *pipeline, gconstpointer data)
{
  g_auto (Doubt) doubt = { 0 };

  doubt_init (&doubt, pipeline);
  damage (&doubt, "a/two");
  doubt_verify (&doubt);
  fault_store_spoil (FAULT_STORE (doubt.store), doubt.trees, get_offset (&doubt, "b/deep"));
  assert_gives_up (&doubt, "is damaged");
  assert_only_lost (&doubt, "a/two");
}

/* A tree that makes no sense was stored so: that is a loss for good. */
static void
test_senseless_tree (Pipeline *pipeline, gconstpointer data)
{
  g_auto (Doubt) doubt = { 0 };
  g_autoptr (ObSnapshot) senseless = ob_snapshot_new ();
  g_autoptr (GError) error = NULL;

  doubt_init (&doubt, pipeline);
  pipeline_store_tree_text (pipeline, "[]", &senseless->tree);
  ob_repository_save_snapshot (pipeline->core.repository, senseless, NULL, &error);
  g_assert_no_error (error);
  doubt_verify (&doubt);
  doubt_repair (&doubt, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (doubt.repairs.snapshots_marked, ==, 1);
  g_clear_pointer (&doubt.lock, ob_lock_release);
  assert_only_lost (&doubt, NULL);
}

/* The list of what there is after the packs were mended is not right. */
static void
check_second_list (Pipeline *pipeline, guint64 size)
{
  g_auto (Doubt) doubt = { 0 };

  doubt_init (&doubt, pipeline);
  damage (&doubt, "a/two");
  doubt_verify (&doubt);
  fault_store_list_as (FAULT_STORE (doubt.store), doubt.trees, size);
  assert_gives_up (&doubt, "in the list");
  assert_only_lost (&doubt, "a/two");
}

static void
test_second_list (Pipeline *pipeline, gconstpointer data)
{
  check_second_list (pipeline, FAULT_UNLISTED);
}

static void
test_second_size (Pipeline *pipeline, gconstpointer data)
{
  check_second_list (pipeline, 100);
}

static void
hide_index (const char *name, gpointer user_data)
{
  Doubt *self = user_data;

  /* The snapshots are read before the index is listed, which is a new one by now. */
  if (g_str_has_prefix (name, "snapshots/"))
    {
      g_autoptr (GPtrArray) names = core_fixture_list (&self->pipeline->core, "index");

      fault_store_list_as (FAULT_STORE (self->store), g_ptr_array_index (names, 0),
                           FAULT_UNLISTED);
    }
}

static void
test_second_index (Pipeline *pipeline, gconstpointer data)
{
  g_auto (Doubt) doubt = { 0 };

  doubt_init (&doubt, pipeline);
  damage (&doubt, "a/two");
  doubt_verify (&doubt);
  fault_store_watch_reads (FAULT_STORE (doubt.store), hide_index, &doubt);
  assert_gives_up (&doubt, "not found any more");
  fault_store_watch_reads (FAULT_STORE (doubt.store), NULL, NULL);
  assert_only_lost (&doubt, "a/two");
}

/* The verification's own list is not right: the pack is looked at before anything is done. */
static void
check_first_list (Pipeline *pipeline, guint64 size)
{
  g_auto (Doubt) doubt = { 0 };

  doubt_init (&doubt, pipeline);
  fault_store_list_as (FAULT_STORE (doubt.store), doubt.pack, size);
  doubt_verify (&doubt);
  fault_store_list_as (FAULT_STORE (doubt.store), NULL, 0);
  assert_gives_up (&doubt, "answered differently twice");
  g_assert_true (ob_store_stat (pipeline->core.store, doubt.pack, NULL, NULL, NULL));
  assert_only_lost (&doubt, NULL);
}

static void
test_first_list (Pipeline *pipeline, gconstpointer data)
{
  check_first_list (pipeline, FAULT_UNLISTED);
}

static void
test_first_size (Pipeline *pipeline, gconstpointer data)
{
  check_first_list (pipeline, 150 * 1024);
}

#define ADD(name, function)                                                                        \
  g_test_add ("/repair-doubts/" name, Pipeline, NULL, pipeline_set_up, function,                   \
              pipeline_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("second-try", test_second_try);
  ADD ("other-blob", test_other_blob);
  ADD ("whole-pack", test_whole_pack);
  ADD ("better", test_better);
  ADD ("wrong-tree", test_wrong_tree);
  ADD ("senseless-tree", test_senseless_tree);
  ADD ("second-list", test_second_list);
  ADD ("second-size", test_second_size);
  ADD ("second-index", test_second_index);
  ADD ("first-list", test_first_list);
  ADD ("first-size", test_first_size);
  return g_test_run ();
}
