/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The directory of the copies: it keeps to its limit, and whatever becomes of it, all goes on. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cache-fixture.h"
#include "log-fixture.h"
#include "ob-error.h"

#define MIB (1024 * 1024)
#define MUCH (64 * MIB)
#define PACK_SIZE (300 * 1000)

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
  g_autofree char *path = cache_fixture_find_copy (f, name);
  gint64 when = g_get_real_time () / G_USEC_PER_SEC - seconds_ago;
  const struct timespec times[2] = { { .tv_sec = when }, { .tv_sec = when } };

  g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
}

static void
test_limit (CacheFixture *f, gconstpointer data)
{
  const guint64 limit = 400 * 1000;
  g_autoptr (GBytes) used = cache_fixture_make_bytes (1000, 3000);
  g_autoptr (GBytes) unused = cache_fixture_make_bytes (1001, 3000);
  g_autoptr (GBytes) large = cache_fixture_make_bytes (1002, limit / 4 + 1);
  g_autofree char *used_name = cache_fixture_make_name ("index", used);
  g_autofree char *unused_name = cache_fixture_make_name ("index", unused);
  g_autofree char *large_name = cache_fixture_make_name ("index", large);
  guint n_files;

  cache_fixture_open (f, "cache", limit);
  cache_fixture_put (f->store, used_name, used, OB_STORE_PUT_NONE);
  cache_fixture_put (f->store, unused_name, unused, OB_STORE_PUT_NONE);
  cache_fixture_put (f->store, large_name, large, OB_STORE_PUT_NONE);
  cache_fixture_assert_copy (f, large_name, FALSE);
  set_used (f, unused_name, 90000);
  for (guint i = 0; i < 300; i++)
    {
      g_autoptr (GBytes) bytes = cache_fixture_make_bytes (i, 3000);
      g_autofree char *name = cache_fixture_make_name ("snapshots", bytes);

      cache_fixture_put (f->store, name, bytes, OB_STORE_PUT_NONE);
      g_assert_cmpuint (measure (f, &n_files), <=, limit);
      if (i == 90)
        {
          cache_fixture_assert_copy (f, unused_name, TRUE);
          set_used (f, used_name, 100000);
          cache_fixture_assert_get (f, used_name, used);
        }
      if (i == 100)
        {
          cache_fixture_assert_copy (f, unused_name, FALSE);
          cache_fixture_assert_copy (f, used_name, TRUE);
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
      g_autoptr (GBytes) bytes = cache_fixture_make_bytes (i, 3000);
      g_autofree char *name = cache_fixture_make_name ("snapshots", bytes);

      cache_fixture_put (f->store, name, bytes, OB_STORE_PUT_NONE);
    }
  g_assert_cmpuint (measure (f, &n_files), ==, 50 * 4096);
  g_assert_cmpint (g_mkdir_with_parents (parent, 0700), ==, 0);
  g_assert_true (g_file_set_contents (left, "", 0, NULL));
  g_assert_cmpint (utimensat (AT_FDCWD, left, times, 0), ==, 0);

  /* As the service does at its start. */
  cache_fixture_open (f, "cache", MUCH);
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
      g_autoptr (GBytes) bytes = cache_fixture_make_bytes (i, 50 * 1000);
      g_autofree char *name = cache_fixture_make_name ("index", bytes);
      g_autofree char *pack = cache_fixture_make_name ("data", bytes);

      cache_fixture_put (f->store, name, bytes, OB_STORE_PUT_NONE);
      cache_fixture_put (f->store, pack, bytes, OB_STORE_PUT_KEEP);
      cache_fixture_assert_get (f, name, bytes);
      cache_fixture_assert_get (f, name, bytes);
      cache_fixture_assert_range (f, pack, 0, 100, bytes);
      cache_fixture_assert_range (f, pack, 1000, 100, bytes);
      cache_fixture_list (f, "index", 100);
      cache_fixture_list (f, "data", 100);
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
  cache_fixture_open (f, "small", MUCH);
  use_without_cache (f, "No space left on device");
}

static void
test_no_inodes (CacheFixture *f, gconstpointer data)
{
  if (!fixture_begin_mounts (&f->fixture))
    return;
  fixture_mount_tmpfs (&f->fixture, "small", "nr_inodes=3");
  cache_fixture_open (f, "small", MUCH);
  use_without_cache (f, "No space left on device");
}

static void
test_read_only (CacheFixture *f, gconstpointer data)
{
  g_autofree char *path = fixture_path (&f->fixture, "cache");
  g_autoptr (GBytes) bytes = cache_fixture_make_bytes (77, 5000);
  g_autofree char *name = cache_fixture_make_name ("index", bytes);

  if (!fixture_begin_mounts (&f->fixture))
    return;
  fixture_mount_tmpfs (&f->fixture, "cache", "size=4m");
  cache_fixture_put (f->store, name, bytes, OB_STORE_PUT_NONE);
  g_assert_cmpint (mount (NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL), ==, 0);
  /* What is there is used still. */
  far_store_count (f->far);
  cache_fixture_assert_get (f, name, bytes);
  g_assert_cmpuint (far_store_count (f->far), ==, 0);
  use_without_cache (f, "Read-only file system");
}

static void
test_no_directory (CacheFixture *f, gconstpointer data)
{
  fixture_write (&f->fixture, "file", "no directory");
  cache_fixture_open (f, "file", MUCH);
  use_without_cache (f, "Jobs go on without it");
  cache_fixture_open (f, "file/below", MUCH);
  use_without_cache (f, "Jobs go on without it");
  g_assert_cmpint (symlinkat ("/nowhere", f->fixture.fd, "link"), ==, 0);
  cache_fixture_open (f, "link", MUCH);
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
  g_autoptr (GBytes) bytes = cache_fixture_make_bytes (1, 5000);
  g_autofree char *name = cache_fixture_make_name ("index", bytes);
  g_autofree char *pack = cache_fixture_make_name ("data", bytes);

  cache_fixture_put (f->store, name, bytes, OB_STORE_PUT_NONE);
  cache_fixture_put (f->store, pack, bytes, OB_STORE_PUT_KEEP);
  cache_fixture_assert_range (f, pack, 0, 100, bytes);
  g_assert_cmpint (rename (path, away), ==, 0);
  far_store_count (f->far);
  cache_fixture_assert_range (f, pack, 0, 100, bytes);
  cache_fixture_assert_get (f, name, bytes);
  cache_fixture_assert_get (f, name, bytes);
  cache_fixture_assert_range (f, pack, 0, 100, bytes);
  g_assert_cmpuint (far_store_count (f->far), ==, 2);
  cache_fixture_assert_copy (f, pack, TRUE);
}

/* What cannot take its place as a copy does not stay under the name that it was written with. */
static void
test_occupied (CacheFixture *f, gconstpointer data)
{
  g_autoptr (GBytes) first = cache_fixture_make_bytes (1, 5000);
  g_autoptr (GBytes) bytes = cache_fixture_make_bytes (2, 5000);
  g_autofree char *first_name = cache_fixture_make_name ("index", first);
  g_autofree char *name = cache_fixture_make_name ("index", bytes);
  g_autofree char *first_path = NULL;
  g_autofree char *directory = NULL;
  g_autofree char *path = NULL;
  g_autofree char *log = NULL;
  guint n_files;

  cache_fixture_put (f->store, first_name, first, OB_STORE_PUT_NONE);
  first_path = cache_fixture_find_copy (f, first_name);
  directory = g_path_get_dirname (first_path);
  path = g_build_filename (directory, strrchr (name, '/') + 1, NULL);
  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  cache_fixture_put (f->store, name, bytes, OB_STORE_PUT_NONE);
  log = log_fixture_take ();
  g_assert_text_has (log, "cannot be used");
  measure (f, &n_files);
  g_assert_cmpuint (n_files, ==, 1);
  g_assert_cmpint (rmdir (path), ==, 0);
  cache_fixture_assert_get (f, name, bytes);
  cache_fixture_assert_copy (f, name, TRUE);
}

static void
test_forget (CacheFixture *f, gconstpointer data)
{
  g_autoptr (GBytes) bytes = cache_fixture_make_bytes (1, 5000);
  g_autofree char *name = cache_fixture_make_name ("index", bytes);

  cache_fixture_put (f->store, name, bytes, OB_STORE_PUT_NONE);
  ob_cache_store_forget ("far:elsewhere", f->directory);
  cache_fixture_assert_copy (f, name, TRUE);
  ob_cache_store_forget ("far:away", f->directory);
  cache_fixture_assert_copy (f, name, FALSE);
  cache_fixture_assert_get (f, name, bytes);
  cache_fixture_assert_copy (f, name, TRUE);
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

  cache_fixture_assert_range (reading->f, reading->name, 10, 100, reading->bytes);
  return NULL;
}

/* Who waits for another's fetch can be cancelled; who waits on shares it. */
static void
test_waiting (CacheFixture *f, gconstpointer data)
{
  g_autoptr (GBytes) bytes = cache_fixture_make_bytes (1, PACK_SIZE);
  g_autofree char *name = cache_fixture_make_name ("data", bytes);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Reading reading = { .f = f, .bytes = bytes, .name = name };
  pthread_t threads[4];
  guint8 buffer[10];

  cache_fixture_put (f->store, name, bytes, OB_STORE_PUT_NONE);
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
      cache_fixture_put (f.store, shared->small[which], shared->bytes[which], OB_STORE_PUT_NONE);
      break;
    case 1:
      cache_fixture_put (f.store, shared->packs[which], shared->bytes[which], OB_STORE_PUT_KEEP);
      break;
    case 2:
      cache_fixture_list (&f, g_rand_boolean (random) ? "index" : "data", 1000);
      break;
    case 3:
      ob_store_distrust (f.store, shared->packs[which]);
      break;
    case 4:
    case 5:
      cache_fixture_assert_get (&f, shared->small[which], shared->bytes[which]);
      break;
    default:
      cache_fixture_assert_range (&f, shared->packs[which], 1000 * which, 20 * 1000,
                                  shared->bytes[which]);
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
    = cache_fixture_find_copy (shared->f, g_rand_boolean (random) ? shared->small[which]
                                                                  : shared->packs[which]);
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

  cache_fixture_open (f, "cache", 400 * 1000);
  second = ob_cache_store_new (OB_STORE (f->far), f->directory);
  for (guint i = 0; i < N_SHARED; i++)
    {
      shared[0].bytes[i] = cache_fixture_make_bytes (i, 60 * 1000);
      shared[0].small[i] = cache_fixture_make_name ("index", shared[0].bytes[i]);
      shared[0].packs[i] = cache_fixture_make_name ("data", shared[0].bytes[i]);
      cache_fixture_put (f->store, shared[0].small[i], shared[0].bytes[i], OB_STORE_PUT_NONE);
      cache_fixture_put (f->store, shared[0].packs[i], shared[0].bytes[i], OB_STORE_PUT_KEEP);
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
  g_test_add ("/cache-directory/" path, CacheFixture, NULL, cache_fixture_set_up, function,        \
              cache_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_fixture_begin ();
  add ("limit", test_limit);
  add ("limit-changes", test_limit_changes);
  add ("full", test_full);
  add ("no-inodes", test_no_inodes);
  add ("read-only", test_read_only);
  add ("no-directory", test_no_directory);
  add ("link-in-the-way", test_link_in_the_way);
  add ("deleted", test_deleted);
  add ("occupied", test_occupied);
  add ("forget", test_forget);
  add ("waiting", test_waiting);
  add ("shared", test_shared);
  return g_test_run ();
}
