/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fuzz-directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-io.h"

static char *directory;
static int directory_fd = -1;

static void
remove_directory (void)
{
  close (directory_fd);
  ob_remove_tree_at (AT_FDCWD, directory, NULL, NULL);
  g_free (g_steal_pointer (&directory));
}

const char *
fuzz_directory_get_path (void)
{
  const char *parent = g_file_test ("/dev/shm", G_FILE_TEST_IS_DIR) ? "/dev/shm" : "/tmp";

  if (directory != NULL)
    return directory;
  directory = g_strdup_printf ("%s/obbackup-fuzz-XXXXXX", parent);
  g_assert_nonnull (g_mkdtemp (directory));
  directory_fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint (directory_fd, >=, 0);
  atexit (remove_directory);
  return directory;
}

int
fuzz_directory_get_fd (void)
{
  fuzz_directory_get_path ();
  return directory_fd;
}

void
fuzz_directory_write (const char *name, const void *data, gsize size)
{
  int fd = openat (fuzz_directory_get_fd (), name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, data, size), ==, (gssize) size);
  close (fd);
}

void
fuzz_directory_make (const char *name)
{
  g_assert_true (mkdirat (fuzz_directory_get_fd (), name, 0700) == 0 || errno == EEXIST);
}
