/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-file-restore.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ob-fd.h"
#include "ob-io.h"
#include "pipeline-fixture.h"

#define MIB (1024 * 1024)

static void
stat_at (int fd, const char *name, struct stat *st)
{
  if (fstatat (fd, name, st, AT_SYMLINK_NOFOLLOW) != 0)
    g_error ("“%s”: %s", name, g_strerror (errno));
}

/* As far as a backup keeps it. */
static void
assert_same_stat (Pipeline *pipeline, const char *name)
{
  struct stat a, b;

  stat_at (pipeline->source_fd, name, &a);
  stat_at (pipeline->target_fd, name, &b);
  g_assert_cmpuint (a.st_mode, ==, b.st_mode);
  g_assert_cmpuint (a.st_uid, ==, b.st_uid);
  g_assert_cmpuint (a.st_gid, ==, b.st_gid);
  g_assert_cmpuint (a.st_rdev, ==, b.st_rdev);
  g_assert_cmpint (a.st_mtim.tv_sec, ==, b.st_mtim.tv_sec);
  g_assert_cmpint (a.st_mtim.tv_nsec, ==, b.st_mtim.tv_nsec);
  if (!S_ISDIR (a.st_mode))
    {
      g_assert_cmpint (a.st_size, ==, b.st_size);
      g_assert_cmpuint (a.st_nlink, ==, b.st_nlink);
    }
}

static GBytes *
read_at (int dirfd, const char *name)
{
  g_autoptr (GError) error = NULL;
  GBytes *bytes = ob_read_file_at (dirfd, name, 64 * MIB, &error);

  g_assert_no_error (error);
  return bytes;
}

static void
assert_same_content (Pipeline *pipeline, const char *name)
{
  g_autoptr (GBytes) a = read_at (pipeline->source_fd, name);
  g_autoptr (GBytes) b = read_at (pipeline->target_fd, name);

  g_assert_true (g_bytes_equal (a, b));
}

static void
set_time (Pipeline *pipeline, const char *name, gint64 seconds, glong nanoseconds)
{
  const struct timespec times[] = { { seconds, nanoseconds }, { seconds, nanoseconds } };

  g_assert_cmpint (utimensat (pipeline->source_fd, name, times, AT_SYMLINK_NOFOLLOW), ==, 0);
}

/* Backs the source up and restores it, with the index read from the store. */
static void
there_and_back (Pipeline *pipeline)
{
  g_autoptr (ObNode) root = pipeline_backup (pipeline, NULL, NULL, NULL);

  pipeline_reopen (pipeline);
  pipeline_restore (pipeline, root, NULL);
}

/* Names with each byte that a name can have. */
static void
test_names (Pipeline *pipeline, gconstpointer data)
{
  char name[8];
  g_autofree char *longest = g_strnfill (255, '\xff');

  for (guint i = 1; i < 256; i++)
    if (i != '/')
      {
        g_snprintf (name, sizeof name, "x%cy", (char) i);
        pipeline_write (pipeline, name, name, 3);
      }
  pipeline_write (pipeline, longest, "long", 4);
  pipeline_write (pipeline, "...", "dots", 4);
  pipeline_write (pipeline, "-rf *", "blank", 5);
  g_assert_cmpint (symlinkat ("\x80\xff\n", pipeline->source_fd, "\xe2\x82"), ==, 0);
  there_and_back (pipeline);

  for (guint i = 1; i < 256; i++)
    if (i != '/')
      {
        g_snprintf (name, sizeof name, "x%cy", (char) i);
        assert_same_content (pipeline, name);
      }
  assert_same_content (pipeline, longest);
  assert_same_content (pipeline, "...");
  assert_same_content (pipeline, "-rf *");
  assert_same_stat (pipeline, "\xe2\x82");
  g_assert_cmpint (readlinkat (pipeline->target_fd, "\xe2\x82", name, sizeof name), ==, 3);
  g_assert_cmpmem (name, 3, "\x80\xff\n", 3);
  g_assert_cmpuint (pipeline->warnings->len, ==, 0);
}

