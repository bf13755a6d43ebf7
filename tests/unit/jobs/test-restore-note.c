/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-note.h"

#include "jobs-fixture.h"

static ObManifest *
make_manifest (JobsFixture *fixture, const char *facts)
{
  ObManifest *manifest = ob_manifest_new ();
  ObManifestTree *tree = g_new0 (ObManifestTree, 1);

  manifest->instance = jobs_fixture_make_instance (fixture, "ob", "attachments");
  manifest->kind = g_strdup ("manual");
  manifest->start.tv_sec = 1700000000;
  manifest->start.tv_nsec = 500;
  manifest->parts = OB_PART_SOURCES;
  if (facts != NULL)
    {
      g_autoptr (GError) error = NULL;

      g_autoptr (JsonNode) node = json_from_string (facts, &error);

      g_assert_no_error (error);
      manifest->facts = json_node_dup_object (node);
      manifest->parts |= OB_PART_DATABASE;
      g_ptr_array_add (manifest->streams, g_strdup ("schema.dump"));
      g_ptr_array_add (manifest->streams, g_strdup ("data-1.dump"));
    }
  tree->part = OB_PART_SOURCES;
  tree->path = g_strdup ("/opt/it's ob; rm -rf");
  g_ptr_array_add (manifest->trees, tree);
  return manifest;
}

static void
assert_has (const char *text, const char *part)
{
  if (strstr (text, part) == NULL)
    g_error ("\"%s\" is not in:\n%s", part, text);
}

static void
test_whole (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObManifest) manifest = make_manifest (
    fixture,
    "{\"server_version\":150018,\"owner\":\"o'wner\",\"encoding\":\"UTF8\",\"lc_collate\":\"C\","
    "\"lc_ctype\":\"es_ES.UTF-8\",\"roles\":[{\"name\":\"tad\"},{\"name\":\"reader\"}],"
    "\"extensions\":[{\"name\":\"uuid-ossp\"}],\"settings\":[{\"setting\":\"DateStyle=iso, 'x'\"},"
    "{\"role\":\"a\\\"b\",\"setting\":\"search_path=\\\"$user\\\", public\"},"
    "{\"setting\":\"bad\"},7]}");
  g_autofree char *text = ob_restore_note_write (manifest);

  assert_has (text, "installation ob, made on 2023-11-14T22:13:20Z");
  assert_has (text, "It holds: database, sources.");
  assert_has (text, "(of version 15 or later)");
  assert_has (text, "--tag instance=ob ");
  /* What a shell reads is quoted. */
  assert_has (text, "createdb -U postgres -T template0 -O 'o'\\''wner' -E 'UTF8' --lc-collate='C' "
                    "--lc-ctype='es_ES.UTF-8' 'openbravo'");
  assert_has (text, "mkdir -p '/opt/it'\\''s ob; rm -rf' && cp -a DIR/sources/. '/opt/it'\\''s ob; "
                    "rm -rf'/");
  assert_has (text, ": tad, reader.");
  assert_has (text, "uuid-ossp");
  /* What psql reads too; lists of names stand as SET wants them. */
  assert_has (text, "ALTER DATABASE \"openbravo\" SET DateStyle TO 'iso, ''x''';");
  assert_has (text,
              "ALTER ROLE \"a\"\"b\" IN DATABASE \"openbravo\" SET search_path TO \"$user\", "
              "public;");
  assert_has (text, "--section=pre-data DIR/database/schema.dump");
  assert_has (text, "pg_restore -U postgres -d 'openbravo' DIR/database/data-1.dump");
  assert_has (text, "--section=post-data");
  g_assert_null (strstr (text, "DIR/database/schema.dump\n      pg_restore -U postgres -d "
                               "'openbravo' DIR/database/schema.dump"));
  g_assert_null (strstr (text, "database-secret"));
  /* The order in which it has to be done. */
  g_assert_true (strstr (text, "pre-data") < strstr (text, "data-1.dump"));
  g_assert_true (strstr (text, "data-1.dump") < strstr (text, "post-data"));
}

static void
test_files_alone (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObManifest) manifest = make_manifest (fixture, NULL);
  g_autofree char *text = ob_restore_note_write (manifest);

  assert_has (text, "It holds: sources.");
  assert_has (text, "cp -a DIR/sources/. ");
  g_assert_null (strstr (text, "createdb"));
  g_assert_null (strstr (text, "schema.dump"));
}

/* Facts that tell nothing: the note still says what to do. */
static void
test_bare_facts (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObManifest) manifest
    = make_manifest (fixture, "{\"roles\":7,\"extensions\":[1,{}],\"settings\":\"x\"}");
  g_autofree char *text = ob_restore_note_write (manifest);

  assert_has (text, "-O 'tad' -E 'UTF8' --lc-collate='C.UTF-8' --lc-ctype='C.UTF-8' 'openbravo'");
  assert_has (text, "(createuser): tad.");
}

#define ADD(path, func)                                                                            \
  g_test_add (path, JobsFixture, NULL, jobs_fixture_set_up, func, jobs_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/restore-note/whole", test_whole);
  ADD ("/restore-note/files-alone", test_files_alone);
  ADD ("/restore-note/bare-facts", test_bare_facts);
  return g_test_run ();
}
