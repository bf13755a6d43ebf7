/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * index-load N…: how long the index of N blobs takes to load, and how much memory it holds, for
 * each N; and the same for the load after one of its files was taken away, as a prune does. Prints
 * two lines of JSON each: blobs, bytes of the index files, seconds, bytes of the index in memory,
 * and bytes of the process before and at the peak of the load.
 */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "core-fixture.h"

#define BLOBS_IN_PACK 256

static GArray *
make_entries (guint n)
{
  GArray *entries = g_array_sized_new (FALSE, FALSE, sizeof (ObPackEntry), n);
  guint32 offset = 0;

  for (guint i = 0; i < n; i++)
    {
      ObPackEntry entry = { .type = i % 4 == 0 ? OB_BLOB_TREE : OB_BLOB_DATA,
                            .offset = offset,
                            .length = 20000 + (guint32) g_random_int_range (0, 40000),
                            .plain_length = 60000 };

      ob_crypto_random (&entry.id, sizeof entry.id);
      offset += entry.length;
      g_array_append_val (entries, entry);
    }
  return entries;
}

static void
save_index (ObRepository *repository, guint n_blobs)
{
  guint n_packs = n_blobs / BLOBS_IN_PACK;
  g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func ((GDestroyNotify) g_array_unref);
  g_autofree ObId *packs = g_new0 (ObId, n_packs);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < n_packs; i++)
    {
      ob_crypto_random (&packs[i], sizeof packs[i]);
      g_ptr_array_add (entries, make_entries (BLOBS_IN_PACK));
    }
  ob_repository_save_index (repository, packs, (GArray *const *) entries->pdata, n_packs, NULL,
                            &error);
  g_assert_no_error (error);
}

static guint64
sum_sizes (CoreFixture *fixture)
{
  g_autoptr (GPtrArray) names = core_fixture_list (fixture, "index");
  guint64 sum = 0;

  for (guint i = 0; i < names->len; i++)
    {
      guint64 size = 0;

      ob_store_stat (fixture->store, g_ptr_array_index (names, i), &size, NULL, NULL);
      sum += size;
    }
  return sum;
}

/* A line of /proc/self/status, in bytes. */
static gsize
get_status (const char *name)
{
  g_autofree char *status = NULL;

  g_file_get_contents ("/proc/self/status", &status, NULL, NULL);
  return (gsize) g_ascii_strtoull (strstr (status, name) + strlen (name), NULL, 10) * 1024;
}

/* The peak begins anew (proc(5), clear_refs), and what was freed counts as free. */
static void
reset_peak (void)
{
  FILE *file;

  malloc_trim (0);
  file = fopen ("/proc/self/clear_refs", "w");
  if (file == NULL || fputs ("5", file) < 0 || fclose (file) != 0)
    g_error ("The peak of the process cannot be reset.");
}

static void
load (CoreFixture *fixture, ObRepository *repository)
{
  g_autoptr (GError) error = NULL;
  gsize before;
  gint64 began;

  reset_peak ();
  before = get_status ("VmRSS:");
  began = g_get_monotonic_time ();
  ob_repository_load_index (repository, NULL, &error);
  g_assert_no_error (error);
  printf ("{\"blobs\": %" G_GUINT64_FORMAT ", \"files\": %" G_GUINT64_FORMAT
          ", \"seconds\": %.3f, \"memory\": %" G_GSIZE_FORMAT ", \"before\": %" G_GSIZE_FORMAT
          ", \"peak\": %" G_GSIZE_FORMAT "}\n",
          ob_index_get_n_blobs (ob_repository_get_index (repository)), sum_sizes (fixture),
          (double) (g_get_monotonic_time () - began) / G_USEC_PER_SEC,
          ob_index_get_memory_size (ob_repository_get_index (repository)), before,
          get_status ("VmHWM:"));
}

static void
measure (guint n_blobs)
{
  CoreFixture fixture = { 0 };
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GError) error = NULL;

  core_fixture_set_up (&fixture, NULL);
  save_index (fixture.repository, n_blobs);
  g_clear_pointer (&fixture.repository, ob_repository_unref);
  repository = ob_repository_open (fixture.store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  load (&fixture, repository);

  names = core_fixture_list (&fixture, "index");
  core_fixture_remove (&fixture, g_ptr_array_index (names, 0));
  load (&fixture, repository);
  core_fixture_tear_down (&fixture, NULL);
}

int
main (int argc, char **argv)
{
  for (int i = 1; i < argc; i++)
    measure ((guint) g_ascii_strtoull (argv[i], NULL, 10));
  return 0;
}