static void
test_metadata (Pipeline *pipeline, gconstpointer data)
{
  static const mode_t modes[] = { 0, 0400, 0644, 0755, 04755, 02755, 06711, 01644, 0777 };
  char name[16];

  if (geteuid () != 0)
    {
      g_test_skip ("needs root");
      return;
    }
  for (guint i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_snprintf (name, sizeof name, "f%u", i);
      pipeline_write (pipeline, name, name, 2);
      g_assert_cmpint (fchownat (pipeline->source_fd, name, i * 1000, 70000 + i, 0), ==, 0);
      g_assert_cmpint (fchmodat (pipeline->source_fd, name, modes[i], 0), ==, 0);
      set_time (pipeline, name, (gint64) i * 400000000 - 400000000, i * 111111111);
      g_snprintf (name, sizeof name, "d%u", i);
      g_assert_cmpint (mkdirat (pipeline->source_fd, name, 0700), ==, 0);
      g_assert_cmpint (fchownat (pipeline->source_fd, name, i, i, 0), ==, 0);
      g_assert_cmpint (fchmodat (pipeline->source_fd, name, modes[i], 0), ==, 0);
      g_snprintf (name, sizeof name, "d%u/below", i);
      pipeline_write (pipeline, name, "", 0);
      g_snprintf (name, sizeof name, "d%u", i);
      set_time (pipeline, name, 1000000000 + i, 999999999);
    }
  g_assert_cmpint (symlinkat ("nowhere", pipeline->source_fd, "link"), ==, 0);
  g_assert_cmpint (fchownat (pipeline->source_fd, "link", 5, 6, AT_SYMLINK_NOFOLLOW), ==, 0);
  set_time (pipeline, "link", 17, 1);
  g_assert_cmpint (mknodat (pipeline->source_fd, "fifo", S_IFIFO | 0600, 0), ==, 0);
  g_assert_cmpint (mknodat (pipeline->source_fd, "null", S_IFCHR | 0666, makedev (1, 3)), ==, 0);
  g_assert_cmpint (mknodat (pipeline->source_fd, "loop", S_IFBLK | 0600, makedev (7, 300)), ==, 0);
  g_assert_cmpint (fchmodat (pipeline->source_fd, "fifo", 0622, 0), ==, 0);
  set_time (pipeline, "fifo", 18, 2);
  g_assert_cmpint (fchmod (pipeline->source_fd, 03750), ==, 0);
  set_time (pipeline, ".", 19, 3);

  there_and_back (pipeline);
  for (guint i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_snprintf (name, sizeof name, "f%u", i);
      assert_same_stat (pipeline, name);
      assert_same_content (pipeline, name);
      g_snprintf (name, sizeof name, "d%u", i);
      assert_same_stat (pipeline, name);
    }
  assert_same_stat (pipeline, "link");
  assert_same_stat (pipeline, "fifo");
  assert_same_stat (pipeline, "null");
  assert_same_stat (pipeline, "loop");
  assert_same_stat (pipeline, ".");
  g_assert_cmpuint (pipeline->warnings->len, ==, 0);
}

/* A POSIX ACL as the kernel keeps it: version 2, then tag, rights and id of each entry. */
static const guint8 acl[] = {
  2, 0, 0, 0,                                   /* version */
  1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff,           /* the owner: rw */
  2, 0, 4, 0, 0xd2, 0x04, 0, 0,                 /* user 1234: r */
  4, 0, 4, 0, 0xff, 0xff, 0xff, 0xff,           /* the group: r */
  16, 0, 6, 0, 0xff, 0xff, 0xff, 0xff,          /* the mask: rw */
  32, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,          /* all others: none */
};

static void
assert_xattr (Pipeline *pipeline, const char *name, const char *attribute, const void *value,
              gsize size)
{
  g_autofree char *path = g_build_filename (pipeline->target, name, NULL);
  char buffer[4096];

  g_assert_cmpint (lgetxattr (path, attribute, buffer, sizeof buffer), ==, size);
  g_assert_cmpmem (buffer, size, value, size);
}

