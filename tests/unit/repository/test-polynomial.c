/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-polynomial.h"

#include "restic-vectors.h"

/* Those that restic made, its chunker's own example, and products of two. */
static void
test_known (void)
{
  g_assert_true (ob_polynomial_is_irreducible (RESTIC_POLYNOMIAL));
  g_assert_true (ob_polynomial_is_irreducible (G_GUINT64_CONSTANT (0x3da3358b4dc173)));
  g_assert_true (ob_polynomial_is_irreducible (G_GUINT64_CONSTANT (0x25b468838dcb75)));

  g_assert_false (ob_polynomial_is_irreducible (0));
  g_assert_false (ob_polynomial_is_irreducible (1));
  g_assert_false (ob_polynomial_is_irreducible (4));    /* x x */
  g_assert_false (ob_polynomial_is_irreducible (5));    /* (x + 1) (x + 1) */
  g_assert_false (ob_polynomial_is_irreducible (0x15)); /* (x² + x + 1)² */
  g_assert_false (ob_polynomial_is_irreducible (G_GUINT64_CONSTANT (0x3e5cc6792825fe)));
}

/* How many there are of each degree is known: OEIS A001037. */
static void
test_counts (void)
{
  static const guint counts[] = { 0, 2, 1, 2, 3, 6, 9, 18, 30, 56, 99, 186, 335 };

  for (guint degree = 1; degree < G_N_ELEMENTS (counts); degree++)
    {
      guint n = 0;

      for (guint64 p = G_GUINT64_CONSTANT (1) << degree; p < G_GUINT64_CONSTANT (2) << degree; p++)
        n += ob_polynomial_is_irreducible (p) ? 1 : 0;
      g_assert_cmpuint (n, ==, counts[degree]);
    }
}

static void
test_random (void)
{
  guint64 last = 0;

  for (guint i = 0; i < 20; i++)
    {
      guint64 p = ob_polynomial_random ();

      g_assert_cmpuint (p >> OB_POLYNOMIAL_DEGREE, ==, 1);
      g_assert_true (ob_polynomial_is_irreducible (p));
      g_assert_cmpuint (p, !=, last);
      last = p;
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/polynomial/known", test_known);
  g_test_add_func ("/polynomial/counts", test_counts);
  g_test_add_func ("/polynomial/random", test_random);
  return g_test_run ();
}
