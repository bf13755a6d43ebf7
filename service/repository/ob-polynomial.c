/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-polynomial.h"

#include "ob-crypto.h"

static int
degree_of (guint64 p)
{
  return p == 0 ? -1 : 63 - __builtin_clzll (p);
}

static guint64
mod (guint64 p, guint64 modulus)
{
  int degree = degree_of (modulus);

  while (degree_of (p) >= degree)
    p ^= modulus << (degree_of (p) - degree);
  return p;
}

static guint64
gcd (guint64 a, guint64 b)
{
  while (b != 0)
    {
      guint64 rest = mod (a, b);

      a = b;
      b = rest;
    }
  return a;
}

/* @a and @b are below @modulus, whose degree is small enough for a shift by one. */
static guint64
multiply_mod (guint64 a, guint64 b, guint64 modulus)
{
  guint64 top = G_GUINT64_CONSTANT (1) << degree_of (modulus);
  guint64 product = 0;

  for (; b != 0; b >>= 1)
    {
      if (b & 1)
        product ^= a;
      a <<= 1;
      if (a & top)
        a ^= modulus;
    }
  return product;
}

/* x^(2^n) - x modulo @p. */
static guint64
frobenius_minus_x (int n, guint64 p)
{
  guint64 x = mod (2, p);
  guint64 power = x;

  while (n-- > 0)
    power = multiply_mod (power, power, p);
  return power ^ x;
}

/* Rabin: p of degree n has no factors if it divides x^(2^n) - x and has nothing in common with
 * x^(2^(n/q)) - x for any prime q that divides n. */
gboolean
ob_polynomial_is_irreducible (guint64 p)
{
  int n = degree_of (p);

  if (n < 1 || n > OB_POLYNOMIAL_DEGREE || frobenius_minus_x (n, p) != 0)
    return FALSE;

  for (int q = 2, rest = n; rest > 1; q++)
    {
      if (rest % q != 0)
        continue;
      while (rest % q == 0)
        rest /= q;
      if (gcd (p, frobenius_minus_x (n / q, p)) != 1)
        return FALSE;
    }

  return TRUE;
}

guint64
ob_polynomial_random (void)
{
  const guint64 top = G_GUINT64_CONSTANT (1) << OB_POLYNOMIAL_DEGREE;
  guint64 p;

  /* One in 53 polynomials of this degree has no factors, of those with the last bit one in 27. */
  do
    {
      ob_crypto_random (&p, sizeof p);
      p = (p & (top - 1)) | top | 1;
    }
  while (!ob_polynomial_is_irreducible (p));

  return p;
}
