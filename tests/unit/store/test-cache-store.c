/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies of what is far away: fewer requests, and never other bytes. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cache-fixture.h"
#include "log-fixture.h"
#include "ob-error.h"

#define MIB (1024 * 1024)
#define MUCH (64 * MIB)
#define PACK_SIZE (300 * 1000)

static void
assert_mode (const char *path, mode_t mode)
{
  struct stat info;

  g_assert_cmpint (lstat (path, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 07777, ==, mode);
}

static void
test_whole_objects (CacheFixture *f, gconstpointer data)
{
  static const char *const kinds[] = { "index", "snapshots", "keys" };

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autoptr (GBytes) put_here = cache_fixture_make_bytes ((guint) i, 5000);
      g_autoptr (GBytes) put_there = cache_fixture_make_bytes ((guint) i + 10, 1);
      g_autofree char *here = cache_fixture_make_name (kinds[i], put_here);
      g_autofree char *there = cache_fixture_make_name (kinds[i], put_there);
      g_autofree char *path = NULL;
      g_autofree char *parent = NULL;

      cache_fixture_put (f->store, here, put_here, OB_STORE_PUT_NONE);
      cache_fixture_put (OB_STORE (f->far), there, put_there, OB_STORE_PUT_NONE);
      far_store_count (f->far);
      cache_fixture_assert_get (f, here, put_here);
      g_assert_cmpuint (far_store_count (f->far), ==, 0);
      cache_fixture_assert_get (f, there, put_there);
      g_assert_cmpuint (far_store_count (f->far), ==, 1);
      cache_fixture_reopen (f);
      cache_fixture_assert_get (f, here, put_here);
      cache_fixture_assert_get (f, there, put_there);
      g_assert_cmpuint (far_store_count (f->far), ==, 0);
      path = cache_fixture_find_copy (f, there);
      parent = g_path_get_dirname (path);
      assert_mode (path, 0600);
      assert_mode (parent, 0700);
    }
}

/* Whether one is there, and what it says, matters as it is now. */
static void
test_not_kept (CacheFixture *f, gconstpointer data)
{
  static const char *const names[] = { "config", "locks/%s", "index/short", "other/%s", "%s" };
  g_autoptr (GBytes) bytes = cache_fixture_make_bytes (1, 100);
  g_autofree char *name = cache_fixture_make_name ("locks", bytes);

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_auto (GStrv) parts = g_strsplit (names[i], "%s", 2);
      g_autofree char *made = g_strjoinv (name + strlen ("locks/"), parts);

      cache_fixture_put (f->store, made, bytes, OB_STORE_PUT_KEEP);
      far_store_count (f->far);
      cache_fixture_assert_get (f, made, bytes);
      cache_fixture_assert_get (f, made, bytes);
      g_assert_cmpuint (far_store_count (f->far), ==, 2);
    }
  g_assert_cmpint (faccessat (f->fixture.fd, "cache/repositories", F_OK, 0), ==, -1);
}

static void
flip (const char *path)
{
  int fd = open (path, O_RDWR | O_CLOEXEC);
  guint8 byte;

  g_assert_cmpint (pread (fd, &byte, 1, 777), ==, 1);
  byte ^= 0x10;
  g_assert_cmpint (pwrite (fd, &byte, 1, 777), ==, 1);
  close (fd);
}

static void
cut (const char *path)
{
  g_assert_cmpint (truncate (path, 900), ==, 0);
}

static void
empty (const char *path)
{
  g_assert_cmpint (truncate (path, 0), ==, 0);
}

static void
lengthen (const char *path)
{
  g_assert_cmpint (truncate (path, 400 * 1000), ==, 0);
}

static void
swell (const char *path)
{
  g_assert_cmpint (truncate (path, G_GINT64_CONSTANT (1) << 40), ==, 0);
}

static void
replace (const char *path)
{
  g_autoptr (GBytes) other = cache_fixture_make_bytes (99, 5000);

  g_assert_true (g_file_set_contents (path, g_bytes_get_data (other, NULL), 5000, NULL));
}

