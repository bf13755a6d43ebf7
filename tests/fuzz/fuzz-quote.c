/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names as Go quotes them. */
#include "ob-quote.h"

#include <string.h>

#include "driver.h"
#include "ob-json-scanner.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("hello.txt"),
  OB_FUZZ_SEED ("caf\\xe9 \\u200b\\U0001f600"),
  OB_FUZZ_SEED ("\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\\101\\377"),
  OB_FUZZ_SEED ("caf\303\251 \342\200\250<&>\177"),
  OB_FUZZ_SEED ("\377\376\355\240\200"),
  OB_FUZZ_SEED ("\\'x\\u00e4"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)


/* What encoding/json would read from @json. Transfer full. */
static GString *
read_json (const GString *json)
{
  ObJsonScanner scanner = { 0 };
  GString *text = g_string_new (NULL);

  ob_json_scanner_init (&scanner, json->str, json->len);
  g_assert_true (ob_json_scanner_read_string (&scanner, text));
  g_assert_true (ob_json_scanner_at_end (&scanner));
  return text;
}

/* A name that is written is read as the same bytes. */
static void
check_name (const char *name)
{
  g_autoptr (GString) json = g_string_new (NULL);
  g_autoptr (GString) quoted = NULL;
  g_autoptr (GString) again = g_string_new (NULL);

  ob_quote_append_name (json, name);
  g_assert_true (g_utf8_validate (json->str, (gssize) json->len, NULL));
  quoted = read_json (json);
  g_assert_true (ob_quote_unquote (again, quoted->str, quoted->len));
  g_assert_cmpstr (again->str, ==, name);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *text = (const char *) data;
  g_autoptr (GString) json = g_string_new (NULL);
  g_autoptr (GString) read = NULL;
  g_autoptr (GString) name = g_string_new (NULL);
  g_autofree char *raw = g_strndup (text, size);

  ob_quote_append_json (json, text, size);
  read = read_json (json);
  g_assert_true (g_utf8_validate_len (read->str, read->len, NULL)
                 || memchr (read->str, '\0', read->len) != NULL);
  if (g_utf8_validate_len (text, size, NULL))
    g_assert_cmpmem (read->str, read->len, text, size);

  check_name (raw);
  if (ob_quote_unquote (name, text, size))
    {
      g_assert_cmpuint (name->len, <=, size);
      check_name (name->str);
    }
  return 0;
}
