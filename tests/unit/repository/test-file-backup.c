/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-file-backup.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-file-reader.h"
#include "ob-tree.h"
#include "pipeline-fixture.h"

static GPtrArray *
load (Pipeline *pipeline, const ObNode *node)
{
  g_autoptr (GError) error = NULL;
  GPtrArray *nodes
    = ob_reader_load_tree (pipeline->core.repository, &node->subtree, NULL, &error);

  g_assert_no_error (error);
  return nodes;
}

static const ObNode *
find (GPtrArray *nodes, const char *name)
{
  const ObNode *node = ob_tree_find (nodes, name);

  if (node == NULL)
    g_error ("There is no “%s”", name);
  return node;
}

static void
make (Pipeline *pipeline, const char *name, mode_t mode, dev_t device)
{
  g_assert_cmpint (mknodat (pipeline->source_fd, name, mode, device), ==, 0);
  /* whatever the umask */
  g_assert_cmpint (fchmodat (pipeline->source_fd, name, mode & 07777, 0), ==, 0);
}

static gboolean
is_root (void)
{
  if (geteuid () == 0)
    return TRUE;
  g_test_skip ("needs root");
  return FALSE;
}

static void
make_socket (Pipeline *pipeline, const char *name)
{
  ob_autofd int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  g_assert_cmpint (g_snprintf (address.sun_path, sizeof address.sun_path, "%s/%s",
                               pipeline->source, name),
                   <, sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
}

/* Each kind of entry with all that belongs to it. */
static void
test_kinds (Pipeline *pipeline, gconstpointer data)
{
  const struct timespec times[] = { { 1, 2 }, { 1234567890, 123456789 } };
  g_autoptr (ObNode) root = NULL;
  g_autoptr (GPtrArray) nodes = NULL;
  ObFileBackupStats stats;
  const ObNode *node;

  if (!is_root ())
    return;
  pipeline_write (pipeline, "file", "hello\n", 6);
  g_assert_cmpint (fchownat (pipeline->source_fd, "file", 0, 4242, 0), ==, 0);
  g_assert_cmpint (fchmodat (pipeline->source_fd, "file", 06751, 0), ==, 0);
  g_assert_cmpint (utimensat (pipeline->source_fd, "file", times, 0), ==, 0);
  pipeline_write (pipeline, "empty", "", 0);
  g_assert_cmpint (mkdirat (pipeline->source_fd, "directory", 0700), ==, 0);
  g_assert_cmpint (fchmodat (pipeline->source_fd, "directory", 01777, 0), ==, 0);
  g_assert_cmpint (symlinkat ("../\xff/x", pipeline->source_fd, "link\xff"), ==, 0);
  make (pipeline, "fifo", S_IFIFO | 0640, 0);
  make (pipeline, "char", S_IFCHR | 0600, makedev (1, 3));
  make (pipeline, "block", S_IFBLK | 0660, makedev (7, 300));
  make_socket (pipeline, "socket");

  root = pipeline_backup (pipeline, NULL, NULL, &stats);
  nodes = load (pipeline, root);
  g_assert_cmpuint (pipeline->warnings->len, ==, 0);
  g_assert_cmpstr (root->name, ==, "root");
  g_assert_cmpint (root->type, ==, OB_NODE_DIRECTORY);
  g_assert_cmpuint (nodes->len, ==, 7);
  g_assert_null (ob_tree_find (nodes, "socket"));
  g_assert_cmpuint (stats.files, ==, 2);
  g_assert_cmpuint (stats.directories, ==, 2);
  g_assert_cmpuint (stats.bytes, ==, 6);

  node = find (nodes, "file");
  g_assert_cmpuint (node->mode, ==, 06751);
  g_assert_cmpint (node->mtime.tv_sec, ==, 1234567890);
  g_assert_cmpint (node->mtime.tv_nsec, ==, 123456789);
  g_assert_cmpuint (node->uid, ==, 0);
  g_assert_cmpuint (node->gid, ==, 4242);
  g_assert_cmpstr (node->user, ==, "root");
  g_assert_null (node->group);
  g_assert_cmpuint (node->size, ==, 6);
  g_assert_cmpuint (node->content->len, ==, 1);
  g_assert_cmpuint (find (nodes, "empty")->content->len, ==, 0);
  g_assert_cmpuint (find (nodes, "directory")->mode, ==, 01777);
  g_assert_cmpstr (find (nodes, "link\xff")->link_target, ==, "../\xff/x");
  g_assert_cmpint (find (nodes, "fifo")->type, ==, OB_NODE_FIFO);
  g_assert_cmpuint (find (nodes, "fifo")->mode, ==, 0640);
  g_assert_cmpuint (find (nodes, "char")->device, ==, makedev (1, 3));
  g_assert_cmpuint (find (nodes, "block")->device, ==, makedev (7, 300));
}

static void
test_xattrs (Pipeline *pipeline, gconstpointer data)
{
  g_autofree char *path = g_build_filename (pipeline->source, "file", NULL);
  g_autofree guint8 *large = make_random (2000, 7);
  g_autoptr (ObNode) root = NULL;
  g_autoptr (GPtrArray) nodes = NULL;
  const ObNode *node;
  guint n_found = 0;

  pipeline_write (pipeline, "file", "x", 1);
  if (setxattr (path, "user.large", large, 2000, 0) != 0
      || setxattr (path, "user.empty", "", 0, 0) != 0)
    {
      g_test_skip ("this file system has no extended attributes");
      return;
    }
  root = pipeline_backup (pipeline, NULL, NULL, NULL);
  nodes = load (pipeline, root);
  node = find (nodes, "file");
  g_assert_nonnull (node->xattrs);
  for (guint i = 0; i < node->xattrs->len; i++)
    {
      const ObXattr *xattr = &g_array_index (node->xattrs, ObXattr, i);

      if (strcmp (xattr->name, "user.large") == 0)
        {
          g_assert_cmpmem (xattr->value, xattr->size, large, 2000);
          n_found++;
        }
      if (strcmp (xattr->name, "user.empty") == 0)
        {
          g_assert_cmpuint (xattr->size, ==, 0);
          n_found++;
        }
    }
  g_assert_cmpuint (n_found, ==, 2);
}

static void
make_tree (Pipeline *pipeline)
{
  static const char *const directories[] = { "a", "a/b", "a/bc", "d" };
  static const char *const files[] = { "1", "a/2", "a/b/3", "a/bc/4", "d/5" };

  for (gsize i = 0; i < G_N_ELEMENTS (directories); i++)
    g_assert_cmpint (mkdirat (pipeline->source_fd, directories[i], 0755), ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    pipeline_write (pipeline, files[i], files[i], strlen (files[i]));
}

static gboolean
has (Pipeline *pipeline, const ObNode *root, const char *path)
{
  g_autoptr (ObNode) node
    = ob_reader_find (pipeline->core.repository, &root->subtree, path, NULL, NULL);

  return node != NULL;
}

static void
test_excludes (Pipeline *pipeline, gconstpointer data)
{
  static const char *const exclude[] = { "a/b", "/d/5", "1/", "a/nothing", NULL };
  g_autoptr (ObNode) root = NULL;
  ObFileBackupRoot to_count
    = { .fd = pipeline->source_fd, .path = pipeline->source, .exclude = exclude };
  ObFileBackupStats stats;
  guint64 bytes;

  make_tree (pipeline);
  root = pipeline_backup (pipeline, NULL, exclude, &stats);
  g_assert_false (has (pipeline, root, "1"));
  g_assert_true (has (pipeline, root, "a/2"));
  g_assert_false (has (pipeline, root, "a/b"));
  g_assert_true (has (pipeline, root, "a/bc/4"));
  g_assert_true (has (pipeline, root, "d"));
  g_assert_false (has (pipeline, root, "d/5"));
  g_assert_true (ob_file_backup_estimate (&to_count, &bytes, NULL, NULL));
  g_assert_cmpuint (bytes, ==, stats.bytes);
}

/* What is as it was is not read: so content that changes without a trace is not seen. */
static void
test_unchanged (Pipeline *pipeline, gconstpointer data)
{
  const struct timespec times[] = { { 0, UTIME_OMIT }, { 1000, 5 } };
  g_autoptr (ObNode) first = NULL;
  g_autoptr (ObNode) second = NULL;
  g_autoptr (ObNode) third = NULL;
  g_autoptr (ObNode) fourth = NULL;
  g_autoptr (GPtrArray) nodes = NULL;
  g_autoptr (GPtrArray) nodes_later = NULL;
  ObFileBackupStats stats;

  make_tree (pipeline);
  first = pipeline_backup (pipeline, NULL, NULL, &stats);
  g_assert_cmpuint (stats.unchanged_files, ==, 0);
  second = pipeline_backup (pipeline, first, NULL, &stats);
  g_assert_cmpuint (stats.files, ==, 5);
  g_assert_cmpuint (stats.unchanged_files, ==, 5);
  g_assert_true (ob_id_equal (&first->subtree, &second->subtree));

  /* the same size and the same mtime, but not the same ctime */
  g_assert_cmpint (utimensat (pipeline->source_fd, "1", times, 0), ==, 0);
  third = pipeline_backup (pipeline, second, NULL, &stats);
  g_assert_cmpuint (stats.unchanged_files, ==, 4);
  pipeline_write (pipeline, "1", "2", 1);
  g_assert_cmpint (utimensat (pipeline->source_fd, "1", times, 0), ==, 0);
  fourth = pipeline_backup (pipeline, third, NULL, &stats);
  g_assert_cmpuint (stats.unchanged_files, ==, 4);
  nodes = load (pipeline, third);
  nodes_later = load (pipeline, fourth);
  g_assert_false (
    ob_id_equal (&g_array_index (find (nodes, "1")->content, ObId, 0),
                 &g_array_index (find (nodes_later, "1")->content, ObId, 0)));
}

/* Where a file's blobs are lost from the index it is read again, though its directory is known. */
static void
test_lost_blobs (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObNode) first = NULL;
  g_autoptr (ObNode) second = NULL;
  g_autoptr (GPtrArray) nodes = NULL;
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  ObFileBackupStats stats;
  ObId tree;

  pipeline_write (pipeline, "file", "content", 7);
  first = pipeline_backup (pipeline, NULL, NULL, NULL);
  nodes = load (pipeline, first);
  names = core_fixture_list (&pipeline->core, "index");
  for (guint i = 0; i < names->len; i++)
    core_fixture_remove (&pipeline->core, g_ptr_array_index (names, i));
  pipeline_reopen (pipeline);
  pipeline_store_tree (pipeline, nodes, &tree);
  g_assert_true (ob_id_equal (&tree, &first->subtree));

  second = pipeline_backup (pipeline, first, NULL, &stats);
  g_assert_cmpuint (stats.unchanged_files, ==, 0);
  ob_reader_check_tree (pipeline->core.repository, &second->subtree, problems, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (problems->len, ==, 0);
}

/* Reads one file as a backup does. */
static ObFileOutcome
read_file (Pipeline *pipeline, ObWriter *writer, const char *name, ObNode **node)
{
  g_autoptr (ObNames) names = ob_names_new ();
  g_autoptr (ObFileReader) reader = ob_file_reader_new (writer, names, NULL, NULL);
  g_autoptr (GError) error = NULL;
  ObFileOutcome outcome
    = ob_file_reader_read (reader, pipeline->source_fd, name, node, &error);

  g_assert_no_error (error);
  return outcome;
}

/* The clock of files stands still for milliseconds: what is written just after a file was read must
 * still show in its times, or the next backup takes the file for unchanged. */
static void
test_same_tick (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);

  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (ObNode) node = NULL;
      struct stat st;

      pipeline_write (pipeline, "file", "a", 1);
      g_assert_cmpint (read_file (pipeline, writer, "file", &node), ==, OB_FILE_READ);
      pipeline_write (pipeline, "file", "b", 1);
      g_assert_cmpint (fstatat (pipeline->source_fd, "file", &st, 0), ==, 0);
      g_assert_false (node->ctime.tv_sec == st.st_ctim.tv_sec
                      && node->ctime.tv_nsec == st.st_ctim.tv_nsec);
    }
}

