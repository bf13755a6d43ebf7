/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mount points below the directory that is backed up: files of another file system are kept,
 * what the kernel makes up as it is read is not. */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broken-call.h"
#include "pipeline-fixture.h"

static void
mount_at (Pipeline *pipeline, const char *kind)
{
  g_autofree char *path = g_build_filename (pipeline->source, kind, NULL);

  g_assert_cmpint (mkdir (path, 0755), ==, 0);
  g_assert_cmpint (mount (kind, path, kind, 0, NULL), ==, 0);
}

static void
unmount_at (const char *parent, const char *kind)
{
  g_autofree char *path = g_build_filename (parent, kind, NULL);

  g_assert_cmpint (umount (path), ==, 0);
}

static void
test_mounts (void)
{
  Pipeline pipeline;
  g_autoptr (ObNode) node = NULL;
  ObFileBackupStats stats;
  ObFileRestoreStats restored;

  if (geteuid () != 0)
    {
      g_test_skip ("only root can mount");
      return;
    }
  if (!broken_call_begin_process ())
    return;
  g_assert_cmpint (unshare (CLONE_NEWNS), ==, 0);
  g_assert_cmpint (mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
  pipeline_set_up (&pipeline, NULL);
  mount_at (&pipeline, "tmpfs");
  mount_at (&pipeline, "proc");
  pipeline_write (&pipeline, "tmpfs/kept", "content", 7);
  node = pipeline_backup (&pipeline, NULL, NULL, &stats);
  g_assert_cmpuint (stats.files, ==, 1);
  g_assert_true (pipeline_has_warning (&pipeline, "proc"));
  g_assert_false (pipeline_has_warning (&pipeline, "lost"));
  pipeline_restore (&pipeline, node, &restored);
  g_assert_cmpint (faccessat (pipeline.target_fd, "tmpfs/kept", R_OK, 0), ==, 0);
  g_assert_cmpint (faccessat (pipeline.target_fd, "proc", R_OK, 0), ==, 0);
  g_assert_cmpint (faccessat (pipeline.target_fd, "proc/self", R_OK, 0), !=, 0);
  unmount_at (pipeline.source, "tmpfs");
  unmount_at (pipeline.source, "proc");
  pipeline_tear_down (&pipeline, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mounts", test_mounts);
  return g_test_run ();
}
