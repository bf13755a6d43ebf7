/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-local-store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store-fixture.h"

#define MANY 100
#define THREADS 4
#define DAY (24 * 60 * 60)

static mode_t
mode_of (Fixture *fixture, const char *name)
{
  struct stat info;

  g_assert_cmpint (fstatat (fixture->fd, name, &info, AT_SYMLINK_NOFOLLOW), ==, 0);
  return info.st_mode & 07777;
}

static void
test_open (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = fixture_path (fixture, "store");
  g_autofree char *deep = fixture_path (fixture, "none/store");
  g_autofree char *file = fixture_path (fixture, "file");
  g_autofree char *described = NULL;
  g_autoptr (ObStore) store = NULL;
  g_autoptr (ObStore) again = NULL;
  g_autoptr (GError) missing = NULL;
  g_autoptr (GError) no_parent = NULL;
  g_autoptr (GError) not_directory = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_null (ob_local_store_new (path, FALSE, &missing));
  g_assert_ob_error (missing, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_message (missing, path);
  g_assert_message (missing, "mounted");
  g_assert_null (ob_local_store_new (deep, TRUE, &no_parent));
  g_assert_ob_error (no_parent, OB_ERROR_DESTINATION_UNAVAILABLE);
  fixture_write (fixture, "file", "");
  g_assert_null (ob_local_store_new (file, TRUE, &not_directory));
  g_assert_ob_error (not_directory, OB_ERROR_DESTINATION_UNAVAILABLE);

  store = ob_local_store_new (path, TRUE, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (mode_of (fixture, "store"), ==, 0700);
  described = ob_store_describe (store);
  g_assert_cmpstr (described, ==, path);
  again = ob_local_store_new (path, TRUE, &error);
  g_assert_no_error (error);
}

static void
test_prepare (Fixture *fixture, gconstpointer data)
{
  static const char *const expected[]
    = { "data", "data/00", "data/7f", "data/ff", "index", "keys", "locks", "snapshots" };
  g_autoptr (ObStore) store = open_store (fixture, ".");
  g_autoptr (GError) error = NULL;
  mode_t mask = umask (0777);

  ob_store_prepare (store, NULL, &error);
  umask (mask);
  g_assert_no_error (error);
  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++)
    g_assert_cmpuint (mode_of (fixture, expected[i]), ==, 0700);
  /* Twice does no harm. */
  ob_store_prepare (store, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count_files (fixture, "."), ==, 0);
}

static void
test_put_and_read (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = open_store (fixture, ".");
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) too_large = NULL;
  char buffer[100];
  guint64 size;

  put_text (store, "config", "text", OB_STORE_PUT_NONE);
  /* Directories that are missing are made. */
  put_text (store, "data/ab/abcd", "0123456789", OB_STORE_PUT_NONE);
  put_text (store, "data/ab/empty", "", OB_STORE_PUT_NONE);
  assert_object (store, "config", "text");
  assert_object (store, "data/ab/abcd", "0123456789");
  assert_object (store, "data/ab/empty", "");
  assert_object (store, "data/ab/none", NULL);
  assert_object (store, "data/cd/none", NULL);
  g_assert_cmpuint (mode_of (fixture, "config"), ==, 0400);
  g_assert_cmpuint (mode_of (fixture, "data/ab/abcd"), ==, 0400);
  g_assert_cmpuint (mode_of (fixture, "data/ab"), ==, 0700);

  g_assert_cmpint (ob_store_read (store, "data/ab/abcd", 3, buffer, 4, NULL, &error), ==, 4);
  g_assert_cmpmem (buffer, 4, "3456", 4);
  g_assert_cmpint (ob_store_read (store, "data/ab/abcd", 8, buffer, 100, NULL, &error), ==, 2);
  g_assert_cmpint (ob_store_read (store, "data/ab/abcd", 10, buffer, 100, NULL, &error), ==, 0);
  g_assert_cmpint (ob_store_read (store, "data/ab/abcd", 1000, buffer, 1, NULL, &error), ==, 0);
  g_assert_true (ob_store_stat (store, "data/ab/abcd", &size, NULL, &error));
  g_assert_cmpuint (size, ==, 10);
  g_assert_true (ob_store_stat (store, "data/ab/abcd", NULL, NULL, &error));
  g_assert_no_error (error);
  g_assert_false (ob_store_stat (store, "data", &size, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_FAILED);

  g_assert_null (ob_store_get (store, "data/ab/abcd", 9, NULL, &too_large));
  g_assert_ob_error (too_large, OB_ERROR_CORRUPT);
  g_assert_message (too_large, "data/ab/abcd");
}

static void
test_parts (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = open_store (fixture, ".");
  g_autoptr (GError) error = NULL;
  g_autofree struct iovec *parts = g_new0 (struct iovec, 1000);
  g_autoptr (GString) expected = g_string_new (NULL);
  g_autofree char *large = g_malloc (3 * 1000 * 1000);
  g_autofree char *back = g_malloc (3 * 1000 * 1000);

  /* More than one call to the kernel takes, and some of them empty. */
  for (guint i = 0; i < 1000; i++)
    {
      parts[i].iov_base = (char *) "abc" + i % 3;
      parts[i].iov_len = i % 7 == 0 || i > 990 ? 0 : 1;
      g_string_append_len (expected, parts[i].iov_base, (gssize) parts[i].iov_len);
    }
  g_assert_true (ob_store_put (store, "data/aa/many", parts, 1000, 0, NULL, &error));
  g_assert_no_error (error);
  assert_object (store, "data/aa/many", expected->str);
  g_assert_true (ob_store_put (store, "data/aa/none", NULL, 0, 0, NULL, &error));
  g_assert_no_error (error);
  assert_object (store, "data/aa/none", "");

  for (gsize i = 0; i < 3 * 1000 * 1000; i++)
    large[i] = (char) (i * 31 + i / 1000);
  parts[0] = (struct iovec){ large, 1000 * 1000 };
  parts[1] = (struct iovec){ large + 1000 * 1000, 2 * 1000 * 1000 };
  g_assert_true (ob_store_put (store, "data/aa/large", parts, 2, 0, NULL, &error));
  g_assert_cmpint (ob_store_read (store, "data/aa/large", 0, back, 3 * 1000 * 1000, NULL, &error),
                   ==, 3 * 1000 * 1000);
  g_assert_cmpmem (large, 3 * 1000 * 1000, back, 3 * 1000 * 1000);
}

static void
test_replace (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = open_store (fixture, ".");

  put_text (store, "locks/a", "one", OB_STORE_PUT_NONE);
  assert_object (store, "locks/a", "one");
  put_text (store, "locks/a", "two", OB_STORE_PUT_NONE);
  assert_object (store, "locks/a", "two");
  put_text (store, "locks/a", "three", OB_STORE_PUT_DEFERRED);
  assert_object (store, "locks/a", "two");
  put_text (store, "locks/a", "four", OB_STORE_PUT_DEFERRED);
  flush (store);
  assert_object (store, "locks/a", "four");
  g_assert_cmpuint (count_files (fixture, "."), ==, 1);
}

static void
test_names (Fixture *fixture, gconstpointer data)
{
  static const char *const bad[] = { "",         "/",        "/etc/passwd", "data/",  "data//a",
                                     "../a",     "data/../a", "data/..",    "./data", "data/./a" };
  g_autoptr (ObStore) store = open_store (fixture, ".");
  g_autofree char *long_name = g_strnfill (300, 'a');
  char byte;

  for (gsize i = 0; i <= G_N_ELEMENTS (bad); i++)
    {
      const char *name = i < G_N_ELEMENTS (bad) ? bad[i] : long_name;
      g_autoptr (GError) put = NULL;
      g_autoptr (GError) read = NULL;
      g_autoptr (GError) remove = NULL;
      g_autoptr (GError) list = NULL;

      g_assert_false (put_much (store, name, 1, 0, &put));
      g_assert_ob_error (put, OB_ERROR_INVALID_ARGUMENT);
      g_assert_cmpint (ob_store_read (store, name, 0, &byte, 1, NULL, &read), ==, -1);
      g_assert_ob_error (read, OB_ERROR_INVALID_ARGUMENT);
      g_assert_false (ob_store_remove (store, name, NULL, &remove));
      g_assert_ob_error (remove, OB_ERROR_INVALID_ARGUMENT);
      g_assert_false (ob_store_list (store, name, NULL, NULL, NULL, &list));
      g_assert_ob_error (list, OB_ERROR_INVALID_ARGUMENT);
    }
}

static void
test_deferred (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = open_store (fixture, ".");
  guint before = fixture_count_fds ();
  guint most = 0;
  guint files = 0;

  put_text (store, "data/ab/one", "1", OB_STORE_PUT_DEFERRED);
  put_text (store, "data/cd/two", "2", OB_STORE_PUT_DEFERRED);
  assert_list (store, "data", "");
  flush (store);
  assert_list (store, "data", "data/ab/one data/cd/two");
  assert_object (store, "data/cd/two", "2");
  g_assert_cmpuint (mode_of (fixture, "data/cd/two"), ==, 0400);
  flush (store);

  /* However many there are, few are held back. */
  for (guint i = 0; i < MANY; i++)
    {
      g_autofree char *name = g_strdup_printf ("data/%02x/%u", i % 5, i);

      put_text (store, name, "x", OB_STORE_PUT_DEFERRED);
      most = MAX (most, fixture_count_fds () - before);
    }
  g_assert_cmpuint (most, <, 80);
  flush (store);
  for (guint i = 0; i < MANY; i++)
    {
      g_autofree char *name = g_strdup_printf ("data/%02x/%u", i % 5, i);

      assert_object (store, name, "x");
      files++;
    }
  g_assert_cmpuint (count_files (fixture, "data"), ==, files + 2);
}

static void
test_not_flushed (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (ObStore) store = open_store (fixture, ".");
  g_autoptr (ObStore) other = open_store (fixture, ".");
  g_autoptr (GError) error = NULL;

  put_text (store, "data/ab/one", "1", OB_STORE_PUT_DEFERRED);
  g_assert_cmpuint (count_files (fixture, "."), ==, 1);
  g_cancellable_cancel (cancellable);
  g_assert_false (ob_store_flush (store, cancellable, &error));
  g_assert_ob_error (error, OB_ERROR_CANCELLED);
  assert_list (store, "data", "");
  /* Given up: nothing is left behind. */
  g_clear_object (&store);
  g_assert_cmpuint (count_files (fixture, "."), ==, 0);
  assert_list (other, "data", "");
}

static gboolean
stop_at_second (const char *name, guint64 size, gpointer user_data)
{
  guint *count = user_data;

  return ++*count < 2;
}

static gboolean
add_size (const char *name, guint64 size, gpointer user_data)
{
  guint64 *sum = user_data;

  *sum += size;
  return TRUE;
}

static void
test_list (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = open_store (fixture, ".");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  guint64 sum = 0;
  guint count = 0;

  assert_list (store, "data", "");
  put_text (store, "data/ab/abc", "12345", OB_STORE_PUT_NONE);
  put_text (store, "data/ab/abd", "123", OB_STORE_PUT_NONE);
  put_text (store, "data/cd/x", "", OB_STORE_PUT_NONE);
  put_text (store, "data/top", "1", OB_STORE_PUT_NONE);
  put_text (store, "index/i", "1", OB_STORE_PUT_NONE);
  /* as restic has them while it writes, and what is not ours */
  fixture_write (fixture, "data/ab/abe-tmp-123456789", "half");
  g_assert_cmpint (symlinkat ("abc", fixture->fd, "data/ab/link"), ==, 0);
  g_assert_cmpint (symlinkat ("ab", fixture->fd, "data/ef"), ==, 0);
  g_assert_cmpint (mkfifoat (fixture->fd, "data/ab/fifo", 0600), ==, 0);

  assert_list (store, "data", "data/ab/abc data/ab/abd data/cd/x data/top");
  assert_list (store, "data/ab", "data/ab/abc data/ab/abd");
  assert_list (store, "index", "index/i");
  assert_list (store, "none", "");
  g_assert_true (ob_store_list (store, "data", add_size, &sum, NULL, &error));
  g_assert_cmpuint (sum, ==, 9);
  g_assert_true (ob_store_list (store, "data", stop_at_second, &count, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (count, ==, 2);
  g_cancellable_cancel (cancellable);
  g_assert_false (ob_store_list (store, "data", add_size, &sum, cancellable, &error));
  g_assert_ob_error (error, OB_ERROR_CANCELLED);
}

static void
test_remove (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = open_store (fixture, ".");
  g_autoptr (GError) error = NULL;

  put_text (store, "data/ab/one", "1", OB_STORE_PUT_NONE);
  /* The descriptor that reading keeps does not keep the object. */
  assert_object (store, "data/ab/one", "1");
  g_assert_true (ob_store_remove (store, "data/ab/one", NULL, &error));
  g_assert_no_error (error);
  assert_object (store, "data/ab/one", NULL);
  g_assert_true (ob_store_remove (store, "data/ab/one", NULL, &error));
  g_assert_true (ob_store_remove (store, "none/at/all", NULL, &error));
  g_assert_no_error (error);
  flush (store);
  g_assert_false (ob_store_remove (store, "data/ab", NULL, &error));
  g_assert_ob_error (error, OB_ERROR_FAILED);
}

/* What somebody else removes or replaces is not what was open before. */
static void
test_changed_by_others (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = open_store (fixture, ".");
  g_autoptr (ObStore) other = open_store (fixture, ".");
  char text[8] = "";
  g_autoptr (GError) error = NULL;

  put_text (store, "data/ab/one", "sound", OB_STORE_PUT_NONE);
  assert_object (store, "data/ab/one", "sound");
  put_text (other, "data/ab/one", "wrong", OB_STORE_PUT_NONE);
  g_assert_cmpint (ob_store_read (store, "data/ab/one", 0, text, 5, NULL, &error), ==, 5);
  g_assert_cmpstr (text, ==, "wrong");
  /* Kept alive elsewhere, as a copy of the repository made of links does. */
  g_assert_cmpint (linkat (fixture->fd, "data/ab/one", fixture->fd, "kept", 0), ==, 0);
  g_assert_cmpint (unlinkat (fixture->fd, "data/ab/one", 0), ==, 0);
  g_assert_cmpint (ob_store_read (store, "data/ab/one", 0, text, 5, NULL, &error), ==, -1);
  g_assert_ob_error (error, OB_ERROR_NOT_FOUND);
}

static void
test_open_files (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = open_store (fixture, ".");
  guint before = fixture_count_fds ();

  for (guint round = 0; round < 2; round++)
    for (guint i = 0; i < MANY; i++)
      {
        g_autofree char *name = g_strdup_printf ("data/ab/%u", i);

        if (round == 0)
          put_text (store, name, name, OB_STORE_PUT_NONE);
        else
          assert_object (store, name, name);
      }
  g_assert_cmpuint (fixture_count_fds (), >, before);
  g_assert_cmpuint (fixture_count_fds (), <, before + 20);
}

/* Somebody who may write to the disk, but is not root, tries to have us write elsewhere. */
static void
test_links (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = NULL;
  g_autoptr (GError) error = NULL;
  char byte;

  g_assert_cmpint (mkdirat (fixture->fd, "store", 0700), ==, 0);
  g_assert_cmpint (mkdirat (fixture->fd, "other", 0700), ==, 0);
  fixture_write (fixture, "other/file", "precious");
  g_assert_cmpint (mkdirat (fixture->fd, "store/data", 0700), ==, 0);
  g_assert_cmpint (symlinkat ("../../other", fixture->fd, "store/data/ab"), ==, 0);
  g_assert_cmpint (symlinkat ("../other/file", fixture->fd, "store/config"), ==, 0);
  g_assert_cmpint (symlinkat ("../other", fixture->fd, "store/index"), ==, 0);
  store = open_store (fixture, "store");

  g_assert_false (put_much (store, "data/ab/abc", 1, 0, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  g_assert_false (put_much (store, "data/ab/abc", 1, OB_STORE_PUT_DEFERRED, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  g_assert_cmpint (ob_store_read (store, "config", 0, &byte, 1, NULL, &error), ==, -1);
  g_assert_ob_error (error, OB_ERROR_FAILED);
  g_clear_error (&error);
  g_assert_cmpint (ob_store_read (store, "index/file", 0, &byte, 1, NULL, &error), ==, -1);
  g_assert_ob_error (error, OB_ERROR_FAILED);
  g_clear_error (&error);
  g_assert_false (ob_store_remove (store, "index/file", NULL, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  g_assert_false (ob_store_prepare (store, NULL, &error));
  g_assert_nonnull (error);

  /* A link in the place of an object is replaced by it. */
  put_text (store, "config", "new", OB_STORE_PUT_NONE);
  assert_object (store, "config", "new");
  g_assert_cmpuint (count_files (fixture, "other"), ==, 1);
  g_clear_object (&store);
  store = open_store (fixture, "other");
  assert_object (store, "file", "precious");
}

static void
test_group (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = NULL;

  fixture_write (fixture, "config", "x");
  g_assert_cmpint (fchmodat (fixture->fd, "config", 0640, 0), ==, 0);
  store = open_store (fixture, ".");
  put_text (store, "data/ab/one", "1", OB_STORE_PUT_NONE);
  g_assert_cmpuint (mode_of (fixture, "data/ab"), ==, 0770);
  g_assert_cmpuint (mode_of (fixture, "data/ab/one"), ==, 0440);
}

static void
write_aged (Fixture *fixture, const char *name, time_t age)
{
  struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = time (NULL) - age } };

  fixture_write (fixture, name, "x");
  g_assert_cmpint (utimensat (fixture->fd, name, times, 0), ==, 0);
}

static void
test_stale (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = open_store (fixture, ".");
  g_autoptr (GError) error = NULL;

  ob_store_prepare (store, NULL, &error);
  g_assert_no_error (error);
  write_aged (fixture, "data/ab/old-tmp-1", 10 * DAY);
  write_aged (fixture, "index/old-tmp-1", 10 * DAY);
  write_aged (fixture, "data/ab/young-tmp-1", DAY / 2);
  write_aged (fixture, "data/ab/object", 10 * DAY);
  write_aged (fixture, "own-tmp-1", 10 * DAY);

  /* Neither a lock nor a list is a reason to clean up. */
  put_text (store, "locks/a", "1", OB_STORE_PUT_NONE);
  assert_list (store, "data", "data/ab/object");
  g_assert_cmpuint (count_files (fixture, "."), ==, 6);
  put_text (store, "data/cd/one", "1", OB_STORE_PUT_DEFERRED);
  flush (store);
  g_assert_cmpuint (count_files (fixture, "."), ==, 5);
  g_assert_cmpint (faccessat (fixture->fd, "data/ab/young-tmp-1", F_OK, 0), ==, 0);
  g_assert_cmpint (faccessat (fixture->fd, "own-tmp-1", F_OK, 0), ==, 0);
  assert_object (store, "data/ab/object", "x");
}

static void
test_space (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = open_store (fixture, ".");
  g_autoptr (GError) error = NULL;
  guint64 free_bytes = 0;
  guint64 total_bytes = 0;

  g_assert_true (ob_store_space (store, &free_bytes, &total_bytes, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (free_bytes, >, 0);
  g_assert_cmpuint (total_bytes, >, free_bytes);
}

static gpointer
use_store (gpointer data)
{
  ObStore *store = data;
  guint first = g_random_int_range (0, 1000000) * 1000;

  for (guint i = 0; i < MANY; i++)
    {
      g_autofree char *name = g_strdup_printf ("data/%02x/%u", i % 4, first + i);
      g_autofree char *listed = g_strdup_printf ("data/%02x", i % 4);
      g_autoptr (GError) error = NULL;
      guint64 sum = 0;

      put_text (store, name, name, i % 3 == 0 ? OB_STORE_PUT_NONE : OB_STORE_PUT_DEFERRED);
      if (i % 10 == 9 || i % 16 == 0)
        {
          /* Whoever flushes, all that this thread put is there afterwards. */
          flush (store);
          assert_object (store, name, name);
        }
      if (i % 16 == 0)
        {
          ob_store_list (store, listed, add_size, &sum, NULL, &error);
          g_assert_no_error (error);
          g_assert_cmpuint (sum, >, 0);
          ob_store_remove (store, name, NULL, &error);
          g_assert_no_error (error);
        }
    }
  flush (store);
  return NULL;
}

static void
test_threads (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = open_store (fixture, ".");
  GThread *threads[THREADS];

  for (guint i = 0; i < THREADS; i++)
    threads[i] = g_thread_new ("store", use_store, store);
  for (guint i = 0; i < THREADS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (count_files (fixture, "data"), ==, THREADS * (MANY - 7));
}

#define ADD(name, function)                                                                        \
  g_test_add ("/local-store/" name, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("open", test_open);
  ADD ("prepare", test_prepare);
  ADD ("put-and-read", test_put_and_read);
  ADD ("parts", test_parts);
  ADD ("replace", test_replace);
  ADD ("names", test_names);
  ADD ("deferred", test_deferred);
  ADD ("not-flushed", test_not_flushed);
  ADD ("list", test_list);
  ADD ("remove", test_remove);
  ADD ("changed-by-others", test_changed_by_others);
  ADD ("open-files", test_open_files);
  ADD ("links", test_links);
  ADD ("group", test_group);
  ADD ("stale", test_stale);
  ADD ("space", test_space);
  ADD ("threads", test_threads);
  return g_test_run ();
}
