/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "prune-fixture.h"

#include <string.h>

#include "ob-snapshot.h"

static const ObLockTimes quiet
  = { .settle_ms = 0, .refresh_ms = 600000, .retry_ms = 600000, .valid_ms = 600000 };

void
prune_set_up (Prune *prune, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  ObConfig config;

  prune->core.store = crash_store_new ();
  prune->crash_store = CRASH_STORE (prune->core.store);
  ob_config_generate (&config);
  core_fixture_put_repository (&prune->core, &config);
  prune->core.repository = ob_repository_open (prune->core.store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  prune->models = g_array_new (FALSE, FALSE, sizeof (Model));
  prune->rand = g_rand_new_with_seed ((guint32) g_test_rand_int ());
}

void
prune_tear_down (Prune *prune, gconstpointer data)
{
  g_rand_free (prune->rand);
  g_array_unref (prune->models);
  ob_repository_unref (prune->core.repository);
  g_object_unref (prune->core.store);
}

static guint8 *
make_content (guint32 number, gsize *size)
{
  *size = 1 + number * 7919u % 200000;
  return make_random (*size, number);
}

static void
add_file (ObWriter *writer, GPtrArray *nodes, guint number, guint32 content)
{
  gsize size;
  g_autofree guint8 *bytes = make_content (content, &size);
  g_autofree char *name = g_strdup_printf ("file%u", number);
  g_autoptr (GArray) blobs = NULL;
  g_autoptr (GError) error = NULL;
  struct timespec when = { 0 };

  ob_writer_add_bytes (writer, bytes, size, &blobs, &error);
  g_assert_no_error (error);
  g_ptr_array_add (nodes, ob_node_new_file (name, size, blobs, &when));
}

/* Half of the files in a directory of their own, so that there are trees to share. */
static void
add_tree (ObWriter *writer, const Model *model, ObId *tree)
{
  g_autoptr (GPtrArray) root = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autoptr (GPtrArray) below = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autoptr (GError) error = NULL;
  struct timespec when = { 0 };
  ObId id;

  for (guint i = 0; i < N_FILES; i++)
    add_file (writer, i < N_FILES / 2 ? root : below, i, model->contents[i]);
  ob_writer_add_tree (writer, below, &id, &error);
  g_assert_no_error (error);
  g_ptr_array_add (root, ob_node_new_directory ("below", &id, &when));
  ob_writer_add_tree (writer, root, tree, &error);
  g_assert_no_error (error);
}

void
prune_save (ObRepository *repository, Model *model)
{
  g_autoptr (ObWriter) writer = ob_writer_new (repository, 2, NULL);
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_new ();
  g_autoptr (GError) error = NULL;

  add_tree (writer, model, &snapshot->tree);
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
  snapshot->time.tv_sec = 1;
  ob_repository_save_snapshot (repository, snapshot, NULL, &error);
  g_assert_no_error (error);
  model->id = snapshot->id;
}

void
prune_back_up (Prune *prune)
{
  g_autoptr (GError) error = NULL;
  Model model;

  if (prune->models->len > 0)
    model = g_array_index (prune->models, Model,
                           g_rand_int_range (prune->rand, 0, (gint32) prune->models->len));
  for (guint i = 0; i < N_FILES; i++)
    if (prune->models->len == 0 || g_rand_int_range (prune->rand, 0, 3) == 0)
      model.contents[i] = prune->next_content++;
  ob_repository_load_index (prune->core.repository, NULL, &error);
  g_assert_no_error (error);
  prune_save (prune->core.repository, &model);
  g_array_append_val (prune->models, model);
}

void
prune_give_up (Prune *prune)
{
  g_autoptr (ObIndex) unused = ob_index_new ();
  g_autofree guint8 *bytes = make_random (1000, g_rand_int (prune->rand));
  char hex[OB_ID_HEX_SIZE];
  g_autofree char *name = NULL;
  ObId id;

  ob_id_of (bytes, 1000, &id);
  ob_id_to_hex (&id, hex);
  name = g_strdup_printf ("data/%.2s/%s", hex, hex);
  core_fixture_put (&prune->core, name, bytes, 1000);
}

ObLock *
prune_lock (ObRepository *repository)
{
  g_autoptr (GError) error = NULL;
  ObLock *held = ob_lock_acquire_with_times (repository, TRUE, &quiet, NULL, &error);

  g_assert_no_error (error);
  return held;
}

static void
delete_one (Prune *prune, guint which)
{
  g_autoptr (ObLock) held = prune_lock (prune->core.repository);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (GError) error = NULL;
  guint n_removed;

  g_array_append_val (ids, g_array_index (prune->models, Model, which).id);
  ob_delete_snapshots (prune->core.repository, held, ids, &n_removed, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_removed, ==, 1);
  g_array_remove_index (prune->models, which);
}

void
prune_make_waste (Prune *prune)
{
  Model model;

  for (guint i = 0; i < N_FILES; i++)
    model.contents[i] = prune->next_content++;
  for (guint round = 0; round < 2; round++)
    {
      g_autoptr (GError) error = NULL;

      for (guint i = 0; round > 0 && i < N_FILES; i += 4)
        model.contents[i] = prune->next_content++;
      ob_repository_load_index (prune->core.repository, NULL, &error);
      g_assert_no_error (error);
      prune_save (prune->core.repository, &model);
      g_array_append_val (prune->models, model);
    }
  delete_one (prune, prune->models->len - 2);
}

void
prune_delete_some (Prune *prune, guint n)
{
  for (guint i = 0; i < n; i++)
    delete_one (prune, (guint) g_rand_int_range (prune->rand, 0, (gint32) prune->models->len));
}

void
prune_delete_older (Prune *prune, guint n)
{
  for (guint i = 0; i < n; i++)
    delete_one (prune, (guint) g_rand_int_range (prune->rand, 0, (gint32) prune->models->len - 1));
}

gboolean
prune_run_with (ObRepository *repository, const char *limit_text, ObPruneFigures *figures,
            gint64 *freed, ObProgress *progress, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObLock) held = prune_lock (repository);
  g_autoptr (ObPrunePlan) plan = NULL;
  ObPruneLimit limit;

  ob_prune_limit_parse (limit_text, &limit, error);
  plan = ob_prune_plan_new (repository, held, &limit, progress, cancellable, error);
  if (plan == NULL)
    return FALSE;
  *figures = *ob_prune_plan_get_figures (plan);
  return ob_prune_plan_run (plan, freed, cancellable, error);
}

