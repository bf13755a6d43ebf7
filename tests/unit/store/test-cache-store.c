/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies of what is far away: fewer requests, and never other bytes. */
#include "ob-cache-store.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "far-store.h"
#include "fixture.h"
#include "log-fixture.h"
#include "ob-aws-signature.h"
#include "ob-error.h"

#define MIB (1024 * 1024)
#define MUCH (64 * MIB)
#define PACK_SIZE (300 * 1000)

typedef struct
{
  Fixture fixture;
  FarStore *far;
  ObCacheDirectory *directory;
  ObStore *store;
} CacheFixture;

static void
reopen (CacheFixture *f)
{
  g_clear_object (&f->store);
  f->store = ob_cache_store_new (OB_STORE (f->far), f->directory);
}

static void
open_with_limit (CacheFixture *f, const char *name, guint64 limit)
{
  g_autofree char *path = fixture_path (&f->fixture, name);

  g_clear_pointer (&f->directory, ob_cache_directory_unref);
  f->directory = ob_cache_directory_new (path, limit);
  reopen (f);
}

static void
set_up (CacheFixture *f, gconstpointer data)
{
  fixture_set_up (&f->fixture, NULL);
  f->far = FAR_STORE (far_store_new ());
  open_with_limit (f, "cache", MUCH);
}

static void
tear_down (CacheFixture *f, gconstpointer data)
{
  g_autofree char *log = log_fixture_take ();

  g_assert_cmpstr (log, ==, "");
  g_clear_object (&f->store);
  ob_cache_directory_unref (f->directory);
  g_object_unref (f->far);
  fixture_tear_down (&f->fixture, NULL);
}

/* Some bytes that only @number has. Transfer full. */
static GBytes *
make_bytes (guint number, gsize size)
{
  guint8 *data = g_malloc (size);
  g_autoptr (GRand) random = g_rand_new_with_seed (number);

  for (gsize i = 0; i < size; i++)
    data[i] = (guint8) g_rand_int (random);
  return g_bytes_new_take (data, size);
}

/* The name that an object with these bytes has. Transfer full. */
static char *
make_name (const char *kind, GBytes *bytes)
{
  const struct iovec part = { (void *) g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes) };
  char hash[OB_AWS_HASH_SIZE];

  ob_aws_hash (&part, 1, hash);
  return strcmp (kind, "data") == 0 ? g_strdup_printf ("data/%.2s/%s", hash, hash)
                                    : g_strconcat (kind, "/", hash, NULL);
}

static void
put (ObStore *store, const char *name, GBytes *bytes, ObStorePutFlags flags)
{
  gsize size = g_bytes_get_size (bytes);
  guint8 *data = (guint8 *) g_bytes_get_data (bytes, NULL);
  const struct iovec parts[] = { { data, size / 3 }, { data + size / 3, size - size / 3 } };
  g_autoptr (GError) error = NULL;

  ob_store_put (store, name, parts, 2, flags, NULL, &error);
  g_assert_no_error (error);
}

static void
assert_get (CacheFixture *f, const char *name, GBytes *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = ob_store_get (f->store, name, MUCH, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (bytes, expected));
}

static void
assert_range (CacheFixture *f, const char *name, guint64 offset, gsize size, GBytes *expected)
{
  g_autofree guint8 *buffer = g_malloc (size);
  g_autoptr (GError) error = NULL;
  gssize n = ob_store_read_kept (f->store, name, offset, buffer, size, NULL, &error);
  gsize length;
  const guint8 *data = g_bytes_get_data (expected, &length);

  g_assert_no_error (error);
  g_assert_cmpmem (buffer, n, data + offset, MIN (size, length - offset));
}

