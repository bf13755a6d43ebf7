/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-config.h"

#include <string.h>

#include "core-fixture.h"
#include "ob-error.h"
#include "ob-polynomial.h"
#include "restic-vectors.h"

/* How many polynomials of a degree have no factors is known (necklaces, sequence A001037). */
static void
test_counts (void)
{
  static const guint counts[] = { 0, 2, 1, 2, 3, 6, 9, 18, 30, 56, 99, 186, 335 };

  for (guint degree = 1; degree < G_N_ELEMENTS (counts); degree++)
    {
      guint found = 0;

      for (guint64 p = G_GUINT64_CONSTANT (1) << degree; p < G_GUINT64_CONSTANT (2) << degree; p++)
        found += ob_polynomial_is_irreducible (p) ? 1 : 0;
      g_assert_cmpuint (found, ==, counts[degree]);
    }
  g_assert_false (ob_polynomial_is_irreducible (0));
  g_assert_false (ob_polynomial_is_irreducible (1));
}

static guint64
multiply (guint64 a, guint64 b)
{
  guint64 product = 0;

  for (; b != 0; b >>= 1, a <<= 1)
    if (b & 1)
      product ^= a;
  return product;
}

static void
test_large (void)
{
  /* Of restic's own tests and documents. */
  g_assert_true (ob_polynomial_is_irreducible (0x3DA3358B4DC173));
  g_assert_true (ob_polynomial_is_irreducible (0x25b468838dcb75));
  g_assert_true (ob_polynomial_is_irreducible (RESTIC_POLYNOMIAL));

  for (guint i = 0; i < 100; i++)
    {
      guint64 p = ob_polynomial_random ();
      guint64 a = (guint64) g_test_rand_int_range (2, 1 << 26) | 1 << 26;
      guint64 b = (guint64) g_test_rand_int_range (2, 1 << 27) | 1 << 27;

      g_assert_cmpuint (p >> OB_POLYNOMIAL_DEGREE, ==, 1);
      g_assert_true (ob_polynomial_is_irreducible (p));
      g_assert_false (ob_polynomial_is_irreducible (multiply (a, b)));
    }
}

static void
test_round_trip (void)
{
  ObConfig config, other, back;
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  ob_config_generate (&config);
  ob_config_generate (&other);
  g_assert_cmpstr (config.id, !=, other.id);
  g_assert_cmpuint (config.chunker_polynomial, !=, other.chunker_polynomial);

  text = ob_config_to_json (&config);
  g_assert_true (ob_config_from_json (text, strlen (text), &back, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (back.version, ==, 2);
  g_assert_cmpstr (back.id, ==, config.id);
  g_assert_cmpuint (back.chunker_polynomial, ==, config.chunker_polynomial);
}

#define TEXT                                                                                       \
  "{ \"version\": 2, \"id\": \"" RESTIC_ID "\", \"chunker_polynomial\": \"25b468838dcb75\" }\n"

typedef struct
{
  const char *from, *to;
  int code; /* -1 for none */
} Change;

static void
test_text (void)
{
  static const Change changes[] = {
    { "2", "1", -1 },
    { "\"version\"", "\"new\":[1,{\"a\":null}],\"version\"", -1 },
    { "2", "3", OB_ERROR_NOT_SUPPORTED },
    { "2", "4000000000", OB_ERROR_NOT_SUPPORTED },
    { "2", "0", OB_ERROR_CORRUPT },
    { "2", "\"2\"", OB_ERROR_CORRUPT },
    { "version", "Version", OB_ERROR_CORRUPT },
    { "3", "x", OB_ERROR_CORRUPT },
    { "3", "", OB_ERROR_CORRUPT },
    { "\"id\"", "\"ID\"", OB_ERROR_CORRUPT },
    { "25b468838dcb75", "", OB_ERROR_CORRUPT },
    { "25b468838dcb75", "00000000025b468838dcb75", OB_ERROR_CORRUPT },
    { "25b468838dcb75", "25b46883 dcb75", OB_ERROR_CORRUPT },
    { "}", "", OB_ERROR_CORRUPT },
    { "}", ",}", OB_ERROR_CORRUPT },
    { "}", "} {", OB_ERROR_CORRUPT },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      g_autoptr (GString) text = g_string_new (TEXT);
      g_autoptr (GError) error = NULL;
      ObConfig config;

      g_assert_cmpuint (g_string_replace (text, changes[i].from, changes[i].to, 1), ==, 1);
      g_assert_true (ob_config_from_json (text->str, text->len, &config, &error)
                     == (changes[i].code < 0));
      if (changes[i].code >= 0)
        g_assert_error (error, OB_ERROR, changes[i].code);
    }
}

static void
test_mutations (void)
{
  for (guint i = 0; i < 100000; i++)
    {
      g_autoptr (GBytes) text = core_mutate (TEXT, strlen (TEXT));
      g_autoptr (GError) error = NULL;
      ObConfig config;

      if (ob_config_from_json (g_bytes_get_data (text, NULL), g_bytes_get_size (text), &config,
                               &error))
        g_assert_true (strlen (config.id) == 64 && config.version >= 1 && config.version <= 2);
      else
        g_assert_nonnull (error);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/polynomial-counts", test_counts);
  g_test_add_func ("/config/large-polynomials", test_large);
  g_test_add_func ("/config/round-trip", test_round_trip);
  g_test_add_func ("/config/text", test_text);
  g_test_add_func ("/config/mutations", test_mutations);
  return g_test_run ();
}
