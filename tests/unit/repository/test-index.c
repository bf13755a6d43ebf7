/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-index.h"

#include <pthread.h>

static void
make_id (guint64 number, ObId *id)
{
  ob_id_of (&number, sizeof number, id);
}

static void
add (ObIndex *index, ObBlobType type, guint64 blob, guint64 pack, guint32 offset)
{
  ObBlobLocation location = { .offset = offset, .length = 100, .plain_length = 200 };
  ObId id;

  make_id (blob, &id);
  make_id (pack, &location.pack);
  ob_index_add (index, type, &id, &location);
}

static gsize
count (ObIndex *index, ObBlobType type, guint64 blob, ObBlobLocation *locations, gsize max)
{
  ObId id;

  make_id (blob, &id);
  return ob_index_lookup_all (index, type, &id, locations, max);
}

static void
test_lookup (void)
{
  g_autoptr (ObIndex) index = ob_index_new ();
  ObBlobLocation found[4];
  ObId pack;
  guint64 size;

  g_assert_cmpuint (count (index, OB_BLOB_DATA, 1, found, 4), ==, 0);
  add (index, OB_BLOB_DATA, 1, 1000, 0);
  add (index, OB_BLOB_DATA, 2, 1000, 100);
  add (index, OB_BLOB_TREE, 3, 1001, 0);

  g_assert_cmpuint (count (index, OB_BLOB_DATA, 2, found, 4), ==, 1);
  make_id (1000, &pack);
  g_assert_true (ob_id_equal (&found[0].pack, &pack));
  g_assert_cmpuint (found[0].offset, ==, 100);
  g_assert_cmpuint (found[0].length, ==, 100);
  g_assert_cmpuint (found[0].plain_length, ==, 200);

  /* a type is part of a blob's name */
  g_assert_cmpuint (count (index, OB_BLOB_TREE, 1, found, 4), ==, 0);
  g_assert_cmpuint (count (index, OB_BLOB_DATA, 3, found, 4), ==, 0);
  g_assert_cmpuint (count (index, OB_BLOB_TREE, 3, found, 4), ==, 1);

  g_assert_cmpuint (ob_index_get_n_blobs (index), ==, 3);
  g_assert_true (ob_index_get_pack_size (index, &pack, &size));
  g_assert_cmpuint (size, ==, 2 * (100 + 41) + 36);
  g_assert_cmpuint (ob_index_get_stored_size (index), ==, 3 * (100 + 41) + 2 * 36);
  make_id (1002, &pack);
  g_assert_false (ob_index_get_pack_size (index, &pack, &size));
}

/* Of several copies the first known is the first given, however much comes after them. */
static void
test_copies (void)
{
  g_autoptr (ObIndex) index = ob_index_new ();
  ObBlobLocation found[4];
  ObId pack;

  for (guint64 copy = 0; copy < 3; copy++)
    {
      add (index, OB_BLOB_DATA, 1, 1000 + copy, 0);
      add (index, OB_BLOB_DATA, 1, 1000 + copy, 0);
    }
  for (guint64 i = 10; i < 10000; i++)
    add (index, OB_BLOB_DATA, i, 2000, (guint32) i);

  g_assert_cmpuint (ob_index_get_n_blobs (index), ==, 3 + 9990);
  g_assert_cmpuint (count (index, OB_BLOB_DATA, 1, found, 4), ==, 3);
  for (guint64 copy = 0; copy < 3; copy++)
    {
      make_id (1000 + copy, &pack);
      g_assert_true (ob_id_equal (&found[copy].pack, &pack));
    }
  g_assert_cmpuint (count (index, OB_BLOB_DATA, 1, found, 2), ==, 2);
}