/* Whether there is a file of this name in the cache; its path. */
static char *
find_copy (CacheFixture *f, const char *name)
{
  g_autofree char *top = fixture_path (&f->fixture, "cache/repositories");
  g_autoptr (GDir) dir = g_dir_open (top, 0, NULL);
  const char *place = dir != NULL ? g_dir_read_name (dir) : NULL;
  g_autofree char *kind = g_strndup (name, strcspn (name, "/"));
  g_autofree char *path = NULL;

  if (place == NULL)
    return NULL;
  g_assert_null (g_dir_read_name (dir));
  path = g_build_filename (top, place, kind, strrchr (name, '/') + 1, NULL);
  return access (path, F_OK) == 0 ? g_steal_pointer (&path) : NULL;
}

static void
assert_copy (CacheFixture *f, const char *name, gboolean expected)
{
  g_autofree char *path = find_copy (f, name);

  g_assert_true ((path != NULL) == expected);
}

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
      g_autoptr (GBytes) put_here = make_bytes ((guint) i, 5000);
      g_autoptr (GBytes) put_there = make_bytes ((guint) i + 10, 1);
      g_autofree char *here = make_name (kinds[i], put_here);
      g_autofree char *there = make_name (kinds[i], put_there);
      g_autofree char *path = NULL;
      g_autofree char *parent = NULL;

      put (f->store, here, put_here, OB_STORE_PUT_NONE);
      put (OB_STORE (f->far), there, put_there, OB_STORE_PUT_NONE);
      far_store_count (f->far);
      assert_get (f, here, put_here);
      g_assert_cmpuint (far_store_count (f->far), ==, 0);
      assert_get (f, there, put_there);
      g_assert_cmpuint (far_store_count (f->far), ==, 1);
      reopen (f);
      assert_get (f, here, put_here);
      assert_get (f, there, put_there);
      g_assert_cmpuint (far_store_count (f->far), ==, 0);
      path = find_copy (f, there);
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
  g_autoptr (GBytes) bytes = make_bytes (1, 100);
  g_autofree char *name = make_name ("locks", bytes);

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_auto (GStrv) parts = g_strsplit (names[i], "%s", 2);
      g_autofree char *made = g_strjoinv (name + strlen ("locks/"), parts);

      put (f->store, made, bytes, OB_STORE_PUT_KEEP);
      far_store_count (f->far);
      assert_get (f, made, bytes);
      assert_get (f, made, bytes);
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
  g_autoptr (GBytes) other = make_bytes (99, 5000);

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
      g_autoptr (GBytes) bytes = make_bytes ((guint) i, 5000);
      g_autofree char *name = make_name ("snapshots", bytes);
      g_autofree char *path = NULL;

      put (f->store, name, bytes, OB_STORE_PUT_NONE);
      path = find_copy (f, name);
      harms[i](path);
      far_store_count (f->far);
      assert_get (f, name, bytes);
      g_assert_cmpuint (far_store_count (f->far), ==, 1);
      assert_get (f, name, bytes);
      g_assert_cmpuint (far_store_count (f->far), ==, 0);
    }
}

static void
test_packs (CacheFixture *f, gconstpointer data)
{
  g_autoptr (GBytes) kept = make_bytes (1, PACK_SIZE);
  g_autoptr (GBytes) other = make_bytes (2, PACK_SIZE);
  g_autofree char *kept_name = make_name ("data", kept);
  g_autofree char *other_name = make_name ("data", other);
  g_autoptr (GError) error = NULL;
  guint8 buffer[10];

  put (f->store, kept_name, kept, OB_STORE_PUT_KEEP | OB_STORE_PUT_DEFERRED);
  put (f->store, other_name, other, OB_STORE_PUT_DEFERRED);
  assert_copy (f, kept_name, TRUE);
  assert_copy (f, other_name, FALSE);
  far_store_count (f->far);
  for (guint64 offset = 0; offset < PACK_SIZE; offset += 70 * 1000)
    assert_range (f, kept_name, offset, 100 * 1000, kept);
  g_assert_cmpuint (far_store_count (f->far), ==, 0);
  for (guint64 offset = 0; offset <= PACK_SIZE; offset += 50 * 1000)
    assert_range (f, other_name, offset, 100 * 1000, other);
  g_assert_cmpuint (far_store_count (f->far), ==, 1);
  assert_copy (f, other_name, TRUE);

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
        g_autoptr (GBytes) bytes = make_bytes ((guint) i, PACK_SIZE);
        g_autofree char *name = make_name ("data", bytes);
        g_autofree char *path = NULL;

        put (f->store, name, bytes, fetched ? OB_STORE_PUT_NONE : OB_STORE_PUT_KEEP);
        assert_range (f, name, 1000, 1000, bytes);
        path = find_copy (f, name);
        harms[i](path);
        assert_range (f, name, 0, 100 * 1000, bytes);
        assert_range (f, name, 100 * 1000, 100 * 1000, bytes);
        /* After a damage it is in pieces, until the store is opened the next time. */
        reopen (f);
        assert_range (f, name, 0, 1000, bytes);
        far_store_count (f->far);
        assert_range (f, name, 0, 1000, bytes);
        g_assert_cmpuint (far_store_count (f->far), ==, 0);
        g_assert_true (ob_store_remove (f->store, name, NULL, NULL));
      }
}

