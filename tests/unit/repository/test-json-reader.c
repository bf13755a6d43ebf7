/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-json-reader.h"

#include <string.h>

#include "core-fixture.h"

static gboolean
skips (const char *text)
{
  ObJsonReader reader;

  ob_json_reader_init (&reader, text, strlen (text));
  ob_json_reader_skip (&reader);
  return ob_json_reader_finish (&reader);
}

static void
test_skip (void)
{
  static const char *const good[] = {
    "{}", "[]", " [ ] ", "null", "true", "false", "0", "-1.5e+3", "\"\"", "\"\\\"\\\\\"",
    "{\"a\":1,\"b\":[1,2,{\"c\":null}],\"d\":\"x\"}", "[null]", "[[null],null]", "[{},[]]",
    "{\"a\":null}", "\t\r\n{\"a\" : [ 1 , 2 ] }\n",
  };
  static const char *const bad[] = {
    "", " ", "{", "}", "[", "]", "{]", "[}", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}",
    "{\"a\":1,}", "{,}", "{a:1}", "nul", "tru", "truefalse", "\"", "\"\\\"", "\"a\nb\"", "1 2",
    "[1]]", "{\"a\":1}}", "[null", "x", "\x01", "[nullnull]",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    if (!skips (good[i]))
      g_error ("refused: %s", good[i]);
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    if (skips (bad[i]))
      g_error ("accepted: %s", bad[i]);
}

static void
test_depth (void)
{
  for (guint depth = OB_JSON_MAX_DEPTH - 1; depth <= OB_JSON_MAX_DEPTH + 1; depth++)
    {
      g_autofree char *open = g_strnfill (depth, '[');
      g_autofree char *close = g_strnfill (depth, ']');
      g_autofree char *text = g_strconcat (open, close, NULL);

      g_assert_true (skips (text) == (depth <= OB_JSON_MAX_DEPTH));
    }
}

static char *
read_string (const char *text)
{
  ObJsonReader reader;
  g_autofree char *value = NULL;

  ob_json_reader_init (&reader, text, strlen (text));
  value = ob_json_reader_dup_string (&reader, 100);
  return ob_json_reader_finish (&reader) ? g_steal_pointer (&value) : NULL;
}

static void
test_strings (void)
{
  static const char *const pairs[][2] = {
    { "\"\"", "" },
    { "\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "a\"\\/\b\f\n\r\tz" },
    { "\"\\u0041\\u00e9\\u20ac\"", "Aé€" },
    { "\"\\ud83d\\ude00\"", "😀" },
    { "\"\\ud83dx\"", "\xef\xbf\xbdx" },
    { "\"\\ud83d\\u0041\"", "\xef\xbf\xbd" "A" },
    { "\"\\ude00\"", "\xef\xbf\xbd" },
    { "\"grün\"", "grün" },
    { "\"\\u0000\"", NULL },
    { "\"\\u12\"", NULL },
    { "\"\\u12g4\"", NULL },
    { "\"\\x\"", NULL },
    { "\"\xff\"", NULL },
    { "12", NULL },
    { "null", NULL },
  };
  g_autofree char *spaces = g_strnfill (101, ' ');
  g_autofree char *too_long = g_strconcat ("\"", spaces, "\"", NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (pairs); i++)
    {
      g_autofree char *value = read_string (pairs[i][0]);

      g_assert_cmpstr (value, ==, pairs[i][1]);
    }
  g_assert_null (read_string (too_long));
}

static void
test_append (void)
{
  g_autofree char *longest = g_strnfill (100, '\x7f');
  const char *const values[] = { "", "a", "\"\\/", "\n\t\x01\x1f\x7f", "é€😀", longest };
  g_autoptr (GString) invalid = g_string_new (NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      g_autofree char *back = NULL;

      ob_json_append_string (text, values[i]);
      back = read_string (text->str);
      g_assert_cmpstr (back, ==, values[i]);
    }

  ob_json_append_string (invalid, "a\xff");
  g_assert_cmpstr (invalid->str, ==, "\"a\xef\xbf\xbd\"");
}

static gboolean
read_uint (const char *text, guint64 max, guint64 *value)
{
  ObJsonReader reader;

  ob_json_reader_init (&reader, text, strlen (text));
  return ob_json_reader_read_uint (&reader, max, value) && ob_json_reader_finish (&reader);
}

