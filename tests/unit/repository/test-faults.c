/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The destination fails at any of the calls that a backup, a restore, a verification and a prune
 * make of it: what was there before reads as it was, no snapshot refers to what is not there,
 * and the next backup succeeds and builds on what was stored. OBBACKUP_LONG=1 tries every call,
 * else a sample; repeat a run with --seed. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crash-store.h"
#include "fault-store.h"
#include "ob-delete.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-lock.h"
#include "ob-prune.h"
#include "ob-verify.h"
#include "pipeline-fixture.h"
#include "random-tree.h"

#define MIB (1024 * 1024)
#define LARGE (20 * MIB) /* more than a pack */
#define N_ENTRIES 30
#define N_SAMPLE 6 /* trials */

/* The two states of the source directory: that of the backup that is there, and that of the
 * next. */
enum
{
  BEFORE,
  AFTER,
  N_STATES,
};

typedef struct
{
  char *path, *source;
  int source_fd;
  ObStore *base; /* a repository with a backup of the source as it was before */
  char *texts[N_STATES];
  guint64 new_bytes; /* that the next backup stores where nothing is wrong */
  guint calls[FAULT_N_CALLS];
  guint trials, failures;
} Faults;

/* What is to go wrong. */
typedef struct
{
  FaultCall call;
  guint number;
  FaultKind kind;
  gboolean lasting;
} Fault;

static ObRepository *
open_repository (ObStore *store, GError **error)
{
  g_autoptr (ObRepository) repository = ob_repository_open (store, CORE_PASSPHRASE, NULL, error);

  if (repository == NULL || !ob_repository_load_index (repository, NULL, error))
    return NULL;
  return g_steal_pointer (&repository);
}

/* The trees of all snapshots are of the root directory of the source. */
static gboolean
find_previous (ObRepository *repository, ObFileBackupRoot *root, GError **error)
{
  g_autoptr (GPtrArray) snapshots = ob_repository_list_snapshots (repository, NULL, NULL, error);

  if (snapshots == NULL)
    return FALSE;
  root->has_previous = snapshots->len > 0;
  if (root->has_previous)
    root->previous = ((ObSnapshot *) g_ptr_array_index (snapshots, 0))->tree;
  return TRUE;
}

/* As a job does it. The snapshot's time says which @state it is of. */
static gboolean
back_up (Faults *faults, ObRepository *repository, guint state, ObWriterStats *stats,
         GError **error)
{
  g_autoptr (ObLock) lock = NULL;
  g_autoptr (ObWriter) writer = NULL;
  g_autoptr (ObNode) node = NULL;
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_new ();
  ObFileBackupRoot root = { .fd = faults->source_fd, .path = faults->source, .name = "root" };
  ObFileBackupStats file_stats;

  lock = ob_lock_acquire (repository, FALSE, NULL, error);
  if (lock == NULL || !ob_repository_load_index (repository, NULL, error)
      || !find_previous (repository, &root, error))
    return FALSE;
  writer = ob_writer_new (repository, 2, NULL);
  ob_writer_set_lock (writer, lock);
  if (!ob_file_backup_run (writer, &root, 2, NULL, &node, &file_stats, NULL, error)
      || !ob_writer_finish (writer, error) || !ob_lock_confirm (lock, NULL, error))
    return FALSE;
  ob_writer_get_stats (writer, stats);
  snapshot->tree = node->subtree;
  snapshot->time.tv_sec = state;
  return ob_repository_save_snapshot (repository, snapshot, NULL, error);
}