/* Once as a whole; where nothing stays of that, in pieces. */
static void
test_pack_in_pieces (CacheFixture *f, gconstpointer data)
{
  g_autoptr (GBytes) large = make_bytes (1, 33 * MIB);
  g_autoptr (GBytes) gone = make_bytes (2, PACK_SIZE);
  g_autoptr (GBytes) wrong = make_bytes (3, PACK_SIZE);
  g_autofree char *large_name = make_name ("data", large);
  g_autofree char *gone_name = make_name ("data", gone);
  const char *wrong_name
    = "data/ab/0123456789012345678901234567890123456789012345678901234567890123";
  g_autofree char *path = NULL;

  put (f->store, large_name, large, OB_STORE_PUT_NONE);
  put (f->store, gone_name, gone, OB_STORE_PUT_NONE);
  put (f->store, wrong_name, wrong, OB_STORE_PUT_NONE);
  far_store_count (f->far);
  assert_range (f, large_name, 32 * MIB, 2 * MIB, large);
  g_assert_cmpuint (far_store_count (f->far), ==, 2);
  assert_range (f, large_name, 0, 100, large);
  g_assert_cmpuint (far_store_count (f->far), ==, 1);
  assert_copy (f, large_name, FALSE);

  assert_range (f, wrong_name, 5, 100, wrong);
  assert_range (f, wrong_name, 6, 100, wrong);
  g_assert_cmpuint (far_store_count (f->far), ==, 2);
  assert_copy (f, wrong_name, FALSE);

  assert_range (f, gone_name, 0, 100, gone);
  path = find_copy (f, gone_name);
  drop (path);
  assert_range (f, gone_name, 0, 100, gone);
  assert_range (f, gone_name, 200, 100, gone);
  g_assert_cmpuint (far_store_count (f->far), ==, 3);
  assert_copy (f, gone_name, FALSE);
}

static void
test_distrust (CacheFixture *f, gconstpointer data)
{
  g_autoptr (GBytes) bytes = make_bytes (1, PACK_SIZE);
  g_autofree char *name = make_name ("data", bytes);

  put (f->store, name, bytes, OB_STORE_PUT_KEEP);
  g_assert_false (ob_store_distrust (OB_STORE (f->far), name));
  g_assert_true (ob_store_distrust (f->store, name));
  g_assert_false (ob_store_distrust (f->store, name));
  assert_copy (f, name, FALSE);
  far_store_count (f->far);
  assert_range (f, name, 0, 100, bytes);
  assert_range (f, name, 0, 100, bytes);
  g_assert_cmpuint (far_store_count (f->far), ==, 2);
}

static gboolean
count_names (const char *name, guint64 size, gpointer user_data)
{
  guint *left = user_data;

  return --*left > 0;
}

static void
list (CacheFixture *f, const char *directory, guint most)
{
  g_autoptr (GError) error = NULL;

  ob_store_list (f->store, directory, count_names, &most, NULL, &error);
  g_assert_no_error (error);
}

