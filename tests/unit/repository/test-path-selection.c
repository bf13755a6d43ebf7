/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-path-selection.h"

#include <string.h>

#include "ob-error.h"
#include "ob-tree.h"

static void
add (ObPathSelection *selection, const char *path)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (ob_path_selection_add (selection, path, &error));
  g_assert_no_error (error);
}

/* Whether @path is wanted, asked as a walk down the tree does. */
static gboolean
wants (const ObPathSelection *selection, const char *path)
{
  g_auto (GStrv) names = g_strsplit (path, "/", -1);

  for (gsize i = 0; names[i] != NULL; i++)
    {
      const ObPathSelection *below;

      if (!ob_path_selection_has (selection, names[i], &below))
        {
          g_assert_null (below);
          return FALSE;
        }
      selection = below;
    }
  return TRUE;
}

static void
test_paths (void)
{
  g_autoptr (ObPathSelection) selection = ob_path_selection_new ();

  g_assert_false (wants (selection, "modules"));
  add (selection, "modules/org.x");
  add (selection, "modules/org.y/src");
  add (selection, "readme");
  g_assert_true (wants (selection, "modules"));
  g_assert_true (wants (selection, "modules/org.x"));
  g_assert_true (wants (selection, "modules/org.x/src/deep"));
  g_assert_true (wants (selection, "modules/org.y/src/deep"));
  g_assert_true (wants (selection, "readme"));
  g_assert_false (wants (selection, "modules/org.y/web"));
  g_assert_false (wants (selection, "modules/org.z"));
  g_assert_false (wants (selection, "org.x"));
  g_assert_false (wants (selection, "Readme"));
}

/* Of a directory and of what is in it the directory counts, in whatever order they come. */
static void
test_nested (void)
{
  g_autoptr (ObPathSelection) outer_first = ob_path_selection_new ();
  g_autoptr (ObPathSelection) inner_first = ob_path_selection_new ();

  add (outer_first, "a/b");
  add (outer_first, "a/b/c");
  add (inner_first, "a/b/c");
  add (inner_first, "a/b");
  g_assert_true (wants (outer_first, "a/b/d"));
  g_assert_true (wants (inner_first, "a/b/d"));
  g_assert_false (wants (outer_first, "a/d"));
  g_assert_false (wants (inner_first, "a/d"));
}

static void
test_all (void)
{
  g_autoptr (ObPathSelection) selection = ob_path_selection_new ();

  add (selection, "");
  g_assert_true (wants (selection, "a/b"));
  g_assert_true (wants (NULL, "a/b"));
}

/* None of them is half added. */
static void
test_refused (void)
{
  g_autofree char *long_name = g_strnfill (OB_TREE_MAX_NAME + 1, 'n');
  g_autofree char *long_path = g_strconcat ("a/", long_name, NULL);
  const char *const paths[] = { "/", "/a", "a/", "a//b", ".", "a/./b", "..", "a/../b", long_path };
  g_autoptr (ObPathSelection) selection = ob_path_selection_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", paths[i]);
      g_assert_false (ob_path_selection_add (selection, paths[i], &error));
      g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
      g_assert_nonnull (strstr (error->message, paths[i]));
    }
  g_assert_false (wants (selection, "a"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/path-selection/paths", test_paths);
  g_test_add_func ("/path-selection/nested", test_nested);
  g_test_add_func ("/path-selection/all", test_all);
  g_test_add_func ("/path-selection/refused", test_refused);
  return g_test_run ();
}
