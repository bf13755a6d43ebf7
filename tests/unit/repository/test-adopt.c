/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a backup left that was cut off. */
#include "ob-adopt.h"

#include <string.h>

#include "fault-store.h"
#include "ob-error.h"
#include "pipeline-fixture.h"

#define MIB (1024 * 1024)

/* The names of all files below @directory go. */
static void
remove_all (Pipeline *pipeline, const char *directory)
{
  g_autoptr (GPtrArray) names = core_fixture_list (&pipeline->core, directory);

  for (guint i = 0; i < names->len; i++)
    core_fixture_remove (&pipeline->core, g_ptr_array_index (names, i));
}

/* Adopts with a lock of its own. */
static gboolean
adopt (Pipeline *pipeline, ObAdopted *adopted, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObLock) lock = ob_lock_acquire (pipeline->core.repository, TRUE, NULL, NULL);

  g_assert_nonnull (lock);
  return ob_adopt_packs (pipeline->core.repository, lock, adopted, cancellable, error);
}

/* Stores the bytes once more: what that added. */
static guint64
store_again (Pipeline *pipeline, const guint8 *data, gsize size)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 2, NULL);
  g_autoptr (GArray) content = NULL;
  g_autoptr (GError) error = NULL;
  ObWriterStats stats;

  g_assert_true (ob_writer_add_bytes (writer, data, size, &content, &error));
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
  ob_writer_get_stats (writer, &stats);
  return stats.stored_bytes;
}