static void
test_list (CacheFixture *f, gconstpointer data)
{
  static const char *const kinds[] = { "index", "snapshots", "data" };

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autoptr (GBytes) stays = make_bytes ((guint) i, 500);
      g_autoptr (GBytes) goes = make_bytes ((guint) i + 10, 500);
      g_autofree char *stays_name = make_name (kinds[i], stays);
      g_autofree char *goes_name = make_name (kinds[i], goes);
      g_autoptr (GError) error = NULL;

      put (f->store, stays_name, stays, OB_STORE_PUT_KEEP);
      put (f->store, goes_name, goes, OB_STORE_PUT_KEEP);
      g_assert_true (ob_store_remove (OB_STORE (f->far), goes_name, NULL, NULL));
      /* Neither a list that was broken off nor another one says anything of it. */
      list (f, kinds[i], 1);
      list (f, "locks", 100);
      assert_copy (f, goes_name, TRUE);
      list (f, kinds[i], 100);
      assert_copy (f, goes_name, FALSE);
      assert_copy (f, stays_name, TRUE);
      g_assert_null (ob_store_get (f->store, goes_name, MUCH, NULL, &error));
      g_assert_ob_error (error, OB_ERROR_NOT_FOUND);
    }
}

static void
test_remove (CacheFixture *f, gconstpointer data)
{
  g_autoptr (GBytes) bytes = make_bytes (1, 500);
  g_autofree char *snapshot = make_name ("snapshots", bytes);
  g_autofree char *pack = make_name ("data", bytes);
  g_autoptr (GError) error = NULL;

  put (f->store, snapshot, bytes, OB_STORE_PUT_NONE);
  put (f->store, pack, bytes, OB_STORE_PUT_KEEP);
  g_assert_true (ob_store_remove (f->store, snapshot, NULL, NULL));
  g_assert_true (ob_store_remove (f->store, pack, NULL, NULL));
  assert_copy (f, snapshot, FALSE);
  assert_copy (f, pack, FALSE);
  g_assert_null (ob_store_get (f->store, snapshot, MUCH, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_NOT_FOUND);
}

static void
test_far_errors (CacheFixture *f, gconstpointer data)
{
  g_autoptr (GBytes) bytes = make_bytes (1, 500);
  g_autofree char *name = make_name ("index", bytes);
  g_autofree char *pack = make_name ("data", bytes);
  const struct iovec part = { (void *) g_bytes_get_data (bytes, NULL), 500 };
  guint8 buffer[10];

  put (OB_STORE (f->far), pack, bytes, OB_STORE_PUT_NONE);
  far_store_set_broken (f->far, TRUE);
  for (guint i = 0; i < 2; i++)
    {
      GError *errors[4] = { NULL };

      g_assert_false (ob_store_put (f->store, name, &part, 1, OB_STORE_PUT_NONE, NULL, &errors[0]));
      g_assert_null (ob_store_get (f->store, name, MUCH, NULL, &errors[1]));
      g_assert_cmpint (ob_store_read_kept (f->store, pack, 0, buffer, 10, NULL, &errors[2]), ==,
                       -1);
      g_assert_false (ob_store_list (f->store, "index", count_names, NULL, NULL, &errors[3]));
      for (guint j = 0; j < G_N_ELEMENTS (errors); j++)
        {
          g_assert_ob_error (errors[j], OB_ERROR_DESTINATION_UNAVAILABLE);
          g_clear_error (&errors[j]);
        }
    }
  g_assert_true (ob_store_has_failed (f->store));
  assert_copy (f, name, FALSE);
  /* One that failed is no reason to read it in pieces. */
  far_store_set_broken (f->far, FALSE);
  assert_range (f, pack, 0, 10, bytes);
  assert_copy (f, pack, TRUE);
}

static void
test_passes_on (CacheFixture *f, gconstpointer data)
{
  g_autofree char *where = ob_store_describe (f->store);

  g_assert_cmpstr (where, ==, "far:away");
  g_assert_true (ob_store_is_consistent (f->store));
  ob_store_set_rate (f->store, 12345);
  g_assert_cmpuint (far_store_get_rate (f->far), ==, 12345);
  g_assert_false (ob_store_stat (f->store, "config", NULL, NULL, NULL));
  g_assert_cmpuint (ob_store_get_requests (f->store), ==, 1);
}

/* Bytes of all files below the cache, as the limit counts them. */
static guint64
measure (CacheFixture *f, guint *n_files)
{
  g_autofree char *top = fixture_path (&f->fixture, "cache/repositories");
  g_autofree char *command = g_strdup_printf ("find %s -type f -printf '%%s\\n'", top);
  g_autofree char *out = NULL;
  g_auto (GStrv) lines = NULL;
  guint64 sum = 0;

  g_assert_true (g_spawn_command_line_sync (command, &out, NULL, NULL, NULL));
  lines = g_strsplit (out, "\n", -1);
  *n_files = 0;
  for (char **line = lines; *line != NULL && **line != '\0'; line++, (*n_files)++)
    sum += (g_ascii_strtoull (*line, NULL, 10) + 4095) / 4096 * 4096;
  return sum;
}

static void
set_used (CacheFixture *f, const char *name, gint64 seconds_ago)
{
  g_autofree char *path = find_copy (f, name);
  gint64 when = g_get_real_time () / G_USEC_PER_SEC - seconds_ago;
  const struct timespec times[2] = { { .tv_sec = when }, { .tv_sec = when } };

  g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
}

static void
test_limit (CacheFixture *f, gconstpointer data)
{
  const guint64 limit = 400 * 1000;
  g_autoptr (GBytes) used = make_bytes (1000, 3000);
  g_autoptr (GBytes) unused = make_bytes (1001, 3000);
  g_autoptr (GBytes) large = make_bytes (1002, limit / 4 + 1);
  g_autofree char *used_name = make_name ("index", used);
  g_autofree char *unused_name = make_name ("index", unused);
  g_autofree char *large_name = make_name ("index", large);
  guint n_files;

  open_with_limit (f, "cache", limit);
  put (f->store, used_name, used, OB_STORE_PUT_NONE);
  put (f->store, unused_name, unused, OB_STORE_PUT_NONE);
  put (f->store, large_name, large, OB_STORE_PUT_NONE);
  assert_copy (f, large_name, FALSE);
  set_used (f, unused_name, 90000);
  for (guint i = 0; i < 300; i++)
    {
      g_autoptr (GBytes) bytes = make_bytes (i, 3000);
      g_autofree char *name = make_name ("snapshots", bytes);

      put (f->store, name, bytes, OB_STORE_PUT_NONE);
      g_assert_cmpuint (measure (f, &n_files), <=, limit);
      if (i == 90)
        {
          assert_copy (f, unused_name, TRUE);
          set_used (f, used_name, 100000);
          assert_get (f, used_name, used);
        }
      if (i == 100)
        {
          assert_copy (f, unused_name, FALSE);
          assert_copy (f, used_name, TRUE);
        }
    }
  g_assert_cmpuint (n_files, >=, 80);
}

static void
test_limit_changes (CacheFixture *f, gconstpointer data)
{
  g_autofree char *left = fixture_path (&f->fixture, "cache/repositories/x/data/.half-written");
  g_autofree char *parent = g_path_get_dirname (left);
  const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
  guint n_files;

  for (guint i = 0; i < 50; i++)
    {
      g_autoptr (GBytes) bytes = make_bytes (i, 3000);
      g_autofree char *name = make_name ("snapshots", bytes);

      put (f->store, name, bytes, OB_STORE_PUT_NONE);
    }
  g_assert_cmpuint (measure (f, &n_files), ==, 50 * 4096);
  g_assert_cmpint (g_mkdir_with_parents (parent, 0700), ==, 0);
  g_assert_true (g_file_set_contents (left, "", 0, NULL));
  g_assert_cmpint (utimensat (AT_FDCWD, left, times, 0), ==, 0);

  /* As the service does at its start. */
  open_with_limit (f, "cache", MUCH);
  ob_cache_directory_trim (f->directory);
  g_assert_cmpuint (measure (f, &n_files), ==, 50 * 4096);
  g_assert_cmpuint (n_files, ==, 50);
  ob_cache_directory_set_limit (f->directory, 100 * 1000);
  ob_cache_directory_trim (f->directory);
  g_assert_cmpuint (measure (f, &n_files), <=, 100 * 1000);
  g_assert_cmpuint (n_files, >, 10);
  ob_cache_directory_set_limit (f->directory, 0);
  ob_cache_directory_trim (f->directory);
  measure (f, &n_files);
  g_assert_cmpuint (n_files, ==, 0);
}

/* All that the store is there for, on a directory that is of no use: told of once. */
static void
use_without_cache (CacheFixture *f, const char *why)
{
  g_autofree char *log = NULL;

  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (GBytes) bytes = make_bytes (i, 50 * 1000);
      g_autofree char *name = make_name ("index", bytes);
      g_autofree char *pack = make_name ("data", bytes);

      put (f->store, name, bytes, OB_STORE_PUT_NONE);
      put (f->store, pack, bytes, OB_STORE_PUT_KEEP);
      assert_get (f, name, bytes);
      assert_get (f, name, bytes);
      assert_range (f, pack, 0, 100, bytes);
      assert_range (f, pack, 1000, 100, bytes);
      list (f, "index", 100);
      list (f, "data", 100);
    }
  log = log_fixture_take ();
  g_assert_cmpuint (log_fixture_count (log, "\n"), ==, 1);
  g_assert_text_has (log, "cannot be used: ");
  g_assert_text_has (log, why);
}

