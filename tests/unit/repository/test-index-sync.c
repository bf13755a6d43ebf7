/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-index-sync.h"

#include <malloc.h>
#include <pthread.h>
#include <string.h>

#include "core-fixture.h"
#include "fault-store.h"
#include "ob-error.h"

static void
make_id (guint64 number, ObId *id)
{
  ob_id_of (&number, sizeof number, id);
}

/* Saves an index of one pack with @n blobs, numbered from @first on. */
static void
save (ObRepository *repository, guint64 first, guint n)
{
  g_autoptr (GArray) entries = g_array_new (FALSE, FALSE, sizeof (ObPackEntry));
  g_autoptr (GError) error = NULL;
  ObId pack;

  make_id (1000000 + first, &pack);
  for (guint i = 0; i < n; i++)
    {
      ObPackEntry entry = { .type = OB_BLOB_DATA, .offset = 100 * i, .length = 100 };

      make_id (first + i, &entry.id);
      g_array_append_val (entries, entry);
    }
  ob_repository_save_index (repository, &pack, &entries, 1, NULL, &error);
  g_assert_no_error (error);
}

static gboolean
knows (ObRepository *repository, guint64 number)
{
  ObBlobLocation location;
  ObId id;

  make_id (number, &id);
  return ob_index_lookup (ob_repository_get_index (repository), OB_BLOB_DATA, &id, &location);
}

static void
load (ObRepository *repository)
{
  g_autoptr (GError) error = NULL;

  ob_repository_load_index (repository, NULL, &error);
  g_assert_no_error (error);
}

static ObRepository *
open_again (CoreFixture *fixture)
{
  g_autoptr (GError) error = NULL;
  ObRepository *repository = ob_repository_open (fixture->store, CORE_PASSPHRASE, NULL, &error);

  g_assert_no_error (error);
  return repository;
}

/* What one saves, it knows at once, and another learns of with the next load. */
static void
test_news (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObRepository) other = open_again (fixture);

  save (fixture->repository, 1, 10);
  g_assert_true (knows (fixture->repository, 10));
  g_assert_false (knows (fixture->repository, 11));
  g_assert_false (knows (other, 10));
  load (other);
  g_assert_true (knows (other, 10));
  save (fixture->repository, 100, 1);
  g_assert_false (knows (other, 100));
  load (other);
  g_assert_true (knows (other, 100));
  g_assert_cmpuint (ob_index_get_n_blobs (ob_repository_get_index (other)), ==, 11);
  g_assert_cmpuint (ob_repository_get_stored_size (other), ==,
                    ob_repository_get_stored_size (fixture->repository));

  /* What it has saved itself is not read again. */
  load (fixture->repository);
  g_assert_cmpuint (ob_index_get_n_blobs (ob_repository_get_index (fixture->repository)), ==, 11);
}

/* After a prune by somebody else, what is gone from the store must be gone from here. */
static void
test_lost (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) names = NULL;

  save (fixture->repository, 1, 10);
  names = core_fixture_list (fixture, "index");
  save (fixture->repository, 100, 10);
  core_fixture_remove (fixture, g_ptr_array_index (names, 0));
  g_assert_true (knows (fixture->repository, 1));
  load (fixture->repository);
  g_assert_false (knows (fixture->repository, 1));
  g_assert_true (knows (fixture->repository, 100));
  g_assert_cmpuint (ob_index_get_n_blobs (ob_repository_get_index (fixture->repository)), ==, 10);
}

/* A file never changes under its name: what is known is not read again. */
static void
test_known (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObRepository) other = open_again (fixture);
  g_autoptr (GPtrArray) names = NULL;

  save (fixture->repository, 1, 10);
  load (other);
  names = core_fixture_list (fixture, "index");
  core_fixture_flip (fixture, g_ptr_array_index (names, 0));
  load (other);
  load (fixture->repository);
  g_assert_true (knows (other, 1));
}

