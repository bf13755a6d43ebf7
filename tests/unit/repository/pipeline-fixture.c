/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pipeline-fixture.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-fd.h"
#include "ob-io.h"

static void
add_warning (const char *message, gboolean lost, gpointer user_data)
{
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

  pthread_mutex_lock (&mutex);
  g_ptr_array_add (user_data, g_strconcat (lost ? "lost: " : "", message, NULL));
  pthread_mutex_unlock (&mutex);
}

static int
make_directory (const char *parent, const char *name, char **path)
{
  int fd;

  *path = g_build_filename (parent, name, NULL);
  g_assert_cmpint (mkdir (*path, 0755), ==, 0);
  fd = open (*path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  return fd;
}

void
pipeline_set_up (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  core_fixture_set_up (&pipeline->core, data);
  ob_repository_load_index (pipeline->core.repository, NULL, &error);
  g_assert_no_error (error);
  pipeline->path = g_dir_make_tmp ("ob-test-XXXXXX", &error);
  g_assert_no_error (error);
  pipeline->source_fd = make_directory (pipeline->path, "source", &pipeline->source);
  pipeline->target_fd = make_directory (pipeline->path, "target", &pipeline->target);
  pipeline->warnings = g_ptr_array_new_with_free_func (g_free);
  pipeline->progress = ob_progress_new (NULL, add_warning, pipeline->warnings);
}

void
pipeline_tear_down (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  ob_progress_unref (pipeline->progress);
  g_ptr_array_unref (pipeline->warnings);
  ob_fd_clear (&pipeline->source_fd);
  ob_fd_clear (&pipeline->target_fd);
  ob_remove_tree_at (AT_FDCWD, pipeline->path, NULL, &error);
  g_assert_no_error (error);
  g_free (pipeline->source);
  g_free (pipeline->target);
  g_free (pipeline->path);
  core_fixture_tear_down (&pipeline->core, data);
}

gboolean
pipeline_has_warning (Pipeline *pipeline, const char *text)
{
  for (guint i = 0; i < pipeline->warnings->len; i++)
    if (strstr (g_ptr_array_index (pipeline->warnings, i), text) != NULL)
      return TRUE;
  return FALSE;
}

void
pipeline_write (Pipeline *pipeline, const char *name, const void *data, gsize size)
{
  ob_autofd int fd
    = openat (pipeline->source_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

  g_assert_cmpint (fd, >=, 0);
  g_assert_true (ob_write_full (fd, data, size));
}

void
pipeline_clear_target (Pipeline *pipeline)
{
  g_autoptr (GError) error = NULL;

  ob_fd_clear (&pipeline->target_fd);
  ob_remove_tree_at (AT_FDCWD, pipeline->target, NULL, &error);
  g_assert_no_error (error);
  g_free (pipeline->target);
  pipeline->target_fd = make_directory (pipeline->path, "target", &pipeline->target);
}

ObNode *
pipeline_backup (Pipeline *pipeline, const ObNode *previous, const char *const *exclude,
                 ObFileBackupStats *stats)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 2, NULL);
  ObFileBackupRoot root = { .fd = pipeline->source_fd,
                            .path = pipeline->source,
                            .name = "root",
                            .exclude = exclude,
                            .has_previous = previous != NULL };
  g_autoptr (GError) error = NULL;
  ObNode *node = NULL;

  if (previous != NULL)
    root.previous = previous->subtree;
  ob_file_backup_run (writer, &root, 2, pipeline->progress, &node, stats, NULL, &error);
  g_assert_no_error (error);
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
  return node;
}

void
pipeline_restore (Pipeline *pipeline, const ObNode *node, ObFileRestoreStats *stats)
{
  g_autoptr (GError) error = NULL;

  ob_file_restore_run (pipeline->core.repository, node, pipeline->target_fd, pipeline->target,
                       FALSE, 2, pipeline->progress, stats, NULL, &error);
  g_assert_no_error (error);
}

void
pipeline_reopen (Pipeline *pipeline)
{
  g_autoptr (GError) error = NULL;

  ob_repository_unref (pipeline->core.repository);
  pipeline->core.repository
    = ob_repository_open (pipeline->core.store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  ob_repository_load_index (pipeline->core.repository, NULL, &error);
  g_assert_no_error (error);
}

GArray *
pipeline_store (Pipeline *pipeline, const void *data, gsize size)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 2, NULL);
  g_autoptr (GError) error = NULL;
  GArray *content;

  ob_writer_add_bytes (writer, data, size, &content, &error);
  g_assert_no_error (error);
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
  return content;
}

void
pipeline_store_tree (Pipeline *pipeline, GPtrArray *nodes, ObId *id)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  g_autoptr (GError) error = NULL;

  ob_writer_add_tree (writer, nodes, id, &error);
  g_assert_no_error (error);
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
}

void
pipeline_add_blob (ObWriter *writer, ObBlobType type, const ObId *id, gconstpointer data,
                   gsize size)
{
  ObQueuedBlob blob = { .type = type, .id = *id, .data = data, .size = size };
  g_autoptr (GError) error = NULL;

  ob_writer_add_blob (writer, &blob, NULL, &error);
  g_assert_no_error (error);
}

void
pipeline_store_tree_text (Pipeline *pipeline, const char *text, ObId *id)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  g_autoptr (GError) error = NULL;

  ob_id_of (text, strlen (text), id);
  pipeline_add_blob (writer, OB_BLOB_TREE, id, text, strlen (text));
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
}

guint8 *
make_random (gsize size, guint32 seed)
{
  guint8 *data = g_malloc (size + sizeof (guint64));
  guint64 state = seed * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) + 1;

  for (gsize i = 0; i < size; i += sizeof state)
    {
      /* xorshift64* (Vigna, 2016) */
      guint64 word;

      state ^= state >> 12;
      state ^= state << 25;
      state ^= state >> 27;
      word = state * G_GUINT64_CONSTANT (0x2545f4914f6cdd1d);
      memcpy (data + i, &word, sizeof word);
    }
  return data;
}

GBytes *
pipeline_read (Pipeline *pipeline, const ObNode *node)
{
  ob_autofd int fd = memfd_create ("read", MFD_CLOEXEC);
  g_autoptr (GError) error = NULL;
  struct stat st;
  guint8 *data;

  g_assert_cmpint (fd, >=, 0);
  ob_reader_write_file (pipeline->core.repository, node, fd, 2, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (fstat (fd, &st), ==, 0);
  g_assert_cmpint (lseek (fd, 0, SEEK_SET), ==, 0);
  data = g_malloc ((gsize) st.st_size + 1);
  g_assert_cmpint (ob_read_full (fd, data, (gsize) st.st_size), ==, st.st_size);
  return g_bytes_new_take (data, (gsize) st.st_size);
}

gboolean
begin_memory_test (void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  g_test_skip ("a sanitizer takes memory of its own");
  return FALSE;
#else
  return TRUE;
#endif
}

void
reset_peak_memory (void)
{
  ob_autofd int fd = open ("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

  if (fd >= 0)
    g_assert_true (ob_write_full (fd, "5", 1));
}

gsize
get_peak_memory (void)
{
  g_autofree char *text = NULL;
  const char *line;

  g_assert_true (g_file_get_contents ("/proc/self/status", &text, NULL, NULL));
  line = strstr (text, "VmHWM:");
  g_assert_nonnull (line);
  return (gsize) g_ascii_strtoull (line + strlen ("VmHWM:"), NULL, 10) * 1024;
}
