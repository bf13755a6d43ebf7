/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deleting and pruning: what stays reads as it was written, what nobody needs goes, and after a failure
 * or a loss of power at any moment nothing is lost. */
#include "ob-prune.h"

#include <string.h>

#include "crash-store.h"
#include "ob-delete.h"
#include "ob-error.h"
#include "ob-lock-private.h"
#include "ob-snapshot.h"
#include "pipeline-fixture.h"

#define N_FILES 12
#define MAX_SNAPSHOTS 12

static const ObLockTimes quiet
  = { .settle_ms = 0, .refresh_ms = 600000, .retry_ms = 600000, .valid_ms = 600000 };

/* What a snapshot should hold: content number of each file, from which its bytes follow. */
typedef struct
{
  ObId id;
  guint32 contents[N_FILES];
} Model;

typedef struct
{
  CoreFixture core;
  CrashStore *crash_store;
  GArray *models; /* of Model */
  GRand *rand;
  guint32 next_content;
} Prune;

/* internal: the fixture */

static void
set_up (Prune *prune, gconstpointer data)
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

static void
tear_down (Prune *prune, gconstpointer data)
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

static void
save (ObRepository *repository, Model *model)
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

/* A backup in which some files are other than in one before. */
static void
back_up (Prune *prune)
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
  save (prune->core.repository, &model);
  g_array_append_val (prune->models, model);
}

/* One that does not come to its end: its packs are in no index. */
static void
give_up (Prune *prune)
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

static ObLock *
lock (ObRepository *repository)
{
  g_autoptr (GError) error = NULL;
  ObLock *held = ob_lock_acquire_with_times (repository, TRUE, &quiet, NULL, &error);

  g_assert_no_error (error);
  return held;
}

static void
delete_one (Prune *prune, guint which)
{
  g_autoptr (ObLock) held = lock (prune->core.repository);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (GError) error = NULL;
  guint n_removed;

  g_array_append_val (ids, g_array_index (prune->models, Model, which).id);
  ob_delete_snapshots (prune->core.repository, held, ids, &n_removed, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_removed, ==, 1);
  g_array_remove_index (prune->models, which);
}

/* A backup, one that has most of its files, and the first deleted: its pack is partly used. */
static void
make_waste (Prune *prune)
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
      save (prune->core.repository, &model);
      g_array_append_val (prune->models, model);
    }
  delete_one (prune, prune->models->len - 2);
}

static void
delete_some (Prune *prune, guint n)
{
  for (guint i = 0; i < n; i++)
    delete_one (prune, (guint) g_rand_int_range (prune->rand, 0, (gint32) prune->models->len));
}

static gboolean
prune_with (ObRepository *repository, const char *limit_text, ObPruneFigures *figures,
            gint64 *freed, ObProgress *progress, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObLock) held = lock (repository);
  g_autoptr (ObPrunePlan) plan = NULL;
  ObPruneLimit limit;

  ob_prune_limit_parse (limit_text, &limit, error);
  plan = ob_prune_plan_new (repository, held, &limit, progress, cancellable, error);
  if (plan == NULL)
    return FALSE;
  *figures = *ob_prune_plan_get_figures (plan);
  return ob_prune_plan_run (plan, freed, cancellable, error);
}

static void
prune_all (ObRepository *repository, const char *limit, ObPruneFigures *figures)
{
  g_autoptr (GError) error = NULL;
  gint64 freed;

  prune_with (repository, limit, figures, &freed, NULL, NULL, &error);
  g_assert_no_error (error);
}

/* internal: looking */

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

static const ObSnapshot *
find_snapshot (GPtrArray *snapshots, const ObId *id)
{
  for (guint i = 0; i < snapshots->len; i++)
    if (ob_id_equal (&((ObSnapshot *) g_ptr_array_index (snapshots, i))->id, id))
      return g_ptr_array_index (snapshots, i);
  return NULL;
}

