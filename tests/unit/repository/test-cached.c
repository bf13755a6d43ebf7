/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A repository that is far away, behind a cache: what each thing asks the far store for, and that
 * nobody sees damage of a copy. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "far-store.h"
#include "fixture.h"
#include "log-fixture.h"
#include "ob-blob-reader.h"
#include "ob-cache-store.h"
#include "ob-error.h"
#include "ob-lock.h"
#include "ob-pack-check.h"
#include "ob-writer.h"

#define N_TREES 400

typedef struct
{
  Fixture fixture;
  FarStore *far;
  ObCacheDirectory *directory;
  ObRepository *repository;
  ObId trees[N_TREES];
} Cached;

/* Opens the repository as a service that was just started. */
static void
reopen (Cached *cached)
{
  g_autoptr (ObStore) store = ob_cache_store_new (OB_STORE (cached->far), cached->directory);
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&cached->repository, ob_repository_unref);
  cached->repository = ob_repository_open (store, "", NULL, &error);
  g_assert_no_error (error);
}

static void
load_index (Cached *cached)
{
  g_autoptr (GError) error = NULL;

  ob_repository_load_index (cached->repository, NULL, &error);
  g_assert_no_error (error);
}

/* Stores trees that differ, some small and some beyond what is read at once. */
static void
store_trees (Cached *cached)
{
  g_autoptr (ObWriter) writer = ob_writer_new (cached->repository, 2, NULL);
  g_autoptr (GArray) content = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < N_TREES; i++)
    {
      g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
      guint n = i % 100 == 0 ? 3000 : 5;

      for (guint j = 0; j < n; j++)
        {
          g_autofree char *name = g_strdup_printf ("%08x%08x", g_random_int (), j);
          const struct timespec time = { .tv_sec = i, .tv_nsec = j };

          g_ptr_array_add (nodes, ob_node_new_file (name, 0, content, &time));
        }
      g_assert_true (ob_writer_add_tree (writer, nodes, &cached->trees[i], &error));
    }
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
}

static void
set_up (Cached *cached, gconstpointer data)
{
  g_autoptr (ObStore) store = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  fixture_set_up (&cached->fixture, NULL);
  path = fixture_path (&cached->fixture, "cache");
  cached->far = FAR_STORE (far_store_new ());
  cached->directory = ob_cache_directory_new (path, 100 * 1000 * 1000);
  store = ob_cache_store_new (OB_STORE (cached->far), cached->directory);
  cached->repository = ob_repository_create (store, "", NULL, &error);
  g_assert_no_error (error);
  load_index (cached);
  store_trees (cached);
}

static void
tear_down (Cached *cached, gconstpointer data)
{
  g_autofree char *log = log_fixture_take ();

  g_assert_cmpstr (log, ==, "");
  ob_repository_unref (cached->repository);
  ob_cache_directory_unref (cached->directory);
  g_object_unref (cached->far);
  fixture_tear_down (&cached->fixture, NULL);
}

static void
read_trees (Cached *cached)
{
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (cached->repository);

  for (guint i = 0; i < N_TREES; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GPtrArray) nodes
        = ob_blob_reader_load_tree (reader, &cached->trees[i], NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (nodes->len, >=, 5);
    }
}

/* The copies of packs. Transfer full. */
static GPtrArray *
find_packs (Cached *cached)
{
  g_autofree char *top = fixture_path (&cached->fixture, "cache/repositories");
  g_autofree char *command = g_strdup_printf ("find %s -path '*/data/*' -type f", top);
  g_autofree char *out = NULL;
  g_auto (GStrv) lines = NULL;
  GPtrArray *packs = g_ptr_array_new_with_free_func (g_free);

  g_assert_true (g_spawn_command_line_sync (command, &out, NULL, NULL, NULL));
  lines = g_strsplit (out, "\n", -1);
  for (char **line = lines; *line != NULL && **line != '\0'; line++)
    g_ptr_array_add (packs, g_strdup (*line));
  g_assert_cmpuint (packs->len, >, 0);
  return packs;
}

