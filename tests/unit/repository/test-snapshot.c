/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-snapshot.h"

#include <string.h>

#include "core-fixture.h"
#include "ob-error.h"

#define TREE "52354c32f4c023e02c10ba57a6765018b701cba99397cfc7fc73d6161cd3fe56"
#define PARENT "d3dc577b4ffd38cc4b32122cabf8655a0223ed22edfd93b353dc0c3f2b0fdf66"
#define ORIGINAL "251c2e5841355f743f9d4ffd3260bee765acee40a6229857e32b60446991b837"

/* As restic 0.17 writes them, with members that we have no use for. */
#define RESTIC_TEXT                                                                                \
  "{\"time\":\"2023-04-05T06:07:08.25+02:00\",\"parent\":\"" PARENT "\",\"tree\":\"" TREE "\","    \
  "\"paths\":[\"/srv/a\",\"/srv/b\\u00e9\"],\"hostname\":\"erp\",\"username\":\"root\",\"uid\":7," \
  "\"gid\":8,\"excludes\":[\"*.tmp\"],\"tags\":[\"one\",\"two\"],\"original\":\"" ORIGINAL "\","   \
  "\"program_version\":\"restic 0.17.0\",\"summary\":{\"files_new\":1,\"x\":[null,{}]}}"

static ObSnapshot *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  ObSnapshot *snapshot = ob_snapshot_from_json (text, strlen (text), &error);

  g_assert_no_error (error);
  return snapshot;
}

static void
assert_id (const ObId *id, const char *expected)
{
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (id, hex);
  g_assert_cmpstr (hex, ==, expected);
}

static void
test_restic (void)
{
  g_autoptr (ObSnapshot) snapshot = parse (RESTIC_TEXT);

  g_assert_cmpint (snapshot->time.tv_sec, ==, 1680667628);
  g_assert_cmpint (snapshot->time.tv_nsec, ==, 250000000);
  assert_id (&snapshot->tree, TREE);
  g_assert_true (snapshot->has_parent);
  assert_id (&snapshot->parent, PARENT);
  g_assert_true (snapshot->has_original);
  assert_id (ob_snapshot_get_public_id (snapshot), ORIGINAL);
  g_assert_cmpuint (g_strv_length (snapshot->paths), ==, 2);
  g_assert_cmpstr (snapshot->paths[1], ==, "/srv/bé");
  g_assert_true (ob_snapshot_has_tag (snapshot, "two"));
  g_assert_false (ob_snapshot_has_tag (snapshot, "three"));
  g_assert_cmpstr (snapshot->hostname, ==, "erp");
  g_assert_cmpstr (snapshot->username, ==, "root");
  g_assert_cmpuint (snapshot->uid, ==, 7);
  g_assert_cmpuint (snapshot->gid, ==, 8);
  g_assert_cmpstr (snapshot->program_version, ==, "restic 0.17.0");
  g_assert_null (snapshot->obbackup);
}

/* The least there can be, and nulls where Go writes them. */
static void
test_minimal (void)
{
  g_autoptr (ObSnapshot) snapshot
    = parse ("{\"time\":\"2023-04-05T06:07:08Z\",\"tree\":\"" TREE "\",\"paths\":null}");

  g_assert_false (snapshot->has_parent);
  g_assert_false (snapshot->has_original);
  assert_id (&snapshot->tree, TREE);
  g_assert_true (ob_snapshot_get_public_id (snapshot) == &snapshot->id);
  g_assert_false (ob_snapshot_has_tag (snapshot, "one"));
  g_assert_null (ob_snapshot_get_tag (snapshot, "one"));
}

static ObSnapshot *
make_snapshot (void)
{
  ObSnapshot *snapshot = ob_snapshot_new ();
  JsonArray *modules = json_array_new ();

  snapshot->time = (struct timespec){ 1795406706, 789000000 };
  g_assert_true (ob_id_from_hex (TREE, &snapshot->tree));
  snapshot->paths = g_strsplit ("/opt/Openbravo ERP|/srv/\"x\"\n", "|", 0);
  snapshot->tags
    = g_strsplit ("obbackup|instance=erp|label=a, pinned \"é\"|label=2|labels=3", "|", 0);
  snapshot->hostname = g_strdup ("erp1");
  snapshot->username = g_strdup ("root");
  snapshot->program_version = g_strdup ("obbackup 0.1.0");
  snapshot->obbackup = json_object_new ();
  json_object_set_string_member (snapshot->obbackup, "result", "partial");
  json_object_set_int_member (snapshot->obbackup, "bytes", G_GINT64_CONSTANT (1) << 60);
  json_array_add_string_element (modules, "org.openbravo");
  json_object_set_array_member (snapshot->obbackup, "modules", modules);
  return snapshot;
}

