/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A crash of a repair, at any moment, leaves a repository that can be repaired. */
#include "verify-fixture.h"

#include <string.h>

#include "crash-store.h"

typedef struct
{
  CoreFixture core; /* of a store in memory */
  ObId snapshots[2];
} Crash;

static void
store_backup (Crash *crash, guint number, const char *common)
{
  g_autoptr (ObWriter) writer = ob_writer_new (crash->core.repository, 1, NULL);
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_new ();
  g_autoptr (GError) error = NULL;
  struct timespec when = { 0 };

  for (guint i = 0; i < 4; i++)
    {
      g_autofree char *name = g_strdup_printf ("file%u", i);
      g_autofree char *text = g_strdup_printf ("%s %u %u", common, i, i < 2 ? 0 : number);
      g_autoptr (GArray) content = NULL;

      ob_writer_add_bytes (writer, text, strlen (text), &content, &error);
      g_assert_no_error (error);
      g_ptr_array_add (nodes, ob_node_new_file (name, strlen (text), content, &when));
    }
  ob_writer_add_tree (writer, nodes, &snapshot->tree, &error);
  g_assert_no_error (error);
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
  snapshot->time.tv_sec = number;
  ob_repository_save_snapshot (crash->core.repository, snapshot, NULL, &error);
  g_assert_no_error (error);
  crash->snapshots[number] = snapshot->id;
}

/* Damages the first blob of backup 0, which backup 1 has, too. */
static void
damage (Crash *crash)
{
  ObIndexPlace place;
  g_autofree char *name = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autofree guint8 *copy = NULL;
  g_autoptr (GError) error = NULL;
  struct iovec part;
  guint64 size;
  ObId pack;

  g_assert_true (
    ob_index_get_place (ob_repository_get_index (crash->core.repository), OB_BLOB_DATA, 0, &place));
  g_assert_true (
    ob_index_get_pack (ob_repository_get_index (crash->core.repository), place.pack, &pack, &size));
  name = ob_pack_get_name (&pack);
  bytes = ob_store_get (crash->core.store, name, 1 << 20, NULL, &error);
  g_assert_no_error (error);
  copy = g_memdup2 (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  copy[place.offset + 20] ^= 1;
  part = (struct iovec){ copy, g_bytes_get_size (bytes) };
  ob_store_put (crash->core.store, name, &part, 1, OB_STORE_PUT_NONE, NULL, &error);
  g_assert_no_error (error);
  ob_store_flush (crash->core.store, NULL, &error);
  g_assert_no_error (error);
}

static guint
count_nodes (ObRepository *repository, const ObSnapshot *snapshot)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) nodes = ob_reader_load_tree (repository, &snapshot->tree, NULL, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < nodes->len; i++)
    {
      g_autoptr (GBytes) bytes
        = ob_reader_load_file (repository, g_ptr_array_index (nodes, i), 1 << 20, NULL, &error);

      g_assert_no_error (error);
    }
  return nodes->len;
}

/* Whatever the moment, who opens the repository without a repair finds all that is not lost. */
static void
check_before (ObRepository *repository, guint moment)
{
  ObVerifyOptions options = { .share = 1, .n_threads = 1 };
  g_autoptr (ObVerify) verify = ob_verify_new (repository, &options, NULL);
  const ObVerifyReport *report = ob_verify_get_report (verify);
  g_autoptr (GError) error = NULL;

  ob_verify_run (verify, NULL, &error);
  g_assert_no_error (error);
  if (verify_count (verify, OB_VERIFY_PACK_MISSING) > 0)
    g_error ("After %u changes the index lists a pack that is not there", moment);
  for (guint i = 0; i < report->losses->len; i++)
    {
      const ObVerifyLoss *loss = g_ptr_array_index (report->losses, i);

      if (loss->n_files != 1 || strcmp (g_ptr_array_index (loss->files, 0), "file0") != 0)
        g_error ("After %u changes more than the damaged file is lost", moment);
    }
}

/* A repair of what a crash left of the first one ends it: nothing but the one file is lost. */
static void
check_left (Crash *crash, ObStore *left, guint moment)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository = ob_repository_open (left, CORE_PASSPHRASE, NULL, &error);
  ObVerifyOptions options = { .share = 1, .n_threads = 1 };
  g_autoptr (ObVerify) again = NULL;

  g_assert_no_error (error);
  core_store_clear (left, "locks");
  check_before (repository, moment);
  verify_repair (repository);
  again = ob_verify_new (repository, &options, NULL);
  ob_verify_run (again, NULL, &error);
  g_assert_no_error (error);
  if (ob_verify_get_report (again)->n_problems > 0)
    g_error ("After %u changes: %s", moment,
             ((ObVerifyProblem *) g_ptr_array_index (ob_verify_get_report (again)->problems, 0))
               ->message);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (ObSnapshot) snapshot = verify_find_snapshot (repository, &crash->snapshots[i]);

      if (snapshot == NULL || count_nodes (repository, snapshot) != 3
          || snapshot->obbackup == NULL)
        g_error ("After %u changes backup %u is not what it should be", moment, i);
    }
}

static void
test_crash (void)
{
  Crash crash = { .core = { .store = crash_store_new () } };
  CrashStore *store = CRASH_STORE (crash.core.store);
  GRand *rand = g_rand_new_with_seed ((guint32) g_test_rand_int ());
  g_autoptr (GError) error = NULL;
  ObConfig config;
  guint from, to;

  ob_config_generate (&config);
  core_fixture_put_repository (&crash.core, &config);
  crash.core.repository = ob_repository_open (crash.core.store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  ob_repository_load_index (crash.core.repository, NULL, &error);
  g_assert_no_error (error);
  store_backup (&crash, 0, "text");
  store_backup (&crash, 1, "text");
  damage (&crash);

  from = crash_store_get_n_changes (store);
  verify_repair (crash.core.repository);
  to = crash_store_get_n_changes (store);
  g_assert_cmpuint (to, >, from + 10);
  for (guint n = from; n <= to; n++)
    {
      g_autoptr (ObStore) left = crash_store_cut (store, n, rand);

      check_left (&crash, left, n);
    }
  g_rand_free (rand);
  ob_repository_unref (crash.core.repository);
  g_object_unref (crash.core.store);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/repair-crash/crash", test_crash);
  return g_test_run ();
}