typedef struct
{
  int fd;
  gint stopped; /* atomic */
} Change;

static void *
run_change (void *data)
{
  Change *change = data;

  for (guint i = 0; !g_atomic_int_get (&change->stopped); i++)
    g_assert_cmpint (pwrite (change->fd, &i, sizeof i, i % 1000 * 8192), ==, sizeof i);
  return NULL;
}

/* A file that somebody writes without end is kept as last read, and is not lost. */
static void
test_changing (Pipeline *pipeline, gconstpointer data)
{
  g_autofree guint8 *bytes = make_random (16 * 1024 * 1024, 1);
  Change change = { 0 };
  pthread_t thread;

  pipeline_write (pipeline, "file", bytes, 16 * 1024 * 1024);
  change.fd = openat (pipeline->source_fd, "file", O_WRONLY | O_CLOEXEC);
  g_assert_cmpint (pthread_create (&thread, NULL, run_change, &change), ==, 0);
  /* A busy file system may keep the writer waiting for as long as one reading takes. */
  for (guint i = 0; i < 20 && !pipeline_has_warning (pipeline, "changed each time"); i++)
    {
      ObFileBackupStats stats;
      g_autoptr (ObNode) root = pipeline_backup (pipeline, NULL, NULL, &stats);
      g_autoptr (GPtrArray) nodes = load (pipeline, root);

      g_assert_cmpuint (find (nodes, "file")->size, ==, 16 * 1024 * 1024);
      g_assert_cmpuint (stats.files, ==, 1);
    }
  g_atomic_int_set (&change.stopped, 1);
  pthread_join (thread, NULL);
  close (change.fd);

  g_assert_true (pipeline_has_warning (pipeline, "changed each time"));
  g_assert_false (pipeline_has_warning (pipeline, "lost: "));
}