static gboolean
restore (Faults *faults, ObRepository *repository, const ObSnapshot *snapshot, GError **error)
{
  g_autofree char *target = g_build_filename (faults->path, "target", NULL);
  g_autofree char *text = NULL;
  struct timespec when = { 0 };
  g_autoptr (ObNode) node = ob_node_new_directory ("root", &snapshot->tree, &when);
  g_autoptr (GError) local = NULL;
  ObFileRestoreStats stats;
  ob_autofd int fd = -1;

  ob_remove_tree_at (AT_FDCWD, target, NULL, NULL);
  g_assert_cmpint (mkdir (target, 0700), ==, 0);
  fd = open (target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (!ob_file_restore_run (repository, node, fd, target, FALSE, 2, NULL, &stats, NULL, error))
    return FALSE;
  text = random_tree_describe (fd);
  random_tree_assert_same (faults->texts[snapshot->time.tv_sec], text);
  return TRUE;
}

/* Reads every backup of the store, as after a new start. Returns how many there are. */
static guint
check_whole (Faults *faults, ObStore *store)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository = open_repository (store, &error);
  g_autoptr (GPtrArray) unread = NULL;
  g_autoptr (GPtrArray) snapshots = NULL;

  g_assert_no_error (error);
  snapshots = ob_repository_list_snapshots (repository, &unread, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (unread->len, ==, 0);
  for (guint i = 0; i < snapshots->len; i++)
    {
      restore (faults, repository, g_ptr_array_index (snapshots, i), &error);
      g_assert_no_error (error);
    }
  return snapshots->len;
}

static gboolean
count_one (const char *name, guint64 size, gpointer user_data)
{
  (*(guint *) user_data)++;
  return TRUE;
}

static guint
count (ObStore *store, const char *directory)
{
  g_autoptr (GError) error = NULL;
  guint n = 0;

  g_assert_true (ob_store_list (store, directory, count_one, &n, NULL, &error));
  return n;
}

/* A new store that holds what @base does. */
static ObStore *
copy_base (Faults *faults)
{
  GRand *rand = g_rand_new_with_seed (0);
  CrashStore *base = CRASH_STORE (faults->base);
  ObStore *copy = crash_store_cut (base, crash_store_get_n_changes (base), rand);

  g_rand_free (rand);
  return copy;
}

static void
assert_told (Faults *faults, const Fault *fault, const GError *error)
{
  g_assert_nonnull (error);
  g_assert_true (error->domain == OB_ERROR);
  if (fault->kind == FAULT_ENOSPC)
    g_assert_cmpint (error->code, ==, OB_ERROR_NO_SPACE);
  else if (fault->kind == FAULT_SHORT && fault->call == FAULT_READ)
    g_assert_cmpint (error->code, !=, OB_ERROR_NOT_FOUND);
  else
    g_assert_cmpint (error->code, ==, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_cmpuint (strlen (error->message), >, 20);
  faults->failures++;
}

/* The next backup: with what is still open, or, where that is of no use any more, anew. */
static void
check_next (Faults *faults, ObRepository *repository, ObStore *inner, gboolean succeeded,
            guint n_indexes)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) other = NULL;
  ObWriterStats stats;
  guint n_snapshots = count (inner, "snapshots");

  if (repository == NULL || ob_store_has_failed (ob_repository_get_store (repository)))
    {
      other = open_repository (inner, &error);
      g_assert_no_error (error);
      repository = other;
    }
  back_up (faults, repository, AFTER, &stats, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count (inner, "snapshots"), ==, n_snapshots + 1);
  g_assert_cmpuint (stats.new_bytes, <=, faults->new_bytes);
  /* What is in an index is not stored again: all of it, or what was stored before the fault. */
  if (succeeded)
    g_assert_cmpuint (stats.new_blobs, ==, 0);
  else if (n_indexes > count (faults->base, "index"))
    g_assert_cmpuint (stats.new_bytes, <, faults->new_bytes);
  check_whole (faults, inner);
}

static void
try_backup (Faults *faults, const Fault *fault)
{
  g_autoptr (ObStore) inner = copy_base (faults);
  g_autoptr (ObStore) store = fault_store_new (inner);
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (GError) error = NULL;
  ObWriterStats stats;
  gboolean succeeded;
  guint n;

  fault_store_arm (FAULT_STORE (store), fault->call, fault->number, fault->kind, fault->lasting);
  repository = open_repository (store, &error);
  succeeded = repository != NULL && back_up (faults, repository, AFTER, &stats, &error);
  if (!succeeded)
    {
      g_assert_true (fault_store_has_struck (FAULT_STORE (store)));
      assert_told (faults, fault, error);
    }
  fault_store_disarm (FAULT_STORE (store));
  n = check_whole (faults, inner);
  /* One that was reported as failed may be there: the answer was lost. */
  g_assert_cmpuint (n, <=, 2);
  g_assert_true (n == 2 || !succeeded);
  check_next (faults, repository, inner, succeeded, count (inner, "index"));
}

