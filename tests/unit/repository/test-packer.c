/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-packer.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core-fixture.h"
#include "ob-error.h"
#include "ob-pack.h"

#define MIB (1024 * 1024)

static ObId
id_of (guint64 number)
{
  ObId id;

  ob_id_of (&number, sizeof number, &id);
  return id;
}

/* Puts a blob of @length bytes where it goes. */
static gboolean
add (ObPacker *packer, ObBlobType type, guint64 number, gsize length)
{
  ObId id = id_of (number);
  ObPackSlot slot;

  if (!ob_packer_reserve (packer, type, &id, length, 0, &slot))
    return FALSE;
  memset (slot.at, (int) number, length);
  ob_packer_commit (packer, &slot);
  return TRUE;
}

static void
finish (ObPacker *packer, ObFirstError *first_error)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (ob_packer_finish (packer));
  ob_first_error_check (first_error, &error);
  g_assert_no_error (error);
}

/* The bytes of a pack are those of its name, its header is that of its blobs, and the index knows
 * each where it is. Returns the number of blobs. */
static guint
check_pack (CoreFixture *fixture, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = ob_store_get (fixture->store, name, 64 * MIB, NULL, &error);
  g_autoptr (ObCrypto) crypto = ob_crypto_new (ob_repository_get_key (fixture->repository));
  g_autoptr (GArray) entries = NULL;
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  guint32 header_size;
  ObId pack;
  char hex[OB_ID_HEX_SIZE];

  g_assert_no_error (error);
  ob_id_of (data, size, &pack);
  ob_id_to_hex (&pack, hex);
  g_assert_cmpstr (hex, ==, strrchr (name, '/') + 1);
  g_assert_cmpmem (name + strlen ("data/"), 2, hex, 2);
  memcpy (&header_size, data + size - 4, 4);
  header_size = GUINT32_FROM_LE (header_size);
  entries = ob_pack_parse_header (crypto, data + size - 4 - header_size, header_size, size, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < entries->len; i++)
    {
      const ObPackEntry *entry = &g_array_index (entries, ObPackEntry, i);
      ObBlobLocation location;

      g_assert_cmpint (entry->type, ==, g_array_index (entries, ObPackEntry, 0).type);
      g_assert_true (ob_index_lookup (ob_repository_get_index (fixture->repository), entry->type,
                                      &entry->id, &location));
      g_assert_true (ob_id_equal (&location.pack, &pack));
      g_assert_cmpuint (location.offset, ==, entry->offset);
      g_assert_cmpuint (location.length, ==, entry->length);
      for (guint j = 1; j < entry->length; j++)
        g_assert_cmpuint (data[entry->offset + j], ==, data[entry->offset]);
    }
  return entries->len;
}

static guint
check_all (CoreFixture *fixture, guint n_packs)
{
  g_autoptr (GPtrArray) packs = core_fixture_list (fixture, "data");
  guint n_blobs = 0;

  g_assert_cmpuint (packs->len, ==, n_packs);
  for (guint i = 0; i < packs->len; i++)
    n_blobs += check_pack (fixture, g_ptr_array_index (packs, i));
  return n_blobs;
}

/* Data and trees apart, a pack of 16 MiB after another, and one of its own for what is larger. */
static void
test_packs (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObFirstError) first_error = ob_first_error_new ();
  g_autoptr (ObPacker) packer = ob_packer_new (fixture->repository, first_error, NULL);

  for (guint i = 0; i < 9; i++)
    g_assert_true (add (packer, OB_BLOB_DATA, i, 5 * MIB));
  for (guint i = 0; i < 100; i++)
    g_assert_true (add (packer, OB_BLOB_TREE, 100 + i, 300));
  g_assert_true (add (packer, OB_BLOB_TREE, 1000, 6 * MIB));
  finish (packer, first_error);
  /* three blobs a pack; the trees; the large one */
  g_assert_cmpuint (check_all (fixture, 3 + 1 + 1), ==, 110);
  g_assert_cmpuint (ob_packer_get_stored_bytes (packer), ==,
                    ob_repository_get_stored_size (fixture->repository));
}