static void
test_xattrs (Pipeline *pipeline, gconstpointer data)
{
  g_autofree char *file = g_build_filename (pipeline->source, "file", NULL);
  g_autofree char *directory = g_build_filename (pipeline->source, "directory", NULL);
  g_autofree guint8 *value = make_random (2000, 3);
  /* cap_net_bind_service=ep */
  static const guint8 capability[20] = { 1, 0, 0, 2, 0, 4 };

  pipeline_write (pipeline, "file", "x", 1);
  g_assert_cmpint (mkdirat (pipeline->source_fd, "directory", 0700), ==, 0);
  if (geteuid () != 0 || setxattr (file, "user.odd \xc3\xa4", value, 2000, 0) != 0
      || setxattr (file, "system.posix_acl_access", acl, sizeof acl, 0) != 0)
    {
      g_test_skip ("needs root and a file system with attributes and lists");
      return;
    }
  g_assert_cmpint (setxattr (file, "user.empty", "", 0, 0), ==, 0);
  g_assert_cmpint (setxattr (file, "security.capability", capability, sizeof capability, 0), ==, 0);
  g_assert_cmpint (setxattr (directory, "system.posix_acl_default", acl, sizeof acl, 0), ==, 0);
  g_assert_cmpint (setxattr (directory, "trusted.ours", "1", 1, 0), ==, 0);

  there_and_back (pipeline);
  assert_same_stat (pipeline, "file");
  assert_xattr (pipeline, "file", "user.odd \xc3\xa4", value, 2000);
  assert_xattr (pipeline, "file", "user.empty", "", 0);
  assert_xattr (pipeline, "file", "system.posix_acl_access", acl, sizeof acl);
  assert_xattr (pipeline, "file", "security.capability", capability, sizeof capability);
  assert_xattr (pipeline, "directory", "system.posix_acl_default", acl, sizeof acl);
  assert_xattr (pipeline, "directory", "trusted.ours", "1", 1);
  g_assert_cmpuint (pipeline->warnings->len, ==, 0);
}

/* An attribute that cannot be set here is a warning, and nothing more. */
static void
test_foreign_xattr (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autoptr (GArray) content = pipeline_store (pipeline, "hello", 5);
  g_autoptr (ObNode) root = NULL;
  struct timespec when = { 0 };
  ObNode *node = ob_node_new_file ("file", 5, content, &when);
  ObId tree;

  ob_node_add_xattr (node, "plan9.unknown", "x", 1);
  g_ptr_array_add (nodes, node);
  pipeline_store_tree (pipeline, nodes, &tree);
  root = ob_node_new_directory ("root", &tree, &when);
  pipeline_restore (pipeline, root, NULL);
  g_assert_true (pipeline_has_warning (pipeline, "plan9.unknown"));
  g_assert_false (pipeline_has_warning (pipeline, "lost: "));
}

/* A file that is not as long as its node says comes out as far as there is of it, and is told. */
static void
test_wrong_size (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autoptr (GArray) content = pipeline_store (pipeline, "hello", 5);
  g_autoptr (ObNode) root = NULL;
  struct timespec when = { 0 };
  struct stat st;
  ObId tree;

  g_ptr_array_add (nodes, ob_node_new_file ("file", 7, content, &when));
  pipeline_store_tree (pipeline, nodes, &tree);
  root = ob_node_new_directory ("root", &tree, &when);
  pipeline_restore (pipeline, root, NULL);
  g_assert_true (pipeline_has_warning (pipeline, "lost: "));
  stat_at (pipeline->target_fd, "file", &st);
  g_assert_cmpint (st.st_size, ==, 5);
}

/* What has a name that only the file system it came from takes is told of, and the rest comes
 * out. */
static void
test_long_names (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autoptr (GPtrArray) none = g_ptr_array_new ();
  g_autoptr (GArray) content = pipeline_store (pipeline, "hello", 5);
  g_autofree char *file = g_strnfill (765, 'f');
  g_autofree char *directory = g_strnfill (256, 'd');
  g_autofree char *longest = g_strnfill (255, 'n');
  g_autoptr (ObNode) root = NULL;
  struct timespec when = { 0 };
  struct stat st;
  ObId tree;

  pipeline_store_tree (pipeline, none, &tree);
  g_ptr_array_add (nodes, ob_node_new_file (file, 5, content, &when));
  g_ptr_array_add (nodes, ob_node_new_directory (directory, &tree, &when));
  g_ptr_array_add (nodes, ob_node_new_file (longest, 5, content, &when));
  pipeline_store_tree (pipeline, nodes, &tree);
  root = ob_node_new_directory ("root", &tree, &when);
  pipeline_restore (pipeline, root, NULL);
  g_assert_cmpuint (pipeline->warnings->len, ==, 2);
  g_assert_true (pipeline_has_warning (pipeline, "lost: "));
  g_assert_true (pipeline_has_warning (pipeline, "no name of 765 bytes"));
  g_assert_true (pipeline_has_warning (pipeline, "no name of 256 bytes"));
  stat_at (pipeline->target_fd, longest, &st);
  g_assert_cmpint (st.st_size, ==, 5);
}

