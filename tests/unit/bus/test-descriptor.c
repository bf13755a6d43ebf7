/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-secret.h"

#define LIMIT 30 /* seconds */

typedef gboolean (*Check) (int fd, const char *name, GError **error);

static void
assert_checked (Check check, int fd, gboolean expected)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (check (fd, "out", &error) == expected);
  if (expected)
    g_assert_no_error (error);
  else
    {
      g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
      g_assert_message (error, "\"out\"");
    }
}

static int
open_file (Fixture *fixture, const char *name, int flags)
{
  int fd = openat (fixture->fd, name, flags | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  return fd;
}

/* Which kinds of descriptors can be read, and which written. */
static void
test_kinds (Fixture *fixture, gconstpointer data)
{
  int pipe_fds[2], sockets[2];
  int terminal = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);

  fixture_write (fixture, "file", "");
  g_assert_cmpint (pipe2 (pipe_fds, O_CLOEXEC), ==, 0);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), ==, 0);
  {
    ob_autofd int reading = open_file (fixture, "file", O_RDONLY);
    ob_autofd int writing = open_file (fixture, "file", O_WRONLY);
    ob_autofd int both = open_file (fixture, "file", O_RDWR);
    ob_autofd int path = open_file (fixture, "file", O_PATH);
    ob_autofd int directory = open_file (fixture, ".", O_RDONLY | O_DIRECTORY);
    ob_autofd int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
    ob_autofd int zero = open ("/dev/zero", O_RDONLY | O_CLOEXEC);
    const struct
    {
      int fd;
      gboolean source, sink;
    } cases[] = {
      { reading, TRUE, FALSE },     { writing, FALSE, TRUE },    { both, TRUE, TRUE },
      { path, FALSE, FALSE },       { directory, FALSE, FALSE }, { null, FALSE, FALSE },
      { zero, FALSE, FALSE },       { pipe_fds[0], TRUE, FALSE }, { pipe_fds[1], FALSE, TRUE },
      { sockets[0], FALSE, TRUE },  { -1, FALSE, FALSE },        { 1000000, FALSE, FALSE },
      { terminal, FALSE, terminal >= 0 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
      {
        g_test_message ("case %" G_GSIZE_FORMAT, i);
        assert_checked (ob_descriptor_check_source, cases[i].fd, cases[i].source);
        assert_checked (ob_descriptor_check_sink, cases[i].fd, cases[i].sink);
      }
  }
  close (pipe_fds[0]);
  close (pipe_fds[1]);
  close (sockets[0]);
  close (sockets[1]);
  ob_fd_clear (&terminal);
}

static void
assert_directory (int fd, uid_t uid, const char *words)
{
  g_autoptr (GError) error = NULL;
  gboolean good = ob_descriptor_check_directory (fd, uid, "directory", &error);

  g_assert_true (good == (words == NULL));
  if (words == NULL)
    g_assert_no_error (error);
  else
    {
      g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
      g_assert_message (error, words);
      g_assert_message (error, "\"directory\"");
    }
}

static void
test_directory (Fixture *fixture, gconstpointer data)
{
  uid_t me = geteuid ();
  g_autofree char *empty = fixture_path (fixture, "empty");

  fixture_write (fixture, "file", "");
  g_assert_cmpint (mkdir (empty, 0700), ==, 0);
  {
    ob_autofd int good = open_file (fixture, "empty", O_RDONLY | O_DIRECTORY);
    ob_autofd int full = open_file (fixture, ".", O_RDONLY | O_DIRECTORY);
    ob_autofd int path = open_file (fixture, "empty", O_PATH | O_DIRECTORY);
    ob_autofd int file = open_file (fixture, "file", O_RDWR);

    assert_directory (good, me, NULL);
    assert_directory (good, 0, NULL);
    assert_directory (full, 0, "not empty");
    assert_directory (full, me, "not empty");
    /* Who can open it does not own it. */
    assert_directory (good, me + 1, "not yours");
    assert_directory (path, me, "without O_PATH");
    assert_directory (path, 0, "without O_PATH");
    assert_directory (file, me, "has to be a directory");
    assert_directory (-1, 0, "has to be a directory");
  }
}

static void
test_read_only_directory (Fixture *fixture, gconstpointer data)
{
  ob_autofd int fd = -1;

  if (!fixture_begin_mounts (fixture))
    return;
  fixture_mount_tmpfs (fixture, "read-only", "ro");
  fd = open_file (fixture, "read-only", O_RDONLY | O_DIRECTORY);
  assert_directory (fd, 0, "cannot be written");
}

static void
test_write (void)
{
  int fds[2];
  char text[16] = "";
  g_autofree char *much = g_strnfill (4096, 'x');
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) late = NULL;
  g_autoptr (GError) broken = NULL;

  g_assert_cmpint (pipe2 (fds, O_CLOEXEC), ==, 0);
  ob_descriptor_write (fds[1], "secret\n", 7, LIMIT, &error);
  g_assert_no_error (error);
  g_assert_cmpint (read (fds[0], text, sizeof text), ==, 7);
  g_assert_cmpstr (text, ==, "secret\n");

  /* Nobody reads: it does not wait for ever. */
  while (ob_descriptor_write (fds[1], much, 4096, 1, &late))
    ;
  g_assert_ob_error (late, OB_ERROR_FAILED);
  g_assert_message (late, "Nobody reads");
  /* Nobody can. */
  g_assert_cmpint (close (fds[0]), ==, 0);
  g_assert_false (ob_descriptor_write (fds[1], "x", 1, LIMIT, &broken));
  g_assert_ob_error (broken, OB_ERROR_FAILED);
  g_assert_cmpint (close (fds[1]), ==, 0);
}

