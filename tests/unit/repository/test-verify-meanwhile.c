/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A verification while others change what it looks at. */
#include <unistd.h>

#include "fault-store.h"
#include "ob-error.h"
#include "prune-fixture.h"
#include "verify-fixture.h"

/* Somebody who cleans up while packs are read. */
typedef struct
{
  ObRepository *by;        /* as another host has it open */
  ObRepository *reload;    /* whose index is then read anew, or NULL */
  const ObId *snapshot;    /* that is deleted first */
  CoreFixture *fixture;    /* for find_damage() */
  const char *index_file;
  gint n_times;            /* atomic: that it is still to be done */
} Cleaner;

static void
clean_up (const char *name, gpointer user_data)
{
  Cleaner *self = user_data;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (ObLock) held = NULL;
  g_autoptr (GError) error = NULL;
  ObPruneFigures figures;
  guint n_removed;

  if (!g_str_has_prefix (name, "data/")
      || !g_atomic_int_compare_and_exchange (&self->n_times, 1, 0))
    return;
  held = prune_lock (self->by);
  g_array_append_vals (ids, self->snapshot, 1);
  ob_delete_snapshots (self->by, held, ids, &n_removed, NULL, &error);
  g_assert_no_error (error);
  g_clear_pointer (&held, ob_lock_release);
  prune_run (self->by, "0", &figures);
  g_assert_cmpuint (figures.n_repacked_packs, >, 0);
  if (self->reload != NULL)
    ob_repository_load_index (self->reload, NULL, &error);
  g_assert_no_error (error);
}

/* Without a lock, as where the repository cannot be written: it begins anew with what there is, and
 * takes nothing of it for damage, whether somebody has read the index meanwhile or not. */
static void
test_cleaned_up (Pipeline *pipeline, gconstpointer reload)
{
  g_autoptr (ObSnapshot) first = NULL;
  g_autoptr (ObSnapshot) second = NULL;
  g_autoptr (ObStore) store = fault_store_new (pipeline->core.store);
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (ObVerify) verify = NULL;
  ObVerifyOptions options = { .share = 1, .n_threads = 2 };
  Cleaner cleaner = { .by = pipeline->core.repository, .n_times = 1 };

  verify_make_source (pipeline);
  first = verify_backup (pipeline, 1);
  g_assert_cmpint (unlinkat (pipeline->source_fd, "a/two", 0), ==, 0);
  second = verify_backup (pipeline, 2);
  repository = ob_repository_open (store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  cleaner.snapshot = &first->id;
  cleaner.reload = reload != NULL ? repository : NULL;
  verify = ob_verify_new (repository, &options, NULL);
  fault_store_watch_reads (FAULT_STORE (store), clean_up, &cleaner);
  ob_verify_run (verify, NULL, &error);
  fault_store_watch_reads (FAULT_STORE (store), NULL, NULL);
  g_assert_no_error (error);
  g_assert_cmpint (cleaner.n_times, ==, 0);
  g_assert_cmpuint (ob_verify_get_report (verify)->n_problems, ==, 0);
  g_assert_cmpuint (ob_verify_get_report (verify)->snapshots, ==, 1);
  g_assert_cmpuint (ob_verify_get_report (verify)->sound->len, ==, 1);
}

/* As clean_up(), but an index file is damaged, and another verification finds it so. */
static void
find_damage (const char *name, gpointer user_data)
{
  Cleaner *self = user_data;
  g_autoptr (GPtrArray) damaged
    = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_index_damage_free);
  g_autoptr (GError) error = NULL;

  if (!g_str_has_prefix (name, "data/")
      || !g_atomic_int_compare_and_exchange (&self->n_times, 1, 0))
    return;
  core_fixture_flip (self->fixture, self->index_file);
  ob_repository_check_index (self->reload, damaged, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (damaged->len, ==, 1);
}

/* Both tell of it. */
static void
test_found_meanwhile (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObStore) store = fault_store_new (pipeline->core.store);
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (ObVerify) verify = NULL;
  g_autofree char *name = NULL;
  ObVerifyOptions options = { .share = 1, .n_threads = 2 };
  Cleaner cleaner = { .fixture = &pipeline->core, .n_times = 1 };

  verify_make_source (pipeline);
  ob_snapshot_free (verify_backup (pipeline, 1));
  cleaner.index_file = name = verify_get_only (pipeline, "index");
  cleaner.reload = repository = ob_repository_open (store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  verify = ob_verify_new (repository, &options, NULL);
  fault_store_watch_reads (FAULT_STORE (store), find_damage, &cleaner);
  ob_verify_run (verify, NULL, &error);
  fault_store_watch_reads (FAULT_STORE (store), NULL, NULL);
  g_assert_no_error (error);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_INDEX_FILE), ==, 1);
  g_assert_cmpuint (ob_verify_get_report (verify)->n_losses, ==, 1);
}

