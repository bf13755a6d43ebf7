/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-path.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"

/* real/deep/file, link -> real, real/down -> deep, dangling -> nowhere */
static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture_set_up (fixture, data);
  g_assert_cmpint (mkdirat (fixture->fd, "real", 0755), ==, 0);
  g_assert_cmpint (mkdirat (fixture->fd, "real/deep", 0755), ==, 0);
  fixture_write (fixture, "real/deep/file", "content");
  g_assert_cmpint (symlinkat ("real", fixture->fd, "link"), ==, 0);
  g_assert_cmpint (symlinkat ("deep", fixture->fd, "real/down"), ==, 0);
  g_assert_cmpint (symlinkat ("nowhere", fixture->fd, "dangling"), ==, 0);
}

static void
assert_opens (Fixture *fixture, const char *name, int flags)
{
  g_autofree char *path = fixture_path (fixture, name);
  g_autoptr (GError) error = NULL;
  ob_autofd int absolute = ob_path_open (path, flags, &error);
  ob_autofd int relative = -1;
  struct stat info;
  struct stat same;

  g_assert_no_error (error);
  relative = ob_path_open_at (fixture->fd, name, flags, &error);
  g_assert_no_error (error);
  g_assert_cmpint (fstat (absolute, &info), ==, 0);
  g_assert_cmpint (fstat (relative, &same), ==, 0);
  g_assert_cmpuint (info.st_ino, ==, same.st_ino);
  g_assert_cmpint (fcntl (absolute, F_GETFD), ==, FD_CLOEXEC);
  g_assert_cmpint (fcntl (relative, F_GETFD), ==, FD_CLOEXEC);
}

/* @named: the path below the fixture that the message has to give. */
static void
assert_refused (Fixture *fixture, const char *name, int flags, ObError code, const char *named)
{
  g_autofree char *path = fixture_path (fixture, name);
  g_autofree char *named_path = fixture_path (fixture, named);
  g_autoptr (GError) absolute = NULL;
  g_autoptr (GError) relative = NULL;

  g_assert_cmpint (ob_path_open (path, flags, &absolute), ==, -1);
  g_assert_error (absolute, OB_ERROR, (int) code);
  g_assert_message (absolute, path);
  g_assert_message (absolute, named_path);
  g_assert_cmpint (ob_path_open_at (fixture->fd, name, flags, &relative), ==, -1);
  g_assert_error (relative, OB_ERROR, (int) code);
  g_assert_message (relative, named);
}

static void
try_everything (Fixture *fixture)
{
  guint before = fixture_count_fds ();

  assert_opens (fixture, "real", O_RDONLY | O_DIRECTORY);
  assert_opens (fixture, "real", O_PATH);
  assert_opens (fixture, "real//deep/./file", O_RDONLY);
  assert_opens (fixture, "real/deep/", O_PATH | O_DIRECTORY);
  assert_opens (fixture, ".", O_RDONLY | O_DIRECTORY);

  assert_refused (fixture, "link", O_RDONLY, OB_ERROR_INVALID_ARGUMENT, "link is a symbolic link");
  assert_refused (fixture, "link", O_RDONLY | O_DIRECTORY, OB_ERROR_INVALID_ARGUMENT,
                  "link is a symbolic link");
  assert_refused (fixture, "link", O_PATH, OB_ERROR_INVALID_ARGUMENT, "link is a symbolic link");
  assert_refused (fixture, "link/deep/file", O_RDONLY, OB_ERROR_INVALID_ARGUMENT,
                  "link is a symbolic link");
  assert_refused (fixture, "real/down/file", O_RDONLY, OB_ERROR_INVALID_ARGUMENT,
                  "real/down is a symbolic link");
  assert_refused (fixture, "dangling", O_RDONLY, OB_ERROR_INVALID_ARGUMENT,
                  "dangling is a symbolic link");
  assert_refused (fixture, "dangling", O_WRONLY | O_CREAT, OB_ERROR_INVALID_ARGUMENT,
                  "dangling is a symbolic link");
  assert_refused (fixture, "real/none/file", O_RDONLY, OB_ERROR_NOT_FOUND, "real/none");
  assert_refused (fixture, "real/deep/none", O_RDONLY, OB_ERROR_NOT_FOUND, "real/deep/none");
  assert_refused (fixture, "real/deep/file/x", O_RDONLY, OB_ERROR_NOT_FOUND, "real/deep/file");
  assert_refused (fixture, "real/deep/file", O_RDONLY | O_DIRECTORY, OB_ERROR_NOT_FOUND,
                  "real/deep/file");
  g_assert_cmpint (faccessat (fixture->fd, "nowhere", F_OK, 0), ==, -1);
  g_assert_cmpuint (fixture_count_fds (), ==, before);
}

static void
test_open (Fixture *fixture, gconstpointer data)
{
  try_everything (fixture);
}

