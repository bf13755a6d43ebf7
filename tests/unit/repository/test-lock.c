/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Locks: who gets one, and what becomes of it. */
#include "ob-lock-private.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core-fixture.h"
#include "fault-store.h"
#include "ob-error.h"
#include "ob-host.h"
#include "ob-lock-file.h"

/* For locks that tests wait for. */
static const ObLockTimes quick
  = { .settle_ms = 1, .refresh_ms = 5, .retry_ms = 5, .valid_ms = 600000 };

/* For locks that nobody refreshes while a test runs. */
static const ObLockTimes quiet
  = { .settle_ms = 1, .refresh_ms = 600000, .retry_ms = 600000, .valid_ms = 600000 };

/* Losing a lock is logged as a warning, which ends a test otherwise. */
static GLogWriterOutput
drop_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  return G_LOG_WRITER_HANDLED;
}

static void
set_string (char **string, const char *value)
{
  g_free (*string);
  *string = g_strdup (value);
}

static ObLock *
acquire (CoreFixture *fixture, gboolean exclusive, const ObLockTimes *times, int code)
{
  g_autoptr (GError) error = NULL;
  ObLock *lock = ob_lock_acquire_with_times (fixture->repository, exclusive, times, NULL, &error);

  if (code < 0)
    g_assert_no_error (error);
  else
    g_assert_error (error, OB_ERROR, code);
  g_assert_true ((lock == NULL) == (code >= 0));
  return lock;
}

static guint
count_files (CoreFixture *fixture)
{
  g_autoptr (GPtrArray) names = core_fixture_list (fixture, "locks");

  return names->len;
}

static void
test_exclusion (CoreFixture *fixture, gconstpointer data)
{
  ObLock *first = acquire (fixture, FALSE, &quiet, -1);
  ObLock *second = acquire (fixture, FALSE, &quiet, -1);
  ObLock *exclusive;

  g_assert_cmpuint (count_files (fixture), ==, 2);
  acquire (fixture, TRUE, &quiet, OB_ERROR_LOCKED);
  ob_lock_release (first);
  acquire (fixture, TRUE, &quiet, OB_ERROR_LOCKED);
  ob_lock_release (second);
  g_assert_cmpuint (count_files (fixture), ==, 0);

  exclusive = acquire (fixture, TRUE, &quiet, -1);
  g_assert_true (ob_lock_is_valid (exclusive));
  acquire (fixture, FALSE, &quiet, OB_ERROR_LOCKED);
  acquire (fixture, TRUE, &quiet, OB_ERROR_LOCKED);
  g_assert_cmpuint (count_files (fixture), ==, 1);
  ob_lock_release (exclusive);
  g_assert_cmpuint (count_files (fixture), ==, 0);
}

static void
put_file (CoreFixture *fixture, const ObLockFile *file)
{
  g_autofree char *text = ob_lock_file_to_json (file);
  g_autoptr (GError) error = NULL;
  ObId id;

  ob_repository_put_unpacked (fixture->repository, "locks", text, strlen (text), &id, NULL, &error);
  g_assert_no_error (error);
}

static void
test_message (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObLockFile) file = ob_lock_file_new (TRUE);
  g_autoptr (GError) error = NULL;

  set_string (&file->hostname, "erp2");
  set_string (&file->username, "backup");
  set_string (&file->boot_id, "another");
  file->pid = 4711;
  file->time.tv_sec -= 10 * 60;
  put_file (fixture, file);

  g_assert_null (ob_lock_acquire (fixture->repository, FALSE, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_LOCKED);
  g_assert_nonnull (strstr (error->message, "backup on erp2 (process 4711)"));
  g_assert_nonnull (strstr (error->message, "10 min ago"));
  g_assert_nonnull (strstr (error->message, "expires in 20 min"));
  g_assert_nonnull (strstr (error->message, fixture->path));
}