#define N_VANISHING 400

static void *
run_vanish (void *data)
{
  Pipeline *pipeline = data;

  for (guint i = 0; i < N_VANISHING; i++)
    {
      char name[32];

      g_snprintf (name, sizeof name, "f%03u", i);
      unlinkat (pipeline->source_fd, name, 0);
      g_snprintf (name, sizeof name, "d%03u", i);
      unlinkat (pipeline->source_fd, name, AT_REMOVEDIR);
    }
  return NULL;
}

/* What vanishes meanwhile is a warning, and never the end of the backup. */
static void
test_vanishing (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObNode) root = NULL;
  g_autoptr (GPtrArray) nodes = NULL;
  ObFileBackupStats stats;
  pthread_t thread;

  for (guint i = 0; i < N_VANISHING; i++)
    {
      char name[32];

      g_snprintf (name, sizeof name, "f%03u", i);
      pipeline_write (pipeline, name, name, 4);
      g_snprintf (name, sizeof name, "d%03u", i);
      g_assert_cmpint (mkdirat (pipeline->source_fd, name, 0755), ==, 0);
    }
  pipeline_write (pipeline, "stays", "x", 1);
  g_assert_cmpint (pthread_create (&thread, NULL, run_vanish, pipeline), ==, 0);
  root = pipeline_backup (pipeline, NULL, NULL, &stats);
  pthread_join (thread, NULL);
  nodes = load (pipeline, root);
  find (nodes, "stays");
  g_assert_cmpuint (stats.vanished, ==, pipeline->warnings->len);
  g_assert_false (pipeline_has_warning (pipeline, "lost: "));
  g_assert_cmpuint (stats.unreadable, ==, 0);
}