/* Each character that has to be escaped, in what json-glib prints: no JSON is what it makes of
 * U+001F. File names come here in warnings. */
static void
test_control_characters (void)
{
  for (int c = 1; c <= 0x7f; c++)
    {
      const char value[] = { 'a', (char) c, 'b', '\0' };
      g_autoptr (ObSnapshot) snapshot = make_snapshot ();
      g_autoptr (ObSnapshot) back = NULL;
      g_autofree char *text = NULL;

      json_object_set_string_member (snapshot->obbackup, "result", value);
      text = ob_snapshot_to_json (snapshot);
      for (const char *at = text; *at != '\0'; at++)
        g_assert_cmpint ((guchar) *at, >=, ' ');
      back = parse (text);
      g_assert_cmpstr (json_object_get_string_member (back->obbackup, "result"), ==, value);
    }
}

static void
test_round_trip (void)
{
  g_autoptr (ObSnapshot) snapshot = make_snapshot ();
  g_autofree char *text = ob_snapshot_to_json (snapshot);
  g_autoptr (ObSnapshot) back = parse (text);
  g_autofree char *again = ob_snapshot_to_json (back);

  g_assert_cmpstr (text, ==, again);
  g_assert_true (g_strv_equal ((const char *const *) snapshot->paths,
                               (const char *const *) back->paths));
  g_assert_true (g_strv_equal ((const char *const *) snapshot->tags,
                               (const char *const *) back->tags));
  g_assert_cmpint (json_object_get_int_member (back->obbackup, "bytes"), ==,
                   G_GINT64_CONSTANT (1) << 60);
  g_assert_cmpstr (ob_snapshot_get_tag (back, "label"), ==, "a, pinned \"é\"");
  g_assert_cmpstr (ob_snapshot_get_tag (back, "instance"), ==, "erp");
  g_assert_null (ob_snapshot_get_tag (back, "lab"));
  g_assert_null (ob_snapshot_get_tag (back, "obbackup"));
  g_assert_false (ob_snapshot_has_tag (back, "pinned"));
}

/* JSON holds no bytes that are not UTF-8; a path with some must not spoil the file. */
static void
test_invalid_utf8 (void)
{
  g_autoptr (ObSnapshot) snapshot = make_snapshot ();
  g_autoptr (ObSnapshot) back = NULL;
  g_autofree char *text = NULL;

  g_strfreev (snapshot->paths);
  snapshot->paths = g_strsplit ("/opt/\xff\xfe", "|", 0);
  text = ob_snapshot_to_json (snapshot);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  back = parse (text);
  g_assert_cmpstr (back->paths[0], ==, "/opt/\xef\xbf\xbd\xef\xbf\xbd");
}

typedef struct
{
  const char *from, *to;
  gboolean is_sound;
} Change;

