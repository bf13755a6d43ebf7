/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-manifest.h"

#include "jobs-fixture.h"

#ifdef __SANITIZE_ADDRESS__
/* json-glib 1.6 loses the string that it was reading where an escape in it makes no sense. To
 * know that leak by the function that it comes from the whole stack is needed. */
const char *__asan_default_options (void);
const char *__lsan_default_suppressions (void);

const char *
__asan_default_options (void)
{
  return "fast_unwind_on_malloc=0";
}

const char *
__lsan_default_suppressions (void)
{
  return "leak:json_parser_load_from_data\n";
}
#endif

static JsonObject *
make_facts (void)
{
  g_autoptr (JsonNode) node = json_from_string (
    "{\"name\":\"openbravo\",\"server_version\":150018,\"modules\":[{\"name\":\"Core\",\"package\":"
    "\"org.openbravo\",\"version\":\"3.0.1\",\"status\":\"A\"},7,{}]}",
    NULL);

  return json_node_dup_object (node);
}

static ObManifest *
make_manifest (JobsFixture *fixture)
{
  ObManifest *manifest = ob_manifest_new ();
  ObManifestTree *tree = g_new0 (ObManifestTree, 1);
  const char *const exclude[] = { "attachments", NULL };

  manifest->instance = jobs_fixture_make_instance (fixture, "ob", "attachments");
  manifest->kind = g_strdup ("manual");
  manifest->label = g_strdup ("before \"3.0\" ñ");
  manifest->parts = OB_PART_DATABASE | OB_PART_SOURCES;
  manifest->start = (struct timespec){ .tv_sec = 1700000000, .tv_nsec = 5 };
  manifest->seconds = 12;
  manifest->facts = make_facts ();
  g_ptr_array_add (manifest->streams, g_strdup ("schema.dump"));
  g_ptr_array_add (manifest->streams, g_strdup ("data-1.dump"));
  manifest->database_bytes = 1000;
  tree->part = OB_PART_SOURCES;
  tree->path = g_strdup ("/opt/ob");
  tree->exclude = g_strdupv ((GStrv) exclude);
  tree->stats.files = 3;
  tree->stats.bytes = 500;
  tree->stats.vanished = 1;
  g_ptr_array_add (manifest->trees, tree);
  g_ptr_array_add (manifest->warnings, g_strdup ("file \xff\037 is gone"));
  return manifest;
}

static JsonObject *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  JsonObject *object = ob_manifest_parse (text, strlen (text), &error);

  g_assert_no_error (error);
  return object;
}

static void
assert_summary (JsonObject *object)
{
  JsonObject *sizes = ob_manifest_get_object (object, "sizes");
  JsonArray *modules = ob_manifest_get_array (object, "modules");
  JsonArray *warnings = ob_manifest_get_array (object, "warnings");

  g_assert_cmpuint (ob_manifest_get_number (object, "format"), ==, OB_MANIFEST_FORMAT);
  g_assert_cmpstr (ob_manifest_get_string (object, "instance"), ==, "ob");
  g_assert_cmpstr (ob_manifest_get_string (object, "kind"), ==, "manual");
  g_assert_cmpstr (ob_manifest_get_string (object, "label"), ==, "before \"3.0\" ñ");
  g_assert_cmpstr (ob_manifest_get_string (object, "result"), ==, "complete");
  g_assert_cmpuint (ob_manifest_get_number (object, "duration"), ==, 12);
  g_assert_cmpuint (ob_manifest_get_parts (object), ==, OB_PART_DATABASE | OB_PART_SOURCES);
  g_assert_cmpuint (ob_manifest_get_number (object, "size"), ==, 1500);
  g_assert_cmpuint (ob_manifest_get_number (object, "files"), ==, 3);
  g_assert_cmpuint (ob_manifest_get_number (sizes, "database"), ==, 1000);
  g_assert_cmpuint (ob_manifest_get_number (sizes, "sources"), ==, 500);
  g_assert_cmpuint (json_array_get_length (modules), ==, 2);
  g_assert_cmpstr (
    ob_manifest_get_string (json_array_get_object_element (modules, 0), "version"), ==, "3.0.1");
  g_assert_cmpuint (json_array_get_length (warnings), ==, 1);
  g_assert_true (g_utf8_validate (json_array_get_string_element (warnings, 0), -1, NULL));
}