/* A name that is another thing by the time it is read. */
static void
test_replaced (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  g_autoptr (ObNode) node = NULL;

  make (pipeline, "fifo", S_IFIFO | 0600, 0);
  g_assert_cmpint (symlinkat ("/etc/passwd", pipeline->source_fd, "link"), ==, 0);
  make_socket (pipeline, "socket");
  g_assert_cmpint (mkdirat (pipeline->source_fd, "directory", 0700), ==, 0);
  g_assert_cmpint (read_file (pipeline, writer, "fifo", &node), ==, OB_FILE_VANISHED);
  g_assert_cmpint (read_file (pipeline, writer, "link", &node), ==, OB_FILE_VANISHED);
  g_assert_cmpint (read_file (pipeline, writer, "socket", &node), ==, OB_FILE_VANISHED);
  g_assert_cmpint (read_file (pipeline, writer, "directory", &node), ==, OB_FILE_VANISHED);
  g_assert_cmpint (read_file (pipeline, writer, "nothing", &node), ==, OB_FILE_VANISHED);
}

/* In a process of somebody who may not read all of it. */
static void
backup_as_nobody (Pipeline *pipeline)
{
  ObFileBackupStats stats;
  g_autoptr (ObNode) root = NULL;

  g_assert_cmpint (fchmod (pipeline->source_fd, 0755), ==, 0);
  g_assert_cmpint (seteuid (65534), ==, 0);
  {
    g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
    ObFileBackupRoot backup_root
      = { .fd = pipeline->source_fd, .path = pipeline->source, .name = "root" };
    g_autoptr (GError) error = NULL;

    ob_file_backup_run (writer, &backup_root, 1, pipeline->progress, &root, &stats, NULL, &error);
    g_assert_no_error (error);
  }
  g_assert_cmpint (seteuid (0), ==, 0);
  g_assert_cmpuint (stats.unreadable, ==, 2);
  g_assert_cmpuint (stats.files, ==, 1);
  g_assert_true (pipeline_has_warning (pipeline, "lost: “"));
  g_assert_true (pipeline_has_warning (pipeline, "/secret”"));
  g_assert_true (pipeline_has_warning (pipeline, "/closed”"));
  g_assert_false (pipeline_has_warning (pipeline, "/open”"));
}