/* What is known to be gone is not built on, and looked at last. */
static void
test_gone (void)
{
  g_autoptr (ObIndex) index = ob_index_new ();
  g_autofree ObBitmap *there = NULL;
  g_autofree ObBitmap *none = ob_bitmap_new (2);
  g_autofree ObBitmap *of_none = ob_bitmap_new (0);
  ObBlobLocation found[4];
  guint generation = ob_index_get_generation (index);
  guint32 n_gone;
  ObId blob, only, pack;

  make_id (1, &blob);
  make_id (2, &only);
  make_id (1001, &pack);
  add (index, OB_BLOB_DATA, 1, 1000, 0);
  add (index, OB_BLOB_DATA, 1, 1001, 0);
  add (index, OB_BLOB_DATA, 2, 1000, 100);
  there = ob_bitmap_new (2);
  ob_bitmap_set (there, 1);
  /* Newer than what was looked at: nothing is known of it. */
  add (index, OB_BLOB_DATA, 3, 1002, 0);

  g_assert_true (ob_index_has (index, OB_BLOB_DATA, &only));
  g_assert_false (ob_index_has (index, OB_BLOB_TREE, &only));
  g_assert_true (ob_index_set_there (index, generation, there, &n_gone));
  g_assert_cmpuint (n_gone, ==, 1);
  g_assert_false (ob_index_has (index, OB_BLOB_DATA, &only));
  g_assert_cmpuint (count (index, OB_BLOB_DATA, 2, found, 4), ==, 1);
  g_assert_true (ob_index_has (index, OB_BLOB_DATA, &blob));
  g_assert_cmpuint (count (index, OB_BLOB_DATA, 1, found, 4), ==, 2);
  g_assert_true (ob_id_equal (&found[0].pack, &pack));
  g_assert_cmpuint (count (index, OB_BLOB_DATA, 1, found, 1), ==, 1);
  g_assert_true (ob_id_equal (&found[0].pack, &pack));
  make_id (3, &blob);
  g_assert_true (ob_index_has (index, OB_BLOB_DATA, &blob));

  /* A renewal does not forget it. */
  ob_index_begin_renewal (index);
  add (index, OB_BLOB_DATA, 1, 1001, 0);
  add (index, OB_BLOB_DATA, 2, 1000, 100);
  ob_index_end_renewal (index, TRUE);
  g_assert_false (ob_index_has (index, OB_BLOB_DATA, &only));
  g_assert_false (ob_index_set_there (index, generation, there, &n_gone));
  g_assert_false (ob_index_has (index, OB_BLOB_DATA, &only));

  /* It was put back. */
  ob_bitmap_set (there, 0);
  g_assert_true (ob_index_set_there (index, ob_index_get_generation (index), there, &n_gone));
  g_assert_cmpuint (n_gone, ==, 0);
  g_assert_true (ob_index_has (index, OB_BLOB_DATA, &only));

  /* Nor does one count what it has forgotten. */
  g_assert_true (ob_index_set_there (index, ob_index_get_generation (index), none, &n_gone));
  g_assert_cmpuint (n_gone, ==, 2);
  ob_bitmap_set (none, 1);
  g_assert_true (ob_index_set_there (index, ob_index_get_generation (index), none, &n_gone));
  g_assert_cmpuint (n_gone, ==, 1);
  ob_index_begin_renewal (index);
  add (index, OB_BLOB_DATA, 1, 1001, 0);
  ob_index_end_renewal (index, TRUE);
  g_assert_true (ob_index_set_there (index, ob_index_get_generation (index), of_none, &n_gone));
  g_assert_cmpuint (n_gone, ==, 0);
  make_id (1, &blob);
  g_assert_true (ob_index_has (index, OB_BLOB_DATA, &blob));
}

static guint32
set_damaged (ObIndex *index, guint64 number)
{
  g_autoptr (GArray) packs = g_array_new (FALSE, FALSE, sizeof (ObId));
  ObId id;

  make_id (number, &id);
  g_array_append_val (packs, id);
  return ob_index_set_damaged (index, packs);
}

