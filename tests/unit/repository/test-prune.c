/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deleting and pruning: what stays reads as it was written, and what nobody needs goes. */
#include "prune-fixture.h"

#include <string.h>

#include "fault-store.h"
#include "ob-error.h"
#include "ob-snapshot.h"

/* Bytes that a pack of files has and one of trees has not. */
#define LARGE (50 * 1000)

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
        prune_back_up (prune);
      if (g_rand_boolean (prune->rand))
        prune_give_up (prune);
      prune_delete_some (prune, (guint) g_rand_int_range (prune->rand, 0,
                                                    (gint32) prune->models->len));
      prune_run (repository, to_the_last ? "0" : "5%", &figures);
      prune_assert_whole (repository, prune->models);
      prune_assert_tidy (prune->core.store);
      g_assert_cmpuint (figures.n_backups, ==, prune->models->len);
      g_assert_cmpuint (figures.waste_bytes, <=,
                        to_the_last ? 0 : (figures.used_bytes + figures.waste_bytes) / 20);

      /* Once more, from the disk: the waste is what was told, and there is nothing else to do. */
      prune_run (repository, "unlimited", &figures);
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

  prune_back_up (prune);
  prune_back_up (prune);
  prune_delete_some (prune, 2);
  prune_run (prune->core.repository, "5%", &figures);
  g_assert_cmpuint (figures.n_used_blobs, ==, 0);
  packs = prune_list_packs (prune->core.store);
  g_assert_cmpuint (g_hash_table_size (packs), ==, 0);
  index = core_fixture_list (&prune->core, "index");
  g_assert_cmpuint (index->len, ==, 0);
  prune_back_up (prune);
  prune_assert_whole (prune->core.repository, prune->models);
}