static void
test_round_trip (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObManifest) manifest = make_manifest (fixture);
  g_autofree char *text = ob_manifest_to_json (manifest);
  g_autoptr (JsonObject) object = parse (text);
  g_autoptr (JsonObject) summary = ob_manifest_get_summary (object);
  JsonArray *streams = ob_manifest_get_array (object, "streams");
  JsonArray *trees = ob_manifest_get_array (object, "trees");
  JsonObject *tree = json_array_get_object_element (trees, 0);

  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_assert_null (strstr (text, "database-secret"));
  assert_summary (object);
  assert_summary (summary);
  g_assert_false (json_object_has_member (summary, "database"));
  g_assert_cmpstr (ob_manifest_get_string (object, "time"), ==, "2023-11-14T22:13:20.000000005Z");
  g_assert_cmpuint (json_array_get_length (streams), ==, 2);
  g_assert_cmpstr (json_array_get_string_element (streams, 1), ==, "data-1.dump");
  g_assert_cmpstr (ob_manifest_get_string (tree, "part"), ==, "sources");
  g_assert_cmpstr (ob_manifest_get_string (tree, "path"), ==, "/opt/ob");
  g_assert_cmpuint (ob_manifest_get_number (tree, "vanished"), ==, 1);
  g_assert_cmpuint (json_array_get_length (ob_manifest_get_array (tree, "left-out")), ==, 1);
  g_assert_cmpuint (
    ob_manifest_get_number (ob_manifest_get_object (object, "database"), "server_version"), ==,
    150018);
}

static void
test_summarize (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObManifest) manifest = make_manifest (fixture);
  g_autoptr (JsonObject) summary = ob_manifest_summarize (manifest, 77);
  g_autoptr (JsonObject) bounded = NULL;
  g_autofree char *text = NULL;
  g_autoptr (JsonObject) whole = NULL;

  assert_summary (summary);
  g_assert_cmpuint (ob_manifest_get_number (summary, "stored"), ==, 77);

  /* A list shows a hundred warnings at most; the manifest has them all. */
  manifest->partial = TRUE;
  for (guint i = 0; i < 500; i++)
    g_ptr_array_add (manifest->warnings, g_strdup_printf ("warning %u", i));
  bounded = ob_manifest_summarize (manifest, 0);
  g_assert_cmpuint (json_array_get_length (ob_manifest_get_array (bounded, "warnings")), ==, 100);
  g_assert_cmpstr (ob_manifest_get_string (bounded, "result"), ==, "partial");
  text = ob_manifest_to_json (manifest);
  whole = parse (text);
  g_assert_cmpuint (json_array_get_length (ob_manifest_get_array (whole, "warnings")), ==, 501);
}

static void
test_without_database (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObManifest) manifest = make_manifest (fixture);
  g_autofree char *text = NULL;
  g_autoptr (JsonObject) object = NULL;

  g_clear_pointer (&manifest->facts, json_object_unref);
  manifest->parts = OB_PART_SOURCES;
  text = ob_manifest_to_json (manifest);
  object = parse (text);
  g_assert_null (ob_manifest_get_object (object, "database"));
  g_assert_null (ob_manifest_get_array (object, "streams"));
  g_assert_cmpuint (ob_manifest_get_parts (object), ==, OB_PART_SOURCES);
  g_assert_cmpuint (ob_manifest_get_number (object, "size"), ==, 500);
}

static void
assert_refused (const char *text, gsize size, ObError code)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (ob_manifest_parse (text, size, &error));
  g_assert_error (error, OB_ERROR, (int) code);
}

static void
test_later_version (void)
{
  static const char later[] = "{\"format\":2,\"instance\":\"ob\"}";
  g_autoptr (GError) error = NULL;

  g_assert_null (ob_manifest_parse (later, sizeof later - 1, &error));
  g_assert_ob_error (error, OB_ERROR_VERSION_MISMATCH);
  g_assert_message (error, "later version");
  g_assert_message (error, "update obbackup");
}