static void
test_nothing (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObFirstError) first_error = ob_first_error_new ();
  g_autoptr (ObPacker) packer = ob_packer_new (fixture->repository, first_error, NULL);
  g_autoptr (GPtrArray) indexes = NULL;

  finish (packer, first_error);
  check_all (fixture, 0);
  indexes = core_fixture_list (fixture, "index");
  g_assert_cmpuint (indexes->len, ==, 0);
}

/* Each blob once: whoever asks second hears that it is taken care of. */
static void
test_claim (CoreFixture *fixture, gconstpointer data)
{
  ObId id = id_of (1);

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (ObFirstError) first_error = ob_first_error_new ();
      g_autoptr (ObPacker) packer = ob_packer_new (fixture->repository, first_error, NULL);

      g_assert_true (ob_packer_claim (packer, OB_BLOB_DATA, &id) == (i == 0));
      g_assert_false (ob_packer_claim (packer, OB_BLOB_DATA, &id));
      g_assert_true (ob_packer_claim (packer, OB_BLOB_TREE, &id));
      if (i == 0)
        g_assert_true (add (packer, OB_BLOB_DATA, 1, 1000));
      finish (packer, first_error);
    }
}

typedef struct
{
  ObPacker *packer;
  guint first;
} Filler;

static void *
run_filler (void *data)
{
  Filler *filler = data;

  for (guint i = 0; i < 200; i++)
    {
      ObId id = id_of (filler->first + i);

      if (ob_packer_claim (filler->packer, OB_BLOB_DATA, &id))
        g_assert_true (add (filler->packer, OB_BLOB_DATA, filler->first + i, 100 * 1000 + i));
    }
  return NULL;
}

static void
test_threads (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObFirstError) first_error = ob_first_error_new ();
  g_autoptr (ObPacker) packer = ob_packer_new (fixture->repository, first_error, NULL);
  pthread_t threads[4];
  Filler fillers[4];

  for (guint i = 0; i < 4; i++)
    {
      fillers[i] = (Filler){ packer, i * 100 };
      g_assert_cmpint (pthread_create (&threads[i], NULL, run_filler, &fillers[i]), ==, 0);
    }
  for (guint i = 0; i < 4; i++)
    pthread_join (threads[i], NULL);
  finish (packer, first_error);
  g_assert_cmpuint (check_all (fixture, 3), ==, 500);
}

/* Index files come while packs are written: a first backup that is interrupted after hours goes on
 * from there. */
static void
test_interim_index (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObFirstError) first_error = ob_first_error_new ();
  ObPacker *packer = ob_packer_new (fixture->repository, first_error, NULL);
  g_autoptr (GPtrArray) indexes = NULL;

  for (guint i = 0; i < 40; i++)
    g_assert_true (add (packer, OB_BLOB_TREE, i, 5 * MIB));
  while (ob_index_get_n_blobs (ob_repository_get_index (fixture->repository)) == 0)
    g_usleep (1000);
  ob_packer_free (packer);
  indexes = core_fixture_list (fixture, "index");
  g_assert_cmpuint (indexes->len, ==, 1);
  g_assert_cmpuint (ob_index_get_n_blobs (ob_repository_get_index (fixture->repository)), ==, 32);
}

/* A packer that was stopped never says that all is stored. */
static void
test_stopped (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObFirstError) first_error = ob_first_error_new ();
  g_autoptr (ObPacker) packer = ob_packer_new (fixture->repository, first_error, NULL);

  g_assert_true (add (packer, OB_BLOB_DATA, 1, 1000));
  ob_packer_stop (packer);
  g_assert_false (add (packer, OB_BLOB_DATA, 2, 1000));
  g_assert_false (ob_packer_finish (packer));
  check_all (fixture, 0);
}

