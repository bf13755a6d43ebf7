/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-quote.h"

#include <string.h>

#include "ob-json-scanner.h"

typedef struct
{
  const char *name;
  const char *json; /* of a name: strconv.Quote, then encoding/json */
  const char *text; /* of a text: encoding/json alone; NULL for the same */
} QuoteCase;

/* As Go 1.19 prints them. */
static const QuoteCase cases[] = {
  { "plain.txt", "\"plain.txt\"", NULL },
  { "", "\"\"", NULL },
  { "a b'c", "\"a b'c\"", NULL },
  { "ä€\xf0\x9f\x98\x80", "\"ä€\xf0\x9f\x98\x80\"", NULL },
  { "\"", "\"\\\\\\\"\"", "\"\\\"\"" },
  { "\\", "\"\\\\\\\\\"", "\"\\\\\"" },
  { "<&>", "\"\\u003c\\u0026\\u003e\"", NULL },
  { "\a\b\t\n\v\f\r", "\"\\\\a\\\\b\\\\t\\\\n\\\\v\\\\f\\\\r\"",
    "\"\\u0007\\u0008\\t\\n\\u000b\\u000c\\r\"" },
  { "\x01\x1f\x7f", "\"\\\\x01\\\\x1f\\\\x7f\"", "\"\\u0001\\u001f\x7f\"" },
  /* not UTF-8: Latin-1, cut off, overlong, a surrogate, beyond the end of Unicode */
  { "caf\xe9", "\"caf\\\\xe9\"", "\"caf\\ufffd\"" },
  { "\xe2\x82", "\"\\\\xe2\\\\x82\"", "\"\\ufffd\\ufffd\"" },
  { "\xc0\xaf", "\"\\\\xc0\\\\xaf\"", "\"\\ufffd\\ufffd\"" },
  { "\xed\xa0\x80", "\"\\\\xed\\\\xa0\\\\x80\"", "\"\\ufffd\\ufffd\\ufffd\"" },
  { "\xf4\x90\x80\x80", "\"\\\\xf4\\\\x90\\\\x80\\\\x80\"", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
  /* valid, and nothing that is printed: blanks, marks of direction, private use */
  { "\xc2\xa0", "\"\\\\u00a0\"", "\"\xc2\xa0\"" },
  { "\xe2\x80\x8b", "\"\\\\u200b\"", "\"\xe2\x80\x8b\"" },
  { "\xe2\x80\xa8", "\"\\\\u2028\"", "\"\\u2028\"" },
  { "\xee\x80\x80", "\"\\\\ue000\"", "\"\xee\x80\x80\"" },
  { "\xf4\x8f\xbf\xbf", "\"\\\\U0010ffff\"", "\"\xf4\x8f\xbf\xbf\"" },
  { "\xef\xbf\xbd", "\"\xef\xbf\xbd\"", NULL },
};

static void
test_go (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const QuoteCase *c = &cases[i];
      g_autoptr (GString) name = g_string_new (NULL);
      g_autoptr (GString) text = g_string_new (NULL);

      ob_quote_append_name (name, c->name);
      ob_quote_append_json (text, c->name, strlen (c->name));
      g_assert_cmpstr (name->str, ==, c->json);
      g_assert_cmpstr (text->str, ==, c->text != NULL ? c->text : c->json);
    }
}

static void
assert_comes_back (const char *name)
{
  g_autoptr (GString) json = g_string_new (NULL);
  g_autoptr (GString) quoted = g_string_new (NULL);
  g_autoptr (GString) back = g_string_new (NULL);
  ObJsonScanner scanner;

  ob_quote_append_name (json, name);
  ob_json_scanner_init (&scanner, json->str, json->len);
  g_assert_true (ob_json_scanner_read_string (&scanner, quoted));
  g_assert_true (ob_json_scanner_at_end (&scanner));
  g_assert_true (ob_quote_unquote (back, quoted->str, quoted->len));
  g_assert_cmpmem (back->str, back->len, name, strlen (name));
}

/* Whatever bytes a name has, it comes back. */
static void
test_round_trip (void)
{
  char name[16];

  for (guint a = 1; a < 256; a++)
    for (guint b = 1; b < 256; b++)
      {
        name[0] = (char) a;
        name[1] = (char) b;
        name[2] = '\0';
        assert_comes_back (name);
      }
  for (guint i = 0; i < 20000; i++)
    {
      guint n = (guint) g_test_rand_int_range (0, sizeof name);

      for (guint j = 0; j < n; j++)
        name[j] = (char) g_test_rand_int_range (1, 256);
      name[n] = '\0';
      assert_comes_back (name);
    }
}

static void
test_unquote (void)
{
  static const struct
  {
    const char *quoted;
    const char *name; /* NULL: is refused, as by strconv.Unquote */
  } unquoted[] = {
    { "\\x41\\u00e4\\U0001f600\\101\\a", "A\xc3\xa4\xf0\x9f\x98\x80"
                                         "A\a" },
    { "\\xff\\377", "\xff\xff" },
    { "'", "'" },
    { "\\'", NULL },
    { "\"", NULL },
    { "a\nb", NULL },
    { "\\", NULL },
    { "\\q", NULL },
    { "\\x4", NULL },
    { "\\x4g", NULL },
    { "\\u00e", NULL },
    { "\\ud800", NULL },
    { "\\U00110000", NULL },
    { "\\400", NULL },
    { "\\08", NULL },
    { "\\089", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (unquoted); i++)
    {
      g_autoptr (GString) out = g_string_new (NULL);
      const char *quoted = unquoted[i].quoted;

      if (ob_quote_unquote (out, quoted, strlen (quoted)) != (unquoted[i].name != NULL))
        g_error ("%s", quoted);
      if (unquoted[i].name != NULL)
        g_assert_cmpstr (out->str, ==, unquoted[i].name);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/quote/go", test_go);
  g_test_add_func ("/quote/round-trip", test_round_trip);
  g_test_add_func ("/quote/unquote", test_unquote);
  return g_test_run ();
}
