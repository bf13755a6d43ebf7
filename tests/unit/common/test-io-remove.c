/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"

#define DEPTH 10000
#define WIDTH 3000
#define ORDINARY_USER 65534

static gboolean
exists (Fixture *fixture, const char *name)
{
  return faccessat (fixture->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
assert_removed (Fixture *fixture, const char *name)
{
  g_autoptr (GError) error = NULL;
  guint before = fixture_count_fds ();

  g_assert_true (ob_remove_tree_at (fixture->fd, name, NULL, &error));
  g_assert_no_error (error);
  g_assert_false (exists (fixture, name));
  g_assert_cmpuint (fixture_count_fds (), ==, before);
}

static void
test_simple (Fixture *fixture, gconstpointer data)
{
  g_assert_cmpint (mkdirat (fixture->fd, "other", 0700), ==, 0);
  fixture_write (fixture, "other/file", "stays");
  fixture_write (fixture, "file", "");
  g_assert_cmpint (symlinkat ("other", fixture->fd, "link"), ==, 0);
  g_assert_cmpint (mkdirat (fixture->fd, "tree", 0700), ==, 0);
  g_assert_cmpint (mkdirat (fixture->fd, "tree/a", 0700), ==, 0);
  g_assert_cmpint (mkdirat (fixture->fd, "tree/a/b", 0700), ==, 0);
  fixture_write (fixture, "tree/a/b/\xff\n", "");
  g_assert_cmpint (symlinkat ("../../other", fixture->fd, "tree/a/link"), ==, 0);
  g_assert_cmpint (symlinkat ("nowhere", fixture->fd, "tree/a/dangling"), ==, 0);
  g_assert_cmpint (mkfifoat (fixture->fd, "tree/fifo", 0600), ==, 0);

  assert_removed (fixture, "none");
  assert_removed (fixture, "file");
  assert_removed (fixture, "link");
  assert_removed (fixture, "tree");
  g_assert_true (exists (fixture, "other/file"));
}

static void
test_deep (Fixture *fixture, gconstpointer data)
{
  ob_autofd int fd = -1;

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
      g_test_trap_assert_passed ();
      return;
    }

  g_assert_cmpint (mkdirat (fixture->fd, "deep", 0700), ==, 0);
  fd = openat (fixture->fd, "deep", O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (guint i = 0; i < DEPTH; i++)
    {
      int next;

      /* Beside each directory one that comes before it or after it. */
      g_assert_cmpint (mkdirat (fd, "d", 0700), ==, 0);
      g_assert_cmpint (mkdirat (fd, i % 2 == 0 ? "a" : "x", 0700), ==, 0);
      next = openat (fd, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
      ob_fd_clear (&fd);
      fd = next;
    }
  ob_fd_clear (&fd);

  /* Neither a descriptor nor a stack frame for each level. */
  fixture_set_limit (RLIMIT_NOFILE, 64);
  assert_removed (fixture, "deep");
}

static void
test_wide (Fixture *fixture, gconstpointer data)
{
  g_assert_cmpint (mkdirat (fixture->fd, "wide", 0700), ==, 0);
  for (guint i = 0; i < WIDTH; i++)
    {
      g_autofree char *directory = g_strdup_printf ("wide/directory-%u", i);
      g_autofree char *file = g_strdup_printf ("%s/file", directory);

      g_assert_cmpint (mkdirat (fixture->fd, directory, 0700), ==, 0);
      fixture_write (fixture, file, "");
    }
  assert_removed (fixture, "wide");
}

static void
assert_mount_stays (Fixture *fixture, const char *name, const char *mounted, const char *file)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (ob_remove_tree_at (fixture->fd, name, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_BUSY);
  g_assert_message (error, mounted);
  g_assert_true (exists (fixture, file));
}

static void
test_mounts (Fixture *fixture, gconstpointer data)
{
  g_autofree char *other = fixture_path (fixture, "other");
  g_autofree char *bound = fixture_path (fixture, "tree/bound");
  g_autofree char *file = fixture_path (fixture, "file-tree/file");

  if (!fixture_begin_mounts (fixture))
    return;

  /* another file system */
  g_assert_cmpint (mkdirat (fixture->fd, "top", 0700), ==, 0);
  fixture_mount_tmpfs (fixture, "top/mounted", NULL);
  fixture_write (fixture, "top/mounted/file", "stays");
  assert_mount_stays (fixture, "top", "top/mounted", "top/mounted/file");

  /* the mount point itself */
  fixture_mount_tmpfs (fixture, "point", NULL);
  fixture_write (fixture, "point/file", "stays");
  assert_mount_stays (fixture, "point", "point", "point/file");

  /* a bind mount of the same file system, where st_dev says nothing */
  g_assert_cmpint (mkdirat (fixture->fd, "other", 0700), ==, 0);
  fixture_write (fixture, "other/file", "stays");
  g_assert_cmpint (mkdirat (fixture->fd, "tree", 0700), ==, 0);
  g_assert_cmpint (mkdirat (fixture->fd, "tree/bound", 0700), ==, 0);
  g_assert_cmpint (mount (other, bound, NULL, MS_BIND, NULL), ==, 0);
  assert_mount_stays (fixture, "tree", "tree/bound", "other/file");

  /* a file bound over another */
  g_assert_cmpint (mkdirat (fixture->fd, "file-tree", 0700), ==, 0);
  fixture_write (fixture, "file-tree/file", "");
  g_assert_cmpint (mount ("/dev/null", file, NULL, MS_BIND, NULL), ==, 0);
  assert_mount_stays (fixture, "file-tree", "file-tree/file", "file-tree/file");
}

static void
test_cancel (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (mkdirat (fixture->fd, "tree", 0700), ==, 0);
  fixture_write (fixture, "tree/file", "");
  g_cancellable_cancel (cancellable);
  g_assert_false (ob_remove_tree_at (fixture->fd, "tree", cancellable, &error));
  g_assert_ob_error (error, OB_ERROR_CANCELLED);
  g_assert_true (exists (fixture, "tree/file"));
}

/* An ordinary user gets rid of directories of his own that he may not read or write. */
static void
test_ordinary_user (Fixture *fixture, gconstpointer data)
{
  static const char *const names[] = { "mine", "mine/closed", "mine/closed/file", "mine/readable" };
  g_autoptr (GError) error = NULL;

  if (!g_test_subprocess ())
    {
      if (geteuid () != 0)
        {
          g_test_skip ("only root can become another user");
          return;
        }
      g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
      g_test_trap_assert_passed ();
      return;
    }

  g_assert_cmpint (mkdirat (fixture->fd, "mine", 0755), ==, 0);
  g_assert_cmpint (mkdirat (fixture->fd, "mine/closed", 0700), ==, 0);
  g_assert_cmpint (mkdirat (fixture->fd, "mine/readable", 0500), ==, 0);
  fixture_write (fixture, "mine/closed/file", "");
  fixture_write (fixture, "foreign", "");
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpint (fchownat (fixture->fd, names[i], ORDINARY_USER, ORDINARY_USER, 0), ==, 0);
  g_assert_cmpint (fchmodat (fixture->fd, "mine/closed", 0, 0), ==, 0);

  g_assert_cmpint (setresgid (ORDINARY_USER, ORDINARY_USER, 0), ==, 0);
  g_assert_cmpint (setresuid (ORDINARY_USER, ORDINARY_USER, 0), ==, 0);
  /* As in a process that never was root; it takes root to be without /proc/self/fd. */
  g_assert_cmpint (prctl (PR_SET_DUMPABLE, 1), ==, 0);

  /* All below goes, and then the directory of somebody else is in the way. */
  g_assert_false (ob_remove_tree_at (fixture->fd, "mine", NULL, &error));
  g_assert_ob_error (error, OB_ERROR_FAILED);
  g_assert_message (error, "mine");
  g_assert_false (exists (fixture, "mine/closed"));
  g_assert_false (exists (fixture, "mine/readable"));
  g_assert_cmpint (setresuid (0, 0, 0), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/io-remove/simple", Fixture, NULL, fixture_set_up, test_simple, fixture_tear_down);
  g_test_add ("/io-remove/deep", Fixture, NULL, fixture_set_up, test_deep, fixture_tear_down);
  g_test_add ("/io-remove/wide", Fixture, NULL, fixture_set_up, test_wide, fixture_tear_down);
  g_test_add ("/io-remove/mounts", Fixture, NULL, fixture_set_up, test_mounts, fixture_tear_down);
  g_test_add ("/io-remove/cancel", Fixture, NULL, fixture_set_up, test_cancel, fixture_tear_down);
  g_test_add ("/io-remove/ordinary-user", Fixture, NULL, fixture_set_up, test_ordinary_user,
              fixture_tear_down);
  return g_test_run ();
}