static gboolean
restore_first (Faults *faults, ObRepository *repository, GError **error)
{
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) snapshots
    = ob_repository_list_snapshots (repository, &problems, NULL, error);

  if (snapshots == NULL)
    return FALSE;
  if (snapshots->len == 0)
    {
      g_assert_cmpuint (problems->len, ==, 1);
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT, g_ptr_array_index (problems, 0));
      return FALSE;
    }
  return restore (faults, repository, g_ptr_array_index (snapshots, 0), error);
}

static void
try_restore (Faults *faults, const Fault *fault)
{
  g_autoptr (ObStore) store = fault_store_new (faults->base);
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) later = NULL;

  fault_store_arm (FAULT_STORE (store), fault->call, fault->number, fault->kind, fault->lasting);
  repository = open_repository (store, &error);
  if (repository == NULL || !restore_first (faults, repository, &error))
    {
      g_assert_true (fault_store_has_struck (FAULT_STORE (store)));
      assert_told (faults, fault, error);
    }
  fault_store_disarm (FAULT_STORE (store));
  /* What is open has kept nothing of it. */
  if (repository == NULL)
    repository = open_repository (store, &later);
  g_assert_no_error (later);
  restore_first (faults, repository, &later);
  g_assert_no_error (later);
}

/* Reads all; *@sound tells whether nothing was found. */
static gboolean
verify (ObRepository *repository, gboolean *sound, GError **error)
{
  ObVerifyOptions options = { .share = 1, .n_threads = 2 };
  g_autoptr (ObVerify) run = ob_verify_new (repository, &options, NULL);

  if (!ob_repository_load_index (repository, NULL, error) || !ob_verify_run (run, NULL, error))
    return FALSE;
  *sound = ob_verify_get_report (run)->n_problems == 0;
  return TRUE;
}

/* A fault is told as an error, or as a problem, but never passed over; and it is not kept in
 * mind. */
static void
try_verify (Faults *faults, const Fault *fault)
{
  g_autoptr (ObStore) store = fault_store_new (faults->base);
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) later = NULL;
  gboolean sound = FALSE;

  fault_store_arm (FAULT_STORE (store), fault->call, fault->number, fault->kind, fault->lasting);
  repository = open_repository (store, &error);
  if (repository == NULL || !verify (repository, &sound, &error))
    assert_told (faults, fault, error);
  else if (!sound)
    faults->failures++;
  /* What a short read did give may have been enough. */
  g_assert_true (!sound || fault->kind == FAULT_SHORT
                 || !fault_store_has_struck (FAULT_STORE (store)));
  g_assert_true (sound || fault_store_has_struck (FAULT_STORE (store)));
  fault_store_disarm (FAULT_STORE (store));
  if (repository == NULL)
    repository = open_repository (store, &later);
  g_assert_no_error (later);
  g_assert_true (verify (repository, &sound, &later));
  g_assert_no_error (later);
  g_assert_true (sound);
}

static gboolean
prune (ObRepository *repository, GError **error)
{
  static const ObPruneLimit nothing = { 0 };
  g_autoptr (ObLock) lock = ob_lock_acquire (repository, TRUE, NULL, error);
  g_autoptr (ObPrunePlan) plan = NULL;
  gint64 freed;

  if (lock == NULL || !ob_repository_load_index (repository, NULL, error))
    return FALSE;
  plan = ob_prune_plan_new (repository, lock, &nothing, NULL, NULL, error);
  return plan != NULL && ob_prune_plan_run (plan, &freed, NULL, error);
}

