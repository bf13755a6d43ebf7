/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The order in which a repository is written: had the power failed after any change, all backups
 * that were finished by then are whole, and those that are seen at all too. */
#include "ob-writer.h"

#include <string.h>

#include "crash-store.h"
#include "ob-error.h"
#include "ob-index-file.h"
#include "ob-json-reader.h"
#include "ob-snapshot.h"
#include "pipeline-fixture.h"

#define MIB (1024 * 1024)
#define N_BACKUPS 4
#define N_SMALL 31000 /* blobs: enough for an index file on the way */

typedef struct
{
  CoreFixture core;
  CrashStore *crash_store;
  guint finished[N_BACKUPS]; /* after how many changes */
  ObId ids[N_BACKUPS];
} Loss;

static void
set_up (Loss *loss, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  ObConfig config;

  loss->core.store = crash_store_new ();
  loss->crash_store = CRASH_STORE (loss->core.store);
  ob_config_generate (&config);
  core_fixture_put_repository (&loss->core, &config);
  loss->core.repository = ob_repository_open (loss->core.store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  ob_repository_load_index (loss->core.repository, NULL, &error);
  g_assert_no_error (error);
}

static void
tear_down (Loss *loss, gconstpointer data)
{
  ob_repository_unref (loss->core.repository);
  g_object_unref (loss->core.store);
}

/* So many blobs of a few bytes each. Transfer full. */
static GArray *
add_small (ObWriter *writer, guint n, guint seed)
{
  GArray *content = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < n; i++)
    {
      guint bytes[] = { i, seed };
      ObId id;

      ob_id_of (bytes, sizeof bytes, &id);
      pipeline_add_blob (writer, OB_BLOB_DATA, &id, bytes, sizeof bytes);
      g_array_append_val (content, id);
    }
  return content;
}

/* Writes what belongs to backup @number. */
static void
write_data (ObWriter *writer, guint number, ObId *tree)
{
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autofree guint8 *bytes = make_random (20 * MIB, number);
  g_autoptr (GArray) large = NULL;
  g_autoptr (GArray) small = add_small (writer, number == 1 ? N_SMALL : 10, number);
  g_autoptr (GError) error = NULL;
  struct timespec when = { 0 };

  /* half of it is in the backup before */
  if (number > 0)
    {
      g_autofree guint8 *former = make_random (20 * MIB, number - 1);

      memcpy (bytes, former, 10 * MIB);
    }
  ob_writer_add_bytes (writer, bytes, 20 * MIB, &large, &error);
  g_assert_no_error (error);
  g_ptr_array_add (nodes, ob_node_new_file ("large", 20 * MIB, large, &when));
  g_ptr_array_add (nodes, ob_node_new_file ("small", 8 * small->len, small, &when));
  ob_writer_add_tree (writer, nodes, tree, &error);
  g_assert_no_error (error);
}

static void
back_up (Loss *loss, guint number)
{
  g_autoptr (ObWriter) writer = ob_writer_new (loss->core.repository, 2, NULL);
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_new ();
  g_autoptr (GError) error = NULL;

  write_data (writer, number, &snapshot->tree);
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
  snapshot->time.tv_sec = number;
  ob_repository_save_snapshot (loss->core.repository, snapshot, NULL, &error);
  g_assert_no_error (error);
  loss->ids[number] = snapshot->id;
  loss->finished[number] = crash_store_get_n_changes (loss->crash_store);
}

/* One that ends before it is finished. */
static void
give_up (Loss *loss, guint number)
{
  g_autoptr (ObWriter) writer = ob_writer_new (loss->core.repository, 2, NULL);
  ObId tree;

  write_data (writer, number, &tree);
}

static gboolean
has_snapshot (GPtrArray *snapshots, const ObId *id)
{
  for (guint i = 0; i < snapshots->len; i++)
    if (ob_id_equal (&((ObSnapshot *) g_ptr_array_index (snapshots, i))->id, id))
      return TRUE;
  return FALSE;
}

static void
assert_has_pack (ObStore *store, const ObId *pack)
{
  char hex[OB_ID_HEX_SIZE];
  g_autofree char *name = NULL;
  g_autoptr (GError) error = NULL;

  ob_id_to_hex (pack, hex);
  name = g_strdup_printf ("data/%.2s/%s", hex, hex);
  ob_store_stat (store, name, NULL, NULL, &error);
  g_assert_no_error (error);
}

static gboolean
add_name (const char *name, guint64 size, gpointer user_data)
{
  g_ptr_array_add (user_data, g_strdup (name));
  return TRUE;
}

