/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"

void
fixture_set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->path = g_dir_make_tmp ("ob-test-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->fd = open (fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint (fixture->fd, >=, 0);
}

/* The latest first, as far as they are below us. */
static void
unmount_all (Fixture *fixture)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents ("/proc/self/mountinfo", &text, NULL, NULL))
    return;
  lines = g_strsplit (text, "\n", -1);
  for (guint i = g_strv_length (lines); i-- > 0;)
    {
      g_auto (GStrv) fields = g_strsplit (lines[i], " ", 6);

      if (g_strv_length (fields) == 6 && g_str_has_prefix (fields[4], fixture->path))
        g_assert_cmpint (umount2 (fields[4], MNT_DETACH), ==, 0);
    }
}

void
fixture_tear_down (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  unmount_all (fixture);
  ob_fd_clear (&fixture->fd);
  ob_remove_tree_at (AT_FDCWD, fixture->path, NULL, &error);
  g_assert_no_error (error);
  g_free (fixture->path);
}

char *
fixture_path (Fixture *fixture, const char *name)
{
  return g_build_filename (fixture->path, name, NULL);
}

void
fixture_write (Fixture *fixture, const char *name, const char *text)
{
  g_autofree char *path = fixture_path (fixture, name);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

guint
fixture_count_fds (void)
{
  g_autoptr (GDir) directory = g_dir_open ("/proc/self/fd", 0, NULL);
  guint count = 0;

  while (g_dir_read_name (directory) != NULL)
    count++;
  return count;
}

static gboolean
can_mount (void)
{
  int status;
  pid_t pid;

  if (geteuid () != 0)
    return FALSE;
  pid = fork ();
  if (pid == 0)
    _exit (unshare (CLONE_NEWNS) == 0 ? 0 : 1);
  return waitpid (pid, &status, 0) == pid && status == 0;
}

gboolean
fixture_begin_mounts (Fixture *fixture)
{
  if (g_test_subprocess ())
    {
      g_assert_cmpint (unshare (CLONE_NEWNS), ==, 0);
      g_assert_cmpint (mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
      /* The open directory belongs to the mounts that we have left. */
      ob_fd_clear (&fixture->fd);
      fixture->fd = open (fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      return TRUE;
    }
  if (!can_mount ())
    {
      g_test_skip ("only root can mount");
      return FALSE;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
  return FALSE;
}

void
fixture_mount_tmpfs (Fixture *fixture, const char *name, const char *options)
{
  g_autofree char *path = fixture_path (fixture, name);

  g_assert_cmpint (mkdir (path, 0755), ==, 0);
  g_assert_cmpint (mount ("tmpfs", path, "tmpfs", 0, options), ==, 0);
}

void
fixture_set_limit (int resource, gulong value)
{
  struct rlimit limit;

  g_assert_cmpint (getrlimit (resource, &limit), ==, 0);
  limit.rlim_cur = value;
  g_assert_cmpint (setrlimit (resource, &limit), ==, 0);
}
