/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broken-call.h"
#include "fixture.h"
#include "ob-error.h"
#include "ob-fd.h"

#define LARGE (1024 * 1024)

static void
test_fd (void)
{
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  int kept = fd;
  int given;

  g_assert_cmpint (fd, >=, 0);
  given = ob_fd_steal (&fd);
  g_assert_cmpint (given, ==, kept);
  g_assert_cmpint (fd, ==, -1);
  ob_fd_clear (&fd);

  errno = EXDEV;
  ob_fd_clear (&given);
  g_assert_cmpint (errno, ==, EXDEV);
  g_assert_cmpint (given, ==, -1);
  g_assert_cmpint (fcntl (kept, F_GETFD), ==, -1);
}

static void
test_set_error (void)
{
  static const struct
  {
    int errnum;
    ObError code;
  } cases[] = {
    { ENOSPC, OB_ERROR_NO_SPACE }, { EDQUOT, OB_ERROR_NO_SPACE }, { ENOENT, OB_ERROR_NOT_FOUND },
    { ENOTDIR, OB_ERROR_NOT_FOUND }, { EEXIST, OB_ERROR_EXISTS }, { EIO, OB_ERROR_FAILED },
    { EACCES, OB_ERROR_FAILED },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (ob_set_error_errno (&error, cases[i].errnum, "%s is odd", "/a"));
      g_assert_error (error, OB_ERROR, (int) cases[i].code);
      g_assert_true (g_str_has_prefix (error->message, "/a is odd: "));
      g_assert_message (error, g_strerror (cases[i].errnum));
    }
  g_assert_false (ob_set_error_errno (NULL, EIO, "nobody looks"));
}

static gpointer
write_in_pieces (gpointer data)
{
  ob_autofd int fd = GPOINTER_TO_INT (data);
  g_autofree char *piece = g_strnfill (LARGE / 16, 'x');

  for (guint i = 0; i < 16; i++)
    g_assert_true (ob_write_full (fd, piece, LARGE / 16));
  return NULL;
}

static void
test_read_write_full (void)
{
  g_autofree char *buffer = g_malloc (2 * LARGE);
  ob_autofd int in = -1;
  GThread *writer;
  int fds[2];

  g_assert_cmpint (pipe2 (fds, O_CLOEXEC), ==, 0);
  in = fds[0];
  writer = g_thread_new ("writer", write_in_pieces, GINT_TO_POINTER (fds[1]));
  /* A pipe gives 64 KiB at a time at most: one read(2) is not enough for either. */
  g_assert_cmpint (ob_read_full (in, buffer, LARGE - 1), ==, LARGE - 1);
  g_assert_cmpint (ob_read_full (in, buffer, 2 * LARGE), ==, 1);
  g_assert_cmpint (ob_read_full (in, buffer, 2 * LARGE), ==, 0);
  g_thread_join (writer);

  errno = 0;
  g_assert_cmpint (ob_read_full (-1, buffer, 1), ==, -1);
  g_assert_cmpint (errno, ==, EBADF);
  g_assert_false (ob_write_full (-1, buffer, 1));
  g_assert_true (ob_write_full (-1, buffer, 0));
}

static void
assert_content (Fixture *fixture, const char *name, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = ob_read_file_at (fixture->fd, name, LARGE, &error);
  gsize size;
  const char *data;

  g_assert_no_error (error);
  data = g_bytes_get_data (bytes, &size);
  g_assert_cmpuint (size, ==, strlen (text));
  g_assert_cmpstr (data, ==, text);
}

static void
assert_not_read (Fixture *fixture, const char *name, gsize max, ObError code)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (ob_read_file_at (fixture->fd, name, max, &error));
  g_assert_error (error, OB_ERROR, (int) code);
  g_assert_message (error, name);
}