static void
try_prune (Faults *faults, const Fault *fault)
{
  g_autoptr (ObStore) inner = copy_base (faults);
  g_autoptr (ObStore) store = fault_store_new (inner);
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) later = NULL;
  ObWriterStats stats;

  fault_store_arm (FAULT_STORE (store), fault->call, fault->number, fault->kind, fault->lasting);
  repository = open_repository (store, &error);
  if (repository == NULL || !prune (repository, &error))
    {
      g_assert_true (fault_store_has_struck (FAULT_STORE (store)));
      assert_told (faults, fault, error);
    }
  fault_store_disarm (FAULT_STORE (store));
  g_assert_cmpuint (check_whole (faults, inner), ==, 1);

  if (repository == NULL || ob_store_has_failed (store))
    {
      g_clear_pointer (&repository, ob_repository_unref);
      repository = open_repository (inner, &later);
      g_assert_no_error (later);
    }
  /* One failure to remove the lock is made good; if all fail, it is stale in half an hour. */
  if (fault->call == FAULT_REMOVE && fault->lasting)
    core_store_clear (inner, "locks");
  prune (repository, &later);
  g_assert_no_error (later);
  g_assert_cmpuint (check_whole (faults, inner), ==, 1);
  back_up (faults, repository, AFTER, &stats, &later);
  g_assert_no_error (later);
  g_assert_cmpuint (stats.new_blobs, ==, 0);
}

/* Another backup, and the former one deleted: what it alone had is waste. */
static void
make_waste (Faults *faults, ObRepository *repository)
{
  g_autoptr (ObLock) lock = NULL;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (GPtrArray) snapshots = NULL;
  g_autoptr (GError) error = NULL;
  ObWriterStats stats;
  guint n;

  back_up (faults, repository, AFTER, &stats, &error);
  g_assert_no_error (error);
  lock = ob_lock_acquire (repository, TRUE, NULL, &error);
  g_assert_no_error (error);
  snapshots = ob_repository_list_snapshots (repository, NULL, NULL, &error);
  g_assert_cmpuint (snapshots->len, ==, 2);
  g_array_append_val (ids, ((ObSnapshot *) g_ptr_array_index (snapshots, 1))->id);
  g_assert_true (ob_delete_snapshots (repository, lock, ids, &n, NULL, &error));
  g_assert_cmpuint (n, ==, 1);
}

/* What is done while the store fails. */
typedef struct
{
  const char *path;
  gboolean has_waste;
  void (*attempt) (Faults *faults, const Fault *fault);
} Operation;

static const Operation operations[] = { { "/faults/backup", FALSE, try_backup },
                                        { "/faults/restore", FALSE, try_restore },
                                        { "/faults/verify", FALSE, try_verify },
                                        { "/faults/prune", TRUE, try_prune } };