/* Nor is what is known to be damaged, whatever is known of where it is. */
static void
test_damaged (void)
{
  g_autoptr (ObIndex) index = ob_index_new ();
  g_autofree ObBitmap *there = ob_bitmap_new (2);
  ObBlobLocation found[4];
  guint32 n_gone;
  ObId blob, only, pack;

  make_id (1, &blob);
  make_id (2, &only);
  make_id (1001, &pack);
  add (index, OB_BLOB_DATA, 1, 1000, 0);
  add (index, OB_BLOB_DATA, 1, 1001, 0);
  add (index, OB_BLOB_DATA, 2, 1000, 100);
  g_assert_cmpuint (set_damaged (index, 1000), ==, 1);
  g_assert_true (ob_index_is_damaged (index, 0));
  g_assert_false (ob_index_is_damaged (index, 1));
  g_assert_false (ob_index_is_damaged (index, 2));
  g_assert_false (ob_index_has (index, OB_BLOB_DATA, &only));
  g_assert_true (ob_index_has (index, OB_BLOB_DATA, &blob));
  g_assert_cmpuint (count (index, OB_BLOB_DATA, 1, found, 4), ==, 2);
  g_assert_true (ob_id_equal (&found[0].pack, &pack));

  /* That it is there does not mend it. */
  ob_bitmap_set (there, 0);
  ob_bitmap_set (there, 1);
  g_assert_true (ob_index_set_there (index, ob_index_get_generation (index), there, &n_gone));
  g_assert_cmpuint (n_gone, ==, 0);
  g_assert_false (ob_index_has (index, OB_BLOB_DATA, &only));

  /* It goes and comes again, and stays damaged; others come that were told of before. */
  ob_index_begin_renewal (index);
  add (index, OB_BLOB_DATA, 1, 1001, 0);
  ob_index_end_renewal (index, TRUE);
  g_assert_false (ob_index_is_damaged (index, 0));
  add (index, OB_BLOB_DATA, 2, 1000, 100);
  g_assert_false (ob_index_has (index, OB_BLOB_DATA, &only));
  g_assert_cmpuint (set_damaged (index, 1002), ==, 0);
  g_assert_true (ob_index_has (index, OB_BLOB_DATA, &only));
  add (index, OB_BLOB_DATA, 3, 1002, 0);
  make_id (3, &blob);
  g_assert_false (ob_index_has (index, OB_BLOB_DATA, &blob));
}

/* Ten blobs in each of the packs. */
static void
add_many (ObIndex *index, guint64 first_pack, guint64 end_pack)
{
  for (guint64 pack = first_pack; pack < end_pack; pack++)
    for (guint64 i = 0; i < 10; i++)
      add (index, i == 0 ? OB_BLOB_TREE : OB_BLOB_DATA, 10 * pack + i, 1000000 + pack,
           (guint32) (100 * i));
}

/* Both know the same blobs, at the same places, in packs of the same sizes. */
static void
assert_same (ObIndex *index, ObIndex *wanted)
{
  g_assert_cmpuint (ob_index_get_n_packs (index), ==, ob_index_get_n_packs (wanted));
  g_assert_cmpuint (ob_index_get_stored_size (index), ==, ob_index_get_stored_size (wanted));
  g_assert_cmpuint (ob_index_get_memory_size (index), ==, ob_index_get_memory_size (wanted));
  for (guint type = OB_BLOB_DATA; type <= OB_BLOB_TREE; type++)
    {
      ObIndexPlace place;

      g_assert_cmpuint (ob_index_get_n_places (index, type), ==,
                        ob_index_get_n_places (wanted, type));
      for (guint32 i = 0; ob_index_get_place (wanted, type, i, &place); i++)
        {
          ObBlobLocation found[2];
          guint64 size, wanted_size;
          ObId pack;

          g_assert_true (ob_index_get_pack (wanted, place.pack, &pack, &wanted_size));
          g_assert_cmpuint (ob_index_lookup_all (index, type, &place.id, found, 2), ==, 1);
          g_assert_true (ob_id_equal (&found[0].pack, &pack));
          g_assert_cmpuint (found[0].offset, ==, place.offset);
          g_assert_true (ob_index_get_pack_size (index, &pack, &size));
          g_assert_cmpuint (size, ==, wanted_size);
        }
    }
}