void
prune_run (ObRepository *repository, const char *limit, ObPruneFigures *figures)
{
  g_autoptr (GError) error = NULL;
  gint64 freed;

  prune_run_with (repository, limit, figures, &freed, NULL, NULL, &error);
  g_assert_no_error (error);
}

/* --- looking --- */

static void
assert_file (ObRepository *repository, const Model *model, const ObId *tree, guint number)
{
  g_autofree char *path
    = g_strdup_printf ("%sfile%u", number < N_FILES / 2 ? "" : "below/", number);
  g_autoptr (GError) error = NULL;
  g_autoptr (ObNode) node = ob_reader_find (repository, tree, path, NULL, &error);
  g_autoptr (GBytes) actual = NULL;
  g_autoptr (GBytes) expected = NULL;
  guint8 *bytes;
  gsize size;

  g_assert_no_error (error);
  actual = ob_reader_load_file (repository, node, 1024 * 1024, NULL, &error);
  g_assert_no_error (error);
  bytes = make_content (model->contents[number], &size);
  expected = g_bytes_new_take (bytes, size);
  g_assert_true (g_bytes_equal (actual, expected));
}

const ObSnapshot *
prune_find_snapshot (GPtrArray *snapshots, const ObId *id)
{
  for (guint i = 0; i < snapshots->len; i++)
    if (ob_id_equal (&((ObSnapshot *) g_ptr_array_index (snapshots, i))->id, id))
      return g_ptr_array_index (snapshots, i);
  return NULL;
}

void
prune_assert_whole (ObRepository *repository, GArray *models)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) snapshots = NULL;

  ob_repository_load_index (repository, NULL, &error);
  g_assert_no_error (error);
  snapshots = ob_repository_list_snapshots (repository, &problems, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (problems->len, ==, 0);
  for (guint i = 0; i < models->len; i++)
    {
      const Model *model = &g_array_index (models, Model, i);
      const ObSnapshot *snapshot = prune_find_snapshot (snapshots, &model->id);

      g_assert_nonnull (snapshot);
      for (guint j = 0; j < N_FILES; j++)
        assert_file (repository, model, &snapshot->tree, j);
    }
}

static gboolean
add_pack (const char *name, guint64 size, gpointer user_data)
{
  ObId id;

  g_assert_true (ob_id_from_hex (name + strlen ("data/00/"), &id));
  g_hash_table_insert (user_data, g_memdup2 (&id, sizeof id), GSIZE_TO_POINTER (size));
  return TRUE;
}

GHashTable *
prune_list_packs (ObStore *store)
{
  GHashTable *packs = g_hash_table_new_full (ob_id_hash, ob_id_equal_func, g_free, NULL);
  g_autoptr (GError) error = NULL;

  ob_store_list (store, "data", add_pack, packs, NULL, &error);
  g_assert_no_error (error);
  return packs;
}

typedef struct
{
  GHashTable *packs; /* of the store */
  GHashTable *seen;  /* blobs */
  guint n_twice;
} Look;

static void
look_at_place (ObBlobType type, const ObId *id, const ObBlobLocation *location, gpointer user_data)
{
  Look *look = user_data;

  g_assert_true (g_hash_table_contains (look->packs, &location->pack));
  look->n_twice += g_hash_table_add (look->seen, g_memdup2 (id, sizeof *id)) ? 0 : 1;
}

void
prune_assert_index_sound (ObRepository *repository, ObStore *store)
{
  g_autoptr (GHashTable) packs = prune_list_packs (store);
  g_autoptr (GHashTable) seen
    = g_hash_table_new_full (ob_id_hash, ob_id_equal_func, g_free, NULL);
  Look look = { packs, seen, 0 };

  ob_index_foreach (ob_repository_get_index (repository), look_at_place, &look);
}

void
prune_assert_tidy (ObStore *store)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository = ob_repository_open (store, CORE_PASSPHRASE, NULL, &error);
  g_autoptr (GHashTable) packs = prune_list_packs (store);
  g_autoptr (GHashTable) seen
    = g_hash_table_new_full (ob_id_hash, ob_id_equal_func, g_free, NULL);
  Look look = { packs, seen, 0 };
  ObIndex *index;

  g_assert_no_error (error);
  ob_repository_load_index (repository, NULL, &error);
  g_assert_no_error (error);
  index = ob_repository_get_index (repository);
  ob_index_foreach (index, look_at_place, &look);
  g_assert_cmpuint (look.n_twice, ==, 0);
  g_assert_cmpuint (ob_index_get_n_packs (index), ==, g_hash_table_size (packs));
}
