/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names and messages of others on their way to hooks, the journal and Prometheus. */
#include "ob-event.h"

#include <string.h>

#include "driver.h"
#include "ob-metrics.h"
#include "ob-text.h"

#define MAX_LINE 50

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("The backup of “ob” has failed: disk full"),
  OB_FUZZ_SEED ("a\"b\\c\nd\\n\r\t\033[31m\177"),
  OB_FUZZ_SEED ("caf\303\251 \342\200\250\342\200\251\342\200\256 \302\205"),
  OB_FUZZ_SEED ("\377\376\355\240\200\360\237\230"),
  OB_FUZZ_SEED ("{instance=\"ob\"} 1\n# HELP x"),
  OB_FUZZ_SEED ("0123456789012345678901234567890123456789012345678€"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)


static void
check_line (const char *text)
{
  g_autofree char *line = ob_text_make_line (text, MAX_LINE);
  g_autofree char *again = ob_text_make_line (line, MAX_LINE);

  g_assert_true (g_utf8_validate (line, -1, NULL));
  g_assert_cmpuint (strlen (line), <=, MAX_LINE);
  for (const char *c = line; *c != '\0'; c++)
    g_assert_true ((guchar) *c >= ' ' && *c != '\177');
  g_assert_cmpstr (line, ==, again);
}

/* What a hook reads is what was made of the text, and a member is a line. */
static void
check_event (const char *text)
{
  g_autoptr (ObEvent) event = ob_event_new (OB_EVENT_DAMAGE_FOUND, OB_SEVERITY_ERROR, text);
  g_autofree char *json = NULL;
  g_autofree char *line = ob_text_make_line (text, OB_EVENT_MAX_TEXT);
  g_autoptr (JsonNode) root = NULL;
  JsonObject *object;
  guint lines = 0;

  ob_event_set_string (event, "instance", text);
  json = ob_event_to_json (event);
  root = json_from_string (json, NULL);
  g_assert_nonnull (root);
  object = json_node_get_object (root);
  g_assert_cmpuint (json_object_get_size (object), ==, 7);
  g_assert_cmpstr (json_object_get_string_member (object, "instance"), ==, line);
  for (const char *c = json; *c != '\0'; c++)
    lines += *c == '\n' ? 1 : 0;
  g_assert_cmpuint (lines, ==, 7 + 2);
}

/* The value of a label, up to its closing quotation mark. */
static GString *
read_value (const char **text)
{
  GString *value = g_string_new (NULL);
  const char *c;

  for (c = *text; *c != '"'; c++)
    {
      g_assert_true (*c != '\0' && *c != '\n');
      if (*c != '\\')
        g_string_append_c (value, *c);
      else if (*++c == 'n')
        g_string_append_c (value, '\n');
      else
        {
          g_assert_true (*c == '\\' || *c == '"');
          g_string_append_c (value, *c);
        }
    }
  *text = c + 1;
  return value;
}

static void
check_metrics (const char *text)
{
  const char *labels[] = { "instance", text, NULL };
  g_autoptr (ObMetrics) metrics = ob_metrics_new ();
  ObMetricFamily *family = ob_metrics_add_family (metrics, "m", text, OB_METRIC_GAUGE);
  g_autofree char *expected
    = g_utf8_make_valid (text, (gssize) strnlen (text, OB_METRICS_MAX_TEXT));
  g_autofree char *file = NULL;
  g_autoptr (GString) value = NULL;
  const char *sample;

  ob_metric_family_add_uint64 (family, labels, 1);
  file = ob_metrics_to_text (metrics);
  g_assert_true (g_str_has_prefix (file, "# HELP m "));
  sample = strchr (file, '\n') + 1;
  g_assert_true (g_str_has_prefix (sample, "# TYPE m gauge\nm{instance=\""));
  sample += strlen ("# TYPE m gauge\nm{instance=\"");
  value = read_value (&sample);
  g_assert_cmpstr (value->str, ==, expected);
  g_assert_cmpstr (sample, ==, "} 1\n");
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);

  check_line (text);
  check_event (text);
  check_metrics (text);
  return 0;
}