/* Packs without their index are used by the next writer, whoever it is. */
static void
test_adopted (Pipeline *pipeline, gconstpointer unused)
{
  g_autofree guint8 *data = make_random (40 * MIB, 1);
  g_autoptr (GArray) content = pipeline_store (pipeline, data, 40 * MIB);
  g_autoptr (GPtrArray) packs = core_fixture_list (&pipeline->core, "data");
  g_autoptr (GPtrArray) index = NULL;
  g_autoptr (GError) error = NULL;
  struct timespec when = { 0 };
  g_autoptr (ObNode) node = NULL;
  g_autoptr (GBytes) back = NULL;
  ObAdopted adopted;

  remove_all (pipeline, "index");
  pipeline_reopen (pipeline);
  g_assert_cmpuint (ob_repository_get_stored_size (pipeline->core.repository), ==, 0);
  g_assert_true (adopt (pipeline, &adopted, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (adopted.n_packs, ==, packs->len);
  g_assert_cmpuint (adopted.bytes, >, 40 * MIB);
  g_assert_cmpuint (adopted.n_left, ==, 0);
  index = core_fixture_list (&pipeline->core, "index");
  g_assert_cmpuint (index->len, ==, 1);

  pipeline_reopen (pipeline);
  g_assert_cmpuint (ob_repository_get_stored_size (pipeline->core.repository), ==, adopted.bytes);
  g_assert_cmpuint (store_again (pipeline, data, 40 * MIB), ==, 0);
  node = ob_node_new_file ("f", 40 * MIB, content, &when);
  back = pipeline_read (pipeline, node);
  g_assert_cmpmem (g_bytes_get_data (back, NULL), g_bytes_get_size (back), data, 40 * MIB);

  /* There is nothing more to be had. */
  g_assert_true (adopt (pipeline, &adopted, NULL, &error));
  g_assert_cmpuint (adopted.n_packs, ==, 0);
  g_assert_cmpuint (adopted.n_left, ==, 0);
}

/* A pack that is cut short, one that is none, one whose header is damaged, and one whose blobs all
 * are there already, are left alone. */
static void
test_left (Pipeline *pipeline, gconstpointer unused)
{
  g_autofree guint8 *data = make_random (20 * MIB, 2);
  g_autoptr (GArray) content = pipeline_store (pipeline, data, 20 * MIB);
  g_autoptr (GPtrArray) packs = core_fixture_list (&pipeline->core, "data");
  const char *first = g_ptr_array_index (packs, 0);
  g_autoptr (GBytes) pack = ob_store_get (pipeline->core.store, first, 32 * MIB, NULL, NULL);
  gsize size;
  const guint8 *bytes = g_bytes_get_data (pack, &size);
  g_autofree guint8 *damaged = g_memdup2 (bytes, size);
  g_autofree char *other = g_strdup (first);
  g_autoptr (GError) error = NULL;
  ObAdopted adopted;

  /* A name that nobody has: that the bytes are others is for a verification to find. */
  other[strlen (other) - 1] = other[strlen (other) - 1] == '0' ? '1' : '0';
  core_fixture_put (&pipeline->core, other, bytes, size);
  core_fixture_put (&pipeline->core, "data/ab/no-pack", bytes, size);
  g_assert_true (adopt (pipeline, &adopted, NULL, &error));
  g_assert_cmpuint (adopted.n_packs, ==, 0);
  g_assert_cmpuint (adopted.n_left, ==, 1);
  core_fixture_remove (&pipeline->core, other);

  remove_all (pipeline, "index");
  pipeline_reopen (pipeline);
  damaged[size - 10] ^= 1;
  core_fixture_put (&pipeline->core, first, damaged, size);
  g_assert_true (adopt (pipeline, &adopted, NULL, &error));
  g_assert_cmpuint (adopted.n_packs, ==, packs->len - 1);
  g_assert_cmpuint (adopted.n_left, ==, 1);

  /* Its header is right, and a blob is not: the next backup must not build on it. */
  memcpy (damaged, bytes, size);
  damaged[100] ^= 1;
  core_fixture_put (&pipeline->core, first, damaged, size);
  g_assert_true (adopt (pipeline, &adopted, NULL, &error));
  g_assert_cmpuint (adopted.n_packs, ==, 0);
  g_assert_cmpuint (adopted.n_left, ==, 1);

  /* Its header is right, and more lies before it than it tells of. */
  memcpy (damaged, bytes, size);
  core_fixture_put (&pipeline->core, first, damaged + 1, size - 1);
  g_assert_true (adopt (pipeline, &adopted, NULL, &error));
  g_assert_cmpuint (adopted.n_packs, ==, 0);
  core_fixture_put (&pipeline->core, first, "", 0);
  g_assert_true (adopt (pipeline, &adopted, NULL, &error));
  g_assert_cmpuint (adopted.n_packs, ==, 0);
  g_assert_cmpuint (adopted.n_left, ==, 1);
}

static void
test_cancelled (Pipeline *pipeline, gconstpointer unused)
{
  g_autofree guint8 *data = make_random (20 * MIB, 3);
  g_autoptr (GArray) content = pipeline_store (pipeline, data, 20 * MIB);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GPtrArray) index = NULL;
  g_autoptr (GError) error = NULL;
  ObAdopted adopted;

  remove_all (pipeline, "index");
  pipeline_reopen (pipeline);
  g_cancellable_cancel (cancellable);
  g_assert_false (adopt (pipeline, &adopted, cancellable, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
  index = core_fixture_list (&pipeline->core, "index");
  g_assert_cmpuint (index->len, ==, 0);
}

static void
fail_pack (const char *name, gpointer user_data)
{
  if (g_str_has_prefix (name, "data/"))
    fault_store_arm (user_data, FAULT_READ, 1, FAULT_EIO, TRUE);
}

/* That a store does not answer says nothing of the pack. */
static void
test_store_fails (Pipeline *pipeline, gconstpointer unused)
{
  g_autofree guint8 *data = make_random (MIB, 5);
  g_autoptr (GArray) content = pipeline_store (pipeline, data, MIB);
  g_autoptr (ObStore) store = fault_store_new (pipeline->core.store);
  g_autoptr (GPtrArray) index = NULL;
  g_autoptr (GError) error = NULL;
  ObAdopted adopted;

  remove_all (pipeline, "index");
  ob_repository_unref (pipeline->core.repository);
  pipeline->core.repository = ob_repository_open (store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  fault_store_watch_reads (FAULT_STORE (store), fail_pack, store);
  g_assert_false (adopt (pipeline, &adopted, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_cmpuint (adopted.n_left, ==, 0);
  index = core_fixture_list (&pipeline->core, "index");
  g_assert_cmpuint (index->len, ==, 0);
  pipeline_reopen (pipeline);
}

/* A repair leaves a pack that cannot be read where it is: it is in nobody's way. */
static void
test_unreadable (Pipeline *pipeline, gconstpointer unused)
{
  g_autofree guint8 *data = make_random (20 * MIB, 6);
  g_autoptr (GArray) content = pipeline_store (pipeline, data, 20 * MIB);
  g_autoptr (ObStore) store = fault_store_new (pipeline->core.store);
  g_autoptr (GPtrArray) packs = core_fixture_list (&pipeline->core, "data");
  g_autoptr (GError) error = NULL;
  ObAdopted adopted;

  g_assert_cmpuint (packs->len, >, 1);
  remove_all (pipeline, "index");
  ob_repository_unref (pipeline->core.repository);
  pipeline->core.repository = ob_repository_open (store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  fault_store_break (FAULT_STORE (store), g_ptr_array_index (packs, 0), 0, G_MAXUINT32);
  g_assert_true (adopt (pipeline, &adopted, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (adopted.n_left, ==, 1);
  g_assert_cmpuint (adopted.n_packs, ==, packs->len - 1);
  pipeline_reopen (pipeline);
}

/* A writer that is broken off leaves an index of what it has stored; its packs alone would be of no
 * use to anybody. */
static void
test_broken_off (Pipeline *pipeline, gconstpointer unused)
{
  g_autofree guint8 *data = make_random (64 * MIB, 4);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GPtrArray) packs = NULL;
  g_autoptr (GError) error = NULL;
  guint64 kept, added;

  {
    g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 2, cancellable);
    g_autoptr (GArray) content = NULL;
    ObWriterStats stats = { 0 };

    g_assert_true (ob_writer_add_bytes (writer, data, 64 * MIB, &content, &error));
    for (guint i = 0; i < 1000 && stats.stored_bytes < 32 * MIB; i++)
      {
        g_usleep (10 * 1000);
        ob_writer_get_stats (writer, &stats);
      }
    g_assert_cmpuint (stats.stored_bytes, >=, 32 * MIB);
    g_cancellable_cancel (cancellable);
    g_assert_false (ob_writer_finish (writer, &error));
    g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
  }
  packs = core_fixture_list (&pipeline->core, "data");
  g_assert_cmpuint (packs->len, >=, 2);
  pipeline_reopen (pipeline);
  kept = ob_repository_get_stored_size (pipeline->core.repository);
  g_assert_cmpuint (kept, >=, 24 * MIB);
  added = store_again (pipeline, data, 64 * MIB);
  g_assert_cmpuint (added + kept, <, 66 * MIB);
}

#define add(name, func)                                                                            \
  g_test_add ("/adopt/" name, Pipeline, NULL, pipeline_set_up, func, pipeline_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("adopted", test_adopted);
  add ("left", test_left);
  add ("cancelled", test_cancelled);
  add ("store-fails", test_store_fails);
  add ("unreadable", test_unreadable);
  add ("broken-off", test_broken_off);
  return g_test_run ();
}