static void
test_numbers (void)
{
  guint64 value;

  g_assert_true (read_uint ("18446744073709551615", G_MAXUINT64, &value));
  g_assert_cmpuint (value, ==, G_MAXUINT64);
  g_assert_true (read_uint (" 4294967295 ", G_MAXUINT32, &value));
  g_assert_cmpuint (value, ==, G_MAXUINT32);
  g_assert_true (read_uint ("0", 0, &value));
  g_assert_cmpuint (value, ==, 0);
  g_assert_true (read_uint ("3", 3, &value));

  g_assert_false (read_uint ("18446744073709551616", G_MAXUINT64, &value));
  g_assert_false (read_uint ("99999999999999999999", G_MAXUINT64, &value));
  g_assert_false (read_uint ("4294967296", G_MAXUINT32, &value));
  g_assert_false (read_uint ("4", 3, &value));
  g_assert_false (read_uint ("11", 1, &value));
  g_assert_false (read_uint ("-1", 3, &value));
  g_assert_false (read_uint ("1.0", 3, &value));
  g_assert_false (read_uint ("1e0", 3, &value));
  g_assert_false (read_uint ("", 3, &value));
  g_assert_false (read_uint ("\"1\"", 3, &value));
}

static gboolean
read_base64 (const char *text, gsize min, gsize max, guint8 *value, gsize *size)
{
  ObJsonReader reader;

  ob_json_reader_init (&reader, text, strlen (text));
  return ob_json_reader_read_base64 (&reader, min, max, value, size)
         && ob_json_reader_finish (&reader);
}

static void
test_base64 (void)
{
  guint8 data[64], value[64];
  gsize size;

  for (gsize i = 0; i < sizeof data; i++)
    data[i] = (guint8) g_test_rand_int_range (0, 256);
  for (gsize i = 0; i <= sizeof data; i++)
    {
      g_autofree char *encoded = g_base64_encode (data, i);
      g_autofree char *text = g_strconcat ("\"", encoded, "\"", NULL);

      g_assert_true (read_base64 (text, 0, i, value, &size));
      g_assert_cmpmem (value, size, data, i);
      g_assert_false (read_base64 (text, i + 1, sizeof value, value, &size));
      if (i > 0)
        g_assert_false (read_base64 (text, 0, i - 1, value, &size));
    }

  g_assert_false (read_base64 ("\"AAA\"", 0, 64, value, &size));
  g_assert_false (read_base64 ("\"A===\"", 0, 64, value, &size));
  g_assert_false (read_base64 ("\"AA=A\"", 0, 64, value, &size));
  g_assert_false (read_base64 ("\"AA-A\"", 0, 64, value, &size));
  g_assert_false (read_base64 ("\"====\"", 0, 64, value, &size));
}

/* Reads as an index, a key or a snapshot is read, at random. */
static void
read_anything (ObJsonReader *reader, guint depth)
{
  ObJsonSlice slice;
  ObId id;
  guint8 bytes[8];
  gsize size;
  guint64 number;
  gboolean boolean;

  switch (g_test_rand_int_range (0, depth > 5 ? 6 : 8))
    {
    case 0:
      ob_json_reader_skip (reader);
      break;
    case 1:
      g_free (ob_json_reader_dup_string (reader, 20));
      break;
    case 2:
      ob_json_reader_read_uint (reader, 1000, &number);
      break;
    case 3:
      ob_json_reader_read_boolean (reader, &boolean);
      break;
    case 4:
      ob_json_reader_read_base64 (reader, 0, sizeof bytes, bytes, &size);
      break;
    case 5:
      ob_json_reader_read_id (reader, &id);
      break;
    case 6:
      for (ob_json_reader_begin_object (reader); ob_json_reader_next_member (reader, &slice);)
        read_anything (reader, depth + 1);
      break;
    default:
      for (ob_json_reader_begin_array (reader); ob_json_reader_next_element (reader);)
        read_anything (reader, depth + 1);
      break;
    }
}

static void
test_mutations (void)
{
  static const char text[]
    = "{\"a\":[1,null,{\"b\":true}],\"c\":\"x\\u0041\\n\",\"d\":\"AAEC\",\"e\":{},"
      "\"f\":[[],[\"\"]],"
      "\"g\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"h\":-1.5e3}";

  for (guint i = 0; i < 200000; i++)
    {
      g_autoptr (GBytes) bytes = core_mutate (text, strlen (text));
      ObJsonReader reader;

      ob_json_reader_init (&reader, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
      read_anything (&reader, 0);
      ob_json_reader_finish (&reader);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json-reader/skip", test_skip);
  g_test_add_func ("/json-reader/depth", test_depth);
  g_test_add_func ("/json-reader/strings", test_strings);
  g_test_add_func ("/json-reader/append", test_append);
  g_test_add_func ("/json-reader/numbers", test_numbers);
  g_test_add_func ("/json-reader/base64", test_base64);
  g_test_add_func ("/json-reader/mutations", test_mutations);
  return g_test_run ();
}
