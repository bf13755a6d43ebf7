/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-deadline.h"

#define MS (G_USEC_PER_SEC / 1000)

/* Waits for it, a minute at most; microseconds. */
static gint64
wait_for (GCancellable *cancellable)
{
  gint64 began = g_get_monotonic_time ();

  while (!g_cancellable_is_cancelled (cancellable)
         && g_get_monotonic_time () - began < 60 * G_USEC_PER_SEC)
    g_usleep (MS);
  return g_get_monotonic_time () - began;
}

static void
test_passes (void)
{
  gint64 began = g_get_monotonic_time ();
  g_autoptr (ObDeadline) deadline = ob_deadline_new (300, NULL);
  GCancellable *cancellable = ob_deadline_get_cancellable (deadline);

  g_assert_false (g_cancellable_is_cancelled (cancellable));
  wait_for (cancellable);
  g_assert_true (g_cancellable_is_cancelled (cancellable));
  g_assert_cmpint (g_get_monotonic_time () - began, >=, 300 * MS);
}

/* Whoever is done before need not wait for it. */
static void
test_freed (void)
{
  gint64 began = g_get_monotonic_time ();
  ObDeadline *deadline = ob_deadline_new (60 * 1000, NULL);
  g_autoptr (GCancellable) cancellable = g_object_ref (ob_deadline_get_cancellable (deadline));

  ob_deadline_free (deadline);
  g_assert_cmpint (g_get_monotonic_time () - began, <, 30 * G_USEC_PER_SEC);
  g_assert_false (g_cancellable_is_cancelled (cancellable));
}

static void
test_with_another (void)
{
  g_autoptr (GCancellable) other = g_cancellable_new ();
  g_autoptr (ObDeadline) deadline = ob_deadline_new (60 * 1000, other);

  g_assert_cmpint (ob_deadline_get_left (deadline), >, 30 * G_USEC_PER_SEC);
  g_cancellable_cancel (other);
  g_assert_true (g_cancellable_is_cancelled (ob_deadline_get_cancellable (deadline)));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/deadline/passes", test_passes);
  g_test_add_func ("/deadline/freed", test_freed);
  g_test_add_func ("/deadline/with-another", test_with_another);
  return g_test_run ();
}
