/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-destination-key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "ob-error.h"
#include "ob-secret.h"

static void
assert_key (Fixture *fixture, const char *passphrase)
{
  g_autoptr (GError) error = NULL;
  ob_autosecret char *found = ob_destination_key_read (fixture->fd, "disk", &error);

  g_assert_no_error (error);
  g_assert_cmpstr (found, ==, passphrase);
}

static void
assert_file (Fixture *fixture, const char *name, const char *text)
{
  g_autofree char *path = fixture_path (fixture, name);
  g_autofree char *found = NULL;

  g_assert_true (g_file_get_contents (path, &found, NULL, NULL) == (text != NULL));
  g_assert_cmpstr (found, ==, text);
}

/* Writes it; whether something was written, and what was there before is kept as @kept_name. */
static char *
write_key (Fixture *fixture, const char *passphrase, gboolean expected)
{
  g_autoptr (GError) error = NULL;
  char *kept = NULL;
  gboolean written = FALSE;

  ob_destination_key_write (fixture->fd, "disk", passphrase, &written, &kept, &error);
  g_assert_no_error (error);
  g_assert_true (written == expected);
  return kept;
}

static void
test_write (Fixture *fixture, gconstpointer data)
{
  g_autofree char *kept = write_key (fixture, "one two", TRUE);
  struct stat info;

  g_assert_null (kept);
  assert_key (fixture, "one two");
  assert_file (fixture, "disk.key", "one two\n");
  g_assert_cmpint (fstatat (fixture->fd, "disk.key", &info, 0), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0600);
}

/* Whatever was a key once stays. */
static void
test_kept (Fixture *fixture, gconstpointer data)
{
  g_autofree char *none = write_key (fixture, "first", TRUE);
  g_autofree char *same = write_key (fixture, "first", FALSE);
  g_autofree char *first = write_key (fixture, "second", TRUE);
  g_autofree char *second = write_key (fixture, "third", TRUE);

  g_assert_null (none);
  g_assert_null (same);
  g_assert_cmpstr (first, ==, "disk.key.1");
  g_assert_cmpstr (second, ==, "disk.key.2");
  assert_key (fixture, "third");
  assert_file (fixture, "disk.key.1", "first\n");
  assert_file (fixture, "disk.key.2", "second\n");
}

/* Also where it cannot be read as one: perhaps somebody can make sense of it. */
static void
test_keeps_what_is_no_key (Fixture *fixture, gconstpointer data)
{
  g_autofree char *binary = g_strnfill (5000, 'x');
  g_autofree char *kept = NULL;

  fixture_write (fixture, "disk.key", binary);
  kept = write_key (fixture, "new", TRUE);
  g_assert_cmpstr (kept, ==, "disk.key.1");
  assert_file (fixture, "disk.key.1", binary);
  assert_key (fixture, "new");
}

static void
test_take_back (Fixture *fixture, gconstpointer data)
{
  g_autofree char *none = write_key (fixture, "first", TRUE);
  g_autofree char *kept = NULL;

  ob_destination_key_take_back (fixture->fd, "disk", none);
  assert_file (fixture, "disk.key", NULL);

  g_free (write_key (fixture, "first", TRUE));
  kept = write_key (fixture, "second", TRUE);
  ob_destination_key_take_back (fixture->fd, "disk", kept);
  assert_key (fixture, "first");
  assert_file (fixture, "disk.key.1", NULL);
}

static void
test_not_keys (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) missing = NULL;
  g_autoptr (GError) link = NULL;
  g_autoptr (GError) directory = NULL;
  g_autoptr (GError) fifo = NULL;

  g_assert_null (ob_destination_key_read (fixture->fd, "disk", &missing));
  g_assert_ob_error (missing, OB_ERROR_NOT_FOUND);
  g_assert_message (missing, "disk.key");

  fixture_write (fixture, "elsewhere", "secret\n");
  g_assert_cmpint (symlinkat ("elsewhere", fixture->fd, "link.key"), ==, 0);
  g_assert_null (ob_destination_key_read (fixture->fd, "link", &link));
  g_assert_cmpint (mkdirat (fixture->fd, "directory.key", 0700), ==, 0);
  g_assert_null (ob_destination_key_read (fixture->fd, "directory", &directory));
  g_assert_nonnull (directory);
  /* Nobody writes to it, and we do not wait. */
  g_assert_cmpint (mkfifoat (fixture->fd, "fifo.key", 0600), ==, 0);
  g_clear_pointer (&fifo, g_error_free);
  ob_secret_free (ob_destination_key_read (fixture->fd, "fifo", &fifo));
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/destination-key/write", test_write);
  ADD ("/destination-key/kept", test_kept);
  ADD ("/destination-key/keeps-what-is-no-key", test_keeps_what_is_no_key);
  ADD ("/destination-key/take-back", test_take_back);
  ADD ("/destination-key/not-keys", test_not_keys);
  return g_test_run ();
}