static void
test_hostile (void)
{
  static const char *const texts[] = {
    "", " ", "null", "[]", "7", "\"x\"", "{}", "{\"format\":0}", "{\"format\":-1}",
    "{\"format\":\"1\"}", "{\"format\":1.5}", "{\"format\":1", "{\"format\":1}}", "{'format':1}",
    "var x = {\"format\":1};", "{\"format\":[1]}", "{\"format\":1,\"a\":\"\xff\"}",
    "{\"format\":1,\"a\":\"\\ud800\\u0041\"}",
  };
  g_autoptr (GString) deep = g_string_new ("{\"format\":1,\"a\":");

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_test_message ("case %" G_GSIZE_FORMAT, i);
      assert_refused (texts[i], strlen (texts[i]), OB_ERROR_CORRUPT);
    }
  assert_refused ("{\"format\":1}\0", 13, OB_ERROR_CORRUPT);

  /* As deep as a stack is not. */
  for (guint i = 0; i < 1000000; i++)
    g_string_append_c (deep, '[');
  for (guint i = 0; i < 1000000; i++)
    g_string_append_c (deep, ']');
  g_string_append_c (deep, '}');
  assert_refused (deep->str, deep->len, OB_ERROR_CORRUPT);
}

/* Members of another type than they should be. */
static void
test_types (void)
{
  g_autoptr (JsonObject) object
    = parse ("{\"format\":1,\"s\":[],\"n\":\"1\",\"o\":[],\"a\":{},\"z\":null,\"negative\":-5,"
             "\"real\":1.5,\"true\":true,\"parts\":[\"database\",7,null,[],\"files\",\"webapp\"],"
             "\"nul\":\"a\\u0000b\"}");
  static const char half[] = "{\"format\":1,\"half\":\"\\udc00\"}";
  g_autoptr (JsonObject) odd = ob_manifest_parse (half, sizeof half - 1, NULL);
  static const char *const names[]
    = { "s", "n", "o", "a", "z", "real", "true", "parts", "missing" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_assert_cmpuint (ob_manifest_get_number (object, names[i]), ==, 0);
      if (strcmp (names[i], "n") != 0)
        g_assert_cmpstr (ob_manifest_get_string (object, names[i]), ==, "");
      if (strcmp (names[i], "a") != 0)
        g_assert_null (ob_manifest_get_object (object, names[i]));
    }
  g_assert_null (ob_manifest_get_array (object, "a"));
  g_assert_null (ob_manifest_get_array (object, "missing"));
  g_assert_cmpuint (ob_manifest_get_number (object, "negative"), ==, 0);
  g_assert_cmpuint (ob_manifest_get_parts (object), ==, OB_PART_DATABASE | OB_PART_WEBAPP);
  /* Nothing that is not UTF-8 comes out of it, whether or not it goes in. */
  g_assert_true (odd == NULL
                 || g_utf8_validate (ob_manifest_get_string (odd, "half"), -1, NULL));
}

/* Damaged texts: whatever is accepted can be described. */
static void
test_mutations (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObManifest) manifest = make_manifest (fixture);
  g_autofree char *text = ob_manifest_to_json (manifest);
  gsize size = strlen (text);
  guint rounds = g_test_quick () ? 3000 : 100000;
  guint accepted = 0;

  for (guint i = 0; i < rounds; i++)
    {
      g_autofree char *copy = g_memdup2 (text, size + 1);
      g_autoptr (GError) error = NULL;
      g_autoptr (JsonObject) object = NULL;

      for (gint n = g_test_rand_int_range (1, 4); n > 0; n--)
        copy[g_test_rand_int_range (0, (gint32) size)]
          = "\"\\{}[],:0-u\n\xc3x"[g_test_rand_int_range (0, 14)];
      object = ob_manifest_parse (copy, size, &error);
      g_assert_true ((object == NULL) == (error != NULL));
      if (object != NULL)
        {
          g_autoptr (JsonObject) summary = ob_manifest_get_summary (object);

          g_assert_cmpuint (ob_manifest_get_parts (summary), <=, OB_PART_ALL);
          accepted++;
        }
    }
  g_assert_cmpuint (accepted, >, 0);
}

#define ADD(path, func)                                                                            \
  g_test_add (path, JobsFixture, NULL, jobs_fixture_set_up, func, jobs_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/manifest/round-trip", test_round_trip);
  ADD ("/manifest/summarize", test_summarize);
  ADD ("/manifest/without-database", test_without_database);
  g_test_add_func ("/manifest/later-version", test_later_version);
  g_test_add_func ("/manifest/hostile", test_hostile);
  g_test_add_func ("/manifest/types", test_types);
  ADD ("/manifest/mutations", test_mutations);
  return g_test_run ();
}
