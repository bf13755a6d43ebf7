/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixture.h"
#include "ob-error.h"
#include "ob-space-guard.h"

#define KIB ((guint64) 1024)

static void
wait_for_cancel (GCancellable *cancellable)
{
  GPollFD fd = { 0 };

  g_assert_true (g_cancellable_make_pollfd (cancellable, &fd));
  fd.events = G_IO_IN;
  g_assert_cmpint (g_poll (&fd, 1, 10 * 1000), ==, 1);
  g_cancellable_release_fd (cancellable);
}

/* Strikes when the floor is reached, and not before. */
static void
test_strikes (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *path = fixture_path (fixture, "small");
  g_autofree char *text = g_strnfill (300 * KIB, 'x');
  g_autoptr (ObSpaceGuard) guard = NULL;

  if (!fixture_begin_mounts (fixture))
    return;
  fixture_mount_tmpfs (fixture, "small", "size=512k");
  guard = ob_space_guard_new (path, 256 * KIB, 256 * KIB, cancellable);
  g_assert_nonnull (guard);
  g_usleep (500 * 1000); /* two looks of the guard */
  g_assert_false (g_cancellable_is_cancelled (cancellable));
  g_assert_false (ob_space_guard_has_struck (guard, "It", &error));
  g_assert_no_error (error);

  fixture_write (fixture, "small/much", text);
  wait_for_cancel (cancellable);
  g_assert_true (ob_space_guard_has_struck (guard, "It", &error));
  g_assert_ob_error (error, OB_ERROR_NO_SPACE);
  g_assert_message (error, path);
}

/* What is needed has to be there above the floor; the message has all three numbers. */
static void
test_check (Fixture *fixture, gconstpointer data)
{
  const guint64 mib = 1024 * KIB;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = fixture_path (fixture, "small");

  if (!fixture_begin_mounts (fixture))
    return;
  fixture_mount_tmpfs (fixture, "small", "size=40m");
  g_assert_true (ob_space_check (path, 32 * mib, 64 * mib, 8 * mib, "It", &error));
  g_assert_no_error (error);
  g_assert_false (ob_space_check (path, 32 * mib, 64 * mib, 8 * mib + 1, "It", &error));
  g_assert_ob_error (error, OB_ERROR_NO_SPACE);
  g_assert_message (error, path);
  g_assert_message (error, "9 MiB");
  g_assert_message (error, "40 MiB left");
  g_assert_message (error, "32 MiB");
  g_clear_error (&error);
  g_assert_false (ob_space_check (path, 48 * mib, 64 * mib, 0, "It", NULL));
  g_assert_false (ob_space_check (path, 1, 1, G_MAXUINT64, "It", NULL));
  g_assert_true (ob_space_check ("/no/such/directory", 1, 1, G_MAXUINT64, "It", NULL));
}

static void
test_nothing (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_assert_null (ob_space_guard_new ("/no/such/directory", 0, 0, cancellable));
  g_assert_false (ob_space_guard_has_struck (NULL, "It", &error));
  g_assert_no_error (error);
  ob_space_guard_free (NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/space-guard/strikes", Fixture, NULL, fixture_set_up, test_strikes,
              fixture_tear_down);
  g_test_add ("/space-guard/check", Fixture, NULL, fixture_set_up, test_check,
              fixture_tear_down);
  g_test_add ("/space-guard/nothing", Fixture, NULL, fixture_set_up, test_nothing,
              fixture_tear_down);
  return g_test_run ();
}