static void
test_damage (void)
{
  static const Change changes[] = {
    { "\"time\"", "\"Time\"", FALSE },
    { "\"tree\"", "\"Tree\"", FALSE },
    { "2023-04-05", "2023-14-05", FALSE },
    { TREE, "52354c32", FALSE },
    { TREE, "", FALSE },
    { "\"" PARENT "\"", "null", FALSE },
    { "\"uid\":7", "\"uid\":-7", FALSE },
    { "\"uid\":7", "\"uid\":4294967295", TRUE },
    { "\"uid\":7", "\"uid\":4294967296", FALSE },
    { "[\"one\",\"two\"]", "null", TRUE },
    { "[\"one\",\"two\"]", "\"one\"", FALSE },
    { "[\"one\",\"two\"]", "[1]", FALSE },
    { "\"erp\"", "\"\\u0000\"", FALSE },
    { "\"summary\"", "\"obbackup\"", TRUE },
    { "{\"files_new\":1,\"x\":[null,{}]}", "1", TRUE },
    { "}}", "}", FALSE },
    { "}}", "}}x", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      g_autoptr (GString) text = g_string_new (RESTIC_TEXT);
      g_autoptr (GError) error = NULL;
      g_autoptr (ObSnapshot) snapshot = NULL;

      g_assert_cmpuint (g_string_replace (text, changes[i].from, changes[i].to, 1), ==, 1);
      snapshot = ob_snapshot_from_json (text->str, text->len, &error);
      if ((snapshot != NULL) != changes[i].is_sound)
        g_error ("%s → %s", changes[i].from, changes[i].to);
      if (snapshot == NULL)
        g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
    }
}

/* A tower of brackets must not reach a parser that recurses. */
static void
test_nesting (void)
{
  g_autofree char *open = g_strnfill (1000000, '[');
  g_autofree char *close = g_strnfill (1000000, ']');
  g_autofree char *text = g_strconcat ("{\"time\":\"2023-04-05T06:07:08Z\",\"tree\":\"" TREE
                                       "\",\"obbackup\":{\"a\":",
                                       open, close, "}}", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (ob_snapshot_from_json (text, strlen (text), &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
}

/* json-glib makes bytes that are no UTF-8 of half of a surrogate pair; what is saved can be
 * read. */
static void
test_half_surrogate (void)
{
  static const char text[] = "{\"time\":\"2023-04-05T06:07:08Z\",\"tree\":\"" TREE
                             "\",\"obbackup\":{\"label\":\"a\\udc00b\"}}";
  g_autoptr (GError) error = NULL;
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_from_json (text, strlen (text), &error);
  g_autoptr (ObSnapshot) again = NULL;
  g_autofree char *saved = NULL;

  g_assert_no_error (error);
  saved = ob_snapshot_to_json (snapshot);
  g_assert_true (g_utf8_validate (saved, -1, NULL));
  again = ob_snapshot_from_json (saved, strlen (saved), &error);
  g_assert_no_error (error);
  g_assert_nonnull (again->obbackup);
}

/* A number that json-glib could not print again makes the object none of ours. */
static void
test_huge_number (void)
{
  static const char text[] = "{\"time\":\"2023-04-05T06:07:08Z\",\"tree\":\"" TREE
                             "\",\"obbackup\":{\"format\":1e999}}";
  g_autoptr (GError) error = NULL;
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_from_json (text, strlen (text), &error);

  g_assert_no_error (error);
  g_assert_null (snapshot->obbackup);
}

static void
test_mutations (void)
{
  g_autoptr (ObSnapshot) ours = make_snapshot ();
  g_autofree char *our_text = ob_snapshot_to_json (ours);

  for (guint i = 0; i < 50000; i++)
    {
      const char *from = i % 2 == 0 ? RESTIC_TEXT : our_text;
      g_autoptr (GBytes) text = core_mutate (from, strlen (from));
      g_autoptr (GError) error = NULL;
      g_autoptr (ObSnapshot) snapshot = NULL;
      g_autofree char *again = NULL;

      snapshot = ob_snapshot_from_json (g_bytes_get_data (text, NULL), g_bytes_get_size (text),
                                        &error);
      if (snapshot == NULL)
        g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
      else
        again = ob_snapshot_to_json (snapshot);
    }
}

/* A file of a repository; what is 0 is left out. */
typedef struct
{
  guint8 id, original, tree;
  gint64 seconds;
  gboolean is_ours, was_repaired;
  const char *tag;
  guint8 public_id;
  guint8 replaces;
} File;

static ObSnapshot *
make_file (const File *file)
{
  const char *const tags[] = { file->tag, NULL };
  ObSnapshot *snapshot = ob_snapshot_new ();

  snapshot->id.bytes[0] = file->id;
  snapshot->has_original = file->original != 0;
  snapshot->original.bytes[0] = file->original;
  snapshot->tree.bytes[0] = file->tree;
  snapshot->time.tv_sec = file->seconds;
  snapshot->tags = g_strdupv ((GStrv) tags);
  if (file->is_ours)
    snapshot->obbackup = json_object_new ();
  if (file->was_repaired)
    json_object_set_object_member (snapshot->obbackup, "lost", json_object_new ());
  if (file->replaces != 0)
    {
      ObId id = { .bytes = { file->replaces } };
      char hex[OB_ID_HEX_SIZE];

      ob_id_to_hex (&id, hex);
      json_object_set_string_member (
        json_object_get_object_member (snapshot->obbackup, "lost"), "replaces", hex);
    }
  return snapshot;
}

/* Whose each of the files is, in whatever order they are listed. */
static void
check_ids (const File *files)
{
  for (guint turn = 0; turn < 2; turn++)
    {
      g_autoptr (GPtrArray) snapshots
        = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_snapshot_free);

      for (guint i = 0; files[i].id != 0; i++)
        g_ptr_array_insert (snapshots, turn == 0 ? -1 : 0, make_file (&files[i]));
      ob_snapshot_settle_ids (snapshots);
      for (guint i = 0; i < snapshots->len; i++)
        {
          guint at = turn == 0 ? i : snapshots->len - 1 - i;
          const ObSnapshot *snapshot = g_ptr_array_index (snapshots, at);

          g_assert_cmphex (ob_snapshot_get_public_id (snapshot)->bytes[0], ==, files[i].public_id);
        }
    }
}

static void
test_versions (void)
{
  /* A change of tags that was cut off, by us and by restic; a second one. */
  check_ids ((File[]){ { 1, 0, 7, 5, TRUE, FALSE, NULL, 1 },
                       { 2, 1, 7, 5, TRUE, FALSE, "pinned", 1 },
                       { 3, 1, 7, 5, FALSE, FALSE, "pinned", 1 },
                       { 0 } });
  check_ids ((File[]){ { 2, 1, 7, 5, TRUE, FALSE, NULL, 1 },
                       { 3, 1, 7, 5, TRUE, FALSE, "pinned", 1 },
                       { 0 } });
  /* A repair that was cut off; one of a backup that another had been made of. */
  check_ids ((File[]){ { 1, 0, 7, 5, TRUE, FALSE, NULL, 1 },
                       { 2, 1, 8, 5, TRUE, TRUE, "incomplete", 1 },
                       { 0 } });
  check_ids ((File[]){ { 1, 0, 7, 5, FALSE, FALSE, NULL, 1 },
                       { 2, 1, 8, 5, TRUE, TRUE, "incomplete", 1 },
                       { 0 } });
  check_ids ((File[]){ { 2, 1, 8, 5, TRUE, TRUE, "incomplete", 1 },
                       { 3, 1, 9, 5, TRUE, TRUE, "incomplete", 1 },
                       { 0 } });
  /* The same of one that `restic tag` wrote, whose first version is gone. */
  check_ids ((File[]){ { 2, 1, 7, 5, FALSE, FALSE, NULL, 1 },
                       { 3, 1, 8, 5, TRUE, TRUE, "incomplete", 1, .replaces = 2 },
                       { 0 } });
  /* The first version is gone, as it should be. */
  check_ids ((File[]){ { 2, 1, 8, 5, FALSE, FALSE, NULL, 1 }, { 0 } });
}

static void
test_apart (void)
{
  /* What restic rewrote without another's files, at another time, or twice. */
  check_ids ((File[]){ { 1, 0, 7, 5, TRUE, FALSE, NULL, 1 },
                       { 2, 1, 8, 5, FALSE, FALSE, "rewrite", 2 },
                       { 3, 1, 7, 6, FALSE, FALSE, "rewrite", 3 },
                       { 4, 1, 9, 5, FALSE, FALSE, NULL, 4 },
                       { 0 } });
  /* Where the first version is gone, since its tags were changed. */
  check_ids ((File[]){ { 2, 1, 8, 5, FALSE, FALSE, "rewrite", 2 },
                       { 3, 1, 7, 5, TRUE, FALSE, "pinned", 1 },
                       { 0 } });
  check_ids ((File[]){ { 2, 1, 8, 5, FALSE, FALSE, "repaired", 2 },
                       { 3, 1, 7, 5, FALSE, FALSE, "pinned", 1 },
                       { 0 } });
  check_ids ((File[]){ { 2, 1, 8, 5, FALSE, FALSE, NULL, 2 },
                       { 3, 1, 7, 5, TRUE, TRUE, "incomplete", 1 },
                       { 0 } });
  /* Of one whose tags had been changed: restic names the file. */
  check_ids ((File[]){ { 2, 1, 7, 5, TRUE, FALSE, "pinned", 1 },
                       { 3, 2, 8, 5, FALSE, FALSE, "rewrite", 3 },
                       { 4, 2, 7, 5, FALSE, FALSE, "rewrite", 4 },
                       { 0 } });
  /* Both again, of what restic rewrote. */
  check_ids ((File[]){ { 1, 0, 7, 5, TRUE, FALSE, NULL, 1 },
                       { 2, 1, 8, 5, FALSE, FALSE, "rewrite", 2 },
                       { 3, 2, 8, 5, FALSE, FALSE, "rewrite", 2 },
                       { 0 } });
  check_ids ((File[]){ { 1, 0, 7, 5, TRUE, FALSE, NULL, 1 },
                       { 2, 1, 8, 5, FALSE, FALSE, "rewrite", 2 },
                       { 3, 2, 9, 5, TRUE, TRUE, "incomplete", 2, .replaces = 2 },
                       { 0 } });
  /* Neither can be told from the other. */
  check_ids ((File[]){ { 2, 1, 7, 5, FALSE, FALSE, NULL, 1 },
                       { 3, 1, 8, 5, FALSE, FALSE, NULL, 3 },
                       { 0 } });
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/snapshot/restic", test_restic);
  g_test_add_func ("/snapshot/minimal", test_minimal);
  g_test_add_func ("/snapshot/control-characters", test_control_characters);
  g_test_add_func ("/snapshot/round-trip", test_round_trip);
  g_test_add_func ("/snapshot/invalid-utf8", test_invalid_utf8);
  g_test_add_func ("/snapshot/damage", test_damage);
  g_test_add_func ("/snapshot/nesting", test_nesting);
  g_test_add_func ("/snapshot/half-surrogate", test_half_surrogate);
  g_test_add_func ("/snapshot/huge-number", test_huge_number);
  g_test_add_func ("/snapshot/mutations", test_mutations);
  g_test_add_func ("/snapshot/versions", test_versions);
  g_test_add_func ("/snapshot/apart", test_apart);
  return g_test_run ();
}
