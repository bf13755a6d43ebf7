/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-json-scanner.h"

#include <string.h>

#include "core-fixture.h"

static void
init (ObJsonScanner *scanner, const char *text)
{
  ob_json_scanner_init (scanner, text, strlen (text));
}

static void
test_string (void)
{
  static const struct
  {
    const char *json;
    const char *text; /* NULL: is none */
    gsize size;
  } cases[] = {
    { "\"\"", "", 0 },
    { " \t\r\n\"ab\"", "ab", 2 },
    { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8 },
    { "\"\\u00e4\\u20AC\"", "\xc3\xa4\xe2\x82\xac", 5 },
    { "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", 4 },
    { "\"\\ud83dx\"", "\xef\xbf\xbdx", 4 },
    { "\"\\ude00\"", "\xef\xbf\xbd", 3 },
    { "\"\\ud83d\\u0041\"",
      "\xef\xbf\xbd"
      "A",
      4 },
    { "\"a\\u0000b\"", "a\0b", 3 },
    { "\"\xff\"", "\xff", 1 },
    { "", NULL, 0 },
    { "\"", NULL, 0 },
    { "\"a", NULL, 0 },
    { "\"\\", NULL, 0 },
    { "\"\\q\"", NULL, 0 },
    { "\"\\u12\"", NULL, 0 },
    { "\"\\u12g4\"", NULL, 0 },
    { "\"\\ud83d\\u\"", NULL, 0 },
    { "\"\n\"", NULL, 0 },
    { "'a'", NULL, 0 },
    { "1", NULL, 0 },
  };
  g_autoptr (GString) out = g_string_new ("left over");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      ObJsonScanner scanner;

      init (&scanner, cases[i].json);
      if (ob_json_scanner_read_string (&scanner, out) != (cases[i].text != NULL))
        g_error ("%s", cases[i].json);
      if (cases[i].text == NULL)
        continue;
      g_assert_cmpmem (out->str, out->len, cases[i].text, cases[i].size);
      g_assert_true (ob_json_scanner_at_end (&scanner));
    }
}

static void
test_number (void)
{
  static const struct
  {
    const char *json;
    gboolean is_number;
    guint64 value;
  } cases[] = {
    { "0", TRUE, 0 },
    { " 42,", TRUE, 42 },
    { "18446744073709551615", TRUE, G_MAXUINT64 },
    { "18446744073709551616", FALSE, 0 },
    { "99999999999999999999999999", FALSE, 0 },
    { "-1", FALSE, 0 },
    { "1.5", FALSE, 0 },
    { "1e3", FALSE, 0 },
    { "1E3", FALSE, 0 },
    { "\"1\"", FALSE, 0 },
    { "", FALSE, 0 },
    { "null", FALSE, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      ObJsonScanner scanner;
      guint64 value;

      init (&scanner, cases[i].json);
      if (ob_json_scanner_read_uint64 (&scanner, &value) != cases[i].is_number)
        g_error ("%s", cases[i].json);
      if (cases[i].is_number)
        g_assert_cmpuint (value, ==, cases[i].value);
    }
}

static void
test_skip (void)
{
  static const struct
  {
    const char *json;
    gboolean is_value;
  } cases[] = {
    { "null", TRUE },
    { "true", TRUE },
    { "-1.5e+3", TRUE },
    { "\"a\\\"b\"", TRUE },
    { "[]", TRUE },
    { "{}", TRUE },
    { "[1, [2, {\"a\": [null, \"]\"]}], {\"b\": {}}]", TRUE },
    { "{\"a\":1,\"b\":[{}]}", TRUE },
    { "", FALSE },
    { "nul", FALSE },
    { "[", FALSE },
    { "[1", FALSE },
    { "[1}", FALSE },
    { "[1 2]", FALSE },
    { "{\"a\" 1}", FALSE },
    { "{1:1}", FALSE },
    { "{\"a\":}", FALSE },
    { "\"a", FALSE },
    { "]", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      ObJsonScanner scanner;

      init (&scanner, cases[i].json);
      if (ob_json_scanner_skip (&scanner) != cases[i].is_value)
        g_error ("%s", cases[i].json);
      if (cases[i].is_value)
        g_assert_true (ob_json_scanner_at_end (&scanner));
    }
}

static void
test_depth (void)
{
  for (guint depth = 60; depth < 70; depth++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      ObJsonScanner scanner;

      for (guint i = 0; i < depth; i++)
        g_string_append (text, i % 2 == 0 ? "[" : "{\"a\":");
      g_string_append (text, "1");
      for (guint i = depth; i-- > 0;)
        g_string_append_c (text, i % 2 == 0 ? ']' : '}');
      init (&scanner, text->str);
      g_assert_true (ob_json_scanner_skip (&scanner) == (depth <= 64));
    }
}

static void
test_walk (void)
{
  g_autoptr (GString) out = g_string_new (NULL);
  ObJsonScanner scanner;
  guint64 value;

  init (&scanner, " { \"a\" : [ 1 , 2 ] , \"b\":null } ");
  g_assert_true (ob_json_scanner_expect (&scanner, '{'));
  g_assert_true (ob_json_scanner_read_string (&scanner, out));
  g_assert_cmpstr (out->str, ==, "a");
  g_assert_true (ob_json_scanner_expect (&scanner, ':'));
  g_assert_false (ob_json_scanner_accept_null (&scanner));
  g_assert_true (ob_json_scanner_expect (&scanner, '['));
  g_assert_true (ob_json_scanner_read_uint64 (&scanner, &value));
  g_assert_true (ob_json_scanner_accept (&scanner, ','));
  g_assert_true (ob_json_scanner_read_uint64 (&scanner, &value));
  g_assert_cmpuint (value, ==, 2);
  g_assert_false (ob_json_scanner_accept (&scanner, ','));
  g_assert_true (ob_json_scanner_accept (&scanner, ']'));
  g_assert_true (ob_json_scanner_accept (&scanner, ','));
  g_assert_true (ob_json_scanner_skip (&scanner));
  g_assert_true (ob_json_scanner_expect (&scanner, ':'));
  g_assert_true (ob_json_scanner_accept_null (&scanner));
  g_assert_false (ob_json_scanner_at_end (&scanner));
  g_assert_true (ob_json_scanner_expect (&scanner, '}'));
  g_assert_true (ob_json_scanner_at_end (&scanner));
  g_assert_false (ob_json_scanner_expect (&scanner, '}'));
}

static void
test_mutations (void)
{
  static const char text[] = "{\"a\\u00e4\":[1,-2.5e3,\"x\\\"\\ud83d\\ude00\","
                             "{\"b\":[true,false,null,{}]}],\"c\":18446744073709551615}";

  for (guint i = 0; i < 50000; i++)
    {
      g_autoptr (GBytes) bytes = core_mutate (text, strlen (text));
      gsize size;
      const char *data = g_bytes_get_data (bytes, &size);
      ObJsonScanner scanner;

      ob_json_scanner_init (&scanner, data, size);
      ob_json_scanner_skip (&scanner);
      g_assert_true (size == 0 || (scanner.p >= data && scanner.p <= data + size));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json-scanner/string", test_string);
  g_test_add_func ("/json-scanner/number", test_number);
  g_test_add_func ("/json-scanner/skip", test_skip);
  g_test_add_func ("/json-scanner/depth", test_depth);
  g_test_add_func ("/json-scanner/walk", test_walk);
  g_test_add_func ("/json-scanner/mutations", test_mutations);
  return g_test_run ();
}