/* The kernel from now on says that it knows no openat2. */
static void
forbid_openat2 (void)
{
  struct sock_filter rules[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { G_N_ELEMENTS (rules), rules };

  g_assert_cmpint (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
  g_assert_cmpint (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), ==, 0);
}

static void
test_open_on_old_kernel (Fixture *fixture, gconstpointer data)
{
  if (g_test_subprocess ())
    {
      forbid_openat2 ();
      errno = 0;
      g_assert_cmpint (syscall (SYS_openat2, AT_FDCWD, "/", NULL, 0), ==, -1);
      g_assert_cmpint (errno, ==, ENOSYS);
      try_everything (fixture);
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

static void
test_open_bad_paths (Fixture *fixture, gconstpointer data)
{
  static const char *const not_absolute[] = { "", "real", "./real", "/real/../etc", "/..", "../x" };
  static const char *const not_relative[] = { "", "/etc", "..", "real/../..", "a/.." };

  for (gsize i = 0; i < G_N_ELEMENTS (not_absolute); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_cmpint (ob_path_open (not_absolute[i], O_RDONLY, &error), ==, -1);
      g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (not_relative); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_cmpint (ob_path_open_at (fixture->fd, not_relative[i], O_RDONLY, &error), ==, -1);
      g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
    }
}

static void
test_create (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = fixture_path (fixture, "real/made");
  ob_autofd int fd = ob_path_open (path, O_WRONLY | O_CREAT | O_EXCL, &error);
  struct stat info;

  g_assert_no_error (error);
  g_assert_cmpint (fstat (fd, &info), ==, 0);
  g_assert_cmpuint (info.st_mode, ==, S_IFREG | 0600);
}

static void
test_root (void)
{
  g_autoptr (GError) error = NULL;
  ob_autofd int fd = ob_path_open ("//", O_RDONLY | O_DIRECTORY, &error);

  g_assert_no_error (error);
  g_assert_cmpint (fd, >=, 0);
}

static void
test_open_parent (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = fixture_path (fixture, "real/deep/./not-yet/");
  g_autofree char *through_link = fixture_path (fixture, "link/not-yet");
  g_autofree char *name = NULL;
  g_autofree char *unset = NULL;
  g_autofree char *top = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) link_error = NULL;
  g_autoptr (GError) root_error = NULL;
  ob_autofd int fd = ob_path_open_parent (path, &name, &error);
  ob_autofd int root = -1;

  g_assert_no_error (error);
  g_assert_cmpstr (name, ==, "not-yet");
  g_assert_cmpint (faccessat (fd, "file", F_OK, 0), ==, 0);
  /* Good for what it is for. */
  g_assert_cmpint (fsync (fd), ==, 0);

  g_assert_cmpint (ob_path_open_parent (through_link, &unset, &link_error), ==, -1);
  g_assert_ob_error (link_error, OB_ERROR_INVALID_ARGUMENT);
  g_assert_null (unset);
  g_assert_cmpint (ob_path_open_parent ("/", &unset, &root_error), ==, -1);
  g_assert_ob_error (root_error, OB_ERROR_INVALID_ARGUMENT);
  root = ob_path_open_parent ("/usr", &top, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (top, ==, "usr");
}

static void
test_normalize (void)
{
  static const char *const paths[][2] = {
    { "/", "/" },           { "//", "/" },          { "/a", "/a" },
    { "/a/", "/a" },        { "/a//b/./c/.", "/a/b/c" }, { "/.", "/" },
    { "/...", "/..." },     { "/..a/b..", "/..a/b.." },  { "a", NULL },
    { "", NULL },           { "/..", NULL },        { "/a/../b", NULL },
    { "/a/..", NULL },      { "./a", NULL },        { "/\xff/ \n", "/\xff/ \n" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autofree char *normal = ob_path_normalize (paths[i][0]);

      g_assert_cmpstr (normal, ==, paths[i][1]);
    }
}

static void
test_is_below (void)
{
  static const struct
  {
    const char *path;
    const char *ancestor;
    const char *relative;
  } cases[] = {
    { "/a/b", "/a", "b" }, { "/a", "/a", "" },    { "/a/b/c", "/a", "b/c" },
    { "/ab", "/a", NULL }, { "/a", "/a/b", NULL }, { "/b", "/a", NULL },
    { "/a", "/", "a" },    { "/", "/", "" },      { "/", "/a", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *relative = NULL;
      gboolean below = ob_path_is_below (cases[i].path, cases[i].ancestor, &relative);

      g_assert_cmpint (below, ==, cases[i].relative != NULL);
      g_assert_cmpstr (relative, ==, cases[i].relative);
      g_assert_cmpint (ob_path_is_below (cases[i].path, cases[i].ancestor, NULL), ==, below);
    }
}

static void
test_names (void)
{
  static const char *const good[] = { "a", "0", "Main-2_x", "a--b" };
  static const char *const bad[] = { "", "-a", "_a", ".", "..", "a.b", "a/b", "a b", "á", "a\n" };
  g_autofree char *longest = g_strnfill (63, 'a');
  g_autofree char *too_long = g_strnfill (64, 'a');

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (ob_name_is_valid (good[i]));
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (ob_name_is_valid (bad[i]));
  g_assert_true (ob_name_is_valid (longest));
  g_assert_false (ob_name_is_valid (too_long));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/path/open", Fixture, NULL, set_up, test_open, fixture_tear_down);
  g_test_add ("/path/open-on-old-kernel", Fixture, NULL, set_up, test_open_on_old_kernel,
              fixture_tear_down);
  g_test_add ("/path/open-bad-paths", Fixture, NULL, set_up, test_open_bad_paths,
              fixture_tear_down);
  g_test_add ("/path/create", Fixture, NULL, set_up, test_create, fixture_tear_down);
  g_test_add ("/path/open-parent", Fixture, NULL, set_up, test_open_parent, fixture_tear_down);
  g_test_add_func ("/path/root", test_root);
  g_test_add_func ("/path/normalize", test_normalize);
  g_test_add_func ("/path/is-below", test_is_below);
  g_test_add_func ("/path/names", test_names);
  return g_test_run ();
}
