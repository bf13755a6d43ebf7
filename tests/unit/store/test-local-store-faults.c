/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the store says and leaves behind where the disk is full, read-only, broken or gone. */
#include "ob-local-store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broken-call.h"
#include "store-fixture.h"

#define LARGE (1024 * 1024)

/* That storing @size bytes, now or with others, fails with @code and leaves nothing but the object
 * that was there. */
static void
assert_put_fails (Fixture *fixture, const char *directory, ObStore *store, gsize size, ObError code)
{
  g_autofree char *path = fixture_path (fixture, directory);

  for (guint i = 0; i < 2; i++)
    {
      ObStorePutFlags flags = i == 0 ? OB_STORE_PUT_NONE : OB_STORE_PUT_DEFERRED;
      g_autoptr (GError) error = NULL;

      if (put_much (store, "data/ab/new", size, flags, &error))
        g_assert_false (ob_store_flush (store, NULL, &error));
      g_assert_error (error, OB_ERROR, (int) code);
      g_assert_message (error, path);
      assert_list (store, "data", "data/ab/old");
      assert_object (store, "data/ab/old", "content");
      g_assert_cmpuint (count_files (fixture, directory), ==, 1);
    }
}

static void
test_full (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = NULL;
  g_autoptr (GError) error = NULL;

  if (!fixture_begin_mounts (fixture))
    return;
  fixture_mount_tmpfs (fixture, "disk", "size=1m");
  store = open_store (fixture, "disk");
  put_text (store, "data/ab/old", "content", OB_STORE_PUT_NONE);
  assert_put_fails (fixture, "disk", store, 2 * LARGE, OB_ERROR_NO_SPACE);

  /* What fits still can be stored: a full disk is not the end of the store. */
  g_assert_true (put_much (store, "data/ab/fits", LARGE / 4, OB_STORE_PUT_DEFERRED, &error));
  flush (store);
  g_assert_true (ob_store_stat (store, "data/ab/fits", NULL, NULL, &error));
  g_assert_false (ob_store_has_failed (store));
}

static void
test_no_inodes (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = NULL;

  if (!fixture_begin_mounts (fixture))
    return;
  /* The top, data, data/ab, and one object. */
  fixture_mount_tmpfs (fixture, "disk", "nr_inodes=4");
  store = open_store (fixture, "disk");
  put_text (store, "data/ab/old", "content", OB_STORE_PUT_NONE);
  assert_put_fails (fixture, "disk", store, 1, OB_ERROR_NO_SPACE);
}