static void
test_full (CacheFixture *f, gconstpointer data)
{
  if (!fixture_begin_mounts (&f->fixture))
    return;
  fixture_mount_tmpfs (&f->fixture, "small", "size=128k");
  open_with_limit (f, "small", MUCH);
  use_without_cache (f, "No space left on device");
}

static void
test_no_inodes (CacheFixture *f, gconstpointer data)
{
  if (!fixture_begin_mounts (&f->fixture))
    return;
  fixture_mount_tmpfs (&f->fixture, "small", "nr_inodes=3");
  open_with_limit (f, "small", MUCH);
  use_without_cache (f, "No space left on device");
}

static void
test_read_only (CacheFixture *f, gconstpointer data)
{
  g_autofree char *path = fixture_path (&f->fixture, "cache");
  g_autoptr (GBytes) bytes = make_bytes (77, 5000);
  g_autofree char *name = make_name ("index", bytes);

  if (!fixture_begin_mounts (&f->fixture))
    return;
  fixture_mount_tmpfs (&f->fixture, "cache", "size=4m");
  put (f->store, name, bytes, OB_STORE_PUT_NONE);
  g_assert_cmpint (mount (NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL), ==, 0);
  /* What is there is used still. */
  far_store_count (f->far);
  assert_get (f, name, bytes);
  g_assert_cmpuint (far_store_count (f->far), ==, 0);
  use_without_cache (f, "Read-only file system");
}