static void
set_up (Faults *faults, gconstpointer data)
{
  const Operation *operation = data;
  g_autofree guint8 *large = make_random (LARGE, 1);
  g_autofree guint8 *other = make_random (LARGE, 2);
  GRand *rand = g_rand_new_with_seed ((guint32) g_test_rand_int ());
  CoreFixture core = { .store = crash_store_new () };
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (GError) error = NULL;
  ObConfig config;
  ObWriterStats stats;
  g_autofree char *file = NULL;

  faults->path = g_dir_make_tmp ("ob-test-XXXXXX", &error);
  faults->source = g_build_filename (faults->path, "source", NULL);
  g_assert_cmpint (mkdir (faults->source, 0700), ==, 0);
  faults->source_fd = open (faults->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  file = g_build_filename (faults->source, "a large file", NULL);
  random_tree_make (faults->source_fd, N_ENTRIES, rand);
  g_assert_true (g_file_set_contents (file, (char *) large, LARGE, NULL));
  faults->texts[BEFORE] = random_tree_describe (faults->source_fd);

  faults->base = core.store;
  ob_config_generate (&config);
  core_fixture_put_repository (&core, &config);
  repository = open_repository (faults->base, &error);
  g_assert_no_error (error);
  back_up (faults, repository, BEFORE, &stats, &error);
  g_assert_no_error (error);

  random_tree_change (faults->source_fd, rand);
  for (gsize at = 0; at < LARGE; at += 2 * MIB)
    memcpy (large + at, other + at, MIB);
  g_assert_true (g_file_set_contents (file, (char *) large, LARGE, NULL));
  faults->texts[AFTER] = random_tree_describe (faults->source_fd);
  if (operation->has_waste)
    make_waste (faults, repository);
  g_rand_free (rand);
}

static void
tear_down (Faults *faults, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  close (faults->source_fd);
  ob_remove_tree_at (AT_FDCWD, faults->path, NULL, &error);
  g_assert_no_error (error);
  g_object_unref (faults->base);
  g_free (faults->path);
  g_free (faults->source);
  for (gsize i = 0; i < N_STATES; i++)
    g_free (faults->texts[i]);
}

/* How often each call is made, where nothing goes wrong. */
static void
count_calls (Faults *faults, const Operation *operation)
{
  g_autoptr (ObStore) inner = copy_base (faults);
  g_autoptr (ObStore) store = fault_store_new (inner);
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository = open_repository (store, &error);
  ObWriterStats stats = { 0 };
  gboolean sound;

  g_assert_no_error (error);
  if (operation->attempt == try_backup)
    back_up (faults, repository, AFTER, &stats, &error);
  else if (operation->attempt == try_restore)
    restore_first (faults, repository, &error);
  else if (operation->attempt == try_verify)
    verify (repository, &sound, &error);
  else
    prune (repository, &error);
  g_assert_no_error (error);
  faults->new_bytes = stats.new_bytes;
  for (FaultCall call = 0; call < FAULT_N_CALLS; call++)
    faults->calls[call] = fault_store_get_n_calls (FAULT_STORE (store), call);
}

/* Kinds that are the same for a call as another one are left out. */
static gboolean
has_kind (FaultCall call, FaultKind kind)
{
  gboolean writes = call == FAULT_PUT || call == FAULT_FLUSH;

  return kind == FAULT_EIO || (kind == FAULT_ENOSPC && writes)
         || (kind == FAULT_LATE && (writes || call == FAULT_LIST || call == FAULT_REMOVE))
         || (kind == FAULT_SHORT && call == FAULT_READ);
}

/* All faults there can be. Transfer full. */
static GArray *
list_faults (const Faults *faults)
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (Fault));

  for (FaultCall call = 0; call < FAULT_N_CALLS; call++)
    for (guint number = 1; number <= faults->calls[call]; number++)
      for (FaultKind kind = 0; kind < FAULT_N_KINDS; kind++)
        for (gboolean lasting = FALSE; has_kind (call, kind) && lasting <= TRUE; lasting++)
          {
            Fault fault = { call, number, kind, lasting };

            g_array_append_val (list, fault);
          }
  return list;
}

static void
test_faults (Faults *faults, gconstpointer data)
{
  const Operation *operation = data;
  g_autoptr (GArray) list = NULL;
  guint step;

  count_calls (faults, operation);
  list = list_faults (faults);
  step = core_is_long () ? 1 : MAX (1, list->len / N_SAMPLE);
  for (guint first = 0; first < list->len; first += step)
    {
      /* By chance, since with a stride all of a sample can be faults of one kind. */
      gint n = (gint) MIN (step, list->len - first);
      const Fault *fault
        = &g_array_index (list, Fault, first + (guint) g_test_rand_int_range (0, n));

      g_test_message ("%s %u %s%s", fault_call_get_name (fault->call), fault->number,
                      fault_kind_get_name (fault->kind), fault->lasting ? " for good" : "");
      operation->attempt (faults, fault);
      faults->trials++;
    }
  g_test_message ("%u of %u faults, of which %u were reported", faults->trials, list->len,
                  faults->failures);
  g_assert_cmpuint (faults->failures, >, faults->trials / 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* A lock that cannot be removed is warned of. */
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  for (gsize i = 0; i < G_N_ELEMENTS (operations); i++)
    g_test_add (operations[i].path, Faults, &operations[i], set_up, test_faults, tear_down);
  return g_test_run ();
}
