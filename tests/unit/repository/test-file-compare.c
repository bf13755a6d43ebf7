/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-file-compare.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broken-call.h"
#include "ob-blob-reader.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-tree.h"
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

/* A restore goes by the content, and gives the file the size that its node says. */
static void
test_length (Pipeline *pipeline, gconstpointer data)
{
  static const struct
  {
    guint64 size;
    const char *content, *how;
  } cases[] = { { 2, "ab", "too short" }, { 4, "abcd", "too long" }, { 3, "abd", "another one" } };
  g_autoptr (ObNode) root = NULL;
  g_autoptr (ObBlobReader) reader = NULL;
  g_autoptr (GPtrArray) nodes = NULL;
  g_autoptr (GError) error = NULL;

  pipeline_write (pipeline, "file", "abc", 3);
  root = pipeline_backup (pipeline, NULL, NULL, NULL);
  reader = ob_blob_reader_new (pipeline->core.repository);
  nodes = ob_blob_reader_load_tree (reader, &root->subtree, NULL, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      ob_autofd int fd = openat (pipeline->target_fd, "file", O_WRONLY | O_CREAT | O_TRUNC, 0600);

      g_assert_cmpint (write (fd, cases[i].content, cases[i].size), ==, cases[i].size);
      ob_tree_find (nodes, "file")->size = cases[i].size;
      pipeline_store_tree (pipeline, nodes, &root->subtree);
      pipeline_reopen (pipeline);
      differs (pipeline, root, "file", cases[i].how);
    }
}

/* A call that fails, and the only thing in the backup that needs it. */
typedef struct
{
  const char *name;
  mode_t type;
  const char *content;
  guint call;
} Broken;

static const Broken broken[] = { { "unopened", S_IFREG, "x", SYS_openat },
                                 { "unread", S_IFREG, "x", SYS_read },
                                 { "end", S_IFREG, "", SYS_read },
                                 { "link", S_IFLNK, "x", SYS_readlinkat },
                                 { "listing", S_IFDIR, NULL, SYS_getdents64 },
                                 { "closed", S_IFDIR, NULL, SYS_openat } };

typedef struct
{
  Pipeline *pipeline;
  ObNode *root;
  guint call;
  GError *error;
} Comparison;

static gpointer
compare_broken (gpointer data)
{
  Comparison *self = data;

  broken_call (self->call, EIO);
  g_assert_false (ob_file_compare_run (self->pipeline->core.repository, self->root,
                                       self->pipeline->target_fd, "target", NULL, NULL, NULL,
                                       &self->error));
  return NULL;
}

/* What cannot be read is told with its name, and is not taken for a difference. The store has its
 * pack open already, so the thread without the call lacks it for what was restored alone. */
static void
test_unreadable (Pipeline *pipeline, gconstpointer data)
{
  const Broken *one = data;
  Comparison comparison = { .pipeline = pipeline, .call = one->call };
  g_autoptr (GError) error = NULL;

  if (one->type == S_IFREG)
    pipeline_write (pipeline, one->name, one->content, strlen (one->content));
  else if (one->type == S_IFLNK)
    g_assert_cmpint (symlinkat (one->content, pipeline->source_fd, one->name), ==, 0);
  else
    g_assert_cmpint (mkdirat (pipeline->source_fd, one->name, 0755), ==, 0);
  comparison.root = pipeline_backup (pipeline, NULL, NULL, NULL);
  pipeline_restore (pipeline, comparison.root, NULL);
  ob_file_compare_run (pipeline->core.repository, comparison.root, pipeline->target_fd, "target",
                       NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_thread_join (g_thread_new ("broken", compare_broken, &comparison));
  g_test_message ("%s", comparison.error->message);
  g_assert_true (comparison.error->domain == OB_ERROR);
  g_assert_false (g_error_matches (comparison.error, OB_ERROR, OB_ERROR_CORRUPT));
  g_assert_nonnull (strstr (comparison.error->message, g_strerror (EIO)));
  g_assert_nonnull (strstr (comparison.error->message,
                            one->call == SYS_getdents64 ? "target" : one->name));
  g_error_free (comparison.error);
  ob_node_free (comparison.root);
}

/* A name that only the file system it came from takes was told of by the restore, and is no
 * difference. */
static void
test_long_name (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autoptr (GArray) content = pipeline_store (pipeline, "hello", 5);
  g_autofree char *name = g_strnfill (256, 'f');
  g_autoptr (ObNode) root = NULL;
  g_autoptr (GError) error = NULL;
  ObFileRestoreStats stats = { 0 };
  struct timespec when = { 0 };
  ObId tree;

  g_ptr_array_add (nodes, ob_node_new_file (name, 5, content, &when));
  g_ptr_array_add (nodes, ob_node_new_file ("short", 5, content, &when));
  pipeline_store_tree (pipeline, nodes, &tree);
  root = ob_node_new_directory ("root", &tree, &when);
  pipeline_restore (pipeline, root, NULL);
  g_ptr_array_set_size (pipeline->warnings, 0);
  ob_file_compare_run (pipeline->core.repository, root, pipeline->target_fd, "target",
                       pipeline->progress, &stats, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (stats.files, ==, 1);
  g_assert_cmpuint (pipeline->warnings->len, ==, 1);
  g_assert_true (pipeline_has_warning (pipeline, "no name of 256 bytes"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/file-compare/same", Pipeline, NULL, pipeline_set_up, test_same,
              pipeline_tear_down);
  g_test_add ("/file-compare/differences", Pipeline, NULL, pipeline_set_up, test_differences,
              pipeline_tear_down);
  g_test_add ("/file-compare/length", Pipeline, NULL, pipeline_set_up, test_length,
              pipeline_tear_down);
  g_test_add ("/file-compare/long-name", Pipeline, NULL, pipeline_set_up, test_long_name,
              pipeline_tear_down);
  for (gsize i = 0; i < G_N_ELEMENTS (broken); i++)
    {
      g_autofree char *path = g_strconcat ("/file-compare/unreadable/", broken[i].name, NULL);

      g_test_add (path, Pipeline, &broken[i], pipeline_set_up, test_unreadable,
                  pipeline_tear_down);
    }
  return g_test_run ();
}