static void
test_no_directory (CacheFixture *f, gconstpointer data)
{
  fixture_write (&f->fixture, "file", "no directory");
  open_with_limit (f, "file", MUCH);
  use_without_cache (f, "Jobs go on without it");
  open_with_limit (f, "file/below", MUCH);
  use_without_cache (f, "Jobs go on without it");
  g_assert_cmpint (symlinkat ("/nowhere", f->fixture.fd, "link"), ==, 0);
  open_with_limit (f, "link", MUCH);
  use_without_cache (f, "Jobs go on without it");
}

/* A link in the way of a copy leads nowhere. */
static void
test_link_in_the_way (CacheFixture *f, gconstpointer data)
{
  g_autofree char *elsewhere = fixture_path (&f->fixture, "elsewhere");
  g_autoptr (GDir) dir = NULL;

  g_assert_cmpint (mkdirat (f->fixture.fd, "cache", 0700), ==, 0);
  g_assert_cmpint (mkdirat (f->fixture.fd, "elsewhere", 0700), ==, 0);
  g_assert_cmpint (symlinkat (elsewhere, f->fixture.fd, "cache/repositories"), ==, 0);
  use_without_cache (f, "Jobs go on without it");
  dir = g_dir_open (elsewhere, 0, NULL);
  g_assert_null (g_dir_read_name (dir));
}

