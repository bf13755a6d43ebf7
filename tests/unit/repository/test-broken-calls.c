/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A system call that a backup or a restore of files needs fails every time: what is lost by it
 * is told, and the rest is done; or all of it fails, with the reason. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "broken-call.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "pipeline-fixture.h"

#define SIZE (100 * 1024)

typedef struct
{
  const char *name;
  guint call;
  int errnum;
  gboolean of_restore;
  const char *warning; /* that is raised; NULL: it fails */
} Case;

static const Case cases[] = {
  { "list-attributes", SYS_flistxattr, EIO, FALSE, "lost: " },
  { "list-attributes-of-links", SYS_llistxattr, EIO, FALSE, "lost: " },
  { "attributes", SYS_fgetxattr, EIO, FALSE, "lost: " },
  { "links", SYS_readlinkat, EIO, FALSE, "lost: " },
  { "content", SYS_pread64, EIO, FALSE, "lost: " },
  { "owner", SYS_fchown, EPERM, TRUE, "owner" },
  { "owner-of-links", SYS_fchownat, EPERM, TRUE, "owner" },
  { "mode", SYS_fchmod, EPERM, TRUE, "mode" },
  { "mode-of-special", SYS_chmod, EPERM, TRUE, "mode" },
  { "time", SYS_utimensat, EPERM, TRUE, "time" },
  { "set-attributes", SYS_fsetxattr, EIO, TRUE, "user.a" },
  { "devices", SYS_mknodat, EPERM, TRUE, "device" },
  { "special", SYS_mknodat, EIO, TRUE, NULL },
  { "symbolic-links", SYS_symlinkat, EIO, TRUE, NULL },
  { "hard-links", SYS_linkat, EIO, TRUE, NULL },
  { "directories", SYS_mkdirat, EIO, TRUE, NULL },
  { "size", SYS_ftruncate, EIO, TRUE, NULL },
  { "writing", SYS_pwrite64, EIO, TRUE, NULL },
};

static void
fill (Pipeline *pipeline)
{
  g_autofree guint8 *data = make_random (SIZE, 1);
  ob_autofd int fd = -1;

  pipeline_write (pipeline, "f", data, SIZE);
  fd = openat (pipeline->source_fd, "f", O_RDWR | O_CLOEXEC);
  g_assert_cmpint (ftruncate (fd, 4 * SIZE), ==, 0);
  g_assert_cmpint (fsetxattr (fd, "user.a", "b", 1, 0), ==, 0);
  g_assert_cmpint (linkat (pipeline->source_fd, "f", pipeline->source_fd, "h", 0), ==, 0);
  g_assert_cmpint (symlinkat ("f", pipeline->source_fd, "s"), ==, 0);
  g_assert_cmpint (mkdirat (pipeline->source_fd, "d", 0755), ==, 0);
  pipeline_write (pipeline, "d/g", data, SIZE / 2);
  g_assert_cmpint (mkfifoat (pipeline->source_fd, "p", 0600), ==, 0);
  g_assert_cmpint (mknodat (pipeline->source_fd, "c", S_IFCHR | 0600, makedev (1, 3)), ==, 0);
}

static void
test_case (gconstpointer data)
{
  const Case *one = data;
  Pipeline pipeline;
  g_autoptr (ObNode) node = NULL;
  g_autoptr (GError) error = NULL;
  ObFileBackupStats stats;
  ObFileRestoreStats restore_stats;
  gboolean done;

  if (geteuid () != 0)
    {
      g_test_skip ("only root can make a device");
      return;
    }
  if (!broken_call_begin_process ())
    return;
  pipeline_set_up (&pipeline, NULL);
  fill (&pipeline);
  if (one->of_restore)
    {
      node = pipeline_backup (&pipeline, NULL, NULL, &stats);
      broken_call (one->call, (guint) one->errnum);
      done = ob_file_restore_run (pipeline.core.repository, node, pipeline.target_fd,
                                  pipeline.target, FALSE, 2, pipeline.progress, &restore_stats,
                                  NULL, &error);
    }
  else
    {
      broken_call (one->call, (guint) one->errnum);
      node = pipeline_backup (&pipeline, NULL, NULL, &stats);
      done = node != NULL;
    }
  for (guint i = 0; i < pipeline.warnings->len; i++)
    g_test_message ("%s", (char *) g_ptr_array_index (pipeline.warnings, i));
  g_assert_true (done == (error == NULL));
  g_assert_true (done == (one->warning != NULL));
  if (done)
    g_assert_true (pipeline_has_warning (&pipeline, one->warning));
  else
    {
      g_test_message ("%s", error->message);
      g_assert_true (error->domain == OB_ERROR);
      g_assert_nonnull (strstr (error->message, g_strerror (one->errnum)));
    }
  pipeline_tear_down (&pipeline, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/broken-calls/", cases[i].name, NULL);

      g_test_add_data_func (path, &cases[i], test_case);
    }
  return g_test_run ();
}
