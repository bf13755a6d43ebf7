/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Restores of files that end before all is restored: nothing else is touched by them. */
#include "ob-file-restore.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "pipeline-fixture.h"

#define MIB (1024 * 1024)

#define NODE(name, rest) "{\"name\":\"" name "\",\"uid\":0,\"gid\":0," rest "}"
#define EMPTY "52354c32f4c023e02c10ba57a6765018b701cba99397cfc7fc73d6161cd3fe56"

/* Trees that somebody made to write elsewhere: they fail, and nothing but the target was
 * touched. */
static void
test_hostile (Pipeline *pipeline, gconstpointer data)
{
  static const char *const texts[] = {
    "{\"nodes\":[" NODE ("..", "\"type\":\"file\",\"content\":[]") "]}",
    "{\"nodes\":[" NODE (".", "\"type\":\"file\",\"content\":[]") "]}",
    "{\"nodes\":[" NODE ("../escaped", "\"type\":\"file\",\"content\":[]") "]}",
    "{\"nodes\":[" NODE ("/tmp/escaped", "\"type\":\"file\",\"content\":[]") "]}",
    "{\"nodes\":[" NODE ("\\\\x2e\\\\x2e", "\"type\":\"dir\",\"subtree\":\"%s\"") "]}",
    /* a link, and then a directory or a file of the same name through it */
    "{\"nodes\":[" NODE ("a", "\"type\":\"symlink\",\"linktarget\":\"..\"") "," NODE (
      "a", "\"type\":\"dir\",\"subtree\":\"%s\"") "]}",
    "{\"nodes\":[" NODE ("a", "\"type\":\"symlink\",\"linktarget\":\"../escaped\"") "," NODE (
      "\\\\x61", "\"type\":\"file\",\"content\":[]") "]}",
    /* a tree that is not there */
    "{\"nodes\":[" NODE ("a", "\"type\":\"dir\",\"subtree\":\"" EMPTY "\"") "]}",
    /* a blob that is not there */
    "{\"nodes\":[" NODE ("a", "\"type\":\"file\",\"content\":[\"" EMPTY "\"]") "]}",
  };
  char inner_hex[OB_ID_HEX_SIZE];
  ObId inner;

  pipeline_store_tree_text (
    pipeline, "{\"nodes\":[" NODE ("escaped", "\"type\":\"file\",\"content\":[]") "]}", &inner);
  ob_id_to_hex (&inner, inner_hex);
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GString) text = g_string_new (texts[i]);
      g_autofree char *escaped = g_build_filename (pipeline->path, "escaped", NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (ObNode) root = NULL;
      struct timespec when = { 0 };
      ObId tree;

      g_string_replace (text, "%s", inner_hex, 0);
      pipeline_store_tree_text (pipeline, text->str, &tree);
      root = ob_node_new_directory ("root", &tree, &when);
      pipeline_clear_target (pipeline);
      if (ob_file_restore_run (pipeline->core.repository, root, pipeline->target_fd,
                               pipeline->target, FALSE, 2, NULL, NULL, NULL, &error))
        g_error ("%s", text->str);
      g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
      g_assert_false (g_file_test (escaped, G_FILE_TEST_EXISTS));
      g_assert_false (g_file_test ("/tmp/escaped", G_FILE_TEST_EXISTS));
    }
}

/* Somebody changes the target meanwhile: a link where a directory or a file should be is not
 * followed. */
static void
test_occupied (Pipeline *pipeline, gconstpointer data)
{
  g_autofree char *outside = g_build_filename (pipeline->path, "outside", NULL);
  g_autoptr (ObNode) root = NULL;

  g_assert_cmpint (mkdir (outside, 0700), ==, 0);
  g_assert_cmpint (mkdirat (pipeline->source_fd, "name", 0755), ==, 0);
  pipeline_write (pipeline, "name/file", "x", 1);
  pipeline_write (pipeline, "zfile", "x", 1);
  root = pipeline_backup (pipeline, NULL, NULL, NULL);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GDir) directory = NULL;

      pipeline_clear_target (pipeline);
      g_assert_cmpint (
        symlinkat ("../outside", pipeline->target_fd, i == 0 ? "name" : "zfile"), ==, 0);
      g_assert_false (ob_file_restore_run (pipeline->core.repository, root, pipeline->target_fd,
                                           pipeline->target, FALSE, 2, NULL, NULL, NULL, &error));
      g_assert_error (error, OB_ERROR, OB_ERROR_EXISTS);
      directory = g_dir_open (outside, 0, NULL);
      g_assert_null (g_dir_read_name (directory));
    }
}

/* A flipped bit is found, named, and ends the restore. */
static void
test_damaged (Pipeline *pipeline, gconstpointer data)
{
  g_autofree guint8 *bytes = make_random (2 * MIB, 11);
  g_autoptr (ObNode) root = NULL;
  g_autoptr (GPtrArray) packs = NULL;
  g_autoptr (GError) error = NULL;
  guint64 size;

  pipeline_write (pipeline, "file", bytes, 2 * MIB);
  root = pipeline_backup (pipeline, NULL, NULL, NULL);
  packs = core_fixture_list (&pipeline->core, "data");
  for (guint i = 0; i < packs->len; i++)
    {
      const char *name = g_ptr_array_index (packs, i);

      g_assert_true (ob_store_stat (pipeline->core.store, name, &size, NULL, NULL));
      if (size > MIB)
        core_fixture_flip (&pipeline->core, name);
    }
  g_assert_false (ob_file_restore_run (pipeline->core.repository, root, pipeline->target_fd,
                                       pipeline->target, FALSE, 2, NULL, NULL, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
  g_assert_nonnull (strstr (error->message, "pack"));
}

static void
test_cancelled (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (ObNode) root = NULL;
  g_autoptr (GError) error = NULL;

  pipeline_write (pipeline, "file", "x", 1);
  root = pipeline_backup (pipeline, NULL, NULL, NULL);
  g_cancellable_cancel (cancellable);
  g_assert_false (ob_file_restore_run (pipeline->core.repository, root, pipeline->target_fd,
                                       pipeline->target, FALSE, 2, NULL, NULL, cancellable,
                                       &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
}

static void
add (const char *path, void (*test) (Pipeline *, gconstpointer))
{
  g_test_add (path, Pipeline, NULL, pipeline_set_up, test, pipeline_tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("/file-restore-broken-off/hostile", test_hostile);
  add ("/file-restore-broken-off/occupied", test_occupied);
  add ("/file-restore-broken-off/damaged", test_damaged);
  add ("/file-restore-broken-off/cancelled", test_cancelled);
  return g_test_run ();
}