/* What is added again stays, what is new comes, the rest goes: as in an index that was never any
 * other. */
static void
test_renewal (void)
{
  g_autoptr (ObIndex) index = ob_index_new ();
  g_autoptr (ObIndex) wanted = ob_index_new ();
  ObBlobLocation found;
  guint generation;
  ObId pack;
  guint64 size;

  add_many (index, 0, 3000);
  generation = ob_index_get_generation (index);
  ob_index_begin_renewal (index);
  add_many (index, 2000, 3100);
  g_assert_cmpuint (count (index, OB_BLOB_DATA, 1, &found, 1), ==, 1);
  g_assert_cmpuint (count (index, OB_BLOB_DATA, 30999, &found, 1), ==, 1);
  g_assert_cmpuint (ob_index_get_generation (index), ==, generation);
  ob_index_end_renewal (index, TRUE);

  g_assert_cmpuint (ob_index_get_generation (index), !=, generation);
  g_assert_cmpuint (count (index, OB_BLOB_DATA, 1, &found, 1), ==, 0);
  make_id (1000000, &pack);
  g_assert_false (ob_index_get_pack_size (index, &pack, &size));
  add_many (wanted, 2000, 3100);
  assert_same (index, wanted);

  /* What comes later finds all in order. */
  add_many (index, 1000, 3200);
  g_assert_cmpuint (ob_index_get_n_blobs (index), ==, 22000);
  g_assert_cmpuint (ob_index_get_n_packs (index), ==, 2200);

  ob_index_begin_renewal (index);
  ob_index_end_renewal (index, TRUE);
  g_assert_cmpuint (ob_index_get_n_blobs (index), ==, 0);
  g_assert_cmpuint (ob_index_get_stored_size (index), ==, 0);
  add_many (index, 2000, 3100);
  assert_same (index, wanted);
}

/* One that breaks off forgets nothing, and the next one forgets all the same. */
static void
test_renewal_broken_off (void)
{
  g_autoptr (ObIndex) index = ob_index_new ();
  g_autoptr (ObIndex) wanted = ob_index_new ();
  ObBlobLocation found;

  add_many (index, 0, 30);
  ob_index_begin_renewal (index);
  add_many (index, 20, 31);
  ob_index_end_renewal (index, FALSE);
  g_assert_cmpuint (ob_index_get_generation (index), ==, 0);
  g_assert_cmpuint (ob_index_get_n_blobs (index), ==, 310);
  g_assert_cmpuint (count (index, OB_BLOB_DATA, 1, &found, 1), ==, 1);

  ob_index_begin_renewal (index);
  add_many (index, 25, 30);
  ob_index_end_renewal (index, TRUE);
  add_many (wanted, 25, 30);
  assert_same (index, wanted);
}

static void
add_sized (ObIndex *index, guint32 length, guint32 plain_length)
{
  ObBlobLocation location = { .length = length, .plain_length = plain_length };
  ObId id;

  make_id (1, &id);
  make_id (1000, &location.pack);
  ob_index_add (index, OB_BLOB_DATA, &id, &location);
}

/* An index file that was wrong about a blob was replaced by one that is right: as with all copies,
 * the first of those that are there counts. */
static void
test_renewal_of_wrong_sizes (void)
{
  g_autoptr (ObIndex) index = ob_index_new ();
  ObBlobLocation found[2];

  add_sized (index, 100, 200);
  ob_index_begin_renewal (index);
  add_sized (index, 100, 300);
  add_sized (index, 100, 200);
  add_sized (index, 100, 300);
  ob_index_end_renewal (index, TRUE);
  g_assert_cmpuint (count (index, OB_BLOB_DATA, 1, found, 2), ==, 1);
  g_assert_cmpuint (found[0].plain_length, ==, 300);
  g_assert_cmpuint (ob_index_get_stored_size (index), ==, 36 + 100 + 41);

  ob_index_begin_renewal (index);
  add_sized (index, 90, 0);
  ob_index_end_renewal (index, TRUE);
  g_assert_cmpuint (count (index, OB_BLOB_DATA, 1, found, 2), ==, 1);
  g_assert_cmpuint (found[0].length, ==, 90);
  g_assert_cmpuint (ob_index_get_stored_size (index), ==, 36 + 90 + 37);
}

