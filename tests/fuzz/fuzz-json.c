/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two readers of JSON, on a text of any kind. */
#include "ob-json-reader.h"
#include "ob-json-scanner.h"

#include <string.h>

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("{\"a\":1,\"b\":[1,2,{\"c\":null}],\"d\":\"x\\u00e4\\ud83d\\ude00\\n\"}"),
  OB_FUZZ_SEED ("[null,true,false,-1.5e+3,18446744073709551615]"),
  OB_FUZZ_SEED ("{\"id\":\"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\",\"v"
                "alue\":\"AAECAw==\",\"text\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}"),
  OB_FUZZ_SEED (" [ [ [ ] ] , { } ] "),
  OB_FUZZ_SEED ("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"
                "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
  OB_FUZZ_SEED ("[1,]"),
  OB_FUZZ_SEED ("\"\\ud800x\\udc00\""),
};

OB_FUZZ_EXPORT_SEEDS (seeds)


static void walk (ObJsonReader *reader);

/* The next string, whatever can be made of it. */
static void
read_text (ObJsonReader *reader)
{
  ObJsonReader copy = *reader;
  ObJsonReader again = { 0 };
  g_autofree char *text = ob_json_reader_dup_string (&copy, 4096);
  g_autofree char *text_again = NULL;
  g_autoptr (GString) quoted = g_string_new (NULL);
  guint8 bytes[64];
  gsize size = 0;
  ObId id;

  copy = *reader;
  if (ob_json_reader_read_base64 (&copy, 0, sizeof bytes, bytes, &size))
    g_assert_cmpuint (size, <=, sizeof bytes);
  copy = *reader;
  ob_json_reader_read_id (&copy, &id);
  ob_json_reader_skip (reader);
  if (text == NULL)
    return;

  g_assert_true (g_utf8_validate (text, -1, NULL));
  ob_json_append_string (quoted, text);
  ob_json_reader_init (&again, quoted->str, quoted->len);
  text_again = ob_json_reader_dup_string (&again, quoted->len);
  g_assert_true (ob_json_reader_finish (&again));
  g_assert_cmpstr (text, ==, text_again);
}

static void
walk_object (ObJsonReader *reader)
{
  ObJsonSlice name = { 0 };

  for (ob_json_reader_begin_object (reader); ob_json_reader_next_member (reader, &name);)
    {
      g_assert_true (name.data != NULL && name.data + name.size < reader->end);
      walk (reader);
    }
}

static void
walk (ObJsonReader *reader)
{
  guint64 number = 0;

  g_assert_cmpuint (reader->depth, <=, OB_JSON_MAX_DEPTH);
  g_assert_true (reader->at <= reader->end);
  if (reader->at < reader->end && *reader->at == '{')
    walk_object (reader);
  else if (reader->at < reader->end && *reader->at == '[')
    for (ob_json_reader_begin_array (reader); ob_json_reader_next_element (reader);)
      walk (reader);
  else if (reader->at < reader->end && *reader->at == '"')
    read_text (reader);
  else if (reader->at < reader->end && g_ascii_isdigit (*reader->at))
    {
      ObJsonReader copy = *reader;

      if (ob_json_reader_read_uint (&copy, G_MAXUINT32, &number))
        g_assert_cmpuint (number, <=, G_MAXUINT32);
      ob_json_reader_skip (reader);
    }
  else
    ob_json_reader_skip (reader);
}

static gboolean
scan (const char *text, gsize size)
{
  ObJsonScanner scanner = { 0 };
  g_autoptr (GString) value = g_string_new (NULL);
  guint64 number = 0;

  ob_json_scanner_init (&scanner, text, size);
  if (ob_json_scanner_read_string (&scanner, value))
    g_assert_cmpuint (value->len, <=, size);
  ob_json_scanner_init (&scanner, text, size);
  ob_json_scanner_read_uint64 (&scanner, &number);
  ob_json_scanner_init (&scanner, text, size);
  return ob_json_scanner_skip (&scanner) && ob_json_scanner_at_end (&scanner);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *text = (const char *) data;
  ObJsonReader reader = { 0 };
  gboolean sound;

  ob_json_reader_init (&reader, text, size);
  ob_json_reader_skip (&reader);
  sound = ob_json_reader_finish (&reader);
  ob_json_reader_init (&reader, text, size);
  walk (&reader);
  /* Step by step it is sound only where it is as a whole, and what one takes the other does. */
  g_assert_true (!ob_json_reader_finish (&reader) || sound);
  g_assert_true (scan (text, size) || !sound);
  return 0;
}