/* Both buffers are full and the destination is gone: whoever waits for room is told. */
static void
test_error (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObFirstError) first_error = ob_first_error_new ();
  g_autoptr (ObPacker) packer = ob_packer_new (fixture->repository, first_error, NULL);
  g_autoptr (GError) error = NULL;
  guint i;

  for (i = 0; i < 256; i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/data/%02x", fixture->path, i);

      g_assert_cmpint (remove (path), ==, 0);
      g_assert_true (g_file_set_contents (path, "in the way", -1, NULL));
    }
  for (i = 0; i < 100 && add (packer, OB_BLOB_DATA, i, 5 * MIB);)
    i++;
  g_assert_cmpuint (i, <, 100);
  g_assert_false (ob_packer_finish (packer));
  g_assert_false (ob_first_error_check (first_error, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE);
}

/* Slots are sealed in whatever order: a pack waits for its last one, and goes only once. */
static void
test_late_commit (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObFirstError) first_error = ob_first_error_new ();
  g_autoptr (ObPacker) packer = ob_packer_new (fixture->repository, first_error, NULL);
  ObPackSlot slots[4];

  for (guint i = 0; i < 4; i++)
    {
      ObId id = id_of (i);

      g_assert_true (ob_packer_reserve (packer, OB_BLOB_DATA, &id, 7 * MIB, 0, &slots[i]));
    }
  for (guint i = 4; i-- > 0;)
    {
      memset (slots[i].at, (int) i, 7 * MIB);
      ob_packer_commit (packer, &slots[i]);
    }
  finish (packer, first_error);
  g_assert_cmpuint (check_all (fixture, 2), ==, 4);
}

/* The largest blob that still fits with its header, and one byte more. */
static void
test_full (CoreFixture *fixture, gconstpointer data)
{
  static const gsize wanted_sizes[] = { 16 * MIB - 4, 16 * MIB - 3, 16 * MIB + 1 };

  for (gsize i = 0; i < G_N_ELEMENTS (wanted_sizes); i++)
    {
      g_autoptr (ObFirstError) first_error = ob_first_error_new ();
      g_autoptr (ObPacker) packer = ob_packer_new (fixture->repository, first_error, NULL);
      /* the header: an entry of 37 bytes as it is not compressed, sealed, and its length */
      gsize overhead = 37 + OB_CRYPTO_OVERHEAD + 4;

      g_assert_true (add (packer, OB_BLOB_DATA, 10 + i, wanted_sizes[i] - overhead));
      finish (packer, first_error);
      g_assert_cmpuint (ob_packer_get_stored_bytes (packer), ==, wanted_sizes[i]);
      g_assert_cmpuint (check_all (fixture, (guint) i + 1), ==, i + 1);
    }
}

static void *
run_cancel (void *cancellable)
{
  core_wait_until_asleep (getpid ());
  g_cancellable_cancel (cancellable);
  return NULL;
}

/* Both buffers are given out and nobody seals: only the cancel ends the waiting. */
static void
test_cancel (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (ObFirstError) first_error = ob_first_error_new ();
  g_autoptr (ObPacker) packer = ob_packer_new (fixture->repository, first_error, cancellable);
  g_autoptr (GError) error = NULL;
  ObPackSlot slots[2];
  pthread_t thread;

  for (guint i = 0; i < 2; i++)
    {
      ObId id = id_of (i);

      g_assert_true (ob_packer_reserve (packer, OB_BLOB_DATA, &id, 15 * MIB, 0, &slots[i]));
    }
  g_assert_cmpint (pthread_create (&thread, NULL, run_cancel, cancellable), ==, 0);
  g_assert_false (add (packer, OB_BLOB_DATA, 2, 2 * MIB));
  pthread_join (thread, NULL);
  g_assert_false (ob_first_error_check (first_error, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
  for (guint i = 0; i < 2; i++)
    ob_packer_commit (packer, &slots[i]);
  g_assert_false (ob_packer_finish (packer));
}

#define ADD(name, test)                                                                            \
  g_test_add ("/packer/" name, CoreFixture, NULL, core_fixture_set_up, test, core_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("packs", test_packs);
  ADD ("nothing", test_nothing);
  ADD ("claim", test_claim);
  ADD ("threads", test_threads);
  ADD ("interim-index", test_interim_index);
  ADD ("late-commit", test_late_commit);
  ADD ("full", test_full);
  ADD ("cancel", test_cancel);
  ADD ("stopped", test_stopped);
  ADD ("error", test_error);
  return g_test_run ();
}