/* Packs of @n blobs each, one behind the other in the index: pack 0 has the first ones. */
static void
fill_index (ObIndex *index, const guint *n, guint n_packs)
{
  for (guint i = 0; i < n_packs; i++)
    for (guint j = 0; j < n[i]; j++)
      {
        ObBlobLocation location = { .offset = 100 * j, .length = 100 };
        guint blob = 100 * i + j;
        ObId id;

        ob_id_of (&blob, sizeof blob, &id);
        ob_id_of (&i, sizeof i, &location.pack);
        ob_index_add (index, OB_BLOB_DATA, &id, &location);
      }
}

/* Another job renews the index just when a verification sorts it by packs: of the places that it
 * counted one pack has more now, and others have less. */
static void
test_renewed (Pipeline *pipeline, gconstpointer data)
{
  static const guint before[] = { 5, 40, 5, 5 };
  static const guint after[] = { 0, 0, 0, 5 };
  ObVerifyOptions options = { 0 };
  g_autoptr (ObVerify) verify = ob_verify_new (pipeline->core.repository, &options, NULL);
  ObIndex *index = ob_repository_get_index (pipeline->core.repository);
  guint32 all;

  fill_index (index, before, G_N_ELEMENTS (before));
  verify->n_packs = ob_index_get_n_packs (index);
  verify->n_places[OB_BLOB_DATA] = ob_index_get_n_places (index, OB_BLOB_DATA);
  ob_verify_count_places (verify);
  all = verify->first_place[verify->n_packs];
  g_assert_cmpuint (all, ==, 55);

  /* Pack 3 is pack 0 now, and has a hundred more. */
  ob_index_begin_renewal (index);
  fill_index (index, after, G_N_ELEMENTS (after));
  ob_index_end_renewal (index, TRUE);
  for (guint i = 0; i < 100; i++)
    {
      ObBlobLocation location = { .offset = 100 * i, .length = 100 };
      guint three = 3;
      ObId id;

      ob_id_of (&i, sizeof i, &id);
      ob_id_of (&three, sizeof three, &location.pack);
      ob_index_add (index, OB_BLOB_DATA, &id, &location);
    }
  ob_verify_put_places (verify);
  for (guint i = 0; i < verify->n_packs; i++)
    g_assert_cmpuint (verify->first_place[i], <=, verify->first_place[i + 1]);
  g_assert_cmpuint (verify->first_place[verify->n_packs], <=, all);
}

#define ADD_FOR(name, function, data)                                                              \
  g_test_add ("/verify-meanwhile/" name, Pipeline, data, pipeline_set_up, function,                \
              pipeline_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD_FOR ("cleaned-up", test_cleaned_up, NULL);
  ADD_FOR ("cleaned-up-and-read-anew", test_cleaned_up, "reload");
  ADD_FOR ("found-meanwhile", test_found_meanwhile, NULL);
  ADD_FOR ("renewed", test_renewed, NULL);
  return g_test_run ();
}