static void
test_requests (Cached *cached, gconstpointer data)
{
  g_autoptr (ObLock) lock = NULL;
  g_autoptr (GPtrArray) packs = NULL;
  g_autoptr (GPtrArray) snapshots = NULL;
  g_autoptr (GError) error = NULL;

  /* The first time keys are read; then the config, and the list of keys. */
  reopen (cached);
  far_store_count (cached->far);
  reopen (cached);
  g_assert_cmpuint (far_store_count (cached->far), ==, 2);
  load_index (cached);
  g_assert_cmpuint (far_store_count (cached->far), ==, 1);
  snapshots = ob_repository_list_snapshots (cached->repository, NULL, NULL, &error);
  g_assert_cmpuint (far_store_count (cached->far), ==, 1);
  lock = ob_lock_acquire (cached->repository, FALSE, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (far_store_count (cached->far), ==, 3);
  ob_lock_release (g_steal_pointer (&lock));
  g_assert_cmpuint (far_store_count (cached->far), ==, 1);
  read_trees (cached);
  g_assert_cmpuint (far_store_count (cached->far), ==, 0);

  /* Without the copies each pack is read once. */
  packs = find_packs (cached);
  for (guint i = 0; i < packs->len; i++)
    g_assert_cmpint (unlink (g_ptr_array_index (packs, i)), ==, 0);
  read_trees (cached);
  g_assert_cmpuint (far_store_count (cached->far), ==, packs->len);
  read_trees (cached);
  g_assert_cmpuint (far_store_count (cached->far), ==, 0);
}

/* Changes what nothing but the content tells of, as a failing disk does. */
static void
rot (const char *path, gsize from)
{
  int fd = open (path, O_RDWR | O_CLOEXEC);
  struct stat info;
  guint8 byte;

  g_assert_cmpint (fstat (fd, &info), ==, 0);
  for (off_t place = (off_t) from; place < info.st_size; place += 500)
    {
      g_assert_cmpint (pread (fd, &byte, 1, place), ==, 1);
      byte ^= 1;
      g_assert_cmpint (pwrite (fd, &byte, 1, place), ==, 1);
    }
  g_assert_cmpint (futimens (fd, (struct timespec[2]){ info.st_atim, info.st_mtim }), ==, 0);
  close (fd);
}

static void
test_rotten_pack (Cached *cached, gconstpointer data)
{
  g_autoptr (GPtrArray) packs = find_packs (cached);

  reopen (cached);
  load_index (cached);
  read_trees (cached);
  for (guint i = 0; i < packs->len; i++)
    rot (g_ptr_array_index (packs, i), 100);
  far_store_count (cached->far);
  read_trees (cached);
  g_assert_cmpuint (far_store_count (cached->far), >, 0);
  for (guint i = 0; i < packs->len; i++)
    g_assert_cmpint (access (g_ptr_array_index (packs, i), F_OK), ==, -1);
}

/* What is damaged there is told of, however often it is asked for. */
static void
test_damaged_there (Cached *cached, gconstpointer data)
{
  g_autoptr (GPtrArray) packs = find_packs (cached);

  for (guint i = 0; i < packs->len; i++)
    {
      const char *path = g_ptr_array_index (packs, i);
      const char *hex = strrchr (path, '/') + 1;
      g_autofree char *name = g_strdup_printf ("data/%.2s/%s", hex, hex);
      g_autofree char *text = NULL;
      struct iovec part = { 0 };

      g_assert_true (g_file_get_contents (path, &text, &part.iov_len, NULL));
      for (gsize place = 100; place < part.iov_len; place += 500)
        text[place] ^= 1;
      part.iov_base = text;
      g_assert_true (
        ob_store_put (OB_STORE (cached->far), name, &part, 1, OB_STORE_PUT_NONE, NULL, NULL));
      g_assert_cmpint (unlink (path), ==, 0);
    }
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (ObBlobReader) reader = NULL;
      g_autoptr (GError) error = NULL;

      reopen (cached);
      load_index (cached);
      reader = ob_blob_reader_new (cached->repository);
      g_assert_null (ob_blob_reader_load_tree (reader, &cached->trees[0], NULL, &error));
      g_assert_ob_error (error, OB_ERROR_CORRUPT);
      g_clear_error (&error);
      g_assert_null (ob_blob_reader_load_tree (reader, &cached->trees[0], NULL, &error));
      g_assert_ob_error (error, OB_ERROR_CORRUPT);
    }
}

#define add(path, function) g_test_add (path, Cached, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_fixture_begin ();
  add ("/cached/requests", test_requests);
  add ("/cached/rotten-pack", test_rotten_pack);
  add ("/cached/damaged-there", test_damaged_there);
  return g_test_run ();
}