static void
test_removes_stale (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObLockFile) dead = ob_lock_file_new (TRUE);
  g_autoptr (ObLockFile) old = ob_lock_file_new (TRUE);
  ObLock *lock;

  dead->pid = core_get_dead_pid ();
  put_file (fixture, dead);
  set_string (&old->hostname, "another");
  old->time.tv_sec -= 31 * 60;
  put_file (fixture, old);
  /* left by a store that does not write as a whole */
  core_fixture_put (fixture,
                    "locks/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "",
                    0);

  lock = acquire (fixture, TRUE, &quiet, -1);
  g_assert_cmpuint (count_files (fixture), ==, 2);
  g_assert_true (ob_lock_has_met_leftover (lock));
  ob_lock_release (lock);
  lock = acquire (fixture, FALSE, &quiet, -1);
  g_assert_false (ob_lock_has_met_leftover (lock));
  ob_lock_release (lock);
}

/* One that cannot be read may be anybody's. */
static void
test_damaged (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObLockFile) file = ob_lock_file_new (FALSE);
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GError) error = NULL;

  put_file (fixture, file);
  names = core_fixture_list (fixture, "locks");
  core_fixture_flip (fixture, g_ptr_array_index (names, 0));
  g_assert_null (ob_lock_acquire (fixture->repository, FALSE, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
  g_assert_nonnull (strstr (error->message, g_ptr_array_index (names, 0)));
  g_assert_cmpuint (count_files (fixture), ==, 1);
}

static char *
get_only_file (CoreFixture *fixture)
{
  g_autoptr (GPtrArray) names = core_fixture_list (fixture, "locks");

  return names->len == 1 ? g_strdup (g_ptr_array_index (names, 0)) : NULL;
}

/* The file changes its name with each refresh. */
static void
test_refresh (CoreFixture *fixture, gconstpointer data)
{
  ObLock *lock = acquire (fixture, TRUE, &quick, -1);
  g_autofree char *first = NULL;
  gint64 deadline = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
  guint n_changes = 0;

  while (n_changes < 3 && g_get_monotonic_time () < deadline)
    {
      g_autofree char *now = get_only_file (fixture);

      if (now != NULL && g_strcmp0 (now, first) != 0)
        {
          set_string (&first, now);
          n_changes++;
        }
    }
  g_assert_cmpuint (n_changes, ==, 3);
  g_assert_true (ob_lock_is_valid (lock));
  ob_lock_release (lock);
  g_assert_cmpuint (count_files (fixture), ==, 0);
}

static void
wait_until_invalid (ObLock *lock)
{
  gint64 deadline = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;

  while (ob_lock_is_valid (lock) && g_get_monotonic_time () < deadline)
    g_usleep (1000);
  g_assert_false (ob_lock_is_valid (lock));
}

/* Somebody else removed the file: whoever holds it must stop, and no file comes back. */
static void
test_lost (CoreFixture *fixture, gconstpointer data)
{
  ObLock *lock = acquire (fixture, FALSE, &quick, -1);
  gint64 deadline = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;

  while (ob_lock_is_valid (lock) && g_get_monotonic_time () < deadline)
    {
      g_autoptr (GPtrArray) names = core_fixture_list (fixture, "locks");

      for (guint i = 0; i < names->len; i++)
        core_fixture_remove (fixture, g_ptr_array_index (names, i));
    }
  wait_until_invalid (lock);
  ob_lock_release (lock);
  g_assert_cmpuint (count_files (fixture), ==, 0);
}

/* Without a refresh for too long, others may take it for stale. */
static void
test_late (CoreFixture *fixture, gconstpointer data)
{
  static const ObLockTimes late
    = { .settle_ms = 1, .refresh_ms = 600000, .retry_ms = 600000, .valid_ms = 20 };
  ObLock *lock = acquire (fixture, FALSE, &late, -1);

  wait_until_invalid (lock);
  ob_lock_release (lock);
}

/* A late refresh makes it valid again as long as the file is there. */
static void
test_recovers (CoreFixture *fixture, gconstpointer data)
{
  static const ObLockTimes slow
    = { .settle_ms = 1, .refresh_ms = 200, .retry_ms = 200, .valid_ms = 100 };
  ObLock *lock = acquire (fixture, FALSE, &slow, -1);
  gint64 deadline = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;

  wait_until_invalid (lock);
  while (!ob_lock_is_valid (lock) && g_get_monotonic_time () < deadline)
    g_usleep (1000);
  g_assert_cmpint (g_get_monotonic_time (), <, deadline);
  ob_lock_release (lock);
  g_assert_cmpuint (count_files (fixture), ==, 0);
}

typedef struct
{
  CoreFixture *fixture;
  gint n_holders; /* atomic */
  gint n_acquired;
} Race;

static void *
race (void *data)
{
  Race *self = data;
  /* Long enough for each to see the others' files. */
  static const ObLockTimes times
    = { .settle_ms = 50, .refresh_ms = 600000, .retry_ms = 600000, .valid_ms = 600000 };

  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (GError) error = NULL;
      ObLock *lock = ob_lock_acquire_with_times (self->fixture->repository, TRUE, &times, NULL,
                                                 &error);

      if (lock == NULL)
        {
          g_assert_error (error, OB_ERROR, OB_ERROR_LOCKED);
          continue;
        }
      g_assert_cmpint (g_atomic_int_add (&self->n_holders, 1), ==, 0);
      g_atomic_int_inc (&self->n_acquired);
      g_usleep (1000);
      g_atomic_int_add (&self->n_holders, -1);
      ob_lock_release (lock);
    }
  return NULL;
}