/* Files with more places than are held at once, and more of them than may be open: each of their
 * blobs lies in another order in the pack than in the file. */
static void
test_scattered (Pipeline *pipeline, gconstpointer data)
{
  enum { N_BLOBS = 400, N_FILES = 200, PLACES = 100 };
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 2, NULL);
  g_autoptr (ObNode) root = NULL;
  g_autoptr (GError) error = NULL;
  struct timespec when = { 0 };
  guint32 blobs[N_BLOBS];
  ObId ids[N_BLOBS], tree;

  for (guint32 i = 0; i < N_BLOBS; i++)
    {
      blobs[i] = i;
      ob_id_of (&blobs[i], sizeof blobs[i], &ids[i]);
      pipeline_add_blob (writer, OB_BLOB_DATA, &ids[i], &blobs[i], sizeof blobs[i]);
    }
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < N_FILES; i++)
    {
      g_autoptr (GArray) content = g_array_new (FALSE, FALSE, sizeof (ObId));
      g_autofree char *name = g_strdup_printf ("%u", i);

      for (guint j = 0; j < PLACES; j++)
        g_array_append_val (content, ids[(i * 7 + j * 13) % N_BLOBS]);
      g_ptr_array_add (nodes, ob_node_new_file (name, PLACES * sizeof *blobs, content, &when));
    }
  pipeline_store_tree (pipeline, nodes, &tree);
  root = ob_node_new_directory ("root", &tree, &when);
  pipeline_restore (pipeline, root, NULL);
  for (guint i = 0; i < N_FILES; i++)
    {
      g_autofree char *name = g_strdup_printf ("%u", i);
      g_autoptr (GBytes) bytes = read_at (pipeline->target_fd, name);
      const guint32 *numbers = g_bytes_get_data (bytes, NULL);

      g_assert_cmpuint (g_bytes_get_size (bytes), ==, PLACES * sizeof *numbers);
      for (guint j = 0; j < PLACES; j++)
        g_assert_cmpuint (numbers[j], ==, (i * 7 + j * 13) % N_BLOBS);
    }
}

static void
test_hard_links (Pipeline *pipeline, gconstpointer data)
{
  struct stat a, b, c;

  g_assert_cmpint (mkdirat (pipeline->source_fd, "below", 0700), ==, 0);
  pipeline_write (pipeline, "below/a", "content", 7);
  pipeline_write (pipeline, "c", "content", 7);
  g_assert_cmpint (linkat (pipeline->source_fd, "below/a", pipeline->source_fd, "b", 0), ==, 0);
  g_assert_cmpint (mknodat (pipeline->source_fd, "fifo", S_IFIFO | 0600, 0), ==, 0);
  g_assert_cmpint (linkat (pipeline->source_fd, "fifo", pipeline->source_fd, "below/fifo", 0), ==,
                   0);
  set_time (pipeline, "below", 1000, 0);
  there_and_back (pipeline);

  stat_at (pipeline->target_fd, "below/a", &a);
  stat_at (pipeline->target_fd, "b", &b);
  stat_at (pipeline->target_fd, "c", &c);
  g_assert_cmpuint (a.st_ino, ==, b.st_ino);
  g_assert_cmpuint (a.st_ino, !=, c.st_ino);
  g_assert_cmpuint (a.st_nlink, ==, 2);
  assert_same_content (pipeline, "below/a");
  assert_same_stat (pipeline, "fifo");
  assert_same_stat (pipeline, "below");
}