static void
test_read_file (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) exact = NULL;
  g_autoptr (GBytes) of_proc = NULL;
  ob_autofd int proc = open ("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
  guint before = fixture_count_fds ();

  fixture_write (fixture, "file", "12345");
  fixture_write (fixture, "empty", "");
  g_assert_cmpint (symlinkat ("file", fixture->fd, "link"), ==, 0);
  g_assert_cmpint (mkfifoat (fixture->fd, "fifo", 0600), ==, 0);
  g_assert_cmpint (mkdirat (fixture->fd, "directory", 0700), ==, 0);

  assert_content (fixture, "file", "12345");
  assert_content (fixture, "empty", "");
  exact = ob_read_file_at (fixture->fd, "file", 5, &error);
  g_assert_no_error (error);
  /* The kernel says that files in /proc have size 0. */
  of_proc = ob_read_file_at (proc, "status", LARGE, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (of_proc), >, 0);

  assert_not_read (fixture, "file", 4, OB_ERROR_INVALID_ARGUMENT);
  assert_not_read (fixture, "file", 0, OB_ERROR_INVALID_ARGUMENT);
  assert_not_read (fixture, "none", 100, OB_ERROR_NOT_FOUND);
  assert_not_read (fixture, "link", 100, OB_ERROR_INVALID_ARGUMENT);
  assert_not_read (fixture, "fifo", 100, OB_ERROR_INVALID_ARGUMENT);
  assert_not_read (fixture, "directory", 100, OB_ERROR_INVALID_ARGUMENT);
  g_assert_null (ob_read_file_at (proc, "status", 10, &error));
  g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
  g_assert_cmpuint (fixture_count_fds (), ==, before);
}

static int
compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* That nothing but @names (separated by a blank, sorted) is in the directory @name. */
static void
assert_listing (Fixture *fixture, const char *name, const char *names)
{
  g_autofree char *path = fixture_path (fixture, name);
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *all = NULL;

  for (const char *entry; (entry = g_dir_read_name (directory)) != NULL;)
    g_ptr_array_add (found, g_strdup (entry));
  g_ptr_array_sort (found, compare);
  g_ptr_array_add (found, NULL);
  all = g_strjoinv (" ", (char **) found->pdata);
  g_assert_cmpstr (all, ==, names);
}

static void
test_replace_file (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) bad_name = NULL;
  g_autofree char *longest = g_strnfill (255, 'n');
  mode_t mask = umask (0777);
  struct stat info;

  g_assert_true (ob_replace_file_at (fixture->fd, "file", "old", 3, 0644, &error));
  umask (mask);
  g_assert_no_error (error);
  assert_content (fixture, "file", "old");
  g_assert_cmpint (fstatat (fixture->fd, "file", &info, 0), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0644);

  /* A link is replaced, not followed. */
  g_assert_cmpint (symlinkat ("file", fixture->fd, "link"), ==, 0);
  g_assert_true (ob_replace_file_at (fixture->fd, "link", "new", 3, 0600, &error));
  g_assert_no_error (error);
  assert_content (fixture, "file", "old");
  assert_content (fixture, "link", "new");

  g_assert_true (ob_replace_file_at (fixture->fd, "file", "", 0, 0600, &error));
  g_assert_no_error (error);
  assert_content (fixture, "file", "");
  assert_listing (fixture, ".", "file link");

  g_assert_true (ob_replace_file_at (fixture->fd, longest, "x", 1, 0600, &error));
  g_assert_no_error (error);
  g_assert_false (ob_replace_file_at (fixture->fd, "a/b", "x", 1, 0600, &bad_name));
  g_assert_ob_error (bad_name, OB_ERROR_INVALID_ARGUMENT);
}

