/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-chunker.h"

#include <string.h>

#include "pipeline-fixture.h"

#define SIZE (24 * 1024 * 1024)

static const guint8 seed[32] = { 1, 2, 3 };
static const guint8 other_seed[32] = { 1, 2, 4 };

/* Where @data is cut (of gsize), fed @piece bytes at a time. The last chunk has no cut of its
 * own. */
static GArray *
cut (const guint8 *key, ObChunkSize chunks, const guint8 *data, gsize size, gsize piece)
{
  GArray *cuts = g_array_new (FALSE, FALSE, sizeof (gsize));
  ObChunker chunker;
  gsize at = 0;

  ob_chunker_init (&chunker, key, chunks);
  while (at < size)
    {
      gsize n = MIN (piece, size - at), used;

      if (ob_chunker_feed (&chunker, data + at, n, &used))
        {
          g_assert_cmpuint (used, >=, 1);
          g_assert_cmpuint (used, <=, n);
          at += used;
          g_array_append_val (cuts, at);
        }
      else
        at += n;
    }
  return cuts;
}

static gboolean
is_equal (const GArray *a, const GArray *b)
{
  return a->len == b->len && memcmp (a->data, b->data, a->len * sizeof (gsize)) == 0;
}

static void
test_bounds (void)
{
  static const struct
  {
    ObChunkSize chunks;
    gsize minimum, maximum, least_average, most_average;
  } cases[] = {
    { OB_CHUNKS_FILE, 512 * 1024, 4 * 1024 * 1024, 700 * 1024, 2048 * 1024 },
    { OB_CHUNKS_STREAM, 2 * 1024, 64 * 1024, 5 * 1024, 16 * 1024 },
  };
  g_autofree guint8 *data = make_random (SIZE, 1);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GArray) cuts = cut (seed, cases[i].chunks, data, SIZE, SIZE);
      gsize from = 0;

      for (guint j = 0; j < cuts->len; j++)
        {
          gsize at = g_array_index (cuts, gsize, j);

          g_assert_cmpuint (at - from, >=, cases[i].minimum);
          g_assert_cmpuint (at - from, <=, cases[i].maximum);
          from = at;
        }
      g_assert_cmpuint (SIZE / cuts->len, >=, cases[i].least_average);
      g_assert_cmpuint (SIZE / cuts->len, <=, cases[i].most_average);
    }
  g_assert_cmpuint (OB_CHUNKER_MAXIMUM, ==, cases[0].maximum);
}

/* How a stream comes in, in what pieces, must not show. */
static void
test_pieces (void)
{
  static const gsize pieces[] = { 4093, 65536, 1000003 };
  g_autofree guint8 *data = make_random (SIZE, 2);
  g_autoptr (GArray) whole = cut (seed, OB_CHUNKS_STREAM, data, SIZE, SIZE);
  g_autoptr (GArray) single = cut (seed, OB_CHUNKS_STREAM, data, 1024 * 1024, 1);

  for (gsize i = 0; i < G_N_ELEMENTS (pieces); i++)
    {
      g_autoptr (GArray) cuts = cut (seed, OB_CHUNKS_STREAM, data, SIZE, pieces[i]);

      g_assert_true (is_equal (whole, cuts));
    }
  g_assert_cmpuint (single->len, >, 4);
  g_assert_cmpmem (single->data, single->len * sizeof (gsize), whole->data,
                   single->len * sizeof (gsize));
}

/* Without the secret, lengths of chunks tell nothing of known content. */
static void
test_keyed (void)
{
  g_autofree guint8 *data = make_random (SIZE, 3);
  g_autoptr (GArray) ours = cut (seed, OB_CHUNKS_STREAM, data, SIZE, SIZE);
  g_autoptr (GArray) again = cut (seed, OB_CHUNKS_STREAM, data, SIZE, SIZE);
  g_autoptr (GArray) theirs = cut (other_seed, OB_CHUNKS_STREAM, data, SIZE, SIZE);
  guint common = 0;

  g_assert_true (is_equal (ours, again));
  for (guint i = 0, j = 0; i < ours->len && j < theirs->len;)
    {
      gsize a = g_array_index (ours, gsize, i), b = g_array_index (theirs, gsize, j);

      common += a == b ? 1 : 0;
      i += a <= b ? 1 : 0;
      j += b <= a ? 1 : 0;
    }
  g_assert_cmpuint (common, <=, 2);
}

/* Cuts of @after, which has @shift bytes more in its middle, that are not in @before. */
static guint
count_moved (const GArray *before, const GArray *after, gsize middle, gsize shift)
{
  guint moved = 0;

  for (guint i = 0, j = 0; i < after->len; i++)
    {
      gsize at = g_array_index (after, gsize, i);

      at -= at > middle ? shift : 0;
      while (j < before->len && g_array_index (before, gsize, j) < at)
        j++;
      moved += j < before->len && g_array_index (before, gsize, j) == at ? 0 : 1;
    }
  return moved;
}

static void
test_insertion (void)
{
  const gsize middle = SIZE / 2, shift = 13;
  g_autofree guint8 *data = make_random (SIZE, 4);
  g_autofree guint8 *longer = g_malloc (SIZE + shift);

  memcpy (longer, data, middle);
  memset (longer + middle, 'x', shift);
  memcpy (longer + middle + shift, data + middle, SIZE - middle);
  for (ObChunkSize chunks = OB_CHUNKS_FILE; chunks <= OB_CHUNKS_STREAM; chunks++)
    {
      g_autoptr (GArray) before = cut (seed, chunks, data, SIZE, SIZE);
      g_autoptr (GArray) after = cut (seed, chunks, longer, SIZE + shift, SIZE + shift);

      g_assert_cmpuint (count_moved (before, after, middle, shift), <=, 8);
      g_assert_cmpuint (before->len, >=, 8);
    }
}

/* Content without features is cut at the largest size. */
static void
test_monotone (void)
{
  g_autofree guint8 *data = g_malloc0 (SIZE);
  g_autoptr (GArray) cuts = cut (seed, OB_CHUNKS_FILE, data, SIZE, 300000);

  g_assert_cmpuint (cuts->len, ==, SIZE / OB_CHUNKER_MAXIMUM);
  g_assert_cmpuint (g_array_index (cuts, gsize, 0), ==, OB_CHUNKER_MAXIMUM);
}

static void
test_reset (void)
{
  g_autofree guint8 *data = make_random (SIZE, 5);
  g_autoptr (GArray) cuts = cut (seed, OB_CHUNKS_FILE, data, SIZE, SIZE);
  ObChunker chunker;
  gsize used;

  ob_chunker_init (&chunker, seed, OB_CHUNKS_FILE);
  g_assert_false (ob_chunker_feed (&chunker, data + 77, 511 * 1024, &used));
  ob_chunker_reset (&chunker);
  g_assert_true (ob_chunker_feed (&chunker, data, SIZE, &used));
  g_assert_cmpuint (used, ==, g_array_index (cuts, gsize, 0));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/chunker/bounds", test_bounds);
  g_test_add_func ("/chunker/pieces", test_pieces);
  g_test_add_func ("/chunker/keyed", test_keyed);
  g_test_add_func ("/chunker/insertion", test_insertion);
  g_test_add_func ("/chunker/monotone", test_monotone);
  g_test_add_func ("/chunker/reset", test_reset);
  return g_test_run ();
}
