/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the store says and leaves behind where the disk is full, read-only, broken or gone. */
#include "ob-local-store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "store-fixture.h"

#define LARGE (1024 * 1024)

/* Runs the rest of a test in a process of its own, which it then is (TRUE). */
static gboolean
begin_process (void)
{
  if (g_test_subprocess ())
    return TRUE;
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
  return FALSE;
}

/* The system call @number fails with @errnum from now on. */
static void
break_call (guint number, guint errnum)
{
  struct sock_filter rules[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | errnum),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { G_N_ELEMENTS (rules), rules };

  g_assert_cmpint (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
  g_assert_cmpint (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), ==, 0);
}

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

  if (!begin_process ())
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

  if (!begin_process ())
    return;
  g_assert_cmpint (mkdirat (fixture->fd, "disk", 0700), ==, 0);
  store = open_store (fixture, "disk");
  put_text (store, "data/ab/old", "content", OB_STORE_PUT_NONE);
  g_assert_false (ob_store_has_failed (store));
  break_call (SYS_fsync, EIO);
  assert_put_fails (fixture, "disk", store, 1, OB_ERROR_DESTINATION_UNAVAILABLE);

  /* Another thread's data may have been among what was lost: nobody is told that all is well. */
  g_assert_false (ob_store_flush (store, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_message (error, "data/ab/new");
  g_assert_true (ob_store_has_failed (store));
}

/* Where a file system has no such thing as fsync, storing works. */
static void
test_no_sync (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = NULL;

  if (!begin_process ())
    return;
  store = open_store (fixture, ".");
  break_call (SYS_fsync, EINVAL);
  put_text (store, "data/ab/one", "1", OB_STORE_PUT_NONE);
  put_text (store, "data/ab/two", "2", OB_STORE_PUT_DEFERRED);
  flush (store);
  assert_list (store, "data", "data/ab/one data/ab/two");
}

static void
test_cannot_publish (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = NULL;

  if (!begin_process ())
    return;
  g_assert_cmpint (mkdirat (fixture->fd, "disk", 0700), ==, 0);
  store = open_store (fixture, "disk");
  put_text (store, "data/ab/old", "content", OB_STORE_PUT_NONE);
#ifdef SYS_renameat
  break_call (SYS_renameat, EACCES);
#endif
  break_call (SYS_renameat2, EACCES);
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
  ADD ("no-sync", test_no_sync);
  ADD ("cannot-publish", test_cannot_publish);
  ADD ("gone", test_gone);
  return g_test_run ();
}
