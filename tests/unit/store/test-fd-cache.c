/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-fd-cache.h"

#include <fcntl.h>
#include <unistd.h>

#include "fixture.h"

#define MAX_FILES 4

static int
open_null (void)
{
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static gboolean
is_cached (ObFdCache *cache, const char *name)
{
  guint64 generation;
  ObSharedFd *shared = ob_fd_cache_lookup (cache, name, &generation);

  if (shared == NULL)
    return FALSE;
  ob_shared_fd_unref (shared);
  return TRUE;
}

static void
add (ObFdCache *cache, const char *name)
{
  guint64 generation;

  g_assert_null (ob_fd_cache_lookup (cache, name, &generation));
  ob_shared_fd_unref (ob_fd_cache_add (cache, name, open_null (), generation));
}

static void
test_keeps_latest (void)
{
  guint before = fixture_count_fds ();
  ObFdCache *cache = ob_fd_cache_new (MAX_FILES);

  add (cache, "a");
  add (cache, "b");
  add (cache, "c");
  add (cache, "d");
  g_assert_true (is_cached (cache, "a"));
  add (cache, "e");
  g_assert_cmpuint (fixture_count_fds (), ==, before + MAX_FILES);
  /* "a" was used later than "b". */
  g_assert_true (is_cached (cache, "a"));
  g_assert_false (is_cached (cache, "b"));
  ob_fd_cache_free (cache);
  g_assert_cmpuint (fixture_count_fds (), ==, before);
}

static void
test_in_use (void)
{
  ObFdCache *cache = ob_fd_cache_new (1);
  guint64 generation;
  ObSharedFd *held = ob_fd_cache_lookup (cache, "a", &generation);

  g_assert_null (held);
  held = ob_fd_cache_add (cache, "a", open_null (), generation);
  add (cache, "b");
  g_assert_false (is_cached (cache, "a"));
  /* Let go of by the cache, but open for the one who reads it. */
  g_assert_cmpint (fcntl (ob_shared_fd_get (held), F_GETFD), !=, -1);
  ob_fd_cache_free (cache);
  g_assert_cmpint (fcntl (ob_shared_fd_get (held), F_GETFD), !=, -1);
  ob_shared_fd_unref (held);
}

static void
test_forget (void)
{
  ObFdCache *cache = ob_fd_cache_new (MAX_FILES);
  guint64 generation;

  add (cache, "a");
  add (cache, "b");
  ob_fd_cache_forget (cache, "a");
  ob_fd_cache_forget (cache, "none");
  g_assert_false (is_cached (cache, "a"));
  g_assert_true (is_cached (cache, "b"));

  /* One opened before, and added after, something was replaced may be the old file. */
  g_assert_null (ob_fd_cache_lookup (cache, "a", &generation));
  ob_fd_cache_forget (cache, "a");
  ob_shared_fd_unref (ob_fd_cache_add (cache, "a", open_null (), generation));
  g_assert_false (is_cached (cache, "a"));
  ob_fd_cache_free (cache);
}

/* Two threads open the same file at once. */
static void
test_twice (void)
{
  guint before = fixture_count_fds ();
  ObFdCache *cache = ob_fd_cache_new (MAX_FILES);
  guint64 generation;
  ObSharedFd *first;
  ObSharedFd *second;

  g_assert_null (ob_fd_cache_lookup (cache, "a", &generation));
  first = ob_fd_cache_add (cache, "a", open_null (), generation);
  second = ob_fd_cache_add (cache, "a", open_null (), generation);
  g_assert_cmpint (ob_shared_fd_get (first), !=, ob_shared_fd_get (second));
  ob_shared_fd_unref (first);
  ob_shared_fd_unref (second);
  g_assert_cmpuint (fixture_count_fds (), ==, before + 1);
  ob_fd_cache_free (cache);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fd-cache/keeps-latest", test_keeps_latest);
  g_test_add_func ("/fd-cache/in-use", test_in_use);
  g_test_add_func ("/fd-cache/forget", test_forget);
  g_test_add_func ("/fd-cache/twice", test_twice);
  return g_test_run ();
}