typedef struct
{
  ObIndex *index;
  gint stop; /* atomic */
} Readers;

/* The last pack stays through all renewals: it is never missed, and never in another place. */
static void *
look_up_what_stays (void *data)
{
  Readers *self = data;
  ObId pack;

  make_id (1000000 + 999, &pack);
  while (!g_atomic_int_get (&self->stop))
    for (guint64 i = 1; i < 10; i++)
      {
        ObBlobLocation found;

        g_assert_cmpuint (count (self->index, OB_BLOB_DATA, 9990 + i, &found, 1), ==, 1);
        g_assert_true (ob_id_equal (&found.pack, &pack));
        g_assert_cmpuint (found.offset, ==, 100 * i);
      }
  return NULL;
}

static void
test_renewal_threads (void)
{
  g_autoptr (ObIndex) index = ob_index_new ();
  Readers readers = { .index = index };
  pthread_t threads[2];

  add_many (index, 0, 1000);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_cmpint (pthread_create (&threads[i], NULL, look_up_what_stays, &readers), ==, 0);
  for (guint64 first = 0; first < 1000; first += 100)
    {
      ob_index_begin_renewal (index);
      add_many (index, first, 1000);
      ob_index_end_renewal (index, TRUE);
      g_assert_cmpuint (ob_index_get_n_packs (index), ==, 1000 - first);
    }
  g_atomic_int_set (&readers.stop, TRUE);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    pthread_join (threads[i], NULL);
}

/* It takes a bit a blob, not a second index. */
static void
test_renewal_memory (void)
{
  g_autoptr (ObIndex) index = ob_index_new ();
  gsize before, during;

  add_many (index, 0, 10000);
  before = ob_index_get_memory_size (index);
  ob_index_begin_renewal (index);
  add_many (index, 5000, 10000);
  during = ob_index_get_memory_size (index);
  ob_index_end_renewal (index, TRUE);
  g_assert_cmpuint (during, >, before);
  g_assert_cmpuint (during, <, before + 100000 / 8 + 100);
  g_assert_cmpuint (ob_index_get_memory_size (index), <, before * 3 / 4);
}

#define N_SHARED 20000

static void *
look_up_until_all (void *data)
{
  ObIndex *index = data;
  ObBlobLocation found;
  guint64 next = 0;

  while (next < N_SHARED)
    if (count (index, OB_BLOB_DATA, next, &found, 1) == 1)
      {
        g_assert_cmpuint (found.offset, ==, next);
        next++;
      }
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (ObIndex) index = ob_index_new ();
  pthread_t threads[3];

  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_cmpint (pthread_create (&threads[i], NULL, look_up_until_all, index), ==, 0);
  for (guint64 i = 0; i < N_SHARED; i++)
    add (index, OB_BLOB_DATA, i, i / 16, (guint32) i);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    pthread_join (threads[i], NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/index/lookup", test_lookup);
  g_test_add_func ("/index/copies", test_copies);
  g_test_add_func ("/index/gone", test_gone);
  g_test_add_func ("/index/damaged", test_damaged);
  g_test_add_func ("/index/renewal", test_renewal);
  g_test_add_func ("/index/renewal-broken-off", test_renewal_broken_off);
  g_test_add_func ("/index/renewal-of-wrong-sizes", test_renewal_of_wrong_sizes);
  g_test_add_func ("/index/renewal-threads", test_renewal_threads);
  g_test_add_func ("/index/renewal-memory", test_renewal_memory);
  g_test_add_func ("/index/threads", test_threads);
  return g_test_run ();
}