static void
test_unreadable (Pipeline *pipeline, gconstpointer data)
{
  if (!is_root ())
    return;
  pipeline_write (pipeline, "secret", "x", 1);
  pipeline_write (pipeline, "open", "x", 1);
  g_assert_cmpint (fchmodat (pipeline->source_fd, "secret", 0600, 0), ==, 0);
  g_assert_cmpint (fchmodat (pipeline->source_fd, "open", 0644, 0), ==, 0);
  g_assert_cmpint (mkdirat (pipeline->source_fd, "closed", 0700), ==, 0);
  pipeline_write (pipeline, "closed/file", "x", 1);
  backup_as_nobody (pipeline);
}

/* A hole of a terabyte costs no time, and neither does one between data. */
static void
test_sparse (Pipeline *pipeline, gconstpointer data)
{
  ob_autofd int fd
    = openat (pipeline->source_fd, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  const off_t size = (off_t) 64 << 30;
  g_autoptr (ObNode) root = NULL;
  g_autoptr (GPtrArray) nodes = NULL;
  const ObNode *node;
  gint64 begin = g_get_monotonic_time ();
  struct stat st;

  g_assert_cmpint (pwrite (fd, "first", 5, 1000000), ==, 5);
  g_assert_cmpint (pwrite (fd, "last", 4, size - 4), ==, 4);
  g_assert_cmpint (fstat (fd, &st), ==, 0);
  if (st.st_blocks > 1024)
    {
      g_test_skip ("this file system has no holes");
      return;
    }
  root = pipeline_backup (pipeline, NULL, NULL, NULL);
  nodes = load (pipeline, root);
  node = find (nodes, "sparse");
  g_assert_cmpuint (node->size, ==, size);
  g_assert_cmpuint (node->content->len, >=, size / (4 * 1024 * 1024));
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 30 * G_USEC_PER_SEC);
}