static void
make_link (const char *path)
{
  g_autofree char *other = g_strconcat (path, "-away", NULL);

  g_assert_cmpint (rename (path, other), ==, 0);
  g_assert_cmpint (symlink (other, path), ==, 0);
}

static void
make_pipe (const char *path)
{
  g_assert_cmpint (unlink (path), ==, 0);
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
}

static void
make_directory (const char *path)
{
  g_autofree char *below = g_build_filename (path, "below", NULL);

  g_assert_cmpint (unlink (path), ==, 0);
  g_assert_cmpint (g_mkdir_with_parents (below, 0700), ==, 0);
}

static void
drop (const char *path)
{
  g_assert_cmpint (unlink (path), ==, 0);
}

static void (*const harms[]) (const char *path)
  = { flip, cut, empty, lengthen, swell, replace, make_link, make_pipe, make_directory, drop };

static void
test_damaged_objects (CacheFixture *f, gconstpointer data)
{
  for (gsize i = 0; i < G_N_ELEMENTS (harms); i++)
    {
      g_autoptr (GBytes) bytes = cache_fixture_make_bytes ((guint) i, 5000);
      g_autofree char *name = cache_fixture_make_name ("snapshots", bytes);
      g_autofree char *path = NULL;

      cache_fixture_put (f->store, name, bytes, OB_STORE_PUT_NONE);
      path = cache_fixture_find_copy (f, name);
      harms[i](path);
      far_store_count (f->far);
      cache_fixture_assert_get (f, name, bytes);
      g_assert_cmpuint (far_store_count (f->far), ==, 1);
      cache_fixture_assert_get (f, name, bytes);
      g_assert_cmpuint (far_store_count (f->far), ==, 0);
    }
}

static void
test_packs (CacheFixture *f, gconstpointer data)
{
  g_autoptr (GBytes) kept = cache_fixture_make_bytes (1, PACK_SIZE);
  g_autoptr (GBytes) other = cache_fixture_make_bytes (2, PACK_SIZE);
  g_autofree char *kept_name = cache_fixture_make_name ("data", kept);
  g_autofree char *other_name = cache_fixture_make_name ("data", other);
  g_autoptr (GError) error = NULL;
  guint8 buffer[10];

  cache_fixture_put (f->store, kept_name, kept, OB_STORE_PUT_KEEP | OB_STORE_PUT_DEFERRED);
  cache_fixture_put (f->store, other_name, other, OB_STORE_PUT_DEFERRED);
  cache_fixture_assert_copy (f, kept_name, TRUE);
  cache_fixture_assert_copy (f, other_name, FALSE);
  far_store_count (f->far);
  for (guint64 offset = 0; offset < PACK_SIZE; offset += 70 * 1000)
    cache_fixture_assert_range (f, kept_name, offset, 100 * 1000, kept);
  g_assert_cmpuint (far_store_count (f->far), ==, 0);
  for (guint64 offset = 0; offset <= PACK_SIZE; offset += 50 * 1000)
    cache_fixture_assert_range (f, other_name, offset, 100 * 1000, other);
  g_assert_cmpuint (far_store_count (f->far), ==, 1);
  cache_fixture_assert_copy (f, other_name, TRUE);

  /* What is not asked for as one to keep, is asked of the far store. */
  g_assert_cmpint (ob_store_read (f->store, kept_name, 5, buffer, 10, NULL, &error), ==, 10);
  g_assert_true (ob_store_stat (f->store, kept_name, NULL, NULL, &error));
  g_assert_cmpuint (far_store_count (f->far), ==, 2);
}

