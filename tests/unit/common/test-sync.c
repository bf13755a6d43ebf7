/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "fixture.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-sync.h"

static int
open_directory (Fixture *fixture)
{
  g_autofree char *path = fixture_path (fixture, ".");

  return open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void
test_sync (Fixture *fixture, gconstpointer data)
{
  ob_autofd int fd = open_directory (fixture);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  guint n_fds = fixture_count_fds ();

  fixture_write (fixture, "file", "text");
  g_assert_true (ob_sync_file_system (fd, cancellable, &error));
  g_assert_no_error (error);
  g_assert_true (ob_sync_file_system (fd, NULL, &error));
  g_assert_no_error (error);
  /* The thread lets go of its descriptors a moment after it has told of the end. */
  while (fixture_count_fds () > n_fds)
    g_thread_yield ();
}

static void
test_cancelled (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  ob_autofd int fd = open_directory (fixture);

  g_cancellable_cancel (cancellable);
  /* Either came first; neither is waited for beyond the other. */
  if (!ob_sync_file_system (fd, cancellable, &error))
    g_assert_ob_error (error, OB_ERROR_CANCELLED);
  g_clear_error (&error);

  g_assert_false (ob_sync_file_system (-1, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_FAILED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/sync/sync", Fixture, NULL, fixture_set_up, test_sync, fixture_tear_down);
  g_test_add ("/sync/cancelled", Fixture, NULL, fixture_set_up, test_cancelled, fixture_tear_down);
  return g_test_run ();
}
