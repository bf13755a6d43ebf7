/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-event.h"

#include <string.h>

#include "config.h"
#include "ob-text.h"
#include "ob-time.h"

#define ROUNDS 2000

static JsonObject *
parse (const ObEvent *event)
{
  g_autofree char *text = ob_event_to_json (event);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) root = json_from_string (text, &error);

  g_assert_no_error (error);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_assert_true (g_str_has_suffix (text, "}\n"));
  g_assert_true (JSON_NODE_HOLDS_OBJECT (root));
  return json_object_ref (json_node_get_object (root));
}

static void
test_names (void)
{
  for (guint i = 0; i < OB_N_EVENTS; i++)
    {
      const char *name = ob_event_kind_get_name (i);

      g_assert_cmpuint (strlen (name), >, 0);
      g_assert_cmpuint (strspn (name, "abcdefghijklmnopqrstuvwxyz-"), ==, strlen (name));
      for (guint j = 0; j < i; j++)
        g_assert_cmpstr (name, !=, ob_event_kind_get_name (j));
    }
  g_assert_cmpstr (ob_event_kind_get_name (OB_EVENT_BACKUP_LATE), ==, "backup-late");
  g_assert_cmpstr (ob_severity_get_name (OB_SEVERITY_ERROR), ==, "error");
}

static void
test_json (void)
{
  g_autoptr (ObEvent) event
    = ob_event_new (OB_EVENT_JOB_FINISHED, OB_SEVERITY_WARNING, "The backup of “ob” is partial.");
  g_autoptr (JsonObject) object = NULL;
  gint64 before = g_get_real_time () / G_USEC_PER_SEC;
  struct timespec when;

  ob_event_set_string (event, "instance", "first");
  ob_event_set_string (event, "instance", "ob");
  ob_event_set_string (event, "destination", NULL);
  ob_event_set_int64 (event, "bytes", G_MAXINT64);
  ob_event_set_boolean (event, "automatic", TRUE);
  object = parse (event);

  g_assert_cmpuint (json_object_get_size (object), ==, 9);
  g_assert_cmpstr (json_object_get_string_member (object, "event"), ==, "job-finished");
  g_assert_cmpstr (json_object_get_string_member (object, "severity"), ==, "warning");
  g_assert_cmpstr (json_object_get_string_member (object, "message"), ==,
                   "The backup of “ob” is partial.");
  g_assert_cmpstr (json_object_get_string_member (object, "host"), ==, g_get_host_name ());
  g_assert_cmpstr (json_object_get_string_member (object, "service_version"), ==, OB_VERSION);
  g_assert_cmpstr (json_object_get_string_member (object, "instance"), ==, "ob");
  g_assert_cmpint (json_object_get_int_member (object, "bytes"), ==, G_MAXINT64);
  g_assert_true (json_object_get_boolean_member (object, "automatic"));
  g_assert_true (ob_time_parse (json_object_get_string_member (object, "time"), &when));
  g_assert_cmpint (when.tv_sec, <=, before + 1);
  g_assert_cmpint (when.tv_sec, >=, before - 60);
  g_assert_cmpint (when.tv_nsec % 1000000, ==, 0);
}

/* A shell script finds a member at the beginning of a line of its own, and nothing in a text can
 * look like one. */