/* Every snapshot of @models is there and reads as it was written. */
static void
assert_whole (ObRepository *repository, GArray *models)
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
      const ObSnapshot *snapshot = find_snapshot (snapshots, &model->id);

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

static GHashTable *
list_packs (ObStore *store)
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

/* No index file names a pack that is not there: the next backup would build on it. */
static void
assert_index_sound (ObRepository *repository, ObStore *store)
{
  g_autoptr (GHashTable) packs = list_packs (store);
  g_autoptr (GHashTable) seen
    = g_hash_table_new_full (ob_id_hash, ob_id_equal_func, g_free, NULL);
  Look look = { packs, seen, 0 };

  ob_index_foreach (ob_repository_get_index (repository), look_at_place, &look);
}

/* The index, read anew, names the packs of the store and no others; no blob is there twice. */
static void
assert_tidy (ObStore *store)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository = ob_repository_open (store, CORE_PASSPHRASE, NULL, &error);
  g_autoptr (GHashTable) packs = list_packs (store);
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

/* tests */

static void
test_limit (void)
{
  static const struct
  {
    const char *text;
    gboolean is_percent;
    double percent;
    guint64 bytes;
  } good[] = {
    { "5%", TRUE, 5, 0 },           { "0%", TRUE, 0, 0 },
    { "100%", TRUE, 100, 0 },       { "2.5%", TRUE, 2.5, 0 },
    { "0", FALSE, 0, 0 },           { "200M", FALSE, 0, 200 * 1024 * 1024 },
    { "1.5k", FALSE, 0, 1536 },     { "unlimited", FALSE, 0, G_MAXUINT64 },
    { "2T", FALSE, 0, 2199023255552 },
  };
  static const char *const bad[] = { "",    "%",   "-1%", "101%", "nan%",  "inf",    "5%%", "5 %",
                                     "M",   "5X",  "5MM", "-5",   "0x5%x", "1e300T", " 5",  "+5",
                                     "nan", "1e999" };
  ObPruneLimit limit;

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_true (ob_prune_limit_parse (good[i].text, &limit, &error));
      g_assert_no_error (error);
      g_assert_cmpint (limit.is_percent, ==, good[i].is_percent);
      if (limit.is_percent)
        g_assert_cmpfloat (limit.percent, ==, good[i].percent);
      else
        g_assert_cmpuint (limit.bytes, ==, good[i].bytes);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      if (ob_prune_limit_parse (bad[i], &limit, &error))
        g_error ("\"%s\" was taken", bad[i]);
      g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
    }
}

/* Backups come and go at random. */
static void
test_random (Prune *prune, gconstpointer data)
{
  ObRepository *repository = prune->core.repository;
  ObPruneFigures figures;

  for (guint round = 0; round < 12; round++)
    {
      gboolean to_the_last = g_rand_boolean (prune->rand);
      guint n = (guint) g_rand_int_range (prune->rand, 1, 4);

      for (guint i = 0; i < n; i++)
        back_up (prune);
      if (g_rand_boolean (prune->rand))
        give_up (prune);
      delete_some (prune, (guint) g_rand_int_range (prune->rand, 0,
                                                    (gint32) prune->models->len));
      prune_all (repository, to_the_last ? "0" : "5%", &figures);
      assert_whole (repository, prune->models);
      assert_tidy (prune->core.store);
      g_assert_cmpuint (figures.n_backups, ==, prune->models->len);
      g_assert_cmpuint (figures.waste_bytes, <=,
                        to_the_last ? 0 : (figures.used_bytes + figures.waste_bytes) / 20);

      /* Once more, from the disk: the waste is what was told, and there is nothing else to do. */
      prune_all (repository, "unlimited", &figures);
      g_assert_cmpuint (figures.freed_bytes, ==, 0);
      g_assert_cmpuint (figures.waste_bytes, <=,
                        to_the_last ? 0 : (figures.used_bytes + figures.waste_bytes) / 20);
    }
}