static void
test_damaged_packs (CacheFixture *f, gconstpointer data)
{
  for (gsize i = 0; i < G_N_ELEMENTS (harms); i++)
    for (guint fetched = 0; fetched < 2; fetched++)
      {
        g_autoptr (GBytes) bytes = cache_fixture_make_bytes ((guint) i, PACK_SIZE);
        g_autofree char *name = cache_fixture_make_name ("data", bytes);
        g_autofree char *path = NULL;

        cache_fixture_put (f->store, name, bytes, fetched ? OB_STORE_PUT_NONE : OB_STORE_PUT_KEEP);
        cache_fixture_assert_range (f, name, 1000, 1000, bytes);
        path = cache_fixture_find_copy (f, name);
        harms[i](path);
        cache_fixture_assert_range (f, name, 0, 100 * 1000, bytes);
        cache_fixture_assert_range (f, name, 100 * 1000, 100 * 1000, bytes);
        /* After a damage it is in pieces, until the store is opened the next time. */
        cache_fixture_reopen (f);
        cache_fixture_assert_range (f, name, 0, 1000, bytes);
        far_store_count (f->far);
        cache_fixture_assert_range (f, name, 0, 1000, bytes);
        g_assert_cmpuint (far_store_count (f->far), ==, 0);
        g_assert_true (ob_store_remove (f->store, name, NULL, NULL));
      }
}

/* Once as a whole; where nothing stays of that, in pieces. */
static void
test_pack_in_pieces (CacheFixture *f, gconstpointer data)
{
  g_autoptr (GBytes) large = cache_fixture_make_bytes (1, 33 * MIB);
  g_autoptr (GBytes) gone = cache_fixture_make_bytes (2, PACK_SIZE);
  g_autoptr (GBytes) wrong = cache_fixture_make_bytes (3, PACK_SIZE);
  g_autofree char *large_name = cache_fixture_make_name ("data", large);
  g_autofree char *gone_name = cache_fixture_make_name ("data", gone);
  const char *wrong_name
    = "data/ab/0123456789012345678901234567890123456789012345678901234567890123";
  g_autofree char *path = NULL;

  cache_fixture_put (f->store, large_name, large, OB_STORE_PUT_NONE);
  cache_fixture_put (f->store, gone_name, gone, OB_STORE_PUT_NONE);
  cache_fixture_put (f->store, wrong_name, wrong, OB_STORE_PUT_NONE);
  far_store_count (f->far);
  cache_fixture_assert_range (f, large_name, 32 * MIB, 2 * MIB, large);
  g_assert_cmpuint (far_store_count (f->far), ==, 2);
  cache_fixture_assert_range (f, large_name, 0, 100, large);
  g_assert_cmpuint (far_store_count (f->far), ==, 1);
  cache_fixture_assert_copy (f, large_name, FALSE);

  cache_fixture_assert_range (f, wrong_name, 5, 100, wrong);
  cache_fixture_assert_range (f, wrong_name, 6, 100, wrong);
  g_assert_cmpuint (far_store_count (f->far), ==, 2);
  cache_fixture_assert_copy (f, wrong_name, FALSE);

  cache_fixture_assert_range (f, gone_name, 0, 100, gone);
  path = cache_fixture_find_copy (f, gone_name);
  drop (path);
  cache_fixture_assert_range (f, gone_name, 0, 100, gone);
  cache_fixture_assert_range (f, gone_name, 200, 100, gone);
  g_assert_cmpuint (far_store_count (f->far), ==, 3);
  cache_fixture_assert_copy (f, gone_name, FALSE);
}

static void
test_distrust (CacheFixture *f, gconstpointer data)
{
  g_autoptr (GBytes) bytes = cache_fixture_make_bytes (1, PACK_SIZE);
  g_autofree char *name = cache_fixture_make_name ("data", bytes);

  cache_fixture_put (f->store, name, bytes, OB_STORE_PUT_KEEP);
  g_assert_false (ob_store_distrust (OB_STORE (f->far), name));
  g_assert_true (ob_store_distrust (f->store, name));
  g_assert_false (ob_store_distrust (f->store, name));
  cache_fixture_assert_copy (f, name, FALSE);
  far_store_count (f->far);
  cache_fixture_assert_range (f, name, 0, 100, bytes);
  cache_fixture_assert_range (f, name, 0, 100, bytes);
  g_assert_cmpuint (far_store_count (f->far), ==, 2);
}