static void
test_member_a_line (void)
{
  g_autoptr (ObEvent) event = ob_event_new (OB_EVENT_SPACE_LOW, OB_SEVERITY_INFO,
                                            "one\n  \"event\" : \"forged\",\r\ntwo");
  g_autofree char *json = NULL;
  g_auto (GStrv) lines = NULL;
  guint found = 0;

  ob_event_set_string (event, "destination", "a\"\\\n  \"event\" : \"forged\"");
  json = ob_event_to_json (event);
  lines = g_strsplit (json, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    found += g_str_has_prefix (g_strchug (lines[i]), "\"event\"") ? 1 : 0;
  g_assert_cmpuint (found, ==, 1);
  /* Two braces, seven members, and what is after the last line end. */
  g_assert_cmpuint (g_strv_length (lines), ==, 10);
}

static void
test_bounds (void)
{
  g_autofree char *long_text = g_strnfill (100000, 'x');
  g_autoptr (ObEvent) event = ob_event_new (OB_EVENT_SPACE_LOW, OB_SEVERITY_INFO, long_text);
  g_autoptr (JsonObject) object = NULL;
  const char *text;

  ob_event_set_string (event, "destination", long_text);
  object = parse (event);
  g_assert_cmpuint (strlen (ob_event_get_message (event)), ==, OB_EVENT_MAX_MESSAGE);
  text = json_object_get_string_member (object, "destination");
  g_assert_cmpuint (strlen (text), ==, OB_EVENT_MAX_TEXT);
  g_assert_true (g_str_has_suffix (text, "x…"));
}

static void
test_keys (void)
{
  g_autoptr (ObEvent) event = ob_event_new (OB_EVENT_SPACE_LOW, OB_SEVERITY_INFO, "Full.");

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
      g_test_trap_assert_passed ();
      return;
    }
  for (guint i = 0; i < OB_EVENT_MAX_FIELDS; i++)
    {
      g_autofree char *key = g_strdup_printf ("k_%c%c", 'a' + i / 26, 'a' + i % 26);

      ob_event_set_int64 (event, key, i);
    }
  ob_event_set_int64 (event, "k_aa", 77);
  g_log_set_always_fatal (0);
  g_log_set_writer_func (g_log_writer_standard_streams, NULL, NULL);
  ob_event_set_string (event, "one_more", "value");
  g_assert_cmpuint (json_object_get_size (ob_event_get_fields (event)), ==, OB_EVENT_MAX_FIELDS);
  json_object_remove_member (ob_event_get_fields (event), "k_ab");
  ob_event_set_string (event, "message", "forged");
  ob_event_set_string (event, "Upper", "value");
  ob_event_set_string (event, "", "value");
  ob_event_set_string (event, "a\"b", "value");
  ob_event_set_string (event, "_a", "value");
  ob_event_set_string (event, "a_key_of_much_more_than_thirty_two", "value");
  g_assert_cmpuint (json_object_get_size (ob_event_get_fields (event)), ==,
                    OB_EVENT_MAX_FIELDS - 1);
  g_assert_cmpint (json_object_get_int_member (ob_event_get_fields (event), "k_aa"), ==, 77);
}

/* Whatever bytes somebody has put into a name. */
static void
test_any_bytes (void)
{
  for (guint round = 0; round < ROUNDS; round++)
    {
      gsize size = (gsize) g_test_rand_int_range (1, 60);
      g_autofree char *text = g_malloc0 (size + 1);
      g_autofree char *line = NULL;
      gsize max = (gsize) g_test_rand_int_range (4, 70);
      g_autoptr (ObEvent) event = NULL;
      g_autoptr (JsonObject) object = NULL;

      for (gsize i = 0; i < size; i++)
        text[i] = (char) g_test_rand_int_range (round % 2 == 0 ? 1 : 0xc0, 0x100);
      line = ob_text_make_line (text, max);
      g_assert_true (g_utf8_validate (line, -1, NULL));
      g_assert_cmpuint (strlen (line), <=, max);
      for (const char *c = line; *c != '\0'; c = g_utf8_next_char (c))
        g_assert_false (g_unichar_iscntrl (g_utf8_get_char (c)));

      event = ob_event_new (OB_EVENT_SPACE_LOW, OB_SEVERITY_INFO, text);
      ob_event_set_string (event, "destination", text);
      object = parse (event);
      g_assert_cmpstr (json_object_get_string_member (object, "message"), ==,
                       json_object_get_string_member (object, "destination"));
    }
}

static void
test_line (void)
{
  static const struct
  {
    const char *text;
    gsize max;
    const char *line;
  } cases[] = {
    { "", 4, "" },
    { "abcd", 4, "abcd" },
    { "abcde", 4, "a…" },
    { "äöü", 6, "äöü" },
    { "äöüß", 7, "äö…" },
    { "äöüß", 6, "ä…" },
    { "a\tb\r\nc\033[1m\177d", 40, "a b  c [1m d" },
    { "a\xe2\x80\xa8" "b\xe2\x80\xa9" "c\xc2\x85" "d\xe2\x80\xae" "e", 40, "a b c d e" },
    { "a\xff" "b", 40, "a\xef\xbf\xbd" "b" },
    { "a\xff" "bcd", 5, "a…" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *line = ob_text_make_line (cases[i].text, cases[i].max);

      g_assert_cmpstr (line, ==, cases[i].line);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/event/names", test_names);
  g_test_add_func ("/event/json", test_json);
  g_test_add_func ("/event/member-a-line", test_member_a_line);
  g_test_add_func ("/event/bounds", test_bounds);
  g_test_add_func ("/event/keys", test_keys);
  g_test_add_func ("/event/any-bytes", test_any_bytes);
  g_test_add_func ("/event/line", test_line);
  return g_test_run ();
}