/* That the packs which the index files list are there: the next backup builds on them. */
static void
check_indexes (ObRepository *repository)
{
  ObStore *store = ob_repository_get_store (repository);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;

  ob_store_list (store, "index", add_name, names, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < names->len; i++)
    {
      g_autoptr (GBytes) text
        = ob_repository_get_unpacked (repository, g_ptr_array_index (names, i),
                                      OB_INDEX_FILE_MAX_SIZE, NULL, &error);
      ObJsonReader reader;
      ObJsonSlice member;
      ObId pack;

      g_assert_no_error (error);
      ob_json_reader_init (&reader, g_bytes_get_data (text, NULL), g_bytes_get_size (text));
      ob_json_reader_begin_object (&reader);
      while (ob_json_reader_next_member (&reader, &member))
        for (ob_json_reader_begin_array (&reader); ob_json_reader_next_element (&reader);)
          for (ob_json_reader_begin_object (&reader);
               ob_json_reader_next_member (&reader, &member);)
            if (!ob_json_slice_is (&member, "id"))
              ob_json_reader_skip (&reader);
            else if (ob_json_reader_read_id (&reader, &pack))
              assert_has_pack (store, &pack);
      g_assert_true (ob_json_reader_finish (&reader));
    }
}

/* Opens what is left as after a new start. */
static void
check (Loss *loss, ObStore *left, guint n_changes)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository = ob_repository_open (left, CORE_PASSPHRASE, NULL, &error);
  g_autoptr (GPtrArray) snapshots = NULL;
  g_autoptr (GPtrArray) unread = NULL;

  g_assert_no_error (error);
  ob_repository_load_index (repository, NULL, &error);
  g_assert_no_error (error);
  snapshots = ob_repository_list_snapshots (repository, &unread, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (unread->len, ==, 0);
  check_indexes (repository);
  for (guint i = 0; i < N_BACKUPS; i++)
    if (loss->finished[i] <= n_changes && !has_snapshot (snapshots, &loss->ids[i]))
      g_error ("Backup %u is lost after %u changes", i, n_changes);
  for (guint i = 0; i < snapshots->len; i++)
    {
      const ObSnapshot *snapshot = g_ptr_array_index (snapshots, i);
      g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);

      ob_reader_check_tree (repository, &snapshot->tree, problems, NULL, &error);
      g_assert_no_error (error);
      if (problems->len > 0)
        g_error ("After %u changes: %s", n_changes, (char *) g_ptr_array_index (problems, 0));
    }
}

static void
test_backups (Loss *loss, gconstpointer data)
{
  GRand *rand = g_rand_new_with_seed ((guint32) g_test_rand_int ());
  guint from = crash_store_get_n_changes (loss->crash_store);
  guint to;

  for (guint i = 0; i < N_BACKUPS; i++)
    {
      if (i == 2)
        give_up (loss, 100);
      back_up (loss, i);
    }
  to = crash_store_get_n_changes (loss->crash_store);
  for (guint n = from; n <= to; n++)
    for (guint i = 0; i < 3; i++)
      {
        g_autoptr (ObStore) left = crash_store_cut (loss->crash_store, n, rand);

        check (loss, left, n);
      }
  g_test_message ("%u moments", to - from + 1);
  g_assert_cmpuint (to - from, >, 4 * N_BACKUPS);
  g_rand_free (rand);
}

/* A repository being made is one when its config is there, and then it opens. */
static void
test_create (void)
{
  g_autoptr (ObStore) store = crash_store_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) made = ob_repository_create (store, "passphrase", NULL, &error);
  GRand *rand = g_rand_new_with_seed ((guint32) g_test_rand_int ());
  guint n_changes = crash_store_get_n_changes (CRASH_STORE (store));

  g_assert_no_error (error);
  for (guint n = 0; n <= n_changes; n++)
    {
      g_autoptr (ObStore) left = crash_store_cut (CRASH_STORE (store), n, rand);
      g_autoptr (GError) open_error = NULL;
      g_autoptr (ObRepository) opened = ob_repository_open (left, "passphrase", NULL, &open_error);

      if (opened == NULL)
        g_assert_error (open_error, OB_ERROR, OB_ERROR_NOT_FOUND);
      g_assert_true (opened != NULL || n < n_changes);
    }
  g_rand_free (rand);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/power-loss/backups", Loss, NULL, set_up, test_backups, tear_down);
  g_test_add_func ("/power-loss/create", test_create);
  return g_test_run ();
}