/* Never two exclusive holders, whoever else tries at that moment. */
static void
test_race (CoreFixture *fixture, gconstpointer data)
{
  Race self = { .fixture = fixture };
  pthread_t threads[3];

  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_cmpint (pthread_create (&threads[i], NULL, race, &self), ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    pthread_join (threads[i], NULL);

  g_test_message ("%d of 15 tries got the lock", self.n_acquired);
  g_assert_cmpuint (count_files (fixture), ==, 0);
}

typedef struct
{
  ObLock *lock;
  guint ms;
} Holder;

static void *
hold (void *data)
{
  Holder *holder = data;

  g_usleep (1000 * holder->ms);
  ob_lock_release (holder->lock);
  return NULL;
}

static void
count_waits (const char *message, gpointer user_data)
{
  g_assert_nonnull (strstr (message, "is locked"));
  (*(guint *) user_data)++;
}

/* Who waits gets it when it is free, and is told once for whom he waits. */
static void
test_waits (CoreFixture *fixture, gconstpointer data)
{
  Holder holder = { acquire (fixture, TRUE, &quiet, -1), 1500 };
  g_autoptr (GError) error = NULL;
  ObLock *lock;
  pthread_t thread;
  guint n_waits = 0;

  g_assert_cmpint (pthread_create (&thread, NULL, hold, &holder), ==, 0);
  lock = ob_lock_acquire_within (fixture->repository, TRUE, 60, count_waits, &n_waits, NULL,
                                 &error);
  g_assert_no_error (error);
  pthread_join (thread, NULL);
  g_assert_true (ob_lock_check (lock, &error));
  g_assert_cmpuint (n_waits, ==, 1);
  ob_lock_release (lock);
  g_assert_cmpuint (count_files (fixture), ==, 0);
}

static void *
cancel_soon (void *data)
{
  g_usleep (300 * 1000);
  g_cancellable_cancel (data);
  return NULL;
}

static void
test_waits_in_vain (CoreFixture *fixture, gconstpointer data)
{
  ObLock *held = acquire (fixture, FALSE, &quiet, -1);
  gint64 start = g_get_monotonic_time ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  pthread_t thread;

  g_assert_null (ob_lock_acquire_within (fixture->repository, TRUE, 2, NULL, NULL, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_LOCKED);
  g_assert_cmpint (g_get_monotonic_time () - start, >, 700 * 1000);
  g_clear_error (&error);

  g_assert_cmpint (pthread_create (&thread, NULL, cancel_soon, cancellable), ==, 0);
  g_assert_null (ob_lock_acquire_within (fixture->repository, TRUE, 600, NULL, NULL, cancellable,
                                         &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
  pthread_join (thread, NULL);
  ob_lock_release (held);
  g_assert_cmpuint (count_files (fixture), ==, 0);
}

/* A store that is out of reach keeps the file, but not us out once it is back. */
static void
test_left (CoreFixture *fixture, gconstpointer data)
{
  g_autofree char *locks = g_build_filename (fixture->path, "locks", NULL);
  g_autofree char *away = g_build_filename (fixture->path, "away", NULL);
  ObLock *lock = acquire (fixture, FALSE, &quiet, -1);

  g_assert_cmpint (rename (locks, away), ==, 0);
  g_assert_true (g_file_set_contents (locks, "no directory", -1, NULL));
  ob_lock_release (lock);
  g_assert_cmpint (unlink (locks), ==, 0);
  g_assert_cmpint (rename (away, locks), ==, 0);
  g_assert_cmpuint (count_files (fixture), ==, 1);
  lock = acquire (fixture, TRUE, &quiet, -1);
  g_assert_cmpuint (count_files (fixture), ==, 1);
  ob_lock_release (lock);
  g_assert_cmpuint (count_files (fixture), ==, 0);
}

static void
test_cancelled (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  g_assert_null (ob_lock_acquire (fixture->repository, FALSE, cancellable, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
  g_assert_cmpuint (count_files (fixture), ==, 0);
}

/* While this host stood still another one took the lock for stale: nothing here knows of it until
 * somebody looks. */
static void
test_confirm (CoreFixture *fixture, gconstpointer data)
{
  ObLock *lock = acquire (fixture, FALSE, &quiet, -1);
  g_autoptr (GError) error = NULL;

  g_assert_true (ob_lock_confirm (lock, NULL, &error));
  core_store_clear (fixture->store, "locks");
  g_assert_true (ob_lock_check (lock, &error));
  g_assert_no_error (error);
  g_assert_false (ob_lock_confirm (lock, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_LOCKED);
  g_assert_false (ob_lock_is_valid (lock));
  ob_lock_release (lock);
  g_assert_cmpuint (count_files (fixture), ==, 0);
}

static ObLock *
acquire_from (ObStore *store, const ObLockTimes *times)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository = ob_repository_open (store, CORE_PASSPHRASE, NULL, &error);
  ObLock *lock = NULL;

  g_assert_no_error (error);
  lock = ob_lock_acquire_with_times (repository, TRUE, times, NULL, &error);
  g_assert_no_error (error);
  return lock;
}

/* Before each of many removals: it costs no request as long as the file was seen lately, and sees
 * that the lock is lost when it was not. */
static void
test_confirm_again (CoreFixture *fixture, gconstpointer data)
{
  ObLockTimes times = quiet;
  g_autoptr (ObStore) store = fault_store_new (fixture->store);
  g_autoptr (GError) error = NULL;
  ObLock *lock;

  times.confirm_ms = 600000;
  lock = acquire_from (store, &times);
  fault_store_disarm (FAULT_STORE (store));
  for (guint i = 0; i < 100; i++)
    g_assert_true (ob_lock_confirm_again (lock, NULL, &error));
  g_assert_cmpuint (fault_store_get_n_calls (FAULT_STORE (store), FAULT_STAT), ==, 0);
  ob_lock_release (lock);

  times.confirm_ms = 1;
  lock = acquire_from (store, &times);
  fault_store_disarm (FAULT_STORE (store));
  g_usleep (2000);
  g_assert_true (ob_lock_confirm_again (lock, NULL, &error));
  g_assert_cmpuint (fault_store_get_n_calls (FAULT_STORE (store), FAULT_STAT), ==, 1);
  core_store_clear (fixture->store, "locks");
  g_usleep (2000);
  g_assert_false (ob_lock_confirm_again (lock, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_LOCKED);
  ob_lock_release (lock);
}

/* A machine that has just been started: whoever waits a minute or more also waits until what it
 * held before is left behind for sure, and no longer. Others get what they asked for. */
static void
test_patience_after_boot (void)
{
  static const gint64 uptimes[] = { 0, 1, 30, 299, 300, 359, 360, 361, 362, 3600, 1000000 };
  gint64 boot = ob_host_get_boot_time ();
  g_autoptr (ObLockFile) file = ob_lock_file_new (TRUE);

  set_string (&file->boot_id, "00000000-0000-0000-0000-000000000000");
  file->time.tv_sec = boot - 1;
  for (gsize i = 0; i < G_N_ELEMENTS (uptimes); i++)
    {
      gint64 patience = ob_lock_get_patience (OB_LOCK_PATIENT_SECONDS, uptimes[i] * 1000);
      struct timespec end = { .tv_sec = boot + uptimes[i] + patience / 1000 };

      g_assert_true (ob_lock_file_is_stale (file, &end));
      g_assert_cmpint (patience, >=, OB_LOCK_PATIENT_SECONDS * 1000);
      g_assert_cmpint (patience, <=,
                       MAX (OB_LOCK_PATIENT_SECONDS,
                            OB_LOCK_FILE_SETTLED_SECONDS + 1 - uptimes[i]) * 1000);
      g_assert_cmpint (ob_lock_get_patience (3600, uptimes[i] * 1000), ==, 3600 * 1000);
      g_assert_cmpint (ob_lock_get_patience (OB_LOCK_PATIENT_SECONDS - 1, uptimes[i] * 1000), ==,
                       (OB_LOCK_PATIENT_SECONDS - 1) * 1000);
    }
}

/* A file that a refresh has just replaced is none that was lost. */
static void
test_confirm_while_refreshed (CoreFixture *fixture, gconstpointer data)
{
  ObLock *lock = acquire (fixture, FALSE, &quick, -1);
  gint64 end = g_get_monotonic_time () + G_USEC_PER_SEC;
  g_autoptr (GError) error = NULL;

  while (g_get_monotonic_time () < end)
    {
      ob_lock_confirm (lock, NULL, &error);
      g_assert_no_error (error);
    }
  ob_lock_release (lock);
}

/* A file that could not be removed when the lock was not had after all keeps nobody out, once the
 * store answers again. */
static void
test_left_by_a_try (CoreFixture *fixture, gconstpointer data)
{
  static const ObLockTimes patient
    = { .settle_ms = 60000, .refresh_ms = 600000, .retry_ms = 600000, .valid_ms = 600000 };
  g_autoptr (ObStore) store = fault_store_new (fixture->store);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository = ob_repository_open (store, CORE_PASSPHRASE, NULL, &error);
  pthread_t thread;
  ObLock *lock;

  g_assert_no_error (error);
  fault_store_arm (FAULT_STORE (store), FAULT_REMOVE, 1, FAULT_EIO, FALSE);
  g_assert_cmpint (pthread_create (&thread, NULL, cancel_soon, cancellable), ==, 0);
  g_assert_null (ob_lock_acquire_with_times (repository, FALSE, &patient, cancellable, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
  g_clear_error (&error);
  pthread_join (thread, NULL);
  g_assert_cmpuint (count_files (fixture), ==, 1);
  lock = ob_lock_acquire_with_times (repository, TRUE, &quiet, NULL, &error);
  g_assert_no_error (error);
  ob_lock_release (lock);
  g_assert_cmpuint (count_files (fixture), ==, 0);
}

static void
add (const char *path, void (*test) (CoreFixture *, gconstpointer))
{
  g_test_add (path, CoreFixture, NULL, core_fixture_set_up, test, core_fixture_tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (drop_log, NULL, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK);
  g_test_add_func ("/lock/patience-after-boot", test_patience_after_boot);
  add ("/lock/exclusion", test_exclusion);
  add ("/lock/message", test_message);
  add ("/lock/removes-stale", test_removes_stale);
  add ("/lock/damaged", test_damaged);
  add ("/lock/refresh", test_refresh);
  add ("/lock/lost", test_lost);
  add ("/lock/late", test_late);
  add ("/lock/recovers", test_recovers);
  add ("/lock/race", test_race);
  add ("/lock/waits", test_waits);
  add ("/lock/waits-in-vain", test_waits_in_vain);
  add ("/lock/left", test_left);
  add ("/lock/cancelled", test_cancelled);
  add ("/lock/confirm", test_confirm);
  add ("/lock/confirm-again", test_confirm_again);
  add ("/lock/confirm-while-refreshed", test_confirm_while_refreshed);
  add ("/lock/left-by-a-try", test_left_by_a_try);
  return g_test_run ();
}
