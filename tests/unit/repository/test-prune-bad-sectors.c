/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pruning on a disk that cannot give some of its sectors: what is needed and lies in others, or
 * elsewhere, too, is copied. */
#include <string.h>
#include <unistd.h>

#include "fault-store.h"
#include "ob-error.h"
#include "prune-fixture.h"
#include "verify-fixture.h"

#define N_FILES_OF_ALL 10

static char *
get_path (guint number)
{
  return g_strdup_printf ("file%u", number);
}

/* The files of the numbers from @first on, each of @size bytes of its own. */
static void
make_files (Pipeline *pipeline, guint first, guint n, gsize size)
{
  for (guint i = first; i < first + n; i++)
    {
      g_autofree guint8 *bytes = make_random (size, i + 1);
      g_autofree char *path = get_path (i);

      pipeline_write (pipeline, path, bytes, size);
    }
}

static void
drop_file (Pipeline *pipeline, const char *path)
{
  g_assert_cmpint (unlinkat (pipeline->source_fd, path, 0), ==, 0);
}

static void
delete_backup (Pipeline *pipeline, const ObSnapshot *snapshot)
{
  g_autoptr (ObLock) held = prune_lock (pipeline->core.repository);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (GError) error = NULL;
  guint n_removed;

  g_array_append_val (ids, snapshot->id);
  ob_delete_snapshots (pipeline->core.repository, held, ids, &n_removed, NULL, &error);
  g_assert_no_error (error);
}

/* Prunes by way of @store, whose disk fails, and sees by way of one that gives all that nothing of
 * the backup is gone. */
static void
prune (Pipeline *pipeline, ObStore *store, const ObSnapshot *left, const char *limit)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository = ob_repository_open (store, CORE_PASSPHRASE, NULL, &error);
  ObPruneFigures figures;
  gint64 freed;

  g_assert_no_error (error);
  prune_run_with (repository, limit, &figures, &freed, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (figures.n_repacked_packs, >, 0);
  g_assert_cmpuint (fault_store_get_n_broken (FAULT_STORE (store)), >, 0);
  pipeline_reopen (pipeline);
  verify_assert_sound (pipeline, 1);
  g_assert_cmpuint (verify_check_and_restore (pipeline, left), ==, 0);
}

static gint
compare_offsets (gconstpointer a, gconstpointer b)
{
  const ObBlobLocation *x = a;
  const ObBlobLocation *y = b;

  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* What nobody needs lies on the bad sector, between two blobs that are read at once. */
static void
test_gap (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObStore) store = fault_store_new (pipeline->core.store);
  g_autoptr (ObSnapshot) all = NULL;
  g_autoptr (ObSnapshot) left = NULL;
  g_autofree char *name = NULL;
  ObBlobLocation locations[3];
  guint64 middle;

  make_files (pipeline, 0, 3, 10000);
  all = verify_backup (pipeline, 1);
  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *path = get_path (i);

      verify_locate (pipeline, all, path, &locations[i]);
    }
  qsort (locations, 3, sizeof *locations, compare_offsets);
  name = ob_pack_get_name (&locations[1].pack);
  middle = locations[1].offset + locations[1].length / 2;
  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *path = get_path (i);
      ObBlobLocation location;

      verify_locate (pipeline, all, path, &location);
      if (location.offset == locations[1].offset)
        drop_file (pipeline, path);
    }
  left = verify_backup (pipeline, 2);
  delete_backup (pipeline, all);
  fault_store_break (FAULT_STORE (store), name, middle, 1);
  prune (pipeline, store, left, "0");
}

/* What is needed lies on it, but somebody who did not know stored it a second time, in a pack that
 * stays. */
static void
test_other_copy (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObRepository) ignorant = ob_repository_ref (pipeline->core.repository);
  g_autoptr (ObStore) store = fault_store_new (pipeline->core.store);
  g_autoptr (ObSnapshot) all = NULL;
  g_autoptr (ObSnapshot) left = NULL;
  g_autoptr (ObSnapshot) copy = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL;
  ObBlobLocation location;

  pipeline_reopen (pipeline);
  make_files (pipeline, 0, N_FILES_OF_ALL, 40000);
  all = verify_backup (pipeline, 1);
  for (guint i = N_FILES_OF_ALL / 2; i < N_FILES_OF_ALL; i++)
    {
      g_autofree char *path = get_path (i);

      drop_file (pipeline, path);
    }
  left = verify_backup (pipeline, 2);
  verify_locate (pipeline, left, "file0", &location);
  name = ob_pack_get_name (&location.pack);

  for (guint i = 1; i < N_FILES_OF_ALL / 2; i++)
    {
      g_autofree char *path = get_path (i);

      drop_file (pipeline, path);
    }
  make_files (pipeline, 20, 1, 100000);
  ob_repository_unref (pipeline->core.repository);
  pipeline->core.repository = g_steal_pointer (&ignorant);
  copy = verify_backup (pipeline, 3);
  ob_repository_load_index (pipeline->core.repository, NULL, &error);
  g_assert_no_error (error);
  delete_backup (pipeline, all);

  fault_store_break (FAULT_STORE (store), name, location.offset + 1000, 1);
  prune (pipeline, store, left, "60K");
}

#define ADD(name, function)                                                                        \
  g_test_add ("/prune-bad-sectors/" name, Pipeline, NULL, pipeline_set_up, function,               \
              pipeline_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("gap", test_gap);
  ADD ("other-copy", test_other_copy);
  return g_test_run ();
}
