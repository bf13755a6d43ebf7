/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-compressor.h"

#include <string.h>
#include <zstd.h>

#include "pipeline-fixture.h"

#define MIB (1024 * 1024)

static guint8 *
make_text (gsize size)
{
  static const char line[] = "insert into c_order values (17, 'A', null, 'a longer name');\n";
  guint8 *text = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    text[i] = (guint8) line[i % (sizeof line - 1)];
  return text;
}

/* A frame that any zstd opens, and that tells its size, which restic's reader takes room for. */
static void
assert_opens (const guint8 *frame, gsize frame_size, const guint8 *data, gsize size)
{
  g_autofree guint8 *back = g_malloc (size);

  g_assert_cmpuint (frame_size, <, size);
  g_assert_cmpuint (ZSTD_getFrameContentSize (frame, frame_size), ==, size);
  g_assert_cmpuint (ZSTD_decompress (back, size, frame, frame_size), ==, size);
  g_assert_cmpmem (back, size, data, size);
}

/* The buffer grows and is used again, for smaller ones as well. */
static void
test_round_trip (void)
{
  static const gsize sizes[] = { 1000, 4 * MIB, 200, 5 * MIB, 100000 };
  g_autoptr (ObCompressor) compressor = ob_compressor_new ();
  g_autofree guint8 *text = make_text (5 * MIB);

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      const guint8 *out;
      gsize out_size;

      for (guint rows = 0; rows < 2; rows++)
        {
          g_assert_true (ob_compressor_run (compressor, text + i, sizes[i] - i, rows != 0, &out,
                                            &out_size));
          assert_opens (out, out_size, text + i, sizes[i] - i);
        }
    }
}

/* Neither what is random nor what is tiny grows. */
static void
test_not_worth_it (void)
{
  g_autoptr (ObCompressor) compressor = ob_compressor_new ();
  g_autofree guint8 *random = make_random (MIB, 1);
  g_autofree guint8 *text = make_text (1000);
  const guint8 *out;
  gsize out_size;

  g_assert_false (ob_compressor_run (compressor, random, MIB, FALSE, &out, &out_size));
  g_assert_false (ob_compressor_run (compressor, (const guint8 *) "a", 1, FALSE, &out, &out_size));
  g_assert_false (ob_compressor_run (compressor, (const guint8 *) "", 0, FALSE, &out, &out_size));
  for (gsize size = 0; size < 300; size++)
    if (ob_compressor_run (compressor, text, size, FALSE, &out, &out_size))
      assert_opens (out, out_size, text, size);

  /* and nothing of it is left behind */
  g_assert_true (ob_compressor_run (compressor, text, 1000, FALSE, &out, &out_size));
  assert_opens (out, out_size, text, 1000);
}

/* Random bytes in the same measure as text, or text in a part that no sample meets by chance. */
static void
test_mixed (void)
{
  g_autoptr (ObCompressor) compressor = ob_compressor_new ();
  g_autofree guint8 *text = make_text (MIB);
  const guint8 *out;
  gsize out_size;

  for (gsize random_size = 0; random_size <= MIB * 3 / 4; random_size += MIB / 4)
    {
      g_autofree guint8 *mixed = make_random (MIB, 3);

      memcpy (mixed + random_size, text, MIB - random_size);
      g_assert_true (ob_compressor_run (compressor, mixed, MIB, FALSE, &out, &out_size));
      g_assert_cmpuint (out_size, <, random_size + MIB / 16);
      assert_opens (out, out_size, mixed, MIB);
    }
}

/* Bytes that are all equally frequent, and yet compress to nothing. */
static void
test_even (void)
{
  g_autoptr (ObCompressor) compressor = ob_compressor_new ();
  g_autofree guint8 *random = make_random (4096, 4);
  g_autofree guint8 *even = g_malloc (MIB);
  const guint8 *out;
  gsize out_size;

  for (gsize i = 0; i < MIB; i++)
    even[i] = random[i % 4096];
  g_assert_true (ob_compressor_run (compressor, even, MIB, FALSE, &out, &out_size));
  g_assert_cmpuint (out_size, <, 10000);
}

/* The same bytes give the same frame, whatever came before. */
static void
test_stable (void)
{
  g_autoptr (ObCompressor) fresh = ob_compressor_new ();
  g_autoptr (ObCompressor) used = ob_compressor_new ();
  g_autofree guint8 *random = make_random (MIB, 2);
  g_autofree guint8 *text = make_text (MIB);
  const guint8 *out, *again;
  gsize out_size, again_size;

  ob_compressor_run (used, random, MIB, FALSE, &out, &out_size);
  g_assert_true (ob_compressor_run (fresh, text, MIB, FALSE, &out, &out_size));
  g_assert_true (ob_compressor_run (used, text, MIB, FALSE, &again, &again_size));
  g_assert_cmpmem (out, out_size, again, again_size);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/compressor/round-trip", test_round_trip);
  g_test_add_func ("/compressor/not-worth-it", test_not_worth_it);
  g_test_add_func ("/compressor/mixed", test_mixed);
  g_test_add_func ("/compressor/even", test_even);
  g_test_add_func ("/compressor/stable", test_stable);
  return g_test_run ();
}