/* While somebody prunes: what has come in place of the lost one is damaged, so nothing changes. */
static void
test_lost_and_damaged (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObRepository) other = open_again (fixture);
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GPtrArray) all = NULL;
  g_autoptr (GError) error = NULL;

  save (fixture->repository, 1, 10);
  load (other);
  names = core_fixture_list (fixture, "index");
  core_fixture_remove (fixture, g_ptr_array_index (names, 0));
  save (fixture->repository, 100, 10);
  all = core_fixture_list (fixture, "index");
  core_fixture_flip (fixture, g_ptr_array_index (all, 0));
  g_assert_false (ob_repository_load_index (other, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
  g_assert_nonnull (strstr (error->message, g_ptr_array_index (all, 0)));
  g_assert_true (knows (other, 1));

  core_fixture_flip (fixture, g_ptr_array_index (all, 0));
  load (other);
  g_assert_false (knows (other, 1));
  g_assert_true (knows (other, 100));
}

/* Who has no index yet is told what to do about it. */
static void
test_advice (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (ObRepository) other = NULL;
  g_autoptr (GError) error = NULL;

  save (fixture->repository, 1, 10);
  names = core_fixture_list (fixture, "index");
  core_fixture_flip (fixture, g_ptr_array_index (names, 0));
  other = open_again (fixture);
  g_assert_false (ob_repository_load_index (other, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
  g_assert_nonnull (strstr (error->message, "verify --repair"));
  g_assert_nonnull (strstr (error->message, g_ptr_array_index (names, 0)));
}

/* Sealed with our key, and yet no index. */
static void
test_no_index (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObRepository) other = NULL;
  g_autoptr (GError) error = NULL;
  ObId id;

  ob_repository_put_unpacked (fixture->repository, "index", "[1]", 3, &id, NULL, &error);
  g_assert_no_error (error);
  other = open_again (fixture);
  g_assert_false (ob_repository_load_index (other, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
  g_assert_nonnull (strstr (error->message, "verify --repair"));
}

/* What else lies in the directory is in nobody's way. */
static void
test_strangers (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObRepository) other = open_again (fixture);

  g_autoptr (GPtrArray) names = NULL;
  g_autofree char *aside = NULL;

  save (fixture->repository, 1, 10);
  names = core_fixture_list (fixture, "index");
  aside = g_strconcat (g_ptr_array_index (names, 0), ".bad", NULL);
  core_fixture_put (fixture, aside, "x", 1);
  core_fixture_put (fixture, "index/.DS_Store", "x", 1);
  core_fixture_put (fixture, "index/0123", "x", 1);
  core_fixture_put (fixture, "index/ab/abcd", "x", 1);
  load (other);
  g_assert_true (knows (other, 1));
}

/* One that cannot be read leaves what is known as it is, and is tried again. */
static void
test_damaged (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObRepository) other = open_again (fixture);
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GError) error = NULL;

  save (fixture->repository, 1, 10);
  load (other);
  save (fixture->repository, 100, 10);
  names = core_fixture_list (fixture, "index");
  for (guint i = 0; i < names->len; i++)
    core_fixture_flip (fixture, g_ptr_array_index (names, i));
  g_assert_false (ob_repository_load_index (other, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
  /* It says what to do. */
  g_assert_nonnull (strstr (error->message, "verify --repair"));
  g_assert_true (knows (other, 1));
  for (guint i = 0; i < names->len; i++)
    core_fixture_flip (fixture, g_ptr_array_index (names, i));
  load (other);
  g_assert_true (knows (other, 100));
}

#define N_PACKS 30
#define BLOBS_A_PACK 4000

/* So many go into three files. */
static void
save_many (ObRepository *repository)
{
  g_autofree ObId *packs = g_new (ObId, N_PACKS);
  g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func ((GDestroyNotify) g_array_unref);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < N_PACKS; i++)
    {
      GArray *blobs = g_array_new (FALSE, FALSE, sizeof (ObPackEntry));

      make_id (1000000 + i, &packs[i]);
      for (guint j = 0; j < BLOBS_A_PACK; j++)
        {
          ObPackEntry entry = { .type = OB_BLOB_DATA, .offset = 100 * j, .length = 100 };

          make_id (i * BLOBS_A_PACK + j, &entry.id);
          g_array_append_val (blobs, entry);
        }
      g_ptr_array_add (entries, blobs);
    }
  ob_repository_save_index (repository, packs, (GArray *const *) entries->pdata, N_PACKS, NULL,
                            &error);
  g_assert_no_error (error);
}

/* Many packs go into several files of a bounded size. */
static void
test_files (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObRepository) other = open_again (fixture);
  g_autoptr (GPtrArray) names = NULL;

  save_many (fixture->repository);
  names = core_fixture_list (fixture, "index");
  g_assert_cmpuint (names->len, ==, 3);
  load (other);
  g_assert_cmpuint (ob_index_get_n_blobs (ob_repository_get_index (other)), ==,
                    N_PACKS * BLOBS_A_PACK);
}

typedef struct
{
  gsize peak; /* bytes */
  guint n_reads;
} Usage;

/* Large pieces of memory, such as an index has, are counted by glibc in all threads together. */
static void
take_sample (const char *name, gpointer user_data)
{
  Usage *usage = user_data;

  if (!g_str_has_prefix (name, "index/"))
    return;
  usage->peak = MAX (usage->peak, mallinfo2 ().hblkhd);
  usage->n_reads++;
}

/* When a file has gone, what is left is not held twice while it is read again. */
static void
test_memory (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = fault_store_new (fixture->store);
  g_autoptr (ObRepository) other = NULL;
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GError) error = NULL;
  Usage usage = { 0 };
  gsize before, size;

  other = ob_repository_open (store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  save_many (fixture->repository);
  load (other);
  names = core_fixture_list (fixture, "index");
  core_fixture_remove (fixture, g_ptr_array_index (names, 0));

  size = ob_index_get_memory_size (ob_repository_get_index (other));
  before = mallinfo2 ().hblkhd;
  fault_store_watch_reads (FAULT_STORE (store), take_sample, &usage);
  load (other);
  g_assert_cmpuint (usage.n_reads, >=, 2);
  g_test_message ("An index of %" G_GSIZE_FORMAT " bytes took %" G_GSSIZE_FORMAT
                  " more at the peak of its renewal",
                  size, (gssize) (usage.peak - before));
  g_assert_cmpuint (usage.peak, <, before + size * 2 / 5); /* with the bytes of one file */
}

/* Somebody saves while the check reads. */
static void
save_once (const char *name, gpointer user_data)
{
  ObRepository *repository = user_data;

  if (g_str_has_prefix (name, "index/") && !knows (repository, 500))
    save (repository, 500, 10);
}

/* What is saved while a check is at work stays known: it had just not been there to be checked. */
static void
test_check_and_save (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = fault_store_new (fixture->store);
  g_autoptr (GPtrArray) damaged
    = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_index_damage_free);
  g_autoptr (ObRepository) other = NULL;
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GError) error = NULL;

  other = ob_repository_open (store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  save (other, 1, 10);
  names = core_fixture_list (fixture, "index");
  save (other, 100, 10);
  fault_store_watch_reads (FAULT_STORE (store), save_once, other);
  ob_repository_check_index (other, damaged, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (knows (other, 500));
  g_assert_true (knows (other, 1));

  /* A damaged one is forgotten all the same. */
  core_fixture_flip (fixture, g_ptr_array_index (names, 0));
  ob_repository_check_index (other, damaged, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (damaged->len, ==, 1);
  g_assert_false (knows (other, 1));
  g_assert_true (knows (other, 100));
  g_assert_true (knows (other, 500));
}

static void
test_cancelled (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObRepository) other = open_again (fixture);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  save (fixture->repository, 1, 10);
  g_cancellable_cancel (cancellable);
  g_assert_false (ob_repository_load_index (other, cancellable, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
}

#define N_SAVES 30

static void *
run_saves (void *data)
{
  for (guint i = 0; i < N_SAVES; i++)
    save (data, 10 * i, 10);
  return NULL;
}

/* What was saved stays known, whoever loads meanwhile. */
static void
test_threads (CoreFixture *fixture, gconstpointer data)
{
  pthread_t thread;
  guint seen = 0;

  save (fixture->repository, 100000, 1);
  g_assert_cmpint (pthread_create (&thread, NULL, run_saves, fixture->repository), ==, 0);
  while (seen < N_SAVES)
    {
      load (fixture->repository);
      g_assert_true (knows (fixture->repository, 100000));
      for (guint i = 0; i < seen; i++)
        g_assert_true (knows (fixture->repository, 10 * i + 9));
      while (seen < N_SAVES && knows (fixture->repository, 10 * seen + 9))
        seen++;
    }
  pthread_join (thread, NULL);
}

#define ADD(name, test)                                                                            \
  g_test_add ("/index-sync/" name, CoreFixture, NULL, core_fixture_set_up, test,                   \
              core_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* Or glibc changes it by and by, and does not count the pieces of an index any more. */
  mallopt (M_MMAP_THRESHOLD, 128 * 1024);
  ADD ("news", test_news);
  ADD ("lost", test_lost);
  ADD ("known", test_known);
  ADD ("lost-and-damaged", test_lost_and_damaged);
  ADD ("advice", test_advice);
  ADD ("no-index", test_no_index);
  ADD ("strangers", test_strangers);
  ADD ("damaged", test_damaged);
  ADD ("files", test_files);
  ADD ("memory", test_memory);
  ADD ("check-and-save", test_check_and_save);
  ADD ("cancelled", test_cancelled);
  ADD ("threads", test_threads);
  return g_test_run ();
}
