/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What we write restic reads, and what restic writes we read. Skipped where there is no restic. */
#include "ob-repository.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-io.h"
#include "ob-local-store.h"
#include "ob-snapshot.h"
#include "pipeline-fixture.h"

#define MIB (1024 * 1024)

/* Runs restic on the repository at @repository; what it prints, transfer full. */
static char *
run (Pipeline *pipeline, const char *repository, const char *password, const char *const *arguments)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_auto (GStrv) environment = g_get_environ ();
  g_autofree char *output = NULL;
  g_autofree char *errors = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  g_ptr_array_add (argv, (gpointer) "restic");
  g_ptr_array_add (argv, (gpointer) "--no-cache");
  for (; *arguments != NULL; arguments++)
    g_ptr_array_add (argv, (gpointer) *arguments);
  g_ptr_array_add (argv, NULL);
  environment = g_environ_setenv (environment, "RESTIC_REPOSITORY", repository, TRUE);
  environment = g_environ_setenv (environment, "RESTIC_PASSWORD", password, TRUE);
  g_spawn_sync (pipeline->source, (char **) argv->pdata, environment, G_SPAWN_SEARCH_PATH, NULL,
                NULL, &output, &errors, &status, &error);
  g_assert_no_error (error);
  if (status != 0)
    g_error ("restic: %s%s", output, errors);
  return g_steal_pointer (&output);
}

#define RUN(pipeline, repository, password, ...)                                                   \
  g_free (run (pipeline, repository, password, (const char *const[]){ __VA_ARGS__, NULL }))

static gboolean
has_restic (void)
{
  g_autofree char *path = g_find_program_in_path ("restic");

  if (path == NULL)
    g_test_skip ("there is no restic");
  return path != NULL;
}

static void
make_source (Pipeline *pipeline)
{
  g_autofree guint8 *bytes = make_random (9 * MIB, 1);
  const struct timespec times[] = { { 1, 2 }, { 1234567890, 123456789 } };

  memset (bytes + 2 * MIB, 0, 5 * MIB);
  pipeline_write (pipeline, "large", bytes, 9 * MIB);
  pipeline_write (pipeline, "empty", "", 0);
  pipeline_write (pipeline, "caf\xe9 \"\\\n<\xe2\x80\x8b>", "odd", 3);
  g_assert_cmpint (mkdirat (pipeline->source_fd, "directory", 0750), ==, 0);
  pipeline_write (pipeline, "directory/file", "below\n", 6);
  g_assert_cmpint (fchmodat (pipeline->source_fd, "directory/file", 04710, 0), ==, 0);
  g_assert_cmpint (symlinkat ("directory/fil\xc3\xa9", pipeline->source_fd, "link"), ==, 0);
  g_assert_cmpint (linkat (pipeline->source_fd, "directory/file", pipeline->source_fd, "hard", 0),
                   ==, 0);
  g_assert_cmpint (mknodat (pipeline->source_fd, "fifo", S_IFIFO | 0640, 0), ==, 0);
  g_assert_cmpint (utimensat (pipeline->source_fd, "directory/file", times, 0), ==, 0);
  g_assert_cmpint (utimensat (pipeline->source_fd, "directory", times, 0), ==, 0);
}

static const char *const names[]
  = { "large",          "empty", "caf\xe9 \"\\\n<\xe2\x80\x8b>", "directory",
      "directory/file", "link",  "hard",                         "fifo" };

/* That what is below @fd is what make_source() made. */
static void
assert_is_source (Pipeline *pipeline, int fd)
{
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      struct stat a, b;

      g_assert_cmpint (fstatat (pipeline->source_fd, names[i], &a, AT_SYMLINK_NOFOLLOW), ==, 0);
      if (fstatat (fd, names[i], &b, AT_SYMLINK_NOFOLLOW) != 0)
        g_error ("“%s” is missing", names[i]);
      g_assert_cmpuint (a.st_mode, ==, b.st_mode);
      g_assert_cmpint (a.st_mtim.tv_sec, ==, b.st_mtim.tv_sec);
      g_assert_cmpint (a.st_mtim.tv_nsec, ==, b.st_mtim.tv_nsec);
      if (S_ISREG (a.st_mode))
        {
          g_autoptr (GBytes) was = ob_read_file_at (pipeline->source_fd, names[i], 16 * MIB, NULL);
          g_autoptr (GBytes) is = ob_read_file_at (fd, names[i], 16 * MIB, NULL);

          g_assert_cmpuint (a.st_nlink, ==, b.st_nlink);
          g_assert_true (g_bytes_equal (was, is));
        }
    }
}