static void
test_hard_links (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObNode) root = NULL;
  g_autoptr (GPtrArray) nodes = NULL;
  const ObNode *a, *b;

  pipeline_write (pipeline, "a", "x", 1);
  pipeline_write (pipeline, "c", "x", 1);
  g_assert_cmpint (linkat (pipeline->source_fd, "a", pipeline->source_fd, "b", 0), ==, 0);
  root = pipeline_backup (pipeline, NULL, NULL, NULL);
  nodes = load (pipeline, root);
  a = find (nodes, "a");
  b = find (nodes, "b");
  g_assert_cmpuint (a->links, ==, 2);
  g_assert_cmpuint (a->inode, ==, b->inode);
  g_assert_cmpuint (a->device_id, ==, b->device_id);
  g_assert_cmpuint (find (nodes, "c")->links, ==, 1);
}

/* So deep that neither paths nor the stack would hold it. */
static void
test_deep (Pipeline *pipeline, gconstpointer data)
{
  ob_autofd int fd = dup (pipeline->source_fd);
  g_autoptr (ObNode) root = NULL;
  ObFileBackupStats stats;

  for (guint i = 0; i < 1000; i++)
    {
      int below;

      g_assert_cmpint (mkdirat (fd, "a directory with a long name", 0700), ==, 0);
      below = openat (fd, "a directory with a long name", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      g_assert_cmpint (below, >=, 0);
      ob_fd_clear (&fd);
      fd = below;
    }
  root = pipeline_backup (pipeline, NULL, NULL, &stats);
  g_assert_cmpuint (stats.directories, ==, 1001);
  g_assert_cmpuint (pipeline->warnings->len, ==, 0);
  pipeline_restore (pipeline, root, NULL);
}

static void
test_cancelled (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  ObFileBackupRoot root = { .fd = pipeline->source_fd, .path = pipeline->source, .name = "root" };
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) estimate_error = NULL;
  ObNode *node = NULL;
  guint64 bytes;

  make_tree (pipeline);
  g_cancellable_cancel (cancellable);
  g_assert_false (
    ob_file_backup_run (writer, &root, 2, NULL, &node, NULL, cancellable, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
  g_assert_null (node);
  g_assert_false (ob_file_backup_estimate (&root, &bytes, cancellable, &estimate_error));
  g_assert_error (estimate_error, OB_ERROR, OB_ERROR_CANCELLED);
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
  add ("/file-backup/kinds", test_kinds);
  add ("/file-backup/xattrs", test_xattrs);
  add ("/file-backup/excludes", test_excludes);
  add ("/file-backup/unchanged", test_unchanged);
  add ("/file-backup/lost-blobs", test_lost_blobs);
  add ("/file-backup/same-tick", test_same_tick);
  add ("/file-backup/changing", test_changing);
  add ("/file-backup/vanishing", test_vanishing);
  add ("/file-backup/replaced", test_replaced);
  add ("/file-backup/unreadable", test_unreadable);
  add ("/file-backup/sparse", test_sparse);
  add ("/file-backup/hard-links", test_hard_links);
  add ("/file-backup/deep", test_deep);
  add ("/file-backup/cancelled", test_cancelled);
  return g_test_run ();
}