static void
test_sizes (Pipeline *pipeline, gconstpointer data)
{
  static const gsize sizes[] = { 0, 1, 4095, 4096, 4097, 512 * 1024, 20 * MIB + 1 };
  g_autofree guint8 *bytes = make_random (20 * MIB + 1, 9);
  g_autoptr (ObNode) root = NULL;
  ObFileRestoreStats stats;
  guint64 estimate, total = 0;
  char name[16];

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_snprintf (name, sizeof name, "f%u", i);
      pipeline_write (pipeline, name, bytes, sizes[i]);
      total += sizes[i];
    }
  root = pipeline_backup (pipeline, NULL, NULL, NULL);
  pipeline_restore (pipeline, root, &stats);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_snprintf (name, sizeof name, "f%u", i);
      assert_same_content (pipeline, name);
      assert_same_stat (pipeline, name);
    }
  g_assert_cmpuint (stats.files, ==, G_N_ELEMENTS (sizes));
  g_assert_cmpuint (stats.bytes, ==, total);
  g_assert_true (ob_file_restore_estimate (pipeline->core.repository, root, &estimate, NULL, NULL));
  g_assert_cmpuint (estimate, ==, total);
}

/* Many small files that share blobs and packs. */
static void
test_many (Pipeline *pipeline, gconstpointer data)
{
  char name[32];

  for (guint i = 0; i < 40; i++)
    {
      g_snprintf (name, sizeof name, "d%02u", i);
      g_assert_cmpint (mkdirat (pipeline->source_fd, name, 0755), ==, 0);
      for (guint j = 0; j < 50; j++)
        {
          g_snprintf (name, sizeof name, "d%02u/%02u", i, j);
          pipeline_write (pipeline, name, name + j % 4, 6 - j % 4);
        }
    }
  there_and_back (pipeline);
  for (guint i = 0; i < 40; i++)
    for (guint j = 0; j < 50; j++)
      {
        g_snprintf (name, sizeof name, "d%02u/%02u", i, j);
        assert_same_content (pipeline, name);
      }
}