static void
test_remove_file (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) not_a_file = NULL;

  fixture_write (fixture, "file", "x");
  fixture_write (fixture, "other", "x");
  for (guint i = 0; i < 2; i++)
    {
      g_assert_true (ob_remove_file_at (fixture->fd, "file", &error));
      g_assert_no_error (error);
      assert_listing (fixture, ".", "other");
    }
  g_assert_cmpint (mkdirat (fixture->fd, "directory", 0700), ==, 0);
  g_assert_false (ob_remove_file_at (fixture->fd, "directory", &not_a_file));
  g_assert_ob_error (not_a_file, OB_ERROR_FAILED);
  g_assert_message (not_a_file, "directory");
}

/* A removal that a power loss may undo is none, nor is it the second time. */
static void
test_remove_file_not_durable (Fixture *fixture, gconstpointer data)
{
  if (!broken_call_begin_process ())
    return;
  fixture_write (fixture, "file", "x");
  broken_call (SYS_fsync, EIO);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (ob_remove_file_at (fixture->fd, "file", &error));
      g_assert_ob_error (error, OB_ERROR_FAILED);
      g_assert_message (error, "durable");
    }
}

/* That a replacement with much data fails with @code and leaves "small/file" as it was. */
static void
assert_replace_fails (Fixture *fixture, ObError code)
{
  ob_autofd int fd = openat (fixture->fd, "small", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_autofree char *much = g_strnfill (LARGE, 'x');
  g_autoptr (GError) error = NULL;

  g_assert_false (ob_replace_file_at (fd, "file", much, LARGE, 0600, &error));
  g_assert_error (error, OB_ERROR, (int) code);
  g_assert_message (error, "file");
  assert_content (fixture, "small/file", "old");
  assert_listing (fixture, "small", "file");
}

/* Of a program that was killed while it replaced files; what is called otherwise is not its. */
static void
test_remove_temporaries (Fixture *fixture, gconstpointer data)
{
  static const char *const removed[] = { ".erp.conf.0123abcd", ".x.ffffffff" };
  static const char *const kept[]
    = { "erp.conf", ".hidden", ".x.0123abc", ".x.0123abcd9", ".x.0123ABCD", "x.0123abcd",
        ".0123abcd" };

  for (gsize i = 0; i < G_N_ELEMENTS (removed); i++)
    close (openat (fixture->fd, removed[i], O_WRONLY | O_CREAT | O_EXCL, 0600));
  for (gsize i = 0; i < G_N_ELEMENTS (kept); i++)
    close (openat (fixture->fd, kept[i], O_WRONLY | O_CREAT | O_EXCL, 0600));
  g_assert_cmpint (mkdirat (fixture->fd, ".d.0123abcd", 0700), ==, 0);

  g_assert_cmpuint (ob_remove_temporaries_at (fixture->fd), ==, G_N_ELEMENTS (removed));
  for (gsize i = 0; i < G_N_ELEMENTS (removed); i++)
    g_assert_cmpint (faccessat (fixture->fd, removed[i], F_OK, 0), !=, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (kept); i++)
    g_assert_cmpint (faccessat (fixture->fd, kept[i], F_OK, 0), ==, 0);
  g_assert_cmpuint (ob_remove_temporaries_at (-1), ==, 0);
}

static void
test_replace_file_without_space (Fixture *fixture, gconstpointer data)
{
  if (!fixture_begin_mounts (fixture))
    return;
  fixture_mount_tmpfs (fixture, "small", "size=256k");
  fixture_write (fixture, "small/file", "old");
  assert_replace_fails (fixture, OB_ERROR_NO_SPACE);
}

static void
test_replace_file_read_only (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = fixture_path (fixture, "small");

  if (!fixture_begin_mounts (fixture))
    return;
  fixture_mount_tmpfs (fixture, "small", NULL);
  fixture_write (fixture, "small/file", "old");
  g_assert_cmpint (mount (NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL), ==, 0);
  assert_replace_fails (fixture, OB_ERROR_FAILED);
}

static void
test_replace_file_beyond_limit (Fixture *fixture, gconstpointer data)
{
  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
      g_test_trap_assert_passed ();
      return;
    }
  g_assert_cmpint (mkdirat (fixture->fd, "small", 0700), ==, 0);
  fixture_write (fixture, "small/file", "old");
  signal (SIGXFSZ, SIG_IGN);
  /* Half of it is written, and then no more. */
  fixture_set_limit (RLIMIT_FSIZE, LARGE / 2);
  assert_replace_fails (fixture, OB_ERROR_FAILED);
}

