/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-file-compare.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "pipeline-fixture.h"

/* Makes a source of every kind of thing, backs it up and restores it. Transfer full. */
static ObNode *
there_and_back (Pipeline *pipeline)
{
  g_autofree char *large = g_malloc0 (9 * 1024 * 1024);
  ObNode *root;

  for (gsize i = 0; i < 9 * 1024 * 1024; i++)
    large[i] = (char) (i * i >> 11);
  pipeline_write (pipeline, "large", large, 9 * 1024 * 1024);
  pipeline_write (pipeline, "empty", "", 0);
  pipeline_write (pipeline, "x\xff\ny", "odd", 3);
  g_assert_cmpint (mkdirat (pipeline->source_fd, "inner", 0755), ==, 0);
  pipeline_write (pipeline, "inner/small", "small", 5);
  g_assert_cmpint (symlinkat ("small", pipeline->source_fd, "inner/link"), ==, 0);
  g_assert_cmpint (mkfifoat (pipeline->source_fd, "inner/fifo", 0600), ==, 0);
  root = pipeline_backup (pipeline, NULL, NULL, NULL);
  pipeline_reopen (pipeline);
  pipeline_restore (pipeline, root, NULL);
  return root;
}

static void
differs (Pipeline *pipeline, const ObNode *root, const char *name, const char *how)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (ob_file_compare_run (pipeline->core.repository, root, pipeline->target_fd,
                                       "target", NULL, NULL, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
  g_assert_nonnull (strstr (error->message, name));
  g_assert_nonnull (strstr (error->message, how));
}

static void
overwrite (Pipeline *pipeline, const char *name, off_t place)
{
  ob_autofd int fd = openat (pipeline->target_fd, name, O_WRONLY | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (pwrite (fd, "?", 1, place), ==, 1);
}

static void
test_same (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObNode) root = there_and_back (pipeline);
  g_autoptr (GCancellable) cancelled = g_cancellable_new ();
  ObFileRestoreStats stats = { 0 };
  g_autoptr (GError) error = NULL;

  ob_file_compare_run (pipeline->core.repository, root, pipeline->target_fd, "target", NULL, &stats,
                       NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (stats.files, ==, 4);
  g_assert_cmpuint (stats.directories, ==, 2);
  g_assert_cmpuint (stats.bytes, ==, 9 * 1024 * 1024 + 3 + 5);

  g_cancellable_cancel (cancelled);
  g_assert_false (ob_file_compare_run (pipeline->core.repository, root, pipeline->target_fd,
                                       "target", NULL, NULL, cancelled, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
}

/* Whatever a disk or a writer got wrong is named, first of all one byte deep in a large file. */
static void
test_differences (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObNode) root = there_and_back (pipeline);
  int fd = pipeline->target_fd;

  overwrite (pipeline, "empty", 0);
  differs (pipeline, root, "empty", "size");
  g_assert_cmpint (unlinkat (fd, "empty", 0), ==, 0);
  differs (pipeline, root, "empty", "missing");
  g_assert_cmpint (mkdirat (fd, "empty", 0700), ==, 0);
  differs (pipeline, root, "empty", "kind");
  g_assert_cmpint (unlinkat (fd, "empty", AT_REMOVEDIR), ==, 0);
  g_assert_cmpint (mknodat (fd, "empty", S_IFREG | 0600, 0), ==, 0);

  g_assert_cmpint (unlinkat (fd, "inner/link", 0), ==, 0);
  g_assert_cmpint (symlinkat ("large", fd, "inner/link"), ==, 0);
  differs (pipeline, root, "inner/link", "leads somewhere else");
  g_assert_cmpint (unlinkat (fd, "inner/link", 0), ==, 0);
  g_assert_cmpint (symlinkat ("small", fd, "inner/link"), ==, 0);

  g_assert_cmpint (mkfifoat (fd, "inner/more", 0600), ==, 0);
  differs (pipeline, root, "inner/more", "does not hold it");
  g_assert_cmpint (unlinkat (fd, "inner/more", 0), ==, 0);

  overwrite (pipeline, "large", 8 * 1024 * 1024);
  differs (pipeline, root, "large", "content");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/file-compare/same", Pipeline, NULL, pipeline_set_up, test_same,
              pipeline_tear_down);
  g_test_add ("/file-compare/differences", Pipeline, NULL, pipeline_set_up, test_differences,
              pipeline_tear_down);
  return g_test_run ();
}