/* A snapshot of the source, below a root as restic wants it. */
static void
save_snapshot (Pipeline *pipeline, ObNode *node)
{
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_new ();
  g_autoptr (GError) error = NULL;

  g_ptr_array_add (nodes, node);
  pipeline_store_tree (pipeline, nodes, &snapshot->tree);
  clock_gettime (CLOCK_REALTIME, &snapshot->time);
  snapshot->hostname = g_strdup ("erp");
  snapshot->username = g_strdup ("root");
  snapshot->paths = g_strdupv ((char *[]){ (char *) "/root", NULL });
  ob_repository_save_snapshot (pipeline->core.repository, snapshot, NULL, &error);
  g_assert_no_error (error);
}

static void
test_ours (Pipeline *pipeline, gconstpointer data)
{
  const char *repository = pipeline->core.path;
  g_autofree char *restored = NULL;
  int fd;

  if (!has_restic ())
    return;
  make_source (pipeline);
  save_snapshot (pipeline, pipeline_backup (pipeline, NULL, NULL, NULL));

  RUN (pipeline, repository, CORE_PASSPHRASE, "check", "--read-data");
  RUN (pipeline, repository, CORE_PASSPHRASE, "restore", "latest", "--target", pipeline->target);
  restored = g_build_filename (pipeline->target, "root", NULL);
  fd = open (restored, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  assert_is_source (pipeline, fd);
  close (fd);

  /* It goes on where we began, and prunes what we wrote. */
  RUN (pipeline, repository, CORE_PASSPHRASE, "backup", pipeline->source);
  RUN (pipeline, repository, CORE_PASSPHRASE, "forget", "--keep-last", "1", "--group-by", "",
       "--prune");
  RUN (pipeline, repository, CORE_PASSPHRASE, "check", "--read-data");
}

/* The directory of the source in the latest snapshot. Transfer full. */
static ObNode *
find_source (Pipeline *pipeline)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) snapshots
    = ob_repository_list_snapshots (pipeline->core.repository, NULL, NULL, &error);
  const ObSnapshot *snapshot;
  ObNode *node;

  g_assert_no_error (error);
  g_assert_cmpuint (snapshots->len, >=, 1);
  snapshot = g_ptr_array_index (snapshots, 0);
  node = ob_reader_find (pipeline->core.repository, &snapshot->tree, pipeline->source + 1, NULL,
                         &error);
  g_assert_no_error (error);
  return node;
}

static void
test_theirs (Pipeline *pipeline, gconstpointer data)
{
  g_autofree char *repository = g_build_filename (pipeline->path, "repository", NULL);
  g_autofree char *password_file = g_build_filename (pipeline->path, "password", NULL);
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (ObStore) store = NULL;
  g_autoptr (ObNode) node = NULL;
  g_autoptr (GError) error = NULL;

  if (!has_restic ())
    return;
  make_source (pipeline);
  g_assert_true (g_file_set_contents (password_file, "second\n", -1, NULL));
  RUN (pipeline, repository, "first", "init");
  RUN (pipeline, repository, "first", "backup", pipeline->source);
  RUN (pipeline, repository, "first", "key", "add", "--new-password-file", password_file);

  store = ob_local_store_new (repository, FALSE, &error);
  g_assert_no_error (error);
  ob_repository_unref (pipeline->core.repository);
  pipeline->core.repository = ob_repository_open (store, "second", NULL, &error);
  g_assert_no_error (error);
  ob_repository_load_index (pipeline->core.repository, NULL, &error);
  g_assert_no_error (error);
  node = find_source (pipeline);
  g_assert_true (ob_reader_check_tree (pipeline->core.repository, &node->subtree, problems, NULL,
                                       &error));
  g_assert_cmpuint (problems->len, ==, 0);
  pipeline_restore (pipeline, node, NULL);
  assert_is_source (pipeline, pipeline->target_fd);
  g_assert_cmpuint (pipeline->warnings->len, ==, 0);

  /* We go on where it began, and it reads that. */
  save_snapshot (pipeline, pipeline_backup (pipeline, NULL, NULL, NULL));
  RUN (pipeline, repository, "first", "check", "--read-data");
}

#define ADD(name, test)                                                                            \
  g_test_add ("/interoperation/" name, Pipeline, NULL, pipeline_set_up, test, pipeline_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("ours", test_ours);
  ADD ("theirs", test_theirs);
  return g_test_run ();
}