static void
test_write_socket (void)
{
  int fds[2];
  char text[16] = "";
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) broken = NULL;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  ob_descriptor_write (fds[1], "secret", 6, LIMIT, &error);
  g_assert_no_error (error);
  g_assert_cmpint (read (fds[0], text, sizeof text), ==, 6);
  g_assert_cmpint (close (fds[0]), ==, 0);
  /* Without a signal, whatever its disposition. */
  g_assert_false (ob_descriptor_write (fds[1], "x", 1, LIMIT, &broken));
  g_assert_cmpint (close (fds[1]), ==, 0);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

/* No thread waits at the other end of the pipe any more, in a moment; what is written is not enough
 * to end one. */
static void
assert_unread (int fd)
{
  for (int i = 0; i < 500 && write (fd, "x", 1) == 1; i++)
    g_usleep (20000);
  g_assert_cmpint (write (fd, "x", 1), ==, -1);
  g_assert_cmpint (errno, ==, EPIPE);
}

/* What comes of reading a secret from a pipe that holds @size bytes of @text. */
static char *
read_secret (const char *text, gsize size, gboolean close_it, guint seconds, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;
  int fds[2];
  char *secret = NULL;

  g_assert_cmpint (pipe2 (fds, O_CLOEXEC), ==, 0);
  g_assert_cmpint (write (fds[1], text, size), ==, (gssize) size);
  if (close_it)
    g_assert_cmpint (close (fds[1]), ==, 0);
  ob_descriptor_read_secret (fds[0], seconds, NULL, on_read, &result);
  /* It has a copy of its own. */
  g_assert_cmpint (close (fds[0]), ==, 0);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  secret = ob_descriptor_read_secret_finish (result, error);
  g_clear_object (&result);
  if (!close_it)
    {
      assert_unread (fds[1]);
      g_assert_cmpint (close (fds[1]), ==, 0);
    }
  return secret;
}

static void
test_secret (void)
{
  g_autofree char *most = g_strnfill (OB_DESCRIPTOR_MAX_SECRET, 'x');
  g_autofree char *more = g_strnfill (OB_DESCRIPTOR_MAX_SECRET + 1, 'x');
  g_autoptr (GError) error = NULL;
  ob_autosecret char *line = read_secret ("pass word\n", 10, TRUE, LIMIT, &error);
  ob_autosecret char *bare = read_secret ("ñ", 2, TRUE, LIMIT, &error);
  ob_autosecret char *longest = read_secret (most, OB_DESCRIPTOR_MAX_SECRET, TRUE, LIMIT, &error);
  static const struct
  {
    const char *text;
    gsize size;
  } bad[] = { { "", 0 }, { "\n", 1 }, { "a\0b", 3 } };
  g_autoptr (GError) long_error = NULL;

  g_assert_no_error (error);
  g_assert_cmpstr (line, ==, "pass word");
  g_assert_cmpstr (bare, ==, "ñ");
  g_assert_cmpstr (longest, ==, most);
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) bad_error = NULL;

      g_assert_null (read_secret (bad[i].text, bad[i].size, TRUE, LIMIT, &bad_error));
      g_assert_ob_error (bad_error, OB_ERROR_INVALID_ARGUMENT);
    }
  g_assert_null (read_secret (more, OB_DESCRIPTOR_MAX_SECRET + 1, TRUE, LIMIT, &long_error));
  g_assert_ob_error (long_error, OB_ERROR_INVALID_ARGUMENT);
}

static void
test_secret_late (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (read_secret ("half", 4, FALSE, 1, &error));
  g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
  g_assert_message (error, "in time");
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* As the service does. */
  signal (SIGPIPE, SIG_IGN);
  ADD ("/descriptor/kinds", test_kinds);
  ADD ("/descriptor/directory", test_directory);
  ADD ("/descriptor/read-only-directory", test_read_only_directory);
  g_test_add_func ("/descriptor/write", test_write);
  g_test_add_func ("/descriptor/write-socket", test_write_socket);
  g_test_add_func ("/descriptor/secret", test_secret);
  g_test_add_func ("/descriptor/secret-late", test_secret_late);
  return g_test_run ();
}