static void
assert_mode (Fixture *fixture, const char *name, mode_t mode)
{
  struct stat info;

  g_assert_cmpint (fstatat (fixture->fd, name, &info, 0), ==, 0);
  g_assert_true (S_ISDIR (info.st_mode));
  g_assert_cmpuint (info.st_mode & 07777, ==, mode);
}

static void
test_make_directories (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = fixture_path (fixture, "a//b/c/");
  g_autofree char *in_way = fixture_path (fixture, "file/below");
  g_autofree char *through_link = fixture_path (fixture, "link/d");
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) way_error = NULL;
  mode_t mask = umask (0077);
  ob_autofd int fd = -1;
  ob_autofd int again = -1;
  ob_autofd int linked = -1;

  g_assert_cmpint (mkdirat (fixture->fd, "a", 0711), ==, 0);
  g_assert_cmpint (fchmodat (fixture->fd, "a", 0711, 0), ==, 0);
  fd = ob_make_directories (path, 0755, &error);
  umask (mask);
  g_assert_no_error (error);
  assert_mode (fixture, "a", 0711);
  assert_mode (fixture, "a/b", 0755);
  assert_mode (fixture, "a/b/c", 0755);
  g_assert_cmpint (fcntl (fd, F_GETFD), ==, FD_CLOEXEC);
  g_assert_cmpint (fsync (fd), ==, 0);

  again = ob_make_directories (path, 0700, &error);
  g_assert_no_error (error);
  assert_mode (fixture, "a/b/c", 0755);

  g_assert_cmpint (symlinkat ("a", fixture->fd, "link"), ==, 0);
  linked = ob_make_directories (through_link, 0700, &error);
  g_assert_no_error (error);
  assert_mode (fixture, "a/d", 0700);

  fixture_write (fixture, "file", "");
  g_assert_cmpint (ob_make_directories (in_way, 0700, &way_error), ==, -1);
  g_assert_ob_error (way_error, OB_ERROR_NOT_FOUND);
  g_assert_message (way_error, in_way);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/io/fd", test_fd);
  g_test_add_func ("/io/set-error", test_set_error);
  g_test_add_func ("/io/read-write-full", test_read_write_full);
  g_test_add ("/io/read-file", Fixture, NULL, fixture_set_up, test_read_file, fixture_tear_down);
  g_test_add ("/io/replace-file", Fixture, NULL, fixture_set_up, test_replace_file,
              fixture_tear_down);
  g_test_add ("/io/remove-file", Fixture, NULL, fixture_set_up, test_remove_file,
              fixture_tear_down);
  g_test_add ("/io/remove-file-not-durable", Fixture, NULL, fixture_set_up,
              test_remove_file_not_durable, fixture_tear_down);
  g_test_add ("/io/remove-temporaries", Fixture, NULL, fixture_set_up, test_remove_temporaries,
              fixture_tear_down);
  g_test_add ("/io/replace-file-without-space", Fixture, NULL, fixture_set_up,
              test_replace_file_without_space, fixture_tear_down);
  g_test_add ("/io/replace-file-read-only", Fixture, NULL, fixture_set_up,
              test_replace_file_read_only, fixture_tear_down);
  g_test_add ("/io/replace-file-beyond-limit", Fixture, NULL, fixture_set_up,
              test_replace_file_beyond_limit, fixture_tear_down);
  g_test_add ("/io/make-directories", Fixture, NULL, fixture_set_up, test_make_directories,
              fixture_tear_down);
  return g_test_run ();
}