static void
test_deleted (CacheFixture *f, gconstpointer data)
{
  g_autofree char *path = fixture_path (&f->fixture, "cache");
  g_autofree char *away = fixture_path (&f->fixture, "away");
  g_autoptr (GBytes) bytes = make_bytes (1, 5000);
  g_autofree char *name = make_name ("index", bytes);
  g_autofree char *pack = make_name ("data", bytes);

  put (f->store, name, bytes, OB_STORE_PUT_NONE);
  put (f->store, pack, bytes, OB_STORE_PUT_KEEP);
  assert_range (f, pack, 0, 100, bytes);
  g_assert_cmpint (rename (path, away), ==, 0);
  far_store_count (f->far);
  assert_range (f, pack, 0, 100, bytes);
  assert_get (f, name, bytes);
  assert_get (f, name, bytes);
  assert_range (f, pack, 0, 100, bytes);
  g_assert_cmpuint (far_store_count (f->far), ==, 2);
  assert_copy (f, pack, TRUE);
}

static void
test_forget (CacheFixture *f, gconstpointer data)
{
  g_autoptr (GBytes) bytes = make_bytes (1, 5000);
  g_autofree char *name = make_name ("index", bytes);

  put (f->store, name, bytes, OB_STORE_PUT_NONE);
  ob_cache_store_forget ("far:elsewhere", f->directory);
  assert_copy (f, name, TRUE);
  ob_cache_store_forget ("far:away", f->directory);
  assert_copy (f, name, FALSE);
  assert_get (f, name, bytes);
  assert_copy (f, name, TRUE);
}

/* threads */

typedef struct
{
  CacheFixture *f;
  GBytes *bytes;
  char *name;
  GCancellable *cancellable;
} Reading;

static void *
read_pack (void *data)
{
  Reading *reading = data;

  assert_range (reading->f, reading->name, 10, 100, reading->bytes);
  return NULL;
}