static void
test_list (CacheFixture *f, gconstpointer data)
{
  static const char *const kinds[] = { "index", "snapshots", "data" };

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autoptr (GBytes) stays = cache_fixture_make_bytes ((guint) i, 500);
      g_autoptr (GBytes) goes = cache_fixture_make_bytes ((guint) i + 10, 500);
      g_autofree char *stays_name = cache_fixture_make_name (kinds[i], stays);
      g_autofree char *goes_name = cache_fixture_make_name (kinds[i], goes);
      g_autoptr (GError) error = NULL;

      cache_fixture_put (f->store, stays_name, stays, OB_STORE_PUT_KEEP);
      cache_fixture_put (f->store, goes_name, goes, OB_STORE_PUT_KEEP);
      g_assert_true (ob_store_remove (OB_STORE (f->far), goes_name, NULL, NULL));
      /* Neither a list that was broken off nor another one says anything of it. */
      cache_fixture_list (f, kinds[i], 1);
      cache_fixture_list (f, "locks", 100);
      cache_fixture_assert_copy (f, goes_name, TRUE);
      cache_fixture_list (f, kinds[i], 100);
      cache_fixture_assert_copy (f, goes_name, FALSE);
      cache_fixture_assert_copy (f, stays_name, TRUE);
      g_assert_null (ob_store_get (f->store, goes_name, MUCH, NULL, &error));
      g_assert_ob_error (error, OB_ERROR_NOT_FOUND);
    }
}