static void
test_sparse (Pipeline *pipeline, gconstpointer data)
{
  ob_autofd int fd
    = openat (pipeline->source_fd, "sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  const off_t size = (off_t) 10 << 30;
  ob_autofd int back = -1;
  struct stat st;
  char text[8] = "";

  g_assert_cmpint (ftruncate (fd, size), ==, 0);
  g_assert_cmpint (pwrite (fd, "middle", 6, 3 * (off_t) MIB + 77), ==, 6);
  g_assert_cmpint (pwrite (fd, "later", 5, (off_t) 5 << 30), ==, 5);
  there_and_back (pipeline);

  back = openat (pipeline->target_fd, "sparse", O_RDONLY | O_CLOEXEC);
  g_assert_cmpint (fstat (back, &st), ==, 0);
  g_assert_cmpint (st.st_size, ==, size);
  g_assert_cmpint (st.st_blocks, <=, 1024);
  g_assert_cmpint (pread (back, text, 6, 3 * (off_t) MIB + 77), ==, 6);
  g_assert_cmpstr (text, ==, "middle");
  g_assert_cmpint (pread (back, text, 5, (off_t) 5 << 30), ==, 5);
  g_assert_cmpmem (text, 5, "later", 5);
}

static void
set_text (char **text, const char *value)
{
  g_free (*text);
  *text = g_strdup (value);
}

/* By name, the number that this host gives it; by number, or where nobody has the name, as it
 * was. */
static void
test_owners (Pipeline *pipeline, gconstpointer data)
{
  static const struct
  {
    const char *name, *user;
    gboolean by_name;
    uid_t uid;
  } cases[] = {
    { "known", "daemon", TRUE, 1 },
    { "known", "daemon", FALSE, 4711 },
    { "unknown", "nobody has this name", TRUE, 4711 },
  };
  g_autoptr (GArray) content = pipeline_store (pipeline, "x", 1);

  if (geteuid () != 0)
    {
      g_test_skip ("needs root");
      return;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
      g_autoptr (ObNode) root = NULL;
      g_autoptr (GError) error = NULL;
      struct timespec when = { 0 };
      ObNode *node = ob_node_new_file (cases[i].name, 1, content, &when);
      struct stat st;
      ObId tree;

      node->uid = node->gid = 4711;
      set_text (&node->user, cases[i].user);
      set_text (&node->group, cases[i].user);
      g_ptr_array_add (nodes, node);
      pipeline_store_tree (pipeline, nodes, &tree);
      root = ob_node_new_directory ("root", &tree, &when);
      pipeline_clear_target (pipeline);
      ob_file_restore_run (pipeline->core.repository, root, pipeline->target_fd, pipeline->target,
                           cases[i].by_name, 1, NULL, NULL, NULL, &error);
      g_assert_no_error (error);
      stat_at (pipeline->target_fd, cases[i].name, &st);
      g_assert_cmpuint (st.st_uid, ==, cases[i].uid);
      g_assert_cmpuint (st.st_gid, ==, cases[i].uid);
    }
}

/* Of what is not selected nothing comes out, and what is on the way to it comes as it was. */
static void
test_selected (Pipeline *pipeline, gconstpointer data)
{
  static const char *const left_out[] = { "other", "a/other", "a/b/other", "a/link" };
  g_autoptr (ObPathSelection) selection = ob_path_selection_new ();
  g_autoptr (ObNode) root = NULL;
  g_autoptr (GError) error = NULL;
  ObFileRestoreStats stats;
  struct stat st;

  g_assert_cmpint (mkdirat (pipeline->source_fd, "a", 0700), ==, 0);
  g_assert_cmpint (mkdirat (pipeline->source_fd, "a/b", 0711), ==, 0);
  g_assert_cmpint (mkdirat (pipeline->source_fd, "a/b/all", 0755), ==, 0);
  g_assert_cmpint (mkdirat (pipeline->source_fd, "a/other", 0755), ==, 0);
  pipeline_write (pipeline, "other", "1", 1);
  pipeline_write (pipeline, "a/other/file", "22", 2);
  pipeline_write (pipeline, "a/b/other", "333", 3);
  pipeline_write (pipeline, "a/b/wanted", "4444", 4);
  pipeline_write (pipeline, "a/b/all/file", "55555", 5);
  g_assert_cmpint (symlinkat ("other", pipeline->source_fd, "a/link"), ==, 0);
  set_time (pipeline, "a/b/all", 1000, 0);
  set_time (pipeline, "a/b", 2000, 0);
  set_time (pipeline, "a", 3000, 0);
  root = pipeline_backup (pipeline, NULL, NULL, NULL);

  g_assert_true (ob_path_selection_add (selection, "a/b/all", NULL));
  g_assert_true (ob_path_selection_add (selection, "a/b/wanted", NULL));
  ob_file_restore_run_selected (pipeline->core.repository, root, selection, pipeline->target_fd,
                                pipeline->target, FALSE, 2, pipeline->progress, &stats, NULL,
                                &error);
  g_assert_no_error (error);
  assert_same_content (pipeline, "a/b/wanted");
  assert_same_content (pipeline, "a/b/all/file");
  assert_same_stat (pipeline, "a/b/all");
  assert_same_stat (pipeline, "a/b");
  assert_same_stat (pipeline, "a");
  for (guint i = 0; i < G_N_ELEMENTS (left_out); i++)
    g_assert_cmpint (fstatat (pipeline->target_fd, left_out[i], &st, AT_SYMLINK_NOFOLLOW), <, 0);
  g_assert_cmpuint (stats.files, ==, 2);
  g_assert_cmpuint (stats.bytes, ==, 9);
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
  add ("/file-restore/names", test_names);
  add ("/file-restore/metadata", test_metadata);
  add ("/file-restore/xattrs", test_xattrs);
  add ("/file-restore/foreign-xattr", test_foreign_xattr);
  add ("/file-restore/wrong-size", test_wrong_size);
  add ("/file-restore/long-names", test_long_names);
  add ("/file-restore/scattered", test_scattered);
  add ("/file-restore/hard-links", test_hard_links);
  add ("/file-restore/sizes", test_sizes);
  add ("/file-restore/many", test_many);
  add ("/file-restore/sparse", test_sparse);
  add ("/file-restore/owners", test_owners);
  add ("/file-restore/selected", test_selected);
  return g_test_run ();
}
