/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-fd-open.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "ob-error.h"
#include "ob-fd.h"

static void
assert_refused (Fixture *fixture, const char *name, ObError code)
{
  g_autofree char *path = fixture_path (fixture, name);
  guint before = fixture_count_fds ();
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (ob_open_target_directory (path, &error), ==, -1);
  g_assert_error (error, OB_ERROR, (int) code);
  g_assert_message (error, path);
  g_assert_cmpuint (fixture_count_fds (), ==, before);
}

static void
test_target (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = fixture_path (fixture, "new");
  g_autoptr (GError) error = NULL;
  guint before = fixture_count_fds ();
  mode_t mask = umask (0);
  ob_autofd int made = ob_open_target_directory (path, &error);
  ob_autofd int again = -1;
  struct stat info;

  umask (mask);
  g_assert_no_error (error);
  /* What is restored there is nobody else's business. */
  g_assert_cmpint (fstat (made, &info), ==, 0);
  g_assert_true (S_ISDIR (info.st_mode));
  g_assert_cmpuint (info.st_mode & 07777, ==, 0700);
  g_assert_cmpint (fcntl (made, F_GETFL) & (O_ACCMODE | O_PATH), ==, O_RDONLY);
  g_assert_cmpint (fcntl (made, F_GETFD) & FD_CLOEXEC, !=, 0);
  again = ob_open_target_directory (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (fixture_count_fds (), ==, before + 2);

  /* Whatever is in it. */
  fixture_write (fixture, "new/.hidden", "");
  assert_refused (fixture, "new", OB_ERROR_EXISTS);
  fixture_write (fixture, "file", "");
  assert_refused (fixture, "file", OB_ERROR_FAILED);
  assert_refused (fixture, "missing/new", OB_ERROR_FAILED);
  g_assert_cmpint (faccessat (fixture->fd, "missing", F_OK, 0), !=, 0);
}

static void
test_passphrase (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = fixture_path (fixture, "secret");
  g_autofree char *missing = fixture_path (fixture, "missing");
  g_autoptr (GError) error = NULL;
  ob_autofd int fd = -1;
  ob_autofd int input = -1;
  char text[16] = "";

  fixture_write (fixture, "secret", "x\n");
  fd = ob_open_passphrase_file (path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (read (fd, text, sizeof text), ==, 2);
  g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, !=, 0);

  /* A copy, so that closing it closes nothing of ours. */
  input = ob_open_passphrase_file ("-", &error);
  g_assert_no_error (error);
  g_assert_cmpint (input, >=, 3);

  g_assert_cmpint (ob_open_passphrase_file (missing, &error), ==, -1);
  g_assert_ob_error (error, OB_ERROR_NOT_FOUND);
  g_assert_message (error, missing);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/fd-open/target", test_target);
  ADD ("/fd-open/passphrase", test_passphrase);
  return g_test_run ();
}