static void
test_remove (CacheFixture *f, gconstpointer data)
{
  g_autoptr (GBytes) bytes = cache_fixture_make_bytes (1, 500);
  g_autofree char *snapshot = cache_fixture_make_name ("snapshots", bytes);
  g_autofree char *pack = cache_fixture_make_name ("data", bytes);
  g_autoptr (GError) error = NULL;

  cache_fixture_put (f->store, snapshot, bytes, OB_STORE_PUT_NONE);
  cache_fixture_put (f->store, pack, bytes, OB_STORE_PUT_KEEP);
  g_assert_true (ob_store_remove (f->store, snapshot, NULL, NULL));
  g_assert_true (ob_store_remove (f->store, pack, NULL, NULL));
  cache_fixture_assert_copy (f, snapshot, FALSE);
  cache_fixture_assert_copy (f, pack, FALSE);
  g_assert_null (ob_store_get (f->store, snapshot, MUCH, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_NOT_FOUND);
}

static gboolean
ignore_name (const char *name, guint64 size, gpointer user_data)
{
  return TRUE;
}

static void
test_far_errors (CacheFixture *f, gconstpointer data)
{
  g_autoptr (GBytes) bytes = cache_fixture_make_bytes (1, 500);
  g_autofree char *name = cache_fixture_make_name ("index", bytes);
  g_autofree char *pack = cache_fixture_make_name ("data", bytes);
  const struct iovec part = { (void *) g_bytes_get_data (bytes, NULL), 500 };
  guint8 buffer[10];

  cache_fixture_put (OB_STORE (f->far), pack, bytes, OB_STORE_PUT_NONE);
  far_store_set_broken (f->far, TRUE);
  for (guint i = 0; i < 2; i++)
    {
      GError *errors[4] = { NULL };

      g_assert_false (ob_store_put (f->store, name, &part, 1, OB_STORE_PUT_NONE, NULL, &errors[0]));
      g_assert_null (ob_store_get (f->store, name, MUCH, NULL, &errors[1]));
      g_assert_cmpint (ob_store_read_kept (f->store, pack, 0, buffer, 10, NULL, &errors[2]), ==,
                       -1);
      g_assert_false (ob_store_list (f->store, "index", ignore_name, NULL, NULL, &errors[3]));
      for (guint j = 0; j < G_N_ELEMENTS (errors); j++)
        {
          g_assert_ob_error (errors[j], OB_ERROR_DESTINATION_UNAVAILABLE);
          g_clear_error (&errors[j]);
        }
    }
  g_assert_true (ob_store_has_failed (f->store));
  cache_fixture_assert_copy (f, name, FALSE);
  /* One that failed is no reason to read it in pieces. */
  far_store_set_broken (f->far, FALSE);
  cache_fixture_assert_range (f, pack, 0, 10, bytes);
  cache_fixture_assert_copy (f, pack, TRUE);
}

/* What it knows nothing of is asked of the far store. */
static void
test_passes_on (CacheFixture *f, gconstpointer data)
{
  g_autofree char *where = ob_store_describe (f->store);
  g_autofree char *waiting = NULL;
  g_autoptr (ObCheckup) checkup = ob_checkup_new (NULL, NULL, NULL);
  gint64 since = 0;

  g_assert_cmpstr (where, ==, "far:away");
  g_assert_true (ob_store_is_consistent (f->store));
  ob_store_set_rate (f->store, 12345);
  g_assert_cmpuint (far_store_get_rate (f->far), ==, 12345);
  g_assert_false (ob_store_stat (f->store, "config", NULL, NULL, NULL));
  g_assert_cmpuint (ob_store_get_requests (f->store), ==, 1);
  g_assert_cmpuint (ob_store_get_reads_at_once (f->store), ==, 7);
  waiting = ob_store_get_waiting (f->store, &since);
  g_assert_cmpstr (waiting, ==, "far: it is far away");
  g_assert_cmpint (since, ==, 42);
  ob_store_forget (f->store, "data/ab/x");
  g_assert_cmpuint (far_store_count_forgotten (f->far), ==, 1);
  g_assert_true (ob_store_purge (f->store, "data/ab/x", NULL, NULL));
  g_assert_cmpuint (far_store_count_purged (f->far), ==, 1);
  ob_store_checkup (f->store, checkup);
  g_assert_cmpuint (far_store_count_checked (f->far), ==, 1);
}

/* A copy here is no reason to take a lock there for none. */
static void
test_locks (CacheFixture *f, gconstpointer data)
{
  g_autoptr (GBytes) bytes = cache_fixture_make_bytes (1, 1000);
  g_autofree char *name = cache_fixture_make_name ("snapshots", bytes);
  g_autoptr (GError) error = NULL;
  gboolean changed = FALSE;
  gint64 until;

  cache_fixture_put (f->store, name, bytes, OB_STORE_PUT_NONE);
  g_assert_cmpuint (ob_store_get_lock_days (f->store), ==, 9);
  g_assert_true (ob_store_get_lock (f->store, name, &until, NULL, NULL));
  g_assert_cmpint (until, ==, 0);
  far_store_set_locked_until (f->far, 4102444800);
  g_assert_true (ob_store_get_lock (f->store, name, &until, NULL, NULL));
  g_assert_cmpint (until, ==, 4102444800);
  g_assert_false (ob_store_remove (f->store, name, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_LOCKED);
  cache_fixture_assert_copy (f, name, TRUE);
  g_assert_true (ob_store_extend_lock (f->store, name, 4102444900, &changed, NULL, NULL));
  g_assert_true (changed);
  g_assert_true (ob_store_get_lock (f->store, name, &until, NULL, NULL));
  g_assert_cmpint (until, ==, 4102444900);
  /* What has a successor may be hidden, locked or not. */
  g_assert_true (ob_store_hide (f->store, name, NULL, NULL));
  cache_fixture_assert_copy (f, name, FALSE);
  g_assert_false (ob_store_stat (f->store, name, NULL, NULL, NULL));
}

#define add(path, function)                                                                        \
  g_test_add ("/cache-store/" path, CacheFixture, NULL, cache_fixture_set_up, function,            \
              cache_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_fixture_begin ();
  add ("whole-objects", test_whole_objects);
  add ("not-kept", test_not_kept);
  add ("damaged-objects", test_damaged_objects);
  add ("packs", test_packs);
  add ("damaged-packs", test_damaged_packs);
  add ("pack-in-pieces", test_pack_in_pieces);
  add ("distrust", test_distrust);
  add ("list", test_list);
  add ("remove", test_remove);
  add ("far-errors", test_far_errors);
  add ("passes-on", test_passes_on);
  add ("locks", test_locks);
  return g_test_run ();
}