/* A plan changes nothing, and one that frees nothing writes nothing. */
static void
test_plan (Prune *prune, gconstpointer data)
{
  ObRepository *repository = prune->core.repository;
  ObPruneFigures figures;
  guint n_changes;

  prune_make_waste (prune);
  {
    g_autoptr (ObLock) held = prune_lock (repository);
    g_autoptr (GError) error = NULL;
    ObPruneLimit limit = { .bytes = 0 };
    g_autoptr (ObPrunePlan) plan = NULL;

    n_changes = crash_store_get_n_changes (prune->crash_store);
    plan = ob_prune_plan_new (repository, held, &limit, NULL, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (ob_prune_plan_get_figures (plan)->freed_bytes, >, 0);
    g_assert_cmpuint (crash_store_get_n_changes (prune->crash_store), ==, n_changes);
  }
  prune_run (repository, "0", &figures);
  n_changes = crash_store_get_n_changes (prune->crash_store);
  prune_run (repository, "0", &figures);
  /* the lock comes and goes */
  g_assert_cmpuint (crash_store_get_n_changes (prune->crash_store), ==, n_changes + 2);
}

/* While the prune stood still, its lock was taken for stale: somebody may build on what it found
 * unused, so nothing may go any more; nor may an index name what others have removed. */
static void
test_lock_is_lost (Prune *prune, gconstpointer data)
{
  static const guint64 limits[] = { 0, G_MAXUINT64 };
  GLogLevelFlags fatal = g_log_set_always_fatal (G_LOG_FATAL_MASK);

  prune_make_waste (prune);
  prune_give_up (prune);
  for (gsize i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      ObPruneLimit limit = { .bytes = limits[i] };
      g_autoptr (ObLock) held = prune_lock (prune->core.repository);
      g_autoptr (GError) error = NULL;
      g_autoptr (ObPrunePlan) plan
        = ob_prune_plan_new (prune->core.repository, held, &limit, NULL, NULL, &error);
      g_autoptr (GHashTable) before = prune_list_packs (prune->core.store);
      g_autoptr (GHashTable) after = NULL;
      g_autoptr (GPtrArray) indexes = core_fixture_list (&prune->core, "index");
      g_autoptr (GPtrArray) indexes_after = NULL;
      GHashTableIter iter;
      gpointer id;
      gint64 freed;

      g_assert_no_error (error);
      core_store_clear (prune->core.store, "locks");
      g_assert_false (ob_prune_plan_run (plan, &freed, NULL, &error));
      g_assert_error (error, OB_ERROR, OB_ERROR_LOCKED);
      after = prune_list_packs (prune->core.store);
      g_hash_table_iter_init (&iter, before);
      while (g_hash_table_iter_next (&iter, &id, NULL))
        g_assert_true (g_hash_table_contains (after, id));
      indexes_after = core_fixture_list (&prune->core, "index");
      g_assert_cmpuint (indexes_after->len, ==, indexes->len);
    }
  g_log_set_always_fatal (fatal);
  prune_assert_whole (prune->core.repository, prune->models);
}

/* What there is no time for stays as it is, and the next prune does it. */
static void
test_time_is_up (Prune *prune, gconstpointer data)
{
  ObRepository *repository = prune->core.repository;
  ObPruneFigures figures;

  prune_make_waste (prune);
  {
    g_autoptr (ObLock) held = prune_lock (repository);
    g_autoptr (GError) error = NULL;
    ObPruneLimit limit = { .bytes = 0, .time = 1 };
    g_autoptr (ObPrunePlan) plan
      = ob_prune_plan_new (repository, held, &limit, NULL, NULL, &error);
    guint64 n_planned = 0;
    gint64 freed = 0;

    g_assert_no_error (error);
    n_planned = ob_prune_plan_get_figures (plan)->n_repacked_packs;
    g_assert_cmpuint (n_planned, >, 0);
    ob_prune_plan_run (plan, &freed, NULL, &error);
    g_assert_no_error (error);
    figures = *ob_prune_plan_get_figures (plan);
    g_assert_cmpuint (figures.n_postponed_packs, ==, n_planned);
    g_assert_cmpuint (figures.n_repacked_packs, ==, 0);
    g_assert_cmpuint (figures.waste_bytes, >, 0);
  }
  prune_assert_whole (repository, prune->models);
  prune_assert_tidy (prune->core.store);
  prune_run (repository, "0", &figures);
  g_assert_cmpuint (figures.n_repacked_packs, >, 0);
  prune_assert_whole (repository, prune->models);
  prune_run (repository, "0", &figures);
  g_assert_cmpuint (figures.n_repacked_packs, ==, 0);
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

  prune_back_up (prune);
  again = g_array_index (prune->models, Model, 0);
  prune_save (other, &again);
  g_array_append_val (prune->models, again);
  prune_run (prune->core.repository, "5%", &figures);
  used = figures.used_bytes;
  g_assert_cmpuint (figures.n_blobs, ==, 2 * figures.n_used_blobs);
  /* The one pack of each kind is whole, the other goes, and nothing is copied. */
  g_assert_cmpuint (figures.n_removed_packs, ==, 2);
  g_assert_cmpuint (figures.n_repacked_packs, ==, 0);
  prune_assert_whole (prune->core.repository, prune->models);
  prune_assert_tidy (prune->core.store);
  g_assert_cmpuint (ob_repository_get_stored_size (prune->core.repository), <, used + 200);
}

/* Bytes of a pack: of several the largest. Transfer full. */
static char *
get_largest_pack (Prune *prune)
{
  g_autoptr (GHashTable) packs = prune_list_packs (prune->core.store);
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

  g_assert_false (
    prune_run_with (prune->core.repository, "0", &figures, &freed, NULL, NULL, &error));
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

  prune_make_waste (prune);
  name = get_largest_pack (prune);
  bytes = ob_store_get (prune->core.store, name, G_MAXUINT32, NULL, NULL);
  size = g_bytes_get_size (bytes);
  damaged = g_memdup2 (g_bytes_get_data (bytes, NULL), size);
  for (gsize i = 0; i < size; i += 50)
    damaged[i] ^= 1;
  core_fixture_put (&prune->core, name, damaged, size);
  assert_refused (prune, "Nothing was deleted");
  core_fixture_put (&prune->core, name, g_bytes_get_data (bytes, NULL), size);
  prune_assert_whole (prune->core.repository, prune->models);
  prune_run (prune->core.repository, "0", &figures);
  prune_assert_whole (prune->core.repository, prune->models);
  prune_assert_tidy (prune->core.store);
}

static void
test_missing_pack (Prune *prune, gconstpointer data)
{
  g_autofree char *name = NULL;
  g_autoptr (GBytes) bytes = NULL;
  ObPruneFigures figures;
  gsize size;

  prune_back_up (prune);
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
  prune_delete_some (prune, 1);
  prune_run (prune->core.repository, "5%", &figures);
  prune_assert_tidy (prune->core.store);
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

  prune_back_up (prune);
  name = get_largest_pack (prune);
  again = g_array_index (prune->models, Model, 0);
  prune_save (other, &again);
  core_fixture_remove (&prune->core, name);
  prune_run (prune->core.repository, "0", &figures);
  prune_assert_whole (prune->core.repository, prune->models);
  prune_assert_tidy (prune->core.store);
}

static void
add_warning (const char *message, gboolean lost, gpointer user_data)
{
  g_ptr_array_add (user_data, g_strdup (message));
}

/* A pack that the disk does not give, whichever of two with the same content is read first. */
typedef struct
{
  FaultStore *store;
  gboolean all; /* with it everything fails, and for good */
  GHashTable *packs;
  char *struck; /* its name */
} Struck;

static void
strike (const char *name, gpointer user_data)
{
  Struck *self = user_data;
  const char *slash = strrchr (name, '/');
  ObId id;

  if (self->struck == NULL && slash != NULL && ob_id_from_hex (slash + 1, &id)
      && GPOINTER_TO_SIZE (g_hash_table_lookup (self->packs, &id)) > LARGE)
    self->struck = g_strdup (name);
  if (g_strcmp0 (name, self->struck) == 0)
    fault_store_arm (self->store, FAULT_READ, 1, FAULT_EIO, self->all);
}

/* Of two copies of all there is the one that is to be kept cannot be read. */
static gboolean
prune_struck (Prune *prune, Struck *struck, GPtrArray *warnings, ObPruneFigures *figures,
              GError **error)
{
  g_autoptr (ObStore) store = fault_store_new (prune->core.store);
  g_autoptr (ObProgress) progress = ob_progress_new (NULL, add_warning, warnings);
  g_autoptr (ObRepository) other = NULL;
  g_autoptr (ObRepository) failing = NULL;
  gboolean done;
  Model again;
  gint64 freed;

  other = ob_repository_open (prune->core.store, CORE_PASSPHRASE, NULL, NULL);
  failing = ob_repository_open (store, CORE_PASSPHRASE, NULL, NULL);
  prune_back_up (prune);
  again = g_array_index (prune->models, Model, 0);
  prune_save (other, &again);
  g_array_append_val (prune->models, again);
  struck->store = FAULT_STORE (store);
  struck->packs = prune_list_packs (prune->core.store);
  fault_store_watch_reads (struck->store, strike, struck);
  done = prune_run_with (failing, "0", figures, &freed, progress, NULL, error);
  g_assert_nonnull (struck->struck);
  return done;
}

static void
struck_clear (Struck *self)
{
  g_hash_table_unref (self->packs);
  g_free (self->struck);
}

/* A pack that cannot be read is as good as damaged: the other copy is what stays. */
static void
test_unreadable_copy (Prune *prune, gconstpointer data)
{
  g_autoptr (GPtrArray) warnings = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  Struck struck = { 0 };
  ObPruneFigures figures;

  prune_struck (prune, &struck, warnings, &figures, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (warnings->len, ==, 1);
  g_assert_nonnull (strstr (g_ptr_array_index (warnings, 0), "1 pack is damaged"));
  ob_store_remove (prune->core.store, struck.struck, NULL, &error);
  g_assert_no_error (error);
  prune_assert_whole (prune->core.repository, prune->models);
  struck_clear (&struck);
}

/* Where the repository cannot be read either, that says nothing of the pack. */
static void
test_store_goes_away (Prune *prune, gconstpointer data)
{
  g_autoptr (GPtrArray) warnings = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  g_autoptr (GHashTable) after = NULL;
  Struck struck = { .all = TRUE };
  ObPruneFigures figures;

  g_assert_false (prune_struck (prune, &struck, warnings, &figures, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_cmpuint (warnings->len, ==, 0);
  after = prune_list_packs (prune->core.store);
  g_assert_cmpuint (g_hash_table_size (after), ==, g_hash_table_size (struck.packs));
  prune_assert_whole (prune->core.repository, prune->models);
  struck_clear (&struck);
}

/* A copy of an index file that somebody keeps in a directory below is none of ours to remove. */
static void
test_index_aside (Prune *prune, gconstpointer data)
{
  static const char name[]
    = "index/aside/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  g_autoptr (GError) error = NULL;
  ObPruneFigures figures;

  prune_make_waste (prune);
  core_fixture_put (&prune->core, name, "x", 1);
  prune_run (prune->core.repository, "0", &figures);
  g_assert_cmpuint (figures.n_repacked_packs, >, 0);
  ob_store_stat (prune->core.store, name, NULL, NULL, &error);
  g_assert_no_error (error);
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

  prune_back_up (prune);
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

/* What was deleted is not remembered. */
static void
test_delete (Prune *prune, gconstpointer data)
{
  g_autoptr (GPtrArray) snapshots = NULL;
  g_autoptr (GError) error = NULL;
  ObId gone;

  prune_back_up (prune);
  prune_back_up (prune);
  gone = g_array_index (prune->models, Model, 0).id;
  prune_assert_whole (prune->core.repository, prune->models);
  while (has_model (prune->models, &gone))
    prune_delete_some (prune, 1);
  snapshots = ob_repository_list_snapshots (prune->core.repository, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (snapshots->len, ==, prune->models->len);
  g_assert_null (prune_find_snapshot (snapshots, &gone));
}

static void
add (const char *path, void (*test) (Prune *, gconstpointer))
{
  g_test_add (path, Prune, NULL, prune_set_up, test, prune_tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/prune/limit", test_limit);
  add ("/prune/random", test_random);
  add ("/prune/to-nothing", test_to_nothing);
  add ("/prune/plan", test_plan);
  add ("/prune/lock-is-lost", test_lock_is_lost);
  add ("/prune/time-is-up", test_time_is_up);
  add ("/prune/duplicates", test_duplicates);
  add ("/prune/damaged-blob", test_damaged_blob);
  add ("/prune/missing-pack", test_missing_pack);
  add ("/prune/missing-copy", test_missing_copy);
  add ("/prune/unreadable-copy", test_unreadable_copy);
  add ("/prune/store-goes-away", test_store_goes_away);
  add ("/prune/index-aside", test_index_aside);
  add ("/prune/damaged-backup", test_damaged_backup);
  add ("/prune/delete", test_delete);
  return g_test_run ();
}