/* Who waits for another's fetch can be cancelled; who waits on shares it. */
static void
test_waiting (CacheFixture *f, gconstpointer data)
{
  g_autoptr (GBytes) bytes = make_bytes (1, PACK_SIZE);
  g_autofree char *name = make_name ("data", bytes);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Reading reading = { .f = f, .bytes = bytes, .name = name };
  pthread_t threads[4];
  guint8 buffer[10];

  put (f->store, name, bytes, OB_STORE_PUT_NONE);
  far_store_count (f->far);
  far_store_set_stuck (f->far, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_cmpint (pthread_create (&threads[i], NULL, read_pack, &reading), ==, 0);
  while (!far_store_is_waiting (f->far))
    g_usleep (1000);
  g_cancellable_cancel (cancellable);
  g_assert_cmpint (ob_store_read_kept (f->store, name, 0, buffer, 10, cancellable, &error), ==, -1);
  g_assert_ob_error (error, OB_ERROR_CANCELLED);
  far_store_set_stuck (f->far, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    pthread_join (threads[i], NULL);
  g_assert_cmpuint (far_store_count (f->far), ==, 1);
}

#define N_SHARED 8
#define N_ROUNDS 150

typedef struct
{
  CacheFixture *f;
  ObStore *store;
  guint seed;
  GBytes *bytes[N_SHARED];
  char *small[N_SHARED], *packs[N_SHARED];
} Shared;

static void
use_shared (const Shared *shared, GRand *random)
{
  guint which = (guint) g_rand_int_range (random, 0, N_SHARED);
  CacheFixture f = *shared->f;

  f.store = shared->store;
  switch (g_rand_int_range (random, 0, 8))
    {
    case 0:
      put (f.store, shared->small[which], shared->bytes[which], OB_STORE_PUT_NONE);
      break;
    case 1:
      put (f.store, shared->packs[which], shared->bytes[which], OB_STORE_PUT_KEEP);
      break;
    case 2:
      list (&f, g_rand_boolean (random) ? "index" : "data", 1000);
      break;
    case 3:
      ob_store_distrust (f.store, shared->packs[which]);
      break;
    case 4:
    case 5:
      assert_get (&f, shared->small[which], shared->bytes[which]);
      break;
    default:
      assert_range (&f, shared->packs[which], 1000 * which, 20 * 1000, shared->bytes[which]);
    }
}

static void *
run_shared (void *data)
{
  const Shared *shared = data;
  g_autoptr (GRand) random = g_rand_new_with_seed (shared->seed);

  for (guint i = 0; i < N_ROUNDS; i++)
    use_shared (shared, random);
  return NULL;
}

/* Damages copies as long as the others are at it. */
static void
harm_shared (const Shared *shared, GRand *random)
{
  guint which = (guint) g_rand_int_range (random, 0, N_SHARED);
  g_autofree char *path
    = find_copy (shared->f, g_rand_boolean (random) ? shared->small[which] : shared->packs[which]);
  int fd = path != NULL ? open (path, O_RDWR | O_CLOEXEC) : -1;

  if (fd < 0)
    return;
  if (g_rand_boolean (random))
    g_assert_cmpint (ftruncate (fd, g_rand_int_range (random, 0, PACK_SIZE)), ==, 0);
  else
    g_assert_cmpint (pwrite (fd, "damage", 6, g_rand_int_range (random, 0, 20 * 1000)), ==, 6);
  close (fd);
}

/* Two jobs with stores of their own, each with two threads, and a limit that throws things out. */
static void
test_shared (CacheFixture *f, gconstpointer data)
{
  g_autoptr (ObStore) second = NULL;
  g_autoptr (GRand) random = g_rand_new_with_seed (7);
  Shared shared[4];
  pthread_t threads[4];

  open_with_limit (f, "cache", 400 * 1000);
  second = ob_cache_store_new (OB_STORE (f->far), f->directory);
  for (guint i = 0; i < N_SHARED; i++)
    {
      shared[0].bytes[i] = make_bytes (i, 60 * 1000);
      shared[0].small[i] = make_name ("index", shared[0].bytes[i]);
      shared[0].packs[i] = make_name ("data", shared[0].bytes[i]);
      put (f->store, shared[0].small[i], shared[0].bytes[i], OB_STORE_PUT_NONE);
      put (f->store, shared[0].packs[i], shared[0].bytes[i], OB_STORE_PUT_KEEP);
    }
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      shared[i] = shared[0];
      shared[i].f = f;
      shared[i].store = i < 2 ? f->store : second;
      shared[i].seed = i;
      g_assert_cmpint (pthread_create (&threads[i], NULL, run_shared, &shared[i]), ==, 0);
    }
  for (guint i = 0; i < N_ROUNDS; i++)
    {
      harm_shared (&shared[0], random);
      g_usleep (500);
    }
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    pthread_join (threads[i], NULL);
  for (guint i = 0; i < N_SHARED; i++)
    {
      g_bytes_unref (shared[0].bytes[i]);
      g_free (shared[0].small[i]);
      g_free (shared[0].packs[i]);
    }
}

#define add(path, function)                                                                        \
  g_test_add ("/cache-store/" path, CacheFixture, NULL, set_up, function, tear_down)

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
  add ("limit", test_limit);
  add ("limit-changes", test_limit_changes);
  add ("full", test_full);
  add ("no-inodes", test_no_inodes);
  add ("read-only", test_read_only);
  add ("no-directory", test_no_directory);
  add ("link-in-the-way", test_link_in_the_way);
  add ("deleted", test_deleted);
  add ("forget", test_forget);
  add ("waiting", test_waiting);
  add ("shared", test_shared);
  return g_test_run ();
}