static void
test_read_only (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = fixture_path (fixture, "disk");
  g_autoptr (ObStore) store = NULL;
  g_autoptr (ObStore) again = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) remove_error = NULL;

  if (!fixture_begin_mounts (fixture))
    return;
  fixture_mount_tmpfs (fixture, "disk", NULL);
  store = open_store (fixture, "disk");
  put_text (store, "data/ab/old", "content", OB_STORE_PUT_NONE);
  g_assert_cmpint (mount (NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL), ==, 0);
  assert_put_fails (fixture, "disk", store, 1, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_false (ob_store_remove (store, "data/ab/old", NULL, &remove_error));
  g_assert_ob_error (remove_error, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_message (remove_error, "read-only");

  /* What is there can still be read by who opens it now. */
  again = ob_local_store_new (path, FALSE, &error);
  g_assert_no_error (error);
  g_assert_true (ob_store_stat (again, "data/ab/old", NULL, NULL, &error));
  assert_put_fails (fixture, "disk", again, 1, OB_ERROR_DESTINATION_UNAVAILABLE);
}

static void
test_beyond_limit (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = NULL;

  if (!broken_call_begin_process ())
    return;
  g_assert_cmpint (mkdirat (fixture->fd, "disk", 0700), ==, 0);
  store = open_store (fixture, "disk");
  put_text (store, "data/ab/old", "content", OB_STORE_PUT_NONE);
  signal (SIGXFSZ, SIG_IGN);
  /* The kernel writes as much as it may, and says so: what is half written must not count. */
  fixture_set_limit (RLIMIT_FSIZE, LARGE / 2);
  assert_put_fails (fixture, "disk", store, LARGE, OB_ERROR_FAILED);
}

/* A disk that breaks shows it when data is written out. */
static void
test_broken (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = NULL;
  g_autoptr (GError) error = NULL;

  if (!broken_call_begin_process ())
    return;
  g_assert_cmpint (mkdirat (fixture->fd, "disk", 0700), ==, 0);
  store = open_store (fixture, "disk");
  put_text (store, "data/ab/old", "content", OB_STORE_PUT_NONE);
  g_assert_false (ob_store_has_failed (store));
  broken_call (SYS_fsync, EIO);
  assert_put_fails (fixture, "disk", store, 1, OB_ERROR_DESTINATION_UNAVAILABLE);

  /* Another thread's data may have been among what was lost: nobody is told that all is well. */
  g_assert_false (ob_store_flush (store, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_message (error, "data/ab/new");
  g_assert_true (ob_store_has_failed (store));
}

/* A cancel ends what it can, and takes nothing of what was put. */
static void
test_cancelled (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = open_store (fixture, ".");
  g_autoptr (GCancellable) cancelled = g_cancellable_new ();
  g_autoptr (GError) flushed = NULL;
  g_autoptr (GError) list = NULL;
  g_autoptr (GError) prepare = NULL;

  put_text (store, "data/ab/one", "1", OB_STORE_PUT_DEFERRED);
  put_text (store, "data/ab/old", "0", OB_STORE_PUT_NONE);
  g_cancellable_cancel (cancelled);
  g_assert_false (ob_store_flush (store, cancelled, &flushed));
  g_assert_ob_error (flushed, OB_ERROR_CANCELLED);
  g_assert_false (ob_store_list (store, "data", NULL, NULL, cancelled, &list));
  g_assert_ob_error (list, OB_ERROR_CANCELLED);
  g_assert_false (ob_store_prepare (store, cancelled, &prepare));
  g_assert_ob_error (prepare, OB_ERROR_CANCELLED);
  g_assert_false (ob_store_has_failed (store));
  flush (store);
  assert_list (store, "data", "data/ab/old data/ab/one");
}

/* Each of these calls fails for good: what cannot be done is told, and nothing else. */
static void
test_calls (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = NULL;
  g_autoptr (GError) read = NULL;
  g_autoptr (GError) space = NULL;
  g_autoptr (GError) prepare = NULL;
  guint64 free_bytes, total_bytes;
  char byte;

  if (!broken_call_begin_process ())
    return;
  store = open_store (fixture, ".");
  put_text (store, "data/ab/old", "content", OB_STORE_PUT_NONE);
  broken_call (SYS_pread64, EIO);
  broken_call (SYS_fstatfs, EIO);
  broken_call (SYS_mkdirat, EIO);
  g_assert_cmpint (ob_store_read (store, "data/ab/old", 0, &byte, 1, NULL, &read), ==, -1);
  g_assert_ob_error (read, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_message (read, "data/ab/old");
  g_assert_false (ob_store_space (store, &free_bytes, &total_bytes, NULL, &space));
  g_assert_ob_error (space, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_false (ob_store_prepare (store, NULL, &prepare));
  g_assert_ob_error (prepare, OB_ERROR_DESTINATION_UNAVAILABLE);
}

/* Large enough, and aligned, to be written past the page cache. */
static void
assert_large (ObStore *store)
{
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *room = g_malloc (3 * LARGE);
  char *aligned = room + (LARGE - (guintptr) room % LARGE);
  struct iovec part = { .iov_base = aligned, .iov_len = LARGE + 5 };

  memset (aligned, 'x', LARGE + 5);
  g_assert_true (ob_store_put (store, "data/ab/large", &part, 1, OB_STORE_PUT_NONE, NULL, &error));
  bytes = ob_store_get (store, "data/ab/large", 2 * LARGE, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), aligned, LARGE + 5);
}

/* Where that fails it is written in the usual way. */
static void
test_not_direct (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = NULL;

  if (!broken_call_begin_process ())
    return;
  store = open_store (fixture, ".");
  broken_call (SYS_pwrite64, EINVAL);
  assert_large (store);
}

/* A file system that may know of no such thing. */
static void
test_not_direct_on_tmpfs (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = NULL;

  if (!fixture_begin_mounts (fixture))
    return;
  fixture_mount_tmpfs (fixture, "disk", NULL);
  store = open_store (fixture, "disk");
  assert_large (store);
}

/* Where a file system has no such thing as fsync, storing works. */
static void
test_no_sync (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = NULL;

  if (!broken_call_begin_process ())
    return;
  store = open_store (fixture, ".");
  broken_call (SYS_fsync, EINVAL);
  put_text (store, "data/ab/one", "1", OB_STORE_PUT_NONE);
  put_text (store, "data/ab/two", "2", OB_STORE_PUT_DEFERRED);
  flush (store);
  assert_list (store, "data", "data/ab/one data/ab/two");
}

static void
test_cannot_publish (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = NULL;

  if (!broken_call_begin_process ())
    return;
  g_assert_cmpint (mkdirat (fixture->fd, "disk", 0700), ==, 0);
  store = open_store (fixture, "disk");
  put_text (store, "data/ab/old", "content", OB_STORE_PUT_NONE);
#ifdef SYS_renameat
  broken_call (SYS_renameat, EACCES);
#endif
  broken_call (SYS_renameat2, EACCES);
  assert_put_fails (fixture, "disk", store, 1, OB_ERROR_DESTINATION_UNAVAILABLE);
}

/* A directory that is no longer there is not an empty one. */
static void
test_gone (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = NULL;
  g_autoptr (GError) put = NULL;
  g_autoptr (GError) read = NULL;
  g_autoptr (GError) stat_error = NULL;
  g_autoptr (GError) list = NULL;
  g_autoptr (GError) remove = NULL;
  char byte;

  g_assert_cmpint (mkdirat (fixture->fd, "disk", 0700), ==, 0);
  store = open_store (fixture, "disk");
  g_assert_cmpint (unlinkat (fixture->fd, "disk", AT_REMOVEDIR), ==, 0);

  g_assert_false (put_much (store, "data/ab/new", 1, 0, &put));
  g_assert_ob_error (put, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_message (put, "mount");
  g_assert_cmpint (ob_store_read (store, "config", 0, &byte, 1, NULL, &read), ==, -1);
  g_assert_ob_error (read, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_false (ob_store_stat (store, "config", NULL, NULL, &stat_error));
  g_assert_ob_error (stat_error, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_false (ob_store_list (store, "data", NULL, NULL, NULL, &list));
  g_assert_ob_error (list, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_false (ob_store_remove (store, "data/ab/new", NULL, &remove));
  g_assert_ob_error (remove, OB_ERROR_DESTINATION_UNAVAILABLE);
}

#define ADD(name, function)                                                                        \
  g_test_add ("/local-store-faults/" name, Fixture, NULL, fixture_set_up, function,                \
              fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("full", test_full);
  ADD ("no-inodes", test_no_inodes);
  ADD ("read-only", test_read_only);
  ADD ("beyond-limit", test_beyond_limit);
  ADD ("broken", test_broken);
  ADD ("cancelled", test_cancelled);
  ADD ("calls", test_calls);
  ADD ("not-direct", test_not_direct);
  ADD ("not-direct-tmpfs", test_not_direct_on_tmpfs);
  ADD ("no-sync", test_no_sync);
  ADD ("cannot-publish", test_cannot_publish);
  ADD ("gone", test_gone);
  return g_test_run ();
}
