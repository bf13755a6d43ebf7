/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A prune that does not come to its end, since the power fails, it is cancelled or its lock is
 * lost: nothing is lost. */
#include "prune-fixture.h"

#include <string.h>

#include "fault-store.h"
#include "ob-error.h"

/* What is left when the power fails: all that stays is whole, and so it is after the next prune. */
static void
check_cut (ObStore *left, GArray *models)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository = ob_repository_open (left, CORE_PASSPHRASE, NULL, &error);
  g_autoptr (ObRepository) anew = NULL;
  ObPruneFigures figures;

  g_assert_no_error (error);
  prune_assert_whole (repository, models);
  prune_assert_index_sound (repository, left);
  /* Of this very process, which is still there; see the test of locks. */
  core_store_clear (left, "locks");
  prune_run (repository, "0", &figures);
  prune_assert_tidy (left);
  anew = ob_repository_open (left, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  prune_assert_whole (anew, models);
}

/* One round of backups, deletions and a prune that writes packs anew, cut off after each change. */
static void
lose_power (Prune *prune)
{
  ObPruneFigures figures;
  guint from, to;

  for (guint i = 0; i < 3; i++)
    prune_back_up (prune);
  prune_make_waste (prune);
  prune_give_up (prune);
  from = crash_store_get_n_changes (prune->crash_store);
  prune_delete_older (prune, 2);
  prune_run (prune->core.repository, "0", &figures);
  g_assert_cmpuint (figures.n_repacked_packs, >, 0);
  to = crash_store_get_n_changes (prune->crash_store);
  for (guint n = from; n <= to; n++)
    for (guint i = 0; i < 4; i++)
      {
        g_autoptr (ObStore) left = crash_store_cut (prune->crash_store, n, prune->rand);

        check_cut (left, prune->models);
      }
  g_test_message ("%u moments", to - from + 1);
}

static void
test_power_loss (Prune *prune, gconstpointer data)
{
  for (guint i = 0; i < 3; i++)
    lose_power (prune);
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
  static const char *const phases[]
    = { "reading", "planning", "repacking", "indexing", "removing" };
  ObPruneFigures figures;

  for (gsize i = 0; i < G_N_ELEMENTS (phases); i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      Stop stop = { phases[i], cancellable };
      g_autoptr (ObProgress) progress = ob_progress_new (on_phase, NULL, &stop);
      g_autoptr (GError) error = NULL;
      gint64 freed;

      prune_make_waste (prune);
      g_assert_false (prune_run_with (prune->core.repository, "0", &figures, &freed, progress,
                                  cancellable, &error));
      g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
      prune_assert_whole (prune->core.repository, prune->models);
    }
  prune_run (prune->core.repository, "0", &figures);
  prune_assert_whole (prune->core.repository, prune->models);
  prune_assert_tidy (prune->core.store);
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

  prune_make_waste (prune);
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

typedef struct
{
  ObStore *store; /* where the locks are */
  guint n_packs;  /* that were about to be removed */
} Loss;

static void
lose_lock (const char *name, gpointer user_data)
{
  Loss *loss = user_data;

  if (!g_str_has_prefix (name, "data/"))
    return;
  loss->n_packs++;
  core_store_clear (loss->store, "locks");
  g_usleep (2000);
}

/* The machine stands still between two removals, and others take the lock for stale: nothing else
 * is removed. */
static void
test_lost_between (Prune *prune, gconstpointer data)
{
  static const ObLockTimes times = { .refresh_ms = 600000, .retry_ms = 600000, .valid_ms = 600000,
                                     .confirm_ms = 1 };
  GLogLevelFlags fatal = g_log_set_always_fatal (G_LOG_FATAL_MASK);
  g_autoptr (ObStore) store = fault_store_new (prune->core.store);
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (ObLock) held = NULL;
  g_autoptr (ObPrunePlan) plan = NULL;
  ObPruneLimit limit = { .bytes = G_MAXUINT64 };
  Loss loss = { .store = prune->core.store };
  gint64 freed;

  prune_back_up (prune);
  for (guint i = 0; i < 3; i++)
    prune_give_up (prune);
  repository = ob_repository_open (store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  held = ob_lock_acquire_with_times (repository, TRUE, &times, NULL, &error);
  g_assert_no_error (error);
  plan = ob_prune_plan_new (repository, held, &limit, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (ob_prune_plan_get_figures (plan)->n_unindexed_packs, ==, 3);
  fault_store_watch_removals (FAULT_STORE (store), lose_lock, &loss);
  g_assert_false (ob_prune_plan_run (plan, &freed, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_LOCKED);
  g_assert_cmpuint (loss.n_packs, ==, 1);
  fault_store_watch_removals (FAULT_STORE (store), NULL, NULL);
  g_log_set_always_fatal (fatal);
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
  add ("/prune-broken-off/power-loss", test_power_loss);
  add ("/prune-broken-off/cancel", test_cancel);
  add ("/prune-broken-off/lost-lock", test_lost_lock);
  add ("/prune-broken-off/lost-between", test_lost_between);
  return g_test_run ();
}