static void
test_to_nothing (Prune *prune, gconstpointer data)
{
  ObPruneFigures figures;
  g_autoptr (GHashTable) packs = NULL;
  g_autoptr (GPtrArray) index = NULL;

  back_up (prune);
  back_up (prune);
  delete_some (prune, 2);
  prune_all (prune->core.repository, "5%", &figures);
  g_assert_cmpuint (figures.n_used_blobs, ==, 0);
  packs = list_packs (prune->core.store);
  g_assert_cmpuint (g_hash_table_size (packs), ==, 0);
  index = core_fixture_list (&prune->core, "index");
  g_assert_cmpuint (index->len, ==, 0);
  back_up (prune);
  assert_whole (prune->core.repository, prune->models);
}

/* A plan changes nothing, and one that frees nothing writes nothing. */
static void
test_plan (Prune *prune, gconstpointer data)
{
  ObRepository *repository = prune->core.repository;
  ObPruneFigures figures;
  guint n_changes;

  make_waste (prune);
  {
    g_autoptr (ObLock) held = lock (repository);
    g_autoptr (GError) error = NULL;
    ObPruneLimit limit = { .bytes = 0 };
    g_autoptr (ObPrunePlan) plan = NULL;

    n_changes = crash_store_get_n_changes (prune->crash_store);
    plan = ob_prune_plan_new (repository, held, &limit, NULL, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (ob_prune_plan_get_figures (plan)->freed_bytes, >, 0);
    g_assert_cmpuint (crash_store_get_n_changes (prune->crash_store), ==, n_changes);
  }
  prune_all (repository, "0", &figures);
  n_changes = crash_store_get_n_changes (prune->crash_store);
  prune_all (repository, "0", &figures);
  /* the lock comes and goes */
  g_assert_cmpuint (crash_store_get_n_changes (prune->crash_store), ==, n_changes + 2);
}

/* What lies in several packs is kept once, where most else is needed. */
static void
test_duplicates (Prune *prune, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  /* It knows nothing of what the other one writes. */
  g_autoptr (ObRepository) other = ob_repository_open (prune->core.store, CORE_PASSPHRASE, NULL,
                                                       &error);
  ObPruneFigures figures;
  Model again;
  guint64 used;

  back_up (prune);
  again = g_array_index (prune->models, Model, 0);
  save (other, &again);
  g_array_append_val (prune->models, again);
  prune_all (prune->core.repository, "5%", &figures);
  used = figures.used_bytes;
  g_assert_cmpuint (figures.n_blobs, ==, 2 * figures.n_used_blobs);
  /* The one pack of each kind is whole, the other goes, and nothing is copied. */
  g_assert_cmpuint (figures.n_removed_packs, ==, 2);
  g_assert_cmpuint (figures.n_repacked_packs, ==, 0);
  assert_whole (prune->core.repository, prune->models);
  assert_tidy (prune->core.store);
  g_assert_cmpuint (ob_repository_get_stored_size (prune->core.repository), <, used + 200);
}

/* Bytes of a pack: of several the largest. Transfer full. */
static char *
get_largest_pack (Prune *prune)
{
  g_autoptr (GHashTable) packs = list_packs (prune->core.store);
  GHashTableIter iter;
  gpointer id, size;
  gsize largest = 0;
  char hex[OB_ID_HEX_SIZE];

  g_hash_table_iter_init (&iter, packs);
  while (g_hash_table_iter_next (&iter, &id, &size))
    if (GPOINTER_TO_SIZE (size) > largest)
      {
        largest = GPOINTER_TO_SIZE (size);
        ob_id_to_hex (id, hex);
      }
  return g_strdup_printf ("data/%.2s/%s", hex, hex);
}

static void
assert_refused (Prune *prune, const char *text)
{
  g_autoptr (GPtrArray) before = core_fixture_list (&prune->core, "data");
  g_autoptr (GPtrArray) index = core_fixture_list (&prune->core, "index");
  g_autoptr (GError) error = NULL;
  ObPruneFigures figures;
  gint64 freed;

  g_assert_false (prune_with (prune->core.repository, "0", &figures, &freed, NULL, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
  if (strstr (error->message, text) == NULL)
    g_error ("\"%s\" is not in \"%s\"", text, error->message);
  g_ptr_array_extend (before, index, (GCopyFunc) (gpointer) g_strdup, NULL);
  for (guint i = 0; i < before->len; i++)
    {
      g_autoptr (GError) gone = NULL;

      ob_store_stat (prune->core.store, g_ptr_array_index (before, i), NULL, NULL, &gone);
      g_assert_no_error (gone);
    }
}

/* Everything of the largest pack is changed, so whatever is to be copied is damaged. */
static void
test_damaged_blob (Prune *prune, gconstpointer data)
{
  g_autofree char *name = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autofree guint8 *damaged = NULL;
  ObPruneFigures figures;
  gsize size;

  make_waste (prune);
  name = get_largest_pack (prune);
  bytes = ob_store_get (prune->core.store, name, G_MAXUINT32, NULL, NULL);
  size = g_bytes_get_size (bytes);
  damaged = g_memdup2 (g_bytes_get_data (bytes, NULL), size);
  for (gsize i = 0; i < size; i += 50)
    damaged[i] ^= 1;
  core_fixture_put (&prune->core, name, damaged, size);
  assert_refused (prune, "Nothing was deleted");
  core_fixture_put (&prune->core, name, g_bytes_get_data (bytes, NULL), size);
  assert_whole (prune->core.repository, prune->models);
  prune_all (prune->core.repository, "0", &figures);
  assert_whole (prune->core.repository, prune->models);
  assert_tidy (prune->core.store);
}

static void
test_missing_pack (Prune *prune, gconstpointer data)
{
  g_autofree char *name = NULL;
  g_autoptr (GBytes) bytes = NULL;
  ObPruneFigures figures;
  gsize size;

  back_up (prune);
  name = get_largest_pack (prune);
  bytes = ob_store_get (prune->core.store, name, G_MAXUINT32, NULL, NULL);
  core_fixture_remove (&prune->core, name);
  assert_refused (prune, "missing");
  size = g_bytes_get_size (bytes);
  core_fixture_put (&prune->core, name, g_bytes_get_data (bytes, NULL), 5000);
  assert_refused (prune, "should have");
  core_fixture_put (&prune->core, name, g_bytes_get_data (bytes, NULL), size);

  /* One that nobody needs may be missing. */
  core_fixture_remove (&prune->core, name);
  delete_some (prune, 1);
  prune_all (prune->core.repository, "5%", &figures);
  assert_tidy (prune->core.store);
}

/* One whose content is elsewhere too may be missing: the other one stands in. */
static void
test_missing_copy (Prune *prune, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) other = ob_repository_open (prune->core.store, CORE_PASSPHRASE, NULL,
                                                       &error);
  g_autofree char *name = NULL;
  ObPruneFigures figures;
  Model again;

  back_up (prune);
  name = get_largest_pack (prune);
  again = g_array_index (prune->models, Model, 0);
  save (other, &again);
  core_fixture_remove (&prune->core, name);
  prune_all (prune->core.repository, "0", &figures);
  assert_whole (prune->core.repository, prune->models);
  assert_tidy (prune->core.store);
}

/* A tree or a blob that no index names, and a snapshot that cannot be read. */
static void
test_damaged_backup (Prune *prune, gconstpointer data)
{
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (ObSnapshot) lost = ob_snapshot_new ();
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autoptr (GArray) content = g_array_new (FALSE, TRUE, sizeof (ObId));
  struct timespec when = { 0 };
  char hex[OB_ID_HEX_SIZE];

  back_up (prune);
  ob_id_of ("no", 2, &lost->tree);
  ob_repository_save_snapshot (prune->core.repository, lost, NULL, &error);
  g_assert_no_error (error);
  ob_id_to_hex (&lost->id, hex);
  hex[8] = '\0';
  assert_refused (prune, hex);
  assert_refused (prune, "tree blob");
  names = core_fixture_list (&prune->core, "snapshots");
  core_fixture_flip (&prune->core, g_ptr_array_index (names, 0));
  ob_repository_unref (prune->core.repository);
  prune->core.repository = ob_repository_open (prune->core.store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  assert_refused (prune, g_ptr_array_index (names, 0));
  core_fixture_flip (&prune->core, g_ptr_array_index (names, 0));

  /* the same with a file's blob */
  {
    g_autofree char *name = NULL;
    g_autoptr (ObWriter) writer = NULL;

    ob_id_to_hex (&lost->id, hex);
    name = g_strconcat ("snapshots/", hex, NULL);
    core_fixture_remove (&prune->core, name);
    ob_repository_load_index (prune->core.repository, NULL, &error);
    g_assert_no_error (error);
    writer = ob_writer_new (prune->core.repository, 1, NULL);
    g_array_append_val (content, lost->tree);
    g_ptr_array_add (nodes, ob_node_new_file ("file", 2, content, &when));
    ob_writer_add_tree (writer, nodes, &lost->tree, &error);
    g_assert_no_error (error);
    ob_writer_finish (writer, &error);
    g_assert_no_error (error);
    ob_repository_save_snapshot (prune->core.repository, lost, NULL, &error);
    g_assert_no_error (error);
    assert_refused (prune, "data blob");
  }
}

static gboolean
has_model (GArray *models, const ObId *id)
{
  for (guint i = 0; i < models->len; i++)
    if (ob_id_equal (&g_array_index (models, Model, i).id, id))
      return TRUE;
  return FALSE;
}

static gboolean
add_name (const char *name, guint64 size, gpointer user_data)
{
  g_ptr_array_add (user_data, g_strdup (name));
  return TRUE;
}

static void
remove_locks (ObStore *store)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;

  ob_store_list (store, "locks", add_name, names, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < names->len; i++)
    ob_store_remove (store, g_ptr_array_index (names, i), NULL, &error);
  g_assert_no_error (error);
}

/* What is left when the power fails: all that stays is whole, and so it is after the next prune. */
static void
check_cut (ObStore *left, GArray *models)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository = ob_repository_open (left, CORE_PASSPHRASE, NULL, &error);
  g_autoptr (ObRepository) anew = NULL;
  ObPruneFigures figures;

  g_assert_no_error (error);
  assert_whole (repository, models);
  assert_index_sound (repository, left);
  /* Of this very process, which is still there; see the test of locks. */
  remove_locks (left);
  prune_all (repository, "0", &figures);
  assert_tidy (left);
  anew = ob_repository_open (left, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  assert_whole (anew, models);
}

/* One round of backups, deletions and a prune, cut off after each change. How many packs were written
 * anew. */
static guint64
lose_power (Prune *prune)
{
  ObPruneFigures figures;
  guint from, to;

  for (guint i = 0; i < 3; i++)
    back_up (prune);
  make_waste (prune);
  give_up (prune);
  from = crash_store_get_n_changes (prune->crash_store);
  delete_some (prune, 2);
  prune_all (prune->core.repository, "0", &figures);
  to = crash_store_get_n_changes (prune->crash_store);
  for (guint n = from; n <= to; n++)
    for (guint i = 0; i < 4; i++)
      {
        g_autoptr (ObStore) left = crash_store_cut (prune->crash_store, n, prune->rand);

        check_cut (left, prune->models);
      }
  g_test_message ("%u moments", to - from + 1);
  return figures.n_repacked_packs;
}

static void
test_power_loss (Prune *prune, gconstpointer data)
{
  guint64 n_repacked = 0;

  for (guint i = 0; i < 3; i++)
    n_repacked += lose_power (prune);
  g_assert_cmpuint (n_repacked, >, 0);
}

typedef struct
{
  const char *phase;
  GCancellable *cancellable;
} Stop;

static void
on_phase (const char *phase, gpointer user_data)
{
  Stop *stop = user_data;

  if (strcmp (phase, stop->phase) == 0)
    g_cancellable_cancel (stop->cancellable);
}

/* Cancelled in any phase: sound, in memory too. */
static void
test_cancel (Prune *prune, gconstpointer data)
{
  static const char *const phases[] = { "reading", "planning", "repacking", "indexing", "removing" };
  ObPruneFigures figures;

  for (gsize i = 0; i < G_N_ELEMENTS (phases); i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      Stop stop = { phases[i], cancellable };
      g_autoptr (ObProgress) progress = ob_progress_new (on_phase, NULL, &stop);
      g_autoptr (GError) error = NULL;
      gint64 freed;

      make_waste (prune);
      g_assert_false (prune_with (prune->core.repository, "0", &figures, &freed, progress,
                                  cancellable, &error));
      g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
      assert_whole (prune->core.repository, prune->models);
    }
  prune_all (prune->core.repository, "0", &figures);
  assert_whole (prune->core.repository, prune->models);
  assert_tidy (prune->core.store);
}

/* Who has lost the lock removes nothing. */
static void
test_lost_lock (Prune *prune, gconstpointer data)
{
  static const ObLockTimes late
    = { .settle_ms = 0, .refresh_ms = 600000, .retry_ms = 600000, .valid_ms = 200 };
  g_autoptr (GError) error = NULL;
  g_autoptr (ObLock) held = NULL;
  g_autoptr (ObPrunePlan) plan = NULL;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (ObId));
  ObPruneLimit limit = { .bytes = 0 };
  guint n_removed, n_changes;
  gint64 freed;

  make_waste (prune);
  held = ob_lock_acquire_with_times (prune->core.repository, TRUE, &late, NULL, &error);
  g_assert_no_error (error);
  plan = ob_prune_plan_new (prune->core.repository, held, &limit, NULL, NULL, &error);
  g_assert_no_error (error);
  while (ob_lock_is_valid (held))
    g_usleep (1000);
  n_changes = crash_store_get_n_changes (prune->crash_store);
  g_assert_false (ob_prune_plan_run (plan, &freed, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_LOCKED);
  g_clear_error (&error);
  g_array_append_val (ids, g_array_index (prune->models, Model, 0).id);
  g_assert_false (ob_delete_snapshots (prune->core.repository, held, ids, &n_removed, NULL,
                                       &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_LOCKED);
  g_assert_cmpuint (n_removed, ==, 0);
  g_assert_cmpuint (crash_store_get_n_changes (prune->crash_store), ==, n_changes);
}

/* What was deleted is not remembered. */
static void
test_delete (Prune *prune, gconstpointer data)
{
  g_autoptr (GPtrArray) snapshots = NULL;
  g_autoptr (GError) error = NULL;
  ObId gone;

  back_up (prune);
  back_up (prune);
  gone = g_array_index (prune->models, Model, 0).id;
  assert_whole (prune->core.repository, prune->models);
  while (has_model (prune->models, &gone))
    delete_some (prune, 1);
  snapshots = ob_repository_list_snapshots (prune->core.repository, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (snapshots->len, ==, prune->models->len);
  g_assert_null (find_snapshot (snapshots, &gone));
}

static void
add (const char *path, void (*test) (Prune *, gconstpointer))
{
  g_test_add (path, Prune, NULL, set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/prune/limit", test_limit);
  add ("/prune/random", test_random);
  add ("/prune/to-nothing", test_to_nothing);
  add ("/prune/plan", test_plan);
  add ("/prune/duplicates", test_duplicates);
  add ("/prune/damaged-blob", test_damaged_blob);
  add ("/prune/missing-pack", test_missing_pack);
  add ("/prune/missing-copy", test_missing_copy);
  add ("/prune/damaged-backup", test_damaged_backup);
  add ("/prune/power-loss", test_power_loss);
  add ("/prune/cancel", test_cancel);
  add ("/prune/lost-lock", test_lost_lock);
  add ("/prune/delete", test_delete);
  return g_test_run ();
}
